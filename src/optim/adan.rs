//! Adan: Nesterov's momentum without a second gradient.

use super::{
    Moment, MovingAverage, Rule, positive_epsilon,
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
    /// ```
    /// use downhill::{Function, Trainer, optim::Adan};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Adan::new()).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 0.05);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: X. Xie et al., arXiv 2208.06677 (2022).
    pub struct Adan {
        /// Sets β₁, how much of the gradient's average is kept at each step. Default: 0.98.
        beta1 = 0.98, below_one, as momentum;
        /// Sets β₂, how much of the difference's average is kept at each step. Default: 0.92.
        beta2 = 0.92, below_one, as beta2;
        /// Sets β₃, how much of the mean square is kept at each step. Default: 0.99.
        beta3 = 0.99, below_one;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets what is added inside the root. Default: 1e-8.
        epsilon_root = 1e-8, non_negative;
    }
}

impl<F: Scalar> Rule<F> for Adan {
    type Slots = [F; 4];
    /// The averages; whether there is a gradient before this one (0 or 1), both rates, the correction, both ε.
    type Coefficients = ([MovingAverage<F>; 3], [F; 6]);
    const FROM_FIRST: bool = true;
    described!(
        "adan",
        1e-3,
        ["first_moment", "difference", "second_moment", "last_gradient"]
    );

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self {
            beta1, beta2, beta3, ..
        } = self.in_force(&now);
        let [first, difference, square] = [beta1, beta2, beta3].map(|beta| now.correction(beta));
        let before = if now.step == 1 { 0.0 } else { 1.0 };
        let rate = now.learning_rate / first;
        let difference_rate = now.learning_rate * (1.0 - beta2) / difference;
        let [before, rate, difference_rate, correction, root] =
            [before, rate, difference_rate, 1.0 / square, self.epsilon_root].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        (
            [beta1, beta2, beta3].map(MovingAverage::new),
            [before, rate, difference_rate, correction, root, epsilon],
        )
    }

    #[inline(always)]
    fn update(
        (means, c): &Self::Coefficients,
        weight: &mut F,
        gradient: F,
        [first, change, square, last]: &mut [F; 4],
    ) {
        let &[before, rate, difference_rate, correction, root, epsilon] = c;
        let difference = before * (gradient - *last);
        let ahead = gradient + means[1].fresh * difference;
        means[0].add(first, gradient);
        means[1].add(change, difference);
        means[2].add(square, ahead * ahead);
        *last = gradient;
        let divisor = (*square * correction + root).sqrt() + epsilon;
        *weight -= (rate * *first + difference_rate * *change) / divisor;
    }
}
