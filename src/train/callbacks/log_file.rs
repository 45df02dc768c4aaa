//! A run as rows in a file.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
};

use super::{Norms, TensorNorms};
use crate::{
    Error, Scalar,
    replace::replace,
    schedule::Span,
    train::{Callback, Control, EpochEvent, EvaluationEvent, Record, StartEvent, StepEvent, table},
};

/// Writes a row for every epoch, or for every so many steps, to a file, at once: what has happened is there, however the
/// program ends.
///
/// | setting | default |
/// |---|---|
/// | [`every`](LogFile::every) | each epoch |
/// | [`norms`](LogFile::norms) | off |
///
/// A row of an epoch has the columns of a [`History`](crate::train::History); so has each evaluation within one. A row of a step has `step`, `loss` (of the batch,
/// before the update), `learning_rate`, `momentum`, `beta2`, `weight_decay` where they are scheduled, and `gradient_norm` where
/// it is clipped. A column that is new in a later row, such as a momentum that is scheduled from then on, is added to the
/// table, and empty before.
///
/// A run from the start replaces what was in the file; folders are made as needed. A run that is continued keeps the rows up
/// to its first step, drops those that the earlier one wrote beyond, and appends. Numbers read back to the same bits; what
/// is not finite is null in JSON. A row that cannot be written ends the run with
/// [`StopReason::Failed`](crate::StopReason::Failed): nothing else is lost.
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
    path: PathBuf,
    format: Format,
    every: Span,
    norms: Option<Norms>,
    file: Option<File>,
    /// The columns that a table has so far.
    names: Vec<String>,
    line: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Format {
    Csv,
    JsonLines,
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
            path,
            format,
            every: Span::Epochs(1),
            norms: None,
            file: None,
            names: Vec::new(),
            line: String::new(),
        }
    }

    /// A row after every so many epochs or steps, at least 1. Default: each epoch.
    pub fn every(mut self, span: Span) -> Self {
        self.every = span;
        self
    }

    /// Adds to each row of a step, for every tensor, `gradient_norm/` and `weight_norm/` with its name, and `update_ratio/`: the
    /// norm of the update by that of the weights. See [`Norms`].
    pub fn norms(mut self) -> Self {
        self.norms = Some(Norms::every(1));
        self
    }

    fn open(&mut self, continued_at: u64) -> Result<(), Error> {
        let failed = |action, error| Error::io(&self.path, action, &error);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, "created", &error))?;
        }
        if continued_at == 0 || !self.path.exists() {
            self.file = Some(File::create(&self.path).map_err(|error| failed("written", error))?);
            return Ok(());
        }
        let text = fs::read_to_string(&self.path).map_err(|error| failed("read", error))?;
        let kept = kept(&text, self.format, continued_at);
        let opened = OpenOptions::new().append(true).open(&self.path);
        let file = opened.map_err(|error| failed("written", error))?;
        file.set_len(kept as u64)
            .map_err(|error| failed("written", error))?;
        if self.format == Format::Csv {
            let names = text.get(..kept).and_then(|text| text.lines().next());
            self.names = names.map_or(Vec::new(), table::read_csv_names);
        }
        self.file = Some(file);
        Ok(())
    }

    fn write_record(&mut self, record: &Record) -> Result<(), Error> {
        self.write(record.columns().map(|(name, value)| (name, Some(value))))
    }

    fn write<'a>(&mut self, columns: impl Iterator<Item = (&'a str, Option<f64>)>) -> Result<(), Error> {
        self.line.clear();
        match self.format {
            Format::JsonLines => {
                let columns = columns.filter_map(|(name, value)| Some((name, value?)));
                table::json_row(&mut self.line, columns);
            }
            Format::Csv => {
                let columns: Vec<_> = columns.collect();
                self.widen(columns.iter().map(|(name, _)| *name))?;
                let value = |name: &String| columns.iter().find(|(other, _)| other == name)?.1;
                table::csv_row(&mut self.line, self.names.iter().map(value));
            }
        }
        match &mut self.file {
            Some(file) => file
                .write_all(self.line.as_bytes())
                .map_err(|error| Error::io(&self.path, "written", &error)),
            None => Ok(()),
        }
    }

    /// Adds to the table what columns of a row it does not have.
    fn widen<'a>(&mut self, columns: impl Iterator<Item = &'a str> + Clone) -> Result<(), Error> {
        let known = self.names.len();
        // Every row of this table begins so; otherwise it is another one.
        let begins = |name: &str| matches!(name, "epoch" | "step" | "loss");
        let expected = columns.clone().take_while(|name| begins(name));
        if known > 0
            && !expected
                .clone()
                .eq(self.names.iter().take_while(|name| begins(name)))
        {
            let path = self.path.display().to_string();
            let expected = format!("a table that begins with {}", Vec::from_iter(expected).join(","));
            return Err(Error::malformed(path, "line 1", self.names.join(","), expected));
        }
        for name in columns {
            if !self.names.iter().any(|known| known == name) {
                self.names.push(name.into());
            }
        }
        let added = self.names.len() - known;
        if added == 0 {
            return Ok(());
        }
        let mut text = String::new();
        table::csv_names(&mut text, self.names.iter().map(String::as_str));
        if known == 0 {
            self.line = text;
            return Ok(());
        }
        let failed = |error: std::io::Error| Error::io(&self.path, "written", &error);
        let old = fs::read_to_string(&self.path).map_err(failed)?;
        for line in old.lines().skip(1) {
            text.push_str(line);
            text.extend(std::iter::repeat_n(',', added));
            text.push('\n');
        }
        replace(&self.path, |mut file| file.write_all(text.as_bytes()))?;
        let file = OpenOptions::new().append(true).open(&self.path).map_err(failed)?;
        self.file = Some(file);
        Ok(())
    }
}

/// How many bytes of a log hold whole rows up to a step, with their line of names.
fn kept(text: &str, format: Format, step: u64) -> usize {
    let mut lines = text.split_inclusive('\n');
    let mut kept = 0;
    let place = match format {
        Format::JsonLines => None,
        Format::Csv => {
            let names = lines.next().unwrap_or_default();
            if !names.ends_with('\n') {
                return 0;
            }
            kept = names.len();
            table::read_csv_names(names)
                .iter()
                .position(|name| name == "step")
        }
    };
    for line in lines {
        let cell = match place {
            Some(place) => line.split(',').nth(place),
            None => line
                .split_once("\"step\":")
                .and_then(|(_, rest)| rest.split([',', '}']).next()),
        };
        let earlier = cell
            .and_then(|cell| cell.trim().parse().ok())
            .is_some_and(|at: u64| at <= step);
        if !earlier || !line.ends_with('\n') {
            break;
        }
        kept += line.len();
    }
    kept
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
        self.open(event.step)
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
        self.write(columns.chain(norms)).into()
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("downhill-log-file-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        path
    }

    fn row(step: u64) -> [(&'static str, Option<f64>); 3] {
        [
            ("epoch", Some(step as f64 / 2.0)),
            ("step", Some(step as f64)),
            ("loss", Some(0.5)),
        ]
    }

    /// What a run wrote that went further than its last checkpoint, the last row torn, continued there.
    #[test]
    fn a_continued_log_is_that_of_the_run_that_never_stopped() {
        for (name, new) in [
            ("csv", LogFile::csv as fn(PathBuf) -> LogFile),
            ("json", LogFile::json_lines),
        ] {
            let path = file(name, "");
            let mut whole = new(path.clone());
            whole.open(0).unwrap();
            for step in [2, 4, 6, 8] {
                whole.write(row(step).into_iter()).unwrap();
            }
            let expected = fs::read(&path).unwrap();
            for torn in (0..expected.len()).step_by(3) {
                fs::write(&path, &expected[..torn]).unwrap();
                let rows = fs::read_to_string(&path).unwrap().lines().count() as u64;
                // The last step of which a whole row may be there.
                let last = 2 * rows.saturating_sub(if name == "csv" { 2 } else { 1 });
                for at in [1, 4, 5].into_iter().filter(|&at| at <= last + 1) {
                    fs::write(&path, &expected[..torn]).unwrap();
                    let mut continued = new(path.clone());
                    continued.open(at).unwrap();
                    for step in (at + 1..=8).filter(|step| step % 2 == 0) {
                        continued.write(row(step).into_iter()).unwrap();
                    }
                    assert_eq!(fs::read(&path).unwrap(), expected, "{name} {torn} {at}");
                }
            }
            // Where there is no file, it begins one.
            fs::remove_file(&path).unwrap();
            let mut continued = new(path.clone());
            continued.open(6).unwrap();
            continued.write(row(8).into_iter()).unwrap();
            assert!(
                fs::read(&path)
                    .unwrap()
                    .ends_with(&expected[expected.len() - 8..])
            );
            fs::remove_file(&path).unwrap();
        }
    }

    /// Such as a momentum that only the second of two schedules sets.
    #[test]
    fn a_column_that_comes_later_is_added_to_the_table() {
        let path = file("wider", "");
        let mut log = LogFile::csv(&path);
        log.open(0).unwrap();
        let row = |step: u64, name, value| {
            [
                ("step", Some(step as f64)),
                ("loss", Some(1.0)),
                (name, Some(value)),
            ]
        };
        log.write(row(1, "learning_rate", 0.5).into_iter()).unwrap();
        log.write(row(2, "a, \"b\"", 2.0).into_iter()).unwrap();
        log.write(row(3, "learning_rate", 0.25).into_iter()).unwrap();
        let expected = "step,loss,learning_rate,\"a, \"\"b\"\"\"\n1,1,0.5,\n2,1,,2\n3,1,0.25,\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        // And so it is where the run was continued in between.
        let mut log = LogFile::csv(&path);
        log.open(2).unwrap();
        log.write(row(3, "seconds", 0.25).into_iter()).unwrap();
        let expected = "step,loss,learning_rate,\"a, \"\"b\"\"\",seconds\n1,1,0.5,,\n2,1,,2,\n3,1,,,0.25\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn another_table_is_not_appended_to() {
        let path = file("foreign", "step,accuracy\n2,0.5\n");
        let mut log = LogFile::csv(&path);
        log.open(2).unwrap();
        let error = log.write(row(4).into_iter()).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("step,accuracy") && error.to_string().contains("epoch,step,loss"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "step,accuracy\n2,0.5\n");
        fs::remove_file(path).unwrap();
    }
}
