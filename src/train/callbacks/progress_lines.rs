//! Progress as plain lines.

use std::{io::Write, time::Instant};

use crate::{
    Error,
    schedule::Span,
    train::{
        Callback, CheckpointEvent, Control, EpochEvent, EvaluationEvent, Record, Run, StartEvent, StepEvent,
    },
};

/// Prints a line after every so many epochs or steps, and (unless that is several epochs) after each evaluation within an
/// epoch: what has been done, loss, validation loss and metrics, learning rate, steps a second, and the time that is left.
///
/// ```text
/// epoch 30/100, step 720: loss 0.1846, validation loss 0.2093, accuracy 0.9417, learning rate 1.00e-3, 3120 steps/s, 0:01 left
/// ```
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, schedule::Span, train::ProgressLines};
///
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let mut text = Vec::new();
/// Trainer::new(GradientDescent)
///     .steps(100)
///     .callback(ProgressLines::every(Span::Steps(50)).to(&mut text))
///     .minimize(square)?;
/// assert_eq!(String::from_utf8_lossy(&text).lines().count(), 2);
/// # Ok::<(), downhill::Error>(())
/// ```
#[must_use]
pub struct ProgressLines<'a> {
    every: Span,
    out: Box<dyn Write + 'a>,
    pace: Pace,
}

impl std::fmt::Debug for ProgressLines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProgressLines")
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

impl<'a> ProgressLines<'a> {
    /// A line after every so many epochs or steps, at least 1, on standard error.
    pub fn every(span: Span) -> Self {
        Self {
            every: span,
            out: Box::new(std::io::stderr()),
            pace: Pace::default(),
        }
    }

    fn print(&mut self, record: &Record) {
        let Record { epoch, step, .. } = record;
        let of = self
            .pace
            .epochs
            .map(|epochs| format!("/{epochs}"))
            .unwrap_or_default();
        let (record, pace) = (describe(record), self.pace.describe(*step));
        let _ = writeln!(self.out, "epoch {epoch}{of}, step {step}: {record}{pace}");
    }

    /// Into this writer. What it refuses is lost; the run goes on.
    pub fn to(mut self, out: impl Write + 'a) -> Self {
        self.out = Box::new(out);
        self
    }
}

/// How far a run is to go, and how fast it does.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    began: Option<(Instant, u64)>,
    pub(super) epochs: Option<u64>,
    /// The last step, where it is known.
    pub(super) steps: Option<u64>,
}

impl Pace {
    pub(super) fn of<F>(event: &StartEvent<'_, F>) -> Self {
        let by_epochs = event
            .epochs
            .map(|epochs| epochs.saturating_mul(event.steps_per_epoch));
        Self {
            began: Some((Instant::now(), event.step)),
            epochs: event.epochs,
            steps: [by_epochs, event.steps].into_iter().flatten().min(),
        }
    }

    /// Steps a second since the run began here.
    fn rate(&self, step: u64) -> Option<f64> {
        let (began, at) = self.began?;
        let rate = (step - at.min(step)) as f64 / began.elapsed().as_secs_f64();
        (rate > 0.0 && rate.is_finite()).then_some(rate)
    }

    /// "3120 steps/s".
    pub(super) fn describe_rate(&self, step: u64) -> String {
        let rate = self.rate(step).unwrap_or_default();
        let decimals = if rate < 10.0 { 1 } else { 0 };
        format!("{rate:.decimals$} steps/s")
    }

    /// ", 3120 steps/s, 0:01 left".
    fn describe(&self, step: u64) -> String {
        let Some(rate) = self.rate(step) else {
            return String::new();
        };
        let mut text = format!(", {}", self.describe_rate(step));
        if let Some(steps) = self.steps {
            let left = (steps.saturating_sub(step) as f64 / rate) as u64;
            let (hours, minutes, seconds) = (left / 3600, left / 60 % 60, left % 60);
            text += &match hours {
                0 => format!(", {minutes}:{seconds:02} left"),
                _ => format!(", {hours}:{minutes:02}:{seconds:02} left"),
            };
        }
        text
    }
}

/// "loss 0.1846, validation loss 0.2093, accuracy 0.9417, learning rate 1.00e-3".
pub(super) fn describe(record: &Record) -> String {
    let mut text = format!("loss {}", brief(record.loss));
    if let Some(loss) = record.validation_loss {
        text += &format!(", validation loss {}", brief(loss));
    }
    for (name, value) in &record.metrics {
        text += &format!(", {name} {}", brief(*value));
    }
    text + &format!(", learning rate {:.2e}", record.learning_rate)
}

/// "no checkpoint at step 720: …", where it could not be written; "checkpoint at step 720, but …", where it was, and older
/// ones could not be removed.
pub(super) fn complaint(event: &CheckpointEvent<'_>) -> Option<String> {
    let step = event.step;
    match (event.error, event.unremoved) {
        (Some(error), _) => Some(format!("no checkpoint at step {step}: {error}")),
        (None, Some(error)) => Some(format!("checkpoint at step {step}, but {error}")),
        (None, None) => None,
    }
}

/// Four decimals where they say something.
pub(super) fn brief(value: f64) -> String {
    if value == 0.0 || (0.01..1e5).contains(&value.abs()) || !value.is_finite() {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

impl<F: crate::Scalar> Callback<F> for ProgressLines<'_> {
    fn validate(&self) -> Result<(), Error> {
        self.every.check("every of ProgressLines")
    }

    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        self.pace = Pace::of(event);
        Ok(())
    }

    fn hears_steps(&self) -> bool {
        matches!(self.every, Span::Steps(_))
    }

    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        if let Span::Steps(every) = self.every
            && event.step.is_multiple_of(every)
        {
            let loss = brief(event.loss.to_f64_exact());
            let of = self
                .pace
                .steps
                .map(|steps| format!("/{steps}"))
                .unwrap_or_default();
            let pace = self.pace.describe(event.step);
            let (step, rate) = (event.step, event.rates.learning_rate);
            let _ = writeln!(
                self.out,
                "step {step}{of}: loss {loss}, learning rate {rate:.2e}{pace}"
            );
        }
        Control::Continue
    }

    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        // Who asks for a line every few epochs does not want more.
        if !event.ends_epoch && matches!(self.every, Span::Steps(_) | Span::Epochs(1)) {
            self.print(event.record);
        }
        Control::Continue
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        if let Span::Epochs(every) = self.every
            && event.record.epoch.is_multiple_of(every)
        {
            self.print(event.record);
        }
        Control::Continue
    }

    fn on_checkpoint(&mut self, event: &CheckpointEvent<'_>) -> Control {
        if let Some(line) = complaint(event) {
            let _ = writeln!(self.out, "{line}");
        }
        Control::Continue
    }

    fn on_end(&mut self, _: &mut Run<F>) {
        let _ = self.out.flush();
    }
}
