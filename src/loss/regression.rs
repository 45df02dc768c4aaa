//! Losses for numbers.

use super::Pointwise;
use crate::{Error, Scalar, error::check};

/// Mean squared error: `(p − y)²`, without a half; slope `2 (p − y)`. `torch.nn.MSELoss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MeanSquaredError;

impl<F: Scalar> Pointwise<F> for MeanSquaredError {
    #[inline]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let error = prediction - target;
        (error * error, error + error)
    }
}

/// Mean absolute error: `|p − y|`; slope the sign, 0 at 0. `torch.nn.L1Loss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MeanAbsoluteError;

impl<F: Scalar> Pointwise<F> for MeanAbsoluteError {
    #[inline]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let error = prediction - target;
        (
            error.abs(),
            if error == F::zero() {
                F::zero()
            } else {
                error.signum()
            },
        )
    }
}

/// Huber's loss: `d²/2` where the error d is at most δ, and `δ (|d| − δ/2)` beyond. `torch.nn.HuberLoss`.
///
/// Source: P. J. Huber, *Robust Estimation of a Location Parameter* (1964).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    delta: f64,
}

impl Huber {
    /// With this δ, above 0.
    #[must_use]
    pub fn new(delta: f64) -> Self {
        Self { delta }
    }
}

/// δ = 1.
impl Default for Huber {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl<F: Scalar> Pointwise<F> for Huber {
    #[inline]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let (delta, half) = (F::of(self.delta), F::of(0.5));
        let error = prediction - target;
        let clamped = error.max(-delta).min(delta);
        (
            clamped * (error - half * clamped),
            if error.is_nan() { error } else { clamped },
        )
    }

    fn validate(&self) -> Result<(), Error> {
        check::positive("delta", self.delta)
    }
}
