//! Learning-rate schedules.
//!
//! | schedule | the rate |
//! |---|---|
//! | a number | stays |
//! | [`StepDecay`] | falls by a factor after every so many epochs or steps |
//! | [`Piecewise`] | another from each of given times on; [`multi_step`](Piecewise::multi_step) |
//! | [`Ramp`] | from one value to another: linear, cosine, polynomial, exponential |
//! | [`Decay`] | falls without end: exponential, with the inverse of the time, or of its root after a warm-up (Noam) |
//! | [`Cyclical`] | rises and falls between two bounds, another at each batch |
//! | [`CosineRestarts`] | falls along half a wave and leaps back, over longer and longer periods (SGDR) |
//! | [`OneCycle`] | up, down, and on down to almost nothing, with the momentum against it |
//! | [`Demon`] | a momentum that decays to 0 |
//! | [`ReduceOnPlateau`] | falls by a factor when a metric no longer improves |
//! | [`from_fn`] | what a closure says |
//!
//! A schedule is asked before every update and told of every evaluation, so those that follow the step and those that
//! follow a metric are one kind of thing: [`ReduceOnPlateau`] goes around any other, and [`ScheduleExt`] makes one of several:
//! in sequence, as a product, the higher or lower of two, scaled, delayed, repeated, after a warm-up, epoch by epoch.
//! [`preview`] shows one.
//!
//! A rate is read before every update, so that over [`Span::Epochs`] it changes within epochs. A scheduler of PyTorch whose
//! `step` is called once an epoch changes between them: [`by_epoch`](ScheduleExt::by_epoch).

mod combine;
mod cyclical;
mod decay;
mod demon;
mod one_cycle;
mod piecewise;
mod plateau;
mod ramp;
mod restarts;
mod step;

pub use combine::{
    Both, ByEpoch, Combine, Highest, Lowest, Product, ScheduleExt, Sequence, Shifted, WarmUp, WithMomentum,
    preview,
};
pub use cyclical::{Amplitude, Cyclical};
pub use decay::Decay;
pub use demon::Demon;
pub use one_cycle::OneCycle;
pub use piecewise::Piecewise;
pub use plateau::{NanPolicy, ReduceOnPlateau, Threshold};
pub use ramp::Ramp;
pub use restarts::CosineRestarts;
pub use step::StepDecay;

use std::fmt::{self, Debug};

use crate::{Error, Memo, error::check, memo, train::Record};

/// A length with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Updates.
    Steps(u64),
    /// Passes over the data.
    Epochs(u64),
}

impl Span {
    /// The number of steps that is.
    pub fn steps(self, steps_per_epoch: u64) -> u64 {
        match self {
            Span::Steps(steps) => steps,
            Span::Epochs(epochs) => epochs.saturating_mul(steps_per_epoch),
        }
    }

    pub(crate) fn check(self, argument: &str) -> Result<(), Error> {
        check::require(
            self.steps(1) > 0,
            argument,
            format!("{self:?}"),
            "at least 1 long",
        )
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The number of updates made before this one.
    pub step: u64,
    /// The number of updates in an epoch, at least 1.
    pub steps_per_epoch: u64,
}

impl Progress {
    /// The number of epochs completed.
    pub fn epoch(&self) -> u64 {
        self.step / self.steps_per_epoch.max(1)
    }
}

/// A learning-rate schedule. Any `f64` is one: a constant.
///
/// ```
/// use downhill::schedule::{LrSchedule, Progress};
///
/// /// η / √(1 + t)
/// #[derive(Debug)]
/// struct InverseRoot(f64);
///
/// impl LrSchedule for InverseRoot {
///     fn rate(&mut self, progress: &Progress) -> f64 {
///         self.0 / (1.0 + progress.step as f64).sqrt()
///     }
///
///     fn follows_metric(&self) -> bool {
///         false
///     }
/// }
///
/// assert_eq!(InverseRoot(0.1).rate(&Progress { step: 3, steps_per_epoch: 10 }), 0.05);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no learning rate",
    note = "a number is one, as `f64`, and so is a schedule; a closure becomes one by `schedule::from_fn`"
)]
pub trait LrSchedule: Debug + Send {
    /// The learning rate of the update that is about to be made.
    fn rate(&mut self, progress: &Progress) -> f64;

    /// The momentum of the same update, where the schedule sets one; it then says so in [`LrSchedule::sets_momentum`].
    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        let _ = progress;
        None
    }

    /// Whether it sets a momentum at any time, so that a run can refuse an optimiser that has none. Default: no.
    fn sets_momentum(&self) -> bool {
        false
    }

    /// Told of every evaluation; see [`Trainer::evaluate_every`](crate::Trainer::evaluate_every).
    fn observe(&mut self, record: &Record) {
        let _ = record;
    }

    /// Whether it wants to be told of every evaluation. A schedule that is a function of the step says no: then it may be asked
    /// for steps ahead, and again, [`preview`] shows it, and where nobody wants to be told, most steps of a plain function are
    /// not evaluated. Default: yes.
    fn follows_metric(&self) -> bool {
        true
    }

    /// Whether rate and momentum are the same at every step, so that they need not be asked for again. Default: no.
    fn is_constant(&self) -> bool {
        false
    }

    /// The names of the metrics it follows, so that a run can refuse one that is not there.
    fn watches(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What kind it is, so that a checkpoint goes back to its own. Default: the name of the type, without its path.
    fn kind(&self) -> String {
        memo::kind::<Self>()
    }

    /// Hands over what it has learnt during the run, to be saved. A schedule that only looks at the step has nothing.
    fn save(&self, memo: &mut Memo) {
        let _ = memo;
    }

    /// Takes back what [`LrSchedule::save`] handed over.
    ///
    /// # Errors
    /// [`Error::Malformed`] if something is missing.
    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        let _ = memo;
        Ok(())
    }

    /// Whether every setting is legal. Called when a run is built.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the setting.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl LrSchedule for f64 {
    fn rate(&mut self, _: &Progress) -> f64 {
        *self
    }

    fn is_constant(&self) -> bool {
        true
    }

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("learning_rate", *self)
    }
}

impl<S: LrSchedule + ?Sized> LrSchedule for Box<S> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        (**self).rate(progress)
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        (**self).momentum(progress)
    }

    fn sets_momentum(&self) -> bool {
        (**self).sets_momentum()
    }

    fn observe(&mut self, record: &Record) {
        (**self).observe(record);
    }

    fn follows_metric(&self) -> bool {
        (**self).follows_metric()
    }

    fn is_constant(&self) -> bool {
        (**self).is_constant()
    }

    fn watches(&self) -> Vec<&str> {
        (**self).watches()
    }

    fn kind(&self) -> String {
        (**self).kind()
    }

    fn save(&self, memo: &mut Memo) {
        (**self).save(memo);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        (**self).load(memo)
    }

    fn validate(&self) -> Result<(), Error> {
        (**self).validate()
    }
}

/// A schedule from a closure: a function of the step.
///
/// ```
/// use downhill::schedule::{from_fn, preview};
/// let halves = from_fn(|progress| 0.5_f64.powf(progress.epoch() as f64));
/// assert_eq!(preview(halves, 4, 2)?, [1.0, 1.0, 0.5, 0.5]);
/// # Ok::<(), downhill::Error>(())
/// ```
pub fn from_fn<C: Fn(&Progress) -> f64 + Send>(closure: C) -> FromFn<C> {
    FromFn(closure)
}

/// A closure as a schedule; see [`from_fn`].
#[derive(Clone, Copy)]
#[must_use]
pub struct FromFn<C>(C);

impl<C> Debug for FromFn<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a closure")
    }
}

impl<C: Fn(&Progress) -> f64 + Send> LrSchedule for FromFn<C> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        (self.0)(progress)
    }

    fn follows_metric(&self) -> bool {
        false
    }
}
