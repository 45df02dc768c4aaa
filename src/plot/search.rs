//! What a search found.

use std::path::Path;

use super::{Chart, Picture, Sheet, axis::short_label};
use crate::{
    Error,
    tune::{Domain, Evaluation, Results, Setting},
};

/// How many numbers of a choice have room along an axis.
const NAMES: usize = 8;

impl Results {
    /// The scores by each hyperparameter, one panel each; the best is marked.
    ///
    /// An axis is logarithmic where the hyperparameter was chosen by orders of magnitude; a choice has a place for each value.
    pub fn picture(&self) -> Sheet<'static> {
        let mut ranked = self.ranked();
        ranked.retain(|evaluation| evaluation.score.is_finite());
        let dimensions = self.space().dimensions().iter().enumerate();
        let panels: Vec<Chart> = dimensions
            .map(|(place, (name, domain))| panel(&ranked, place, name, domain).y(self.what()))
            .collect();
        panels
            .chunks(3)
            .fold(Sheet::new(), |sheet, row| sheet.row(row.to_vec()))
    }

    /// Draws it into a file.
    ///
    /// # Errors
    /// As [`Picture::save`].
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.picture().save(path)
    }
}

/// The scores, the best first, by one hyperparameter.
fn panel(ranked: &[&Evaluation], place: usize, name: &str, domain: &Domain) -> Chart {
    let is_number = |value: &Setting| matches!(value, Setting::Number(_));
    let named: &[Setting] = match domain {
        Domain::Choice(values) if values.len() <= NAMES || !values.iter().all(is_number) => values,
        _ => &[],
    };
    let point = |evaluation: &&Evaluation| {
        let setting = &evaluation.trial.settings().get(place)?.1;
        let x = match (named.iter().position(|value| value == setting), setting) {
            (Some(position), _) => position as f64,
            (None, Setting::Number(number)) => *number,
            (None, Setting::Text(_)) => return None,
        };
        Some((x, evaluation.score))
    };
    let points: Vec<(f64, f64)> = ranked.iter().filter_map(point).collect();
    let by_magnitude = match domain {
        Domain::LogUniform(..) | Domain::LogIntegers(..) => true,
        Domain::Choice(_) => named.is_empty() && super::curves::spread(points.iter().map(|(x, _)| *x)),
        Domain::Uniform(..) | Domain::Integers(..) => false,
    };
    let names = named.iter().map(|value| match value {
        Setting::Number(number) => short_label(*number),
        Setting::Text(text) => text.clone(),
    });
    let mut chart = Chart::new("").x(name).sized(420, 340).names(names);
    if by_magnitude {
        chart = chart.log_x();
    }
    if super::curves::spread(points.iter().map(|(_, y)| *y)) {
        chart = chart.log_y();
    }
    let best = points.first().copied();
    chart.dots("trials", points).dots("best", best)
}
