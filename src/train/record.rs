//! What is known of an epoch, and of a run.

use super::History;
use crate::{Error, Memo, Params, Scalar, error::check};

/// Whether lower or higher is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Goal {
    /// Lower: a loss.
    #[default]
    Lowest,
    /// Higher: an accuracy.
    Highest,
}

impl Goal {
    /// Whether `a` is better than `b`. A NaN is never better.
    pub fn better(self, a: f64, b: f64) -> bool {
        match self {
            Goal::Lowest => a < b,
            Goal::Highest => a > b,
        }
    }

    /// What anything else is better than.
    pub fn worst(self) -> f64 {
        match self {
            Goal::Lowest => f64::INFINITY,
            Goal::Highest => f64::NEG_INFINITY,
        }
    }
}

/// A metric to follow: `"loss"`, `"validation_loss"`, or the name that was given to a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    name: String,
    goal: Goal,
}

impl Watch {
    /// Lower is better.
    #[must_use]
    pub fn lowest(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            goal: Goal::Lowest,
        }
    }

    /// Higher is better.
    #[must_use]
    pub fn highest(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            goal: Goal::Highest,
        }
    }

    /// The name of the metric.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether lower or higher is better.
    pub fn goal(&self) -> Goal {
        self.goal
    }

    pub(super) fn describe(&self) -> String {
        format!("the {:?} {:?}", self.goal, self.name).to_lowercase()
    }

    /// What was set to be watched.
    fn text(watch: Option<&Self>) -> String {
        watch.map_or_else(|| "the default metric".into(), Watch::describe)
    }

    /// Keeps what a memory is of: the metric that was set, if any was.
    pub(crate) fn save(watch: Option<&Self>, memo: &mut Memo) {
        memo.put("watch", Self::text(watch).as_str());
    }

    /// Refuses a memory of another metric, which says nothing about this one.
    pub(crate) fn agree(watch: Option<&Self>, memo: &Memo, owner: &str) -> Result<(), Error> {
        let (given, expected) = (memo.text("watch")?, Self::text(watch));
        if given == expected {
            return Ok(());
        }
        Err(Error::Foreign {
            argument: format!("the saved state of {owner}"),
            given: given.into(),
            expected,
        })
    }

    pub(crate) fn check(name: &str, metrics: &[String], has_validation: bool) -> Result<(), Error> {
        let mut known: Vec<&str> = vec!["loss"];
        known.extend(has_validation.then_some("validation_loss"));
        known.extend(metrics.iter().map(String::as_str));
        check::require(
            known.contains(&name),
            "watch",
            name,
            &format!("one of {}", known.join(", ")),
        )
    }
}

/// What is known of an epoch, or of an evaluation within one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The number of epochs completed.
    pub epoch: u64,
    /// The number of updates made.
    pub step: u64,
    /// The training loss: the mean over the epoch, or what there has been of it, of what each batch lost before its update
    /// (with [`Reduction::Sum`](crate::loss::Reduction::Sum) the sum over a whole epoch: what has been seen, divided by its
    /// share of the epoch).
    pub loss: f64,
    /// The loss on the validation set, where it was evaluated.
    pub validation_loss: Option<f64>,
    /// The metrics with their names; none where they were not evaluated.
    pub metrics: Vec<(String, f64)>,
    /// The learning rate of the last update.
    pub learning_rate: f64,
    /// The momentum of the last update, where the schedule sets it.
    pub momentum: Option<f64>,
    /// The `beta2` of the last update, where it is scheduled.
    pub beta2: Option<f64>,
    /// The weight decay of the last update, where it is scheduled.
    pub weight_decay: Option<f64>,
    /// Seconds since the run began.
    pub seconds: f64,
}

impl Record {
    /// Refuses metrics that could not be told from what a record has anyway, or from one another.
    pub(super) fn check_metrics(names: &[String]) -> Result<(), Error> {
        const OWN: [&str; 9] = [
            "epoch",
            "step",
            "loss",
            "validation_loss",
            "learning_rate",
            "momentum",
            "beta2",
            "weight_decay",
            "seconds",
        ];
        for (place, name) in names.iter().enumerate() {
            let distinct = !OWN.contains(&name.as_str()) && !names[..place].contains(name);
            let line = !name.is_empty() && !name.contains(['\n', '\r']);
            let expected = format!("one line, unlike the other metrics and {}", OWN.join(", "));
            check::require(
                distinct && line,
                "the name of a metric",
                format!("{name:?}"),
                &expected,
            )?;
        }
        Ok(())
    }

    /// The value of `"loss"`, `"validation_loss"`, or of a metric by its name.
    pub fn get(&self, name: &str) -> Option<f64> {
        match name {
            "loss" => Some(self.loss),
            "validation_loss" => self.validation_loss,
            _ => self
                .metrics
                .iter()
                .find(|(metric, _)| metric == name)
                .map(|(_, value)| *value),
        }
    }

    /// Every number that is known, with its name, in the order of the fields.
    pub fn columns(&self) -> impl Iterator<Item = (&str, f64)> {
        let metrics = self.metrics.iter().map(|(name, value)| (name.as_str(), *value));
        [
            ("epoch", self.epoch as f64),
            ("step", self.step as f64),
            ("loss", self.loss),
        ]
        .into_iter()
        .chain(self.validation_loss.map(|loss| ("validation_loss", loss)))
        .chain(metrics)
        .chain([("learning_rate", self.learning_rate)])
        .chain(self.momentum.map(|momentum| ("momentum", momentum)))
        .chain(self.beta2.map(|beta2| ("beta2", beta2)))
        .chain(self.weight_decay.map(|decay| ("weight_decay", decay)))
        .chain([("seconds", self.seconds)])
    }
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StopReason {
    /// The epochs or steps that were asked for are done.
    Finished,
    /// The time is over.
    TimeLimit,
    /// An [`Interrupt`](super::Interrupt) was raised, by Ctrl-C or by the program.
    Interrupted,
    /// A callback stopped it, for this reason.
    Callback(String),
    /// A metric has not improved for longer than [`EarlyStopping`](super::EarlyStopping) has patience.
    NoImprovement {
        /// The name of the metric.
        metric: String,
        /// How many checks in a row were no improvement.
        checks: u64,
    },
    /// Something could not be done after the first step: writing a log, reading data, or what else the objective reports.
    /// The steps made are all there, and the run can be continued.
    Failed(Error),
    /// The loss or the gradient is NaN or infinite. The update was not made.
    NonFinite {
        /// `"loss"` or `"gradient"`.
        what: &'static str,
        /// The number of steps made before.
        step: u64,
    },
}

/// The best point of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Best<F> {
    /// The parameters.
    pub params: Params<F>,
    /// The metric by which they are the best; infinite where none was ever finite.
    pub value: f64,
    /// The number of updates made to get there.
    pub step: u64,
    /// The number of epochs completed to get there.
    pub epoch: u64,
}

impl<F: Scalar> Best<F> {
    /// Keeps a point of this value, reached with so many steps and epochs, if it is better; says whether it is.
    pub(super) fn keep(
        &mut self,
        value: f64,
        (step, epoch): (u64, u64),
        point: &Params<F>,
        goal: Goal,
    ) -> bool {
        let better = goal.better(value, self.value);
        if better {
            (self.value, self.step, self.epoch) = (value, step, epoch);
            self.params.as_mut_slice().copy_from_slice(point.as_slice());
        }
        better
    }
}

/// What a run gives back, however it ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Run<F> {
    /// The parameters after the last update.
    pub params: Params<F>,
    /// The best point seen.
    pub best: Best<F>,
    /// The average of the parameters over the steps, where the trainer or the optimiser keeps one and all of them were finite.
    pub average: Option<Params<F>>,
    /// One record an epoch, and one for each evaluation within an epoch. Where an epoch is a single step of a function, at
    /// most some thousand, evenly spaced.
    pub history: History,
    /// Why it ended.
    pub stop: StopReason,
    /// The number of steps made.
    pub steps: u64,
    /// How many of them made no update, because the loss or the gradient was not finite; see [`NonFinite`](super::NonFinite).
    pub skipped: u64,
    /// The number of epochs completed.
    pub epochs: u64,
    /// Seconds that it took, in all sessions where it was continued.
    pub seconds: f64,
    /// What it was continued from. Feature `checkpoint`.
    #[cfg(feature = "checkpoint")]
    pub resumed: Option<super::Resumed>,
    /// Why the last checkpoint could not be written. Feature `checkpoint`.
    #[cfg(feature = "checkpoint")]
    pub unsaved: Option<Error>,
}
