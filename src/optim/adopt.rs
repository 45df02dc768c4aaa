//! ADOPT: Adam that converges with any β₂.

use super::{
    Moment, MovingAverage, Rule, clamp, positive_epsilon,
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
    /// ```
    /// use downhill::{Function, Trainer, optim::Adopt};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Adopt::new().nesterov()).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-2);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.contrib.adopt`. Source: S. Taniguchi et al., arXiv 2411.02853 (2024).
    pub struct Adopt {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.9999.
        beta2 = 0.9999, below_one, as beta2;
        /// Sets ε, the least divisor. Default: 1e-6.
        epsilon = 1e-6, non_negative;
    }
    options {
        /// Leaves steps as long as they are.
        unclipped;
        /// Looks ahead along the average before it moves.
        nesterov;
    }
}

impl<F: Scalar> Rule<F> for Adopt {
    type Slots = [F; 2];
    /// Whether this is the first step; the averages; the rate, the limit, whether to look ahead (0 or 1), ε.
    type Coefficients = (bool, [MovingAverage<F>; 2], [F; 4]);
    const FROM_FIRST: bool = true;
    described!("adopt", 1e-3, ["first_moment", "second_moment"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta1, beta2, .. } = self.in_force(&now);
        // Nothing of the first gradient goes into the step.
        let limit = match self.unclipped {
            true if now.step > 1 => f64::INFINITY,
            _ => ((now.step - 1) as f64).powf(0.25),
        };
        let ahead = if self.nesterov { 1.0 } else { 0.0 };
        let [rate, limit, ahead] = [now.learning_rate, limit, ahead].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        let means = [beta1, beta2].map(MovingAverage::new);
        (now.step == 1, means, [rate, limit, ahead, epsilon])
    }

    #[inline(always)]
    fn update(c: &Self::Coefficients, weight: &mut F, gradient: F, [first, second]: &mut [F; 2]) {
        let &(first_step, [mean, square_mean], [rate, limit, ahead, epsilon]) = c;
        let square = gradient * gradient;
        let direction = clamp(gradient / second.sqrt().max(epsilon), -limit, limit);
        mean.add(first, direction);
        square_mean.add(second, square);
        *second = if first_step { square } else { *second };
        let further = mean.kept * *first + mean.fresh * direction - *first;
        *weight -= rate * (*first + ahead * further);
    }
}
