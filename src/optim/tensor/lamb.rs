//! LAMB: Adam's step at the length of the weights.

use super::{Tensor, TensorRule};
use crate::{
    Scalar,
    optim::{
        Moment, MovingAverage, positive_epsilon,
        settings::{described, settings},
    },
    tensor_optimizer,
    transform::Norm,
};

settings! {
    /// LAMB: layer-wise adaptive moments, for very large batches.
    ///
    /// `u = m̂ / (√(v̂ + ε_root) + ε) + λ w` with Adam's corrected moments, and for each tensor `w ← w − η ‖w‖ / ‖u‖ · u`; the
    /// ratio is 1 where either norm is 0.
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
    /// ```
    /// use downhill::{Function, Trainer, optim::Lamb};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Lamb::new()).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.lamb`. Source: Y. You et al., arXiv 1904.00962 (2020).
    pub struct Lamb {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ε, added to the root. Default: 1e-6.
        epsilon = 1e-6, non_negative;
        /// Sets what is added inside the root. Default: 0.
        epsilon_root = 0.0, non_negative;
        /// Sets λ, the weight decay within the step. Default: 0.
        weight_decay = 0.0, non_negative, as weight_decay;
    }
}

tensor_optimizer!(Lamb);

impl<F: Scalar> TensorRule<F> for Lamb {
    described!("lamb", 1e-3, whole ["first_moment", "second_moment", "step"]);

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let rule = self.in_force(&now);
        let [beta1, beta2] = [rule.beta1, rule.beta2];
        let [correction, square_correction] = [beta1, beta2].map(|beta| F::of(1.0 / now.correction(beta)));
        let [mean, square_mean] = [beta1, beta2].map(MovingAverage::new);
        let (epsilon, root) = (positive_epsilon(self.epsilon), F::of(self.epsilon_root));
        let decay = F::of(rule.weight_decay);
        let (weights, gradients, buffers) = tensor.split();
        let [(_, first), (_, second), (_, step)] = buffers else {
            return;
        };
        let moments = first.iter_mut().zip(second).zip(step.iter_mut());
        for ((&mut weight, gradient), ((first, second), step)) in
            weights.iter_mut().zip(gradients).zip(moments)
        {
            mean.add(first, gradient);
            square_mean.add(second, gradient * gradient);
            let divisor = (*second * square_correction + root).sqrt() + epsilon;
            *step = *first * correction / divisor + decay * weight;
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
