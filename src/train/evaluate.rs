//! When a run is evaluated, and who hears of it.

use super::{EvaluationEvent, Record, StopReason, Trainer, callback::Answers, run::Loop};
use crate::{
    Error, Objective, Scalar,
    schedule::{LrSchedule, Span},
};

/// When a run is evaluated.
pub(super) struct Evaluations {
    every: Span,
    /// The step of the next one that does not wait for the end of an epoch.
    pub(super) next: u64,
    /// The step of the last one.
    pub(super) last: u64,
}

impl Evaluations {
    pub(super) fn every(span: Span) -> Self {
        let mut evaluations = Self {
            every: span,
            next: u64::MAX,
            last: 0,
        };
        evaluations.made(0);
        evaluations
    }

    /// Whether one is due at the end of an epoch.
    pub(super) fn is_due(&self, step: u64, epoch: u64) -> bool {
        match self.every {
            Span::Steps(every) => step.is_multiple_of(every),
            Span::Epochs(every) => epoch.is_multiple_of(every),
        }
    }

    /// One has been made at this step.
    fn made(&mut self, step: u64) {
        self.last = step;
        if let Span::Steps(every) = self.every {
            self.next = (step / every).saturating_add(1).saturating_mul(every);
        }
    }

    /// Goes on at a step: where one was due there, within an epoch, and has not been made, it is the next.
    #[cfg(feature = "checkpoint")]
    pub(super) fn resume(&mut self, step: u64, last: u64, within: bool) {
        self.made(step);
        if let Span::Steps(every) = self.every
            && within
            && last < step
            && step.is_multiple_of(every)
        {
            self.next = step;
        }
        self.last = last;
    }
}

impl<F: Scalar> Trainer<'_, F> {
    /// Evaluates after every so many epochs or steps, at least 1. Default: each epoch.
    ///
    /// An evaluation gives the validation loss and the metrics, where there are such; by it the best point is chosen, and
    /// [`ReduceOnPlateau`](crate::schedule::ReduceOnPlateau), [`EarlyStopping`](super::EarlyStopping) and
    /// [`Callback::on_evaluation`](super::Callback::on_evaluation) hear of it. One within an epoch has a record of its own in
    /// the history, and the training loss of the epoch so far. In an epoch that ends without one neither validation loss nor
    /// metrics are known.
    ///
    /// Where there are validation data or metrics the last point of a run has its values in any case, also where the run ends
    /// within an epoch: they are in its [`history`](super::Run::history), and it may be the [`best`](super::Run::best).
    /// Callbacks and checkpoints do not hear of that evaluation, since a run that goes on from there does not make it. It is
    /// left out where the run was interrupted or has failed.
    ///
    /// ```
    /// use downhill::{prelude::*, train::EarlyStopping};
    /// use downhill::ndarray::{Array1, Array2};
    ///
    /// let inputs = Array2::from_shape_fn((320, 2), |(row, column)| ((row * (7 + 4 * column)) % 20) as f64 / 20.0);
    /// let targets: Array1<f64> = inputs.column(0).mapv(|x| 3.0 * x + 1.0);
    /// let data = Dataset::new(&inputs, &targets)?;
    /// let (train, validation) = (data.select(&Vec::from_iter(0..256))?, data.select(&Vec::from_iter(256..320))?);
    /// let model = Linear::new(2, 1)?;
    /// let run = Trainer::new(Adam::new())
    ///     .batch(4)
    ///     .epochs(1) // of 64 steps
    ///     .evaluate_every(Span::Steps(16))
    ///     .callback(EarlyStopping::new().patience(2))
    ///     .minimize(EmpiricalRisk::new(&model, &MeanSquaredError, &train).validation(&validation))?;
    /// assert_eq!(run.history.column("step"), [16.0, 32.0, 48.0, 64.0]);
    /// assert_eq!(run.history.column("epoch"), [0.0, 0.0, 0.0, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn evaluate_every(mut self, span: Span) -> Self {
        self.evaluate_every = span;
        self
    }
}

impl<F: Scalar, O: Objective<F>> Loop<'_, F, O> {
    /// Evaluates within an epoch, if that is due.
    #[inline]
    pub(super) fn evaluate_if_due(&mut self) -> Result<Option<StopReason>, Error> {
        if self.step != self.evaluations.next {
            return Ok(None);
        }
        self.evaluate_within()
    }

    #[inline(never)]
    fn evaluate_within(&mut self) -> Result<Option<StopReason>, Error> {
        self.catch_up()?;
        let mut record = self.record(self.epoch);
        self.measure(&mut record)?;
        let mut answers = Answers::new(self.rate_scale);
        self.heed(&record, false, &mut answers);
        self.rate_scale = answers.scale;
        self.history.push(record);
        Ok(answers.stop)
    }

    /// What is known without an evaluation.
    pub(super) fn record(&self, epoch: u64) -> Record {
        Record {
            epoch,
            step: self.step,
            loss: self.within.loss.value(self.objective.reduction(), self.share()),
            validation_loss: None,
            metrics: Vec::new(),
            learning_rate: self.rates.learning_rate,
            momentum: self.rates.momentum,
            beta2: self.rates.beta2,
            weight_decay: self.rates.weight_decay,
            seconds: self.elapsed().as_secs_f64(),
        }
    }

    /// The share of the rows of this epoch that has been seen.
    fn share(&self) -> f64 {
        let (all, window) = (self.sampler.steps_per_epoch(), self.update.settings.accumulate);
        let rows = |batches: usize| (batches * self.sampler.batch_rows()).min(self.objective.terms()) as f64;
        rows(self.within.updates.saturating_mul(window).min(all)) / rows(all)
    }

    /// Adds what an evaluation gives.
    pub(super) fn measure(&mut self, record: &mut Record) -> Result<(), Error> {
        record.metrics = self.metrics.iter().map(|name| (name.clone(), f64::NAN)).collect();
        self.refresh_average()?;
        let evaluated = self.averaged.as_ref().unwrap_or(&self.params);
        self.objective.evaluate(evaluated, record)
    }

    /// After an evaluation: the best point, the schedules, the callbacks. Says whether it is the best.
    pub(super) fn heed(&mut self, record: &Record, ends_epoch: bool, answers: &mut Answers) -> bool {
        self.evaluations.made(self.step);
        let is_best = self.keep_record_if_best(record);
        self.schedule.observe(record);
        self.trainer.hyperparameters.observe(record);
        let event = EvaluationEvent {
            record,
            params: self.averaged.as_ref().unwrap_or(&self.params),
            is_best,
            ends_epoch,
        };
        for callback in &mut self.trainer.callbacks {
            answers.hear(callback.on_evaluation(&event));
        }
        is_best
    }

    fn keep_record_if_best(&mut self, record: &Record) -> bool {
        // An exact value is kept at its step.
        let value = record.get(self.best_by.name()).unwrap_or(f64::NAN);
        !self.exact && self.keep_if_best(value, self.best_by.goal())
    }

    /// Whether an evaluation finds anything out.
    pub(super) fn has_evaluation(&self) -> bool {
        self.objective.has_validation() || !self.metrics.is_empty()
    }

    /// Evaluates the last point, if that has not been done.
    pub(super) fn evaluate_last(&mut self) -> Result<(), Error> {
        let over = matches!(
            self.stop,
            StopReason::Interrupted | StopReason::NonFinite { .. } | StopReason::Failed(_)
        );
        if over || !self.has_evaluation() || self.evaluations.last == self.step {
            return Ok(());
        }
        let unlisted = self.unlisted.take_if(|record| record.step == self.step);
        let record = self.history.pop_at(self.step).or(unlisted);
        let mut record = record.unwrap_or_else(|| self.record(self.epoch));
        let measured = self.measure(&mut record);
        if measured.is_ok() {
            self.keep_record_if_best(&record);
        }
        self.history.push(record);
        measured
    }
}
