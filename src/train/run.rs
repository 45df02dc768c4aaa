//! One run of the loop.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use super::{
    Best, EpochStartEvent, History, Record, StartEvent, StopReason, Trainer, Watch, callback::Answers,
    epoch::THINNED, evaluate::Evaluations, non_finite::Mishaps, update::Update,
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
    schedule::LrSchedule,
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
    /// Whether many steps may be made in one go, as far as is known.
    pub(super) descends: bool,
    pub(super) state: State<F>,
    pub(super) update: Update<'a, F>,
    pub(super) params: Params<F>,
    /// What is evaluated in their place.
    pub(super) averaged: Option<Params<F>>,
    pub(super) best: Best<F>,
    pub(super) evaluations: Evaluations,
    pub(super) history: History,
    /// The last record, where the history has none of its step because it is thinned.
    pub(super) unlisted: Option<Record>,
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
    /// What was in force at the last update.
    pub(super) rates: Rates,
    /// The scale at which these rates hold for every step, where they do.
    pub(super) rates_for: f64,
    pub(super) mishaps: Mishaps,
    pub(super) stop: StopReason,
    /// Where weights have steps to catch up on: a place for them as they are when they have, for a checkpoint.
    #[cfg(feature = "checkpoint")]
    pub(super) caught_up: Option<Params<F>>,
    #[cfg(feature = "checkpoint")]
    pub(super) resumed: Option<Resumed>,
    #[cfg(feature = "checkpoint")]
    pub(super) writer: Option<Writer<F>>,
}

/// Where a run stands within its epoch.
#[derive(Default)]
pub(super) struct Within {
    /// Whether the callbacks have been told that it begins.
    pub(super) begun: bool,
    /// The number of steps of this epoch that have been made.
    pub(super) updates: usize,
    pub(super) loss: EpochLoss,
}

/// The loss of an epoch so far.
#[derive(Default)]
pub(super) struct EpochLoss {
    pub(super) sum: f64,
    pub(super) weight: f64,
    /// The weight of the steps that went by without an update.
    pub(super) skipped: f64,
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
            epoch: 0,
        };
        let whole = sampler.steps_per_epoch() == 1 && sampler.batch_rows() >= objective.terms();
        let exact = whole && !objective.is_stream() && best_by == Watch::lowest("loss");
        let averages = update.average.is_some() || trainer.optimizer.averages();
        let single = sampler.batch_rows() == 1 && !exact && !objective.is_stream();
        let mut callbacks = trainer.callbacks.iter();
        let heard = averages || callbacks.any(|it| it.hears_steps()) || !trainer.hyperparameters.is_empty();
        let steps_per_epoch = update.steps_per_epoch(&sampler) as u64;
        let by_steps = trainer.steps.map(|steps| steps.div_ceil(steps_per_epoch));
        let epochs = trainer.epochs.into_iter().chain(by_steps).min().unwrap_or(0);
        let room = epochs.min(THINNED as u64) as usize;
        Self {
            descends: single && !heard && !schedule.follows_metric() && update.is_bare(),
            averaged: averages.then(|| params.clone()),
            evaluations: Evaluations::every(trainer.evaluate_every),
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
            history: History::with_room(room),
            unlisted: None,
            stride: 1,
            started: Instant::now(),
            used: Duration::ZERO,
            step: 0,
            epoch: 0,
            within: Within::default(),
            rate_scale: 1.0,
            rates: Rates::from(0.0),
            rates_for: f64::NAN,
            mishaps: Mishaps::default(),
            stop: StopReason::Finished,
            #[cfg(feature = "checkpoint")]
            caught_up: None,
            #[cfg(feature = "checkpoint")]
            resumed: None,
            #[cfg(feature = "checkpoint")]
            writer: None,
        }
    }

    /// Tells the callbacks that it begins.
    pub(super) fn start(&mut self) -> Result<(), Error> {
        if self.trainer.callbacks.is_empty() {
            return Ok(());
        }
        let event = StartEvent {
            optimizer: self.trainer.optimizer.name(),
            schedule: &self.schedule.kind(),
            settings: &self.describe(),
            seed: self.trainer.seed,
            params: &self.params,
            resumed: self.is_resumed(),
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

    fn is_resumed(&self) -> bool {
        #[cfg(feature = "checkpoint")]
        return self.resumed.is_some();
        #[cfg(not(feature = "checkpoint"))]
        false
    }

    /// Runs to the end, whatever that is. What goes wrong before the first step is an error; afterwards it ends the run, with
    /// all that has been done.
    pub(super) fn drive(&mut self) -> Result<(), Error> {
        let over = self
            .trainer
            .callbacks
            .iter()
            .find_map(|callback| callback.is_over());
        self.stop = match over {
            Some(stop) => stop,
            None => self.epochs()?,
        };
        // What follows a run that goes on does not do, or does at other steps: it is not in the checkpoint.
        #[cfg(feature = "checkpoint")]
        self.last_checkpoint();
        if let Err(error) = self.settle() {
            self.stop = StopReason::Failed(error);
        }
        #[cfg(feature = "checkpoint")]
        self.last_best();
        Ok(())
    }

    /// Epoch after epoch, until one ends the run.
    fn epochs(&mut self) -> Result<StopReason, Error> {
        let end = self.trainer.epochs.unwrap_or(u64::MAX);
        let first = self.step;
        while self.epoch < end {
            let flow = match self.unrecorded(end) {
                0 => self.epoch(),
                epochs => self.pass_by(epochs),
            };
            match flow {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(stop)) => return Ok(stop),
                Err(error) if self.step == first => return Err(error),
                Err(error) => return Ok(StopReason::Failed(error)),
            }
        }
        Ok(StopReason::Finished)
    }

    /// What is left of the epoch.
    fn epoch(&mut self) -> Result<ControlFlow<StopReason>, Error> {
        self.sampler.start_epoch(self.epoch);
        self.objective.start_epoch(self.epoch);
        let steps = self.update.steps_per_epoch(&self.sampler);
        // A run that ends here has not begun the epoch: it would begin it twice when it is continued. One that had made all its
        // steps is closed first.
        if self.within.updates < steps
            && let Some(stop) = self.out_of_budget()
        {
            return Ok(ControlFlow::Break(stop));
        }
        if !self.trainer.callbacks.is_empty()
            && self.within.updates == 0
            && !self.within.begun
            && let Some(stop) = self.tell_of_epoch()
        {
            return Ok(ControlFlow::Break(stop));
        }
        // It was due when the run ended here.
        if self.within.updates > 0
            && self.within.updates < steps
            && let Some(stop) = self.evaluate_if_due()?
        {
            return Ok(ControlFlow::Break(stop));
        }
        while self.within.updates < steps {
            if let Some(stop) = self.out_of_budget() {
                return Ok(ControlFlow::Break(stop));
            }
            let stop = if self.descends && self.descend(steps) {
                self.pause(steps as u64)?
            } else {
                self.advance::<true>(steps as u64)?
            };
            if let Some(stop) = stop {
                return Ok(ControlFlow::Break(stop));
            }
        }
        let flow = self.close_epoch()?;
        #[cfg(feature = "checkpoint")]
        for now in [Span::Steps(self.step), Span::Epochs(self.epoch)] {
            let stop = self.checkpoint_if_due(now);
            if flow.is_continue()
                && let Some(stop) = stop
            {
                return Ok(ControlFlow::Break(stop));
            }
        }
        Ok(flow)
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

    /// Tells the callbacks that an epoch begins.
    fn tell_of_epoch(&mut self) -> Option<StopReason> {
        self.within.begun = true;
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
}

impl EpochLoss {
    pub(super) fn add(&mut self, value: f64, weight: f64, reduction: Reduction) {
        self.sum += match reduction {
            Reduction::Sum => value,
            _ => value * weight,
        };
        self.weight += weight;
    }

    /// The mean; or the sum over the whole epoch, of which this share has been made, so that one can be compared with another.
    pub(super) fn value(&self, reduction: Reduction, share: f64) -> f64 {
        match reduction {
            Reduction::Sum if self.skipped == 0.0 => self.sum / share,
            Reduction::Sum => self.sum * ((self.weight + self.skipped) / self.weight) / share,
            _ => self.sum / self.weight,
        }
    }
}
