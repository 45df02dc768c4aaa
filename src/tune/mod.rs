//! What surrounds many runs: finding a learning rate, searching hyperparameters, cross-validation.
//!
//! | you want to | see |
//! |---|---|
//! | find a learning rate | [`LrFinder`] |
//! | search hyperparameters | [`Search`] in a [`Space`] |
//! | know how well something does on data it has not seen | [`cross_validate`], with a [`Split`](crate::data::Split) |

mod cross_validation;
mod curve;
mod finder;
mod journal;
mod results;
mod search;
mod space;
mod trial;
mod workers;

pub use cross_validation::{Scores, cross_validate};
pub use curve::LrCurve;
pub use finder::LrFinder;
pub use results::{Evaluation, Results};
pub use search::Search;
#[cfg(feature = "plot")]
pub(crate) use space::Domain;
pub use space::{Setting, Space};
pub use trial::Trial;
