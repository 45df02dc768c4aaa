//! Schedules of schedules.

use super::{LrSchedule, Progress, Span};
use crate::{Error, Memo, error::check, train::Record};

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

    /// Stays at its first rate for this long, then begins.
    fn delayed(self, span: Span) -> Shifted<Self> {
        Shifted {
            schedule: self,
            span,
            repeats: false,
        }
    }

    /// Begins again after every span.
    fn repeated(self, span: Span) -> Shifted<Self> {
        Shifted {
            schedule: self,
            span,
            repeats: true,
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

/// How the rates of two schedules become one.
pub trait Combine: Send + 'static {
    #[doc(hidden)]
    fn combine(a: f64, b: f64) -> f64;
}

macro_rules! combine {
    ($($name:ident, $alias:ident, $doc:literal, $function:expr;)*) => {
        $(
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            #[doc(hidden)]
            pub struct $name;

            impl Combine for $name {
                fn combine(a: f64, b: f64) -> f64 {
                    let function: fn(f64, f64) -> f64 = $function;
                    function(a, b)
                }
            }

            #[doc = $doc]
            pub type $alias<A, B> = Both<A, B, $name>;
        )*
    };
}

combine! {
    Multiply, Product, "The product of two schedules; see [`ScheduleExt::times`].", |a, b| a * b;
    Higher, Highest, "The higher of two schedules; see [`ScheduleExt::at_least`].", f64::max;
    Lower, Lowest, "The lower of two schedules; see [`ScheduleExt::at_most`].", f64::min;
}

/// Two schedules at once.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Both<A, B, C> {
    parts: (A, B),
    combine: C,
}

/// One schedule after another; see [`ScheduleExt::then`].
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Sequence<A, B> {
    parts: (A, B),
    time: Span,
    /// Whether the second has begun.
    second: bool,
}

/// A schedule that begins later, or again and again; see [`ScheduleExt::delayed`] and [`ScheduleExt::repeated`].
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Shifted<S> {
    schedule: S,
    span: Span,
    repeats: bool,
}

/// A schedule after a warm-up; see [`ScheduleExt::warm_up`].
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct WarmUp<S> {
    schedule: S,
    span: Span,
    /// Whether the warm-up is over.
    warm: bool,
}

/// A schedule with the momentum of another; see [`ScheduleExt::with_momentum`].
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct WithMomentum<A, B> {
    schedule: A,
    momentum: B,
}

fn later(progress: &Progress, by: u64) -> Progress {
    Progress {
        step: progress.step.saturating_sub(by),
        ..*progress
    }
}

/// Keeps two schedules as parts of one memo.
fn save_both(first: &impl LrSchedule, second: &impl LrSchedule, memo: &mut Memo) {
    let (mut a, mut b) = (Memo::new(), Memo::new());
    first.save(&mut a);
    second.save(&mut b);
    memo.put_part("first", a);
    memo.put_part("second", b);
}

fn load_both(first: &mut impl LrSchedule, second: &mut impl LrSchedule, memo: &Memo) -> Result<(), Error> {
    first.load(&memo.part("first"))?;
    second.load(&memo.part("second"))
}

impl<A: LrSchedule, B: LrSchedule, C: Combine> LrSchedule for Both<A, B, C> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        C::combine(self.parts.0.rate(progress), self.parts.1.rate(progress))
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        self.parts
            .0
            .momentum(progress)
            .or_else(|| self.parts.1.momentum(progress))
    }

    fn observe(&mut self, record: &Record) {
        self.parts.0.observe(record);
        self.parts.1.observe(record);
    }

    fn follows_metric(&self) -> bool {
        self.parts.0.follows_metric() || self.parts.1.follows_metric()
    }

    fn watches(&self) -> Vec<&str> {
        [self.parts.0.watches(), self.parts.1.watches()].concat()
    }

    fn save(&self, memo: &mut Memo) {
        save_both(&self.parts.0, &self.parts.1, memo);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        load_both(&mut self.parts.0, &mut self.parts.1, memo)
    }

    fn validate(&self) -> Result<(), Error> {
        self.parts.0.validate()?;
        self.parts.1.validate()
    }
}

impl<A: LrSchedule, B: LrSchedule> LrSchedule for Sequence<A, B> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let time = self.time.steps(progress.steps_per_epoch);
        self.second = progress.step >= time;
        if self.second {
            self.parts.1.rate(&later(progress, time))
        } else {
            self.parts.0.rate(progress)
        }
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        let time = self.time.steps(progress.steps_per_epoch);
        if progress.step >= time {
            self.parts.1.momentum(&later(progress, time))
        } else {
            self.parts.0.momentum(progress)
        }
    }

    /// Only the part that is in force hears of it.
    fn observe(&mut self, record: &Record) {
        if self.second {
            self.parts.1.observe(record)
        } else {
            self.parts.0.observe(record)
        }
    }

    fn follows_metric(&self) -> bool {
        self.parts.0.follows_metric() || self.parts.1.follows_metric()
    }

    fn watches(&self) -> Vec<&str> {
        [self.parts.0.watches(), self.parts.1.watches()].concat()
    }

    fn save(&self, memo: &mut Memo) {
        save_both(&self.parts.0, &self.parts.1, memo);
        memo.put("in_second", [u64::from(self.second)]);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        let second = memo.count("in_second")? != 0;
        load_both(&mut self.parts.0, &mut self.parts.1, memo)?;
        self.second = second;
        Ok(())
    }

    fn validate(&self) -> Result<(), Error> {
        self.parts.0.validate()?;
        self.parts.1.validate()
    }
}

impl<S> Shifted<S> {
    fn shift(&self, progress: &Progress) -> Progress {
        let span = self.span.steps(progress.steps_per_epoch);
        match self.repeats {
            true => Progress {
                step: progress.step % span.max(1),
                ..*progress
            },
            false => later(progress, span),
        }
    }
}

/// The parts of a schedule that is around another and passes on what it hears.
macro_rules! pass_on {
    () => {
        fn follows_metric(&self) -> bool {
            self.schedule.follows_metric()
        }

        fn watches(&self) -> Vec<&str> {
            self.schedule.watches()
        }
    };
}

impl<S: LrSchedule> LrSchedule for Shifted<S> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        self.schedule.rate(&self.shift(progress))
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        self.schedule.momentum(&self.shift(progress))
    }

    fn observe(&mut self, record: &Record) {
        self.schedule.observe(record);
    }

    pass_on!();

    fn save(&self, memo: &mut Memo) {
        self.schedule.save(memo);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        self.schedule.load(memo)
    }

    fn validate(&self) -> Result<(), Error> {
        if self.repeats {
            self.span.check("span of repeated")?;
        }
        self.schedule.validate()
    }
}

impl<S: LrSchedule> LrSchedule for WarmUp<S> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let span = self.span.steps(progress.steps_per_epoch);
        self.warm = progress.step >= span;
        let rate = self.schedule.rate(&later(progress, span));
        if self.warm {
            rate
        } else {
            rate * (progress.step + 1) as f64 / span as f64
        }
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        let span = self.span.steps(progress.steps_per_epoch);
        self.schedule.momentum(&later(progress, span))
    }

    fn observe(&mut self, record: &Record) {
        if self.warm {
            self.schedule.observe(record);
        }
    }

    pass_on!();

    fn save(&self, memo: &mut Memo) {
        let mut schedule = Memo::new();
        self.schedule.save(&mut schedule);
        memo.put_part("schedule", schedule);
        memo.put("warm", [u64::from(self.warm)]);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        let warm = memo.count("warm")? != 0;
        self.schedule.load(&memo.part("schedule"))?;
        self.warm = warm;
        Ok(())
    }

    fn validate(&self) -> Result<(), Error> {
        self.schedule.validate()
    }
}

impl<A: LrSchedule, B: LrSchedule> LrSchedule for WithMomentum<A, B> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        self.schedule.rate(progress)
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        Some(self.momentum.rate(progress))
    }

    fn observe(&mut self, record: &Record) {
        self.schedule.observe(record);
        self.momentum.observe(record);
    }

    fn follows_metric(&self) -> bool {
        self.schedule.follows_metric() || self.momentum.follows_metric()
    }

    fn watches(&self) -> Vec<&str> {
        [self.schedule.watches(), self.momentum.watches()].concat()
    }

    fn save(&self, memo: &mut Memo) {
        save_both(&self.schedule, &self.momentum, memo);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        load_both(&mut self.schedule, &mut self.momentum, memo)
    }

    fn validate(&self) -> Result<(), Error> {
        self.schedule.validate()?;
        self.momentum.validate().map_err(|error| error.about("momentum"))
    }
}
