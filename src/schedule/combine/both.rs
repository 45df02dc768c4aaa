//! Two schedules at once.

use crate::{
    Error, Memo,
    schedule::{LrSchedule, Progress},
    train::Record,
};

/// How the rates of two schedules become one.
pub trait Combine: std::fmt::Debug + Send + 'static {
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
    Multiply, Product, "The product of two schedules; see [`times`](super::ScheduleExt::times).", |a, b| a * b;
    Higher, Highest, "The higher of two schedules; see [`at_least`](super::ScheduleExt::at_least).", f64::max;
    Lower, Lowest, "The lower of two schedules; see [`at_most`](super::ScheduleExt::at_most).", f64::min;
}

/// Two schedules at once.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Both<A, B, C> {
    pub(super) parts: (A, B),
    pub(super) combine: C,
}

/// A schedule with the momentum of another; see [`with_momentum`](super::ScheduleExt::with_momentum).
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct WithMomentum<A, B> {
    pub(super) schedule: A,
    pub(super) momentum: B,
}

/// Keeps two schedules as parts of one memo.
pub(super) fn save_both(first: &impl LrSchedule, second: &impl LrSchedule, memo: &mut Memo) {
    let (mut a, mut b) = (Memo::new(), Memo::new());
    first.save(&mut a);
    second.save(&mut b);
    memo.put_part("first", a);
    memo.put_part("second", b);
}

pub(super) fn load_both(
    first: &mut impl LrSchedule,
    second: &mut impl LrSchedule,
    memo: &Memo,
) -> Result<(), Error> {
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

    fn sets_momentum(&self) -> bool {
        self.parts.0.sets_momentum() || self.parts.1.sets_momentum()
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

impl<A: LrSchedule, B: LrSchedule> LrSchedule for WithMomentum<A, B> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        self.schedule.rate(progress)
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        Some(self.momentum.rate(progress))
    }

    fn sets_momentum(&self) -> bool {
        true
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
