//! Closures as callbacks.

use super::{Callback, Control, EpochEvent, EvaluationEvent, StartEvent, StepEvent};
use crate::Error;

/// A closure before the first update.
pub(super) struct OnStart<C>(pub(super) C);

impl<F, C: FnMut(&StartEvent<'_, F>)> Callback<F> for OnStart<C> {
    fn describe(&self) -> String {
        "a closure before the first step".into()
    }

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
    fn describe(&self) -> String {
        "a closure at each step".into()
    }

    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        (self.0)(event).into()
    }
}

/// A closure after every evaluation.
pub(super) struct OnEvaluation<C>(pub(super) C);

impl<F, R: Into<Control>, C: FnMut(&EvaluationEvent<'_, F>) -> R> Callback<F> for OnEvaluation<C> {
    fn describe(&self) -> String {
        "a closure at each evaluation".into()
    }

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
    fn describe(&self) -> String {
        "a closure at each epoch".into()
    }

    fn hears_steps(&self) -> bool {
        false
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        (self.0)(event).into()
    }
}
