//! One run of the loop.

use std::{ops::ControlFlow, time::Instant};

use super::{Best, EpochEvent, Goal, Record, Run, StepEvent, StopReason, Trainer, Watch};
use crate::{
    Error, Gradient, Objective, Params, Scalar,
    data::Sampler,
    loss::Reduction,
    optim::{Rates, State},
    schedule::{LrSchedule, Progress},
};

/// Where an epoch is one step of a function, the history is thinned to fewer records than this.
const THINNED: usize = 4096;

pub(super) struct Loop<'a, F: Scalar, O> {
    trainer: Trainer<'a, F>,
    objective: O,
    schedule: Box<dyn LrSchedule + 'a>,
    sampler: Sampler,
    metrics: Vec<String>,
    state: State<F>,
    gradient: Gradient<F>,
    params: Params<F>,
    best: Best<F>,
    history: Vec<Record>,
    /// Every so many epochs one is recorded; grows only for functions.
    stride: u64,
    started: Instant,
    step: u64,
    epoch: u64,
    stop: StopReason,
}

/// The loss of an epoch so far.
#[derive(Default)]
struct EpochLoss {
    sum: f64,
    weight: f64,
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
        state: State<F>,
        gradient: Gradient<F>,
        params: Params<F>,
    ) -> Self {
        let worst = trainer.best_by.as_ref().map_or(Goal::Lowest, Watch::goal).worst();
        let best = Best {
            params: params.clone(),
            value: worst,
            step: 0,
        };
        Self {
            trainer,
            objective,
            schedule,
            sampler,
            metrics,
            state,
            gradient,
            params,
            best,
            history: Vec::new(),
            stride: 1,
            started: Instant::now(),
            step: 0,
            epoch: 0,
            stop: StopReason::Finished,
        }
    }

    /// Runs to the end, whatever that is.
    pub(super) fn drive(&mut self) -> Result<(), Error> {
        let end = self.trainer.epochs.unwrap_or(u64::MAX);
        while self.epoch < end {
            match self.epoch()? {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(stop) => {
                    self.stop = stop;
                    break;
                }
            }
        }
        self.settle()
    }

    /// Whether the value of a step is that of the whole objective, so that every point has an exact one.
    fn exact(&self) -> bool {
        self.sampler.steps_per_epoch() == 1
            && self.trainer.best_by.is_none()
            && !self.objective.has_validation()
    }

    fn epoch(&mut self) -> Result<ControlFlow<StopReason>, Error> {
        self.sampler.start_epoch(self.epoch);
        let exact = self.exact();
        let mut loss = EpochLoss::default();
        let mut rates = Rates::from(0.0);
        let steps = self.sampler.steps_per_epoch();
        let progress = |step| Progress {
            step,
            steps_per_epoch: steps as u64,
        };
        for number in 0..steps {
            if let Some(stop) = self.out_of_budget() {
                return Ok(ControlFlow::Break(stop));
            }
            let now = progress(self.step);
            rates = Rates {
                momentum: self.schedule.momentum(&now),
                ..self.schedule.rate(&now).into()
            };
            let batch = self.sampler.batch(number);
            let value = self
                .objective
                .value_and_gradient(&self.params, &batch, &mut self.gradient)?;
            if let Some(what) = self.non_finite(value) {
                return Ok(ControlFlow::Break(StopReason::NonFinite {
                    what,
                    step: self.step,
                }));
            }
            let weight = self.objective.weight(&batch);
            loss.add(value.to_f64_exact(), weight, self.objective.reduction());
            if exact {
                self.keep_if_best(value.to_f64_exact(), Goal::Lowest);
            }
            let weights = self.params.as_mut_slice();
            self.trainer
                .optimizer
                .step(&mut self.state, weights, self.gradient.as_slice(), rates)?;
            self.step += 1;
            if !self.trainer.callbacks.is_empty() {
                let event = StepEvent {
                    step: self.step,
                    steps_per_epoch: steps as u64,
                    loss: value,
                    gradient: &self.gradient,
                    params: &self.params,
                    rates,
                };
                for callback in &mut self.trainer.callbacks {
                    if let ControlFlow::Break(reason) = callback.on_step(&event) {
                        return Ok(ControlFlow::Break(StopReason::Callback(reason)));
                    }
                }
            }
        }
        self.epoch += 1;
        self.close_epoch(loss.value(self.objective.reduction()), rates, exact)
    }

    fn out_of_budget(&self) -> Option<StopReason> {
        if self.trainer.steps.is_some_and(|steps| self.step >= steps) {
            return Some(StopReason::Finished);
        }
        // The clock is read only where there is a limit.
        let limit = self.trainer.time_limit?;
        (self.started.elapsed() >= limit).then_some(StopReason::TimeLimit)
    }

    fn non_finite(&self, value: F) -> Option<&'static str> {
        if !value.is_finite() {
            return Some("loss");
        }
        (!self.gradient.is_finite()).then_some("gradient")
    }

    fn keep_if_best(&mut self, value: f64, goal: Goal) -> bool {
        let better = goal.better(value, self.best.value);
        if better {
            self.best.value = value;
            self.best.step = self.step;
            self.best
                .params
                .as_mut_slice()
                .copy_from_slice(self.params.as_slice());
        }
        better
    }

    /// Evaluates, records, and tells whoever listens.
    fn close_epoch(
        &mut self,
        loss: f64,
        rates: Rates,
        exact: bool,
    ) -> Result<ControlFlow<StopReason>, Error> {
        // A function's epoch is one step: without a listener most of them go unrecorded.
        let is_function = self.objective.terms() == 1;
        let listens = self.schedule.follows_metric() || !self.trainer.callbacks.is_empty();
        if is_function && !listens && !self.epoch.is_multiple_of(self.stride) {
            return Ok(ControlFlow::Continue(()));
        }
        let mut record = Record {
            epoch: self.epoch,
            step: self.step,
            loss,
            validation_loss: None,
            metrics: self.metrics.iter().map(|name| (name.clone(), f64::NAN)).collect(),
            learning_rate: rates.learning_rate,
            momentum: rates.momentum,
            seconds: self.started.elapsed().as_secs_f64(),
        };
        self.objective.evaluate(&self.params, &mut record)?;
        let is_best = match &self.trainer.best_by {
            Some(watch) => {
                let goal = watch.goal();
                let value = record.get(watch.name()).unwrap_or(f64::NAN);
                self.keep_if_best(value, goal)
            }
            None if exact => false,
            None => self.keep_if_best(record.validation_loss.unwrap_or(loss), Goal::Lowest),
        };
        self.schedule.observe(&record);
        let event = EpochEvent {
            record: &record,
            params: &self.params,
            is_best,
            epochs: self.trainer.epochs,
        };
        let mut flow = ControlFlow::Continue(());
        for callback in &mut self.trainer.callbacks {
            if let ControlFlow::Break(reason) = callback.on_epoch(&event) {
                flow = ControlFlow::Break(StopReason::Callback(reason));
                break;
            }
        }
        if self.epoch.is_multiple_of(self.stride) {
            self.history.push(record);
        }
        if is_function && self.history.len() >= THINNED {
            self.stride *= 2;
            let stride = self.stride;
            self.history.retain(|record| record.epoch.is_multiple_of(stride));
        }
        Ok(flow)
    }

    /// Where every point has an exact value, the last one gets its own; and after a failure the parameters are good.
    fn settle(&mut self) -> Result<(), Error> {
        if !self.params.is_finite() {
            self.params.clone_from(&self.best.params);
        } else if self.exact() && !matches!(self.stop, StopReason::NonFinite { .. }) {
            let value = self.objective.value_and_gradient(
                &self.params,
                &self.sampler.batch(0),
                &mut self.gradient,
            )?;
            self.keep_if_best(value.to_f64_exact(), Goal::Lowest);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Run<F> {
        let run = Run {
            params: self.params,
            best: self.best,
            history: self.history,
            stop: self.stop,
            steps: self.step,
            epochs: self.epoch,
        };
        for callback in &mut self.trainer.callbacks {
            callback.on_end(&run);
        }
        run
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
