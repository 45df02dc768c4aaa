//! Pictures: one call each, from what one has.
//!
//! | you have | call |
//! |---|---|
//! | a [`History`](crate::train::History) | [`history.plot("run.svg")`](crate::train::History::plot): losses, metrics, and the learning rate beneath |
//! | histories of several runs | [`comparison`]: means, in bands over the runs |
//! | a [`Confusion`](crate::metrics::Confusion) | [`confusion.plot("confusion.svg")`](crate::metrics::Confusion::plot) |
//! | a function of two variables, and paths over it | [`Contours`] |
//! | a trained model | [`Landscape`](crate::objective::Landscape): the loss around it, and the path the training took |
//! | schedules | [`schedules`] |
//! | an [`LrCurve`](crate::tune::LrCurve) | [`curve.plot("rates.svg")`](crate::tune::LrCurve::plot) |
//! | the [`Results`](crate::tune::Results) of a search | [`results.plot("search.svg")`](crate::tune::Results::plot) |
//!
//! The ending of the name decides on the kind of file. `.svg` is sharp at any size and can still be edited; for `.png`, turn on
//! the feature `png`, which renders the same picture, with a font of its own, at twice its size.
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
mod landscape;
mod legend;
mod line;
mod marching;
#[cfg(feature = "png")]
mod png;
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

    /// The bytes of a PNG file, with so many points for each pixel along either side: 2 for a screen, 4 for print. All text is
    /// in DejaVu Sans, which the crate `dejavu` brings along.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] unless `scale` is above 0 and the picture has at most 200 million points; and as
    /// [`Picture::draw`].
    #[cfg(feature = "png")]
    fn png(&self, scale: f64) -> Result<Vec<u8>, Error> {
        png::encode(&self.svg()?, scale)
    }

    /// Writes a file, and the folder it goes into. Its name ends in `.svg`, or with the feature `png` in `.png`: twice as many
    /// points as pixels along either side.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for another ending, [`Error::Io`] if it cannot be written; and as [`Picture::draw`].
    fn save(&self, path: impl AsRef<Path>) -> Result<(), Error>
    where
        Self: Sized,
    {
        let path = path.as_ref();
        let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
        let bytes = match ending.as_ref().and_then(|ending| ending.to_str()) {
            Some("svg") => self.svg()?.into_bytes(),
            #[cfg(feature = "png")]
            Some("png") => self.png(2.0)?,
            _ => return Err(Error::invalid("path", path.display(), ENDINGS)),
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, "created", &error))?;
        }
        fs::write(path, bytes).map_err(|error| Error::io(path, "written", &error))
    }
}

/// What the name of a picture's file must be.
const ENDINGS: &str = if cfg!(feature = "png") {
    "a name that ends in .svg or .png"
} else {
    "a name that ends in .svg (or .png, with the feature \"png\" of downhill turned on)"
};

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
