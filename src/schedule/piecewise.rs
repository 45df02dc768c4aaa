//! Rates that change at given times.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// One rate after another, each from a given time on.
///
/// `optax.piecewise_constant_schedule`, Keras's `PiecewiseConstantDecay`; by [`Piecewise::multi_step`] PyTorch's
/// `MultiStepLR`.
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
}

impl Piecewise {
    /// Begins with this rate.
    pub fn new(rate: f64) -> Self {
        Self {
            first: rate,
            pieces: Vec::new(),
        }
    }

    /// From this time on, another rate. Where several apply, the latest given counts.
    pub fn at(mut self, time: Span, rate: f64) -> Self {
        self.pieces.push((time, rate));
        self
    }

    /// `base`, multiplied by `factor` at each of these times, in rising order.
    pub fn multi_step(base: f64, factor: f64, times: &[Span]) -> Self {
        let pieces = times
            .iter()
            .zip(1..)
            .map(|(&time, n)| (time, base * factor.powi(n)));
        Self {
            first: base,
            pieces: pieces.collect(),
        }
    }
}

impl LrSchedule for Piecewise {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let begun = |(time, _): &&(Span, f64)| progress.step >= time.steps(progress.steps_per_epoch);
        self.pieces
            .iter()
            .rev()
            .find(begun)
            .map_or(self.first, |(_, rate)| *rate)
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
