//! Data: rows of inputs and targets, and which of them a step sees.

mod dataset;
#[cfg(feature = "sparse")]
mod hashing;
#[cfg(feature = "npy")]
mod npy;
mod prefetch;
mod sampler;
mod samples;
#[cfg(feature = "sparse")]
mod sparse;
mod split;
mod standardize;
mod stream;
#[cfg(feature = "sparse")]
mod svmlight;

pub use dataset::Dataset;
pub(crate) use dataset::Views;
#[cfg(feature = "sparse")]
pub use hashing::FeatureHasher;
#[cfg(feature = "npy")]
pub use npy::MappedNpy;
pub(crate) use sampler::AHEAD;
pub use sampler::{Batch, BatchSize, Order, Sampler};
pub(crate) use samples::rows_of;
pub use samples::{Element, IntoView, Samples};
#[cfg(feature = "sparse")]
pub use sparse::{Csr, CsrView};
pub use split::{Fold, Split};
pub use standardize::Standardizer;
pub use stream::{Failure, Stream};
#[cfg(feature = "sparse")]
pub use svmlight::{Labelled, LabelledRows, Sample, SvmLight};
