//! A run as one page.

mod page;

use std::{fmt::Write, fs, io::Write as _, path::PathBuf, time::Instant};

use crate::{
    Error, Run, Scalar,
    optim::Rates,
    plot::{Picture, learning_curves},
    replace,
    train::{Callback, Control, StartEvent, StepEvent, StopReason},
};
use page::{STYLE, describe, environment, escaped, list, short, table_of_epochs};

/// Writes a page about the run when it ends, however that comes: a single HTML file, without scripts and without anything to
/// be fetched.
///
/// It holds why the run ended and where it was best, the learning curves, the settings (also what the learning rate and
/// whatever else is scheduled were at first, at most and at last), the epochs (evenly spaced, where there are many), the tensors
/// of the parameters, and the environment: version and features of the crate, target, processors. What the trainer does not
/// know, such as the data, is added by [`setting`](Report::setting).
///
/// Until the end, also where the process is killed, what was there before stays. A page that cannot be written, found out
/// at the end, makes the run's [`StopReason`] `Failed`.
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, train::Report};
///
/// # let path = std::env::temp_dir().join(format!("downhill-report-{}.html", std::process::id()));
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// Trainer::new(GradientDescent)
///     .learning_rate(0.1)
///     .steps(50)
///     .callback(Report::new(&path).title("A bowl").setting("start", 2))
///     .minimize(square)?;
/// let page = std::fs::read_to_string(&path).unwrap_or_default();
/// assert!(page.contains("<h1>A bowl</h1>") && page.contains("<svg"));
/// # let _ = std::fs::remove_file(path);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Report {
    path: PathBuf,
    title: String,
    settings: Vec<(String, String)>,
    /// What the trainer says of itself.
    run: Vec<(&'static str, String)>,
    schedule: String,
    rates: Vec<(&'static str, Values)>,
    best_by: String,
    began: Instant,
}

/// What a hyperparameter was in the course of the run.
#[derive(Debug)]
struct Values {
    first: f64,
    highest: f64,
    last: f64,
}

impl Values {
    fn new(value: f64) -> Self {
        let (first, highest, last) = (value, value, value);
        Self { first, highest, last }
    }
}

impl Report {
    /// Into this file; folders are made as needed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            title: "A run".into(),
            settings: Vec::new(),
            run: Vec::new(),
            schedule: String::new(),
            rates: Vec::new(),
            best_by: String::new(),
            began: Instant::now(),
        }
    }

    /// The title of the page. Default: "A run".
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Adds a line to the settings.
    pub fn setting(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.settings.push((name.into(), value.to_string()));
        self
    }

    fn page<F: Scalar>(&self, run: &Run<F>) -> String {
        let title = escaped(&self.title);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        );
        let seconds = self.began.elapsed().as_secs_f64();
        list(
            &mut page,
            &[
                ("stopped", describe(&run.stop)),
                (
                    "best",
                    format!("{} {} at step {}", self.best_by, run.best.value, run.best.step),
                ),
                ("epochs", run.epochs.to_string()),
                ("steps", run.steps.to_string()),
                ("steps left out", run.skipped.to_string()),
                ("time", format!("{seconds:.2} s")),
            ],
        );
        if !run.history.is_empty()
            && let Ok(svg) = learning_curves(&run.history).svg()
        {
            let _ = writeln!(page, "<h2>Learning curves</h2>\n<figure>{svg}</figure>");
        }
        page += "<h2>Settings</h2>\n";
        let own = self
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        list(
            &mut page,
            &self
                .run
                .iter()
                .cloned()
                .chain(self.rates())
                .chain(own)
                .collect::<Vec<_>>(),
        );
        table_of_epochs(&mut page, &run.history, run.best.step);
        page += "<h2>Parameters</h2>\n<table>\n<tr><th>tensor<th>shape<th>norm\n";
        for (name, values) in run.params.iter() {
            let norm = values
                .iter()
                .map(|w| w.to_f64_exact().powi(2))
                .sum::<f64>()
                .sqrt();
            let _ = writeln!(
                page,
                "<tr><td>{}<td>{:?}<td>{norm:.6}",
                escaped(name),
                values.shape()
            );
        }
        page += "</table>\n<h2>Environment</h2>\n";
        list(&mut page, &environment::<F>());
        page + "</body>\n</html>\n"
    }

    /// The learning rate and what else followed a schedule, in words.
    fn rates(&self) -> impl Iterator<Item = (&str, String)> {
        self.rates.iter().map(|(name, Values { first, highest, last })| {
            let kind = match self.schedule.as_str() {
                kind if *name == "learning rate" && kind != "f64" => format!("{kind}: "),
                _ => String::new(),
            };
            if first == last && last == highest {
                (*name, format!("{kind}{}", short(*first)))
            } else {
                let [first, highest, last] = [first, highest, last].map(|value| short(*value));
                (
                    *name,
                    format!("{kind}{first} at first, {highest} at most, {last} at last"),
                )
            }
        })
    }

    fn see(&mut self, rates: Rates) {
        let all = [
            ("learning rate", Some(rates.learning_rate)),
            ("momentum", rates.momentum),
            ("beta2", rates.beta2),
            ("weight decay", rates.weight_decay),
        ];
        for (name, value) in all {
            let Some(value) = value else { continue };
            match self.rates.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => {
                    values.highest = values.highest.max(value);
                    values.last = value;
                }
                None => self.rates.push((name, Values::new(value))),
            }
        }
    }

    fn write(&self, page: &str) -> Result<(), Error> {
        replace::replace(&self.path, |mut file| file.write_all(page.as_bytes()))
    }
}

impl<F: Scalar> Callback<F> for Report {
    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        self.began = Instant::now();
        self.best_by = event.best_by.describe();
        self.schedule = event.schedule.into();
        self.rates.clear();
        let length = |length: Option<u64>| length.map_or("no limit".into(), |length| length.to_string());
        self.run = vec![
            ("optimiser", event.optimizer.into()),
            ("seed", event.seed.to_string()),
            ("weights", event.params.as_slice().len().to_string()),
            ("rows in a batch", event.batch_rows.to_string()),
            ("steps in an epoch", event.steps_per_epoch.to_string()),
            ("epochs at most", length(event.epochs)),
            ("steps at most", length(event.steps)),
            ("continued at step", event.step.to_string()),
        ];
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, "created", &error))?;
        }
        // Found out now, and not when the work is done.
        replace::check(&self.path)
    }

    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        self.see(event.rates);
        Control::Continue
    }

    fn on_end(&mut self, run: &mut Run<F>) {
        if let Err(error) = self.write(&self.page(run)) {
            run.stop = StopReason::Failed(error);
        }
    }
}
