//! The one-cycle policy.

use super::{LrSchedule, Progress, Span};
use crate::{Error, error::check};

/// Up to a high rate, down again, and on down to almost nothing; momentum the other way.
///
/// Over `n` steps, with `low = max / divisor` and `last = low / final_divisor`: from `low` to `max` until step
/// `rise · n − 1`, then to `last` at step `n − 1`. In three phases: back to `low` at `2 · rise · n − 2`, then to `last`.
/// Each way is half a cosine wave, or a line.
///
/// | setting | default | range |
/// |---|---|---|
/// | `rise` | 0.3 | (0, 1) (three phases: below 0.5) |
/// | `divisor` | 25 | > 0 |
/// | `final_divisor` | 1e4 | > 0 |
/// | `linear`, `three_phases` | off | |
/// | `momentum` | not set; PyTorch's: 0.85 to 0.95 | [0, 1) |
///
/// `torch.optim.lr_scheduler.OneCycleLR`, but past its end it holds the last value. [`OneCycle::optax`] reaches the highest
/// rate at `⌊rise · n⌋` and the last at n, as `optax.cosine_onecycle_schedule` does.
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
    three_phases: bool,
    whole_steps: bool,
    momentum: Option<(f64, f64)>,
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
            three_phases: false,
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

    /// Comes back to where it began before it goes on down.
    pub fn three_phases(mut self) -> Self {
        self.three_phases = true;
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
        let peak = self.rise * length;
        let [first, second, third, last] = corners;
        let (peak, end) = if self.whole_steps {
            (peak.floor(), length)
        } else {
            (peak - 1.0, length - 1.0)
        };
        let step = progress.step as f64;
        let phases = if self.three_phases {
            let back = if self.whole_steps {
                2.0 * peak
            } else {
                2.0 * self.rise * length - 2.0
            };
            [
                (0.0, first, peak, second),
                (peak, second, back, third),
                (back, third, end, last),
            ]
        } else {
            [
                (0.0, first, peak, second),
                (peak, second, end, last),
                (end, last, end, last),
            ]
        };
        for (begin, from, end, to) in phases {
            if step < end {
                let share = if end > begin {
                    (step - begin) / (end - begin)
                } else {
                    1.0
                };
                return match self.linear {
                    true => from + (to - from) * share,
                    false => to + (from - to) * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0,
                };
            }
        }
        last
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

    fn follows_metric(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("max of OneCycle", self.max)?;
        self.span.check("span of OneCycle")?;
        check::positive("divisor of OneCycle", self.divisor)?;
        check::positive("final_divisor of OneCycle", self.final_divisor)?;
        let (most, expected) = if self.three_phases {
            (0.5, "above 0 and below 0.5")
        } else {
            (1.0, "above 0 and below 1")
        };
        check::require(
            self.rise > 0.0 && self.rise < most,
            "rise of OneCycle",
            self.rise,
            expected,
        )?;
        let (low, high) = self.momentum.unwrap_or_default();
        check::below_one("low momentum of OneCycle", low)?;
        check::below_one("high momentum of OneCycle", high)
    }
}
