//! Early stopping.

use std::fmt;

use crate::{
    Error, Memo, Run,
    error::check,
    schedule::Threshold,
    train::{Callback, Control, EvaluationEvent, Goal, StartEvent, StopReason, Watch},
};

/// Ends a run when a metric no longer improves, and gives back the best parameters.
///
/// After every evaluation the metric is compared with the best so far. `patience` checks in a row without an improvement are
/// tolerated; the next ends the run with [`StopReason::NoImprovement`]. However the run ended, [`Run::params`] are then
/// those of its best point, [`Run::best`], which is chosen by the same metric.
///
/// | setting | default | range |
/// |---|---|---|
/// | `watch` | what the run chooses its best point by | |
/// | `patience` | 10 | |
/// | `min_delta` | 0 | ≥ 0 |
/// | `baseline` | none | finite |
/// | `start_from_epoch` | 0 | |
/// | `restore_best` | true | |
///
/// Patience is counted as in `torch.optim.lr_scheduler.ReduceLROnPlateau`; as in Keras it is by
/// [`keras`](EarlyStopping::keras). A NaN is no improvement.
///
/// ```
/// use downhill::{prelude::*, train::{EarlyStopping, Watch}};
/// use downhill::ndarray::array;
///
/// let (inputs, targets) = (array![[0.0], [1.0], [2.0]], array![1.0, 3.0, 5.0]);
/// let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets)?;
/// let model = Linear::new(1, 1)?;
/// let run = Trainer::new(GradientDescent)
///     .epochs(100_000)
///     .callback(EarlyStopping::new().watch(Watch::lowest("validation_loss")).patience(5).min_delta(1e-6))
///     .minimize(EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data))?;
/// assert!(run.epochs < 5000);
/// assert_eq!(run.params, run.best.params);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// In a loop of one's own:
///
/// ```
/// use downhill::train::{EarlyStopping, Verdict};
///
/// let mut stopping = EarlyStopping::new().patience(1);
/// let (mut epochs, mut best) = (0, f64::NAN);
/// for loss in [3.0, 2.0, 2.5, 1.0, 1.5, 1.25, 0.5] {
///     epochs += 1;
///     match stopping.check(loss) {
///         Verdict::Best => best = loss, // and keep the parameters
///         Verdict::Wait => {}
///         Verdict::Stop => break,
///     }
/// }
/// assert_eq!((epochs, best), (6, 1.0));
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct EarlyStopping {
    watch: Option<Watch>,
    /// What is followed where nothing else is set; known from the start of a run.
    best_by: Option<Watch>,
    patience: u64,
    min_delta: Threshold,
    baseline: Option<f64>,
    start_from_epoch: u64,
    restore_best: bool,
    seen: Seen,
}

/// What the checks so far have shown.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    /// The epoch of the last one, counted from 1.
    epochs: u64,
    best: Option<f64>,
    bad: u64,
    /// Whether the last check ended the run.
    over: bool,
}

/// What a check of [`EarlyStopping`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is the best so far, by more than `min_delta`.
    Best,
    /// It is not, but patience is left.
    Wait,
    /// Patience is over.
    Stop,
}

impl EarlyStopping {
    /// With the defaults of the table.
    pub fn new() -> Self {
        Self {
            watch: None,
            best_by: None,
            patience: 10,
            min_delta: Threshold::Absolute(0.0),
            baseline: None,
            start_from_epoch: 0,
            restore_best: true,
            seen: Seen::default(),
        }
    }

    /// With the conventions of Keras's `EarlyStopping`: the run ends at bad check number `patience` (the next one here; 0 is
    /// as 1), and its last parameters stay.
    pub fn keras(patience: u64) -> Self {
        let tolerated = patience.saturating_sub(1);
        Self::new().patience(tolerated).restore_best(false)
    }

    /// Which metric to follow, and whether lower or higher is better. In a loop of one's own only the latter counts.
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// How many checks in a row without an improvement are tolerated. Default: 10.
    pub fn patience(mut self, checks: u64) -> Self {
        self.patience = checks;
        self
    }

    /// By how much a metric must be better than the best so far to count: a number, or a [`Threshold`]. Default: 0.
    pub fn min_delta(mut self, threshold: impl Into<Threshold>) -> Self {
        self.min_delta = threshold.into();
        self
    }

    /// Counts only what is better than this too, by more than `min_delta`: a run that does not get there in its patience ends
    /// at the next check that is no improvement. As in Keras. Default: none.
    pub fn baseline(mut self, metric: f64) -> Self {
        self.baseline = Some(metric);
        self
    }

    /// Leaves the first epochs unchecked. Default: 0. The best point of the run may still be one of them; in Keras it may not.
    pub fn start_from_epoch(mut self, epochs: u64) -> Self {
        self.start_from_epoch = epochs;
        self
    }

    /// Whether the run gives back its best parameters as [`Run::params`], and not its last. Default: true.
    ///
    /// Checkpoints hold the last ones all the same, so that the run can go on; the best have a file of their own if asked for.
    pub fn restore_best(mut self, restore: bool) -> Self {
        self.restore_best = restore;
        self
    }

    /// Whether every setting is legal. The trainer asks; a loop of one's own may.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the setting.
    pub fn validate(&self) -> Result<(), Error> {
        self.min_delta.check("min_delta of EarlyStopping")?;
        match self.baseline {
            Some(baseline) => check::require(
                baseline.is_finite(),
                "baseline of EarlyStopping",
                baseline,
                "finite",
            ),
            None => Ok(()),
        }
    }

    fn watched(&self) -> Option<&Watch> {
        self.watch.as_ref().or(self.best_by.as_ref())
    }

    /// The name of the metric; known from the start of a run.
    fn metric(&self) -> &str {
        self.watched().map_or("loss", Watch::name)
    }

    fn reason(&self) -> StopReason {
        StopReason::NoImprovement {
            metric: self.metric().into(),
            checks: self.seen.bad,
        }
    }

    /// Takes in the metric of the next epoch.
    pub fn check(&mut self, metric: f64) -> Verdict {
        self.check_in(self.seen.epochs + 1, metric)
    }

    /// Takes in a metric of this epoch, counted from 1.
    fn check_in(&mut self, epoch: u64, metric: f64) -> Verdict {
        self.seen.epochs = epoch;
        if epoch <= self.start_from_epoch {
            return Verdict::Wait;
        }
        let goal = self.watched().map_or(Goal::Lowest, Watch::goal);
        let improves = self.min_delta.improves(metric, self.seen.best, goal);
        if improves {
            self.seen.best = Some(metric);
        }
        let reaches = |baseline| self.min_delta.improves(metric, Some(baseline), goal);
        if improves && self.baseline.is_none_or(reaches) {
            self.seen.bad = 0;
        } else {
            self.seen.bad += 1;
        }
        self.seen.over = !improves && self.seen.bad > self.patience;
        match improves {
            true => Verdict::Best,
            false if self.seen.over => Verdict::Stop,
            false => Verdict::Wait,
        }
    }
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self::new()
    }
}

/// The settings.
impl fmt::Debug for EarlyStopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyStopping")
            .field("watch", &self.watch)
            .field("patience", &self.patience)
            .field("min_delta", &self.min_delta)
            .field("baseline", &self.baseline)
            .field("start_from_epoch", &self.start_from_epoch)
            .field("restore_best", &self.restore_best)
            .finish_non_exhaustive()
    }
}

impl<F: Clone> Callback<F> for EarlyStopping {
    fn hears_steps(&self) -> bool {
        false
    }

    fn validate(&self) -> Result<(), Error> {
        self.validate()
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }

    fn watches(&self) -> Vec<&str> {
        self.watch.iter().map(Watch::name).collect()
    }

    fn best_by(&self) -> Option<&Watch> {
        self.watch.as_ref().filter(|_| self.restore_best)
    }

    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        self.best_by = Some(event.best_by.clone());
        Ok(())
    }

    /// A run that had ended for want of an improvement, and is continued with the same patience, has already ended.
    fn is_over(&self) -> Option<StopReason> {
        (self.seen.over && self.seen.bad > self.patience).then(|| self.reason())
    }

    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        let metric = event.record.get(self.metric()).unwrap_or(f64::NAN);
        let epoch = event.record.epoch + u64::from(!event.ends_epoch);
        match self.check_in(epoch, metric) {
            Verdict::Best | Verdict::Wait => Control::Continue,
            Verdict::Stop => Control::Stop(self.reason()),
        }
    }

    fn on_end(&mut self, run: &mut Run<F>) {
        if self.restore_best && run.best.value.is_finite() {
            run.params.clone_from(&run.best.params);
        }
    }

    fn save(&self, memo: &mut Memo) {
        Watch::save(self.watch.as_ref(), memo);
        memo.put("epochs", [self.seen.epochs]);
        memo.put("best", Vec::from_iter(self.seen.best));
        memo.put("bad", [self.seen.bad]);
        memo.put("over", [u64::from(self.seen.over)]);
    }

    /// What was seen of another metric is refused.
    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        Watch::agree(self.watch.as_ref(), memo, "EarlyStopping")?;
        self.seen = Seen {
            epochs: memo.count("epochs")?,
            best: memo.numbers("best")?.first().copied(),
            bad: memo.count("bad")?,
            over: memo.count("over")? != 0,
        };
        Ok(())
    }
}
