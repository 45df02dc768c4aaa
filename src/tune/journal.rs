//! Scores in a file, so that a search can be continued.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{Evaluation, Setting, Trial};
use crate::Error;

/// A table with commas: a line of names, then a line for each score, appended as soon as it is there.
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    known: Vec<Evaluation>,
}

impl Journal {
    /// Reads what there is. A last line without an end, as a killed process leaves it, is cut off.
    pub(super) fn open(path: &Path, names: &[&str], trials: &[Trial]) -> Result<Self, Error> {
        let failed = |action| move |error: std::io::Error| Error::io(path, action, &error);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, "created", &error))?;
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed("read")(error)),
        };
        let header = format!("trial,budget,{},score,seconds\n", names.join(","));
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut known = Vec::new();
        for (number, line) in text[..whole].lines().enumerate() {
            let malformed = |given: &str, expected: &str| {
                Error::malformed(
                    path.display().to_string(),
                    format!("line {}", number + 1),
                    given,
                    expected,
                )
            };
            if number == 0 {
                let expected = header.trim_end();
                if line != expected {
                    return Err(malformed(line, expected));
                }
            } else {
                known.extend(read(line, trials).map_err(|(given, expected)| malformed(&given, &expected))?);
            }
        }
        let begun = &text[whole..];
        if whole == 0 && !header.starts_with(begun) {
            let place = "line 1".to_string();
            return Err(Error::malformed(
                path.display().to_string(),
                place,
                begun,
                header.trim_end(),
            ));
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(failed("opened"))?;
        if whole < text.len() {
            file.set_len(whole as u64).map_err(failed("written"))?;
        }
        let journal = Self {
            path: path.into(),
            file: Mutex::new(file),
            known,
        };
        if whole == 0 {
            journal.append(&header)?;
        }
        Ok(journal)
    }

    /// The score of a trial, if it is there.
    pub(super) fn find(&self, trial: &Trial) -> Option<Evaluation> {
        self.known
            .iter()
            .find(|evaluation| evaluation.trial == *trial)
            .cloned()
    }

    /// Keeps a score.
    pub(super) fn add(&self, evaluation: &Evaluation) -> Result<(), Error> {
        let Evaluation {
            trial,
            score,
            seconds,
        } = evaluation;
        let budget = trial.budget().map_or(String::new(), |budget| budget.to_string());
        let settings: String = trial
            .settings()
            .iter()
            .map(|(_, setting)| format!("{setting},"))
            .collect();
        self.append(&format!(
            "{},{budget},{settings}{score},{seconds:.6}\n",
            trial.index()
        ))
    }

    /// In one write, so that lines of several threads do not mix; whole or not at all, so that a full disk leaves no half of
    /// one for the next to go on.
    fn append(&self, line: &str) -> Result<(), Error> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let length = file.metadata().map(|metadata| metadata.len());
        let written = length.and_then(|length| {
            file.write_all(line.as_bytes()).inspect_err(|_| {
                // Where not even this can be done, the next reader is told of a line that is not one.
                let _ = file.set_len(length);
            })
        });
        written.map_err(|error| Error::io(&self.path, "written", &error))
    }
}

/// One line: the evaluation if its trial is one of this search; or what was found, and what was expected.
fn read(line: &str, trials: &[Trial]) -> Result<Option<Evaluation>, (String, String)> {
    let fields: Vec<&str> = line.split(',').collect();
    let expected = |what: &str| (line.to_string(), what.to_string());
    let [index, budget, settings @ .., score, seconds] = &fields[..] else {
        return Err(expected("a trial, its budget, its settings, score and seconds"));
    };
    let index: usize = index.parse().map_err(|_| expected("the number of a trial"))?;
    let budget = match *budget {
        "" => None,
        budget => Some(budget.parse().map_err(|_| expected("a budget or nothing"))?),
    };
    let score = score.parse().map_err(|_| expected("a number as the score"))?;
    let seconds = seconds.parse().map_err(|_| expected("a number of seconds"))?;
    let Some(trial) = trials.get(index) else {
        return Ok(None);
    };
    let same = |(given, (_, setting)): (&&str, &(String, Setting))| *given == setting.to_string();
    if settings.len() != trial.settings().len() || !settings.iter().zip(trial.settings()).all(same) {
        let own: Vec<String> = trial
            .settings()
            .iter()
            .map(|(_, setting)| setting.to_string())
            .collect();
        return Err(expected(&format!(
            "the settings {} of trial {index} of this search",
            own.join(",")
        )));
    }
    Ok(Some(Evaluation {
        trial: trial.with_budget(budget),
        score,
        seconds,
    }))
}
