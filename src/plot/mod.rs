//! Pictures, as SVG: one call each, from what one has.
//!
//! | you have | call |
//! |---|---|
//! | a [`History`](crate::train::History) | [`history.plot("run.svg")`](crate::train::History::plot): losses, metrics, and the learning rate beneath |
//! | histories of several runs | [`comparison`]: means, in bands over the runs |
//! | a [`Confusion`](crate::metrics::Confusion) | [`confusion.plot("confusion.svg")`](crate::metrics::Confusion::plot) |
//! | a function of two variables, and ways over it | [`Contours`] |
//! | a trained model | [`Landscape`](crate::objective::Landscape): the loss around it, and the way the training took |
//! | schedules | [`schedules`] |
//! | an [`LrCurve`](crate::tune::LrCurve) | [`curve.plot("rates.svg")`](crate::tune::LrCurve::plot) |
//! | the [`Results`](crate::tune::Results) of a search | [`results.plot("search.svg")`](crate::tune::Results::plot) |
//!
//! Each of these is a [`Picture`], which can also be had as text, or stand with others on a [`Sheet`]. Any other lines and
//! points go into a [`Chart`]; and whatever draws into an [`Area`] of [`plotters`] is a picture too. The colours are those of
//! Okabe and Ito, which the colour-blind can tell apart.

mod axis;
mod chart;
mod confusion;
mod contours;
mod curves;
mod frame;
mod legend;
mod marching;
mod search;
mod sheet;
mod style;

pub use chart::Chart;
pub use confusion::ConfusionMatrix;
pub use contours::Contours;
pub use curves::{comparison, learning_curves, schedules};
pub use legend::Legend;
pub use plotters;
pub use sheet::Sheet;

use std::{fs, io, path::Path};

use plotters::{
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    prelude::SVGBackend,
    style::WHITE,
};

use crate::Error;

/// Where a picture is drawn: an area of plotters, in pixels.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Something that can be drawn.
///
/// ```
/// use downhill::plot::{Chart, Picture};
/// let chart = Chart::new("Powers").x("x").line("square", (0..20).map(|x| (f64::from(x), f64::from(x * x))));
/// assert!(chart.svg()?.starts_with("<svg"));
/// # Ok::<(), downhill::Error>(())
/// ```
pub trait Picture {
    /// Width and height, in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws it onto an area, which may be of another size.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if there is nothing to draw.
    fn draw(&self, area: &Area<'_>) -> Result<(), Error>;

    /// The text of an SVG file.
    ///
    /// # Errors
    /// As [`Picture::draw`].
    fn svg(&self) -> Result<String, Error> {
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, self.size()).into_drawing_area();
            area.fill(&WHITE)?;
            self.draw(&area)?;
            area.present()?;
        }
        Ok(text)
    }

    /// Writes a file that ends in `.svg`, and the folder it goes into.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for another ending, [`Error::Io`] if it cannot be written; and as [`Picture::draw`].
    fn save(&self, path: impl AsRef<Path>) -> Result<(), Error>
    where
        Self: Sized,
    {
        let path = path.as_ref();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if !ending.is_some_and(|ending| ending.eq_ignore_ascii_case("svg")) {
            return Err(Error::invalid("path", path.display(), "a name that ends in .svg"));
        }
        let text = self.svg()?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, "created", &error))?;
        }
        fs::write(path, text).map_err(|error| Error::io(path, "written", &error))
    }
}

impl<P: Picture + ?Sized> Picture for Box<P> {
    fn size(&self) -> (u32, u32) {
        (**self).size()
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Error> {
        (**self).draw(area)
    }
}

impl From<DrawingAreaErrorKind<io::Error>> for Error {
    fn from(error: DrawingAreaErrorKind<io::Error>) -> Self {
        Error::invalid("picture", error, "something that can be drawn")
    }
}
