//! Adan: Nesterov's momentum without a second gradient.

use super::{
    Moment, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// Adan: adaptive Nesterov momentum, from the difference between neighbouring gradients.
    ///
    /// With `d = g − g₋₁` (0 at the first step): `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) d`,
    /// `n ← β₃ n + (1 − β₃) (g + (1 − β₂) d)²`, each corrected for its start at zero, and
    /// `w ← w − η (m̂ + (1 − β₂) v̂) / (√(n̂ + ε_root) + ε)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.98 | [0, 1) |
    /// | `beta2` β₂ | 0.92 | [0, 1) |
    /// | `beta3` β₃ | 0.99 | [0, 1) |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | `epsilon_root` | 1e-8 | ≥ 0 |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Equal to `optax.adan` with [`decoupled_weight_decay`](super::RuleExt::decoupled_weight_decay) around it.
    ///
    /// Source: X. Xie et al., arXiv 2208.06677 (2022).
    pub struct Adan {
        /// Sets β₁, how much of the gradient's average is kept at each step. Default: 0.98.
        beta1 = 0.98, below_one;
        /// Sets β₂, how much of the difference's average is kept at each step. Default: 0.92.
        beta2 = 0.92, below_one;
        /// Sets β₃, how much of the mean square is kept at each step. Default: 0.99.
        beta3 = 0.99, below_one;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets what is added inside the root. Default: 1e-8.
        epsilon_root = 1e-8, non_negative;
    }
}

#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Coefficients<F> {
    /// Zero at the first step, which has no gradient before it.
    not_first: F,
    betas: [F; 3],
    rests: [F; 3],
    first_rate: F,
    difference_rate: F,
    square_correction: F,
    epsilon: F,
    epsilon_root: F,
}

impl<F: Scalar> Rule<F> for Adan {
    type Slots = [F; 4];
    type Coefficients = Coefficients<F>;
    const FROM_FIRST: bool = true;
    described!(
        "adan",
        1e-3,
        [
            "first_moment" = 0.0,
            "difference" = 0.0,
            "second_moment" = 0.0,
            "last_gradient" = 0.0
        ]
    );

    fn coefficients(&self, now: Moment) -> Coefficients<F> {
        let betas = [
            now.momentum.unwrap_or(self.beta1),
            now.beta2.unwrap_or(self.beta2),
            self.beta3,
        ];
        let [first, difference, square] = betas.map(|beta| now.correction(beta));
        Coefficients {
            not_first: F::of(if now.step == 1 { 0.0 } else { 1.0 }),
            betas: betas.map(F::of),
            rests: betas.map(|beta| F::of(1.0 - beta)),
            first_rate: F::of(now.learning_rate / first),
            difference_rate: F::of(now.learning_rate * (1.0 - betas[1]) / difference),
            square_correction: F::of(1.0 / square),
            epsilon: positive_epsilon(self.epsilon),
            epsilon_root: F::of(self.epsilon_root),
        }
    }

    #[inline(always)]
    fn update(c: &Coefficients<F>, weight: &mut F, gradient: F, [first, change, square, last]: &mut [F; 4]) {
        let difference = c.not_first * (gradient - *last);
        let ahead = gradient + c.rests[1] * difference;
        *first = c.betas[0] * *first + c.rests[0] * gradient;
        *change = c.betas[1] * *change + c.rests[1] * difference;
        *square = c.betas[2] * *square + c.rests[2] * (ahead * ahead);
        *last = gradient;
        let divisor = (*square * c.square_correction + c.epsilon_root).sqrt() + c.epsilon;
        *weight -= (c.first_rate * *first + c.difference_rate * *change) / divisor;
    }
}
