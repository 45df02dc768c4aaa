//! How large gradients, weights and updates are.

use crate::{
    Params, Scalar,
    train::{StartEvent, StepEvent},
    transform::Norm,
};

/// The Euclidean norms of one tensor at a step.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TensorNorms {
    /// The name of the tensor.
    pub name: String,
    /// Of its gradient, as in [`StepEvent::gradient`].
    pub gradient: f64,
    /// Of its weights after the update.
    pub weights: f64,
    /// Of the update. None where the step before was not seen.
    pub update: Option<f64>,
}

impl TensorNorms {
    /// The update's share of the weights: about 0.001 in a healthy run. None where the update is not known or the weights
    /// are all zero.
    pub fn update_ratio(&self) -> Option<f64> {
        self.update
            .map(|update| update / self.weights)
            .filter(|ratio| ratio.is_finite())
    }
}

/// Measures the norms of gradient, weights and update of every tensor, once in so many steps.
///
/// Costs a copy of the weights in the step before, and a pass over weights and gradient. Of the very first step the update
/// is not known, unless [`Norms::start`] has been told of the parameters. The logs measure them on request.
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, train::Norms};
///
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let mut norms = Norms::every(5);
/// let mut seen = Vec::new();
/// Trainer::new(GradientDescent)
///     .learning_rate(0.25)
///     .steps(10)
///     .on_step(|event| seen.extend(norms.measure(event).iter().map(|tensor| tensor.update_ratio())))
///     .minimize(square)?;
/// assert_eq!(seen, [Some(1.0), Some(1.0)]);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Norms {
    every: u64,
    /// The weights after step number `at`.
    before: Vec<f64>,
    at: u64,
    measured: Vec<TensorNorms>,
}

impl Norms {
    /// Once in so many steps; never, if 0.
    pub fn every(steps: u64) -> Self {
        Self {
            every: steps,
            before: Vec::new(),
            at: u64::MAX,
            measured: Vec::new(),
        }
    }

    /// Before the first step.
    pub fn start<F: Scalar>(&mut self, event: &StartEvent<'_, F>) {
        self.keep(event.params, event.step);
    }

    /// After every step. Empty, unless it is one to measure.
    pub fn measure<F: Scalar>(&mut self, event: &StepEvent<'_, F>) -> &[TensorNorms] {
        let due = event.step.is_multiple_of(self.every);
        if due {
            self.take(event);
        }
        self.keep(event.params, event.step);
        if due { &self.measured } else { &[] }
    }

    fn take<F: Scalar>(&mut self, event: &StepEvent<'_, F>) {
        let tensors = event.params.layout().tensors();
        if self.measured.len() != tensors.len() {
            self.measured = tensors
                .iter()
                .map(|tensor| TensorNorms {
                    name: tensor.name().into(),
                    gradient: 0.0,
                    weights: 0.0,
                    update: None,
                })
                .collect();
        }
        let known = self.at.wrapping_add(1) == event.step;
        for (norms, tensor) in self.measured.iter_mut().zip(tensors) {
            let range = tensor.range();
            let (Some(weights), Some(gradient)) = (
                event.params.as_slice().get(range.clone()),
                event.gradient.as_slice().get(range.clone()),
            ) else {
                continue;
            };
            norms.gradient = Norm::L2.of(gradient);
            norms.weights = Norm::L2.of(weights);
            norms.update = self.before.get(range).filter(|_| known).map(|before| {
                let squares = weights
                    .iter()
                    .zip(before)
                    .map(|(w, b)| (w.to_f64_exact() - b).powi(2));
                squares.sum::<f64>().sqrt()
            });
        }
    }

    /// Keeps the weights where the next step is one to measure.
    fn keep<F: Scalar>(&mut self, params: &Params<F>, step: u64) {
        if self.every > 0 && (step + 1).is_multiple_of(self.every) {
            self.before.clear();
            self.before
                .extend(params.as_slice().iter().map(|w| w.to_f64_exact()));
            self.at = step;
        }
    }
}
