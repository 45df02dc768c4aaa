//! What is minimised.

mod check;
mod function;
pub mod functions;
mod landscape;
mod pass;
mod penalty;
mod risk;
mod stream;

pub use check::{GradientCheck, check_gradient};
pub use function::Function;
pub use landscape::{Landscape, Plane};
pub use penalty::Penalized;
pub use risk::{EmpiricalRisk, Measured};
pub use stream::StreamRisk;

use rand::Rng;

use crate::{Error, Gradient, Memo, Params, Scalar, data::Batch, loss::Reduction, train::Record};

/// What is minimised: the mean of terms, `L(θ) = mean_i ℓ_i(θ)`, or by its [`reduction`](Objective::reduction) their sum.
///
/// A data set with a model and a loss is one ([`EmpiricalRisk`]); so is any function with a gradient ([`Function`]), of
/// one term. Value and gradient come from one call, into a buffer that the caller owns.
pub trait Objective<F: Scalar> {
    /// The number of terms.
    fn terms(&self) -> usize {
        1
    }

    /// Whether each term is a batch already ([`StreamRisk`]): then a step sees one of them, in order, whatever batch the
    /// optimiser would like.
    fn is_stream(&self) -> bool {
        false
    }

    /// Tells which epoch, counted from 0, the next steps belong to. Called at the start of each, and where a run is
    /// continued.
    fn start_epoch(&mut self, epoch: u64) {
        let _ = epoch;
    }

    /// Whether the value of a batch is the mean of its terms or their sum.
    fn reduction(&self) -> Reduction {
        Reduction::Mean
    }

    /// The parameters before the first step.
    fn start(&self, rng: &mut dyn Rng) -> Params<F>;

    /// Checks everything once, and makes room for batches of up to `rows` terms. Called before the first step.
    ///
    /// # Errors
    /// Whatever does not fit together.
    fn prepare(&mut self, rows: usize) -> Result<(), Error> {
        let _ = rows;
        Ok(())
    }

    /// The value of a batch, and its gradient, **written** into `gradient`.
    ///
    /// # Errors
    /// For what goes wrong outside the arithmetic, such as reading data. A NaN is a value, not an error.
    fn value_and_gradient(
        &mut self,
        params: &Params<F>,
        batch: &Batch<'_>,
        gradient: &mut Gradient<F>,
    ) -> Result<F, Error>;

    /// Makes steps of plain descent, `w ← w − η g`, each on one term: the first terms of `terms`, one for each of `rates`. Writes
    /// the value of each, as it is before its step, and gives the number of steps made; `None` if it knows no quicker way than
    /// [`Objective::value_and_gradient`] term by term, to whose bits it must come. A term whose value or gradient is not finite,
    /// or whose weight in a mean is not 1, is left with all that follow it.
    ///
    /// Asked by a trainer whose rule has no memory, where nothing is to be done between steps, after [`Objective::prepare`];
    /// `terms` are those of the rest of the epoch. `None` counts for the whole run, `Some(0)` for the next step. Default: `None`.
    fn descend(
        &mut self,
        params: &mut Params<F>,
        terms: &Batch<'_>,
        rates: &[F],
        values: &mut [F],
    ) -> Option<usize> {
        let _ = (params, terms, rates, values);
        None
    }

    /// Asks for the memory of terms that are soon needed, which changes nothing but the time it takes to read them. Default:
    /// nothing.
    fn prefetch(&self, terms: &[usize]) {
        let _ = terms;
    }

    /// Whether a batch touches few of the parameters, so that a [sparse gradient](Gradient::sparse) is worth while.
    /// Default: no.
    fn is_sparse(&self) -> bool {
        false
    }

    /// Clears the gradient and touches in it the rows of the parameters on which the value of a batch depends, for an
    /// objective that [is sparse](Objective::is_sparse).
    ///
    /// # Errors
    /// As [`Objective::value_and_gradient`].
    fn touch(&mut self, batch: &Batch<'_>, gradient: &mut Gradient<F>) -> Result<(), Error> {
        let _ = (batch, gradient);
        Ok(())
    }

    /// What a batch weighs in a mean over several: the number of its terms, or the sum of their weights as its value was
    /// divided by it. Asked after [`Objective::value_and_gradient`] of the same batch.
    fn weight(&self, batch: &Batch<'_>) -> f64 {
        batch.len() as f64
    }

    /// What it is, in words, for a report: names and values. Default: nothing.
    fn describe(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The names of the metrics that [`Objective::evaluate`] reports.
    fn metrics(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether [`Objective::evaluate`] reports a validation loss.
    fn has_validation(&self) -> bool {
        false
    }

    /// Adds the validation loss and the metrics to a record, in which the metrics stand by their names.
    ///
    /// # Errors
    /// As [`Objective::value_and_gradient`].
    fn evaluate(&mut self, params: &Params<F>, record: &mut Record) -> Result<(), Error> {
        let _ = (params, record);
        Ok(())
    }

    /// Hands over what it has learnt during the run, to be saved. Default: nothing.
    fn save(&self, memo: &mut Memo) {
        let _ = memo;
    }

    /// Takes back what [`Objective::save`] handed over.
    ///
    /// # Errors
    /// [`Error::Malformed`] if something is missing.
    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        let _ = memo;
        Ok(())
    }
}

/// An objective that is lent is one, and can be used again afterwards.
impl<F: Scalar, O: Objective<F> + ?Sized> Objective<F> for &mut O {
    fn terms(&self) -> usize {
        (**self).terms()
    }

    fn is_stream(&self) -> bool {
        (**self).is_stream()
    }

    fn start_epoch(&mut self, epoch: u64) {
        (**self).start_epoch(epoch);
    }

    fn reduction(&self) -> Reduction {
        (**self).reduction()
    }

    fn start(&self, rng: &mut dyn Rng) -> Params<F> {
        (**self).start(rng)
    }

    fn prepare(&mut self, rows: usize) -> Result<(), Error> {
        (**self).prepare(rows)
    }

    #[inline]
    fn value_and_gradient(
        &mut self,
        params: &Params<F>,
        batch: &Batch<'_>,
        gradient: &mut Gradient<F>,
    ) -> Result<F, Error> {
        (**self).value_and_gradient(params, batch, gradient)
    }

    fn descend(
        &mut self,
        params: &mut Params<F>,
        terms: &Batch<'_>,
        rates: &[F],
        values: &mut [F],
    ) -> Option<usize> {
        (**self).descend(params, terms, rates, values)
    }

    #[inline]
    fn prefetch(&self, terms: &[usize]) {
        (**self).prefetch(terms);
    }

    fn is_sparse(&self) -> bool {
        (**self).is_sparse()
    }

    fn touch(&mut self, batch: &Batch<'_>, gradient: &mut Gradient<F>) -> Result<(), Error> {
        (**self).touch(batch, gradient)
    }

    fn weight(&self, batch: &Batch<'_>) -> f64 {
        (**self).weight(batch)
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        (**self).describe()
    }

    fn metrics(&self) -> Vec<String> {
        (**self).metrics()
    }

    fn has_validation(&self) -> bool {
        (**self).has_validation()
    }

    fn evaluate(&mut self, params: &Params<F>, record: &mut Record) -> Result<(), Error> {
        (**self).evaluate(params, record)
    }

    fn save(&self, memo: &mut Memo) {
        (**self).save(memo);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        (**self).load(memo)
    }
}
