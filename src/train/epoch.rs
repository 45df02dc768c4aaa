//! The end of an epoch, and of a run.

use std::ops::ControlFlow;

use super::{
    EpochEvent, Goal, Run, StopReason,
    callback::Answers,
    run::{Loop, Within},
};
use crate::{Error, Objective, Scalar, schedule::LrSchedule};

/// Where an epoch is one step of a function, the history is thinned to fewer records than this.
pub(super) const THINNED: usize = 4096;

impl<F: Scalar, O: Objective<F>> Loop<'_, F, O> {
    /// Evaluates if that is due, records, and tells whoever listens. Where the evaluation fails the epoch stays open, so that a
    /// run that is continued evaluates again.
    pub(super) fn close_epoch(&mut self) -> Result<ControlFlow<StopReason>, Error> {
        self.catch_up()?;
        let epoch = self.epoch + 1;
        if self.is_thinned() && !epoch.is_multiple_of(self.stride) {
            self.turn_page();
            return Ok(ControlFlow::Continue(()));
        }
        let mut record = self.record(epoch);
        let due = self.evaluations.is_due(self.step, epoch);
        if due {
            self.measure(&mut record)?;
        } else if !self.trainer.callbacks.is_empty() {
            self.refresh_average()?;
        }
        self.turn_page();
        let mut answers = Answers::new(self.rate_scale);
        let is_best = due && self.heed(&record, true, &mut answers);
        let event = EpochEvent {
            record: &record,
            params: self.averaged.as_ref().unwrap_or(&self.params),
            is_best,
            epochs: self.trainer.epochs,
        };
        for callback in &mut self.trainer.callbacks {
            answers.hear(callback.on_epoch(&event));
        }
        self.rate_scale = answers.scale;
        if self.epoch.is_multiple_of(self.stride) {
            self.history.push(record);
        } else if self.has_evaluation() {
            self.unlisted = Some(record);
        }
        if self.is_function() && self.history.len() >= THINNED {
            self.stride *= 2;
            let stride = self.stride;
            self.history.retain(|record| record.epoch.is_multiple_of(stride));
        }
        Ok(answers.stop.map_or(ControlFlow::Continue(()), ControlFlow::Break))
    }

    /// The epoch is over.
    fn turn_page(&mut self) {
        self.epoch += 1;
        self.within = Within::default();
    }

    /// Whether the objective is a function: its epoch is one step.
    pub(super) fn is_function(&self) -> bool {
        self.objective.terms() == 1 && !self.objective.is_stream()
    }

    /// Whether most epochs go unrecorded: those of a function to which nobody listens and of which nothing is evaluated.
    fn is_thinned(&self) -> bool {
        let mut schedules = self.trainer.hyperparameters.schedules();
        self.is_function()
            && self.trainer.callbacks.is_empty()
            && !self.has_evaluation()
            && !self.schedule.follows_metric()
            && !schedules.any(LrSchedule::follows_metric)
    }

    /// How many epochs go by, from here on, of which nobody hears: a function's epoch is one step, and only every so many are
    /// recorded.
    pub(super) fn unrecorded(&self, end: u64) -> u64 {
        let heard = self.within.updates > 0 || !self.is_thinned() || self.state.is_catching_up();
        #[cfg(feature = "checkpoint")]
        let heard = heard || self.writer.is_some();
        if heard {
            return 0;
        }
        let recorded = self.epoch / self.stride * self.stride + self.stride;
        recorded.min(end).saturating_sub(self.epoch + 1)
    }

    /// So many epochs of one step, without what surrounds an epoch.
    pub(super) fn pass_by(&mut self, epochs: u64) -> Result<ControlFlow<StopReason>, Error> {
        for _ in 0..epochs {
            self.objective.start_epoch(self.epoch);
            if let Some(stop) = self.out_of_budget() {
                return Ok(ControlFlow::Break(stop));
            }
            if let Some(stop) = self.advance::<false>(1)? {
                return Ok(ControlFlow::Break(stop));
            }
            self.epoch += 1;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// No weight has steps to catch up on; the last point and its average have been judged too; after a failure the parameters
    /// are good.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        self.catch_up()?;
        self.judge(false)?;
        if !self.params.is_finite() {
            self.params.clone_from(&self.best.params);
            self.averaged = None;
        }
        self.refresh_average()?;
        self.judge(true)?;
        self.evaluate_last()
    }

    /// Where every point has an exact value, the last one gets its own.
    fn judge(&mut self, average: bool) -> Result<(), Error> {
        let failed = matches!(self.stop, StopReason::NonFinite { .. } | StopReason::Failed(_));
        let point = if average {
            self.averaged.as_ref()
        } else {
            Some(&self.params)
        };
        if let Some(point) = point.filter(|point| self.exact && !failed && point.is_finite()) {
            let (batch, gradient) = (self.sampler.batch(0), &mut self.update.gradient);
            let value = self.objective.value_and_gradient(point, &batch, gradient)?;
            // A step would be refused here, so the run could not go on from it.
            let sound = value.is_finite() && gradient.is_finite();
            let epoch = self.epoch + u64::from(self.within.updates > 0);
            if sound {
                self.best
                    .keep(value.to_f64_exact(), (self.step, epoch), point, Goal::Lowest);
            }
        }
        Ok(())
    }

    /// Lets every weight make the steps that it has missed.
    pub(super) fn catch_up(&mut self) -> Result<(), Error> {
        if !self.state.is_catching_up() {
            return Ok(());
        }
        let weights = self.params.as_mut_slice();
        self.trainer.optimizer.catch_up(&mut self.state, weights, None)
    }

    /// Brings the averaged parameters up to date, where there are such: the trainer's, else the optimiser's.
    pub(super) fn refresh_average(&mut self) -> Result<(), Error> {
        let Some(averaged) = &mut self.averaged else {
            return Ok(());
        };
        match &self.update.average {
            Some(average) => averaged.clone_from(average.params()),
            None => {
                let weights = self.params.as_slice();
                self.trainer
                    .optimizer
                    .average(&self.state, weights, averaged.as_mut_slice())?;
            }
        }
        self.update.project(averaged);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Run<F> {
        let seconds = self.elapsed().as_secs_f64();
        let mut run = Run {
            params: self.params,
            best: self.best,
            average: self.averaged,
            history: self.history,
            stop: self.stop,
            steps: self.step,
            skipped: self.mishaps.skipped,
            epochs: self.epoch,
            seconds,
            #[cfg(feature = "checkpoint")]
            unsaved: self.writer.and_then(|writer| writer.unsaved),
            #[cfg(feature = "checkpoint")]
            resumed: self.resumed,
        };
        for callback in &mut self.trainer.callbacks {
            callback.on_end(&mut run);
        }
        run
    }
}
