//! From one value to another.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// What is left of the way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Linear,
    Cosine,
    Exponential,
}

/// From one value to another over a span, then constant: linear, cosine, polynomial or exponential annealing, and every
/// kind of warm-up.
///
/// With `x` the share of the span that is over, at most 1:
///
/// | constructor | the rate | as |
/// |---|---|---|
/// | [`Ramp::linear`] | `from + (to − from) x` | `LinearLR` |
/// | [`Ramp::cosine`] | `to + (from − to) (1 + cos πx) / 2` | `CosineAnnealingLR` up to its `T_max`, [past it](Ramp::periodic), `SWALR` |
/// | [`Ramp::polynomial`] | `to + (from − to) (1 − x)^power` | `PolynomialLR`, `optax.polynomial_schedule` |
/// | [`Ramp::exponential`] | `from (to / from)^x` | the range test of Smith |
///
/// [`Ramp::power`] bends a line or a wave: what is left of the way, `1 − x` or `(1 + cos πx) / 2`, is raised to a power.
/// PyTorch's schedulers change at each call of their `step`, ramps at every update: one call an epoch is
/// [`by_epoch`](super::ScheduleExt::by_epoch). PyTorch's cosine climbs again past its end, and [`Ramp::periodic`] does so too;
/// without it a ramp holds its last value, as Optax's does.
///
/// ```
/// use downhill::schedule::{LrSchedule, Progress, Ramp, Span};
/// let mut schedule = Ramp::cosine(0.5, 0.25, Span::Epochs(1));
/// let rate = |step| schedule.rate(&Progress { step, steps_per_epoch: 4 });
/// assert_eq!([0, 2, 4, 100].map(rate), [0.5, 0.375, 0.25, 0.25]);
/// ```
///
/// Source of the cosine: I. Loshchilov and F. Hutter, arXiv 1608.03983 (2017).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Ramp {
    from: f64,
    to: f64,
    span: Span,
    shape: Shape,
    power: f64,
    periodic: bool,
}

impl Ramp {
    /// In a straight line. Both values are finite and at least 0.
    pub fn linear(from: f64, to: f64, span: Span) -> Self {
        Self {
            from,
            to,
            span,
            shape: Shape::Linear,
            power: 1.0,
            periodic: false,
        }
    }

    /// Along half a wave: slowly, fast, slowly.
    pub fn cosine(from: f64, to: f64, span: Span) -> Self {
        Self {
            shape: Shape::Cosine,
            ..Self::linear(from, to, span)
        }
    }

    /// With a power above 0: 1 is linear, a higher one is fast at first.
    pub fn polynomial(from: f64, to: f64, span: Span, power: f64) -> Self {
        Self::linear(from, to, span).power(power)
    }

    /// By the same factor at each step. Both values are above 0.
    pub fn exponential(from: f64, to: f64, span: Span) -> Self {
        Self {
            shape: Shape::Exponential,
            ..Self::linear(from, to, span)
        }
    }

    /// Lets a cosine go on past its end, up and down again, as `CosineAnnealingLR` does past its `T_max`. Only for
    /// [`Ramp::cosine`].
    pub fn periodic(mut self) -> Self {
        self.periodic = true;
        self
    }

    /// Raises what is left of a line or of a wave to a power above 0, as the `exponent` of Optax's cosine does. Default: 1.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }
}

impl LrSchedule for Ramp {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let length = self.span.steps(progress.steps_per_epoch);
        if progress.step >= length && !self.periodic {
            return self.to;
        }
        let x = progress.step as f64 / length as f64;
        let left = match self.shape {
            Shape::Linear if self.power == 1.0 => return self.from + (self.to - self.from) * x,
            Shape::Exponential => return self.from * (self.to / self.from).powf(x),
            Shape::Linear => 1.0 - x,
            Shape::Cosine => (1.0 + (std::f64::consts::PI * x).cos()) / 2.0,
        };
        self.to + (self.from - self.to) * left.powf(self.power)
    }

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        let legal = if self.shape == Shape::Exponential {
            check::positive
        } else {
            check::non_negative
        };
        legal("from of Ramp", self.from)?;
        legal("to of Ramp", self.to)?;
        self.span.check("span of Ramp")?;
        check::require(
            !self.periodic || self.shape == Shape::Cosine,
            "periodic of Ramp",
            format!("{:?}", self.shape),
            "a cosine",
        )?;
        check::positive("power of Ramp", self.power)
    }
}
