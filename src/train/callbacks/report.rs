//! A run as one page.

mod page;

use std::{fmt::Write, fs, io::Write as _, path::PathBuf};

use crate::{
    Error, Run, Scalar,
    plot::{Picture, learning_curves},
    replace,
    train::{Callback, History, StartEvent, StopReason},
};
use page::{STYLE, course, describe, environment, escaped, list, table_of_epochs};

/// Writes a page about the run when it ends, however that comes: a single HTML file, without scripts and without anything to
/// be fetched.
///
/// It holds why the run ended and where it was best, the learning curves, all settings (optimiser and schedules with theirs,
/// the loss, what surrounds a step, callbacks; and what the learning rate and whatever else is scheduled were in the first
/// record of the history, at most and at last), the epochs (evenly spaced, where there are many), the tensors of the parameters, and the
/// environment: version and features of the crate, target, processors. What the trainer does not know, such as the data, is
/// added by [`setting`](Report::setting).
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
}

impl Report {
    /// Into this file; folders are made as needed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            title: "A run".into(),
            settings: Vec::new(),
            run: Vec::new(),
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
        let best_by = self.run.iter().find(|(name, _)| *name == "best by");
        let best_by = best_by.map_or("", |(_, watch)| watch.as_str());
        list(
            &mut page,
            &[
                ("stopped", describe(&run.stop)),
                (
                    "best",
                    format!("{best_by} {} at step {}", run.best.value, run.best.step),
                ),
                ("epochs", run.epochs.to_string()),
                ("steps", run.steps.to_string()),
                ("steps left out", run.skipped.to_string()),
                ("time", format!("{:.2} s", run.seconds)),
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
            &Vec::from_iter(self.of_run(&run.history).into_iter().chain(own)),
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

    /// The settings that the run says it has; beside what follows a schedule, the values that it had.
    fn of_run(&self, history: &History) -> Vec<(&str, String)> {
        let mut all: Vec<(&str, String)> = Vec::new();
        let mut values: Vec<_> = ["learning_rate", "momentum", "beta2", "weight_decay"]
            .into_iter()
            .filter_map(|column| Some((column, course(&history.column(column))?)))
            .collect();
        for (name, text) in &self.run {
            let own = values
                .iter()
                .position(|(column, _)| *column == name.replace(' ', "_"));
            all.push(match own.map(|place| values.remove(place)) {
                Some((_, course)) if text.parse::<f64>().is_err() => (name, format!("{text}: {course}")),
                _ => (name, text.clone()),
            });
        }
        // Set by the schedule of the learning rate.
        all.extend(values);
        all
    }

    fn write(&self, page: &str) -> Result<(), Error> {
        replace::replace(&self.path, |mut file| file.write_all(page.as_bytes()))
    }
}

impl<F: Scalar> Callback<F> for Report {
    fn hears_steps(&self) -> bool {
        false
    }

    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        self.run = event.settings.to_vec();
        if event.resumed {
            self.run.push(("continued at step", event.step.to_string()));
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, "created", &error))?;
        }
        // Found out now, and not when the work is done.
        replace::check(&self.path)
    }

    fn on_end(&mut self, run: &mut Run<F>) {
        if let Err(error) = self.write(&self.page(run)) {
            run.stop = StopReason::Failed(error);
        }
    }
}
