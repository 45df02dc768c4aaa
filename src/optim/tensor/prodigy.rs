//! Prodigy: Adam without a learning rate to tune.

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
    /// ```
    /// use downhill::{Function, Trainer, optim::Prodigy};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Prodigy::new()).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: K. Mishchenko and A. Defazio, arXiv 2306.06101 (2023).
    pub struct Prodigy {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets d₀, the first estimate. Default: 1e-6.
        initial = 1e-6, positive;
        /// Sets κ, by which estimates are multiplied. Default: 1.
        coefficient = 1.0, positive;
        /// Sets λ, the weight decay. Default: 0.
        weight_decay = 0.0, non_negative, as weight_decay;
    }
    options {
        /// Keeps the learning rate out of s: for one that warms up.
        safeguard_warm_up;
    }
    with beta3: Option<f64> = None, below_one;
}

tensor_optimizer!(Prodigy);

impl Prodigy {
    /// Sets β₃, how much of r and s is kept at each step. Default: the root of β₂.
    pub fn beta3(mut self, beta3: f64) -> Self {
        self.beta3 = Some(beta3);
        self
    }

    fn kept(&self) -> f64 {
        self.beta3.unwrap_or(self.beta2.sqrt())
    }
}

impl<F: Scalar> TensorRule<F> for Prodigy {
    described!("prodigy", 1.0, whole ["first_moment", "second_moment", "direction", "start"]);

    fn surveys(&self) -> bool {
        true
    }

    /// `⟨g, w₀ − w⟩` and `‖s‖₁`.
    #[inline(always)]
    fn survey(&self, now: Moment, mut tensor: Tensor<'_, F>) -> [f64; 2] {
        let rule = self.in_force(&now);
        let [beta1, beta2] = [rule.beta1, rule.beta2];
        let Estimate { distance, rate } = Estimate::before(&now, self.initial, [beta1, beta2]);
        let share = if self.safeguard_warm_up { distance } else { rate } * distance / self.initial;
        let mean = MovingAverage::weighing(beta1, (1.0 - beta1) * distance);
        let square_mean = MovingAverage::weighing(beta2, (1.0 - beta2) * distance * distance);
        let slow_mean = MovingAverage::weighing(rule.kept(), share);
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
            mean.add(first, gradient);
            square_mean.add(second, gradient * gradient);
            slow_mean.add(direction, gradient);
            size += direction.abs().to_f64_exact();
        }
        [inner, size]
    }

    /// The estimate, r, and the estimate before.
    fn remember(&self, now: Moment, [inner, size]: [f64; 2]) -> Memory {
        let rule = self.in_force(&now);
        let Estimate { distance, rate } = Estimate::before(&now, self.initial, [rule.beta1, rule.beta2]);
        let numerator = rule.kept() * now.memory[1] + distance / self.initial * rate * inner;
        let found = self.coefficient * numerator / size;
        let found = if size > 0.0 { found } else { 0.0 };
        [distance.max(found), numerator, distance, 0.0]
    }

    #[inline(always)]
    fn update(&self, now: Moment, tensor: Tensor<'_, F>) {
        let rule = self.in_force(&now);
        let [beta1, beta2] = [rule.beta1, rule.beta2];
        let [distance, _, before, _] = now.memory;
        let Estimate { rate, .. } = Estimate::of(&now, before, [beta1, beta2]);
        let [decay, rate] = [rate * rule.weight_decay, rate].map(F::of);
        follow_moments(tensor, [decay, rate, positive_epsilon(distance * self.epsilon)]);
    }
}
