//! Checkpoints in the course of a run.

use std::time::Duration;

use super::{
    Interval,
    writer::{Moment, Snapshot, Writer},
};
use crate::{
    Error, Memo, Objective, Scalar, archive,
    schedule::Span,
    train::{CheckpointEvent, Resumed, StopReason, callback::Answers, run::Loop},
};

impl<F: Scalar, O: Objective<F>> Loop<'_, F, O> {
    /// Before the first step: continues where the user says, and makes ready to write.
    pub(in crate::train) fn begin_checkpoints(&mut self) -> Result<(), Error> {
        let plan = std::mem::take(&mut self.trainer.checkpoint);
        if let Some(checkpoints) = &plan.checkpoints {
            checkpoints.validate()?;
        }
        if plan.checkpoints.is_none() && plan.resume.is_none() {
            return Ok(());
        }
        self.caught_up = self.state.is_catching_up().then(|| self.params.clone());
        let mut snapshot = self.empty_snapshot()?;
        if let Some((archive, resumed)) = plan.resume.map_or(Ok(None), super::Resume::find)? {
            self.restore(&archive, &mut snapshot)
                .map_err(|error| archive.blame(error))?;
            let step = self.step;
            self.resumed = Some(Resumed { step, ..resumed });
        }
        if let Some(checkpoints) = plan.checkpoints {
            checkpoints.prepare(self.resumed.as_ref())?;
            let every = checkpoints.every.unwrap_or_else(|| self.usual_interval());
            let layout = self.params.layout().clone();
            self.writer = Some(Writer::new(checkpoints, every, layout, snapshot));
        }
        Ok(())
    }

    /// How often a checkpoint is written where the user does not say: a function's epoch is a step, which is too often.
    fn usual_interval(&self) -> Interval {
        match self.is_function() {
            true => Interval::Time(Duration::from_secs(10)),
            false => Interval::Span(Span::Epochs(1)),
        }
    }

    /// Writes a checkpoint if one is due after so many steps or epochs, and tells of what has been written.
    pub(in crate::train) fn checkpoint_if_due(&mut self, now: Span) -> Option<StopReason> {
        let writer = self.writer.as_mut()?;
        if writer.is_due(now) {
            self.write_checkpoint(false);
        } else {
            writer.look();
        }
        self.tell_of_checkpoints()
    }

    /// Writes the last checkpoint of the run.
    pub(in crate::train) fn last_checkpoint(&mut self) {
        self.write_checkpoint(true);
        // Whatever they answer, the run is over.
        let _ = self.tell_of_checkpoints();
    }

    /// Tells the callbacks what became of checkpoints of which they do not know.
    fn tell_of_checkpoints(&mut self) -> Option<StopReason> {
        let all = std::mem::take(&mut self.writer.as_mut()?.news);
        let mut answers = Answers::new(self.rate_scale);
        for news in &all {
            let event = CheckpointEvent {
                path: &news.path,
                step: news.moment.step,
                epoch: news.moment.epoch,
                error: news.error.as_ref(),
                unremoved: news.unremoved.as_ref(),
            };
            for callback in &mut self.trainer.callbacks {
                answers.hear(callback.on_checkpoint(&event));
            }
        }
        self.rate_scale = answers.scale;
        answers.stop
    }

    /// Brings the file of the best up to date where the last point turned out to be it.
    pub(in crate::train) fn last_best(&mut self) {
        let now = self.moment();
        if !self.writer.as_ref().is_some_and(|writer| writer.is_new_best(now)) {
            return;
        }
        let best = self.memo().part("best");
        if let Some(writer) = &mut self.writer {
            writer.write_best(now, &self.best.params, best);
        }
        let _ = self.tell_of_checkpoints();
    }

    fn moment(&self) -> Moment {
        let judged = self.best.value != self.best_by.goal().worst();
        Moment {
            step: self.step,
            epoch: self.epoch,
            begun: self.within.begun,
            best: judged.then_some(self.best.step),
        }
    }

    fn write_checkpoint(&mut self, last: bool) {
        let Some(mut writer) = self.writer.take() else {
            return;
        };
        if last {
            writer.wait();
        }
        let now = self.moment();
        // No run could go on from weights that are not finite, and the one before would be lost.
        if writer.saved != Some(now)
            && self.params.is_finite()
            && let Some(mut snapshot) = writer.take_snapshot(last)
        {
            self.copy_into(&mut snapshot);
            snapshot.moment = now;
            writer.write(snapshot);
        }
        if last {
            writer.wait();
        }
        self.writer = Some(writer);
    }

    fn empty_snapshot(&mut self) -> Result<Snapshot<F>, Error> {
        archive::check_free(self.params.layout())?;
        let params = archive::room(&self.tensors())?;
        Ok(Snapshot {
            moment: Moment::default(),
            params,
            memo: Memo::new(),
        })
    }

    fn copy_into(&mut self, snapshot: &mut Snapshot<F>) {
        snapshot.memo = self.memo();
        if let Some(weights) = &mut self.caught_up {
            weights.clone_from(&self.params);
            let mut state = self.state.clone();
            // What it could refuse has been refused before the first step.
            let _ = self
                .trainer
                .optimizer
                .catch_up(&mut state, weights.as_mut_slice(), None);
        }
        let mut rest = snapshot.params.as_mut_slice();
        for (_, _, values) in self.tensors() {
            if let Some(place) = rest.split_off_mut(..values.len()) {
                place.copy_from_slice(values);
            }
        }
    }
}
