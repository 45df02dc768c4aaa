//! A run as one page.

use std::{
    fmt::Write,
    fs::{self, OpenOptions},
    path::PathBuf,
    time::Instant,
};

use crate::{
    Error, Run, Scalar,
    plot::{Picture, learning_curves},
    train::{Callback, History, Record, StartEvent, StopReason},
};

/// How many epochs the table shows at most; the curves show all.
const ROWS: usize = 60;

/// Writes a page about the run when it ends, however that comes: a single HTML file, without scripts and without anything to
/// be fetched.
///
/// It holds why the run ended and where it was best, the learning curves, the settings, the epochs (evenly spaced, where
/// there are many), the tensors of the parameters, and the environment: version and features of the crate, target,
/// processors. What the trainer does not know, such as the data, is added by [`setting`](Report::setting).
///
/// A page that cannot be written, found out at the end, makes the run's [`StopReason`] `Failed`.
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
    best_by: String,
    began: Instant,
}

impl Report {
    /// Into this file; folders are made as needed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            title: "A run".into(),
            settings: Vec::new(),
            run: Vec::new(),
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
            &self.run.iter().cloned().chain(own).collect::<Vec<_>>(),
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

    fn write(&self, page: &str) -> Result<(), Error> {
        fs::write(&self.path, page).map_err(|error| Error::io(&self.path, "written", &error))
    }
}

impl<F: Scalar> Callback<F> for Report {
    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        self.began = Instant::now();
        self.best_by = event.best_by.describe();
        let length = |length: Option<u64>| length.map_or("no limit".into(), |length| length.to_string());
        self.run = vec![
            ("optimiser", event.optimizer.into()),
            (
                "learning rate",
                if event.schedule == "f64" {
                    "constant"
                } else {
                    event.schedule
                }
                .into(),
            ),
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
        // Found out now, and not when the work is done. What was there stays until then.
        let opened = OpenOptions::new().create(true).append(true).open(&self.path);
        opened.map_err(|error| Error::io(&self.path, "written", &error))?;
        Ok(())
    }

    fn on_end(&mut self, run: &mut Run<F>) {
        if let Err(error) = self.write(&self.page(run)) {
            run.stop = StopReason::Failed(error);
        }
    }
}

const STYLE: &str = "\
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { font-weight: 600; line-height: 1.2 }
h2 { margin-top: 2.2rem; font-size: 1.25rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.5rem }
dt { color: #666 }
dd { margin: 0 }
figure { margin: 0 }
figure svg { max-width: 100%; height: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { padding: .2rem .9rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
th { font-weight: 600 }
.best { background: #e8f2fa }
";

/// Text between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn list(page: &mut String, entries: &[(&str, String)]) {
    page.push_str("<dl>\n");
    for (name, value) in entries {
        let _ = writeln!(page, "<dt>{}<dd>{}", escaped(name), escaped(value));
    }
    page.push_str("</dl>\n");
}

/// Why it ended, in words.
fn describe(stop: &StopReason) -> String {
    match stop {
        StopReason::Finished => "finished".into(),
        StopReason::TimeLimit => "the time was over".into(),
        StopReason::Callback(reason) => reason.clone(),
        StopReason::NoImprovement { metric, checks } => {
            format!("{metric} had not improved for {checks} epochs")
        }
        StopReason::Interrupted => "interrupted".into(),
        StopReason::Failed(error) => error.to_string(),
        StopReason::NonFinite { what, step } => format!("the {what} was not finite after step {step}"),
    }
}

fn table_of_epochs(page: &mut String, history: &History, best: u64) {
    if history.is_empty() {
        return;
    }
    let names = history.names();
    let head: String = names
        .iter()
        .map(|name| format!("<th>{}", escaped(&name.replace('_', " "))))
        .collect();
    let _ = writeln!(page, "<h2>Epochs</h2>\n<table>\n<tr>{head}");
    let stride = history.len().div_ceil(ROWS);
    let shown = |(place, record): &(usize, &Record)| {
        (place + 1) % stride == 0 || place + 1 == history.len() || record.step == best
    };
    for (_, record) in history.iter().enumerate().filter(shown) {
        page.push_str(if record.step == best {
            "<tr class=\"best\">"
        } else {
            "<tr>"
        });
        for name in &names {
            let value = record
                .columns()
                .find(|(column, _)| column == name)
                .map(|(_, value)| value);
            let cell = value.map(|value| match *name {
                "epoch" | "step" => value.to_string(),
                "seconds" => format!("{value:.2}"),
                _ if value == 0.0 || (1e-3..1e6).contains(&value.abs()) => format!("{value:.5}"),
                _ => format!("{value:.3e}"),
            });
            let _ = write!(page, "<td>{}", cell.unwrap_or_default());
        }
        page.push('\n');
    }
    page.push_str("</table>\n");
}

fn environment<F: Scalar>() -> [(&'static str, String); 6] {
    let features = [
        ("checkpoint", cfg!(feature = "checkpoint")),
        ("faer", cfg!(feature = "faer")),
        ("huge-pages", cfg!(feature = "huge-pages")),
        ("interrupt", cfg!(feature = "interrupt")),
        ("npy", cfg!(feature = "npy")),
        ("plot", cfg!(feature = "plot")),
        ("png", cfg!(feature = "png")),
        ("progress", cfg!(feature = "progress")),
        ("rayon", cfg!(feature = "rayon")),
        ("sparse", cfg!(feature = "sparse")),
        ("tensorboard", cfg!(feature = "tensorboard")),
        ("tracing", cfg!(feature = "tracing")),
    ];
    let features: Vec<&str> = features
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| name)
        .collect();
    let processors = std::thread::available_parallelism().map_or("unknown".into(), |n| n.to_string());
    [
        ("downhill", env!("CARGO_PKG_VERSION").into()),
        ("features", features.join(", ")),
        (
            "build",
            if cfg!(debug_assertions) {
                "with debug assertions"
            } else {
                "release"
            }
            .into(),
        ),
        (
            "target",
            format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
        ),
        ("numbers", std::any::type_name::<F>().into()),
        ("processors", processors),
    ]
}
