//! What happens when a loss or a gradient is NaN or infinite.

#[cfg(feature = "checkpoint")]
use crate::Memo;
use crate::{Error, error::check};

/// What a run does with a step whose loss or gradient is NaN or infinite. The update is never made, and the last good
/// parameters are kept in any case.
///
/// ```
/// use downhill::{Function, StopReason, Trainer, optim::GradientDescent, train::NonFinite};
///
/// // −ln w + w has its minimum at 1; a step beyond 0 has no value there.
/// let barrier = || Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 1.0 - 1.0 / w[0]; w[0] - w[0].ln() });
/// let trainer = || Trainer::new(GradientDescent).learning_rate(5.0).steps(200);
/// let run = trainer().minimize(barrier())?;
/// assert_eq!(run.stop, StopReason::NonFinite { what: "loss", step: 1 });
///
/// let run = trainer().non_finite(NonFinite::Back { factor: 0.25, at_most: 10 }).minimize(barrier())?;
/// assert_eq!((run.stop, run.skipped), (StopReason::Finished, 1));
/// assert!((run.params.as_slice()[0] - 1.0).abs() < 1e-9);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum NonFinite {
    /// Ends the run with [`StopReason::NonFinite`](super::StopReason::NonFinite).
    #[default]
    Stop,
    /// Leaves out the update and goes on with the next batch: for the odd bad row, or for an overflow in `f32`. The step
    /// counts, for schedules as for [`Trainer::steps`](crate::Trainer::steps).
    Skip {
        /// How many steps in a row may be left out before the run ends, at least 1.
        at_most: u64,
    },
    /// Goes back to the best point so far, with the memory of the optimiser and the average as at the start, and with all
    /// further learning rates multiplied by a factor.
    Back {
        /// The factor, above 0 and at most 1; 0.5 is usual.
        factor: f64,
        /// How often before the run ends, at least 1.
        at_most: u64,
    },
}

impl NonFinite {
    pub(super) fn validate(self) -> Result<(), Error> {
        let (NonFinite::Skip { at_most } | NonFinite::Back { at_most, .. }) = self else {
            return Ok(());
        };
        check::require(at_most > 0, "at_most of NonFinite", at_most, "at least 1")?;
        if let NonFinite::Back { factor, .. } = self {
            let legal = factor > 0.0 && factor <= 1.0;
            check::require(
                legal,
                "factor of NonFinite::Back",
                factor,
                "above 0 and at most 1",
            )?;
        }
        Ok(())
    }
}

/// What is to be done now.
pub(super) enum Remedy {
    Stop,
    Skip,
    /// Back to the best, with the rate multiplied by this.
    Back(f64),
}

/// How often it has happened.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Mishaps {
    /// Steps without an update, in all.
    pub(super) skipped: u64,
    /// The last of them, and how many there were in a row.
    last: u64,
    row: u64,
}

impl Mishaps {
    /// Step number `step`, counted from 1, is bad.
    pub(super) fn meet(&mut self, policy: NonFinite, step: u64) -> Remedy {
        self.row = if self.last + 1 == step { self.row + 1 } else { 1 };
        self.last = step;
        let remedy = match policy {
            NonFinite::Skip { at_most } if self.row <= at_most => Remedy::Skip,
            NonFinite::Back { factor, at_most } if self.skipped < at_most => Remedy::Back(factor),
            _ => return Remedy::Stop,
        };
        self.skipped += 1;
        remedy
    }

    #[cfg(feature = "checkpoint")]
    pub(super) fn save(&self, memo: &mut Memo) {
        memo.put("mishaps", [self.skipped, self.last, self.row]);
    }

    #[cfg(feature = "checkpoint")]
    pub(super) fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        let counts = memo.counts("mishaps")?;
        let &[skipped, last, row] = counts else {
            return Err(Error::malformed(
                crate::memo::SAVED,
                "mishaps",
                counts.len(),
                "3 counts",
            ));
        };
        *self = Self { skipped, last, row };
        Ok(())
    }
}
