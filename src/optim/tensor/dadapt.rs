//! D-Adaptation: AdamW without a learning rate to tune.

use super::{
    Tensor, TensorRule,
    estimated::{Estimate, follow_moments},
};
use crate::{
    Scalar,
    optim::{
        Memory, Moment, MovingAverage, positive_epsilon,
        settings::{described, settings},
    },
    tensor_optimizer,
};

settings! {
    /// D-Adaptation for AdamW: estimates the distance to the solution, and from it the learning rate. Leave η at 1.
    ///
    /// With d the estimate, `q = √β₂` and `e = d η √(1 − β₂ᵗ) / (1 − β₁ᵗ)`: `k = ⟨g, s / (√v + ε)⟩`,
    /// `m ← β₁ m + (1 − β₁) e g`, `v ← β₂ v + (1 − β₂) g²`, `s ← q s + (1 − q) e g`, `r ← q r + (1 − q) e k`,
    /// `d ← max(d, r / ((1 − q) ‖s‖₁))`, `w ← w − λ e w − m / (√v + ε)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | `initial` d₀ | 1e-6 | > 0 |
    /// | `weight_decay` λ | 0 | ≥ 0 |
    /// | learning rate | 1 | ≥ 0 |
    ///
    /// A group's factor for the rate multiplies the step and its part of k, and stays out of m and s: so r / ‖s‖₁ estimates the
    /// distance whatever the groups.
    ///
    /// Equal to `optax.contrib.dadapt_adamw`. The estimate is the first number of
    /// [`State::memory`](crate::optim::State::memory).
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::DAdapt};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(DAdapt::new()).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-2);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: A. Defazio and K. Mishchenko, arXiv 2301.07733 (2023).
    pub struct DAdapt {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets d₀, the first estimate. Default: 1e-6.
        initial = 1e-6, positive;
        /// Sets λ, the weight decay. Default: 0.
        weight_decay = 0.0, non_negative, as weight_decay;
    }
}

tensor_optimizer!(DAdapt);

impl<F: Scalar> TensorRule<F> for DAdapt {
    described!("dadapt-adamw", 1.0, whole ["first_moment", "second_moment", "direction"]);

    fn surveys(&self) -> bool {
        true
    }

    /// k and `‖s‖₁`.
    #[inline(always)]
    fn survey(&self, now: Moment, mut tensor: Tensor<'_, F>) -> [f64; 2] {
        let Self { beta1, beta2, .. } = self.in_force(&now);
        let Estimate { rate, .. } = Estimate::before(&now, self.initial, [beta1, beta2]);
        let q = beta2.sqrt();
        let mean = MovingAverage::weighing(beta1, (1.0 - beta1) * rate);
        let square_mean = MovingAverage::new(beta2);
        let slow_mean = MovingAverage::weighing(q, (1.0 - q) * rate);
        let epsilon = positive_epsilon(self.epsilon);
        let factor = tensor.rate_factor;
        let (_, gradients, buffers) = tensor.split();
        let [(_, first), (_, second), (_, direction)] = buffers else {
            return [0.0; 2];
        };
        let (mut inner, mut size) = (0.0, 0.0);
        let moments = first.iter_mut().zip(second).zip(direction);
        for (((first, second), direction), gradient) in moments.zip(gradients) {
            inner += (gradient * (*direction / (second.sqrt() + epsilon))).to_f64_exact();
            mean.add(first, gradient);
            square_mean.add(second, gradient * gradient);
            slow_mean.add(direction, gradient);
            size += direction.abs().to_f64_exact();
        }
        [factor * inner, size]
    }

    /// The estimate, r, and the estimate before.
    fn remember(&self, now: Moment, [inner, size]: [f64; 2]) -> Memory {
        let Self { beta1, beta2, .. } = self.in_force(&now);
        let Estimate { distance, rate } = Estimate::before(&now, self.initial, [beta1, beta2]);
        let q = beta2.sqrt();
        let numerator = q * now.memory[1] + (1.0 - q) * rate * inner;
        let found = numerator / ((1.0 - q) * size);
        let found = if size > 0.0 { found } else { 0.0 };
        [distance.max(found), numerator, distance, 0.0]
    }

    #[inline(always)]
    fn update(&self, now: Moment, tensor: Tensor<'_, F>) {
        let rule = self.in_force(&now);
        let [beta1, beta2] = [rule.beta1, rule.beta2];
        let Estimate { rate, .. } = Estimate::of(&now, now.memory[2], [beta1, beta2]);
        let [decay, factor] = [rate * rule.weight_decay, tensor.rate_factor].map(F::of);
        follow_moments(tensor, [decay, factor, positive_epsilon(self.epsilon)]);
    }
}
