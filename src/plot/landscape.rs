//! The loss around a trained model.

use std::path::Path;

use super::{Contours, Picture};
use crate::{Error, objective::Plane};

impl Plane {
    /// As a picture, with the path of the training where it is known.
    pub fn picture(&self) -> Contours {
        let side = |values: &[f64]| match values {
            [low, .., high] => [*low, *high],
            _ => [0.0, 1.0],
        };
        let ([left, right], [low, high]) = (side(&self.x), side(&self.y));
        let share = |direction: usize| match self.explained {
            Some(explained) => format!(
                "component {} ({:.0}%)",
                direction + 1,
                100.0 * explained[direction]
            ),
            None => format!("random direction {}", direction + 1),
        };
        let contours = Contours::of_grid("Loss", [left, right, low, high], self.values.clone())
            .axes(share(0), share(1))
            .sized(640, 560);
        let contours = match self.path.first() {
            Some(&start) => contours.path("training", self.path.iter().copied()).start(start),
            None => contours,
        };
        contours.cross("end", (0.0, 0.0))
    }

    /// Draws it into a file.
    ///
    /// # Errors
    /// As [`Picture::save`].
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.picture().save(path)
    }
}
