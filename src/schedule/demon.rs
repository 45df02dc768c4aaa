//! Decaying momentum.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// Demon: a momentum that decays to 0 over the training, for [`Trainer::momentum`](crate::Trainer::momentum).
///
/// With `x` the share of the span that is left: `β x / ((1 − β) + β x)`.
///
/// ```
/// use downhill::{Trainer, optim::Adam, schedule::{Demon, Span}};
/// let trainer = Trainer::<f64>::new(Adam::new()).momentum(Demon::new(0.9, Span::Epochs(30))).epochs(30);
/// # let _ = trainer;
/// ```
///
/// Source: J. Chen et al., *Demon: Improved Neural Network Training with Momentum Decay*, arXiv 1910.04952 (2019).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Demon {
    initial: f64,
    span: Span,
}

impl Demon {
    /// From this momentum, in [0, 1), over this span: the whole length of the training.
    pub fn new(initial: f64, span: Span) -> Self {
        Self { initial, span }
    }
}

impl LrSchedule for Demon {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let length = self.span.steps(progress.steps_per_epoch).max(1);
        let left = 1.0 - progress.step.min(length) as f64 / length as f64;
        self.initial * left / ((1.0 - self.initial) + self.initial * left)
    }

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        check::below_one("initial of Demon", self.initial)?;
        self.span.check("span of Demon")
    }
}
