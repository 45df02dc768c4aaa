//! AdaBelief: large steps where the gradient is as foreseen.

use super::{
    Moment, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// AdaBelief: Adam that divides by how far gradients are from their average.
    ///
    /// `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) (g − m)² + ε_root`,
    /// `w ← w − η m̂ / (√(v / (1 − β₂ᵗ)) + ε)` with `m̂ = m / (1 − β₁ᵗ)`; Nesterov:
    /// `m̂ = β₁ m / (1 − β₁ᵗ⁺¹) + (1 − β₁) g / (1 − β₁ᵗ)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-16 | ≥ 0 |
    /// | `epsilon_root` | 1e-16 | ≥ 0 |
    /// | `nesterov` | off | |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Equal to `optax.adabelief`. Source: J. Zhuang et al., arXiv 2010.07468 (2020).
    pub struct AdaBelief {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how much of the variance is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one;
        /// Sets ε, added to the corrected root. Default: 1e-16.
        epsilon = 1e-16, non_negative;
        /// Sets what is added to the variance at each step. Default: 1e-16.
        epsilon_root = 1e-16, non_negative;
    }
    with nesterov: bool = false;
}

impl AdaBelief {
    /// Looks ahead along the first moment before it moves.
    pub fn nesterov(mut self) -> Self {
        self.nesterov = true;
        self
    }
}

impl<F: Scalar> Rule<F> for AdaBelief {
    type Slots = [F; 2];
    type Coefficients = [F; 9];
    described!("adabelief", 1e-3, ["first_moment" = 0.0, "variance" = 0.0]);

    fn coefficients(&self, now: Moment) -> [F; 9] {
        let beta1 = now.momentum.unwrap_or(self.beta1);
        let beta2 = now.beta2.unwrap_or(self.beta2);
        let plain = now.learning_rate / now.correction(beta1);
        let (moment_rate, gradient_rate) = if self.nesterov {
            let next = Moment {
                step: now.step + 1,
                ..now
            };
            (
                now.learning_rate * beta1 / next.correction(beta1),
                plain * (1.0 - beta1),
            )
        } else {
            (plain, 0.0)
        };
        [
            F::of(moment_rate),
            F::of(gradient_rate),
            F::of(beta1),
            F::of(1.0 - beta1),
            F::of(beta2),
            F::of(1.0 - beta2),
            F::of(1.0 / now.correction(beta2).sqrt()),
            positive_epsilon(self.epsilon),
            F::of(self.epsilon_root),
        ]
    }

    #[inline(always)]
    fn update(c: &[F; 9], weight: &mut F, gradient: F, [first, variance]: &mut [F; 2]) {
        let &[
            moment_rate,
            gradient_rate,
            beta1,
            rest1,
            beta2,
            rest2,
            correction,
            epsilon,
            epsilon_root,
        ] = c;
        *first = beta1 * *first + rest1 * gradient;
        let surprise = gradient - *first;
        *variance = beta2 * *variance + rest2 * (surprise * surprise) + epsilon_root;
        let step = moment_rate * *first + gradient_rate * gradient;
        *weight -= step / (variance.sqrt() * correction + epsilon);
    }
}
