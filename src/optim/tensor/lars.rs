//! LARS: momentum at the length of the weights.

use super::{Tensor, TensorRule};
use crate::{
    Scalar,
    optim::{
        Moment,
        settings::{described, settings},
    },
    tensor_optimizer,
    transform::Norm,
};

settings! {
    /// LARS: layer-wise adaptive rates, for very large batches.
    ///
    /// `g ← g + λ w`, and for each tensor `u = η τ ‖w‖ / (‖g‖ + ε) · g` (`η g` where either norm is 0), `v ← β v + u`,
    /// `w ← w − v`; Nesterov: `w ← w − (u + β v)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `momentum` β | 0.9 | [0, 1) |
    /// | `trust` τ | 0.001 | > 0 |
    /// | `epsilon` ε | 0 | ≥ 0 |
    /// | `weight_decay` λ | 0 | ≥ 0 |
    /// | `nesterov` | off | |
    /// | learning rate | 1 | ≥ 0 |
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Lars};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Lars::new().trust(0.02)).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.lars`. Source: Y. You, I. Gitman and B. Ginsburg, arXiv 1708.03888 (2017).
    pub struct Lars {
        /// Sets β, how much of the velocity is kept at each step. Default: 0.9.
        momentum = 0.9, below_one, as momentum;
        /// Sets τ, the length of a step as a share of the weights. Default: 0.001.
        trust = 1e-3, positive;
        /// Sets ε, added to the norm of the gradient. Default: 0.
        epsilon = 0.0, non_negative;
        /// Sets λ, the weight decay. Default: 0.
        weight_decay = 0.0, non_negative, as weight_decay;
    }
    options {
        /// Looks ahead along the velocity before it moves.
        nesterov;
    }
}

tensor_optimizer!(Lars);

impl<F: Scalar> TensorRule<F> for Lars {
    described!("lars", 1.0, whole ["velocity", "decayed_gradient"]);

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let rule = self.in_force(&now);
        let [momentum, decay] = [rule.momentum, rule.weight_decay].map(F::of);
        let (weights, gradients, buffers) = tensor.split();
        let [(_, velocity), (_, decayed)] = buffers else {
            return;
        };
        for ((decayed, gradient), &weight) in decayed.iter_mut().zip(gradients).zip(weights.iter()) {
            *decayed = gradient + decay * weight;
        }
        let (length, size) = (Norm::L2.of(weights), Norm::L2.of(decayed));
        let trust = if length > 0.0 && size > 0.0 {
            self.trust * length / (size + self.epsilon)
        } else {
            1.0
        };
        let rate = F::of(now.learning_rate * trust);
        for ((weight, &mut gradient), velocity) in weights.iter_mut().zip(decayed).zip(velocity) {
            let step = rate * gradient;
            *velocity = momentum * *velocity + step;
            *weight -= if self.nesterov {
                step + momentum * *velocity
            } else {
                *velocity
            };
        }
    }
}
