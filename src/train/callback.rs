//! What may watch a run, end it, and change its rate.

use std::path::Path;

use super::{Record, Run, StopReason, Watch};
use crate::{Error, Gradient, Memo, Params, memo, optim::Rates};

/// What a callback wants of the run.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use]
pub enum Control {
    /// Goes on.
    #[default]
    Continue,
    /// Ends here, for this reason. Of several callbacks that stop a run the first gives the reason.
    Stop(StopReason),
    /// Goes on with all further learning rates multiplied by a factor, at least 0; several factors multiply.
    ScaleRate(f64),
}

impl Control {
    /// Ends the run with [`StopReason::Callback`].
    pub fn stop(reason: impl Into<String>) -> Self {
        Control::Stop(StopReason::Callback(reason.into()))
    }
}

/// A closure that only looks on returns nothing.
impl From<()> for Control {
    fn from((): ()) -> Self {
        Control::Continue
    }
}

/// What could not be done ends the run with [`StopReason::Failed`].
impl From<Result<(), Error>> for Control {
    fn from(result: Result<(), Error>) -> Self {
        result.map_or_else(
            |error| Control::Stop(StopReason::Failed(error)),
            |()| Control::Continue,
        )
    }
}

/// Before the first update, when everything has been checked.
#[derive(Debug)]
#[non_exhaustive]
pub struct StartEvent<'a, F> {
    /// The name of the optimiser.
    pub optimizer: &'a str,
    /// The kind of learning-rate schedule; `"f64"` where it is a number.
    pub schedule: &'a str,
    /// All settings of the run in words, names and values: what a report lists.
    pub settings: &'a [(&'static str, String)],
    /// The seed of everything random.
    pub seed: u64,
    /// The parameters from which the run goes on.
    pub params: &'a Params<F>,
    /// Whether the run is continued from a checkpoint.
    pub resumed: bool,
    /// The number of steps made before: 0, unless the run is continued.
    pub step: u64,
    /// The number of epochs completed before.
    pub epoch: u64,
    /// The number of steps in an epoch.
    pub steps_per_epoch: u64,
    /// How many rows a batch has.
    pub batch_rows: usize,
    /// After how many epochs the run will end, where that is known.
    pub epochs: Option<u64>,
    /// After how many steps the run will end, where that is known.
    pub steps: Option<u64>,
    /// By what the best point is chosen.
    pub best_by: &'a Watch,
}

/// Before the first step of an epoch.
#[derive(Debug)]
#[non_exhaustive]
pub struct EpochStartEvent<'a, F> {
    /// The number of epochs completed before.
    pub epoch: u64,
    /// The parameters.
    pub params: &'a Params<F>,
}

/// After an update.
#[derive(Debug)]
#[non_exhaustive]
pub struct StepEvent<'a, F> {
    /// The number of steps made, this one included.
    pub step: u64,
    /// The number of steps in an epoch.
    pub steps_per_epoch: u64,
    /// The loss of the batch, before the update.
    pub loss: F,
    /// The gradient of the update, transformed, before clipping by its norm.
    pub gradient: &'a Gradient<F>,
    /// Its norm, where the trainer clips it, before clipping.
    pub gradient_norm: Option<f64>,
    /// The parameters after the update.
    pub params: &'a Params<F>,
    /// The learning rate and whatever else was set for the update.
    pub rates: Rates,
}

/// After a step that was left out, because its loss or gradient is NaN or infinite; see [`NonFinite`](super::NonFinite).
#[derive(Debug)]
#[non_exhaustive]
pub struct SkipEvent<'a, F> {
    /// The number of steps made so far, this one included.
    pub step: u64,
    /// `"loss"` or `"gradient"`.
    pub what: &'static str,
    /// Whether the run went back to the best point.
    pub went_back: bool,
    /// The parameters from which it goes on.
    pub params: &'a Params<F>,
}

/// After an evaluation; see [`Trainer::evaluate_every`](crate::Trainer::evaluate_every).
#[derive(Debug)]
#[non_exhaustive]
pub struct EvaluationEvent<'a, F> {
    /// What is known: the validation loss and the metrics, where there are such, and the training loss of the epoch so far.
    pub record: &'a Record,
    /// The parameters that were evaluated; where they are averaged, the average.
    pub params: &'a Params<F>,
    /// Whether they are the best so far.
    pub is_best: bool,
    /// Whether it is that of an epoch, of which [`Callback::on_epoch`] tells next.
    pub ends_epoch: bool,
}

/// After an epoch, and its evaluation where it has one.
#[derive(Debug)]
#[non_exhaustive]
pub struct EpochEvent<'a, F> {
    /// What is known of the epoch.
    pub record: &'a Record,
    /// The parameters after the epoch; where they are averaged, the average.
    pub params: &'a Params<F>,
    /// Whether they have just been evaluated, and are the best so far.
    pub is_best: bool,
    /// How many epochs there will be, where that is known.
    pub epochs: Option<u64>,
}

/// After a checkpoint has been written, or could not be; see `Checkpoints`.
#[derive(Debug)]
#[non_exhaustive]
pub struct CheckpointEvent<'a> {
    /// The file.
    pub path: &'a Path,
    /// The number of steps after which it was due; where it was written in the background, some may have been made since.
    pub step: u64,
    /// The number of epochs completed then.
    pub epoch: u64,
    /// Why it, or the file of the best parameters beside it, could not be written.
    pub error: Option<&'a Error>,
}

/// Watches a run; may end it or change its rate. Every method has a default.
///
/// Every callback is told of every event, in the order in which they were added.
///
/// ```
/// use downhill::{Function, StopReason, Trainer, optim::GradientDescent, train::{Callback, Control, StepEvent}};
///
/// /// Stops at a small enough loss.
/// struct Enough(f64);
///
/// impl Callback<f64> for Enough {
///     fn on_step(&mut self, event: &StepEvent<'_, f64>) -> Control {
///         if event.loss < self.0 { Control::stop("good enough") } else { Control::Continue }
///     }
/// }
///
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let run = Trainer::new(GradientDescent).steps(1000).callback(Enough(1e-3)).minimize(square)?;
/// assert_eq!(run.stop, StopReason::Callback("good enough".into()));
/// # Ok::<(), downhill::Error>(())
/// ```
pub trait Callback<F> {
    /// Whether every setting is legal. Called when a run is built, before [`Callback::on_start`] of any callback.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the setting.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    /// The names of the metrics it follows, so that a run can refuse one that is not there.
    fn watches(&self) -> Vec<&str> {
        Vec::new()
    }

    /// By what the best point of the run has to be chosen, where it matters. All callbacks and
    /// [`Trainer::best_by`](crate::Trainer::best_by) must agree.
    fn best_by(&self) -> Option<&Watch> {
        None
    }

    /// Before the first update.
    ///
    /// # Errors
    /// What cannot be begun, such as a file; then the run does not begin either.
    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        let _ = event;
        Ok(())
    }

    /// Before the first step of every epoch.
    fn on_epoch_start(&mut self, event: &EpochStartEvent<'_, F>) -> Control {
        let _ = event;
        Control::Continue
    }

    /// After every update.
    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        let _ = event;
        Control::Continue
    }

    /// After every step that was left out, in place of [`Callback::on_step`].
    fn on_skip(&mut self, event: &SkipEvent<'_, F>) -> Control {
        let _ = event;
        Control::Continue
    }

    /// After every evaluation.
    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        let _ = event;
        Control::Continue
    }

    /// After every epoch, and its evaluation where it has one.
    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        let _ = event;
        Control::Continue
    }

    /// After every checkpoint that was written or could not be (feature `checkpoint`). What it holds of this callback is from
    /// before.
    fn on_checkpoint(&mut self, event: &CheckpointEvent<'_>) -> Control {
        let _ = event;
        Control::Continue
    }

    /// At the end, however it came. What is changed here is what the caller gets.
    fn on_end(&mut self, run: &mut Run<F>) {
        let _ = run;
    }

    /// Whether it has a [`Callback::on_step`]. Where nobody has, [`Sgd`](crate::optim::Sgd) makes many steps in one go.
    /// Default: yes.
    fn hears_steps(&self) -> bool {
        true
    }

    /// What kind it is, so that a checkpoint goes back to its own. Default: the name of the type, without its path.
    fn kind(&self) -> String {
        memo::kind::<Self>()
    }

    /// How it is named in a list of settings. Default: its kind.
    fn describe(&self) -> String {
        self.kind()
    }

    /// Hands over what it has learnt during the run, to be saved. Default: nothing.
    fn save(&self, memo: &mut Memo) {
        let _ = memo;
    }

    /// Takes back what [`Callback::save`] handed over.
    ///
    /// # Errors
    /// [`Error::Malformed`] if something is missing.
    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        let _ = memo;
        Ok(())
    }
}

/// A closure before the first update.
pub(super) struct OnStart<C>(pub(super) C);

impl<F, C: FnMut(&StartEvent<'_, F>)> Callback<F> for OnStart<C> {
    fn hears_steps(&self) -> bool {
        false
    }

    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        (self.0)(event);
        Ok(())
    }
}

/// A closure after every update.
pub(super) struct OnStep<C>(pub(super) C);

impl<F, R: Into<Control>, C: FnMut(&StepEvent<'_, F>) -> R> Callback<F> for OnStep<C> {
    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        (self.0)(event).into()
    }
}

/// A closure after every evaluation.
pub(super) struct OnEvaluation<C>(pub(super) C);

impl<F, R: Into<Control>, C: FnMut(&EvaluationEvent<'_, F>) -> R> Callback<F> for OnEvaluation<C> {
    fn hears_steps(&self) -> bool {
        false
    }

    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        (self.0)(event).into()
    }
}

/// A closure after every epoch.
pub(super) struct OnEpoch<C>(pub(super) C);

impl<F, R: Into<Control>, C: FnMut(&EpochEvent<'_, F>) -> R> Callback<F> for OnEpoch<C> {
    fn hears_steps(&self) -> bool {
        false
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        (self.0)(event).into()
    }
}

/// What all callbacks together want.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) scale: f64,
    pub(super) stop: Option<StopReason>,
}

impl Answers {
    /// Of nobody yet, at this scale of the rate.
    pub(super) fn new(scale: f64) -> Self {
        Self { scale, stop: None }
    }

    pub(super) fn hear(&mut self, control: Control) {
        match control {
            Control::Continue => {}
            Control::Stop(reason) => {
                self.stop.get_or_insert(reason);
            }
            Control::ScaleRate(factor) if factor >= 0.0 && factor.is_finite() => self.scale *= factor,
            Control::ScaleRate(factor) => {
                let error = Error::invalid("Control::ScaleRate", factor, "finite and at least 0");
                self.stop.get_or_insert(StopReason::Failed(error));
            }
        }
    }
}
