//! Rates that fall without end.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// How a [`Decay`] falls.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Exponential(f64),
    InverseTime(f64),
    InverseRoot,
}

/// A rate that falls at every step (or rises, by a γ above 1).
///
/// With `k` the number of updates before this one and `n` the span in steps:
///
/// | constructor | the rate | as |
/// |---|---|---|
/// | [`Decay::exponential`] | `base γ^(k/n)` | `ExponentialLR`, `optax.exponential_decay` |
/// | [`Decay::inverse_time`] | `base / (1 + γ k/n)` | Keras's `InverseTimeDecay` |
/// | [`Decay::inverse_root`] | `peak · min((k+1)/n, √(n/(k+1)))` | the warm-up of the Transformer ("Noam") |
///
/// PyTorch's `step` once an epoch is [`by_epoch`](super::ScheduleExt::by_epoch).
///
/// ```
/// use downhill::schedule::{Decay, LrSchedule, Progress, Span};
/// let mut schedule = Decay::exponential(0.5, 0.5, Span::Epochs(1));
/// let rate = |step| schedule.rate(&Progress { step, steps_per_epoch: 2 });
/// assert_eq!([0, 2, 4].map(rate), [0.5, 0.25, 0.125]);
/// ```
///
/// Source of the inverse root: A. Vaswani et al., *Attention Is All You Need*, arXiv 1706.03762 (2017).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Decay {
    base: f64,
    span: Span,
    kind: Kind,
}

impl Decay {
    /// By the factor γ, finite and at least 0, over every span, and smoothly within it ([`StepDecay`](super::StepDecay) makes
    /// steps).
    pub fn exponential(base: f64, gamma: f64, span: Span) -> Self {
        Self {
            base,
            span,
            kind: Kind::Exponential(gamma),
        }
    }

    /// In inverse proportion to the time, γ at least 0.
    pub fn inverse_time(base: f64, gamma: f64, span: Span) -> Self {
        Self {
            base,
            span,
            kind: Kind::InverseTime(gamma),
        }
    }

    /// In a straight line up to `peak` over the warm-up, then with the inverse root of the time.
    pub fn inverse_root(peak: f64, warm_up: Span) -> Self {
        Self {
            base: peak,
            span: warm_up,
            kind: Kind::InverseRoot,
        }
    }
}

impl LrSchedule for Decay {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let length = self.span.steps(progress.steps_per_epoch).max(1) as f64;
        let x = progress.step as f64 / length;
        self.base
            * match self.kind {
                Kind::Exponential(gamma) => gamma.powf(x),
                Kind::InverseTime(gamma) => 1.0 / (1.0 + gamma * x),
                Kind::InverseRoot => {
                    let now = (progress.step as f64 + 1.0) / length;
                    now.min((1.0 / now).sqrt())
                }
            }
    }

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("base of Decay", self.base)?;
        self.span.check("span of Decay")?;
        match self.kind {
            Kind::Exponential(gamma) | Kind::InverseTime(gamma) => {
                check::non_negative("gamma of Decay", gamma)
            }
            Kind::InverseRoot => Ok(()),
        }
    }
}
