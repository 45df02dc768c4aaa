//! AdaBound: from Adam to SGD.

use super::{
    Moment, MovingAverage, On, Rule, Switch, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// AdaBound: Adam whose rates are clipped between bounds that close in on that of SGD.
    ///
    /// Both moments as in [`Adam`](super::Adam), uncorrected; `s = η √(1 − β₂ᵗ) / (1 − β₁ᵗ) / (√v + ε)`, clipped to
    /// `η κ (1 − 1/(γt + 1)) ≤ s ≤ η κ (1 + 1/(γt))`, and `w ← w − s m`. AMSBound: the largest `v` so far in place of `v`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | `final_factor` κ | 100 | > 0 |
    /// | `gamma` γ | 1e-3 | > 0 |
    /// | `amsbound` | off | |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// κ is the authors' `final_lr / base_lr`: the rate at which it ends follows the schedule.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::AdaBound};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(AdaBound::new().gamma(0.01).final_factor(10.0)).learning_rate(0.01).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: L. Luo et al., *Adaptive Gradient Methods with Dynamic Bound of Learning Rate*, arXiv 1902.09843 (2019).
    pub struct AdaBound<amsbound: Maximum> {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets κ, by which the learning rate is multiplied for the rate of SGD in the end. Default: 100.
        final_factor = 100.0, positive;
        /// Sets γ, how fast the bounds close in. Default: 1e-3.
        gamma = 1e-3, positive;
    }
}

impl<M> AdaBound<M> {
    /// Divides by the largest second moment so far.
    pub fn amsbound(self) -> AdaBound<On> {
        self.switch(On)
    }
}

impl<F: Scalar, M: Switch> Rule<F> for AdaBound<M> {
    type Slots = ([F; 2], M::Slot<F>);
    /// The averages; the rate, its bounds, ε.
    type Coefficients = ([MovingAverage<F>; 2], [F; 4]);
    described!(
        if M::ON { "amsbound" } else { "adabound" },
        1e-3,
        ["first_moment", "second_moment"; M: "largest_second_moment"]
    );

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta1, beta2, .. } = self.in_force(&now);
        let rate = now.learning_rate * now.correction(beta2).sqrt() / now.correction(beta1);
        let (last, along) = (
            now.learning_rate * self.final_factor,
            self.gamma * now.step as f64,
        );
        let (low, high) = (last * (1.0 - 1.0 / (along + 1.0)), last * (1.0 + 1.0 / along));
        let [rate, low, high] = [rate, low, high].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        ([beta1, beta2].map(MovingAverage::new), [rate, low, high, epsilon])
    }

    #[inline(always)]
    fn update(
        (means, c): &Self::Coefficients,
        weight: &mut F,
        gradient: F,
        ([first, second], largest): &mut Self::Slots,
    ) {
        let &[rate, low, high, epsilon] = c;
        means[0].add(first, gradient);
        means[1].add(second, gradient * gradient);
        let mut square = *second;
        if let Some(largest) = M::slot(largest) {
            *largest = largest.max(*second);
            square = *largest;
        }
        *weight -= (rate / (square.sqrt() + epsilon)).max(low).min(high) * *first;
    }
}
