//! The loop.

mod callback;
#[cfg(feature = "progress")]
mod progress;
mod record;
mod run;

pub use callback::{Callback, EpochEvent, StepEvent};
pub use record::{Best, Goal, Record, Run, StopReason, Watch};

use std::{ops::ControlFlow, time::Duration};

use rand::{SeedableRng, rngs::ChaCha12Rng};

use crate::{
    Dataset, EmpiricalRisk, Error, Gradient, Group, Loss, Model, Objective, Optimizer, Params, Scalar,
    data::{BatchSize, Order, Sampler, Samples},
    error::check,
    model::check_layout,
    optim::State,
    schedule::LrSchedule,
};

/// How many rows a batch has where neither the optimiser nor the user says.
const DEFAULT_BATCH: usize = 32;

/// Drives an optimiser over an objective. Built once, run once.
///
/// | setting | default |
/// |---|---|
/// | [`learning_rate`](Trainer::learning_rate) | the optimiser's own |
/// | [`epochs`](Trainer::epochs), [`steps`](Trainer::steps), [`time_limit`](Trainer::time_limit) | none; at least one must be given |
/// | [`batch`](Trainer::batch) | the optimiser's own, or 32 |
/// | [`order`](Trainer::order) | shuffled anew every epoch |
/// | [`seed`](Trainer::seed) | 0 |
///
/// The same seed gives the same bits.
///
/// ```
/// use downhill::{Dataset, Trainer, loss::MeanSquaredError, model::Linear, optim::Momentum, schedule::{Span, StepDecay}};
/// use ndarray::array;
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
    optimizer: Box<dyn Optimizer<F> + 'a>,
    schedule: Option<Box<dyn LrSchedule + 'a>>,
    epochs: Option<u64>,
    steps: Option<u64>,
    time_limit: Option<Duration>,
    batch: Option<BatchSize>,
    order: Order,
    drop_last: bool,
    seed: u64,
    groups: Vec<Group>,
    start: Option<Params<F>>,
    best_by: Option<Watch>,
    callbacks: Vec<Box<dyn Callback<F> + 'a>>,
}

impl<F: Scalar> std::fmt::Debug for Trainer<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("optimizer", &self.optimizer.name())
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
            callbacks: Vec::new(),
        }
    }

    /// Sets the learning rate: a number, or any schedule.
    pub fn learning_rate(mut self, schedule: impl LrSchedule + 'a) -> Self {
        self.schedule = Some(Box::new(schedule));
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

    /// Ends at the first update after this time.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Sets the size of a batch: a number of rows, or a [`BatchSize`].
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

    /// Sets the seed of everything random: the first parameters and the order of the rows.
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

    /// Adds a callback.
    pub fn callback(mut self, callback: impl Callback<F> + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Calls a closure after every update.
    pub fn on_step(self, closure: impl FnMut(&StepEvent<'_, F>) -> ControlFlow<String> + 'a) -> Self {
        self.callback(callback::OnStep(closure))
    }

    /// Calls a closure after every epoch.
    pub fn on_epoch(self, closure: impl FnMut(&EpochEvent<'_, F>) -> ControlFlow<String> + 'a) -> Self {
        self.callback(callback::OnEpoch(closure))
    }

    /// Shows a progress bar on standard error, if that is a terminal.
    #[cfg(feature = "progress")]
    pub fn progress_bar(self) -> Self {
        self.callback(progress::Progress::new())
    }

    /// Trains a model on data: minimises their [`EmpiricalRisk`].
    ///
    /// # Errors
    /// As [`Trainer::minimize`].
    pub fn fit<X: Samples, Y: Samples, M: Model<F, X>, L: Loss<F, Y>>(
        self,
        model: &M,
        loss: &L,
        data: &Dataset<'_, F, X, Y>,
    ) -> Result<Run<F>, Error> {
        self.minimize(EmpiricalRisk::new(model, loss, data))
    }

    /// Minimises an objective.
    ///
    /// # Errors
    /// Before the first step, whatever is illegal or does not fit: settings, shapes, labels, names. Afterwards only
    /// what the objective itself reports; a loss that is not finite is a [`StopReason`], not an error.
    pub fn minimize<O: Objective<F>>(mut self, mut objective: O) -> Result<Run<F>, Error> {
        let endless = self.epochs.is_none() && self.steps.is_none() && self.time_limit.is_none();
        check::require(
            !endless,
            "epochs, steps and time_limit",
            "not given",
            "given, at least one of them",
        )?;
        for (argument, length) in [("epochs", self.epochs), ("steps", self.steps)] {
            check::require(length != Some(0), argument, 0, "at least 1")?;
        }
        let sampler = Sampler::new(
            objective.terms(),
            self.batch_size()?,
            self.order,
            self.drop_last,
            self.seed,
        )?;
        let metrics = objective.metrics();
        let has_validation = objective.has_validation();
        let schedule = self
            .schedule
            .take()
            .unwrap_or_else(|| Box::new(self.optimizer.default_rate()));
        schedule.validate()?;
        for name in [schedule.watches(), self.best_by.as_ref().map(Watch::name)]
            .into_iter()
            .flatten()
        {
            Watch::check(name, &metrics, has_validation)?;
        }
        objective.prepare(sampler.batch_rows())?;
        let start = objective.start(&mut ChaCha12Rng::seed_from_u64(self.seed));
        let params = match self.start.take() {
            Some(params) => {
                check_layout("start_from", params.layout(), start.layout())?;
                params
            }
            None => start,
        };
        if !params.is_finite() {
            let position = params.as_slice().iter().position(|x| !x.is_finite()).unwrap_or(0);
            let given = params.as_slice()[position].to_f64_exact();
            return Err(Error::NotFinite {
                argument: "the parameters to start from".into(),
                position,
                given,
            });
        }
        let state = State::new(&*self.optimizer, params.layout(), &self.groups)?;
        let gradient = Gradient::zeros(params.layout());
        let mut run = run::Loop::new(
            self, objective, schedule, sampler, metrics, state, gradient, params,
        );
        run.drive()?;
        Ok(run.finish())
    }

    /// The batch of the optimiser that is defined by one; else what the user says; else the default.
    fn batch_size(&self) -> Result<BatchSize, Error> {
        match (self.optimizer.batch(), self.batch) {
            (Some(own), Some(given)) if own != given => Err(Error::invalid(
                "batch",
                format!("{given:?}"),
                format!(
                    "left to the optimiser {:?}, which is defined by {own:?}",
                    self.optimizer.name()
                ),
            )),
            (Some(size), _) | (None, Some(size)) => Ok(size),
            (None, None) => Ok(BatchSize::Mini(DEFAULT_BATCH)),
        }
    }
}
