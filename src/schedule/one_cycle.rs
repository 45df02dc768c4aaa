//! The one-cycle policy.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// Up to a high rate, down again, and on down to almost nothing; momentum the other way, if [asked for](OneCycle::momentum).
///
/// Over `n` steps, with `low = max / divisor` and `last = low / final_divisor`: from `low` to `max` until step
/// `rise · n − 1`, then to `last` at step `n − 1`. In three phases: back to `low` at `2 · rise · n − 2`, then to `last`; with
/// a `rise` above 0.5 the end comes before that. Each way is half a cosine wave, or a line.
///
/// | setting | default | range |
/// |---|---|---|
/// | `rise` | 0.3 | [0, 1] |
/// | `divisor` | 25 | > 0 |
/// | `final_divisor` | 1e4 | > 0 |
/// | `linear`, `three_phases` | off | |
/// | `back` | not set; Optax's, of its linear cycle: 0.85 | [0, 1] |
/// | `momentum` | not set; PyTorch's: 0.85 to 0.95 | [0, 1) |
///
/// `torch.optim.lr_scheduler.OneCycleLR`, but past its end it holds the last value. [`OneCycle::optax`] reaches the highest
/// rate at `⌊rise · n⌋` and the last at n, as `optax.cosine_onecycle_schedule` does;
/// `OneCycle::optax(…).linear().back(0.85)` is `optax.linear_onecycle_schedule`.
///
/// Most of the gain comes in the last phase: a run that may stop early should be patient enough to reach it.
///
/// ```
/// use downhill::{Trainer, optim::Momentum, schedule::{OneCycle, Span}};
/// let schedule = OneCycle::new(0.1, Span::Epochs(30)).momentum(0.85, 0.95);
/// let trainer = Trainer::<f64>::new(Momentum::new(0.95)).learning_rate(schedule).epochs(30);
/// # let _ = trainer;
/// ```
///
/// Source: L. N. Smith and N. Topin, *Super-Convergence*, arXiv 1708.07120 (2018).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct OneCycle {
    max: f64,
    span: Span,
    rise: f64,
    divisor: f64,
    final_divisor: f64,
    linear: bool,
    /// Where it is back at its beginning.
    back: Option<Back>,
    whole_steps: bool,
    momentum: Option<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Back {
    /// As long after the peak as the peak is after the beginning.
    Mirrored,
    /// At this share of the span.
    At(f64),
}

impl OneCycle {
    /// Up to `max`, finite and at least 0, all within this span: the whole length of the training.
    pub fn new(max: f64, span: Span) -> Self {
        Self {
            max,
            span,
            rise: 0.3,
            divisor: 25.0,
            final_divisor: 1e4,
            linear: false,
            back: None,
            whole_steps: false,
            momentum: None,
        }
    }

    /// The same with Optax's ends of the phases: in whole steps, and not one earlier.
    pub fn optax(max: f64, span: Span) -> Self {
        Self {
            whole_steps: true,
            ..Self::new(max, span)
        }
    }

    /// Sets the share of the span in which the rate rises. Default: 0.3.
    pub fn rise(mut self, share: f64) -> Self {
        self.rise = share;
        self
    }

    /// Sets how many times lower the rate begins. Default: 25.
    pub fn divisor(mut self, divisor: f64) -> Self {
        self.divisor = divisor;
        self
    }

    /// Sets how many times lower than its beginning the rate ends. Default: 1e4.
    pub fn final_divisor(mut self, divisor: f64) -> Self {
        self.final_divisor = divisor;
        self
    }

    /// Goes in straight lines, not along half a wave.
    pub fn linear(mut self) -> Self {
        self.linear = true;
        self
    }

    /// Comes back to where it began before it goes on down, as fast as it rose.
    pub fn three_phases(mut self) -> Self {
        self.back = Some(Back::Mirrored);
        self
    }

    /// Is back where it began after this share of the span, then goes on down.
    pub fn back(mut self, share: f64) -> Self {
        self.back = Some(Back::At(share));
        self
    }

    /// Moves the momentum from `high` to `low` and back, against the rate; both in [0, 1).
    pub fn momentum(mut self, low: f64, high: f64) -> Self {
        self.momentum = Some((low, high));
        self
    }

    /// The value of what goes through these corners (three of them, or four).
    fn along(&self, progress: &Progress, corners: [f64; 4]) -> f64 {
        let length = self.span.steps(progress.steps_per_epoch) as f64;
        // PyTorch's phases end one step earlier than their shares of the span say, Optax's in whole steps.
        let at = |share: f64, early: f64| match self.whole_steps {
            true => (share * length).floor(),
            false => share * length - early,
        };
        let (peak, end) = (at(self.rise, 1.0), at(1.0, 1.0));
        let back = match self.back {
            None => end,
            Some(Back::Mirrored) => at(2.0 * self.rise, 2.0),
            Some(Back::At(share)) => at(share, 1.0),
        };
        let [first, second, third, last] = corners;
        let fall = if self.back.is_some() { third } else { last };
        let phases = [
            (0.0, first, peak, second),
            (peak, second, back, fall),
            (back, fall, end, last),
        ];
        let step = (progress.step as f64).min(end);
        let Some((begin, from, end, to)) = phases.into_iter().find(|(_, _, end, _)| step <= *end) else {
            return last;
        };
        if step == end {
            return to;
        }
        let share = (step - begin) / (end - begin);
        match self.linear {
            true => from + (to - from) * share,
            false => to + (from - to) * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0,
        }
    }
}

impl LrSchedule for OneCycle {
    fn rate(&mut self, progress: &Progress) -> f64 {
        let low = self.max / self.divisor;
        self.along(progress, [low, self.max, low, low / self.final_divisor])
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        let (low, high) = self.momentum?;
        Some(self.along(progress, [high, low, high, high]))
    }

    fn sets_momentum(&self) -> bool {
        self.momentum.is_some()
    }

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("max of OneCycle", self.max)?;
        self.span.check("span of OneCycle")?;
        check::positive("divisor of OneCycle", self.divisor)?;
        check::positive("final_divisor of OneCycle", self.final_divisor)?;
        check::share("rise of OneCycle", self.rise)?;
        if let Some(Back::At(share)) = self.back {
            check::share("back of OneCycle", share)?;
            check::require(share >= self.rise, "back of OneCycle", share, "at least rise")?;
        }
        let (low, high) = self.momentum.unwrap_or_default();
        check::below_one("low momentum of OneCycle", low)?;
        check::below_one("high momentum of OneCycle", high)
    }
}
