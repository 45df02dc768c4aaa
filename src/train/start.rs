//! The beginning of a run: everything is checked before the first step.

use rand::{SeedableRng, rngs::ChaCha12Rng};

use super::{Record, Run, Trainer, Watch, run, update::Update};
use crate::{
    Dataset, EmpiricalRisk, Error, Loss, Model, Objective, Scalar,
    data::{BatchSize, Order, Sampler, Samples},
    error::check,
    model::check_layout,
    optim::{Hyperparameter, Lazy, State, Untouched},
    schedule::LrSchedule,
};

/// How many rows a batch has where neither the optimiser nor the user says.
const DEFAULT_BATCH: usize = 32;

impl<F: Scalar> Trainer<'_, F> {
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
    /// Before the first step is made, whatever is illegal or does not fit: settings, shapes, labels, names; and what the
    /// objective itself reports. Afterwards there are no errors, so that no work is lost: what goes wrong then, a loss that is
    /// not finite or data that cannot be read, ends the run with a [`StopReason`](crate::StopReason).
    pub fn minimize<O: Objective<F>>(mut self, mut objective: O) -> Result<Run<F>, Error> {
        if let Some(Err(error)) = self.interrupt.take_if(|interrupt| interrupt.is_err()) {
            return Err(error);
        }
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
        let (size, order) = match self.batch {
            Some(given) if objective.is_stream() => {
                let expected = "left to the stream, whose batches have a size";
                return Err(Error::invalid("batch", format!("{given:?}"), expected));
            }
            None if objective.is_stream() => (BatchSize::Single, Order::Sequential),
            _ => (self.batch_size()?, self.order),
        };
        let sampler = Sampler::new(objective.terms(), size, order, self.drop_last, self.seed)?;
        let settings = std::mem::take(&mut self.update);
        let metrics = objective.metrics();
        Record::check_metrics(&metrics)?;
        let has_validation = objective.has_validation();
        let schedule = self
            .schedule
            .take()
            .unwrap_or_else(|| Box::new(self.optimizer.default_rate()));
        schedule.validate()?;
        self.hyperparameters.validate()?;
        self.evaluate_every.check("evaluate_every")?;
        self.check_read(&*schedule)?;
        self.non_finite.validate()?;
        for callback in &self.callbacks {
            callback.validate()?;
        }
        let best_by = self.best_watch(has_validation)?;
        for name in std::iter::once(&*schedule)
            .chain(self.hyperparameters.schedules())
            .flat_map(|schedule| schedule.watches())
            .chain(self.callbacks.iter().flat_map(|callback| callback.watches()))
            .chain([best_by.name()])
        {
            Watch::check(name, &metrics, has_validation)?;
        }
        objective.prepare(sampler.batch_rows())?;
        let start = objective.start(&mut ChaCha12Rng::seed_from_u64(self.seed));
        let mut params = match self.start.take() {
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
        let mut state = State::new(&*self.optimizer, params.layout(), &self.groups)?;
        let untouched = self.optimizer.untouched();
        let sparse = objective.is_sparse() && settings.is_sparse() && untouched != Untouched::Needed;
        match (untouched, self.lazy) {
            (Untouched::Move | Untouched::MoveFromFirst, Lazy::Exact) if sparse => {
                state = state.catching_up()
            }
            (Untouched::MoveFromFirst, Lazy::Touched) if sparse => {
                let name = self.optimizer.name();
                let expected =
                    format!("Lazy::Exact: the first step of {name:?} begins the memory of every weight");
                return Err(Error::invalid("lazy", "Lazy::Touched", expected));
            }
            _ => {}
        }
        let update = Update::new(settings, &mut params, &state, sparse)?;
        let mut run = run::Loop::new(
            self, objective, schedule, sampler, metrics, best_by, state, update, params,
        );
        #[cfg(feature = "checkpoint")]
        run.begin_checkpoints()?;
        run.start()?;
        run.drive()?;
        Ok(run.finish())
    }

    /// Refuses a schedule of what the optimiser does not have.
    fn check_read(&self, schedule: &dyn LrSchedule) -> Result<(), Error> {
        let momentum = schedule.sets_momentum().then_some(Hyperparameter::Momentum);
        let mut scheduled = self.hyperparameters.scheduled().chain(momentum);
        scheduled.try_for_each(|it| it.check_read(self.optimizer.name(), self.optimizer.reads(it)))
    }

    /// By what the best point is chosen: what the user says or a callback needs; else the default.
    fn best_watch(&self, has_validation: bool) -> Result<Watch, Error> {
        let own = self.best_by.as_ref();
        let mut wanted = own
            .into_iter()
            .chain(self.callbacks.iter().filter_map(|c| c.best_by()));
        let Some(first) = wanted.next() else {
            return Ok(Watch::lowest(if has_validation {
                "validation_loss"
            } else {
                "loss"
            }));
        };
        match wanted.find(|other| *other != first) {
            None => Ok(first.clone()),
            Some(other) => Err(Error::invalid(
                "best_by",
                other.describe(),
                format!("one for all: {}", first.describe()),
            )),
        }
    }

    /// The batch of the optimiser that is defined by one; else what the user says; else the default.
    fn batch_size(&self) -> Result<BatchSize, Error> {
        match (self.optimizer.batch(), self.batch) {
            (Some(own), Some(given)) if own.rows(usize::MAX) != given.rows(usize::MAX) => {
                Err(Error::invalid(
                    "batch",
                    format!("{given:?}"),
                    format!(
                        "left to the optimiser {:?}, which is defined by {own:?}",
                        self.optimizer.name()
                    ),
                ))
            }
            (Some(size), _) | (None, Some(size)) => Ok(size),
            (None, None) => Ok(BatchSize::Mini(DEFAULT_BATCH)),
        }
    }
}
