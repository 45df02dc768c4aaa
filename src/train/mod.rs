//! The loop.

mod average;
mod callback;
mod constraint;
mod epoch;
mod history;
mod hyperparameters;
#[cfg(feature = "progress")]
mod progress;
mod record;
mod run;
mod start;
mod table;
mod trainer;
mod update;

pub use average::{Average, Averager};
pub use callback::{Callback, EpochEvent, StepEvent};
pub use constraint::Constraint;
pub use history::History;
pub use record::{Best, Goal, Record, Run, StopReason, Watch};
pub use trainer::Trainer;
