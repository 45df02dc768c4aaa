//! The memory that most rules are made of.

use crate::Scalar;

/// A moving average, `a ← β a + (1 − β) x`: a coefficient of rules that keep one in a slot.
///
/// ```
/// use downhill::optim::MovingAverage;
/// let (average, mut slot) = (MovingAverage::new(0.75), 8.0_f64);
/// average.add(&mut slot, 4.0);
/// assert_eq!(slot, 7.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MovingAverage<F> {
    /// β, what is kept of it at each step.
    pub kept: F,
    /// 1 − β, what a value counts with.
    pub fresh: F,
}

impl<F: Scalar> MovingAverage<F> {
    /// That keeps `beta` of itself at each step; 1 − β is taken in `f64`.
    pub fn new(beta: f64) -> Self {
        Self {
            kept: F::of(beta),
            fresh: F::of(1.0 - beta),
        }
    }

    /// That counts a value with `fresh`, whatever it keeps.
    pub(super) fn weighing(kept: f64, fresh: f64) -> Self {
        Self {
            kept: F::of(kept),
            fresh: F::of(fresh),
        }
    }

    /// Takes in a value.
    #[inline(always)]
    pub fn add(&self, average: &mut F, value: F) {
        *average = self.kept * *average + self.fresh * value;
    }
}
