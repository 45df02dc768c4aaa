//! Losses for numbers.

use super::{Pointwise, positive_part};
use crate::{Error, Scalar, error::check};

/// Mean squared error: `(p − y)²`, without a half; slope `2 (p − y)`. `torch.nn.MSELoss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MeanSquaredError;

impl<F: Scalar> Pointwise<F> for MeanSquaredError {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let error = prediction - target;
        (error * error, error + error)
    }
}

/// Mean absolute error: `|p − y|`; slope the sign, 0 at 0. `torch.nn.L1Loss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MeanAbsoluteError;

impl<F: Scalar> Pointwise<F> for MeanAbsoluteError {
    #[inline(always)]
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
    #[inline(always)]
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

/// Smooth L1: `d²/(2β)` where the error d is below β, and `|d| − β/2` beyond; Huber's loss over δ. `torch.nn.SmoothL1Loss`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothL1 {
    beta: f64,
}

impl SmoothL1 {
    /// With this β, at least 0; at 0 it is [`MeanAbsoluteError`].
    #[must_use]
    pub fn new(beta: f64) -> Self {
        Self { beta }
    }
}

impl<F: Scalar> Pointwise<F> for SmoothL1 {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let (error, beta, half) = (prediction - target, F::of(self.beta), F::of(0.5));
        if error.abs() < beta {
            (half * error * error / beta, error / beta)
        } else {
            let (size, sign): (F, F) = MeanAbsoluteError.value_and_slope(prediction, target);
            (size - half * beta, sign)
        }
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("beta of SmoothL1", self.beta)
    }
}

/// The quantile or pinball loss: `q d` where the target is d above the prediction, `(1 − q) d` where it is d below. Its
/// minimum is the quantile q of the targets. Slope 0 at the kink.
///
/// Source: R. Koenker and G. Bassett, *Regression Quantiles* (1978).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    quantile: f64,
}

impl Quantile {
    /// Of this quantile, above 0 and below 1.
    #[must_use]
    pub fn new(quantile: f64) -> Self {
        Self { quantile }
    }
}

impl<F: Scalar> Pointwise<F> for Quantile {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let (above, q) = (target - prediction, F::of(self.quantile));
        if above > F::zero() {
            (q * above, -q)
        } else if above < F::zero() {
            ((q - F::one()) * above, F::one() - q)
        } else {
            (above * above, F::zero())
        }
    }

    fn validate(&self) -> Result<(), Error> {
        let legal = self.quantile > 0.0 && self.quantile < 1.0;
        check::require(legal, "quantile", self.quantile, "above 0 and below 1")
    }
}

/// `log cosh d` of the error d, computed so that no error overflows; slope `tanh d`. `optax.losses.log_cosh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogCosh;

impl<F: Scalar> Pointwise<F> for LogCosh {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let error = prediction - target;
        let size = error.abs();
        let value = size + (-(size + size)).exp().ln_1p() - F::of(std::f64::consts::LN_2);
        (positive_part(value), error.tanh())
    }
}
