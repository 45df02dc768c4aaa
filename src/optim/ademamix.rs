//! AdEMAMix: a fast and a slow average of gradients.

use super::{
    Moment, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// AdEMAMix: Adam with a second, slow average that remembers tens of thousands of gradients.
    ///
    /// `m`, `v` as in [`Adam`](super::Adam), `s ← β₃ s + (1 − β₃) g`,
    /// `w ← w − η (m̂ + α s) / (√(v̂ + ε_root) + ε)`; s is not corrected for its start at zero.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `beta3` β₃ | 0.9999 | [0, 1) |
    /// | `alpha` α | 5 | ≥ 0 |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | `epsilon_root` | 0 | ≥ 0 |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Equal to `optax.contrib.ademamix` with [`decoupled_weight_decay`](super::RuleExt::decoupled_weight_decay) around it.
    ///
    /// Source: M. Pagliardini, P. Ablin and D. Grangier, arXiv 2409.03137 (2024).
    pub struct AdEmaMix {
        /// Sets β₁, how much of the fast average is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one;
        /// Sets β₃, how much of the slow average is kept at each step. Default: 0.9999.
        beta3 = 0.9999, below_one;
        /// Sets α, what the slow average weighs. Default: 5.
        alpha = 5.0, non_negative;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets what is added inside the root. Default: 0.
        epsilon_root = 0.0, non_negative;
    }
}

#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Coefficients<F> {
    fast_rate: F,
    slow_rate: F,
    betas: [F; 3],
    rests: [F; 3],
    square_correction: F,
    epsilon: F,
    epsilon_root: F,
}

impl<F: Scalar> Rule<F> for AdEmaMix {
    type Slots = [F; 3];
    type Coefficients = Coefficients<F>;
    described!(
        "ademamix",
        1e-3,
        ["first_moment" = 0.0, "second_moment" = 0.0, "slow_moment" = 0.0]
    );

    fn coefficients(&self, now: Moment) -> Coefficients<F> {
        let betas = [
            now.momentum.unwrap_or(self.beta1),
            now.beta2.unwrap_or(self.beta2),
            self.beta3,
        ];
        Coefficients {
            fast_rate: F::of(now.learning_rate / now.correction(betas[0])),
            slow_rate: F::of(now.learning_rate * self.alpha),
            betas: betas.map(F::of),
            rests: betas.map(|beta| F::of(1.0 - beta)),
            square_correction: F::of(1.0 / now.correction(betas[1])),
            epsilon: positive_epsilon(self.epsilon),
            epsilon_root: F::of(self.epsilon_root),
        }
    }

    #[inline(always)]
    fn update(c: &Coefficients<F>, weight: &mut F, gradient: F, [first, second, slow]: &mut [F; 3]) {
        *first = c.betas[0] * *first + c.rests[0] * gradient;
        *second = c.betas[1] * *second + c.rests[1] * (gradient * gradient);
        *slow = c.betas[2] * *slow + c.rests[2] * gradient;
        let divisor = (*second * c.square_correction + c.epsilon_root).sqrt() + c.epsilon;
        *weight -= (c.fast_rate * *first + c.slow_rate * *slow) / divisor;
    }
}
