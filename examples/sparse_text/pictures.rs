//! The picture: how the loss falls, how it depends on the learning rate, and what rare features have learnt.

use std::path::Path;

use downhill::{
    Error, Run,
    plot::{Chart, Picture, Sheet},
};

use crate::{Contender, last_loss};

/// Writes the picture, and the folder it goes into.
pub(crate) fn draw(path: &Path, contenders: &[Contender; 2], frequencies: &[u32]) -> Result<(), Error> {
    let panels = [
        epochs(contenders),
        rates(contenders),
        weights(contenders, frequencies),
    ];
    let panels = panels.map(|chart| chart.log_y().sized(420, 400));
    Sheet::new().row(panels).save(path)
}

/// The loss on the test paragraphs, epoch by epoch: each at its best learning rate boldly, the others faintly.
fn epochs(contenders: &[Contender]) -> Chart {
    let losses = |run: &Run<f32>| -> Vec<(f64, f64)> {
        let point = |record: &downhill::train::Record| Some((record.epoch as f64, record.validation_loss?));
        run.history.iter().filter_map(point).collect()
    };
    let mut chart = Chart::new("Test loss, each at its best rate").x("epoch");
    for contender in contenders {
        let best = contender.best().map_or(f64::NAN, |(rate, _)| *rate);
        for (_, run) in contender.runs.iter().filter(|(rate, _)| *rate != best) {
            chart = chart.faint(losses(run));
        }
        let bold = contender.best().map_or(Vec::new(), |(_, run)| losses(run));
        chart = chart.line(format!("{}, rate {best}", contender.name), bold);
    }
    chart
}

/// The loss at the end against the learning rate.
fn rates(contenders: &[Contender]) -> Chart {
    let chart = Chart::new("Test loss at the end").x("learning rate").log_x();
    contenders.iter().fold(chart, |chart, contender| {
        let points = contender.runs.iter().map(|(rate, run)| (*rate, last_loss(run)));
        chart.line(contender.name, points).with_points()
    })
}

/// How large the weights are of features that are in 1, 2, 4, … paragraphs, over those of the most frequent.
fn weights(contenders: &[Contender], frequencies: &[u32]) -> Chart {
    let chart = Chart::new("Size of weights by frequency")
        .x("paragraphs with the feature")
        .log_x();
    contenders.iter().fold(chart, |chart, contender| {
        let points = contender
            .best()
            .map_or(Vec::new(), |(_, run)| sizes(run, frequencies));
        chart.line(contender.name, points).with_points()
    })
}

/// The root mean square of the weights of features with 1, 2 to 3, 4 to 7, … paragraphs, over that of the last.
fn sizes(run: &Run<f32>, frequencies: &[u32]) -> Vec<(f64, f64)> {
    let Ok(weights) = run.params.get("weight") else {
        return Vec::new();
    };
    let mut sums = [(0.0, 0.0); 32];
    for (weights, &frequency) in weights.outer_iter().zip(frequencies) {
        if frequency > 0 {
            let (sum, count) = &mut sums[frequency.ilog2() as usize];
            *sum += weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>();
            *count += weights.len() as f64;
        }
    }
    let filled = sums.iter().enumerate().filter(|(_, (_, count))| *count > 0.0);
    let roots: Vec<_> = filled
        .map(|(power, (sum, count))| (2_f64.powi(power as i32), (sum / count).sqrt()))
        .collect();
    let reference = roots.last().map_or(1.0, |(_, root)| *root);
    roots
        .into_iter()
        .map(|(frequency, root)| (frequency, root / reference))
        .collect()
}
