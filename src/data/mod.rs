//! Data: rows of inputs and targets, and which of them a step sees.

mod dataset;
mod sampler;
mod samples;
#[cfg(feature = "sparse")]
mod sparse;
mod split;
mod standardize;

pub use dataset::Dataset;
pub(crate) use dataset::Views;
pub use sampler::{Batch, BatchSize, Order, Sampler};
pub(crate) use samples::rows_of;
pub use samples::{Element, Samples};
#[cfg(feature = "sparse")]
pub use sparse::{Csr, CsrView};
pub use split::{Fold, Split};
pub use standardize::Standardizer;
