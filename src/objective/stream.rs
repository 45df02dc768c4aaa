//! The mean loss of a model over batches that come one after the other.

use rand::Rng;

use super::{EmpiricalRisk, Objective, pass::Pass};
use crate::{
    Error, Gradient, Loss, Model, Params, Scalar,
    data::{Batch, Samples, Stream},
    error::check,
    loss::Reduction,
    train::Record,
};

/// The mean loss of a model over a stream of batches: for data that do not fit into memory, or have no end.
///
/// The stream decides what a step sees: each step takes its next batch, of whatever size, and an epoch is so many batches.
/// [`Trainer::batch`](crate::Trainer::batch) is refused, the order and the batch of the optimiser have no meaning. Batches
/// are checked as they come. A step over sparse batches costs as much as they have entries.
///
/// ```
/// use downhill::{Dataset, EmpiricalRisk, Trainer, data::Stream, loss::MeanSquaredError, model::Linear,
///     objective::StreamRisk, optim::Adam};
/// use downhill::ndarray::{Array1, Array2, array};
/// use downhill::rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};
///
/// // y = 2x + 1, observed at ever new places: a stream without an end.
/// let stream = Stream::new(|number, (x, y): &mut (Array2<f64>, Array1<f64>)| {
///     let mut random = ChaCha12Rng::seed_from_u64(number);
///     *x = Array2::from_shape_simple_fn((16, 1), || random.random_range(-1.0..1.0));
///     *y = x.column(0).mapv(|x| 2.0 * x + 1.0);
///     Ok(())
/// });
/// let model = Linear::new(1, 1)?;
/// let (x, y) = (array![[0.0], [1.0]], array![1.0, 3.0]);
/// let held_out = Dataset::new(&x, &y)?;
///
/// let risk = StreamRisk::new(&model, &MeanSquaredError, stream.prefetch(2), 100)
///     .validation(EmpiricalRisk::new(&model, &MeanSquaredError, &held_out));
/// let run = Trainer::new(Adam::new()).learning_rate(0.05).epochs(5).minimize(risk)?;
/// assert_eq!(run.steps, 500);
/// assert!(run.best.value < 1e-6);
/// # Ok::<(), downhill::Error>(())
/// ```
pub struct StreamRisk<'a, F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L> {
    pass: Pass<'a, F, X, M, L>,
    stream: Stream<'a, (X, Y)>,
    batches_per_epoch: usize,
    /// The number of the first batch of this epoch.
    first: u64,
    validation: Option<EmpiricalRisk<'a, F, X, Y, M, L>>,
}

impl<F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L> std::fmt::Debug for StreamRisk<'_, F, X, Y, M, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamRisk")
            .field("stream", &self.stream)
            .field("batches_per_epoch", &self.batches_per_epoch)
            .field("validation", &self.validation)
            .finish_non_exhaustive()
    }
}

impl<'a, F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L: Loss<F, Y>> StreamRisk<'a, F, X, Y, M, L> {
    /// The mean loss of `model` over each batch of inputs and targets; `batches_per_epoch` of them, at least 1, are an epoch.
    pub fn new(model: &'a M, loss: &'a L, stream: Stream<'a, (X, Y)>, batches_per_epoch: usize) -> Self {
        Self {
            pass: Pass::new(model, loss),
            stream,
            batches_per_epoch,
            first: 0,
            validation: None,
        }
    }

    /// Evaluates this loss, and its metrics, by default after every epoch. What it says of a validation set of its own is not asked.
    #[must_use]
    pub fn validation(mut self, risk: EmpiricalRisk<'a, F, X, Y, M, L>) -> Self {
        self.validation = Some(risk);
        self
    }

    /// Mean or sum over the rows of a batch. Default: [`Reduction::Mean`].
    #[must_use]
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.pass.reduction = reduction;
        self
    }

    /// Makes this batch the stream's current one, and checks it.
    fn fetch(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let place = match batch {
            Batch::Range(range) if range.len() == 1 => range.start,
            Batch::Rows([place]) => *place,
            _ => {
                return Err(Error::invalid(
                    "batch",
                    format!("{} batches of a stream", batch.len()),
                    "one of them",
                ));
            }
        };
        let (inputs, targets) = self.stream.batch(self.first + place as u64)?;
        let (inputs, targets) = (inputs.view(), targets.view());
        let (rows, labels) = (X::count(&inputs), Y::count(&targets));
        if rows == 0 {
            return Err(Error::empty("a batch of the stream"));
        }
        if rows != labels {
            return Err(Error::shape("targets (rows)", &[labels], &[rows]));
        }
        self.pass.check::<Y>(&inputs, &targets)
    }
}

impl<F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L: Loss<F, Y>> Objective<F>
    for StreamRisk<'_, F, X, Y, M, L>
{
    /// A term is a batch.
    fn terms(&self) -> usize {
        self.batches_per_epoch
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn start_epoch(&mut self, epoch: u64) {
        self.first = epoch.saturating_mul(self.batches_per_epoch as u64);
    }

    fn reduction(&self) -> Reduction {
        self.pass.reduction
    }

    fn start(&self, rng: &mut dyn Rng) -> Params<F> {
        self.pass.start(rng)
    }

    fn prepare(&mut self, rows: usize) -> Result<(), Error> {
        let batches = self.batches_per_epoch;
        check::require(batches > 0, "batches_per_epoch", batches, "at least 1")?;
        match &mut self.validation {
            Some(validation) => validation.prepare(rows),
            None => Ok(()),
        }
    }

    fn value_and_gradient(
        &mut self,
        params: &Params<F>,
        batch: &Batch<'_>,
        gradient: &mut Gradient<F>,
    ) -> Result<F, Error> {
        self.fetch(batch)?;
        let (inputs, targets) = self.stream.current();
        let (inputs, targets) = (inputs.view(), targets.view());
        let rows = X::count(&inputs);
        self.pass.reserve(rows);
        Ok(self
            .pass
            .value_and_gradient::<Y>(params, (inputs, targets, None), gradient))
    }

    fn is_sparse(&self) -> bool {
        self.pass.model.is_sparse()
    }

    fn touch(&mut self, batch: &Batch<'_>, gradient: &mut Gradient<F>) -> Result<(), Error> {
        self.fetch(batch)?;
        gradient.clear();
        let (inputs, _) = self.stream.current();
        self.pass.model.touch(&inputs.view(), gradient);
        Ok(())
    }

    fn weight(&self, _: &Batch<'_>) -> f64 {
        self.pass.weight
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let mut all = self.pass.describe();
        let validation = self.validation.as_ref().map(|risk| risk.terms());
        all.extend(validation.map(|rows| ("rows to validate on", rows.to_string())));
        all
    }

    fn metrics(&self) -> Vec<String> {
        self.validation
            .as_ref()
            .map_or_else(Vec::new, |risk| risk.metrics())
    }

    fn has_validation(&self) -> bool {
        self.validation.is_some()
    }

    fn evaluate(&mut self, params: &Params<F>, record: &mut Record) -> Result<(), Error> {
        if let Some(risk) = &mut self.validation {
            record.validation_loss = Some(risk.evaluate_on_own(params, record));
        }
        Ok(())
    }
}
