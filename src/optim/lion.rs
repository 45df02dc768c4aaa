//! Lion: the sign of a moving average.

use super::{
    Moment, MovingAverage, Rule,
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
    /// ```
    /// use downhill::{Function, Trainer, optim::Lion, schedule::{Ramp, Span}};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Lion::new()).learning_rate(Ramp::linear(0.05, 0.0, Span::Steps(200))).steps(200).minimize(square)?;
    /// assert!(run.params.norm() < 0.01);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: X. Chen et al., *Symbolic Discovery of Optimization Algorithms*, arXiv 2302.06675 (2023).
    pub struct Lion {
        /// Sets β₁, how much of the average is in the step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the average is kept at each step. Default: 0.99.
        beta2 = 0.99, below_one, as beta2;
    }
}

impl<F: Scalar> Rule<F> for Lion {
    type Slots = [F; 1];
    /// What is in the step, and what is kept; the rate.
    type Coefficients = ([MovingAverage<F>; 2], F);
    described!("lion", 1e-4, ["first_moment"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta1, beta2 } = self.in_force(&now);
        ([beta1, beta2].map(MovingAverage::new), F::of(now.learning_rate))
    }

    #[inline(always)]
    fn update((means, rate): &Self::Coefficients, weight: &mut F, gradient: F, [first]: &mut [F; 1]) {
        let mut mixed = *first;
        means[0].add(&mut mixed, gradient);
        *weight -= *rate * sign(mixed);
        means[1].add(first, gradient);
    }
}
