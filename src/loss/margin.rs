//! Losses with a margin, and focal loss, for two classes.

use super::{Pointwise, positive_part};
use crate::{Error, Scalar, error::check, math::softplus};

/// Targets of margin losses are −1 and 1.
fn check_sign<F: Scalar>(target: F) -> Result<(), Error> {
    check::require(target.abs() == F::one(), "a target", target, "1 or -1")
}

/// The hinge loss `max(0, 1 − y p)` of support vector machines, y being 1 or −1; at the kink the slope is
/// half that before it. `optax.losses.hinge_loss`.
///
/// Source: C. Cortes and V. Vapnik, *Support-Vector Networks* (1995).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hinge;

impl<F: Scalar> Pointwise<F> for Hinge {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let short = F::one() - target * prediction;
        let share = if short == F::zero() { F::of(0.5) } else { F::zero() };
        let slope = if short > F::zero() {
            -target
        } else {
            -share * target
        };
        (positive_part(short), slope)
    }

    fn check_target(&self, target: F) -> Result<(), Error> {
        check_sign(target)
    }
}

/// The squared hinge loss `max(0, 1 − y p)²`, y being 1 or −1. Keras's `SquaredHinge`.
///
/// Source: C. Cortes and V. Vapnik, *Support-Vector Networks* (1995), with the power 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SquaredHinge;

impl<F: Scalar> Pointwise<F> for SquaredHinge {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let short = positive_part(F::one() - target * prediction);
        (short * short, -(short + short) * target)
    }

    fn check_target(&self, target: F) -> Result<(), Error> {
        check_sign(target)
    }
}

/// The logistic loss of signs: `log(1 + e^(−y p))`, y being 1 or −1.
///
/// Source: `torch.nn.SoftMarginLoss`, but stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SoftMargin;

impl<F: Scalar> Pointwise<F> for SoftMargin {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let (value, sigmoid) = softplus(-target * prediction);
        (value, -target * sigmoid)
    }

    fn check_target(&self, target: F) -> Result<(), Error> {
        check_sign(target)
    }
}

/// Of distances p: `p` where the two are alike (y = 1), `max(0, m − p)` where they are not (y = −1).
///
/// Source: `torch.nn.HingeEmbeddingLoss`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HingeEmbedding {
    margin: f64,
}

impl HingeEmbedding {
    /// With this margin m; PyTorch's is 1.
    #[must_use]
    pub fn new(margin: f64) -> Self {
        Self { margin }
    }
}

impl<F: Scalar> Pointwise<F> for HingeEmbedding {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let short = F::of(self.margin) - prediction;
        if target > F::zero() {
            (prediction, F::one())
        } else {
            let slope = if short > F::zero() { -F::one() } else { F::zero() };
            (positive_part(short), slope)
        }
    }

    fn check_target(&self, target: F) -> Result<(), Error> {
        check_sign(target)
    }

    fn validate(&self) -> Result<(), Error> {
        check::require(
            self.margin.is_finite(),
            "margin of HingeEmbedding",
            self.margin,
            "finite",
        )
    }
}

/// Focal loss of a logit: binary cross-entropy, times `(1 − pₜ)^γ` with pₜ the probability given to the truth, so that what
/// is already right counts little; positive targets times α, others `1 − α`.
///
/// Targets are probabilities in \[0, 1\]. `optax.losses.sigmoid_focal_loss`.
///
/// Source: T.-Y. Lin et al., *Focal Loss for Dense Object Detection*, arXiv 1708.02002 (2017).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Focal {
    gamma: f64,
    alpha: Option<f64>,
}

impl Focal {
    /// With this γ, at least 0; the paper's is 2. Both classes count alike.
    #[must_use]
    pub fn new(gamma: f64) -> Self {
        Self { gamma, alpha: None }
    }

    /// Sets α, from 0 to 1; the paper's is 0.25.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = Some(alpha);
        self
    }
}

impl<F: Scalar> Pointwise<F> for Focal {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let (one, gamma) = (F::one(), F::of(self.gamma));
        let (above, positive) = softplus(prediction);
        let (_, negative) = softplus(-prediction);
        let entropy = above - target * prediction;
        // The probability that the truth is not given; its share in both classes is never negative.
        let missing = positive * (one - target) + negative * target;
        let weight = self
            .alpha
            .map_or(one, |a| F::of(a) * target + F::of(1.0 - a) * (one - target));
        let focus = missing.powf(gamma);
        let change = if missing > F::zero() {
            positive * negative * (one - target - target) / missing
        } else {
            F::zero()
        };
        let slope = focus * (positive - target + gamma * entropy * change);
        (weight * focus * entropy, weight * slope)
    }

    fn check_target(&self, target: F) -> Result<(), Error> {
        let legal = target >= F::zero() && target <= F::one();
        check::require(legal, "a target", target, "a probability from 0 to 1")
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("gamma of Focal", self.gamma)?;
        check::share("alpha of Focal", self.alpha.unwrap_or(0.5))
    }
}
