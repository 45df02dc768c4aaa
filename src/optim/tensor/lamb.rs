//! LAMB: Adam's step at the length of the weights.

use super::{Tensor, TensorBuffer, TensorRule};
use crate::{
    Error, Scalar,
    optim::{Moment, positive_epsilon, settings::settings},
    tensor_optimizer,
    transform::Norm,
};

settings! {
    /// LAMB: layer-wise adaptive moments, for very large batches.
    ///
    /// `u = m̂ / (√(v̂ + ε_root) + ε) + λ w` with Adam's corrected moments, and for each tensor `w ← w − η ‖w‖ / ‖u‖ · u`; the ratio is 1
    /// where either norm is 0.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-6 | ≥ 0 |
    /// | `epsilon_root` | 0 | ≥ 0 |
    /// | `weight_decay` λ | 0 | ≥ 0 |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Equal to `optax.lamb`. Source: Y. You et al., arXiv 1904.00962 (2020).
    pub struct Lamb {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one;
        /// Sets ε, added to the root. Default: 1e-6.
        epsilon = 1e-6, non_negative;
        /// Sets what is added inside the root. Default: 0.
        epsilon_root = 0.0, non_negative;
        /// Sets λ, the weight decay within the step. Default: 0.
        weight_decay = 0.0, non_negative;
    }
}

tensor_optimizer!(Lamb);

impl<F: Scalar> TensorRule<F> for Lamb {
    fn name(&self) -> &'static str {
        "lamb"
    }

    fn default_rate(&self) -> f64 {
        1e-3
    }

    fn validate(&self) -> Result<(), Error> {
        self.check()
    }

    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        let len = shape.iter().product();
        ["first_moment", "second_moment", "step"]
            .map(|name| TensorBuffer::zeros(name, len))
            .to_vec()
    }

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let (beta1, beta2) = (
            now.momentum.unwrap_or(self.beta1),
            now.beta2.unwrap_or(self.beta2),
        );
        let first_correction = F::of(1.0 / now.correction(beta1));
        let second_correction = F::of(1.0 / now.correction(beta2));
        let [beta1, rest1, beta2, rest2] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(F::of);
        let (epsilon, epsilon_root) = (positive_epsilon(self.epsilon), F::of(self.epsilon_root));
        let decay = F::of(now.decay(self.weight_decay));
        let (weights, gradients, buffers) = tensor.split();
        let [(_, first), (_, second), (_, step)] = buffers else {
            return;
        };
        let moments = first.iter_mut().zip(second).zip(step.iter_mut());
        for ((&mut weight, gradient), ((first, second), step)) in
            weights.iter_mut().zip(gradients).zip(moments)
        {
            *first = beta1 * *first + rest1 * gradient;
            *second = beta2 * *second + rest2 * (gradient * gradient);
            let divisor = (*second * second_correction + epsilon_root).sqrt() + epsilon;
            *step = *first * first_correction / divisor + decay * weight;
        }
        let rate = F::of(now.learning_rate * trust_ratio(Norm::L2.of(weights), Norm::L2.of(step)));
        weights
            .iter_mut()
            .zip(step)
            .for_each(|(weight, step)| *weight -= rate * *step);
    }
}

/// `‖w‖ / ‖u‖`, or 1 where either is 0.
fn trust_ratio(weights: f64, step: f64) -> f64 {
    if weights > 0.0 && step > 0.0 {
        weights / step
    } else {
        1.0
    }
}
