//! Lion: the sign of a moving average.

use super::{
    Moment, Rule,
    settings::{described, settings},
    sign,
};
use crate::Scalar;

settings! {
    /// Lion: evolved sign momentum. Every weight moves by the learning rate; use a tenth of Adam's.
    ///
    /// `w ← w − η sign(β₁ m + (1 − β₁) g)`, then `m ← β₂ m + (1 − β₂) g`; the sign of 0 is 0.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.99 | [0, 1) |
    /// | learning rate | 1e-4 | ≥ 0 |
    ///
    /// Equal to `optax.lion` with [`decoupled_weight_decay`](super::RuleExt::decoupled_weight_decay) around it.
    ///
    /// Source: X. Chen et al., *Symbolic Discovery of Optimization Algorithms*, arXiv 2302.06675 (2023).
    pub struct Lion {
        /// Sets β₁, how much of the average is in the step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how much of the average is kept at each step. Default: 0.99.
        beta2 = 0.99, below_one;
    }
}

impl<F: Scalar> Rule<F> for Lion {
    type Slots = [F; 1];
    type Coefficients = [F; 5];
    described!("lion", 1e-4, ["first_moment" = 0.0]);

    fn coefficients(&self, now: Moment) -> [F; 5] {
        let beta1 = now.momentum.unwrap_or(self.beta1);
        let beta2 = now.beta2.unwrap_or(self.beta2);
        [now.learning_rate, beta1, 1.0 - beta1, beta2, 1.0 - beta2].map(F::of)
    }

    #[inline(always)]
    fn update(
        &[rate, beta1, rest1, beta2, rest2]: &[F; 5],
        weight: &mut F,
        gradient: F,
        [first]: &mut [F; 1],
    ) {
        *weight -= rate * sign(beta1 * *first + rest1 * gradient);
        *first = beta2 * *first + rest2 * gradient;
    }
}
