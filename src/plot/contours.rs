//! Lines of equal height, and paths over them.

use ndarray::Array2;
use plotters::style::{Color, RGBColor};

use super::{
    Area, Legend, Picture,
    axis::{self, Axis},
    frame::{Frame, Side},
    legend::Symbol,
    marching, style,
};
use crate::Error;

/// How fine the grid is on which a function is evaluated.
const CELLS: usize = 160;

type Point = (f64, f64);

/// A function of two variables as lines of equal height, with the paths of optimisers over it.
///
/// ```
/// use downhill::{objective::functions::BEALE, plot::{Contours, Picture}};
/// let height = |x, y| (BEALE.value_and_gradient)(&[x, y], &mut [0.0; 2]);
/// let picture = Contours::new("Beale", [0.0, 4.0, -1.0, 2.0], height)
///     .path("by hand", [(1.0, 1.5), (1.0, 0.4), (3.0, 0.5)])
///     .start((1.0, 1.5))
///     .minimum((3.0, 0.5));
/// assert!(picture.svg()?.contains("Beale"));
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Contours {
    title: String,
    labels: [String; 2],
    /// From x to x, from y to y.
    view: [f64; 4],
    /// By column and row.
    heights: Array2<f64>,
    levels: Vec<f64>,
    paths: Vec<(String, Vec<Point>)>,
    start: Option<Point>,
    cross: Option<(&'static str, Point)>,
    legend: bool,
    size: (u32, u32),
}

impl Contours {
    /// A function over `[left, right, low, high]`.
    pub fn new(title: impl Into<String>, view: [f64; 4], mut height: impl FnMut(f64, f64) -> f64) -> Self {
        let [left, right, low, high] = view;
        let along = |from: f64, to: f64, i: usize| from + (to - from) * i as f64 / CELLS as f64;
        let grid = Array2::from_shape_fn((CELLS + 1, CELLS + 1), |(i, j)| {
            height(along(left, right, i), along(low, high, j))
        });
        Self::of_grid(title, view, grid)
    }

    /// Heights that are known on an even grid over `[left, right, low, high]`, by column and row.
    pub fn of_grid(title: impl Into<String>, view: [f64; 4], heights: Array2<f64>) -> Self {
        Self {
            title: title.into(),
            labels: Default::default(),
            view,
            levels: levels(&heights),
            heights,
            paths: Vec::new(),
            start: None,
            cross: None,
            legend: true,
            size: (520, 460),
        }
    }

    /// Says what the axes are.
    pub fn axes(mut self, x: impl Into<String>, y: impl Into<String>) -> Self {
        self.labels = [x.into(), y.into()];
        self
    }

    /// Sets the heights of the lines. Default: about a dozen round ones.
    pub fn levels(mut self, levels: impl IntoIterator<Item = f64>) -> Self {
        self.levels = levels.into_iter().collect();
        self
    }

    /// Adds the path of an optimiser.
    pub fn path(mut self, name: impl Into<String>, points: impl IntoIterator<Item = Point>) -> Self {
        let [left, right, low, high] = self.view;
        let mut kept: Vec<Point> = Vec::new();
        // Without the points that nobody could tell from the last.
        for (x, y) in points {
            let far = |&(a, b): &Point| ((x - a) / (right - left)).hypot((y - b) / (high - low)) > 0.004;
            if kept.last().is_none_or(far) {
                kept.push((x, y));
            }
        }
        self.paths.push((name.into(), kept));
        self
    }

    /// Marks where the paths begin.
    pub fn start(mut self, point: Point) -> Self {
        self.start = Some(point);
        self
    }

    /// Marks the minimum.
    pub fn minimum(self, point: Point) -> Self {
        self.cross("minimum", point)
    }

    pub(super) fn cross(mut self, name: &'static str, point: Point) -> Self {
        self.cross = Some((name, point));
        self
    }

    /// Leaves out the legend, which may stand elsewhere; see [`Contours::legend`].
    pub fn without_legend(mut self) -> Self {
        self.legend = false;
        self
    }

    /// Sets width and height, in pixels. Default: 520 by 460.
    pub fn sized(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// What is what, as a picture of its own.
    pub fn legend(&self) -> Legend {
        let mut legend = Legend::default();
        for (number, (name, _)) in self.paths.iter().enumerate() {
            legend.add(name, self.path_colour(number), Symbol::Line);
        }
        if self.start.is_some() {
            legend.add("start", style::INK, Symbol::Dot);
        }
        if let Some((name, _)) = self.cross {
            legend.add(name, style::INK, Symbol::Cross);
        }
        legend
    }

    /// Several paths are told apart by colour; a single one stands in black over lines that are coloured.
    fn path_colour(&self, number: usize) -> RGBColor {
        if self.paths.len() > 1 {
            style::colour(number)
        } else {
            style::INK
        }
    }

    fn contours(&self, frame: &Frame<'_, '_>) -> Result<(), Error> {
        let [left, right, low, high] = self.view;
        let (columns, rows) = self.heights.dim();
        let cells = ((columns.max(2) - 1) as f64, (rows.max(2) - 1) as f64);
        let point = |(i, j): Point| {
            (
                left + i / cells.0 * (right - left),
                low + j / cells.1 * (high - low),
            )
        };
        let coloured = self.paths.len() <= 1;
        let mut tags: Vec<(i32, i32)> = Vec::new();
        for (number, &level) in self.levels.iter().enumerate() {
            let share = number as f64 / (self.levels.len().max(2) - 1) as f64;
            let colour = if coloured {
                style::height(share)
            } else {
                style::CONTOUR
            };
            let lines: Vec<Vec<Point>> = marching::lines(&self.heights, level)
                .into_iter()
                .map(|line| line.into_iter().map(point).collect())
                .collect();
            for line in &lines {
                frame.line(line.iter().copied(), colour.stroke_width(1 + u32::from(coloured)))?;
            }
            let longest = lines.iter().max_by_key(|line| line.len()).filter(|_| coloured);
            let pixels: Vec<(i32, i32)> = longest
                .into_iter()
                .flatten()
                .filter_map(|&at| frame.at(at))
                .collect();
            // In the right half, where no other tag is near.
            let free = |&&(x, y): &&(i32, i32)| {
                frame.is_inner((x, y))
                    && tags
                        .iter()
                        .all(|&(a, b)| (x - a).abs() > 56 || (y - b).abs() > 20)
            };
            if let Some(&place) = pixels.iter().filter(free).max_by_key(|(x, y)| 2 * x - y) {
                frame.tag(&axis::short_label(level), place, style::INK)?;
                tags.push(place);
            }
        }
        Ok(())
    }
}

/// About a dozen round heights: equally far apart, or by orders of magnitude where all are above 0 and spread wide.
fn levels(heights: &Array2<f64>) -> Vec<f64> {
    let finite = || heights.iter().copied().filter(|height| height.is_finite());
    let (low, high) = (
        finite().fold(f64::INFINITY, f64::min),
        finite().fold(f64::NEG_INFINITY, f64::max),
    );
    if low >= high {
        return Vec::new();
    }
    if low >= 0.0 && high > 20.0 * low {
        let lowest = low.max(high * 1e-6);
        let steps: &[f64] = if high > 1e4 * lowest {
            &[1.0, 3.0]
        } else {
            &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0]
        };
        let powers = lowest.log10().floor() as i32..=high.log10().ceil() as i32;
        let all = powers.flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
        return all.filter(|level| (lowest..high).contains(level)).collect();
    }
    Axis::linear(low, high, 14)
        .ticks
        .into_iter()
        .map(|(level, _)| level)
        .collect()
}

impl Picture for Contours {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Error> {
        let [left, right, low, high] = self.view;
        let [x_label, y_label] = &self.labels;
        let x = Side {
            axis: Axis::linear(left, right, 6),
            label: x_label,
            grid: false,
        };
        let y = Side {
            axis: Axis::linear(low, high, 6),
            label: y_label,
            grid: false,
        };
        let legend = if self.legend {
            self.legend()
        } else {
            Legend::default()
        };
        let head = legend.below_title(area, Frame::left(&y), &self.title)?;
        let frame = Frame::new(area, head, x, y)?;
        self.contours(&frame)?;
        for (number, (_, points)) in self.paths.iter().enumerate() {
            frame.line(points.iter().copied(), self.path_colour(number).stroke_width(2))?;
        }
        if let Some(start) = self.start {
            frame.dot(start, 5, style::INK.filled())?;
        }
        match self.cross {
            Some((_, point)) => frame.cross(point),
            None => Ok(()),
        }
    }
}
