//! Cyclical learning rates.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// How the height of the cycles changes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Amplitude {
    /// All alike: `triangular`.
    #[default]
    Constant,
    /// Half at each cycle: `triangular2`.
    Halving,
    /// `γᵗ` at step t of the training, γ above 0: `exp_range`.
    Exponential(f64),
}

/// The rate rises from `base` to `max` and falls back, over and over, another at each batch.
///
/// With `c` the number of full cycles so far, `t` the step, `p` the steps into this one and `f = p / up` while it rises,
/// `f = 1 − (p − up) / down` while it falls: `η = base + (max − base) f s`, `s` being 1, `2⁻ᶜ` or `γᵗ` by the
/// [`Amplitude`].
/// With cycled momentum: `high − (high − low) f s`, low where the rate is high; for Adam that is β₁.
///
/// `torch.optim.lr_scheduler.CyclicLR`, but momentum is cycled on request only.
///
/// ```
/// use downhill::schedule::{Cyclical, LrSchedule, Progress, Span};
/// let mut schedule = Cyclical::new(0.25, 0.75, Span::Steps(4));
/// let rate = |step| schedule.rate(&Progress { step, steps_per_epoch: 10 });
/// assert_eq!([0, 2, 4, 6, 8].map(rate), [0.25, 0.5, 0.75, 0.5, 0.25]);
/// ```
///
/// Source: L. N. Smith, *Cyclical Learning Rates for Training Neural Networks*, arXiv 1506.01186 (2015).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Cyclical {
    base: f64,
    max: f64,
    up: Span,
    down: Span,
    amplitude: Amplitude,
    momentum: Option<(f64, f64)>,
}

impl Cyclical {
    /// Between `base` and `max`, both finite and at least 0, rising for `up` and falling for as long.
    pub fn new(base: f64, max: f64, up: Span) -> Self {
        Self {
            base,
            max,
            up,
            down: up,
            amplitude: Amplitude::default(),
            momentum: None,
        }
    }

    /// Falls for `down`. Default: as long as it rises.
    pub fn down(mut self, down: Span) -> Self {
        self.down = down;
        self
    }

    /// Sets how the height of the cycles changes. Default: [`Amplitude::Constant`].
    pub fn amplitude(mut self, amplitude: Amplitude) -> Self {
        self.amplitude = amplitude;
        self
    }

    /// Cycles the momentum between `low` and `high`, both in [0, 1), against the rate. PyTorch's bounds: 0.8 and 0.9.
    pub fn momentum(mut self, low: f64, high: f64) -> Self {
        self.momentum = Some((low, high));
        self
    }

    /// How high this step is on its way from the lower to the upper bound.
    fn height(&self, progress: &Progress) -> f64 {
        let up = self.up.steps(progress.steps_per_epoch).max(1);
        let down = self.down.steps(progress.steps_per_epoch).max(1);
        let length = up.saturating_add(down);
        let (cycle, position) = (progress.step / length, progress.step % length);
        let share = if position <= up {
            position as f64 / up as f64
        } else {
            1.0 - (position - up) as f64 / down as f64
        };
        share
            * match self.amplitude {
                Amplitude::Constant => 1.0,
                Amplitude::Halving => 0.5_f64.powf(cycle as f64),
                Amplitude::Exponential(gamma) => gamma.powf(progress.step as f64),
            }
    }
}

impl LrSchedule for Cyclical {
    fn rate(&mut self, progress: &Progress) -> f64 {
        self.base + (self.max - self.base) * self.height(progress)
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        let (low, high) = self.momentum?;
        Some(high - (high - low) * self.height(progress))
    }

    fn sets_momentum(&self) -> bool {
        self.momentum.is_some()
    }

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("base of Cyclical", self.base)?;
        check::non_negative("max of Cyclical", self.max)?;
        self.up.check("up of Cyclical")?;
        self.down.check("down of Cyclical")?;
        if let Amplitude::Exponential(gamma) = self.amplitude {
            check::positive("amplitude of Cyclical", gamma)?;
        }
        let (low, high) = self.momentum.unwrap_or_default();
        check::below_one("low momentum of Cyclical", low)?;
        check::below_one("high momentum of Cyclical", high)?;
        check::require(
            low <= high,
            "low momentum of Cyclical",
            low,
            &format!("at most the high one, {high}"),
        )
    }
}
