//! How pictures look: colours, sizes, text. Here alone.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// The colours of M. Okabe and K. Ito, *Color Universal Design* (2008), which the colour-blind can tell apart; the strongest
/// first.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

pub(super) const INK: RGBColor = RGBColor(30, 30, 30);
pub(super) const AXIS: RGBColor = RGBColor(110, 110, 110);
pub(super) const GRID: RGBColor = RGBColor(226, 226, 226);
/// Lines of equal height beneath ways in several colours.
pub(super) const CONTOUR: RGBColor = RGBColor(205, 205, 205);

/// Heights of text, in pixels.
pub(super) const TITLE: i32 = 19;
pub(super) const LABEL: i32 = 16;
pub(super) const TICK: i32 = 14;

/// The colour of the n-th series; they begin again after seven.
pub(super) fn colour(number: usize) -> RGBColor {
    PALETTE[number % PALETTE.len()]
}

/// From white to dark blue, for shares from 0 to 1: lighter is always less, in print too.
pub(super) fn shade(share: f64) -> RGBColor {
    blend(&[[250.0, 252.0, 255.0], [8.0, 64.0, 129.0]], share)
}

/// The colours of viridis from dark blue to yellow, for heights from 0 to 1.
pub(super) fn height(share: f64) -> RGBColor {
    const STOPS: [[f64; 3]; 5] = [
        [68.0, 1.0, 84.0],
        [59.0, 82.0, 139.0],
        [33.0, 145.0, 140.0],
        [94.0, 201.0, 98.0],
        [220.0, 205.0, 40.0],
    ];
    blend(&STOPS, share)
}

fn blend(stops: &[[f64; 3]], share: f64) -> RGBColor {
    let place = share.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let from = (place as usize).min(stops.len() - 2);
    let mix =
        |i: usize| (stops[from][i] + (stops[from + 1][i] - stops[from][i]) * (place - from as f64)) as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

/// Which point of a text is the one that is given, always at half its height.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Centre,
    Right,
}

/// A text of this height.
pub(super) fn text(size: i32, colour: RGBColor, anchor: Anchor) -> TextStyle<'static> {
    let horizontal = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Centre => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    ("sans-serif", size)
        .into_font()
        .color(&colour)
        .pos(Pos::new(horizontal, VPos::Center))
}

/// About how wide a text is. The classes are those of DejaVu Sans and Verdana, the widest common fonts, and plotters makes
/// letters smaller by a factor of 1.24.
pub(super) fn width(text: &str, size: i32) -> i32 {
    let em = |letter: char| match letter {
        'f' | 'i' | 'j' | 'l' | 'r' | 't' | 'I' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '('
        | ')' | '-' | '/' => 0.38,
        '⁰'..='⁹' | '¹' | '²' | '³' | '⁻' => 0.45,
        'm' | 'w' | 'M' | 'W' | '−' | '×' | '±' | '+' | '=' | '<' | '>' | '%' | '@' => 0.95,
        'a'..='z' | '0'..='9' => 0.64,
        letter if letter.is_ascii_uppercase() => 0.74,
        letter if letter.is_alphabetic() && letter < '\u{1100}' => 0.7,
        _ => 1.0,
    };
    let ems: f64 = text.chars().map(em).sum();
    (ems * f64::from(size) / 1.24).ceil() as i32
}
