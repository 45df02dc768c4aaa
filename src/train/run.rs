//! One run of the loop.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use super::{
    Best, EpochStartEvent, Goal, History, StartEvent, StepEvent, StopReason, Trainer, Watch,
    callback::Answers,
    non_finite::{Mishaps, Remedy},
    update::{Seen, Update},
};
#[cfg(feature = "checkpoint")]
use super::{Resumed, checkpoint::Writer};
#[cfg(feature = "checkpoint")]
use crate::schedule::Span;
use crate::{
    Error, Objective, Params, Scalar,
    data::Sampler,
    loss::Reduction,
    optim::{Rates, State},
    schedule::{LrSchedule, Progress},
};

pub(super) struct Loop<'a, F: Scalar, O> {
    pub(super) trainer: Trainer<'a, F>,
    pub(super) objective: O,
    pub(super) schedule: Box<dyn LrSchedule + 'a>,
    pub(super) sampler: Sampler,
    pub(super) metrics: Vec<String>,
    pub(super) best_by: Watch,
    /// Whether the value of a step is that of the whole objective, so that every point has an exact one.
    pub(super) exact: bool,
    pub(super) state: State<F>,
    pub(super) update: Update<'a, F>,
    pub(super) params: Params<F>,
    /// What is evaluated in their place.
    pub(super) averaged: Option<Params<F>>,
    pub(super) best: Best<F>,
    pub(super) history: History,
    /// Every so many epochs one is recorded; grows only for functions.
    pub(super) stride: u64,
    pub(super) started: Instant,
    /// The time that was used before, where the run was continued.
    pub(super) used: Duration,
    pub(super) step: u64,
    pub(super) epoch: u64,
    pub(super) within: Within,
    /// By what callbacks and mishaps have multiplied the learning rate.
    pub(super) rate_scale: f64,
    pub(super) mishaps: Mishaps,
    pub(super) stop: StopReason,
    #[cfg(feature = "checkpoint")]
    pub(super) resumed: Option<Resumed>,
    #[cfg(feature = "checkpoint")]
    pub(super) writer: Option<Writer<F>>,
}

/// Where a run stands within its epoch.
pub(super) struct Within {
    /// The number of steps of this epoch that have been made.
    pub(super) updates: usize,
    pub(super) loss: EpochLoss,
    /// What was in force at the last of them.
    pub(super) rates: Rates,
}

impl Default for Within {
    fn default() -> Self {
        Self {
            updates: 0,
            loss: EpochLoss::default(),
            rates: Rates::from(0.0),
        }
    }
}

/// The loss of an epoch so far.
#[derive(Default)]
pub(super) struct EpochLoss {
    pub(super) sum: f64,
    pub(super) weight: f64,
}

impl<'a, F: Scalar, O: Objective<F>> Loop<'a, F, O> {
    #[allow(
        clippy::too_many_arguments,
        reason = "called once, with the parts that `minimize` has checked"
    )]
    pub(super) fn new(
        trainer: Trainer<'a, F>,
        objective: O,
        schedule: Box<dyn LrSchedule + 'a>,
        sampler: Sampler,
        metrics: Vec<String>,
        best_by: Watch,
        state: State<F>,
        update: Update<'a, F>,
        params: Params<F>,
    ) -> Self {
        let best = Best {
            params: params.clone(),
            value: best_by.goal().worst(),
            step: 0,
        };
        let exact =
            sampler.steps_per_epoch() == 1 && !objective.is_stream() && best_by == Watch::lowest("loss");
        let averages = update.average.is_some() || trainer.optimizer.averages();
        Self {
            averaged: averages.then(|| params.clone()),
            trainer,
            objective,
            schedule,
            sampler,
            metrics,
            best_by,
            exact,
            state,
            update,
            params,
            best,
            history: History::default(),
            stride: 1,
            started: Instant::now(),
            used: Duration::ZERO,
            step: 0,
            epoch: 0,
            within: Within::default(),
            rate_scale: 1.0,
            mishaps: Mishaps::default(),
            stop: StopReason::Finished,
            #[cfg(feature = "checkpoint")]
            resumed: None,
            #[cfg(feature = "checkpoint")]
            writer: None,
        }
    }

    /// Tells the callbacks that it begins.
    pub(super) fn start(&mut self) -> Result<(), Error> {
        let event = StartEvent {
            optimizer: self.trainer.optimizer.name(),
            schedule: &self.schedule.kind(),
            seed: self.trainer.seed,
            params: &self.params,
            step: self.step,
            epoch: self.epoch,
            steps_per_epoch: self.update.steps_per_epoch(&self.sampler) as u64,
            batch_rows: self.sampler.batch_rows(),
            epochs: self.trainer.epochs,
            steps: self.trainer.steps,
            best_by: &self.best_by,
        };
        let mut callbacks = self.trainer.callbacks.iter_mut();
        callbacks.try_for_each(|callback| callback.on_start(&event))
    }

    /// Runs to the end, whatever that is.
    pub(super) fn drive(&mut self) -> Result<(), Error> {
        let end = self.trainer.epochs.unwrap_or(u64::MAX);
        while self.epoch < end {
            let flow = match self.unrecorded(end) {
                0 => self.epoch()?,
                epochs => self.pass_by(epochs)?,
            };
            if let ControlFlow::Break(stop) = flow {
                self.stop = stop;
                break;
            }
        }
        #[cfg(feature = "checkpoint")]
        self.last_checkpoint();
        self.settle()
    }

    /// What is left of the epoch.
    fn epoch(&mut self) -> Result<ControlFlow<StopReason>, Error> {
        self.sampler.start_epoch(self.epoch);
        self.objective.start_epoch(self.epoch);
        // A run that ends here has not begun the epoch: it would begin it twice when it is continued.
        if let Some(stop) = self.out_of_budget() {
            return Ok(ControlFlow::Break(stop));
        }
        if !self.trainer.callbacks.is_empty()
            && self.within.updates == 0
            && let Some(stop) = self.tell_of_epoch()
        {
            return Ok(ControlFlow::Break(stop));
        }
        let steps = self.update.steps_per_epoch(&self.sampler);
        while self.within.updates < steps {
            if let Some(stop) = self.out_of_budget() {
                return Ok(ControlFlow::Break(stop));
            }
            if let Some(stop) = self.update(steps as u64)? {
                return Ok(ControlFlow::Break(stop));
            }
        }
        self.epoch += 1;
        let Within { loss, rates, .. } = std::mem::take(&mut self.within);
        let flow = self.close_epoch(loss.value(self.objective.reduction()), rates)?;
        #[cfg(feature = "checkpoint")]
        self.checkpoint_if_due(Span::Epochs(self.epoch));
        Ok(flow)
    }

    /// One update of this epoch, or none if it is not finite and such are passed over.
    #[inline]
    pub(super) fn update(&mut self, steps_per_epoch: u64) -> Result<Option<StopReason>, Error> {
        if self.state.is_catching_up() {
            let batch = self.sampler.batch(self.within.updates);
            self.objective.touch(&batch, &mut self.update.gradient);
            let weights = self.params.as_mut_slice();
            self.trainer
                .optimizer
                .catch_up(&mut self.state, weights, Some(&self.update.gradient))?;
        }
        let seen = match self.update.look(
            &mut self.objective,
            &self.sampler,
            &mut self.params,
            self.within.updates,
            self.step + 1,
        )? {
            Ok(seen) => seen,
            Err(what) => match self.mend(what)? {
                Some(stop) => return Ok(Some(stop)),
                None => {
                    self.within.rates = self.rates(steps_per_epoch, 1.0);
                    self.within.updates += 1;
                    self.step += 1;
                    #[cfg(feature = "checkpoint")]
                    self.checkpoint_if_due(Span::Steps(self.step));
                    return Ok(None);
                }
            },
        };
        if self.exact {
            self.keep_if_best(seen.value, Goal::Lowest);
        }
        let rates = self.rates(steps_per_epoch, seen.scale);
        let (weights, gradient) = (self.params.as_mut_slice(), &self.update.gradient);
        self.trainer
            .optimizer
            .step_touched(&mut self.state, weights, gradient, rates)?;
        self.update.follow(&mut self.params, rates.learning_rate)?;
        self.step += 1;
        let reduction = self.objective.reduction();
        self.within.loss.add(seen.value, seen.weight, reduction);
        self.within.rates = rates;
        self.within.updates += 1;
        if !self.trainer.callbacks.is_empty()
            && let Some(stop) = self.tell(&seen, rates, steps_per_epoch)
        {
            return Ok(Some(stop));
        }
        #[cfg(feature = "checkpoint")]
        self.checkpoint_if_due(Span::Steps(self.step));
        Ok(None)
    }

    /// The time used so far, before it was continued included.
    pub(super) fn elapsed(&self) -> Duration {
        self.used + self.started.elapsed()
    }

    #[inline]
    pub(super) fn out_of_budget(&self) -> Option<StopReason> {
        if self.trainer.steps.is_some_and(|steps| self.step >= steps) {
            return Some(StopReason::Finished);
        }
        if matches!(&self.trainer.interrupt, Some(Ok(interrupt)) if interrupt.is_raised()) {
            return Some(StopReason::Interrupted);
        }
        // The clock is read only where there is a limit.
        let limit = self.trainer.time_limit?;
        (self.elapsed() >= limit).then_some(StopReason::TimeLimit)
    }

    /// What is in force at the update that is about to be made.
    #[inline]
    fn rates(&mut self, steps_per_epoch: u64, gradient_scale: f64) -> Rates {
        let now = Progress {
            step: self.step,
            steps_per_epoch,
        };
        let learning_rate = self.rate_scale * self.schedule.rate(&now);
        let mut rates = Rates::from(learning_rate).gradient_scale(gradient_scale);
        rates.momentum = self.schedule.momentum(&now);
        self.trainer.hyperparameters.set(&mut rates, &now);
        rates
    }

    /// Tells the callbacks of an update.
    fn tell(&mut self, seen: &Seen, rates: Rates, steps_per_epoch: u64) -> Option<StopReason> {
        let event = StepEvent {
            step: self.step,
            steps_per_epoch,
            loss: F::of(seen.value),
            gradient: &self.update.gradient,
            gradient_norm: seen.norm,
            params: &self.params,
            rates,
        };
        let mut answers = Answers::new(self.rate_scale);
        for callback in &mut self.trainer.callbacks {
            answers.hear(callback.on_step(&event));
        }
        self.rate_scale = answers.scale;
        answers.stop
    }

    /// Tells the callbacks that an epoch begins.
    fn tell_of_epoch(&mut self) -> Option<StopReason> {
        let event = EpochStartEvent {
            epoch: self.epoch,
            params: &self.params,
        };
        let mut answers = Answers::new(self.rate_scale);
        for callback in &mut self.trainer.callbacks {
            answers.hear(callback.on_epoch_start(&event));
        }
        self.rate_scale = answers.scale;
        answers.stop
    }

    /// What is to be done about a step that is not finite: the run ends, or the step goes by without an update.
    #[cold]
    fn mend(&mut self, what: &'static str) -> Result<Option<StopReason>, Error> {
        match self.mishaps.meet(self.trainer.non_finite, self.step + 1) {
            Remedy::Stop => {
                let step = self.step;
                return Ok(Some(StopReason::NonFinite { what, step }));
            }
            Remedy::Skip => {}
            Remedy::Back(factor) => {
                self.rate_scale *= factor;
                self.params.clone_from(&self.best.params);
                let layout = self.params.layout();
                let fresh = State::new(&*self.trainer.optimizer, layout, &self.trainer.groups)?;
                self.state = if self.state.is_catching_up() {
                    fresh.catching_up()
                } else {
                    fresh
                };
                self.update.restart(&self.params)?;
            }
        }
        Ok(None)
    }

    pub(super) fn keep_if_best(&mut self, value: f64, goal: Goal) -> bool {
        let better = goal.better(value, self.best.value);
        if better {
            self.best.value = value;
            self.best.step = self.step;
            let point = match &self.averaged {
                Some(average) if !self.exact => average,
                _ => &self.params,
            };
            self.best.params.as_mut_slice().copy_from_slice(point.as_slice());
        }
        better
    }
}

impl EpochLoss {
    fn add(&mut self, value: f64, weight: f64, reduction: Reduction) {
        match reduction {
            Reduction::Mean => self.sum += value * weight,
            Reduction::Sum => self.sum += value,
        }
        self.weight += weight;
    }

    fn value(&self, reduction: Reduction) -> f64 {
        match reduction {
            Reduction::Mean => self.sum / self.weight,
            Reduction::Sum => self.sum,
        }
    }
}
