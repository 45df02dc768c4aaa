//! Rates that change at given times.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// One rate after another, each from a given time on.
///
/// `optax.piecewise_constant_schedule`; by [`Piecewise::multi_step`] PyTorch's `MultiStepLR`. Keras's `PiecewiseConstantDecay`
/// still has the old rate at the boundary itself: its boundary b is `Span::Steps(b + 1)`.
///
/// ```
/// use downhill::schedule::{LrSchedule, Piecewise, Progress, Span};
/// let mut schedule = Piecewise::new(0.5).at(Span::Epochs(2), 0.25).at(Span::Steps(7), 0.1);
/// let rate = |step| schedule.rate(&Progress { step, steps_per_epoch: 3 });
/// assert_eq!([0, 5, 6, 7].map(rate), [0.5, 0.5, 0.25, 0.1]);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Piecewise {
    first: f64,
    pieces: Vec<(Span, f64)>,
    /// Whether each piece multiplies the rate, or sets it.
    multiplies: bool,
}

impl Piecewise {
    /// Begins with this rate.
    pub fn new(rate: f64) -> Self {
        Self {
            first: rate,
            pieces: Vec::new(),
            multiplies: false,
        }
    }

    /// From this time on, another rate. Of several that have begun, the last to begin counts.
    pub fn at(mut self, time: Span, rate: f64) -> Self {
        self.pieces.push((time, rate));
        self
    }

    /// `base`, multiplied by `factor` at each of these times.
    pub fn multi_step(base: f64, factor: f64, times: &[Span]) -> Self {
        Self {
            first: base,
            pieces: times.iter().map(|&time| (time, factor)).collect(),
            multiplies: true,
        }
    }
}

impl LrSchedule for Piecewise {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let pieces = self
            .pieces
            .iter()
            .map(|(time, value)| (time.steps(progress.steps_per_epoch), *value));
        let begun = pieces.filter(|(time, _)| progress.step >= *time);
        if self.multiplies {
            return begun.fold(self.first, |rate, (_, factor)| rate * factor);
        }
        begun
            .max_by_key(|(time, _)| *time)
            .map_or(self.first, |(_, rate)| rate)
    }

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("the first rate of Piecewise", self.first)?;
        self.pieces
            .iter()
            .try_for_each(|(_, rate)| check::non_negative("a rate of Piecewise", *rate))
    }
}
