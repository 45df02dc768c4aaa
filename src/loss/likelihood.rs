//! Losses that are likelihoods.

use ndarray::{Array1, ArrayView1, ArrayView2, ArrayViewMut2};

use super::{Loss, Pointwise, positive_part};
use crate::{Error, Scalar, error::check};

/// Poisson negative log-likelihood of a log rate: `eᵖ − y p`. Targets are at least 0. `torch.nn.PoissonNLLLoss`.
///
/// Source: P. McCullagh and J. Nelder, *Generalized Linear Models* (1989).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoissonNll {
    rate: Option<f64>,
    full: bool,
}

impl PoissonNll {
    /// Of predictions that are logarithms of rates.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rate: None,
            full: false,
        }
    }

    /// Of predictions that are rates: `p − y log(p + ε)`, ε above 0; PyTorch's is 1e-8.
    #[must_use]
    pub fn of_rates(epsilon: f64) -> Self {
        Self {
            rate: Some(epsilon),
            full: false,
        }
    }

    /// Adds Stirling's approximation of `log y!` where y > 1; no gradient changes.
    #[must_use]
    pub fn full(mut self) -> Self {
        self.full = true;
        self
    }
}

impl Default for PoissonNll {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Scalar> Pointwise<F> for PoissonNll {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let (value, slope) = match self.rate {
            None => (prediction.exp() - target * prediction, prediction.exp() - target),
            Some(epsilon) => {
                let shifted = prediction + F::of(epsilon);
                (prediction - target * shifted.ln(), F::one() - target / shifted)
            }
        };
        let stirling = if self.full && target > F::one() {
            target * target.ln() - target + F::of(0.5) * (F::of(std::f64::consts::TAU) * target).ln()
        } else {
            F::zero()
        };
        (value + stirling, slope)
    }

    fn check_target(&self, target: F) -> Result<(), Error> {
        check::require(target >= F::zero(), "a target", target, "at least 0")
    }

    fn validate(&self) -> Result<(), Error> {
        check::positive("epsilon of PoissonNll", self.rate.unwrap_or(1.0))
    }
}

/// Half the Tweedie deviance of a log mean p, but for what depends on the target alone:
/// `e^((2−k) p) / (2−k) − y e^((1−k) p) / (1−k)` with the power k between 1 and 2; at 1 Poisson's `eᵖ − y p`, at 2
/// gamma's `p + y e⁻ᵖ`.
///
/// Targets are at least 0; above 0 for gamma. scikit-learn's `TweedieRegressor` with a log link.
///
/// Source: B. Jørgensen, *Exponential Dispersion Models* (1987).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tweedie {
    power: f64,
}

impl Tweedie {
    /// With this power, from 1 to 2.
    #[must_use]
    pub fn new(power: f64) -> Self {
        Self { power }
    }

    /// Gamma: the power 2, for positive targets whose spread grows with their mean.
    #[must_use]
    pub fn gamma() -> Self {
        Self::new(2.0)
    }
}

impl<F: Scalar> Pointwise<F> for Tweedie {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let (to_one, to_two) = (1.0 - self.power, 2.0 - self.power);
        let (small, large) = (
            (F::of(to_one) * prediction).exp(),
            (F::of(to_two) * prediction).exp(),
        );
        let slope = large - target * small;
        let grows = if to_two == 0.0 {
            prediction
        } else {
            large / F::of(to_two)
        };
        let falls = if to_one == 0.0 {
            prediction
        } else {
            small / F::of(to_one)
        };
        (grows - target * falls, slope)
    }

    fn check_target(&self, target: F) -> Result<(), Error> {
        let (legal, expected) = if self.power < 2.0 {
            (target >= F::zero(), "at least 0")
        } else {
            (target > F::zero(), "above 0")
        };
        check::require(legal, "a target", target, expected)
    }

    fn validate(&self) -> Result<(), Error> {
        check::require(
            (1.0..=2.0).contains(&self.power),
            "power of Tweedie",
            self.power,
            "from 1 to 2",
        )
    }
}

/// Kullback–Leibler divergence of log-probabilities p from probabilities y: `y (log y − p)`, 0 where y is 0, summed over
/// all numbers. `torch.nn.KLDivLoss`; the mean is over all numbers, as its `mean`.
///
/// Source: S. Kullback and R. Leibler, *On Information and Sufficiency* (1951).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KlDivergence {
    log_target: bool,
}

impl KlDivergence {
    /// From targets that are probabilities.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From targets that are log-probabilities: `eʸ (y − p)`.
    #[must_use]
    pub fn of_log_targets() -> Self {
        Self { log_target: true }
    }
}

impl<F: Scalar> Pointwise<F> for KlDivergence {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        if self.log_target {
            let probability = target.exp();
            (probability * (target - prediction), -probability)
        } else if target > F::zero() {
            (target * (target.ln() - prediction), -target)
        } else {
            (F::zero(), -target)
        }
    }

    fn check_target(&self, target: F) -> Result<(), Error> {
        check::require(
            self.log_target || target >= F::zero(),
            "a target",
            target,
            "at least 0",
        )
    }
}

/// Gaussian negative log-likelihood: the model has two outputs, mean μ and variance v, and the loss is
/// `(log v + (y − μ)² / v) / 2`. A variance below ε counts as ε, but its gradient passes. `torch.nn.GaussianNLLLoss`.
///
/// Source: D. Nix and A. Weigend, *Estimating the Mean and Variance of the Target Probability Distribution* (1994).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianNll {
    epsilon: f64,
    full: bool,
}

impl GaussianNll {
    /// With ε 1e-6 and without the constant.
    #[must_use]
    pub fn new() -> Self {
        Self {
            epsilon: 1e-6,
            full: false,
        }
    }

    /// Sets ε, the least variance, above 0. Default: 1e-6.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Adds the constant `log(2π) / 2`.
    #[must_use]
    pub fn full(mut self) -> Self {
        self.full = true;
        self
    }
}

impl Default for GaussianNll {
    fn default() -> Self {
        Self::new()
    }
}

/// The continuous ranked probability score of a normal distribution: the model has two outputs, mean μ and log of the
/// standard deviation s; with `z = (y − μ) / eˢ` the loss is `eˢ (z (2Φ(z) − 1) + 2φ(z) − 1/√π)`.
///
/// Source: T. Gneiting and A. Raftery, *Strictly Proper Scoring Rules, Prediction, and Estimation* (2007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GaussianCrps;

/// Margin ranking: the model has two outputs a and b, and the target is 1 if a should be the higher, −1 if b:
/// `max(0, m − y (a − b))`. `torch.nn.MarginRankingLoss`.
///
/// Source: R. Herbrich, T. Graepel and K. Obermayer, *Large Margin Rank Boundaries for Ordinal Regression* (2000).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarginRanking {
    margin: f64,
}

impl MarginRanking {
    /// With this margin m, finite; PyTorch's is 0.
    #[must_use]
    pub fn new(margin: f64) -> Self {
        Self { margin }
    }
}

/// A loss of two outputs and one target: its value and its slopes.
trait TwoOutputs<F: Scalar> {
    fn value_and_slopes(&self, outputs: [F; 2], target: F) -> (F, [F; 2]);

    fn legal(&self) -> Result<(), Error>;

    fn legal_target(&self, target: F) -> Result<(), Error> {
        let _ = target;
        Ok(())
    }
}

impl<F: Scalar> TwoOutputs<F> for GaussianNll {
    #[inline]
    fn value_and_slopes(&self, [mean, variance]: [F; 2], target: F) -> (F, [F; 2]) {
        let (half, error) = (F::of(0.5), mean - target);
        let epsilon = F::of(self.epsilon);
        // A NaN stays one, so that it is noticed.
        let variance = if variance < epsilon { epsilon } else { variance };
        let constant = if self.full {
            F::of(0.5 * std::f64::consts::TAU.ln())
        } else {
            F::zero()
        };
        let share = error / variance;
        let value = half * (variance.ln() + error * share) + constant;
        (value, [share, half * (F::one() / variance - share * share)])
    }

    fn legal(&self) -> Result<(), Error> {
        check::positive("epsilon of GaussianNll", self.epsilon)
    }
}

impl<F: Scalar> TwoOutputs<F> for GaussianCrps {
    #[inline]
    fn value_and_slopes(&self, [mean, log_deviation]: [F; 2], target: F) -> (F, [F; 2]) {
        let deviation = log_deviation.exp();
        let z = (target - mean) / deviation;
        let balance = (z * F::of(std::f64::consts::FRAC_1_SQRT_2)).erf();
        let density = (-z * z * F::of(0.5)).exp() * F::of(0.398_942_280_401_432_7);
        let width = density + density - F::of(0.564_189_583_547_756_3);
        (deviation * (z * balance + width), [-balance, deviation * width])
    }

    fn legal(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl<F: Scalar> TwoOutputs<F> for MarginRanking {
    #[inline]
    fn value_and_slopes(&self, [a, b]: [F; 2], target: F) -> (F, [F; 2]) {
        let value = F::of(self.margin) - target * (a - b);
        let slope = if value > F::zero() { target } else { F::zero() };
        (positive_part(value), [-slope, slope])
    }

    fn legal(&self) -> Result<(), Error> {
        check::require(
            self.margin.is_finite(),
            "margin of MarginRanking",
            self.margin,
            "finite",
        )
    }

    fn legal_target(&self, target: F) -> Result<(), Error> {
        check::require(target.abs() == F::one(), "a target", target, "1 or -1")
    }
}

/// Spelt out for both scalars: for any, it would overlap with that for every [`Pointwise`].
macro_rules! two_outputs {
    ($($loss:ty),*; $scalar:ty) => {
        $(impl Loss<$scalar, Array1<$scalar>> for $loss {
            fn check(&self, outputs: usize, targets: &ArrayView1<'_, $scalar>) -> Result<(), Error> {
                TwoOutputs::<$scalar>::legal(self)?;
                if outputs != 2 {
                    return Err(Error::shape("outputs of the model", &[outputs], &[2]));
                }
                targets.iter().try_for_each(|&target| self.legal_target(target))
            }

            fn value_and_gradient(
                &self,
                predictions: ArrayView2<'_, $scalar>,
                targets: &ArrayView1<'_, $scalar>,
                weights: Option<ArrayView1<'_, $scalar>>,
                scale: $scalar,
                mut gradient: ArrayViewMut2<'_, $scalar>,
            ) -> $scalar {
                let mut sum = 0.0;
                let rows = predictions.rows().into_iter().zip(targets).zip(gradient.rows_mut());
                for (row, ((prediction, &target), mut gradient)) in rows.enumerate() {
                    let weight = weights.map_or(1.0, |weights| weights[row]);
                    let (value, slopes) = self.value_and_slopes([prediction[0], prediction[1]], target);
                    sum += weight * value;
                    gradient.iter_mut().zip(slopes).for_each(|(g, slope)| *g = scale * weight * slope);
                }
                sum
            }
        })*
    };
}

two_outputs!(GaussianNll, GaussianCrps, MarginRanking; f32);
two_outputs!(GaussianNll, GaussianCrps, MarginRanking; f64);
