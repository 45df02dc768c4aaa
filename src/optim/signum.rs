//! Descent by signs.

use super::{
    Moment, MovingAverage, Rule,
    settings::{described, settings},
    sign,
};
use crate::Scalar;

settings! {
    /// Sign SGD: every weight moves by the learning rate, against the sign of its gradient.
    ///
    /// `w ← w − η sign(g)`; the sign of 0 is 0. Learning rate where none is given: 1e-4.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::SignSgd, schedule::{Ramp, Span}};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(SignSgd::new()).learning_rate(Ramp::linear(0.05, 0.0, Span::Steps(200))).steps(200).minimize(square)?;
    /// assert!(run.params.norm() < 0.01);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.sign_sgd`. Source: J. Bernstein et al., arXiv 1802.04434 (2018).
    pub struct SignSgd {}
}

impl<F: Scalar> Rule<F> for SignSgd {
    type Slots = [F; 0];
    type Coefficients = F;
    const RESTS: bool = true;
    described!("sign-sgd", 1e-4, []);

    fn coefficients(&self, now: Moment) -> F {
        F::of(now.learning_rate)
    }

    #[inline(always)]
    fn update(rate: &F, weight: &mut F, gradient: F, _: &mut [F; 0]) {
        *weight -= *rate * sign(gradient);
    }
}

settings! {
    /// Signum: the sign of an average of gradients.
    ///
    /// `m ← β m + (1 − β) g`, `w ← w − η sign(m)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta` β | 0.9 | [0, 1) |
    /// | learning rate | 1e-4 | ≥ 0 |
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Signum, schedule::{Ramp, Span}};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Signum::new()).learning_rate(Ramp::linear(0.05, 0.0, Span::Steps(200))).steps(200).minimize(square)?;
    /// assert!(run.params.norm() < 0.01);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.signum`. Source: J. Bernstein et al., arXiv 1802.04434 (2018).
    pub struct Signum {
        /// Sets β, how much of the average is kept at each step. Default: 0.9.
        beta = 0.9, below_one, as momentum;
    }
}

impl<F: Scalar> Rule<F> for Signum {
    type Slots = [F; 1];
    /// The average, and the rate.
    type Coefficients = (MovingAverage<F>, F);
    described!("signum", 1e-4, ["first_moment"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta } = self.in_force(&now);
        (MovingAverage::new(beta), F::of(now.learning_rate))
    }

    #[inline(always)]
    fn update((mean, rate): &Self::Coefficients, weight: &mut F, gradient: F, [first]: &mut [F; 1]) {
        mean.add(first, gradient);
        *weight -= *rate * sign(*first);
    }
}
