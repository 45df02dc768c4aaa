//! The loop, and what surrounds it.
//!
//! | callback | what it does |
//! |---|---|
//! | [`EarlyStopping`] | ends a run when a metric no longer improves, and gives back the best |
//! | [`LogFile`] | a row for every epoch or step, as CSV or JSON lines |
//! | `TensorBoard` | event files (feature `tensorboard`) |
//! | `Tracing` | events of the crate `tracing` (feature `tracing`) |
//! | `ProgressBar`, [`ProgressLines`] | how far it is (bars: feature `progress`) |
//! | `Report` | a page about the run: curves, settings, epochs, environment (feature `plot`) |
//! | [`Norms`] | measures gradients, weights and updates, for a closure; the logs do on request |
//!
//! A callback of one's own implements [`Callback`], or is a closure: [`Trainer::on_start`], [`Trainer::on_step`],
//! [`Trainer::on_evaluation`], [`Trainer::on_epoch`].

mod average;
mod callback;
mod callbacks;
#[cfg(feature = "checkpoint")]
mod checkpoint;
mod closure;
mod constraint;
mod descent;
mod describe;
mod epoch;
mod evaluate;
mod event;
mod history;
mod hyperparameters;
mod interrupt;
mod non_finite;
mod record;
mod run;
mod start;
mod step;
mod table;
mod trainer;
mod update;

pub use average::{Average, Averager};
pub use callback::{Callback, Control};
#[cfg(feature = "progress")]
pub use callbacks::ProgressBar;
#[cfg(feature = "plot")]
pub use callbacks::Report;
#[cfg(feature = "tensorboard")]
pub use callbacks::TensorBoard;
#[cfg(feature = "tracing")]
pub use callbacks::Tracing;
pub use callbacks::{EarlyStopping, LogFile, Norms, ProgressLines, TensorNorms, Verdict};
#[cfg(feature = "checkpoint")]
pub use checkpoint::{Checkpoints, Interval, Resumed};
pub use constraint::Constraint;
pub use event::{
    CheckpointEvent, EpochEvent, EpochStartEvent, EvaluationEvent, SkipEvent, StartEvent, StepEvent,
};
pub use history::History;
pub use interrupt::Interrupt;
pub use non_finite::NonFinite;
pub use record::{Best, Goal, Record, Run, StopReason, Watch};
pub use trainer::Trainer;
