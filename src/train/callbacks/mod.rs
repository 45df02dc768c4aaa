//! Callbacks that are there.

mod early_stopping;

pub use early_stopping::{EarlyStopping, Verdict};
