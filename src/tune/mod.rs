//! What surrounds many runs: finding a learning rate, cross-validation.
//!
//! | you want to | see |
//! |---|---|
//! | find a learning rate | [`LrFinder`] |
//! | know how well something does on data it has not seen | [`cross_validate`], with a [`Split`](crate::data::Split) |

mod cross_validation;
mod finder;
mod workers;

pub use cross_validation::{Scores, cross_validate};
pub use finder::{LrCurve, LrFinder};
