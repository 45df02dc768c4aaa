//! Plain descent on one row after another: many steps in one go, where nobody has to be asked or told between them.

use crate::{Objective, Scalar};

use super::run::Loop;

/// The most steps that are made in one go; after them the clock and Ctrl-C are looked at.
const STEPS: usize = 64;

impl<F: Scalar, O: Objective<F>> Loop<'_, F, O> {
    /// Makes the next steps of this epoch, if that can be done in one go: to the same bits as one by one. What is not finite is
    /// left to [`Loop::advance`], which knows what to do about it.
    pub(super) fn descend(&mut self, steps_per_epoch: usize) -> bool {
        let most = self.steps_in_one_go(steps_per_epoch);
        let (mut rates, mut values) = ([F::zero(); STEPS], [F::zero(); STEPS]);
        let mut steps = 0;
        while steps < most {
            let ahead = steps as u64;
            self.find_rates(self.step + ahead, steps_per_epoch as u64, 1.0);
            let optimizer = &self.trainer.optimizer;
            let Some(rate) = optimizer.descent_rate(&self.state, ahead, &self.rates) else {
                break;
            };
            rates[steps] = rate;
            steps += 1;
        }
        let terms = self.sampler.rest(self.within.updates);
        let (rates, values) = (&rates[..steps], &mut values[..steps]);
        let made = match steps {
            0 => None,
            _ => self.objective.descend(&mut self.params, &terms, rates, values),
        };
        let Some(made) = made else {
            self.descends = false;
            return false;
        };
        let made = values
            .iter()
            .take(made)
            .take_while(|value| value.is_finite())
            .count();
        // It may have been asked about steps that were not made.
        let last = self.step + (made as u64).saturating_sub(1);
        self.find_rates(last, steps_per_epoch as u64, 1.0);
        let reduction = self.objective.reduction();
        for value in &values[..made] {
            self.within.loss.add(value.to_f64_exact(), 1.0, reduction);
        }
        self.update.weight = 1.0;
        self.within.updates += made;
        self.step += made as u64;
        self.state.count(made as u64);
        made > 0
    }

    /// How many steps there are until something else is due.
    fn steps_in_one_go(&self, steps_per_epoch: usize) -> usize {
        let of_epoch = (steps_per_epoch - self.within.updates).min(STEPS) as u64;
        let of_run = self.trainer.steps.map_or(u64::MAX, |steps| steps - self.step);
        let to_evaluation = self.evaluations.next.saturating_sub(self.step).max(1);
        let most = of_epoch.min(of_run).min(to_evaluation);
        #[cfg(feature = "checkpoint")]
        let most = most.min(
            self.writer
                .as_ref()
                .map_or(most, |writer| writer.steps_left(self.step)),
        );
        most as usize
    }
}
