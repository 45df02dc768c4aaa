//! What can be set of a run.

use std::time::Duration;

#[cfg(feature = "progress")]
use super::ProgressBar;
#[cfg(feature = "checkpoint")]
use super::checkpoint;
use super::{
    Average, Callback, Constraint, Control, EpochEvent, EvaluationEvent, Interrupt, NonFinite, StartEvent,
    StepEvent, Watch, closure, hyperparameters::Hyperparameters, update,
};
use crate::{
    Error, Group, Optimizer, Params, Scalar,
    data::{BatchSize, Order},
    optim::{Hyperparameter, Lazy},
    schedule::{LrSchedule, Span},
    transform::{ClipNorm, GradientTransform},
};

/// Drives an optimiser over an objective. Built once, run once.
///
/// | setting | default |
/// |---|---|
/// | [`learning_rate`](Trainer::learning_rate) | the optimiser's own |
/// | [`epochs`](Trainer::epochs), [`steps`](Trainer::steps), [`time_limit`](Trainer::time_limit) | none; at least one must be given |
/// | [`batch`](Trainer::batch) | the optimiser's own, or 32 |
/// | [`order`](Trainer::order) | shuffled anew every epoch |
/// | [`seed`](Trainer::seed) | 0 |
/// | [`evaluate_every`](Trainer::evaluate_every) | each epoch |
///
/// The same seed gives the same bits.
///
/// ```
/// use downhill::{Dataset, Trainer, loss::MeanSquaredError, model::Linear, optim::Momentum, schedule::{Span, StepDecay}};
/// use downhill::ndarray::array;
///
/// let (inputs, targets) = (array![[0.0], [1.0], [2.0], [3.0]], array![1.0, 3.0, 5.0, 7.0]);
/// let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets)?;
/// let run = Trainer::new(Momentum::new(0.9))
///     .learning_rate(StepDecay::new(0.05, Span::Epochs(100)).factor(0.5))
///     .batch(2)
///     .epochs(300)
///     .seed(7)
///     .fit(&Linear::new(1, 1)?, &MeanSquaredError, &data)?;
/// assert!(run.best.value < 1e-10);
/// assert_eq!(run.history.len(), 300);
/// # Ok::<(), downhill::Error>(())
/// ```
#[must_use]
pub struct Trainer<'a, F: Scalar> {
    pub(super) optimizer: Box<dyn Optimizer<F> + 'a>,
    pub(super) schedule: Option<Box<dyn LrSchedule + 'a>>,
    pub(super) epochs: Option<u64>,
    pub(super) steps: Option<u64>,
    pub(super) time_limit: Option<Duration>,
    pub(super) batch: Option<BatchSize>,
    pub(super) order: Order,
    pub(super) drop_last: bool,
    pub(super) seed: u64,
    pub(super) groups: Vec<Group>,
    pub(super) start: Option<Params<F>>,
    pub(super) best_by: Option<Watch>,
    pub(super) evaluate_every: Span,
    pub(super) non_finite: NonFinite,
    pub(super) callbacks: Vec<Box<dyn Callback<F> + 'a>>,
    pub(super) hyperparameters: Hyperparameters<'a>,
    pub(super) update: update::Settings<'a, F>,
    pub(super) lazy: Lazy,
    pub(super) interrupt: Option<Result<Interrupt, Error>>,
    #[cfg(feature = "checkpoint")]
    pub(super) checkpoint: checkpoint::Plan,
}

impl<F: Scalar> std::fmt::Debug for Trainer<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("optimizer", &self.optimizer)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl<'a, F: Scalar> Trainer<'a, F> {
    /// With an optimiser, and the defaults of the table.
    pub fn new(optimizer: impl Optimizer<F> + 'a) -> Self {
        Self {
            optimizer: Box::new(optimizer),
            schedule: None,
            epochs: None,
            steps: None,
            time_limit: None,
            batch: None,
            order: Order::default(),
            drop_last: false,
            seed: 0,
            groups: Vec::new(),
            start: None,
            best_by: None,
            evaluate_every: Span::Epochs(1),
            non_finite: NonFinite::default(),
            callbacks: Vec::new(),
            hyperparameters: Hyperparameters::default(),
            update: update::Settings::default(),
            lazy: Lazy::default(),
            interrupt: None,
            #[cfg(feature = "checkpoint")]
            checkpoint: checkpoint::Plan::default(),
        }
    }

    /// The same without its length and whoever watches it, for a short trial.
    pub(crate) fn bare(mut self) -> Self {
        (self.epochs, self.steps, self.time_limit) = (None, None, None);
        self.non_finite = NonFinite::Stop;
        self.callbacks.clear();
        #[cfg(feature = "checkpoint")]
        {
            self.checkpoint = checkpoint::Plan::default();
        }
        self
    }

    /// Sets the learning rate: a number, or any schedule.
    pub fn learning_rate(mut self, schedule: impl LrSchedule + 'a) -> Self {
        self.schedule = Some(Box::new(schedule));
        self
    }

    /// Sets the momentum (in the Adam family: `beta1`) by a schedule, in place of the optimiser's and of that which the
    /// learning-rate schedule sets. An optimiser that has none is refused, as with the two that follow.
    pub fn momentum(mut self, schedule: impl LrSchedule + 'a) -> Self {
        self.hyperparameters.put(Hyperparameter::Momentum, schedule);
        self
    }

    /// Sets `beta2` of the Adam family by a schedule.
    pub fn beta2(mut self, schedule: impl LrSchedule + 'a) -> Self {
        self.hyperparameters.put(Hyperparameter::Beta2, schedule);
        self
    }

    /// Sets the strength of the weight decay by a schedule: that which stands around the optimiser
    /// (`Adam::new().decoupled_weight_decay(0.0)` makes room for one), or its own.
    pub fn weight_decay(mut self, schedule: impl LrSchedule + 'a) -> Self {
        self.hyperparameters.put(Hyperparameter::WeightDecay, schedule);
        self
    }

    /// Adds up the gradients of so many batches for each update, at least 1. Default: 1.
    ///
    /// Equal to one batch of all their rows. The last window of an epoch may hold fewer; it is divided by what it holds.
    /// Steps and schedules count updates.
    pub fn accumulate(mut self, batches: usize) -> Self {
        self.update.accumulate = batches;
        self
    }

    /// Scales gradients down to a norm, over all parameters together: a number, or a [`ClipNorm`].
    pub fn clip_norm(mut self, clip: impl Into<ClipNorm>) -> Self {
        self.update.clip = Some(clip.into());
        self
    }

    /// Adds a transform of the gradient; they are applied in this order, before [`Trainer::clip_norm`].
    pub fn transform(mut self, transform: impl GradientTransform<F> + 'a) -> Self {
        self.update.transforms.push(Box::new(transform));
        self
    }

    /// Sharpness-aware minimisation: each step follows the gradient at `θ + ρ g / ‖g‖`, at the price of a second gradient.
    ///
    /// `radius` is ρ, above 0; the paper's is 0.05. Source: P. Foret et al., arXiv 2010.01412 (2021).
    pub fn sharpness_aware(mut self, radius: f64) -> Self {
        self.update.sharpness = Some(radius);
        self
    }

    /// Keeps the tensors whose names match a pattern (as in [`Group`]) in a set, or penalises them, after each step. Frozen
    /// tensors stay as they are.
    pub fn constrain(mut self, pattern: impl Into<String>, constraint: Constraint) -> Self {
        self.update.constraints.push((pattern.into(), constraint));
        self
    }

    /// How weights are treated in the steps that do not touch them, where inputs are sparse. Default: [`Lazy::Exact`].
    ///
    /// A step then costs as much as the batch has entries, and what these weights have missed. That is little (a power for any
    /// number of steps) for plain descent, Adagrad and RMSProp, for momentum and Adam once a weight has come to rest, and for a
    /// decay at a constant learning rate. Every missed step costs an evaluation of its own where a decay meets a rate
    /// that changes at each step, or a rule that keeps moving (AdamW, NAdam): there a rate that changes by epochs, or
    /// [`Lazy::Touched`], is quicker. In between, a callback may see weights that have steps to catch up
    /// on; at every evaluation, at the end of every epoch and of the run there are none. An average, a constraint, a transform
    /// of the gradient, accumulation, a sharpness-aware step, a [`Penalized`](crate::objective::Penalized) objective, or an
    /// optimiser that works tensor by tensor needs every weight at every step: with one of those each step is dense, correct
    /// and slower.
    pub fn lazy(mut self, lazy: Lazy) -> Self {
        self.lazy = lazy;
        self
    }

    /// Averages the parameters over the steps; the average is evaluated in their place.
    pub fn average(mut self, average: Average) -> Self {
        self.update.average = Some(average);
        self
    }

    /// Ends after so many passes over the data, at least 1.
    pub fn epochs(mut self, epochs: u64) -> Self {
        self.epochs = Some(epochs);
        self
    }

    /// Ends after so many updates, at least 1, even within an epoch.
    pub fn steps(mut self, steps: u64) -> Self {
        self.steps = Some(steps);
        self
    }

    /// Ends at the first update after this time (where [`Sgd`](crate::optim::Sgd) makes many in one go, after those). What a
    /// resumed run had used before counts.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Sets the size of a batch: a number of rows, or a [`BatchSize`]; an optimiser that is defined by its batch refuses
    /// another. Default: the optimiser's own, or 32.
    pub fn batch(mut self, size: impl Into<BatchSize>) -> Self {
        self.batch = Some(size.into());
        self
    }

    /// Sets the order of the rows in an epoch.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Leaves out the last batch of an epoch where it is short.
    pub fn drop_last(mut self) -> Self {
        self.drop_last = true;
        self
    }

    /// Sets the seed of the first parameters and of the order of the rows. [`Noise`](crate::transform::Noise) and
    /// [`Split`](crate::data::Split) have their own. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds a group of parameters with settings of its own.
    pub fn group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }

    /// Starts from these parameters and not from the objective's.
    pub fn start_from(mut self, params: Params<F>) -> Self {
        self.start = Some(params);
        self
    }

    /// Sets by which metric the best parameters are chosen. Default: the lowest validation loss, or training loss
    /// where there is no validation set.
    pub fn best_by(mut self, watch: Watch) -> Self {
        self.best_by = Some(watch);
        self
    }

    /// Sets what happens when a loss or a gradient is NaN or infinite. Default: the run ends.
    pub fn non_finite(mut self, policy: NonFinite) -> Self {
        self.non_finite = policy;
        self
    }

    /// Adds a callback.
    pub fn callback(mut self, callback: impl Callback<F> + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Calls a closure once, before the first update.
    pub fn on_start(self, closure: impl FnMut(&StartEvent<'_, F>) + 'a) -> Self {
        self.callback(closure::OnStart(closure))
    }

    /// Calls a closure after every update. It returns nothing, or a [`Control`].
    pub fn on_step<R: Into<Control> + 'a>(self, closure: impl FnMut(&StepEvent<'_, F>) -> R + 'a) -> Self {
        self.callback(closure::OnStep(closure))
    }

    /// Calls a closure after every evaluation. It returns nothing, or a [`Control`].
    pub fn on_evaluation<R: Into<Control> + 'a>(
        self,
        closure: impl FnMut(&EvaluationEvent<'_, F>) -> R + 'a,
    ) -> Self {
        self.callback(closure::OnEvaluation(closure))
    }

    /// Calls a closure after every epoch. It returns nothing, or a [`Control`].
    pub fn on_epoch<R: Into<Control> + 'a>(self, closure: impl FnMut(&EpochEvent<'_, F>) -> R + 'a) -> Self {
        self.callback(closure::OnEpoch(closure))
    }

    /// Shows a [`ProgressBar`] on standard error, if that is a terminal.
    #[cfg(feature = "progress")]
    pub fn progress_bar(self) -> Self {
        self.callback(ProgressBar::new())
    }
}
