//! Quasi-hyperbolic momentum and Adam: part momentum, part plain gradient.

use super::{
    Moment, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// Quasi-hyperbolic momentum: a step between that of SGD and that of momentum.
    ///
    /// `m ← β m + (1 − β) g`, `w ← w − η ((1 − ν) g + ν m)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta` β | 0.999 | [0, 1) |
    /// | `nu` ν | 0.7 | [0, 1] |
    /// | learning rate | 1 | ≥ 0 |
    ///
    /// Source, and of the defaults: J. Ma and D. Yarats, arXiv 1810.06801 (2019).
    pub struct Qhm {
        /// Sets β, how much of the average is kept at each step. Default: 0.999.
        beta = 0.999, below_one;
        /// Sets ν, how much of the step is the average. Default: 0.7.
        nu = 0.7, share;
    }
}

impl<F: Scalar> Rule<F> for Qhm {
    type Slots = [F; 1];
    type Coefficients = [F; 4];
    described!("qhm", 1.0, ["first_moment" = 0.0]);

    fn coefficients(&self, now: Moment) -> [F; 4] {
        let (rate, beta) = (now.learning_rate, now.momentum.unwrap_or(self.beta));
        [rate * (1.0 - self.nu), rate * self.nu, beta, 1.0 - beta].map(F::of)
    }

    #[inline(always)]
    fn update(&[plain, averaged, beta, rest]: &[F; 4], weight: &mut F, gradient: F, [first]: &mut [F; 1]) {
        *first = beta * *first + rest * gradient;
        *weight -= plain * gradient + averaged * *first;
    }
}

settings! {
    /// Quasi-hyperbolic Adam: both moments mixed with the plain gradient.
    ///
    /// `m̂`, `v̂` as in [`Adam`](super::Adam), corrected;
    /// `w ← w − η ((1 − ν₁) g + ν₁ m̂) / (√((1 − ν₂) g² + ν₂ v̂) + ε)`. With both ν 1 it is Adam.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.995 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `nu1` ν₁ | 0.7 | [0, 1] |
    /// | `nu2` ν₂ | 1 | [0, 1] |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Source, and of the defaults: J. Ma and D. Yarats, arXiv 1810.06801 (2019).
    pub struct QhAdam {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.995.
        beta1 = 0.995, below_one;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one;
        /// Sets ν₁, how much of the step's direction is the first moment. Default: 0.7.
        nu1 = 0.7, share;
        /// Sets ν₂, how much of the divisor is the second moment. Default: 1.
        nu2 = 1.0, share;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
    }
}

impl<F: Scalar> Rule<F> for QhAdam {
    type Slots = [F; 2];
    type Coefficients = [F; 9];
    described!("qhadam", 1e-3, ["first_moment" = 0.0, "second_moment" = 0.0]);

    fn coefficients(&self, now: Moment) -> [F; 9] {
        let beta1 = now.momentum.unwrap_or(self.beta1);
        let beta2 = now.beta2.unwrap_or(self.beta2);
        [
            F::of(now.learning_rate * (1.0 - self.nu1)),
            F::of(now.learning_rate * self.nu1 / now.correction(beta1)),
            F::of(1.0 - self.nu2),
            F::of(self.nu2 / now.correction(beta2)),
            F::of(beta1),
            F::of(1.0 - beta1),
            F::of(beta2),
            F::of(1.0 - beta2),
            positive_epsilon(self.epsilon),
        ]
    }

    #[inline(always)]
    fn update(c: &[F; 9], weight: &mut F, gradient: F, [first, second]: &mut [F; 2]) {
        let &[
            plain,
            averaged,
            plain_square,
            mean_square,
            beta1,
            rest1,
            beta2,
            rest2,
            epsilon,
        ] = c;
        let square = gradient * gradient;
        *first = beta1 * *first + rest1 * gradient;
        *second = beta2 * *second + rest2 * square;
        let divisor = (plain_square * square + mean_square * *second).sqrt() + epsilon;
        *weight -= (plain * gradient + averaged * *first) / divisor;
    }
}
