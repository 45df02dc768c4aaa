//! Plain gradient descent: one rule, three batches.

use super::{Buffer, Moment, Rule};
use crate::{Error, Scalar, data::BatchSize, error::check};

/// Gradient descent: `w ← w − η g`, with `g` the gradient over the **whole** data set.
///
/// Default learning rate 0.01. In PyTorch: `torch.optim.SGD(lr=0.01)` on the loss of all data.
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent};
/// // (w − 3)², from w = 0.
/// let square = Function::new(vec![0.0], |w: &[f64], g: &mut [f64]| {
///     g[0] = 2.0 * (w[0] - 3.0);
///     (w[0] - 3.0).powi(2)
/// });
/// let run = Trainer::new(GradientDescent).learning_rate(0.1).steps(100).minimize(square)?;
/// assert!((run.params.as_slice()[0] - 3.0).abs() < 1e-6);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: A. Cauchy, *Méthode générale pour la résolution des systèmes d'équations simultanées* (1847).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GradientDescent;

/// Stochastic gradient descent: `w ← w − η g`, with `g` the gradient of **one** item.
///
/// Default learning rate 0.01. The rule is that of [`GradientDescent`]; what differs is what a step sees.
/// PyTorch's `torch.optim.SGD` sees what the data loader gives it: that is [`MiniBatchSgd`].
///
/// A [`Trainer`](crate::Trainer) makes up to 64 steps in one go, to the same bits, where a linear model with one output learns
/// by a loss of single numbers and nobody has to be asked or told between steps: no callback that
/// [hears steps](crate::train::Callback::hears_steps), no schedule that follows a metric, nothing around the step such as
/// clipping, groups or averages.
///
/// ```
/// use downhill::{BatchSize, optim::{Optimizer, Sgd}};
/// assert_eq!(Optimizer::<f64>::batch(&Sgd), Some(BatchSize::Single));
/// ```
///
/// Source: H. Robbins and S. Monro, *A Stochastic Approximation Method* (1951).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sgd;

/// Mini-batch stochastic gradient descent: `w ← w − η g`, with `g` the mean gradient over **b** items.
///
/// Default learning rate 0.01. In PyTorch: `torch.optim.SGD(lr=0.01)` with a loader of batch size b.
///
/// ```
/// use downhill::{BatchSize, optim::{MiniBatchSgd, Optimizer}};
/// assert_eq!(Optimizer::<f64>::batch(&MiniBatchSgd::new(32)), Some(BatchSize::Mini(32)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiniBatchSgd {
    batch: usize,
}

impl MiniBatchSgd {
    /// With batches of `batch` items, at least 1. The last batch of an epoch may be smaller.
    #[must_use]
    pub fn new(batch: usize) -> Self {
        Self { batch }
    }
}

macro_rules! plain_rule {
    ($type:ty, $name:literal, $batch:expr) => {
        impl<F: Scalar> Rule<F> for $type {
            type Slots = [F; 0];
            type Coefficients = F;
            const RESTS: bool = true;

            fn name(&self) -> &'static str {
                $name
            }

            fn default_rate(&self) -> f64 {
                0.01
            }

            fn buffers(&self) -> Vec<Buffer> {
                Vec::new()
            }

            fn batch(&self) -> Option<BatchSize> {
                let batch: fn(&Self) -> BatchSize = $batch;
                Some(batch(self))
            }

            fn validate(&self) -> Result<(), Error> {
                match Rule::<F>::batch(self) {
                    Some(BatchSize::Mini(batch)) => check::require(batch > 0, "batch", batch, "at least 1"),
                    _ => Ok(()),
                }
            }

            fn coefficients(&self, now: Moment) -> F {
                F::of(now.learning_rate)
            }

            #[inline(always)]
            fn update(rate: &F, weight: &mut F, gradient: F, _: &mut [F; 0]) {
                *weight -= *rate * gradient;
            }

            fn plain_rate(rate: &F) -> Option<F> {
                Some(*rate)
            }
        }
    };
}

plain_rule!(GradientDescent, "gradient-descent", |_| BatchSize::Full);
plain_rule!(Sgd, "sgd", |_| BatchSize::Single);
plain_rule!(MiniBatchSgd, "mini-batch-sgd", |rule| BatchSize::Mini(rule.batch));
