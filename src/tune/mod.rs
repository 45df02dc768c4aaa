//! What surrounds many runs: finding a learning rate.
//!
//! | you want to | see |
//! |---|---|
//! | find a learning rate | [`LrFinder`] |

mod finder;

pub use finder::{LrCurve, LrFinder};
