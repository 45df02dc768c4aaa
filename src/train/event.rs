//! What callbacks are told.

use std::path::Path;

use super::{Record, Watch};
use crate::{Error, Gradient, Params, optim::Rates};

/// Before the first update, when everything has been checked.
#[derive(Debug)]
#[non_exhaustive]
pub struct StartEvent<'a, F> {
    /// The name of the optimiser.
    pub optimizer: &'a str,
    /// The kind of learning-rate schedule; `"f64"` where it is a number.
    pub schedule: &'a str,
    /// All settings of the run in words, names and values: what a report lists.
    pub settings: &'a [(&'static str, String)],
    /// The seed of everything random.
    pub seed: u64,
    /// The parameters from which the run goes on.
    pub params: &'a Params<F>,
    /// Whether the run is continued from a checkpoint.
    pub resumed: bool,
    /// The number of steps made before: 0, unless the run is continued.
    pub step: u64,
    /// The number of epochs completed before.
    pub epoch: u64,
    /// The number of steps in an epoch.
    pub steps_per_epoch: u64,
    /// How many rows a batch has.
    pub batch_rows: usize,
    /// After how many epochs the run will end, where that is known.
    pub epochs: Option<u64>,
    /// After how many steps the run will end, where that is known.
    pub steps: Option<u64>,
    /// By what the best point is chosen.
    pub best_by: &'a Watch,
}

/// Before the first step of an epoch.
#[derive(Debug)]
#[non_exhaustive]
pub struct EpochStartEvent<'a, F> {
    /// The number of epochs completed before.
    pub epoch: u64,
    /// The parameters.
    pub params: &'a Params<F>,
}

/// After an update.
#[derive(Debug)]
#[non_exhaustive]
pub struct StepEvent<'a, F> {
    /// The number of steps made, this one included.
    pub step: u64,
    /// The number of steps in an epoch.
    pub steps_per_epoch: u64,
    /// The loss of the batch, before the update.
    pub loss: F,
    /// The gradient of the update, transformed, before clipping by its norm.
    pub gradient: &'a Gradient<F>,
    /// Its norm, where the trainer clips it, before clipping.
    pub gradient_norm: Option<f64>,
    /// The parameters after the update.
    pub params: &'a Params<F>,
    /// The learning rate and whatever else was set for the update.
    pub rates: Rates,
}

/// After a step that was left out, because its loss or gradient is NaN or infinite; see [`NonFinite`](super::NonFinite).
#[derive(Debug)]
#[non_exhaustive]
pub struct SkipEvent<'a, F> {
    /// The number of steps made so far, this one included.
    pub step: u64,
    /// `"loss"` or `"gradient"`.
    pub what: &'static str,
    /// Whether the run went back to the best point.
    pub went_back: bool,
    /// The parameters from which it goes on.
    pub params: &'a Params<F>,
}

/// After an evaluation; see [`Trainer::evaluate_every`](crate::Trainer::evaluate_every).
#[derive(Debug)]
#[non_exhaustive]
pub struct EvaluationEvent<'a, F> {
    /// What is known: the validation loss and the metrics, where there are such, and the training loss of the epoch so far.
    pub record: &'a Record,
    /// The parameters that were evaluated; where they are averaged, the average.
    pub params: &'a Params<F>,
    /// Whether they are the best so far.
    pub is_best: bool,
    /// Whether it is that of an epoch, of which [`Callback::on_epoch`](super::Callback::on_epoch) tells next.
    pub ends_epoch: bool,
}

/// After an epoch, and its evaluation where it has one.
#[derive(Debug)]
#[non_exhaustive]
pub struct EpochEvent<'a, F> {
    /// What is known of the epoch.
    pub record: &'a Record,
    /// The parameters after the epoch; where they are averaged, the average.
    pub params: &'a Params<F>,
    /// Whether they have just been evaluated, and are the best so far. In a full-batch run whose best point is that of the
    /// lowest loss it never is: that loss is known a step later.
    pub is_best: bool,
    /// How many epochs there will be, where that is known.
    pub epochs: Option<u64>,
}

/// After a checkpoint has been written, or could not be; see `Checkpoints`.
#[derive(Debug)]
#[non_exhaustive]
pub struct CheckpointEvent<'a> {
    /// The file.
    pub path: &'a Path,
    /// The number of steps after which it was due; where it was written in the background, some may have been made since.
    pub step: u64,
    /// The number of epochs completed then.
    pub epoch: u64,
    /// Why it, or the file of the best parameters beside it, could not be written.
    pub error: Option<&'a Error>,
    /// Why older ones, which are no longer to be kept, could not be removed. This one is as good as any.
    pub unremoved: Option<&'a Error>,
}
