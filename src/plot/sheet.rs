//! Several pictures on one.

use super::{Area, Picture};
use crate::Error;

/// Pictures in rows. A row that is narrower than another is stretched.
///
/// ```
/// use downhill::plot::{Chart, Picture, Sheet};
/// let line = |name| Chart::new(name).line("", [(0.0, 1.0), (1.0, 2.0)]);
/// let sheet = Sheet::new().row([line("left"), line("right")]).row([line("beneath")]);
/// assert_eq!(sheet.size(), (1440, 880));
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct Sheet<'a> {
    rows: Vec<Vec<Box<dyn Picture + 'a>>>,
}

impl<'a> Sheet<'a> {
    /// Without a picture yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row of pictures, from left to right.
    pub fn row<P: Picture + 'a>(mut self, pictures: impl IntoIterator<Item = P>) -> Self {
        let boxed = pictures
            .into_iter()
            .map(|picture| Box::new(picture) as Box<dyn Picture + 'a>);
        self.rows.push(boxed.collect());
        self
    }
}

impl std::fmt::Debug for Sheet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows: Vec<usize> = self.rows.iter().map(Vec::len).collect();
        f.debug_struct("Sheet").field("rows", &rows).finish()
    }
}

fn row_size(row: &[Box<dyn Picture + '_>]) -> (u32, u32) {
    let add = |(width, height): (u32, u32), (w, h): (u32, u32)| (width + w, height.max(h));
    row.iter().map(|picture| picture.size()).fold((0, 0), add)
}

impl Picture for Sheet<'_> {
    fn size(&self) -> (u32, u32) {
        let add = |(width, height): (u32, u32), (w, h): (u32, u32)| (width.max(w), height + h);
        self.rows.iter().map(|row| row_size(row)).fold((0, 0), add)
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Error> {
        let mut rest = area.clone();
        for row in &self.rows {
            let (row_width, row_height) = row_size(row);
            let (mut across, below) = rest.split_vertically(row_height);
            rest = below;
            let mut left = across.dim_in_pixel().0;
            let mut wanted = row_width;
            for picture in row {
                let own = picture.size().0;
                let width = (u64::from(left) * u64::from(own) / u64::from(wanted.max(1))) as u32;
                let (place, remaining) = across.split_horizontally(width);
                picture.draw(&place)?;
                across = remaining;
                left -= width.min(left);
                wanted -= own;
            }
        }
        Ok(())
    }
}
