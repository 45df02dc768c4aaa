//! The picture: how the loss falls, how it depends on the learning rate, and what rare features have learnt.

use std::{error::Error, fs, path::Path};

use downhill::Run;
use plotters::{coord::Shift, prelude::*};

use crate::{Contender, last_loss};

/// From loss to loss.
const LOSSES: std::ops::Range<f64> = 0.0005..6.0;
const COLORS: [RGBColor; 2] = [RGBColor(214, 96, 20), RGBColor(31, 119, 180)];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Outcome = Result<(), Box<dyn Error>>;

/// Writes the picture, and the folder it goes into.
pub(crate) fn draw(path: &Path, contenders: &[Contender; 2], frequencies: &[u32]) -> Outcome {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let root = SVGBackend::new(path, (1200, 400)).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((1, 3));
    epochs(&panels[0], contenders)?;
    rates(&panels[1], contenders)?;
    weights(&panels[2], contenders, frequencies)?;
    root.present()?;
    Ok(())
}

/// The loss on the test articles, epoch by epoch: each at its best learning rate boldly, the others faintly.
fn epochs(area: &Area<'_>, contenders: &[Contender]) -> Outcome {
    let last = contenders[0].runs[0].1.history.len();
    let mut chart = ChartBuilder::on(area)
        .caption("Test loss, each at its best rate", ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(48)
        .build_cartesian_2d(1.0..last as f64, LOSSES.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("epoch")
        .x_labels(10)
        .x_label_formatter(&|x: &f64| format!("{x:.0}"))
        .y_label_formatter(&|y: &f64| format!("{y}"))
        .label_style(("sans-serif", 13))
        .draw()?;
    for (contender, color) in contenders.iter().zip(COLORS) {
        let best = contender.best().map(|(rate, _)| *rate);
        for (rate, run) in &contender.runs {
            let bold = best == Some(*rate);
            let style = if bold {
                color.stroke_width(3)
            } else {
                color.mix(0.25).stroke_width(1)
            };
            let points = run
                .history
                .iter()
                .filter_map(|record| Some((record.epoch as f64, record.validation_loss?)));
            let series = chart.draw_series(LineSeries::new(points, style))?;
            if bold {
                series
                    .label(format!("{}, rate {rate}", contender.name))
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(3)));
            }
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

/// The loss at the end against the learning rate.
fn rates(area: &Area<'_>, contenders: &[Contender]) -> Outcome {
    let mut chart = ChartBuilder::on(area)
        .caption("Test loss at the end", ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(48)
        .build_cartesian_2d((0.02..15.0).log_scale(), LOSSES.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("learning rate")
        .x_labels(6)
        .x_label_formatter(&|x: &f64| format!("{x}"))
        .y_label_formatter(&|y: &f64| format!("{y}"))
        .label_style(("sans-serif", 13))
        .draw()?;
    for (contender, color) in contenders.iter().zip(COLORS) {
        let points: Vec<_> = contender
            .runs
            .iter()
            .map(|(rate, run)| (*rate, last_loss(run).min(LOSSES.end)))
            .collect();
        chart
            .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?
            .label(contender.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(3)));
        chart.draw_series(
            points
                .into_iter()
                .map(|point| Circle::new(point, 4, color.filled())),
        )?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperMiddle)
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

/// How large the weights are of features that are in 1, 2, 4, … paragraphs, over those of the most frequent.
fn weights(area: &Area<'_>, contenders: &[Contender], frequencies: &[u32]) -> Outcome {
    let largest = f64::from(frequencies.iter().copied().max().unwrap_or(1));
    let mut chart = ChartBuilder::on(area)
        .caption(
            "Size of weights over that of the most frequent",
            ("sans-serif", 17),
        )
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(48)
        .build_cartesian_2d((1.0..largest).log_scale(), (0.003..6.0).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("paragraphs with the feature")
        .x_label_formatter(&|x: &f64| format!("{x}"))
        .y_label_formatter(&|y: &f64| format!("{y}"))
        .label_style(("sans-serif", 13))
        .draw()?;
    for (contender, color) in contenders.iter().zip(COLORS) {
        if let Some((_, run)) = contender.best() {
            let points = sizes(run, frequencies);
            chart.draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?;
            chart.draw_series(
                points
                    .into_iter()
                    .map(|point| Circle::new(point, 4, color.filled())),
            )?;
        }
    }
    Ok(())
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
