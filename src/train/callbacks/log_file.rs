//! A run as rows in a file.

mod rows;

use std::path::PathBuf;

use super::{Norms, TensorNorms};
use crate::{
    Error, Scalar,
    schedule::Span,
    train::{Callback, Control, EpochEvent, EvaluationEvent, Record, StartEvent, StepEvent},
};
use rows::{Format, Rows};

/// Writes a row for every epoch, or for every so many steps, to a file, at once: what has happened is there, however the
/// program ends.
///
/// | setting | default |
/// |---|---|
/// | [`every`](LogFile::every) | each epoch |
/// | [`norms`](LogFile::norms) | off |
///
/// A row of an epoch has the columns of a [`History`](crate::train::History); so has each evaluation within one. A row of a
/// step has `step`, `loss` (of the batch, before the update), `learning_rate`, `momentum`, `beta2`, `weight_decay` where they
/// are scheduled, and `gradient_norm` where it is clipped. A column that is new in a later row, such as a momentum that is
/// scheduled from then on, is added to the table, and empty before.
///
/// A run from the start replaces what was in the file; folders are made as needed. A run that is continued keeps the rows up
/// to its first step, drops those that the earlier one wrote beyond, and appends. Numbers read back to the same bits; what
/// is not finite is null in JSON. A row that cannot be written, on a full disk for instance, ends the run with
/// [`StopReason::Failed`](crate::StopReason::Failed): nothing else is lost, but where the run goes on from there, that row
/// is in its history only.
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, schedule::Span, train::LogFile};
///
/// # let folder = std::env::temp_dir().join(format!("downhill-log-{}", std::process::id()));
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// Trainer::new(GradientDescent)
///     .learning_rate(0.25)
///     .steps(4)
///     .callback(LogFile::csv(folder.join("epochs.csv")))
///     .callback(LogFile::json_lines(folder.join("steps.jsonl")).every(Span::Steps(2)))
///     .minimize(square)?;
/// let steps = std::fs::read_to_string(folder.join("steps.jsonl")).unwrap_or_default();
/// assert_eq!(steps, "{\"step\":2,\"loss\":1,\"learning_rate\":0.25}\n{\"step\":4,\"loss\":0.0625,\"learning_rate\":0.25}\n");
/// # let _ = std::fs::remove_dir_all(folder);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct LogFile {
    rows: Rows,
    every: Span,
    norms: Option<Norms>,
}

impl LogFile {
    /// Comma-separated values (RFC 4180), with a line of names.
    pub fn csv(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), Format::Csv)
    }

    /// One JSON object a line.
    pub fn json_lines(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), Format::JsonLines)
    }

    fn new(path: PathBuf, format: Format) -> Self {
        Self {
            rows: Rows::new(path, format),
            every: Span::Epochs(1),
            norms: None,
        }
    }

    /// A row after every so many epochs or steps, at least 1. Default: each epoch.
    pub fn every(mut self, span: Span) -> Self {
        self.every = span;
        self
    }

    /// Adds to each row of a step, for every tensor, `gradient_norm/` and `weight_norm/` with its name, and `update_ratio/`:
    /// the norm of the update by that of the weights. See [`Norms`].
    pub fn norms(mut self) -> Self {
        self.norms = Some(Norms::every(1));
        self
    }

    fn write_record(&mut self, record: &Record) -> Result<(), Error> {
        self.rows
            .write(record.columns().map(|(name, value)| (name, Some(value))))
    }
}

/// What is known of a step, in the order of the columns.
pub(super) fn step_columns<F: Scalar>(event: &StepEvent<'_, F>) -> impl Iterator<Item = (&'static str, f64)> {
    let rates = &event.rates;
    [
        ("loss", Some(event.loss.to_f64_exact())),
        ("learning_rate", Some(rates.learning_rate)),
        ("momentum", rates.momentum),
        ("beta2", rates.beta2),
        ("weight_decay", rates.weight_decay),
        ("gradient_norm", event.gradient_norm),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// The columns of the norms, `gradient_norm/` and so on with the name of the tensor.
pub(super) fn norm_columns(norms: &[TensorNorms]) -> impl Iterator<Item = (String, Option<f64>)> {
    norms.iter().flat_map(|tensor| {
        [
            ("gradient_norm", Some(tensor.gradient)),
            ("weight_norm", Some(tensor.weights)),
            ("update_ratio", tensor.update_ratio()),
        ]
        .map(|(what, value)| (format!("{what}/{}", tensor.name), value))
    })
}

impl<F: Scalar> Callback<F> for LogFile {
    fn validate(&self) -> Result<(), Error> {
        self.every.check("every of LogFile")?;
        match (&self.norms, self.every) {
            (Some(_), Span::Epochs(_)) => Err(Error::invalid(
                "every of LogFile with norms",
                format!("{:?}", self.every),
                "steps",
            )),
            _ => Ok(()),
        }
    }

    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        if let Some(norms) = &mut self.norms {
            *norms = Norms::every(self.every.steps(event.steps_per_epoch));
            norms.start(event);
        }
        self.rows.open(event.step)
    }

    fn hears_steps(&self) -> bool {
        matches!(self.every, Span::Steps(_))
    }

    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        let Span::Steps(every) = self.every else {
            return Control::Continue;
        };
        let norms = self.norms.as_mut().map(|norms| norms.measure(event));
        let norms: Vec<_> = norm_columns(norms.unwrap_or_default()).collect();
        if !event.step.is_multiple_of(every) {
            return Control::Continue;
        }
        let columns = [("step", event.step as f64)]
            .into_iter()
            .chain(step_columns(event));
        let columns = columns.map(|(name, value)| (name, Some(value)));
        let norms = norms.iter().map(|(name, value)| (name.as_str(), *value));
        self.rows.write(columns.chain(norms)).into()
    }

    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        match self.every {
            Span::Epochs(_) if !event.ends_epoch => self.write_record(event.record).into(),
            _ => Control::Continue,
        }
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        match self.every {
            Span::Epochs(every) if event.record.epoch.is_multiple_of(every) => {
                self.write_record(event.record).into()
            }
            _ => Control::Continue,
        }
    }
}
