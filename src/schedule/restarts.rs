//! Warm restarts.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// Cosine annealing with warm restarts: the rate falls from `max` towards `min`, leaps back, and takes longer each time.
///
/// Within a period of T steps, the k-th has the rate `min + (max − min) (1 + cos(πk/T)) / 2`; the next period is `growth`
/// times as long.
///
/// `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`, whose `T_mult` is `growth` (any number from 1 here); where its `step`
/// is called once an epoch, [`by_epoch`](super::ScheduleExt::by_epoch) is that.
///
/// ```
/// use downhill::schedule::{CosineRestarts, LrSchedule, Progress, Span};
/// let mut schedule = CosineRestarts::new(0.5, 0.0, Span::Steps(2)).growth(2.0);
/// let mut rate = |step| schedule.rate(&Progress { step, steps_per_epoch: 1 });
/// assert_eq!([0, 1, 2, 4, 6].map(|step| (rate(step) * 1e9).round() / 1e9), [0.5, 0.25, 0.5, 0.25, 0.5]);
/// ```
///
/// Source: I. Loshchilov and F. Hutter, *SGDR*, arXiv 1608.03983 (2017).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct CosineRestarts {
    max: f64,
    min: f64,
    first: Span,
    growth: f64,
}

impl CosineRestarts {
    /// Between `max` and `min`, both finite and at least 0, with a first period of this length.
    pub fn new(max: f64, min: f64, first: Span) -> Self {
        Self {
            max,
            min,
            first,
            growth: 1.0,
        }
    }

    /// Makes every period so many times as long as the one before, at least 1. Default: 1.
    pub fn growth(mut self, growth: f64) -> Self {
        self.growth = growth;
        self
    }
}

impl LrSchedule for CosineRestarts {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let first = self.first.steps(progress.steps_per_epoch).max(1) as f64;
        let step = progress.step as f64;
        let (position, period) = if self.growth > 1.0 {
            // After n periods `first (growthⁿ − 1) / (growth − 1)` steps are over.
            let begun = |n: f64| first * (self.growth.powf(n) - 1.0) / (self.growth - 1.0);
            let mut n = ((step / first) * (self.growth - 1.0) + 1.0)
                .log(self.growth)
                .floor();
            // The logarithm may be off by a rounding where a period ends.
            if begun(n + 1.0) <= step {
                n += 1.0;
            } else if begun(n) > step {
                n -= 1.0;
            }
            (step - begun(n), first * self.growth.powf(n))
        } else {
            (step % first, first)
        };
        self.min + (self.max - self.min) * (1.0 + (std::f64::consts::PI * position / period).cos()) / 2.0
    }

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("max of CosineRestarts", self.max)?;
        check::non_negative("min of CosineRestarts", self.min)?;
        self.first.check("first of CosineRestarts")?;
        let legal = self.growth >= 1.0 && self.growth.is_finite();
        check::require(
            legal,
            "growth of CosineRestarts",
            self.growth,
            "finite and at least 1",
        )
    }
}
