//! Penalties on the parameters.

use std::ops::Range;

use rand::Rng;

use super::Objective;
use crate::{
    Error, Gradient, Memo, Params, Scalar, data::Batch, error::check, group, loss::Reduction, train::Record,
};

/// An objective with a penalty on the size of its parameters: `L(θ) + λ₁ Σ|w| + λ₂/2 Σw²`, an elastic net.
///
/// The penalty is in the value and in the gradient, which makes small weights, but no exact zeros; for those see
/// [`Constraint::L1`](crate::train::Constraint::L1) and [`RuleExt::l1`](crate::optim::RuleExt::l1). With plain gradient
/// descent λ₂ is the same as a coupled weight decay. The slope of |w| at 0 is 0.
///
/// Where the objective is a [sum](Reduction::Sum) over its terms, not their mean, a batch bears the penalty in proportion to its
/// terms, so that all batches of an epoch together bear it once, however they are cut.
///
/// ```
/// use downhill::{Function, Trainer, objective::Penalized, optim::GradientDescent};
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * (w[0] - 3.0); (w[0] - 3.0).powi(2) });
/// // (w − 3)² + w² has its minimum at 1.5.
/// let run = Trainer::new(GradientDescent).learning_rate(0.1).steps(200).minimize(Penalized::new(square).l2(2.0))?;
/// assert!((run.params.as_slice()[0] - 1.5).abs() < 1e-9);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Penalized<O> {
    objective: O,
    pattern: String,
    l1: f64,
    l2: f64,
    ranges: Option<Vec<Range<usize>>>,
}

impl<O> Penalized<O> {
    /// Around an objective, so far without a penalty.
    pub fn new(objective: O) -> Self {
        Self {
            objective,
            pattern: "*".into(),
            l1: 0.0,
            l2: 0.0,
            ranges: None,
        }
    }

    /// Sets λ₁, at least 0. Default: 0.
    pub fn l1(mut self, strength: f64) -> Self {
        self.l1 = strength;
        self
    }

    /// Sets λ₂, at least 0. Default: 0.
    pub fn l2(mut self, strength: f64) -> Self {
        self.l2 = strength;
        self
    }

    /// Penalises only the tensors whose names match a pattern, as in [`Group`](crate::Group). Default: all.
    pub fn on(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = pattern.into();
        self.ranges = None;
        self
    }
}

impl<F: Scalar, O: Objective<F>> Objective<F> for Penalized<O> {
    fn terms(&self) -> usize {
        self.objective.terms()
    }

    fn is_stream(&self) -> bool {
        self.objective.is_stream()
    }

    fn start_epoch(&mut self, epoch: u64) {
        self.objective.start_epoch(epoch);
    }

    fn reduction(&self) -> Reduction {
        self.objective.reduction()
    }

    fn start(&self, rng: &mut dyn Rng) -> Params<F> {
        self.objective.start(rng)
    }

    fn prepare(&mut self, rows: usize) -> Result<(), Error> {
        check::non_negative("l1 of Penalized", self.l1)?;
        check::non_negative("l2 of Penalized", self.l2)?;
        self.objective.prepare(rows)
    }

    fn value_and_gradient(
        &mut self,
        params: &Params<F>,
        batch: &Batch<'_>,
        gradient: &mut Gradient<F>,
    ) -> Result<F, Error> {
        let ranges = match &self.ranges {
            Some(ranges) => ranges,
            None => {
                let tensors = params.layout().tensors().iter();
                let found: Vec<_> = tensors
                    .filter(|tensor| group::matches(&self.pattern, tensor.name()))
                    .map(|tensor| tensor.range())
                    .collect();
                if found.is_empty() {
                    return Err(params.layout().unknown(&self.pattern));
                }
                self.ranges.insert(found)
            }
        };
        let mut value = self.objective.value_and_gradient(params, batch, gradient)?;
        let share = match self.objective.reduction() {
            Reduction::Mean | Reduction::BatchMean | Reduction::UnweightedMean => 1.0,
            Reduction::Sum => batch.len() as f64 / self.objective.terms() as f64,
        };
        let (l1, l2, half) = (F::of(share * self.l1), F::of(share * self.l2), F::of(0.5));
        for range in ranges {
            let pairs = params.as_slice()[range.clone()]
                .iter()
                .zip(&mut gradient.as_mut_slice()[range.clone()]);
            for (&weight, g) in pairs {
                let sign = if weight == F::zero() {
                    F::zero()
                } else {
                    weight.signum()
                };
                *g += l1 * sign + l2 * weight;
                value += l1 * weight.abs() + half * l2 * weight * weight;
            }
        }
        Ok(value)
    }

    fn prefetch(&self, terms: &[usize]) {
        self.objective.prefetch(terms);
    }

    fn weight(&self, batch: &Batch<'_>) -> f64 {
        self.objective.weight(batch)
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let mut all = self.objective.describe();
        let penalty = format!("l1 {}, l2 {} on {:?}", self.l1, self.l2, self.pattern);
        all.push(("penalty", penalty));
        all
    }

    fn metrics(&self) -> Vec<String> {
        self.objective.metrics()
    }

    fn has_validation(&self) -> bool {
        self.objective.has_validation()
    }

    fn evaluate(&mut self, params: &Params<F>, record: &mut Record) -> Result<(), Error> {
        self.objective.evaluate(params, record)
    }

    fn save(&self, memo: &mut Memo) {
        self.objective.save(memo);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        self.objective.load(memo)
    }
}
