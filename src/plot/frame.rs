//! The rectangle that data are drawn in, with its axes.

use plotters::{
    element::{Circle, Cross, PathElement, Polygon, Rectangle, Text},
    style::{Color, FontTransform, RGBColor, ShapeStyle, WHITE},
};

use super::{
    Area,
    axis::Axis,
    line::{clip, distance, smooth},
    style::{self, AXIS, Anchor, GRID, INK, LABEL, TICK},
};
use crate::Error;

/// Pixels between things.
const GAP: i32 = 8;

/// An axis with what stands beside it.
pub(super) struct Side<'a> {
    pub(super) axis: Axis,
    pub(super) label: &'a str,
    /// Whether fine lines lead from its ticks across the frame.
    pub(super) grid: bool,
}

pub(super) struct Frame<'a, 'b> {
    area: &'a Area<'b>,
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
    x: Axis,
    y: Axis,
}

impl<'a, 'b> Frame<'a, 'b> {
    /// Draws axes, ticks and labels into an area below its first `head` pixels.
    pub(super) fn new(area: &'a Area<'b>, head: i32, x: Side<'_>, y: Side<'_>) -> Result<Self, Error> {
        let (width, height) = area.dim_in_pixel();
        let left = Self::left(&y);
        // The last tick label may reach half its width beyond the axis.
        let last = x
            .axis
            .ticks
            .last()
            .map_or(0, |(_, label)| style::width(label, TICK) / 2);
        let frame = Self {
            area,
            left,
            right: (width as i32 - 2 * GAP - last).max(left + 1),
            top: head + GAP,
            bottom: (height as i32 - GAP - below(x.label) - TICK - GAP).max(head + GAP + 1),
            x: x.axis,
            y: y.axis,
        };
        frame.sides(x.label, y.label, y.grid)?;
        Ok(frame)
    }

    /// The left edge, where a title begins that is to stand above the frame.
    pub(super) fn left(y: &Side<'_>) -> i32 {
        GAP + below(y.label) + ticks_width(&y.axis) + GAP
    }

    fn sides(&self, x_label: &str, y_label: &str, grid: bool) -> Result<(), Error> {
        let tick = |anchor| style::text(TICK, AXIS, anchor);
        for (value, label) in &self.y.ticks {
            let Some(share) = self.y.share(*value) else {
                continue;
            };
            let y = self.height(share);
            if grid {
                self.path([(self.left, y), (self.right, y)], GRID.stroke_width(1))?;
            } else {
                self.path([(self.left - 4, y), (self.left, y)], AXIS.stroke_width(1))?;
            }
            let place = (self.left - GAP, y);
            self.area
                .draw(&Text::new(label.clone(), place, tick(Anchor::Right)))?;
        }
        let base = self.bottom;
        for (value, label) in &self.x.ticks {
            let Some(share) = self.x.share(*value) else {
                continue;
            };
            let x = self.across(share);
            self.path([(x, base), (x, base + 4)], AXIS.stroke_width(1))?;
            let place = (x, base + GAP + TICK / 2);
            self.area
                .draw(&Text::new(label.clone(), place, tick(Anchor::Centre)))?;
        }
        let corner = [(self.left, self.top), (self.left, base), (self.right, base)];
        self.path(corner, AXIS.stroke_width(1))?;
        let label = || style::text(LABEL, INK, Anchor::Centre);
        let place = ((self.left + self.right) / 2, base + 2 * GAP + TICK + LABEL / 2);
        self.area.draw(&Text::new(x_label.to_string(), place, label()))?;
        let turned = label().transform(FontTransform::Rotate270);
        let place = (GAP + LABEL / 2, (self.top + base) / 2);
        self.area.draw(&Text::new(y_label.to_string(), place, turned))?;
        Ok(())
    }

    fn across(&self, share: f64) -> i32 {
        self.left + (share * f64::from(self.right - self.left)).round() as i32
    }

    fn height(&self, share: f64) -> i32 {
        self.bottom - (share * f64::from(self.bottom - self.top)).round() as i32
    }

    /// The pixel of a point; `None` outside the frame.
    pub(super) fn at(&self, (x, y): (f64, f64)) -> Option<(i32, i32)> {
        Some((self.across(self.x.share(x)?), self.height(self.y.share(y)?)))
    }

    /// Whether a small text has room around this pixel.
    pub(super) fn is_inner(&self, (x, y): (i32, i32)) -> bool {
        (self.left + 30..self.right - 30).contains(&x) && (self.top + 14..self.bottom - 14).contains(&y)
    }

    pub(super) fn path(
        &self,
        pixels: impl Into<Vec<(i32, i32)>>,
        style: impl Into<ShapeStyle>,
    ) -> Result<(), Error> {
        Ok(self.area.draw(&PathElement::new(pixels, style))?)
    }

    /// A line through points, cut off at the edges, and broken where a point has no place on the axes.
    pub(super) fn line(
        &self,
        points: impl IntoIterator<Item = (f64, f64)>,
        style: ShapeStyle,
    ) -> Result<(), Error> {
        let place = |(x, y)| Some([self.x.place(x)?, self.y.place(y)?]);
        let (width, height) = (self.right - self.left, self.bottom - self.top);
        let pixel = |[x, y]: [f64; 2]| {
            (
                f64::from(self.left) + x * f64::from(width),
                f64::from(self.bottom) - y * f64::from(height),
            )
        };
        let mut run: Vec<(f64, f64)> = Vec::new();
        let mut last = None;
        for next in points.into_iter().map(place).chain([None]) {
            let segment = last.zip(next).and_then(|(from, to)| clip(from, to));
            match segment {
                Some((from, to)) => {
                    let (from, to) = (pixel(from), pixel(to));
                    if run.last().is_none_or(|&end| distance(end, from) > 1e-6) {
                        self.stroke(&mut run, style)?;
                        run.push(from);
                    }
                    run.push(to);
                }
                None => self.stroke(&mut run, style)?,
            }
            last = next;
        }
        Ok(())
    }

    fn stroke(&self, run: &mut Vec<(f64, f64)>, style: ShapeStyle) -> Result<(), Error> {
        let pixels = smooth(&std::mem::take(run));
        if pixels.len() > 1 {
            self.path(pixels, style)?;
        }
        Ok(())
    }

    /// A dashed line from the bottom to the top.
    pub(super) fn vertical(&self, x: f64, colour: RGBColor) -> Result<(), Error> {
        let Some(share) = self.x.share(x) else {
            return Ok(());
        };
        let x = self.across(share);
        for y in (self.top..self.bottom).step_by(10) {
            self.path([(x, y), (x, (y + 6).min(self.bottom))], colour.stroke_width(2))?;
        }
        Ok(())
    }

    /// The area between two lines: x, lower and upper y.
    pub(super) fn band(&self, band: &[(f64, f64, f64)], colour: RGBColor) -> Result<(), Error> {
        let edge = |x: f64, y: f64| self.at((x, y));
        let upper = band.iter().filter_map(|&(x, _, high)| edge(x, high));
        let lower = band.iter().rev().filter_map(|&(x, low, _)| edge(x, low));
        let outline: Vec<(i32, i32)> = upper.chain(lower).collect();
        if outline.len() > 2 {
            self.area.draw(&Polygon::new(outline, colour.mix(0.18)))?;
        }
        Ok(())
    }

    /// A cross that stands out from whatever it is on.
    pub(super) fn cross(&self, point: (f64, f64)) -> Result<(), Error> {
        if let Some(pixel) = self.at(point) {
            self.area.draw(&Cross::new(pixel, 7, WHITE.stroke_width(5)))?;
            self.area.draw(&Cross::new(pixel, 7, INK.stroke_width(2)))?;
        }
        Ok(())
    }

    /// A small text on white ground, centred here.
    pub(super) fn tag(&self, text: &str, (x, y): (i32, i32), colour: RGBColor) -> Result<(), Error> {
        let half = (style::width(text, TICK) / 2 + 1, TICK / 2);
        let ground = [(x - half.0, y - half.1), (x + half.0, y + half.1)];
        self.area
            .draw(&Rectangle::new(ground, WHITE.mix(0.85).filled()))?;
        let style = style::text(TICK, colour, Anchor::Centre);
        Ok(self.area.draw(&Text::new(text.to_string(), (x, y), style))?)
    }

    pub(super) fn dot(&self, point: (f64, f64), radius: i32, style: ShapeStyle) -> Result<(), Error> {
        match self.at(point) {
            Some(pixel) => Ok(self.area.draw(&Circle::new(pixel, radius, style))?),
            None => Ok(()),
        }
    }
}

/// The room of a label at the outer side of an axis.
fn below(label: &str) -> i32 {
    if label.is_empty() { 0 } else { LABEL + GAP }
}

fn ticks_width(axis: &Axis) -> i32 {
    let widths = axis.ticks.iter().map(|(_, label)| style::width(label, TICK));
    widths.max().unwrap_or(0)
}
