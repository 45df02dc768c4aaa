//! ADOPT: Adam that converges with any β₂.

use super::{
    Moment, Rule, clamp, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// ADOPT: the gradient is divided by the second moment *before* it, and averaged afterwards.
    ///
    /// The first step only sets `v = g²`. Then `u = g / max(√v, ε)`, clipped to `±(t − 1)^¼`;
    /// `m ← β₁ m + (1 − β₁) u`, `v ← β₂ v + (1 − β₂) g²`, `w ← w − η m`; Nesterov: `w ← w − η (β₁ m + (1 − β₁) u)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.9999 | [0, 1) |
    /// | `epsilon` ε | 1e-6 | ≥ 0 |
    /// | `unclipped`, `nesterov` | off | |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Equal to `optax.contrib.adopt`. Source: S. Taniguchi et al., arXiv 2411.02853 (2024).
    pub struct Adopt {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.9999.
        beta2 = 0.9999, below_one;
        /// Sets ε, the least divisor. Default: 1e-6.
        epsilon = 1e-6, non_negative;
    }
    with clipped: bool = true;
    with nesterov: bool = false;
}

impl Adopt {
    /// Leaves steps as long as they are.
    pub fn unclipped(mut self) -> Self {
        self.clipped = false;
        self
    }

    /// Looks ahead along the average before it moves.
    pub fn nesterov(mut self) -> Self {
        self.nesterov = true;
        self
    }
}

impl<F: Scalar> Rule<F> for Adopt {
    type Slots = [F; 2];
    /// Whether this is the first step, and the numbers.
    type Coefficients = (bool, [F; 8]);
    const FROM_FIRST: bool = true;
    described!("adopt", 1e-3, ["first_moment" = 0.0, "second_moment" = 0.0]);

    fn coefficients(&self, now: Moment) -> (bool, [F; 8]) {
        let beta1 = now.momentum.unwrap_or(self.beta1);
        let beta2 = now.beta2.unwrap_or(self.beta2);
        // Nothing of the first gradient goes into the step.
        let limit = match self.clipped {
            false if now.step > 1 => f64::INFINITY,
            _ => ((now.step - 1) as f64).powf(0.25),
        };
        let ahead = if self.nesterov { 1.0 } else { 0.0 };
        let c = [
            now.learning_rate,
            beta1,
            1.0 - beta1,
            beta2,
            1.0 - beta2,
            limit,
            ahead,
        ];
        let [rate, beta1, rest1, beta2, rest2, limit, ahead] = c.map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        (
            now.step == 1,
            [rate, beta1, rest1, beta2, rest2, limit, ahead, epsilon],
        )
    }

    #[inline(always)]
    fn update((first_step, c): &(bool, [F; 8]), weight: &mut F, gradient: F, [first, second]: &mut [F; 2]) {
        let &[rate, beta1, rest1, beta2, rest2, limit, ahead, epsilon] = c;
        let square = gradient * gradient;
        let direction = clamp(gradient / second.sqrt().max(epsilon), -limit, limit);
        *first = beta1 * *first + rest1 * direction;
        let averaged = beta2 * *second + rest2 * square;
        *second = if *first_step { square } else { averaged };
        let further = beta1 * *first + rest1 * direction - *first;
        *weight -= rate * (*first + ahead * further);
    }
}
