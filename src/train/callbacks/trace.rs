//! Events for `tracing`.

use crate::{
    Error, Run, Scalar,
    train::{
        Callback, CheckpointEvent, Control, EpochEvent, EvaluationEvent, Record, SkipEvent, StartEvent,
        StepEvent, StopReason,
    },
};

/// Emits [`tracing`](https://docs.rs/tracing) events with the target `downhill`, for whichever subscriber the program has.
///
/// | event | level | fields |
/// |---|---|---|
/// | `start` | info | `optimizer`, `seed`, `step`, `weights` |
/// | `step` | trace | `step`, `loss`, `learning_rate` |
/// | `skip` | warn | `step`, `what`, `went_back` |
/// | `evaluation`, within an epoch | info | as `epoch` |
/// | `epoch` | info | `epoch`, `step`, `loss`, `validation_loss`, `metrics` (as `name=value`), `learning_rate`, `best` |
/// | `checkpoint` | debug; warn where it could not be written | `step`, `path`, `error` |
/// | `end` | info; warn unless the run has finished | `stop`, `steps`, `epochs`, `skipped`, `best` |
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, train::Tracing};
///
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// Trainer::new(GradientDescent).steps(100).callback(Tracing).minimize(square)?;
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Tracing;

/// Emits the record of an event; the name of it is part of the place where it is emitted.
macro_rules! tell {
    ($name:literal, $event:ident) => {
        if tracing::enabled!(target: "downhill", tracing::Level::INFO) {
            let record = $event.record;
            tracing::info!(
                target: "downhill", epoch = record.epoch, step = record.step, loss = record.loss,
                validation_loss = record.validation_loss, metrics = metrics(record),
                learning_rate = record.learning_rate, best = $event.is_best, $name,
            );
        }
    };
}

/// "accuracy=0.9 auc=0.95".
fn metrics(record: &Record) -> String {
    let metrics = record
        .metrics
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    Vec::from_iter(metrics).join(" ")
}

impl<F: Scalar> Callback<F> for Tracing {
    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        let weights = event.params.as_slice().len();
        tracing::info!(target: "downhill", optimizer = event.optimizer, seed = event.seed, step = event.step, weights, "start");
        Ok(())
    }

    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        let (loss, learning_rate) = (event.loss.to_f64_exact(), event.rates.learning_rate);
        tracing::trace!(target: "downhill", step = event.step, loss, learning_rate, "step");
        Control::Continue
    }

    fn on_skip(&mut self, event: &SkipEvent<'_, F>) -> Control {
        let (step, what, went_back) = (event.step, event.what, event.went_back);
        tracing::warn!(target: "downhill", step, what, went_back, "skip");
        Control::Continue
    }

    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        if !event.ends_epoch {
            tell!("evaluation", event);
        }
        Control::Continue
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        tell!("epoch", event);
        Control::Continue
    }

    fn on_checkpoint(&mut self, event: &CheckpointEvent<'_>) -> Control {
        let (step, path) = (event.step, event.path.display());
        match event.error.or(event.unremoved) {
            None => tracing::debug!(target: "downhill", step, %path, "checkpoint"),
            Some(error) => tracing::warn!(target: "downhill", step, %path, %error, "checkpoint"),
        }
        Control::Continue
    }

    fn on_end(&mut self, run: &mut Run<F>) {
        let (
            Run {
                steps,
                epochs,
                skipped,
                ..
            },
            best,
        ) = (&*run, run.best.value);
        if run.stop == StopReason::Finished {
            tracing::info!(target: "downhill", stop = ?run.stop, steps, epochs, skipped, best, "end");
        } else {
            tracing::warn!(target: "downhill", stop = ?run.stop, steps, epochs, skipped, best, "end");
        }
    }
}
