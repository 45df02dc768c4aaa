//! Schedules one after another, later, again.

use super::both::{load_both, save_both};
use crate::{
    Error, Memo,
    schedule::{LrSchedule, Progress, Span},
    train::Record,
};

/// One schedule after another; see [`then`](super::ScheduleExt::then).
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Sequence<A, B> {
    pub(super) parts: (A, B),
    pub(super) time: Span,
    /// Whether the second has begun.
    pub(super) second: bool,
}

/// A schedule that begins later, or again and again; see [`delayed`](super::ScheduleExt::delayed) and
/// [`repeated`](super::ScheduleExt::repeated).
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Shifted<S> {
    pub(super) schedule: S,
    pub(super) span: Span,
    pub(super) repeats: bool,
    /// Whether the delay is over.
    pub(super) begun: bool,
}

/// A schedule after a warm-up; see [`warm_up`](super::ScheduleExt::warm_up).
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct WarmUp<S> {
    pub(super) schedule: S,
    pub(super) span: Span,
    /// Whether the warm-up is over.
    pub(super) warm: bool,
}

/// A schedule that changes from epoch to epoch only; see [`by_epoch`](super::ScheduleExt::by_epoch).
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct ByEpoch<S> {
    pub(super) schedule: S,
}

fn later(progress: &Progress, by: u64) -> Progress {
    Progress {
        step: progress.step.saturating_sub(by),
        ..*progress
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

    fn sets_momentum(&self) -> bool {
        self.parts.0.sets_momentum() || self.parts.1.sets_momentum()
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

/// Keeps a schedule as a part of a memo.
fn save_one(schedule: &impl LrSchedule, memo: &mut Memo) {
    let mut part = Memo::new();
    schedule.save(&mut part);
    memo.put_part("schedule", part);
}

/// The parts of a schedule that is around another and passes on what it hears.
macro_rules! pass_on {
    () => {
        fn sets_momentum(&self) -> bool {
            self.schedule.sets_momentum()
        }

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
        self.begun = self.repeats || progress.step >= self.span.steps(progress.steps_per_epoch);
        self.schedule.rate(&self.shift(progress))
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        self.schedule.momentum(&self.shift(progress))
    }

    fn observe(&mut self, record: &Record) {
        if self.begun {
            self.schedule.observe(record);
        }
    }

    pass_on!();

    fn save(&self, memo: &mut Memo) {
        save_one(&self.schedule, memo);
        memo.put("begun", [u64::from(self.begun)]);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        let begun = memo.count("begun")? != 0;
        self.schedule.load(&memo.part("schedule"))?;
        self.begun = begun;
        Ok(())
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
        save_one(&self.schedule, memo);
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

/// The first step of the epoch.
fn first(progress: &Progress) -> Progress {
    Progress {
        step: progress.epoch() * progress.steps_per_epoch.max(1),
        ..*progress
    }
}

impl<S: LrSchedule> LrSchedule for ByEpoch<S> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        self.schedule.rate(&first(progress))
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        self.schedule.momentum(&first(progress))
    }

    fn observe(&mut self, record: &Record) {
        self.schedule.observe(record);
    }

    pass_on!();

    fn is_constant(&self) -> bool {
        self.schedule.is_constant()
    }

    fn save(&self, memo: &mut Memo) {
        save_one(&self.schedule, memo);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        self.schedule.load(&memo.part("schedule"))
    }

    fn validate(&self) -> Result<(), Error> {
        self.schedule.validate()
    }
}
