//! D-Adaptation: AdamW without a learning rate to tune.

use super::{Tensor, TensorBuffer, TensorRule};
use crate::{
    Error, Scalar,
    optim::{Memory, Moment, positive_epsilon, settings::settings},
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
    /// Source: A. Defazio and K. Mishchenko, arXiv 2301.07733 (2023).
    pub struct DAdapt {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets d₀, the first estimate. Default: 1e-6.
        initial = 1e-6, positive;
        /// Sets λ, the weight decay. Default: 0.
        weight_decay = 0.0, non_negative;
    }
}

tensor_optimizer!(DAdapt);

impl DAdapt {
    fn estimate(&self, memory: Memory, step: u64) -> f64 {
        if step == 1 { self.initial } else { memory[0] }
    }

    /// e of the formula, with the estimate d.
    fn effective_rate(&self, now: Moment, estimate: f64) -> f64 {
        let (beta1, beta2) = (
            now.momentum.unwrap_or(self.beta1),
            now.beta2.unwrap_or(self.beta2),
        );
        estimate * now.learning_rate * now.correction(beta2).sqrt() / now.correction(beta1)
    }
}

impl<F: Scalar> TensorRule<F> for DAdapt {
    fn name(&self) -> &'static str {
        "dadapt-adamw"
    }

    fn default_rate(&self) -> f64 {
        1.0
    }

    fn validate(&self) -> Result<(), Error> {
        self.check()
    }

    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        let len = shape.iter().product();
        ["first_moment", "second_moment", "direction"]
            .map(|name| TensorBuffer::zeros(name, len))
            .to_vec()
    }

    fn surveys(&self) -> bool {
        true
    }

    /// k and `‖s‖₁`.
    #[inline(always)]
    fn survey(&self, now: Moment, mut tensor: Tensor<'_, F>) -> [f64; 2] {
        let (beta1, beta2) = (
            now.momentum.unwrap_or(self.beta1),
            now.beta2.unwrap_or(self.beta2),
        );
        let rate = self.effective_rate(now, self.estimate(now.memory, now.step));
        let q = beta2.sqrt();
        let [b1, r1, b2, r2, q, rq] = [
            beta1,
            (1.0 - beta1) * rate,
            beta2,
            1.0 - beta2,
            q,
            (1.0 - q) * rate,
        ]
        .map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        let factor = tensor.rate_factor;
        let (_, gradients, buffers) = tensor.split();
        let [(_, first), (_, second), (_, direction)] = buffers else {
            return [0.0; 2];
        };
        let (mut inner, mut size) = (0.0, 0.0);
        for (((first, second), direction), gradient) in
            first.iter_mut().zip(second).zip(direction).zip(gradients)
        {
            inner += (gradient * (*direction / (second.sqrt() + epsilon))).to_f64_exact();
            *first = b1 * *first + r1 * gradient;
            *second = b2 * *second + r2 * (gradient * gradient);
            *direction = q * *direction + rq * gradient;
            size += direction.abs().to_f64_exact();
        }
        [factor * inner, size]
    }

    /// The estimate, r, and the estimate before.
    fn remember(&self, now: Moment, [inner, size]: [f64; 2]) -> Memory {
        let estimate = self.estimate(now.memory, now.step);
        let q = now.beta2.unwrap_or(self.beta2).sqrt();
        let numerator = q * now.memory[1] + (1.0 - q) * self.effective_rate(now, estimate) * inner;
        let found = if size > 0.0 {
            numerator / ((1.0 - q) * size)
        } else {
            0.0
        };
        [estimate.max(found), numerator, estimate, 0.0]
    }

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let rate = self.effective_rate(now, now.memory[2]);
        let decay = F::of(rate * now.decay(self.weight_decay));
        let (factor, epsilon) = (F::of(tensor.rate_factor), positive_epsilon(self.epsilon));
        let (weights, _, buffers) = tensor.split();
        let [(_, first), (_, second), _] = buffers else {
            return;
        };
        for ((weight, first), second) in weights.iter_mut().zip(first).zip(second) {
            *weight -= decay * *weight + factor * *first / (second.sqrt() + epsilon);
        }
    }
}
