//! One picture of a training: the curves above, test images with their predictions beneath.

use std::path::Path;

use downhill::{
    Dataset, Error,
    ndarray::{Array1, Array2},
    plot::{
        Area, Picture, Sheet, learning_curves,
        plotters::{
            prelude::*,
            style::text_anchor::{HPos, Pos, VPos},
        },
    },
    train::Record,
};

const WRONG: RGBColor = RGBColor(213, 94, 0);
const RIGHT: RGBColor = RGBColor(150, 150, 150);

/// Writes the picture, and the folder it goes into.
pub(crate) fn draw(
    path: &Path,
    history: &[Record],
    test: &Images<'_>,
    predicted: &[usize],
) -> Result<(), Error> {
    let grid = Grid { test, predicted };
    Sheet::new()
        .row([learning_curves(history)])
        .row([grid])
        .save(path)
}

type Images<'a> = Dataset<'a, f32, Array2<f32>, Array1<usize>>;

/// Test images with their predictions.
struct Grid<'a, 'd> {
    test: &'a Images<'d>,
    predicted: &'a [usize],
}

impl Picture for Grid<'_, '_> {
    fn size(&self) -> (u32, u32) {
        (1040, 340)
    }

    /// The wrong ones first, so that they are all seen; then others, up to the end of the grid.
    fn draw(&self, area: &Area<'_>) -> Result<(), Error> {
        const COLUMNS: usize = 18;
        const ROWS: usize = 4;
        const PIXEL: i32 = 5;
        let Self { test, predicted } = self;
        let (pixels, labels) = (test.inputs(), test.targets());
        let is_wrong = |&image: &usize| predicted[image] != labels[image];
        let (wrong, right): (Vec<_>, Vec<_>) = (0..labels.len()).partition(is_wrong);
        let title = format!(
            "Test images and predictions; the {} wrong ones of {} in orange, with the truth",
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
            let colour = if wrong { WRONG } else { RIGHT };
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
}
