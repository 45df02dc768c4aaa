//! Pictures as points: what the SVG shows, with a font that is always at hand.

use std::sync::{Arc, LazyLock};

use resvg::{
    render,
    tiny_skia::{Pixmap, Transform},
    usvg::{
        Options, Tree,
        fontdb::{Database, Source},
    },
};

use crate::{Error, error::check};

/// More points than on any paper, and fewer than fill a memory (4 bytes each).
const POINTS: f64 = 2e8;

/// Whatever font is asked for, the text is set in DejaVu Sans: the same picture on every machine, also where there are no
/// fonts.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    const FAMILY: &str = "DejaVu Sans";
    let mut fonts = Database::new();
    fonts.load_font_source(Source::Binary(Arc::new(dejavu::sans::regular())));
    fonts.set_sans_serif_family(FAMILY);
    fonts.set_serif_family(FAMILY);
    fonts.set_monospace_family(FAMILY);
    fonts.set_cursive_family(FAMILY);
    fonts.set_fantasy_family(FAMILY);
    Arc::new(fonts)
});

/// The bytes of a PNG file, with so many points for each pixel of the SVG along either side.
pub(super) fn encode(svg: &str, scale: f64) -> Result<Vec<u8>, Error> {
    check::positive("scale", scale)?;
    let unusable =
        |error: &dyn std::fmt::Display| Error::invalid("picture", error, "something that can be drawn");
    let options = Options {
        fontdb: FONTS.clone(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| unusable(&error))?;
    let [width, height] =
        [tree.size().width(), tree.size().height()].map(|side| (f64::from(side) * scale).round());
    let legal = (1.0..=POINTS).contains(&(width * height));
    let pixmap = legal.then(|| Pixmap::new(width as u32, height as u32)).flatten();
    let mut pixmap = pixmap.ok_or_else(|| {
        let points = format!("{scale}, for {width} by {height} points");
        Error::invalid("scale", points, format!("for at least 1 and at most {POINTS:e}"))
    })?;
    let scale = scale as f32;
    render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| unusable(&error))
}
