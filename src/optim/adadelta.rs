//! Adadelta: steps in the units of the weights.

use super::{
    Moment, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// Adadelta: the size of past steps in place of a learning rate.
    ///
    /// `v ← ρ v + (1 − ρ) g²`, `d = √(a + ε) / √(v + ε) · g`, `a ← ρ a + (1 − ρ) d²`, `w ← w − η d`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `rho` ρ | 0.9 | [0, 1) |
    /// | `epsilon` ε | 1e-6 | ≥ 0; at 0 nothing moves |
    /// | learning rate | 1 | ≥ 0 |
    ///
    /// Equal to `torch.optim.Adadelta`. Source: M. Zeiler, arXiv 1212.5701 (2012).
    pub struct Adadelta {
        /// Sets ρ, how much of both means is kept at each step. Default: 0.9.
        rho = 0.9, below_one;
        /// Sets ε, inside both roots. Default: 1e-6.
        epsilon = 1e-6, non_negative;
    }
}

impl<F: Scalar> Rule<F> for Adadelta {
    type Slots = [F; 2];
    type Coefficients = [F; 4];
    described!("adadelta", 1.0, ["mean_square" = 0.0, "mean_square_step" = 0.0]);

    fn coefficients(&self, now: Moment) -> [F; 4] {
        let epsilon = positive_epsilon(self.epsilon);
        [
            F::of(now.learning_rate),
            F::of(self.rho),
            F::of(1.0 - self.rho),
            epsilon,
        ]
    }

    #[inline(always)]
    fn update(
        &[rate, rho, rest, epsilon]: &[F; 4],
        weight: &mut F,
        gradient: F,
        [square, steps]: &mut [F; 2],
    ) {
        *square = rho * *square + rest * (gradient * gradient);
        let step = (*steps + epsilon).sqrt() / (*square + epsilon).sqrt() * gradient;
        *steps = rho * *steps + rest * (step * step);
        *weight -= rate * step;
    }
}
