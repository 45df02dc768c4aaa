//! Reduce on plateau.

use std::{collections::VecDeque, fmt};

use super::{LrSchedule, Progress};
use crate::{
    Error, Memo,
    error::check,
    train::{Goal, Record, Watch},
};

/// By how much a metric must be better than the best so far to count as an improvement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// By this share of the best's absolute value, which is right for negative metrics too.
    Relative(f64),
    /// By this much.
    Absolute(f64),
    /// By this share of the best with its sign, as in PyTorch: of a negative best, a metric that is worse by less than the
    /// share counts as an improvement.
    Signed(f64),
    /// By this share of the best with its sign and this much more, as in Optax.
    Both(f64, f64),
}

impl Threshold {
    /// The share of the best, and what is added.
    fn parts(self) -> (f64, f64) {
        match self {
            Threshold::Relative(share) | Threshold::Signed(share) => (share, 0.0),
            Threshold::Absolute(margin) => (0.0, margin),
            Threshold::Both(share, margin) => (share, margin),
        }
    }

    /// Whether a metric is enough better than the best so far; the first is, unless it is NaN or as bad as can be.
    pub(crate) fn improves(self, metric: f64, best: Option<f64>, goal: Goal) -> bool {
        let Some(best) = best else {
            return !metric.is_nan() && metric != goal.worst();
        };
        let (share, margin) = self.parts();
        let lowest = goal == Goal::Lowest;
        // Away from 0 or towards it, whichever is better; the signed ones take every best for positive.
        let positive = best > 0.0 || !matches!(self, Threshold::Relative(_));
        let share = if lowest == positive { -share } else { share };
        // Of an infinite best nothing can be a share; any number is an improvement on the worst.
        let level = if best.is_finite() {
            best * (1.0 + share)
        } else {
            best
        };
        match lowest {
            true => metric < level - margin,
            false => metric > level + margin,
        }
    }

    pub(crate) fn check(self, argument: &str) -> Result<(), Error> {
        let (share, margin) = self.parts();
        check::non_negative(argument, share)?;
        check::non_negative(argument, margin)
    }
}

/// A number is absolute.
impl From<f64> for Threshold {
    fn from(margin: f64) -> Self {
        Threshold::Absolute(margin)
    }
}

/// What a NaN metric counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NanPolicy {
    /// A bad check, as in PyTorch.
    #[default]
    Bad,
    /// Nothing: the check is passed over.
    Ignore,
    /// The end of patience: the rate is reduced at once (unless in cooldown).
    Reduce,
}

/// The rate of another schedule (or a number), reduced by a factor when a metric no longer improves.
///
/// After every evaluation the metric is compared with the best so far. `patience` bad checks in a row are tolerated; the
/// next multiplies the rate by `factor`, but not to below `minimum`, and not at all if that changes it by no more than
/// `epsilon`. After a reduction `cooldown` checks are not counted.
///
/// | setting | default | range |
/// |---|---|---|
/// | `factor` | 0.1 | [0, 1) |
/// | `patience` | 10 | |
/// | `threshold` | `Relative(1e-4)` | ≥ 0 |
/// | `cooldown` | 0 | |
/// | `minimum` | 0 | ≥ 0 |
/// | `epsilon` | 1e-8 | ≥ 0 |
/// | `watch` | lowest validation loss, or training loss without validation | |
/// | `nan` | [`NanPolicy::Bad`] | |
/// | `smoothed` | 1 | odd |
///
/// `torch.optim.lr_scheduler.ReduceLROnPlateau`, except that the relative threshold is right for negative metrics
/// ([`Threshold::Signed`] is PyTorch's). Those of other frameworks are [`ReduceOnPlateau::keras`] and
/// [`ReduceOnPlateau::optax`].
///
/// ```
/// use downhill::schedule::{ReduceOnPlateau, Span, StepDecay};
/// let by_itself = ReduceOnPlateau::new(0.1).patience(3);
/// let around_another = ReduceOnPlateau::new(StepDecay::new(0.1, Span::Epochs(50))).factor(0.5);
/// # let _ = (by_itself, around_another);
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct ReduceOnPlateau<S = f64> {
    schedule: S,
    factor: f64,
    patience: u64,
    threshold: Threshold,
    cooldown: u64,
    minimum: f64,
    epsilon: f64,
    watch: Option<Watch>,
    nan: NanPolicy,
    smoothed: usize,
    seen: Seen,
}

/// What the checks so far have shown.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    /// The last checks, newest last.
    recent: VecDeque<f64>,
    best: Option<f64>,
    bad: u64,
    cooling: u64,
    /// By what the inner rate is multiplied.
    scale: f64,
    /// The inner schedule's rate at the last step.
    inner_rate: f64,
}

impl<S: LrSchedule> ReduceOnPlateau<S> {
    /// Around a schedule; a number is one.
    pub fn new(schedule: S) -> Self {
        Self {
            schedule,
            factor: 0.1,
            patience: 10,
            threshold: Threshold::Relative(1e-4),
            cooldown: 0,
            minimum: 0.0,
            epsilon: 1e-8,
            watch: None,
            nan: NanPolicy::default(),
            smoothed: 1,
            seen: Seen {
                recent: VecDeque::new(),
                best: None,
                bad: 0,
                cooling: 0,
                scale: 1.0,
                inner_rate: f64::NAN,
            },
        }
    }

    /// With the conventions of Keras's `ReduceLROnPlateau`: the rate is reduced at bad check number `patience` (the next one
    /// in PyTorch), an improvement is absolute, 1e-4 by default, and of a cooldown one check less is passed over.
    pub fn keras(schedule: S, patience: u64, cooldown: u64) -> Self {
        Self::new(schedule)
            .patience(patience.saturating_sub(1))
            .cooldown(cooldown.saturating_sub(1))
            .threshold(Threshold::Absolute(1e-4))
            .epsilon(0.0)
    }

    /// With the conventions of `optax.contrib.reduce_on_plateau`: the rate is reduced at bad check number `patience`, and the
    /// share of the best by which a metric improves, 1e-4 by default, has its sign.
    pub fn optax(schedule: S, patience: u64) -> Self {
        Self::new(schedule)
            .patience(patience.saturating_sub(1))
            .threshold(Threshold::Both(1e-4, 0.0))
            .epsilon(0.0)
    }

    /// Compares the median of the last `checks` metrics, an odd number, with the best such median, so that neither a single
    /// lucky check nor a single spike counts. The checks before there are so many count neither way. Default: 1.
    pub fn smoothed(mut self, checks: usize) -> Self {
        self.smoothed = checks;
        self
    }

    /// By what the rate is multiplied, at least 0 and below 1. Default: 0.1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// How many bad checks in a row are tolerated. Default: 10.
    pub fn patience(mut self, checks: u64) -> Self {
        self.patience = checks;
        self
    }

    /// What counts as an improvement. Default: `Threshold::Relative(1e-4)`.
    pub fn threshold(mut self, threshold: Threshold) -> Self {
        self.threshold = threshold;
        self
    }

    /// How many checks after a reduction are not counted. Default: 0.
    pub fn cooldown(mut self, checks: u64) -> Self {
        self.cooldown = checks;
        self
    }

    /// The lowest rate that a reduction leads to. Where the schedule inside falls by itself the rate may be lower:
    /// [`at_least`](crate::schedule::ScheduleExt::at_least) bounds that too. Default: 0.
    pub fn minimum(mut self, rate: f64) -> Self {
        self.minimum = rate;
        self
    }

    /// Reductions by no more than this are not made. Default: 1e-8.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Which metric to follow, and whether lower or higher is better.
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// What a NaN counts as. Default: [`NanPolicy::Bad`].
    pub fn nan(mut self, policy: NanPolicy) -> Self {
        self.nan = policy;
        self
    }

    /// The median of the last checks with this one, once there are enough of them. A NaN stays one.
    fn median(&mut self, metric: f64) -> Option<f64> {
        if self.smoothed <= 1 || metric.is_nan() {
            return Some(metric);
        }
        let recent = &mut self.seen.recent;
        recent.push_back(metric);
        while recent.len() > self.smoothed {
            recent.pop_front();
        }
        if recent.len() < self.smoothed {
            return None;
        }
        let mut sorted: Vec<f64> = recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }

    fn goal(&self) -> Goal {
        self.watch.as_ref().map_or(Goal::Lowest, Watch::goal)
    }

    fn check(&mut self, metric: f64) {
        if metric.is_nan() && self.nan == NanPolicy::Ignore {
            return;
        }
        let Some(metric) = self.median(metric) else {
            return;
        };
        if self.threshold.improves(metric, self.seen.best, self.goal()) {
            self.seen.best = Some(metric);
            self.seen.bad = 0;
        } else if metric.is_nan() && self.nan == NanPolicy::Reduce {
            self.seen.bad = self.patience.saturating_add(1);
        } else {
            self.seen.bad += 1;
        }
        if self.seen.cooling > 0 {
            self.seen.cooling -= 1;
            self.seen.bad = 0;
        }
        if self.seen.bad > self.patience {
            self.seen.bad = 0;
            self.seen.cooling = self.cooldown;
            let old = self.scaled(self.seen.inner_rate);
            let new = (old * self.factor).max(self.minimum);
            if old - new > self.epsilon {
                self.seen.scale *= new / old;
            }
        }
    }

    fn scaled(&self, rate: f64) -> f64 {
        rate * self.seen.scale
    }
}

/// The settings.
impl<S: fmt::Debug> fmt::Debug for ReduceOnPlateau<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReduceOnPlateau")
            .field("schedule", &self.schedule)
            .field("factor", &self.factor)
            .field("patience", &self.patience)
            .field("threshold", &self.threshold)
            .field("cooldown", &self.cooldown)
            .field("minimum", &self.minimum)
            .field("epsilon", &self.epsilon)
            .field("watch", &self.watch)
            .field("nan", &self.nan)
            .field("smoothed", &self.smoothed)
            .finish_non_exhaustive()
    }
}

impl<S: LrSchedule> LrSchedule for ReduceOnPlateau<S> {
    fn rate(&mut self, progress: &Progress) -> f64 {
        self.seen.inner_rate = self.schedule.rate(progress);
        self.scaled(self.seen.inner_rate)
    }

    fn momentum(&mut self, progress: &Progress) -> Option<f64> {
        self.schedule.momentum(progress)
    }

    fn sets_momentum(&self) -> bool {
        self.schedule.sets_momentum()
    }

    fn observe(&mut self, record: &Record) {
        self.schedule.observe(record);
        let metric = match &self.watch {
            Some(watch) => record.get(watch.name()),
            None => Some(record.validation_loss.unwrap_or(record.loss)),
        };
        if let Some(metric) = metric {
            self.check(metric);
        }
    }

    fn watches(&self) -> Vec<&str> {
        let mut names = self.schedule.watches();
        names.extend(self.watch.as_ref().map(Watch::name));
        names
    }

    fn save(&self, memo: &mut Memo) {
        let mut schedule = Memo::new();
        self.schedule.save(&mut schedule);
        memo.put_part("schedule", schedule);
        Watch::save(self.watch.as_ref(), memo);
        let seen = &self.seen;
        memo.put("recent", Vec::from_iter(seen.recent.iter().copied()));
        memo.put("best", Vec::from_iter(seen.best));
        memo.put("bad", [seen.bad]);
        memo.put("cooling", [seen.cooling]);
        memo.put("scale", [seen.scale]);
        memo.put("inner_rate", [seen.inner_rate]);
    }

    /// What was seen of another metric is refused.
    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        Watch::agree(self.watch.as_ref(), memo, "ReduceOnPlateau")?;
        let seen = Seen {
            recent: memo.numbers("recent")?.iter().copied().collect(),
            best: memo.numbers("best")?.first().copied(),
            bad: memo.count("bad")?,
            cooling: memo.count("cooling")?,
            scale: memo.number("scale")?,
            inner_rate: memo.number("inner_rate")?,
        };
        self.schedule.load(&memo.part("schedule"))?;
        self.seen = seen;
        Ok(())
    }

    fn validate(&self) -> Result<(), Error> {
        self.schedule.validate()?;
        check::require(
            self.smoothed % 2 == 1,
            "smoothed of ReduceOnPlateau",
            self.smoothed,
            "an odd number",
        )?;
        check::below_one("factor of ReduceOnPlateau", self.factor)?;
        self.threshold.check("threshold of ReduceOnPlateau")?;
        check::non_negative("minimum of ReduceOnPlateau", self.minimum)?;
        check::non_negative("epsilon of ReduceOnPlateau", self.epsilon)
    }
}
