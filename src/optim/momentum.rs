//! Gradient descent with momentum.

use super::{Buffer, Missed, Moment, Rule, missed::fade};
use crate::{Error, Scalar, error::check};

/// Momentum: a ball that rolls downhill and keeps its speed.
///
/// `v ← β v + (1 − d) g`, `w ← w − η v`; on the first step and where β is 0 `v = g`, whatever the
/// dampening `d`. With Nesterov's
/// look-ahead: `w ← w − η (g + β v)`. The velocity is free of the learning rate, so a schedule acts at once.
///
/// | setting | default | range |
/// |---|---|---|
/// | `momentum` β | 0.9 | [0, 1) |
/// | `dampening` d | 0 | any finite number |
/// | `nesterov` | no | only with d = 0 and β > 0 |
/// | learning rate | 0.01 | ≥ 0 |
///
/// Equal to `torch.optim.SGD(momentum=β, dampening=d, nesterov=…)`; the lecture's form. Keras and ensmallen keep η
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
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Momentum {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    rate_inside: bool,
}

impl Momentum {
    /// With this momentum β; 0.9 is usual.
    pub fn new(momentum: f64) -> Self {
        Self {
            momentum,
            dampening: 0.0,
            nesterov: false,
            rate_inside: false,
        }
    }

    /// Takes only `1 − dampening` of each gradient but the first. Default: 0.
    pub fn dampening(mut self, dampening: f64) -> Self {
        self.dampening = dampening;
        self
    }

    /// Keeps the learning rate inside the velocity, as Keras and ensmallen do: `v ← β v + η g`, `w ← w − v`; with Nesterov's
    /// look-ahead `w ← w − (η g + β v)`. A change of η then acts gradually.
    pub fn rate_inside(mut self) -> Self {
        self.rate_inside = true;
        self
    }

    /// Looks ahead along the velocity before it moves.
    pub fn nesterov(mut self) -> Self {
        self.nesterov = true;
        self
    }
}

impl Default for Momentum {
    fn default() -> Self {
        Self::new(0.9)
    }
}

/// The step is `w − (gradient_rate · g + velocity_rate · v)`, so Nesterov's form and the plain one are one formula.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Coefficients<F> {
    momentum: F,
    share: F,
    gradient_rate: F,
    velocity_rate: F,
}

impl<F: Scalar> Rule<F> for Momentum {
    type Slots = [F; 1];
    type Coefficients = Coefficients<F>;

    fn name(&self) -> &'static str {
        "momentum"
    }

    fn default_rate(&self) -> f64 {
        0.01
    }

    fn buffers(&self) -> Vec<Buffer> {
        vec![Buffer::zeros("velocity")]
    }

    fn validate(&self) -> Result<(), Error> {
        check::below_one("momentum", self.momentum)?;
        check::require(self.dampening.is_finite(), "dampening", self.dampening, "finite")?;
        let allowed = !self.nesterov || (self.dampening == 0.0 && self.momentum > 0.0);
        let given = format!(
            "on with momentum {} and dampening {}",
            self.momentum, self.dampening
        );
        check::require(
            allowed,
            "nesterov",
            given,
            "used with a momentum above 0 and no dampening",
        )
    }

    fn coefficients(&self, now: Moment) -> Coefficients<F> {
        let momentum = now.momentum.unwrap_or(self.momentum);
        let rate = now.learning_rate;
        // Without momentum there is no velocity to dampen, as in PyTorch.
        let share = if now.step == 1 || momentum == 0.0 {
            1.0
        } else {
            1.0 - self.dampening
        };
        let (inner, outer) = if self.rate_inside {
            (rate, 1.0)
        } else {
            (1.0, rate)
        };
        Coefficients {
            momentum: F::of(momentum),
            share: F::of(share * inner),
            gradient_rate: F::of(if self.nesterov { rate } else { 0.0 }),
            velocity_rate: F::of(if self.nesterov { outer * momentum } else { outer }),
        }
    }

    #[inline(always)]
    fn update(c: &Coefficients<F>, weight: &mut F, gradient: F, [velocity]: &mut [F; 1]) {
        *velocity = c.momentum * *velocity + c.share * gradient;
        *weight -= c.gradient_rate * gradient + c.velocity_rate * *velocity;
    }

    /// `v ← βⁿ v`, and `w` moves by the geometric sum of what `v` was.
    fn skip(missed: Missed<'_, Coefficients<F>>, weight: &mut F, [velocity]: &mut [F; 1]) {
        for (c, times) in missed.stretches() {
            *weight -= c.velocity_rate * fade(velocity, c.momentum, times);
        }
    }
}
