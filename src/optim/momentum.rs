//! Gradient descent with momentum.

use super::{
    Memory, Missed, Moment, Rule,
    settings::{described, settings},
};
use crate::{Error, Scalar, error::check};

settings! {
    /// Momentum: a ball that rolls downhill and keeps its speed.
    ///
    /// `v ← β v + (1 − d) g`, `w ← w − η v`; on the first step `v = g`, whatever the dampening `d`. With Nesterov's
    /// look-ahead: `w ← w − η (g + β v)`. The velocity is free of the learning rate, so a schedule acts at once. A step whose
    /// scheduled β is 0 is `w ← w − η g`, and leaves the velocity as it is.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `momentum` β | 0.9 | [0, 1) |
    /// | `dampening` d | 0 | any finite number |
    /// | `nesterov` | no | only with d = 0 and β > 0 |
    /// | learning rate | 0.01 | ≥ 0 |
    ///
    /// Equal to `torch.optim.SGD(momentum=β, dampening=d, nesterov=…)`. Keras and ensmallen keep η
    /// inside the velocity, `v ← β v + η g`, which differs under a schedule: [`Momentum::rate_inside`].
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Momentum};
    /// let bowl = Function::new(vec![1.0, 1.0], |w: &[f64], g: &mut [f64]| {
    ///     g[0] = w[0];
    ///     g[1] = 50.0 * w[1];
    ///     0.5 * (w[0] * w[0] + 50.0 * w[1] * w[1])
    /// });
    /// let run = Trainer::new(Momentum::new(0.9).nesterov()).learning_rate(0.01).steps(300).minimize(bowl)?;
    /// assert!(run.params.norm() < 1e-5);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: B. T. Polyak (1964); Y. Nesterov (1983); the form of I. Sutskever et al. (2013) with η outside.
    pub struct Momentum {
        /// Takes only `1 − dampening` of each gradient but the first. Default: 0.
        dampening = 0.0, finite;
    }
    options {
        /// Keeps the learning rate inside the velocity, as Keras and ensmallen do: `v ← β v + η g`, `w ← w − v`; with
        /// Nesterov's look-ahead `w ← w − (η g + β v)`. A change of η then acts gradually.
        rate_inside;
        /// Looks ahead along the velocity before it moves.
        nesterov;
    }
    with momentum: f64 = 0.9, below_one, as momentum;
    where is_consistent;
    made by argument;
}

impl Momentum {
    /// With this momentum β; 0.9 is usual.
    pub fn new(momentum: f64) -> Self {
        Self {
            momentum,
            ..Self::defaults()
        }
    }

    fn is_consistent(&self) -> Result<(), Error> {
        let (momentum, dampening) = (self.momentum, self.dampening);
        let allowed = !self.nesterov || (dampening == 0.0 && momentum > 0.0);
        let given = format!("on with momentum {momentum} and dampening {dampening}");
        check::require(
            allowed,
            "nesterov",
            given,
            "used with a momentum above 0 and no dampening",
        )
    }
}

impl Default for Momentum {
    fn default() -> Self {
        Self::defaults()
    }
}

impl<F: Scalar> Rule<F> for Momentum {
    type Slots = [F; 1];
    /// β and what is taken of the gradient; then the rates of the gradient and of the velocity, so that Nesterov's form and the
    /// plain one are one formula.
    type Coefficients = [F; 4];
    described!("momentum", 0.01, ["velocity"]);

    /// The step at which the velocity begins: the first with a momentum.
    fn remember(&self, now: Moment) -> Memory {
        let [begun, ..] = now.memory;
        let begins = begun == 0.0 && self.in_force(&now).momentum > 0.0;
        [if begins { now.step as f64 } else { begun }, 0.0, 0.0, 0.0]
    }

    fn coefficients(&self, now: Moment) -> [F; 4] {
        let Self {
            momentum, dampening, ..
        } = self.in_force(&now);
        let rate = now.learning_rate;
        // Plain descent beside a velocity that stays: its own share is 1, and nothing of it is in the step.
        if momentum == 0.0 {
            return [1.0, 0.0, rate, 0.0].map(F::of);
        }
        let first = now.step as f64 == now.memory[0];
        let share = if first { 1.0 } else { 1.0 - dampening };
        let (inner, outer) = if self.rate_inside {
            (rate, 1.0)
        } else {
            (1.0, rate)
        };
        let rates = match self.nesterov {
            true => [rate, outer * momentum],
            false => [0.0, outer],
        };
        [momentum, share * inner, rates[0], rates[1]].map(F::of)
    }

    #[inline(always)]
    fn update(c: &[F; 4], weight: &mut F, gradient: F, [velocity]: &mut [F; 1]) {
        let &[momentum, share, gradient_rate, velocity_rate] = c;
        *velocity = momentum * *velocity + share * gradient;
        *weight -= gradient_rate * gradient + velocity_rate * *velocity;
    }

    /// `v ← βⁿ v`, and `w` moves by the geometric sum of what `v` was.
    fn skip(missed: Missed<'_, [F; 4]>, weight: &mut F, [velocity]: &mut [F; 1]) {
        missed.fade_velocity(
            velocity,
            |&[momentum, ..]| momentum,
            |[.., rate], sum| *weight -= rate * sum,
        );
    }
}
