//! Schedules of schedules.

mod both;
mod time;

pub use both::{Both, Combine, Highest, Lowest, Product, WithMomentum};
pub use time::{ByEpoch, Sequence, Shifted, WarmUp};

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};
use both::{Higher, Lower, Multiply};

/// What can be done with any schedule; a number is one.
///
/// ```
/// use downhill::schedule::{Cyclical, LrSchedule, Ramp, ReduceOnPlateau, ScheduleExt, Span, preview};
///
/// // Up over two epochs, constant for ten, down over five.
/// let peak = 0.1;
/// let warm_up_stable_decay = Ramp::linear(0.0, peak, Span::Epochs(2))
///     .then(Span::Epochs(2), peak)
///     .then(Span::Epochs(12), Ramp::linear(peak, 0.0, Span::Epochs(5)));
/// let rates = preview(warm_up_stable_decay, 20, 1)?;
/// assert_eq!((rates[1], rates[2], rates[11], rates[17]), (0.05, 0.1, 0.1, 0.0));
///
/// let warm_up_then_plateau = ReduceOnPlateau::new(0.1).warm_up(Span::Steps(500));
/// let cycles_lowered_by_plateau = ReduceOnPlateau::new(Cyclical::new(0.01, 0.1, Span::Epochs(4)));
/// # let _ = (warm_up_then_plateau, cycles_lowered_by_plateau);
/// # Ok::<(), downhill::Error>(())
/// ```
pub trait ScheduleExt: LrSchedule + Sized {
    /// Multiplies the rate by a constant, at least 0.
    fn scaled(self, factor: f64) -> Product<Self, f64> {
        self.times(factor)
    }

    /// Multiplies the rates of two schedules: PyTorch's `ChainedScheduler`.
    fn times<S: LrSchedule>(self, other: S) -> Product<Self, S> {
        Both {
            parts: (self, other),
            combine: Multiply,
        }
    }

    /// The higher rate of two schedules; a number is a lower bound.
    fn at_least<S: LrSchedule>(self, other: S) -> Highest<Self, S> {
        Both {
            parts: (self, other),
            combine: Higher,
        }
    }

    /// The lower rate of two schedules; a number is an upper bound.
    fn at_most<S: LrSchedule>(self, other: S) -> Lowest<Self, S> {
        Both {
            parts: (self, other),
            combine: Lower,
        }
    }

    /// From this time on another schedule, which begins then: PyTorch's `SequentialLR`.
    fn then<S: LrSchedule>(self, time: Span, next: S) -> Sequence<Self, S> {
        Sequence {
            parts: (self, next),
            time,
            second: false,
        }
    }

    /// Stays at its first rate for this long, then begins, and only then hears of evaluations.
    fn delayed(self, span: Span) -> Shifted<Self> {
        Shifted {
            schedule: self,
            span,
            repeats: false,
            begun: false,
        }
    }

    /// Begins again after every span.
    fn repeated(self, span: Span) -> Shifted<Self> {
        Shifted {
            schedule: self,
            span,
            repeats: true,
            begun: false,
        }
    }

    /// Rises in a straight line from 0 to the schedule's first rate over this span; then the schedule begins, and only
    /// then does it hear of evaluations. The first update has the rate of one step.
    fn warm_up(self, span: Span) -> WarmUp<Self> {
        WarmUp {
            schedule: self,
            span,
            warm: false,
        }
    }

    /// Holds within every epoch the rate and the momentum of its first step: a PyTorch scheduler whose `step` is called once an
    /// epoch. What follows a metric still acts at once.
    ///
    /// ```
    /// use downhill::schedule::{Ramp, ScheduleExt, Span, preview};
    /// let ramp = Ramp::linear(1.0, 0.0, Span::Epochs(2));
    /// assert_eq!(preview(ramp, 6, 2)?, [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]);
    /// assert_eq!(preview(ramp.by_epoch(), 6, 2)?, [1.0, 1.0, 0.5, 0.5, 0.0, 0.0]);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    fn by_epoch(self) -> ByEpoch<Self> {
        ByEpoch { schedule: self }
    }

    /// Takes the momentum from another schedule, such as [`Demon`](super::Demon).
    fn with_momentum<S: LrSchedule>(self, momentum: S) -> WithMomentum<Self, S> {
        WithMomentum {
            schedule: self,
            momentum,
        }
    }
}

impl<S: LrSchedule> ScheduleExt for S {}

/// The rates of a schedule for so many steps: what a run would use.
///
/// # Errors
/// [`Error::InvalidArgument`] if a setting is illegal, if `steps_per_epoch` is 0, or if the schedule follows a metric,
/// which is not known beforehand.
pub fn preview(mut schedule: impl LrSchedule, steps: u64, steps_per_epoch: u64) -> Result<Vec<f64>, Error> {
    schedule.validate()?;
    check::require(steps_per_epoch > 0, "steps_per_epoch", 0, "at least 1")?;
    check::require(
        !schedule.follows_metric(),
        "schedule",
        "one that follows a metric",
        "one that does not",
    )?;
    Ok((0..steps)
        .map(|step| {
            schedule.rate(&Progress {
                step,
                steps_per_epoch,
            })
        })
        .collect())
}
