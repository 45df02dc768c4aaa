//! A run in words.

use std::fmt::Debug;

use super::run::Loop;
use crate::{Objective, Scalar};

/// Names and values.
pub(super) type Settings = Vec<(&'static str, String)>;

impl<F: Scalar, O: Objective<F>> Loop<'_, F, O> {
    /// All that has been set, or is by default, and means something here.
    pub(super) fn describe(&self) -> Settings {
        let trainer = &self.trainer;
        let update = &self.update.settings;
        let mut all = vec![
            ("optimiser", format!("{:?}", trainer.optimizer)),
            ("learning rate", format!("{:?}", self.schedule)),
        ];
        let schedules = trainer.hyperparameters.named();
        all.extend(schedules.map(|(name, schedule)| (name, format!("{schedule:?}"))));
        all.extend(self.objective.describe());
        list(&mut all, "groups", &trainer.groups);
        list(&mut all, "transforms of the gradient", &update.transforms);
        let accumulate = (update.accumulate > 1).then_some(update.accumulate);
        for (name, value) in [
            (
                "clip by norm",
                update.clip.as_ref().map(|clip| format!("{clip:?}")),
            ),
            (
                "batches accumulated",
                accumulate.map(|batches| batches.to_string()),
            ),
            (
                "sharpness aware",
                update.sharpness.map(|radius| radius.to_string()),
            ),
            ("average", update.average.map(|average| format!("{average:?}"))),
        ] {
            all.extend(value.map(|value| (name, value)));
        }
        list(&mut all, "constraints", &update.constraints);
        let length = |length: Option<u64>| length.map_or("no limit".into(), |length| length.to_string());
        let time = trainer.time_limit.map(|limit| format!("{limit:?}"));
        all.extend([
            ("seed", trainer.seed.to_string()),
            ("weights", self.params.as_slice().len().to_string()),
            ("rows in a batch", self.sampler.batch_rows().to_string()),
            ("order", format!("{:?}", trainer.order)),
            (
                "last batch",
                if trainer.drop_last {
                    "left out where it is short"
                } else {
                    "taken"
                }
                .into(),
            ),
            (
                "steps in an epoch",
                self.update.steps_per_epoch(&self.sampler).to_string(),
            ),
            ("epochs at most", length(trainer.epochs)),
            ("steps at most", length(trainer.steps)),
            ("time at most", time.unwrap_or_else(|| "no limit".into())),
            ("evaluated every", format!("{:?}", trainer.evaluate_every)),
            ("best by", self.best_by.describe()),
            ("where not finite", format!("{:?}", trainer.non_finite)),
        ]);
        if self.state.is_catching_up() {
            all.push(("sparse steps", format!("{:?}", trainer.lazy)));
        }
        let callbacks = trainer.callbacks.iter().map(|callback| callback.describe());
        all.push(("callbacks", Vec::from_iter(callbacks).join(", ")));
        all
    }
}

/// Adds a list that is not empty.
fn list<T: Debug>(all: &mut Settings, name: &'static str, values: &[T]) {
    let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    if !values.is_empty() {
        all.push((name, values.join(", ")));
    }
}
