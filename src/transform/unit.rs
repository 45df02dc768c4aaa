//! Transforms of the gradient of one unit at a time.
//!
//! A unit is an output of a layer: a column of a matrix of inputs × outputs, and in general all elements that share
//! their place in the last axis. A tensor of one axis (a bias) is one unit as a whole. How many units a tensor has is the
//! length of the step from one element of a unit to the next.

use super::GradientTransform;
use crate::{Error, Gradient, Params, Scalar, TensorSpec, error::check};

/// The number of units of a tensor: neighbouring elements belong to different ones.
fn units(tensor: &TensorSpec) -> usize {
    match tensor.shape() {
        [_, .., last] => (*last).max(1),
        _ => 1,
    }
}

/// Gradient centralisation: subtracts from the gradient of each unit its mean, in tensors of two axes or more.
///
/// Units are columns, as layers here have inputs × outputs; `optax.centralize` takes the rows.
///
/// Source: H. Yong et al., arXiv 2004.01461 (2020).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Centralize;

impl<F: Scalar> GradientTransform<F> for Centralize {
    fn apply(&mut self, gradient: &mut Gradient<F>, _: &Params<F>, _: u64) {
        gradient.for_each_tensor(|tensor, values| {
            if tensor.shape().len() < 2 {
                return;
            }
            let units = units(tensor);
            let count = F::of((values.len() / units) as f64);
            for unit in 0..units {
                let mean = values.iter().skip(unit).step_by(units).copied().sum::<F>() / count;
                values
                    .iter_mut()
                    .skip(unit)
                    .step_by(units)
                    .for_each(|g| *g -= mean);
            }
        });
    }
}

/// Adaptive gradient clipping: where a unit's gradient is larger than a share of its weights, it is scaled down to that.
///
/// `g ← g · λ max(‖w‖, ε) / max(‖g‖, 1e-6)` where `‖g‖ ≥ λ max(‖w‖, ε)`, with norms over each unit. A tensor with at most one
/// axis longer than 1 is one unit. Of a tensor of three axes a unit is all that differs in the first only, an output of one
/// head of attention; of others, what shares its place in the last axis.
///
/// Equal to `optax.adaptive_grad_clip`, which refuses tensors of more than five axes.
///
/// Source: A. Brock et al., arXiv 2102.06171 (2021).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct AdaptiveClip {
    share: f64,
    epsilon: f64,
}

impl AdaptiveClip {
    /// With λ, above 0; 0.01 is the paper's for large batches. ε is 1e-3.
    pub fn new(share: f64) -> Self {
        Self { share, epsilon: 1e-3 }
    }

    /// Sets ε, the least norm that weights count with, above 0. Default: 1e-3.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl<F: Scalar> GradientTransform<F> for AdaptiveClip {
    fn validate(&self) -> Result<(), Error> {
        check::positive("share of AdaptiveClip", self.share)?;
        check::positive("epsilon of AdaptiveClip", self.epsilon)
    }

    fn apply(&mut self, gradient: &mut Gradient<F>, params: &Params<F>, _: u64) {
        gradient.for_each_tensor(|tensor, values| {
            let is_vector = tensor.shape().iter().filter(|&&len| len != 1).count() < 2;
            let units = match tensor.shape() {
                _ if is_vector => 1,
                &[_, heads, outputs] => (heads * outputs).max(1),
                _ => units(tensor),
            };
            let weights = &params.as_slice()[tensor.range()];
            for unit in 0..units {
                let norm = |values: &[F]| {
                    values
                        .iter()
                        .skip(unit)
                        .step_by(units)
                        .map(|x| x.to_f64_exact().powi(2))
                        .sum::<f64>()
                        .sqrt()
                };
                let (limit, size) = (self.share * norm(weights).max(self.epsilon), norm(values));
                if size >= limit {
                    let factor = F::of(limit / size.max(1e-6));
                    values
                        .iter_mut()
                        .skip(unit)
                        .step_by(units)
                        .for_each(|g| *g *= factor);
                }
            }
        });
    }
}
