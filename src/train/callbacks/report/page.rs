//! The parts of the page.

use std::fmt::Write;

use crate::{
    Scalar,
    train::{History, Record, StopReason},
};

/// How many epochs the table shows at most; the curves show all.
const ROWS: usize = 60;

pub(super) const STYLE: &str = "\
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
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

pub(super) fn list(page: &mut String, entries: &[(&str, String)]) {
    page.push_str("<dl>\n");
    for (name, value) in entries {
        let _ = writeln!(page, "<dt>{}<dd>{}", escaped(name), escaped(value));
    }
    page.push_str("</dl>\n");
}

/// Why it ended, in words.
pub(super) fn describe(stop: &StopReason) -> String {
    match stop {
        StopReason::Finished => "finished".into(),
        StopReason::TimeLimit => "the time was over".into(),
        StopReason::Callback(reason) => reason.clone(),
        StopReason::NoImprovement { metric, checks } => {
            format!("{metric} had not improved for {checks} checks")
        }
        StopReason::Interrupted => "interrupted".into(),
        StopReason::Failed(error) => error.to_string(),
        StopReason::NonFinite { what, step } => format!("the {what} was not finite after step {step}"),
    }
}

pub(super) fn table_of_epochs(page: &mut String, history: &History, best: u64) {
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
                _ => short(value),
            });
            let _ = write!(page, "<td>{}", cell.unwrap_or_default());
        }
        page.push('\n');
    }
    page.push_str("</table>\n");
}

/// What a hyperparameter was in the course of a run, if it was anything.
pub(super) fn course(values: &[f64]) -> Option<String> {
    let mut values = values.iter().copied().filter(|value| !value.is_nan());
    let first = values.next()?;
    let (highest, last) = values.fold((first, first), |(highest, _), value| (value.max(highest), value));
    let [at_first, at_most, at_last] = [first, highest, last].map(short);
    if first == last && last == highest {
        return Some(at_first);
    }
    Some(format!(
        "{at_first} when first recorded, {at_most} at most, {at_last} at last"
    ))
}

/// A number with five decimals, or four significant digits.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
        format!("{value:.5}")
    } else {
        format!("{value:.3e}")
    }
}

pub(super) fn environment<F: Scalar>() -> [(&'static str, String); 6] {
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
