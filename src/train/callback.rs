//! What may watch a run, and end it.

use std::ops::ControlFlow;

use super::{Record, Run};
use crate::{Error, Gradient, Memo, Params, memo, optim::Rates};

/// After an update.
#[derive(Debug)]
#[non_exhaustive]
pub struct StepEvent<'a, F> {
    /// The number of updates made, this one included.
    pub step: u64,
    /// The number of updates in an epoch.
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

/// After an epoch and its evaluation.
#[derive(Debug)]
#[non_exhaustive]
pub struct EpochEvent<'a, F> {
    /// What is known of the epoch.
    pub record: &'a Record,
    /// The parameters after the epoch; where they are averaged, the average.
    pub params: &'a Params<F>,
    /// Whether they are the best so far.
    pub is_best: bool,
    /// How many epochs there will be, where that is known.
    pub epochs: Option<u64>,
}

/// Watches a run. Every method has a default; `Break` with a reason ends the run.
///
/// ```
/// use std::ops::ControlFlow;
/// use downhill::{Function, StopReason, Trainer, optim::GradientDescent, train::{Callback, StepEvent}};
///
/// /// Stops at a small enough loss.
/// struct Enough(f64);
///
/// impl Callback<f64> for Enough {
///     fn on_step(&mut self, event: &StepEvent<'_, f64>) -> ControlFlow<String> {
///         if event.loss < self.0 { ControlFlow::Break("good enough".into()) } else { ControlFlow::Continue(()) }
///     }
/// }
///
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let run = Trainer::new(GradientDescent).steps(1000).callback(Enough(1e-3)).minimize(square)?;
/// assert_eq!(run.stop, StopReason::Callback("good enough".into()));
/// # Ok::<(), downhill::Error>(())
/// ```
pub trait Callback<F> {
    /// After every update.
    fn on_step(&mut self, event: &StepEvent<'_, F>) -> ControlFlow<String> {
        let _ = event;
        ControlFlow::Continue(())
    }

    /// After every epoch and its evaluation.
    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> ControlFlow<String> {
        let _ = event;
        ControlFlow::Continue(())
    }

    /// What kind it is, so that a checkpoint goes back to its own. Default: the name of the type, without its path.
    fn kind(&self) -> String {
        memo::kind::<Self>()
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

    /// At the end, however it came.
    fn on_end(&mut self, run: &Run<F>) {
        let _ = run;
    }
}

/// A closure after every update.
pub(super) struct OnStep<C>(pub(super) C);

impl<F, C: FnMut(&StepEvent<'_, F>) -> ControlFlow<String>> Callback<F> for OnStep<C> {
    fn on_step(&mut self, event: &StepEvent<'_, F>) -> ControlFlow<String> {
        (self.0)(event)
    }
}

/// A closure after every epoch.
pub(super) struct OnEpoch<C>(pub(super) C);

impl<F, C: FnMut(&EpochEvent<'_, F>) -> ControlFlow<String>> Callback<F> for OnEpoch<C> {
    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> ControlFlow<String> {
        (self.0)(event)
    }
}
