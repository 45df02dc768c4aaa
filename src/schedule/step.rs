//! Step decay.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// The rate falls by a factor after every `every`: `η γ^⌊t / every⌋`. `torch.optim.lr_scheduler.StepLR`.
///
/// ```
/// use downhill::schedule::{LrSchedule, Progress, Span, StepDecay};
/// let mut schedule = StepDecay::new(0.5, Span::Epochs(30)).factor(0.5);
/// let rate = |epoch: u64| schedule.rate(&Progress { step: epoch * 100, steps_per_epoch: 100 });
/// assert_eq!([0, 29, 30, 60].map(rate), [0.5, 0.5, 0.25, 0.125]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct StepDecay {
    base: f64,
    every: Span,
    factor: f64,
}

impl StepDecay {
    /// Starts at `base`, finite and at least 0, and falls after every `every`, at least 1 long.
    pub fn new(base: f64, every: Span) -> Self {
        Self {
            base,
            every,
            factor: 0.1,
        }
    }

    /// Sets γ, finite and at least 0. Default: 0.1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }
}

impl LrSchedule for StepDecay {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let falls = progress.step / self.every.steps(progress.steps_per_epoch).max(1);
        self.base * self.factor.powf(falls as f64)
    }

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("base of StepDecay", self.base)?;
        check::non_negative("factor of StepDecay", self.factor)?;
        self.every.check("every of StepDecay")
    }
}
