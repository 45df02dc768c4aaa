//! What may watch a run, end it, and change its rate.

use super::{
    CheckpointEvent, EpochEvent, EpochStartEvent, EvaluationEvent, Run, SkipEvent, StartEvent, StepEvent,
    StopReason, Watch,
};
use crate::{Error, Memo, memo};

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

    /// Why the run is over before it goes on, where what was [loaded](Callback::load) says so: asked once, before the first
    /// step of each session. Default: it is not.
    fn is_over(&self) -> Option<StopReason> {
        None
    }

    /// Before the first step of every epoch; once, also where the run ends there and is continued.
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

    /// After every evaluation but that of the last point, which [`Callback::on_end`] finds in the history; see
    /// [`Trainer::evaluate_every`](crate::Trainer::evaluate_every).
    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        let _ = event;
        Control::Continue
    }

    /// After every epoch, and its evaluation where it has one.
    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        let _ = event;
        Control::Continue
    }

    /// After every checkpoint that was written or could not be (feature `checkpoint`). What it holds of this callback, and of
    /// the scale of the rate, is from before.
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

/// A boxed callback is one.
impl<F, C: Callback<F> + ?Sized> Callback<F> for Box<C> {
    fn validate(&self) -> Result<(), Error> {
        (**self).validate()
    }

    fn watches(&self) -> Vec<&str> {
        (**self).watches()
    }

    fn best_by(&self) -> Option<&Watch> {
        (**self).best_by()
    }

    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        (**self).on_start(event)
    }

    fn is_over(&self) -> Option<StopReason> {
        (**self).is_over()
    }

    fn on_epoch_start(&mut self, event: &EpochStartEvent<'_, F>) -> Control {
        (**self).on_epoch_start(event)
    }

    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        (**self).on_step(event)
    }

    fn on_skip(&mut self, event: &SkipEvent<'_, F>) -> Control {
        (**self).on_skip(event)
    }

    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        (**self).on_evaluation(event)
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        (**self).on_epoch(event)
    }

    fn on_checkpoint(&mut self, event: &CheckpointEvent<'_>) -> Control {
        (**self).on_checkpoint(event)
    }

    fn on_end(&mut self, run: &mut Run<F>) {
        (**self).on_end(run);
    }

    fn hears_steps(&self) -> bool {
        (**self).hears_steps()
    }

    fn kind(&self) -> String {
        (**self).kind()
    }

    fn describe(&self) -> String {
        (**self).describe()
    }

    fn save(&self, memo: &mut Memo) {
        (**self).save(memo);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        (**self).load(memo)
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
