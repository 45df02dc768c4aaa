//! Yogi: a second moment that grows slowly.

use super::{
    Moment, MovingAverage, Rule, positive_epsilon,
    settings::{described, settings},
    sign,
};
use crate::Scalar;

settings! {
    /// Yogi: Adam whose second moment changes additively, so that the rate of a weight never leaps.
    ///
    /// `m ← β₁ m + (1 − β₁) g`, `v ← v − (1 − β₂) sign(v − g²) g²`,
    /// `w ← w − η m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)`; both start at 1e-6.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-3 | ≥ 0 |
    /// | learning rate | 0.01 | ≥ 0 |
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Yogi};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Yogi::new()).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-2);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.yogi`. Source: M. Zaheer et al., *Adaptive Methods for Nonconvex Optimization* (NeurIPS 2018).
    pub struct Yogi {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how slowly the second moment changes. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ε, added to the corrected root. Default: 1e-3.
        epsilon = 1e-3, non_negative;
    }
}

impl<F: Scalar> Rule<F> for Yogi {
    type Slots = [F; 2];
    /// The average; the rate, 1 − β₂, the correction, ε.
    type Coefficients = (MovingAverage<F>, [F; 4]);
    described!("yogi", 0.01, ["first_moment" = 1e-6, "second_moment" = 1e-6]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta1, beta2, .. } = self.in_force(&now);
        let rate = now.learning_rate / now.correction(beta1);
        let correction = 1.0 / now.correction(beta2).sqrt();
        let [rate, rest2, correction] = [rate, 1.0 - beta2, correction].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        (MovingAverage::new(beta1), [rate, rest2, correction, epsilon])
    }

    #[inline(always)]
    fn update((mean, c): &Self::Coefficients, weight: &mut F, gradient: F, [first, second]: &mut [F; 2]) {
        let &[rate, rest2, correction, epsilon] = c;
        let square = gradient * gradient;
        mean.add(first, gradient);
        *second -= rest2 * sign(*second - square) * square;
        *weight -= rate * (*first / (second.sqrt() * correction + epsilon));
    }
}
