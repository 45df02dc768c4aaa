//! What a search found.

use std::{cmp::Ordering, fmt};

use super::{Space, Trial};
use crate::train::Goal;

/// A trial and its score.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// What was tried.
    pub trial: Trial,
    /// How good it was.
    pub score: f64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl Evaluation {
    /// The better one first: on the larger budget, with the better score, with the lower number. A NaN is the worst.
    pub(super) fn rank(&self, other: &Self, goal: Goal) -> Ordering {
        let order = if goal.better(self.score, other.score) {
            Ordering::Less
        } else if goal.better(other.score, self.score) {
            Ordering::Greater
        } else {
            self.score.is_nan().cmp(&other.score.is_nan())
        };
        let (own, others) = (&self.trial, &other.trial);
        others
            .budget()
            .cmp(&own.budget())
            .then(order)
            .then(own.index().cmp(&others.index()))
    }
}

/// All scores of a [`Search`](super::Search). Printed, it is a table of the trials, the best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    space: Space,
    goal: Goal,
    evaluations: Vec<Evaluation>,
    complete: bool,
}

impl Results {
    pub(super) fn new(space: Space, goal: Goal, evaluations: Vec<Evaluation>, complete: bool) -> Self {
        Self {
            space,
            goal,
            evaluations,
            complete,
        }
    }

    /// Whether every trial was made; not so where the search was [interrupted](super::Search::interrupt).
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    #[cfg(feature = "plot")]
    pub(crate) fn space(&self) -> &Space {
        &self.space
    }

    /// What the scores are.
    pub(crate) fn what(&self) -> &'static str {
        match self.goal {
            Goal::Lowest => "score (lowest is best)",
            Goal::Highest => "score (highest is best)",
        }
    }

    /// Every evaluation: budget by budget, and in the order of the trials.
    pub fn evaluations(&self) -> &[Evaluation] {
        &self.evaluations
    }

    /// The last evaluation of each trial, the best first.
    pub fn ranked(&self) -> Vec<&Evaluation> {
        let mut ranked: Vec<&Evaluation> = self.evaluations.iter().collect();
        ranked.sort_by(|a, b| a.rank(b, self.goal));
        let mut seen = std::collections::BTreeSet::new();
        ranked.retain(|evaluation| seen.insert(evaluation.trial.index()));
        ranked
    }

    /// The best; `None` if every score is NaN.
    pub fn best(&self) -> Option<&Evaluation> {
        self.ranked()
            .into_iter()
            .next()
            .filter(|best| !best.score.is_nan())
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranked = self.ranked();
        let budgets = ranked
            .iter()
            .any(|evaluation| evaluation.trial.budget().is_some());
        let mut header = vec!["trial".to_string()];
        header.extend(budgets.then(|| "budget".to_string()));
        header.extend(self.space.names().map(String::from));
        header.extend([self.what(), "seconds"].map(String::from));
        let mut table = vec![header];
        for Evaluation {
            trial,
            score,
            seconds,
        } in ranked
        {
            let mut row = vec![trial.index().to_string()];
            row.extend(trial.budget().map(|budget| budget.to_string()));
            row.extend(trial.settings().iter().map(|(_, setting)| match setting {
                super::Setting::Number(number) => short(*number),
                super::Setting::Text(text) => text.clone(),
            }));
            row.extend([short(*score), format!("{seconds:.3}")]);
            table.push(row);
        }
        let width = |column: usize| {
            table
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..table[0].len()).map(width).collect();
        for row in &table {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{cell:>width$}"))
                .collect();
            writeln!(f, "{}", cells.join("   "))?;
        }
        Ok(())
    }
}

/// A number with four significant digits.
fn short(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || !number.is_finite() || (number.fract() == 0.0 && size < 1e7) {
        return number.to_string();
    }
    if !(1e-3..1e7).contains(&size) {
        return format!("{number:.3e}");
    }
    let digits = (3 - size.log10().floor() as i32).max(0) as usize;
    format!("{number:.digits$}")
}
