//! One step: the gradient, the best point, the rates, the rule, and what follows it.

use super::{
    Goal, SkipEvent, StepEvent, StopReason, callback::Answers, non_finite::Remedy, run::Loop, update::Seen,
};
use crate::{
    Error, Objective, Scalar,
    optim::{Rates, State},
    schedule::{LrSchedule, Progress},
};

/// A step that was not finite, and goes by without an update.
struct Skipped {
    what: &'static str,
    went_back: bool,
}

impl<F: Scalar, O: Objective<F>> Loop<'_, F, O> {
    /// Makes the next step of this epoch. Where it is not `HEARD`, nobody listens and it is the whole epoch: nothing is noted.
    #[inline(always)]
    pub(super) fn advance<const HEARD: bool>(
        &mut self,
        steps_per_epoch: u64,
    ) -> Result<Option<StopReason>, Error> {
        if self.state.is_catching_up() {
            self.catch_up_on_batch()?;
        }
        let number = self.within.updates;
        let (objective, sampler) = (&mut self.objective, &self.sampler);
        let look = self
            .update
            .look(objective, sampler, &mut self.params, number, self.step + 1)?;
        let seen = match look {
            Ok(seen) => Ok(seen),
            Err(what) => match self.mend(what)? {
                Ok(skipped) => Err(skipped),
                Err(stop) => return Ok(Some(stop)),
            },
        };
        let scale = seen.as_ref().map_or(1.0, |seen| seen.scale);
        self.find_rates(self.step, steps_per_epoch, scale);
        if let Ok(seen) = &seen {
            if self.exact {
                self.keep_if_best(seen.value, Goal::Lowest);
            }
            let (weights, gradient) = (self.params.as_mut_slice(), &self.update.gradient);
            self.trainer
                .optimizer
                .step_touched(&mut self.state, weights, gradient, self.rates)?;
            self.update.follow(&mut self.params, self.rates.learning_rate)?;
        }
        self.step += 1;
        if HEARD {
            return self.note(seen, steps_per_epoch);
        }
        Ok(None)
    }

    /// Adds a step to what is known of its epoch, and tells whoever listens.
    fn note(
        &mut self,
        seen: Result<Seen, Skipped>,
        steps_per_epoch: u64,
    ) -> Result<Option<StopReason>, Error> {
        self.within.updates += 1;
        if let Ok(seen) = &seen {
            let reduction = self.objective.reduction();
            self.within.loss.add(seen.value, self.update.weight, reduction);
        } else {
            self.within.loss.skipped += self.update.weight;
        }
        if !self.trainer.callbacks.is_empty() {
            let stop = match seen {
                Ok(seen) => self.tell(&seen, steps_per_epoch),
                Err(skipped) => self.tell_of_skip(skipped),
            };
            if stop.is_some() {
                return Ok(stop);
            }
        }
        self.pause(steps_per_epoch)
    }

    /// What may be due between two steps of an epoch. At its last step both come when it is closed, which would else be done
    /// twice.
    pub(super) fn pause(&mut self, steps_per_epoch: u64) -> Result<Option<StopReason>, Error> {
        if (self.within.updates as u64) < steps_per_epoch {
            let stop = self.evaluate_if_due()?;
            if stop.is_some() {
                return Ok(stop);
            }
            #[cfg(feature = "checkpoint")]
            return Ok(self.checkpoint_if_due(crate::schedule::Span::Steps(self.step)));
        }
        Ok(None)
    }

    /// Lets the weights of which the next batch is made up make the steps that they have missed.
    fn catch_up_on_batch(&mut self) -> Result<(), Error> {
        let batch = self.sampler.batch(self.within.updates);
        self.objective.touch(&batch, &mut self.update.gradient)?;
        let weights = self.params.as_mut_slice();
        self.trainer
            .optimizer
            .catch_up(&mut self.state, weights, Some(&self.update.gradient))
    }

    /// Finds what is in force at the update after so many steps. Only what changes is written: the rule reads it wide, and
    /// would wait for what has just been written in parts.
    #[inline]
    pub(super) fn find_rates(&mut self, step: u64, steps_per_epoch: u64, gradient_scale: f64) {
        if self.rates_for == self.rate_scale && self.rates.gradient_scale == gradient_scale {
            return;
        }
        let now = Progress {
            step,
            steps_per_epoch,
        };
        let learning_rate = self.rate_scale * self.schedule.rate(&now);
        let momentum = self.schedule.momentum(&now);
        let last = &self.rates;
        let same = (last.learning_rate, last.gradient_scale) == (learning_rate, gradient_scale)
            && last.momentum == momentum
            && self.trainer.hyperparameters.is_empty();
        if !same {
            let rates = Rates::from(learning_rate).gradient_scale(gradient_scale);
            self.set_rates(Rates { momentum, ..rates }, &now);
        }
    }

    #[inline(never)]
    fn set_rates(&mut self, mut rates: Rates, now: &Progress) {
        self.trainer.hyperparameters.set(&mut rates, now);
        self.rates = rates;
        if self.schedule.is_constant() && self.trainer.hyperparameters.is_empty() {
            self.rates_for = self.rate_scale;
        }
    }

    /// Tells the callbacks of an update.
    fn tell(&mut self, seen: &Seen, steps_per_epoch: u64) -> Option<StopReason> {
        let event = StepEvent {
            step: self.step,
            steps_per_epoch,
            loss: F::of(seen.value),
            gradient: &self.update.gradient,
            gradient_norm: seen.norm,
            params: &self.params,
            rates: self.rates,
        };
        let mut answers = Answers::new(self.rate_scale);
        for callback in &mut self.trainer.callbacks {
            answers.hear(callback.on_step(&event));
        }
        self.rate_scale = answers.scale;
        answers.stop
    }

    /// What is to be done about a step that is not finite: the run ends, or the step goes by without an update.
    #[cold]
    fn mend(&mut self, what: &'static str) -> Result<Result<Skipped, StopReason>, Error> {
        let remedy = self.mishaps.meet(self.trainer.non_finite, self.step + 1);
        match remedy {
            Remedy::Stop => {
                let step = self.step;
                return Ok(Err(StopReason::NonFinite { what, step }));
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
        let went_back = matches!(remedy, Remedy::Back(_));
        Ok(Ok(Skipped { what, went_back }))
    }

    /// Tells the callbacks of a step without an update.
    fn tell_of_skip(&mut self, Skipped { what, went_back }: Skipped) -> Option<StopReason> {
        let event = SkipEvent {
            step: self.step,
            what,
            went_back,
            params: &self.params,
        };
        let mut answers = Answers::new(self.rate_scale);
        for callback in &mut self.trainer.callbacks {
            answers.hear(callback.on_skip(&event));
        }
        self.rate_scale = answers.scale;
        answers.stop
    }

    pub(super) fn keep_if_best(&mut self, value: f64, goal: Goal) -> bool {
        let point = match &self.averaged {
            Some(average) if !self.exact => average,
            _ => &self.params,
        };
        self.best.keep(value, (self.step, self.epoch), point, goal)
    }
}
