//! Callbacks that are there.

mod early_stopping;
mod log_file;
mod norms;
#[cfg(feature = "progress")]
mod progress_bar;
mod progress_lines;
#[cfg(feature = "plot")]
mod report;
#[cfg(feature = "tensorboard")]
mod tensor_board;
#[cfg(feature = "tracing")]
mod trace;

pub use early_stopping::{EarlyStopping, Verdict};
pub use log_file::LogFile;
pub use norms::{Norms, TensorNorms};
#[cfg(feature = "progress")]
pub use progress_bar::ProgressBar;
pub use progress_lines::ProgressLines;
#[cfg(feature = "plot")]
pub use report::Report;
#[cfg(feature = "tensorboard")]
pub use tensor_board::TensorBoard;
#[cfg(feature = "tracing")]
pub use trace::Tracing;
