//! Data: rows of inputs and targets, and which of them a step sees.

mod dataset;
mod sampler;
mod samples;
mod split;
mod standardize;

pub use dataset::Dataset;
pub(crate) use dataset::Views;
pub use sampler::{Batch, BatchSize, Order, Sampler};
pub(crate) use samples::rows_of;
pub use samples::{Element, Samples};
pub use split::{Fold, Split};
pub use standardize::Standardizer;
