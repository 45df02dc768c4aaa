//! Prodigy: Adam without a learning rate to tune.

use super::{Tensor, TensorBuffer, TensorRule};
use crate::{
    Error, Scalar,
    error::check,
    optim::{Memory, Moment, positive_epsilon, settings::settings},
    tensor_optimizer,
};

settings! {
    /// Prodigy: Adam that estimates the distance to the solution, and from it the learning rate. Leave η at 1.
    ///
    /// With d the estimate, `e = d η √(1 − β₂ᵗ) / (1 − β₁ᵗ)` and w₀ the start: `m ← β₁ m + (1 − β₁) d g`,
    /// `v ← β₂ v + (1 − β₂) d² g²`, `s ← β₃ s + e d g / d₀`, `r ← β₃ r + (d/d₀) e ⟨g, w₀ − w⟩`,
    /// `d ← max(d, κ r / ‖s‖₁)`, `w ← w − λ e w − e m / (√v + d ε)`. r and ‖s‖₁ are over all weights together.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `beta3` β₃ | √β₂ | [0, 1) |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | `initial` d₀ | 1e-6 | > 0 |
    /// | `coefficient` κ | 1 | > 0 |
    /// | `weight_decay` λ | 0 | ≥ 0 |
    /// | `safeguard_warm_up` | off | |
    /// | learning rate | 1 | ≥ 0 |
    ///
    /// A group's factor for the rate multiplies the step, and stays out of r and s: their quotient is a bound for the distance
    /// only where both have the same e.
    ///
    /// Equal to `optax.contrib.prodigy`. With `safeguard_warm_up` s takes d in place of e. The estimate is the first number of
    /// [`State::memory`](crate::optim::State::memory).
    ///
    /// Source: K. Mishchenko and A. Defazio, arXiv 2306.06101 (2023).
    pub struct Prodigy {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets d₀, the first estimate. Default: 1e-6.
        initial = 1e-6, positive;
        /// Sets κ, by which estimates are multiplied. Default: 1.
        coefficient = 1.0, positive;
        /// Sets λ, the weight decay. Default: 0.
        weight_decay = 0.0, non_negative;
    }
    with beta3: Option<f64> = None;
    with safeguard_warm_up: bool = false;
}

tensor_optimizer!(Prodigy);

impl Prodigy {
    /// Sets β₃, how much of r and s is kept at each step. Default: the root of β₂.
    pub fn beta3(mut self, beta3: f64) -> Self {
        self.beta3 = Some(beta3);
        self
    }

    /// Keeps the learning rate out of s: for one that warms up.
    pub fn safeguard_warm_up(mut self) -> Self {
        self.safeguard_warm_up = true;
        self
    }

    fn kept(&self, beta2: f64) -> f64 {
        self.beta3.unwrap_or(beta2.sqrt())
    }

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

impl<F: Scalar> TensorRule<F> for Prodigy {
    fn name(&self) -> &'static str {
        "prodigy"
    }

    fn default_rate(&self) -> f64 {
        1.0
    }

    fn validate(&self) -> Result<(), Error> {
        check::below_one("beta3", self.beta3.unwrap_or(0.0))?;
        self.check()
    }

    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        let len = shape.iter().product();
        ["first_moment", "second_moment", "direction", "start"]
            .map(|name| TensorBuffer::zeros(name, len))
            .to_vec()
    }

    fn surveys(&self) -> bool {
        true
    }

    /// `⟨g, w₀ − w⟩` and `‖s‖₁`.
    #[inline(always)]
    fn survey(&self, now: Moment, mut tensor: Tensor<'_, F>) -> [f64; 2] {
        let estimate = self.estimate(now.memory, now.step);
        let (beta1, beta2) = (
            now.momentum.unwrap_or(self.beta1),
            now.beta2.unwrap_or(self.beta2),
        );
        let rate = self.effective_rate(now, estimate);
        let share = if self.safeguard_warm_up { estimate } else { rate } * estimate / self.initial;
        let [b1, r1, b2, r2, b3, share] = [
            beta1,
            (1.0 - beta1) * estimate,
            beta2,
            (1.0 - beta2) * estimate * estimate,
            self.kept(beta2),
            share,
        ]
        .map(F::of);
        let (weights, gradients, buffers) = tensor.split();
        let [(_, first), (_, second), (_, direction), (_, start)] = buffers else {
            return [0.0; 2];
        };
        if now.step == 1 {
            start.copy_from_slice(weights);
        }
        let (mut inner, mut size) = (0.0, 0.0);
        let moments = first.iter_mut().zip(second).zip(direction).zip(start);
        for ((&mut weight, gradient), (((first, second), direction), start)) in
            weights.iter_mut().zip(gradients).zip(moments)
        {
            inner += (gradient * (*start - weight)).to_f64_exact();
            *first = b1 * *first + r1 * gradient;
            *second = b2 * *second + r2 * (gradient * gradient);
            *direction = b3 * *direction + share * gradient;
            size += direction.abs().to_f64_exact();
        }
        [inner, size]
    }

    /// The estimate, r, and the estimate before.
    fn remember(&self, now: Moment, [inner, size]: [f64; 2]) -> Memory {
        let estimate = self.estimate(now.memory, now.step);
        let beta3 = self.kept(now.beta2.unwrap_or(self.beta2));
        let rate = self.effective_rate(now, estimate);
        let numerator = beta3 * now.memory[1] + estimate / self.initial * rate * inner;
        let found = if size > 0.0 {
            self.coefficient * numerator / size
        } else {
            0.0
        };
        [estimate.max(found), numerator, estimate, 0.0]
    }

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let [estimate, _, before, _] = now.memory;
        let rate = self.effective_rate(now, before);
        let decay = F::of(rate * now.decay(self.weight_decay));
        let (rate, epsilon) = (F::of(rate), positive_epsilon(estimate * self.epsilon));
        let (weights, _, buffers) = tensor.split();
        let [(_, first), (_, second), ..] = buffers else {
            return;
        };
        for ((weight, first), second) in weights.iter_mut().zip(first).zip(second) {
            *weight -= decay * *weight + rate * *first / (second.sqrt() + epsilon);
        }
    }
}
