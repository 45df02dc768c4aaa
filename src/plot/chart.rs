//! Lines, bands and points over two axes.

use plotters::style::{Color, RGBColor};

use super::{
    Area, Picture,
    axis::Axis,
    frame::{Frame, Side},
    legend::{Legend, Symbol},
    style,
};
use crate::Error;

/// Lines over two axes, each with a name, and with a band or points where they are asked for.
///
/// ```
/// use downhill::{plot::{Chart, Picture}, schedule::{Cyclical, Span, preview}};
/// let rates = preview(Cyclical::new(0.01, 0.1, Span::Steps(50)), 300, 100)?;
/// let points = rates.iter().enumerate().map(|(step, rate)| (step as f64, *rate));
/// let svg = Chart::new("A cyclical rate").x("step").y("learning rate").line("triangular", points).svg()?;
/// assert!(svg.contains("A cyclical rate"));
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Chart {
    title: String,
    x: Scale,
    y: Scale,
    series: Vec<Series>,
    /// Values of x, with names.
    marks: Vec<(String, f64)>,
    size: Option<(u32, u32)>,
}

#[derive(Debug, Clone, Default)]
struct Scale {
    label: String,
    logarithmic: bool,
    names: Vec<String>,
}

#[derive(Debug, Clone)]
struct Series {
    name: String,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
    kind: Kind,
    /// Whether its points are drawn too.
    marked: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Line,
    /// Thin and pale, behind the others.
    Faint,
    Dots,
    /// Lower and upper bounds, by point.
    Band(Vec<(f64, f64, f64)>),
}

impl Chart {
    /// With a title, which may be empty.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    pub(super) fn titled(mut self, title: String) -> Self {
        self.title = title;
        self
    }

    /// Says what lies along the x axis.
    pub fn x(mut self, label: impl Into<String>) -> Self {
        self.x.label = label.into();
        self
    }

    /// Says what lies along the y axis.
    pub fn y(mut self, label: impl Into<String>) -> Self {
        self.y.label = label.into();
        self
    }

    /// Makes the x axis logarithmic. What is not above 0 is left out.
    pub fn log_x(mut self) -> Self {
        self.x.logarithmic = true;
        self
    }

    /// Makes the y axis logarithmic. What is not above 0 is left out.
    pub fn log_y(mut self) -> Self {
        self.y.logarithmic = true;
        self
    }

    /// Puts names at 0, 1, 2 and so on along the x axis.
    pub fn names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.x.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets width and height, in pixels. Default: 720 by 440.
    pub fn sized(mut self, width: u32, height: u32) -> Self {
        self.size = Some((width, height));
        self
    }

    /// Adds a line. It is broken where a value is not finite.
    pub fn line(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(name, points, Kind::Line)
    }

    /// Adds a thin pale line in the colour of the one that follows.
    pub fn faint(self, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with("", points, Kind::Faint)
    }

    /// Adds points.
    pub fn dots(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(name, points, Kind::Dots)
    }

    /// Adds a line with a band around it: x, the lower bound, the value, the upper bound.
    pub fn band(self, name: impl Into<String>, points: impl IntoIterator<Item = [f64; 4]>) -> Self {
        let points: Vec<[f64; 4]> = points.into_iter().collect();
        let bounds = points.iter().map(|&[x, low, _, high]| (x, low, high)).collect();
        self.with(
            name,
            points.iter().map(|&[x, _, y, _]| (x, y)),
            Kind::Band(bounds),
        )
    }

    /// Draws the points of the line that was added last, too: where there are few of them.
    pub fn with_points(mut self) -> Self {
        if let Some(last) = self.series.last_mut() {
            last.marked = true;
        }
        self
    }

    /// Marks a value of x with a dashed line.
    pub fn mark(mut self, name: impl Into<String>, x: f64) -> Self {
        self.marks.push((name.into(), x));
        self
    }

    fn with(
        mut self,
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
        kind: Kind,
    ) -> Self {
        let before = self.series.iter().filter(|series| series.kind != Kind::Faint);
        self.series.push(Series {
            name: name.into(),
            colour: style::colour(before.count()),
            points: points.into_iter().collect(),
            kind,
            marked: false,
        });
        self
    }

    /// Everything that the axes must reach, of x or of y.
    fn values(&self, of: fn((f64, f64)) -> f64) -> impl Iterator<Item = f64> {
        self.series.iter().flat_map(move |series| {
            let bounds: &[(f64, f64, f64)] = match &series.kind {
                Kind::Band(bounds) => bounds,
                _ => &[],
            };
            let bounds = bounds.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]);
            series.points.iter().copied().chain(bounds).map(of)
        })
    }

    fn axis(&self, scale: &Scale, of: fn((f64, f64)) -> f64, pad: f64, ticks: usize) -> Axis {
        if !scale.names.is_empty() {
            return Axis::of_names(&scale.names);
        }
        let legal = |value: &f64| value.is_finite() && (*value > 0.0 || !scale.logarithmic);
        let values = || self.values(of).filter(legal);
        let (low, high) = (
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        );
        // Where there is no value, an empty frame.
        let (low, high) = if low > high { (0.1, 1.0) } else { (low, high) };
        if scale.logarithmic {
            let pad = (high / low).powf(pad).min(2.0);
            Axis::logarithmic(low / pad, high * pad, ticks)
        } else {
            let pad = pad * (high - low);
            Axis::linear(low - pad, high + pad, ticks)
        }
    }

    fn legend(&self) -> Legend {
        let mut legend = Legend::default();
        for series in self.series.iter().filter(|series| !series.name.is_empty()) {
            let symbol = if series.kind == Kind::Dots {
                Symbol::Dot
            } else {
                Symbol::Line
            };
            legend.add(&series.name, series.colour, symbol);
        }
        for (number, (name, _)) in self.marks.iter().enumerate() {
            legend.add(name, self.mark_colour(number), Symbol::Dashed);
        }
        legend
    }

    /// Marks have the colours that follow those of the series.
    fn mark_colour(&self, number: usize) -> RGBColor {
        let before = self.series.iter().filter(|series| series.kind != Kind::Faint);
        style::colour(before.count() + number)
    }
}

impl Picture for Chart {
    fn size(&self) -> (u32, u32) {
        self.size.unwrap_or((720, 440))
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Error> {
        let (width, height) = area.dim_in_pixel();
        let dots = self.series.iter().any(|series| series.kind == Kind::Dots);
        let (across, up) = ((width as usize / 90).max(3), (height as usize / 60).max(3));
        let x = Side {
            axis: self.axis(&self.x, |(x, _)| x, if dots { 0.03 } else { 0.0 }, across),
            label: &self.x.label,
            grid: false,
        };
        let y = Side {
            axis: self.axis(&self.y, |(_, y)| y, 0.04, up),
            label: &self.y.label,
            grid: true,
        };
        let head = self.legend().below_title(area, Frame::left(&y), &self.title)?;
        let frame = Frame::new(area, head, x, y)?;
        for series in &self.series {
            if let Kind::Band(bounds) = &series.kind {
                frame.band(bounds, series.colour)?;
            }
        }
        for (number, (_, x)) in self.marks.iter().enumerate() {
            frame.vertical(*x, self.mark_colour(number))?;
        }
        for Series {
            colour,
            points,
            kind,
            marked,
            ..
        } in &self.series
        {
            match kind {
                Kind::Faint => frame.line(points.iter().copied(), colour.mix(0.35).stroke_width(1))?,
                Kind::Line | Kind::Band(_) => frame.line(points.iter().copied(), colour.stroke_width(2))?,
                Kind::Dots => {
                    // A single one is to be found among others.
                    let (radius, opacity) = if points.len() == 1 { (6, 1.0) } else { (4, 0.6) };
                    for &point in points {
                        frame.dot(point, radius, colour.mix(opacity).filled())?;
                    }
                }
            }
            if *marked {
                for &point in points {
                    frame.dot(point, 4, colour.filled())?;
                }
            }
        }
        Ok(())
    }
}
