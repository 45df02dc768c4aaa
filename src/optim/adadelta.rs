//! Adadelta: steps in the units of the weights.

use super::{
    Moment, MovingAverage, Rule, positive_epsilon,
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
    /// ```
    /// use downhill::{Function, Trainer, optim::Adadelta};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Adadelta::new().epsilon(1e-4)).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 0.1);
    /// # Ok::<(), downhill::Error>(())
    /// ```
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
    /// Both means; the rate and ε.
    type Coefficients = (MovingAverage<F>, [F; 2]);
    described!("adadelta", 1.0, ["mean_square", "mean_square_step"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let mean = MovingAverage::new(self.rho);
        (mean, [F::of(now.learning_rate), positive_epsilon(self.epsilon)])
    }

    #[inline(always)]
    fn update((mean, c): &Self::Coefficients, weight: &mut F, gradient: F, [square, steps]: &mut [F; 2]) {
        let &[rate, epsilon] = c;
        mean.add(square, gradient * gradient);
        let step = (*steps + epsilon).sqrt() / (*square + epsilon).sqrt() * gradient;
        mean.add(steps, step * step);
        *weight -= rate * step;
    }
}
