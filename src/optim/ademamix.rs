//! AdEMAMix: a fast and a slow average of gradients.

use super::{
    Moment, MovingAverage, Rule, positive_epsilon,
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
    /// ```
    /// use downhill::{Function, Trainer, optim::AdEmaMix};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(AdEmaMix::new().beta3(0.99).alpha(2.0)).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 0.05);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: M. Pagliardini, P. Ablin and D. Grangier, arXiv 2409.03137 (2024).
    pub struct AdEmaMix {
        /// Sets β₁, how much of the fast average is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
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

impl<F: Scalar> Rule<F> for AdEmaMix {
    type Slots = [F; 3];
    /// The averages; the rates of the fast and of the slow one, the correction, both ε.
    type Coefficients = ([MovingAverage<F>; 3], [F; 5]);
    described!("ademamix", 1e-3, ["first_moment", "second_moment", "slow_moment"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self {
            beta1, beta2, beta3, ..
        } = self.in_force(&now);
        let fast_rate = now.learning_rate / now.correction(beta1);
        let slow_rate = now.learning_rate * self.alpha;
        let correction = 1.0 / now.correction(beta2);
        let [fast_rate, slow_rate, correction, root] =
            [fast_rate, slow_rate, correction, self.epsilon_root].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        (
            [beta1, beta2, beta3].map(MovingAverage::new),
            [fast_rate, slow_rate, correction, root, epsilon],
        )
    }

    #[inline(always)]
    fn update(
        (means, c): &Self::Coefficients,
        weight: &mut F,
        gradient: F,
        [first, second, slow]: &mut [F; 3],
    ) {
        let &[fast_rate, slow_rate, correction, root, epsilon] = c;
        means[0].add(first, gradient);
        means[1].add(second, gradient * gradient);
        means[2].add(slow, gradient);
        let divisor = (*second * correction + root).sqrt() + epsilon;
        *weight -= (fast_rate * *first + slow_rate * *slow) / divisor;
    }
}
