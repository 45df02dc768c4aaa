//! What a search found.

use std::path::Path;

use super::{Chart, Picture, Sheet};
use crate::{
    Error,
    tune::{Evaluation, Results, Setting},
};

impl Results {
    /// The scores by each hyperparameter, one panel each; the best is marked.
    pub fn picture(&self) -> Sheet<'static> {
        let ranked: Vec<&Evaluation> = self
            .ranked()
            .into_iter()
            .filter(|evaluation| evaluation.score.is_finite())
            .collect();
        let names = ranked.first().map_or(&[][..], |best| best.trial.settings());
        let panels: Vec<Chart> = (0..names.len()).map(|place| self.panel(&ranked, place)).collect();
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

    fn panel(&self, ranked: &[&Evaluation], place: usize) -> Chart {
        let settings = || {
            ranked
                .iter()
                .filter_map(|evaluation| evaluation.trial.settings().get(place))
        };
        let name = settings().next().map_or("", |(name, _)| name);
        let mut texts: Vec<String> = settings()
            .filter(|(_, setting)| matches!(setting, Setting::Text(_)))
            .map(|(_, setting)| setting.to_string())
            .collect();
        texts.sort_unstable();
        texts.dedup();
        let point = |evaluation: &&Evaluation| {
            let x = match &evaluation.trial.settings().get(place)?.1 {
                Setting::Number(number) => *number,
                Setting::Text(text) => texts.iter().position(|other| other == text)? as f64,
            };
            Some((x, evaluation.score))
        };
        let points: Vec<(f64, f64)> = ranked.iter().filter_map(point).collect();
        let mut chart = Chart::new("").x(name).y("score").sized(420, 340);
        if texts.is_empty() && super::curves::spread(points.iter().map(|(x, _)| *x)) {
            chart = chart.log_x();
        }
        if super::curves::spread(points.iter().map(|(_, y)| *y)) {
            chart = chart.log_y();
        }
        let best = points.first().copied();
        chart.names(texts).dots("trials", points).dots("best", best)
    }
}
