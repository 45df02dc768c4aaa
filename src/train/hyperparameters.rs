//! Hyperparameters that follow a schedule.

use super::Record;
use crate::{
    Error,
    optim::{Hyperparameter, Rates},
    schedule::{LrSchedule, Progress},
};

/// Schedules of what is not the learning rate.
#[derive(Default)]
pub(super) struct Hyperparameters<'a>(Vec<(Hyperparameter, Box<dyn LrSchedule + 'a>)>);

impl<'a> Hyperparameters<'a> {
    /// Replaces the schedule of a hyperparameter.
    pub(super) fn put(&mut self, which: Hyperparameter, schedule: impl LrSchedule + 'a) {
        self.0.retain(|(other, _)| *other != which);
        self.0.push((which, Box::new(schedule)));
    }

    /// What follows a schedule.
    pub(super) fn scheduled(&self) -> impl Iterator<Item = Hyperparameter> {
        self.0.iter().map(|(which, _)| *which)
    }

    pub(super) fn schedules(&self) -> impl Iterator<Item = &(dyn LrSchedule + 'a)> {
        self.0.iter().map(|(_, schedule)| &**schedule)
    }

    /// Every schedule with the name of what it sets.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, &(dyn LrSchedule + 'a))> {
        self.0.iter().map(|(which, schedule)| (which.name(), &**schedule))
    }

    #[cfg(feature = "checkpoint")]
    pub(super) fn named_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut (dyn LrSchedule + 'a))> {
        self.0
            .iter_mut()
            .map(|(which, schedule)| (which.name(), &mut **schedule))
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        for (which, schedule) in &self.0 {
            schedule.validate().map_err(|error| error.about(which.name()))?;
        }
        Ok(())
    }

    /// Tells every schedule of an evaluation.
    pub(super) fn observe(&mut self, record: &Record) {
        for (_, schedule) in &mut self.0 {
            schedule.observe(record);
        }
    }

    /// Whether nothing is scheduled.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what is scheduled to the rates of a step.
    pub(super) fn set(&mut self, rates: &mut Rates, now: &Progress) {
        for (which, schedule) in &mut self.0 {
            rates.set(*which, schedule.rate(now));
        }
    }
}
