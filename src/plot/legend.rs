//! Titles, and what is what.

use plotters::{
    element::{Circle, Cross, PathElement, Text},
    style::{Color, RGBColor},
};

use super::{
    Area, Picture,
    style::{self, Anchor, INK, LABEL, TITLE},
};
use crate::Error;

/// Names with their symbols, in rows: drawn above a picture, or as one of its own.
#[derive(Debug, Clone, Default)]
pub struct Legend {
    entries: Vec<(String, RGBColor, Symbol)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    Line,
    Dashed,
    Dot,
    Cross,
}

const SYMBOL: i32 = 34;

impl Legend {
    pub(super) fn add(&mut self, name: impl Into<String>, colour: RGBColor, symbol: Symbol) {
        self.entries.push((name.into(), colour, symbol));
    }

    /// Draws a title and, where there are several entries, the legend, from `left` on; gives the height of both.
    pub(super) fn below_title(&self, area: &Area<'_>, left: i32, title: &str) -> Result<i32, Error> {
        let mut y = 4;
        if !title.is_empty() {
            let style = style::text(TITLE, INK, Anchor::Left);
            area.draw(&Text::new(title.to_string(), (left, y + TITLE / 2 + 4), style))?;
            y += TITLE + 10;
        }
        // A single entry is what title and axis say it is.
        if self.entries.len() > 1 {
            y = self.at(area, left, y)?;
        }
        Ok(y)
    }

    /// Draws the entries from here on; gives where they end.
    fn at(&self, area: &Area<'_>, left: i32, top: i32) -> Result<i32, Error> {
        let right = area.dim_in_pixel().0 as i32;
        let (mut x, mut y) = (left, top);
        for (name, colour, symbol) in &self.entries {
            let width = entry_width(name);
            if x > left && x + width > right {
                x = left;
                y += LABEL + 6;
            }
            let middle = y + LABEL / 2 + 2;
            let stroke =
                |from, to| PathElement::new([(x + from, middle), (x + to, middle)], colour.stroke_width(3));
            match symbol {
                Symbol::Line => area.draw(&stroke(0, 26))?,
                Symbol::Dashed => {
                    area.draw(&stroke(0, 10))?;
                    area.draw(&stroke(16, 26))?;
                }
                Symbol::Dot => area.draw(&Circle::new((x + 16, middle), 5, colour.filled()))?,
                Symbol::Cross => area.draw(&Cross::new((x + 16, middle), 6, colour.stroke_width(2)))?,
            }
            let style = style::text(LABEL, INK, Anchor::Left);
            area.draw(&Text::new(name.clone(), (x + SYMBOL, middle), style))?;
            x += width;
        }
        Ok(y + LABEL + 8)
    }
}

fn entry_width(name: &str) -> i32 {
    SYMBOL + style::width(name, LABEL) + 18
}

impl Picture for Legend {
    fn size(&self) -> (u32, u32) {
        let width: i32 = self.entries.iter().map(|(name, ..)| entry_width(name)).sum();
        let rows = width as u32 / 960 + 1;
        (width.clamp(100, 1000) as u32 + 40, rows * (LABEL as u32 + 6) + 12)
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Error> {
        self.at(area, 40, 4).map(|_| ())
    }
}
