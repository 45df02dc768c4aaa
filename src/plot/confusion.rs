//! What was taken for what.

use std::path::Path;

use ndarray::Array2;
use plotters::{
    element::{Rectangle, Text},
    style::{Color, FontTransform, WHITE},
};

use super::{
    Area, Picture,
    style::{self, AXIS, Anchor, INK, LABEL, TICK, TITLE},
};
use crate::{Error, metrics::Confusion};

/// A confusion matrix: a row for each label, a column for each prediction, each cell with its number and as dark as its share
/// of the row.
#[derive(Debug, Clone)]
#[must_use]
pub struct ConfusionMatrix {
    counts: Array2<f64>,
    accuracy: f64,
    names: Vec<String>,
}

impl Confusion {
    /// As a picture.
    pub fn picture(&self) -> ConfusionMatrix {
        ConfusionMatrix {
            counts: self.matrix().to_owned(),
            accuracy: self.accuracy(),
            names: Vec::new(),
        }
    }

    /// Draws it into a file, with the classes' numbers; [`Confusion::picture`] takes names.
    ///
    /// # Errors
    /// As [`Picture::save`].
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.picture().save(path)
    }
}

impl ConfusionMatrix {
    /// Names the classes, in the order of their numbers. Default: the numbers.
    pub fn names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    fn name(&self, class: usize) -> String {
        self.names
            .get(class)
            .cloned()
            .unwrap_or_else(|| class.to_string())
    }

    /// The width of the longest name.
    fn names_width(&self) -> i32 {
        let widths = (0..self.counts.nrows()).map(|class| style::width(&self.name(class), TICK));
        widths.max().unwrap_or(0)
    }
}

impl Picture for ConfusionMatrix {
    fn size(&self) -> (u32, u32) {
        let cells = (self.counts.nrows() as u32 * 46).clamp(184, 1200);
        let names = self.names_width() as u32;
        (cells + names + 64, cells + TITLE as u32 + names.min(60) + 74)
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Error> {
        let classes = self.counts.nrows().max(1) as i32;
        let (width, height) = area.dim_in_pixel();
        let names = self.names_width();
        let (left, top) = (8 + LABEL + 8 + names + 8, TITLE + 18);
        let across = (width as i32 - left - 16) / classes;
        let turned = names + 4 > across;
        let below = 8 + if turned { names } else { TICK } + 8 + LABEL + 8;
        let cell = across.min((height as i32 - top - below) / classes).max(1);
        let end = (left + cell * classes, top + cell * classes);
        let title = format!("Accuracy {:.1}% of {}", 100.0 * self.accuracy, self.counts.sum());
        let style = style::text(TITLE, INK, Anchor::Left);
        area.draw(&Text::new(title, (left, TITLE / 2 + 8), style))?;
        for (label, row) in self.counts.outer_iter().enumerate() {
            let whole = row.sum();
            for (class, &count) in row.iter().enumerate() {
                let (x, y) = (left + cell * class as i32, top + cell * label as i32);
                let share = if whole > 0.0 { count / whole } else { 0.0 };
                let corners = [(x, y), (x + cell, y + cell)];
                area.draw(&Rectangle::new(corners, style::shade(share).filled()))?;
                area.draw(&Rectangle::new(corners, WHITE.stroke_width(1)))?;
                let text = format!("{count}");
                if count > 0.0 && style::width(&text, TICK) <= cell {
                    let colour = if share > 0.5 { WHITE } else { INK };
                    let middle = (x + cell / 2, y + cell / 2);
                    area.draw(&Text::new(
                        text,
                        middle,
                        style::text(TICK, colour, Anchor::Centre),
                    ))?;
                }
            }
        }
        for class in 0..classes {
            let middle = cell * class + cell / 2;
            let name = self.name(class as usize);
            let style = style::text(TICK, AXIS, Anchor::Right);
            area.draw(&Text::new(name.clone(), (left - 8, top + middle), style.clone()))?;
            let (style, y) = if turned {
                (style.transform(FontTransform::Rotate270), end.1 + 8)
            } else {
                (style::text(TICK, AXIS, Anchor::Centre), end.1 + 8 + TICK / 2)
            };
            area.draw(&Text::new(name, (left + middle, y), style))?;
        }
        let style = || style::text(LABEL, INK, Anchor::Centre);
        let place = ((left + end.0) / 2, end.1 + below - 8 - LABEL / 2);
        area.draw(&Text::new("prediction", place, style()))?;
        let place = (8 + LABEL / 2, (top + end.1) / 2);
        area.draw(&Text::new(
            "label",
            place,
            style().transform(FontTransform::Rotate270),
        ))?;
        Ok(())
    }
}
