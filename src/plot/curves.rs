//! How runs went, and what a range test saw.

use std::path::Path;

use super::{Chart, Picture, Sheet, axis::label};
use crate::{
    Error,
    train::{History, Record},
    tune::LrCurve,
};

/// The learning curves of a run: the losses, each metric, and the learning rate beneath; by epochs, or by steps where it was
/// evaluated within epochs.
///
/// An axis is logarithmic where its values are above 0 and half of them would lie at the foot of a linear one.
pub fn learning_curves(records: &[Record]) -> Sheet<'static> {
    let by_steps = counts_steps(&[records]);
    let unit = if by_steps { "step" } else { "epoch" };
    let curve = |value: &dyn Fn(&Record) -> Option<f64>| -> Vec<(f64, f64)> {
        let point = |record: &Record| Some((time(record, by_steps) as f64, value(record)?));
        records.iter().filter_map(point).collect()
    };
    let panel = |title: &str, lines: Vec<(&str, Vec<(f64, f64)>)>| {
        let mut chart = Chart::new(title).x(unit);
        if spread(lines.iter().flat_map(|(_, points)| points).map(|(_, y)| *y)) {
            chart = chart.log_y();
        }
        for (name, points) in lines {
            chart = chart.line(name, points);
        }
        chart
    };
    let mut losses = vec![("training", curve(&|record| Some(record.loss)))];
    if records.iter().any(|record| record.validation_loss.is_some()) {
        losses.push(("validation", curve(&|record| record.validation_loss)));
    }
    let mut panels = vec![panel("Loss", losses)];
    // An epoch without an evaluation has none.
    let evaluated = records.iter().find(|record| !record.metrics.is_empty());
    for (name, _) in evaluated.map_or(&[][..], |record| &record.metrics) {
        panels.push(panel(
            &capital(name),
            vec![(name, curve(&|record| record.get(name)))],
        ));
    }
    let width = if panels.len() == 1 { 720 } else { 520 };
    let mut sheet = Sheet::new();
    for row in panels.chunks(3) {
        sheet = sheet.row(row.iter().map(|chart| chart.clone().sized(width, 370)));
    }
    let rate = curve(&|record| Some(record.learning_rate));
    sheet.row([panel("Learning rate", vec![("", rate)]).sized(width, 210)])
}

/// A metric of several runs of each of several kinds, such as optimisers: the mean over the runs of a kind, in a band from the
/// lowest to the highest.
///
/// `metric` is `"loss"`, `"validation_loss"` or the name of a metric; what has none is left out.
///
/// ```
/// use downhill::{Function, Trainer, optim::Momentum, plot::{self, Picture}};
/// let runs = |beta| -> Result<Vec<_>, downhill::Error> {
///     let starts = [1.0, 2.0, 3.0].into_iter();
///     let run = |start| {
///         let square = Function::new(vec![start], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
///         Ok(Trainer::new(Momentum::new(beta)).learning_rate(0.05).steps(60).minimize(square)?.history)
///     };
///     starts.map(run).collect()
/// };
/// let picture = plot::comparison("loss", [("momentum 0.5", runs(0.5)?), ("momentum 0.9", runs(0.9)?)]);
/// assert!(picture.svg()?.contains("momentum 0.9"));
/// # Ok::<(), downhill::Error>(())
/// ```
pub fn comparison<N: Into<String>, H: AsRef<[Record]>>(
    metric: &str,
    kinds: impl IntoIterator<Item = (N, Vec<H>)>,
) -> Chart {
    let kinds: Vec<(N, Vec<H>)> = kinds.into_iter().collect();
    let runs = kinds.iter().flat_map(|(_, runs)| runs).map(AsRef::as_ref);
    let by_steps = counts_steps(&Vec::from_iter(runs));
    let unit = if by_steps { "step" } else { "epoch" };
    let mut chart = Chart::default().x(unit).y(metric.replace('_', " "));
    let mut all: Vec<f64> = Vec::new();
    let mut most = 0;
    for (name, runs) in kinds {
        most = most.max(runs.len());
        let points = over_runs(metric, &runs, by_steps);
        all.extend(points.iter().flat_map(|&[_, low, _, high]| [low, high]));
        chart = chart.band(name, points);
    }
    if spread(all.into_iter()) {
        chart = chart.log_y();
    }
    chart.titled(format!("{}, mean and range of {most} runs", capital(metric)))
}

/// Whether the axis of these runs is of steps: some were evaluated within an epoch, or all their epochs are steps.
fn counts_steps(runs: &[&[Record]]) -> bool {
    let within = |records: &&[Record]| {
        records.first().is_some_and(|record| record.epoch == 0)
            || records.windows(2).any(|pair| pair[0].epoch == pair[1].epoch)
    };
    let mut records = runs.iter().flat_map(|records| records.iter());
    runs.iter().any(within) || records.all(|record| record.epoch == record.step)
}

/// Where a record stands on the axis.
fn time(record: &Record, by_steps: bool) -> u64 {
    if by_steps { record.step } else { record.epoch }
}

/// For each time at which a run has a record: the time, the lowest, the mean and the highest value.
fn over_runs<H: AsRef<[Record]>>(metric: &str, runs: &[H], by_steps: bool) -> Vec<[f64; 4]> {
    let mut by_time = std::collections::BTreeMap::<u64, Vec<f64>>::new();
    for record in runs.iter().flat_map(|run| run.as_ref()) {
        let value = record.get(metric).filter(|value| value.is_finite());
        by_time.entry(time(record, by_steps)).or_default().extend(value);
    }
    let point = |(time, values): (u64, Vec<f64>)| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (!values.is_empty()).then_some([time as f64, low, mean, high])
    };
    by_time.into_iter().filter_map(point).collect()
}

/// The rates of schedules over so many steps, as [`preview`](crate::schedule::preview) gives them.
///
/// ```
/// use downhill::{plot::{self, Picture}, schedule::{OneCycle, Span, StepDecay, preview}};
/// let one_cycle = preview(OneCycle::new(0.1, Span::Steps(300)), 300, 100)?;
/// let steps = preview(StepDecay::new(0.1, Span::Epochs(1)).factor(0.5), 300, 100)?;
/// let picture = plot::schedules([("one cycle", one_cycle), ("step decay", steps)]);
/// assert!(picture.svg()?.contains("one cycle"));
/// # Ok::<(), downhill::Error>(())
/// ```
pub fn schedules<N: Into<String>>(previews: impl IntoIterator<Item = (N, Vec<f64>)>) -> Chart {
    let chart = Chart::new("Learning rate").x("step");
    previews.into_iter().fold(chart, |chart, (name, rates)| {
        let point = |(step, rate)| (step as f64, rate);
        chart.line(name, rates.into_iter().enumerate().map(point))
    })
}

impl History {
    /// Draws the learning curves into a file: losses, metrics, and the learning rate beneath.
    ///
    /// # Errors
    /// As [`Picture::save`].
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        learning_curves(self).save(path)
    }
}

impl LrCurve {
    /// The losses by learning rate, averaged and (pale) as they were, with the suggestions.
    pub fn picture(&self) -> Chart {
        let by_rate = |losses: &[f64]| -> Vec<(f64, f64)> {
            self.rates.iter().copied().zip(losses.iter().copied()).collect()
        };
        // The average ends at a multiple of its best; single losses above that would flatten it.
        let highest = self.smoothed.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let below = |(_, loss): &(f64, f64)| *loss <= highest + 0.1 * highest.abs();
        let mut chart = Chart::new("Learning-rate range test")
            .x("learning rate")
            .y("loss")
            .faint(by_rate(&self.losses).into_iter().filter(below))
            .line("average", by_rate(&self.smoothed));
        if !self.finder.linear {
            chart = chart.log_x();
        }
        for (name, rate) in [("steepest", self.steepest()), ("valley", self.valley())] {
            if let Some(rate) = rate {
                chart = chart.mark(format!("{name}: {}", label(rate, rate / 100.0)), rate);
            }
        }
        chart
    }

    /// Draws it into a file.
    ///
    /// # Errors
    /// As [`Picture::save`].
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.picture().save(path)
    }
}

/// Whether values ask for a logarithmic axis: above 0, and so spread that on a linear one half of them would lie at its foot.
pub(super) fn spread(values: impl Iterator<Item = f64>) -> bool {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    match (values.first(), values.get(values.len() / 2), values.last()) {
        (Some(&low), Some(&median), Some(&high)) => low > 0.0 && high > 20.0 * low && high > 8.0 * median,
        _ => false,
    }
}

/// "validation_loss" as a title: "Validation loss".
fn capital(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
