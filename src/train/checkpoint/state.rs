//! What a run remembers, handed over and taken back.

use std::{collections::BTreeMap, time::Duration};

use super::{history, writer::Snapshot};
use crate::{
    Error, Layout, Memo, Objective, Scalar,
    archive::{self, Archive, Entry},
    optim::Rates,
    schedule::LrSchedule,
    train::run::{EpochLoss, Loop, Within},
};

impl<F: Scalar, O: Objective<F>> Loop<'_, F, O> {
    /// All tensors of the scalar that a run remembers, in a fixed order, with the names they have in a file.
    pub(super) fn tensors(&mut self) -> Vec<Entry<'_, F>> {
        let layout = self.params.layout().clone();
        let mut all = Vec::new();
        // Under their own names stand the weights that a reader expects: with no steps to catch up on.
        let (own, behind) = match &mut self.caught_up {
            Some(weights) => (weights, Some(&mut self.params)),
            None => (&mut self.params, None),
        };
        split("", &layout, own.as_mut_slice(), &mut all);
        split("state/best/", &layout, self.best.params.as_mut_slice(), &mut all);
        if let Some(weights) = behind {
            split("state/weights/", &layout, weights.as_mut_slice(), &mut all);
        }
        if let Some(average) = &mut self.update.average {
            split(
                "state/average/",
                &layout,
                average.params_mut().as_mut_slice(),
                &mut all,
            );
        }
        for (buffer, tensor, shape, values) in self.state.tensors_mut() {
            all.push((archive::memory_name(buffer, tensor), shape, values));
        }
        all
    }

    /// What gives the saved numbers their meaning: this must agree.
    fn settings(&self) -> Memo {
        let trainer = &self.trainer;
        let mut memo = Memo::new();
        let mut put = |name: &str, value: String| memo.put(name, value.as_str());
        put("scalar", std::any::type_name::<F>().into());
        put("optimizer", trainer.optimizer.kind());
        put("parameters", self.params.layout().describe());
        put("groups", self.state.describe_groups());
        let objective = self.objective.describe().into_iter();
        put(
            "objective",
            list(objective.map(|(name, value)| format!("{name} {value}"))),
        );
        put("terms", self.objective.terms().to_string());
        put("batch", format!("{} rows", self.sampler.batch_rows()));
        put(
            "steps_per_epoch",
            self.update.steps_per_epoch(&self.sampler).to_string(),
        );
        put("accumulate", self.update.settings.accumulate.to_string());
        put("drop_last", trainer.drop_last.to_string());
        put("order", format!("{:?}", trainer.order));
        put("seed", trainer.seed.to_string());
        put("learning_rate", self.schedule.kind());
        for (name, schedule) in trainer.hyperparameters.named() {
            put(name, schedule.kind());
        }
        let transforms = self.update.settings.transforms.iter();
        put("transforms", list(transforms.map(|transform| transform.kind())));
        put("catching_up", self.state.is_catching_up().to_string());
        put("average", format!("{:?}", self.update.settings.average));
        put("metrics", list(self.metrics.iter().cloned()));
        put(
            "best_by",
            format!("{:?} {}", self.best_by.goal(), self.best_by.name()),
        );
        memo
    }

    /// Everything that is not a tensor of the scalar.
    pub(super) fn memo(&self) -> Memo {
        let mut memo = Memo::new();
        memo.put_part("settings", self.settings());
        memo.put("step", [self.step]);
        memo.put("epoch", [self.epoch]);
        memo.put("stride", [self.stride]);
        memo.put("evaluated", [self.evaluations.last]);
        memo.put("seconds", [self.elapsed().as_secs_f64()]);
        memo.put("best/value", [self.best.value]);
        memo.put("best/step", [self.best.step]);
        memo.put("best/epoch", [self.best.epoch]);
        let Within { begun, updates, loss } = &self.within;
        let rates = self.rates;
        memo.put("within/updates", [*updates as u64]);
        memo.put("within/begun", [u64::from(*begun)]);
        memo.put("within/loss", [loss.sum, loss.weight, loss.skipped]);
        memo.put("within/learning_rate", [rates.learning_rate]);
        for (name, rate) in [
            ("within/momentum", rates.momentum),
            ("within/beta2", rates.beta2),
            ("within/weight_decay", rates.weight_decay),
        ] {
            memo.put(name, Vec::from_iter(rate));
        }
        memo.put("rate_scale", [self.rate_scale]);
        self.mishaps.save(&mut memo);
        memo.put_part("history", history::save(&self.history));
        let unlisted = Vec::from_iter(self.unlisted.clone());
        memo.put_part("unlisted", history::save(&unlisted));
        let mut keep = |name: &str, save: &dyn Fn(&mut Memo)| {
            let mut part = Memo::new();
            save(&mut part);
            memo.put_part(name, part);
        };
        if let Some(average) = &self.update.average {
            keep("average", &|part| average.save(part));
        }
        keep("optimizer", &|part| self.state.hand_over(part));
        keep("objective", &|part| self.objective.save(part));
        keep("schedules/learning_rate", &|part| self.schedule.save(part));
        for (name, schedule) in self.trainer.hyperparameters.named() {
            keep(&format!("schedules/{name}"), &|part| schedule.save(part));
        }
        for (number, transform) in self.update.settings.transforms.iter().enumerate() {
            keep(&format!("transforms/{number}"), &|part| transform.save(part));
        }
        let callbacks = &self.trainer.callbacks;
        for (name, callback) in names(callbacks.iter().map(|callback| callback.kind()))
            .iter()
            .zip(callbacks)
        {
            keep(name, &|part| callback.save(part));
        }
        memo
    }

    /// Takes everything back, once it is clear that it fits.
    pub(super) fn restore(&mut self, archive: &Archive, snapshot: &mut Snapshot<F>) -> Result<(), Error> {
        let memo = archive.agreeing(&self.settings())?;
        archive.check_names(self.params.layout())?;
        archive.fill(&mut snapshot.params)?;

        let rate = |name: &str| Ok::<_, Error>(memo.numbers(name)?.first().copied());
        let mut rates = Rates::from(memo.number("within/learning_rate")?);
        rates.momentum = rate("within/momentum")?;
        rates.beta2 = rate("within/beta2")?;
        rates.weight_decay = rate("within/weight_decay")?;
        let [sum, weight, skipped] = memo.array("within/loss")?;
        let begun = memo.count("within/begun")? != 0;
        let updates = usize::try_from(memo.count("within/updates")?).unwrap_or(usize::MAX);
        let steps = self.update.steps_per_epoch(&self.sampler);
        if updates > steps {
            let expected = format!("at most {steps}");
            return Err(Error::malformed(
                crate::memo::SAVED,
                "within/updates",
                updates,
                expected,
            ));
        }
        let seconds = memo.number("seconds")?;
        let used = Duration::try_from_secs_f64(seconds).map_err(|_| {
            Error::malformed(crate::memo::SAVED, "seconds", seconds, "a time that has passed")
        })?;
        let (step, epoch, stride) = (memo.count("step")?, memo.count("epoch")?, memo.count("stride")?);
        let evaluated = memo.count("evaluated")?;
        let best = (
            memo.number("best/value")?,
            memo.count("best/step")?,
            memo.count("best/epoch")?,
        );
        let rate_scale = memo.number("rate_scale")?;
        let history = history::load(&memo.part("history"), &self.metrics)?;
        let unlisted = history::load(&memo.part("unlisted"), &self.metrics)?;
        if let Some(average) = &mut self.update.average {
            average.load(&memo.part("average"))?;
        }
        self.mishaps.load(&memo)?;
        self.load_parts(&memo)?;

        self.within = Within {
            begun,
            updates,
            loss: EpochLoss { sum, weight, skipped },
        };
        self.rates = rates;
        (self.step, self.epoch, self.stride) = (step, epoch, stride.max(1));
        self.evaluations.resume(step, evaluated, updates > 0);
        (self.best.value, self.best.step, self.best.epoch) = best;
        self.rate_scale = rate_scale;
        self.used = used;
        self.history = history.into();
        self.unlisted = unlisted.into_iter().next_back();
        let mut rest = snapshot.params.as_slice();
        for (_, _, values) in self.tensors() {
            if let Some(saved) = rest.split_off(..values.len()) {
                values.copy_from_slice(saved);
            }
        }
        Ok(())
    }

    /// Gives schedules, transforms, callbacks and the objective what they have saved.
    fn load_parts(&mut self, memo: &Memo) -> Result<(), Error> {
        self.state.take_back(&memo.part("optimizer"))?;
        self.objective.load(&memo.part("objective"))?;
        self.schedule.load(&memo.part("schedules/learning_rate"))?;
        for (name, schedule) in self.trainer.hyperparameters.named_mut() {
            schedule.load(&memo.part(&format!("schedules/{name}")))?;
        }
        for (number, transform) in self.update.settings.transforms.iter_mut().enumerate() {
            transform.load(&memo.part(&format!("transforms/{number}")))?;
        }
        let callbacks = &mut self.trainer.callbacks;
        let names = names(callbacks.iter().map(|callback| callback.kind()));
        let all = memo.part("callbacks");
        let owned = |saved: &str| {
            let of = |name: &String| {
                Some(
                    saved
                        .strip_prefix(name.strip_prefix("callbacks/")?)?
                        .starts_with('/'),
                )
            };
            names.iter().any(|name| of(name) == Some(true))
        };
        if let Some((lost, _)) = all.iter().find(|(saved, _)| !owned(saved)) {
            return Err(Error::Foreign {
                argument: "callbacks".into(),
                given: lost.split('/').next().unwrap_or_default().into(),
                expected: format!("[{}]", list(callbacks.iter().map(|callback| callback.kind()))),
            });
        }
        for (name, callback) in names.iter().zip(callbacks) {
            let part = memo.part(name);
            // One that is new to the run, or remembers nothing, begins as it is.
            if !part.is_empty() {
                callback.load(&part)?;
            }
        }
        Ok(())
    }
}

/// Cuts a buffer into the tensors of its layout.
fn split<'a, F>(prefix: &str, layout: &Layout, mut values: &'a mut [F], all: &mut Vec<Entry<'a, F>>) {
    for spec in layout.tensors() {
        if let Some(tensor) = values.split_off_mut(..spec.range().len()) {
            all.push((format!("{prefix}{}", spec.name()), spec.shape().to_vec(), tensor));
        }
    }
}

/// The names under which callbacks are saved: their kinds, numbered where there are several of one.
fn names(kinds: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeMap::new();
    kinds
        .map(|kind| {
            let count = seen
                .entry(kind.clone())
                .and_modify(|count| *count += 1)
                .or_insert(1);
            match count {
                1 => format!("callbacks/{kind}"),
                count => format!("callbacks/{kind} {count}"),
            }
        })
        .collect()
}

fn list(items: impl Iterator<Item = String>) -> String {
    Vec::from_iter(items).join(", ")
}
