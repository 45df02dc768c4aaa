//! One picture of a training: the curves above, test images with their predictions beneath.

use std::{error::Error, fs, path::Path};

use downhill::{
    Dataset,
    ndarray::{Array1, Array2},
    train::Record,
};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const TRAINING: RGBColor = RGBColor(31, 119, 180);
const TEST: RGBColor = RGBColor(214, 96, 20);
const RATE: RGBColor = RGBColor(110, 110, 110);
const WRONG: RGBColor = RGBColor(200, 30, 30);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// A name, a colour, and points.
type Line = (&'static str, RGBColor, Vec<(f64, f64)>);
type Outcome = Result<(), Box<dyn Error>>;

/// Writes the picture, and the folder it goes into.
pub(crate) fn draw(
    path: &Path,
    history: &[Record],
    test: &Dataset<'_, f32, Array2<f32>, Array1<usize>>,
    predicted: &[usize],
) -> Outcome {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let root = SVGBackend::new(path, (1000, 860)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, images) = root.split_vertically(520);
    let (losses, rates) = above.split_vertically(370);
    let (losses, accuracies) = losses.split_horizontally(500);
    let loss: [Line; 2] = [
        (
            "training",
            TRAINING,
            history.iter().map(|r| (r.epoch as f64, r.loss)).collect(),
        ),
        (
            "test",
            TEST,
            history
                .iter()
                .filter_map(|r| Some((r.epoch as f64, r.validation_loss?)))
                .collect(),
        ),
    ];
    curves(&losses, "Loss", &loss, true)?;
    let accuracy = history
        .iter()
        .filter_map(|r| Some((r.epoch as f64, 100.0 * r.get("accuracy")?)))
        .collect();
    curves(
        &accuracies,
        "Test accuracy, %",
        &[("test", TEST, accuracy)],
        false,
    )?;
    let rate = history
        .iter()
        .map(|r| (r.epoch as f64, r.learning_rate))
        .collect();
    curves(
        &rates,
        "Learning rate, by epoch",
        &[("learning rate", RATE, rate)],
        false,
    )?;
    grid(&images, test, predicted)?;
    root.present()?;
    Ok(())
}

fn curves(area: &Area<'_>, title: &str, lines: &[Line], logarithmic: bool) -> Outcome {
    let points = || {
        lines
            .iter()
            .flat_map(|(_, _, points)| points)
            .filter(|(_, y)| y.is_finite())
    };
    let last = points().map(|(x, _)| *x).fold(1.0, f64::max);
    let low = points().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let high = points().map(|(_, y)| *y).fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return Ok(());
    }
    let mut builder = ChartBuilder::on(area);
    builder
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(64);
    // One body for both axes: their types differ.
    macro_rules! chart {
        ($range:expr, $format:expr) => {{
            let mut chart = builder.build_cartesian_2d(0.0..last, $range)?;
            chart
                .configure_mesh()
                .light_line_style(TRANSPARENT)
                .y_labels(if area.dim_in_pixel().1 < 200 { 4 } else { 8 })
                .x_label_formatter(&|x| format!("{x:.0}"))
                .y_label_formatter(&$format)
                .label_style(("sans-serif", 14))
                .draw()?;
            for (name, colour, points) in lines {
                let style = colour.stroke_width(2);
                let series = chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
                if lines.len() > 1 {
                    series
                        .label(*name)
                        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
                }
            }
            if lines.len() > 1 {
                chart
                    .configure_series_labels()
                    .position(SeriesLabelPosition::UpperRight)
                    .background_style(WHITE.mix(0.8))
                    .label_font(("sans-serif", 15))
                    .draw()?;
            }
        }};
    }
    if logarithmic && low > 0.0 {
        chart!((low * 0.8..high * 1.25).log_scale(), |y: &f64| format!("{y:.0e}"));
    } else {
        let pad = ((high - low) * 0.05).max(1e-9);
        chart!(low - pad..high + pad, |y: &f64| if high < 1.0 {
            format!("{y:.3}")
        } else {
            format!("{y:.0}")
        });
    }
    Ok(())
}

/// The wrong ones first, so that they are all seen; then others, up to the end of the grid.
fn grid(
    area: &Area<'_>,
    test: &Dataset<'_, f32, Array2<f32>, Array1<usize>>,
    predicted: &[usize],
) -> Outcome {
    const COLUMNS: usize = 18;
    const ROWS: usize = 4;
    const PIXEL: i32 = 5;
    let (pixels, labels) = (test.inputs(), test.targets());
    let is_wrong = |&image: &usize| predicted[image] != labels[image];
    let (wrong, right): (Vec<_>, Vec<_>) = (0..labels.len()).partition(is_wrong);
    let title = format!(
        "Test images and predictions; the {} wrong ones of {} in red, with the truth",
        wrong.len(),
        labels.len()
    );
    area.draw(&Text::new(title, (20, 8), ("sans-serif", 20)))?;
    let centre = Pos::new(HPos::Center, VPos::Top);
    for (place, &image) in wrong.iter().chain(&right).take(COLUMNS * ROWS).enumerate() {
        let (x, y) = (
            24 + 53 * (place % COLUMNS) as i32,
            42 + 72 * (place / COLUMNS) as i32,
        );
        for (k, &value) in pixels.row(image).iter().enumerate() {
            let corner = (x + PIXEL * (k % 8) as i32, y + PIXEL * (k / 8) as i32);
            let grey = (255.0 * (1.0 - value)) as u8;
            let cell = [corner, (corner.0 + PIXEL, corner.1 + PIXEL)];
            area.draw(&Rectangle::new(cell, RGBColor(grey, grey, grey).filled()))?;
        }
        let wrong = is_wrong(&image);
        let colour = if wrong { WRONG } else { RGBColor(150, 150, 150) };
        let frame = [(x - 1, y - 1), (x + 8 * PIXEL, y + 8 * PIXEL)];
        area.draw(&Rectangle::new(
            frame,
            colour.stroke_width(if wrong { 3 } else { 1 }),
        ))?;
        let text = match wrong {
            true => format!("{} not {}", labels[image], predicted[image]),
            false => predicted[image].to_string(),
        };
        let style = ("sans-serif", 13)
            .into_text_style(area)
            .color(&colour)
            .pos(centre);
        area.draw(&Text::new(text, (x + 4 * PIXEL, y + 8 * PIXEL + 6), style))?;
    }
    Ok(())
}
