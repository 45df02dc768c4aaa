//! Losses for classes.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};

use super::{Loss, Pointwise, labels::rows, sum_of_weights};
use crate::{Error, Scalar, error::check, math};

/// Binary cross-entropy of a logit: `(1 − y) p + L log(1 + e⁻ᵖ)` with `L = 1 + (c − 1) y`, computed so that no logit
/// overflows; slope `(1 − y) − L σ(−p)`. Targets are probabilities in \[0, 1\].
///
/// `torch.nn.BCEWithLogitsLoss(pos_weight=c)`. `c` weighs the positive class; default 1. Where each output has a weight of its
/// own: [`BinaryCrossEntropy::positive_weights`].
///
/// Source: D. R. Cox, *The Regression Analysis of Binary Sequences* (1958).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinaryCrossEntropy {
    positive_weight: f64,
}

impl BinaryCrossEntropy {
    /// Both classes count alike.
    #[must_use]
    pub fn new() -> Self {
        Self { positive_weight: 1.0 }
    }

    /// Multiplies the loss of positive targets, at least 0. Default: 1.
    #[must_use]
    pub fn positive_weight(mut self, weight: f64) -> Self {
        self.positive_weight = weight;
        self
    }

    /// Multiplies the loss of positive targets, each output's by a weight of its own, at least 0.
    ///
    /// ```
    /// use downhill::loss::{self, BinaryCrossEntropy, Reduction};
    /// use downhill::ndarray::array;
    ///
    /// let rare = BinaryCrossEntropy::new().positive_weights([1.0, 5.0]);
    /// let (logits, both) = (array![[0.0, 0.0]], array![[1.0, 1.0]]);
    /// let (value, _) = loss::value_and_gradient(&rare, logits.view(), &both, Reduction::Sum)?;
    /// assert!((value - 6.0 * f64::ln(2.0)).abs() < 1e-15);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    #[must_use]
    pub fn positive_weights(self, weights: impl IntoIterator<Item = f64>) -> BinaryCrossEntropies {
        let of_outputs = weights.into_iter().map(|weight| self.positive_weight(weight));
        BinaryCrossEntropies {
            of_outputs: of_outputs.collect(),
        }
    }
}

/// [`BinaryCrossEntropy`] of several outputs, each with a weight of its own for positive targets.
///
/// `torch.nn.BCEWithLogitsLoss(pos_weight=tensor)`. Made by [`BinaryCrossEntropy::positive_weights`]; targets are a matrix with
/// as many columns as there are weights.
#[derive(Debug, Clone, PartialEq)]
pub struct BinaryCrossEntropies {
    of_outputs: Vec<BinaryCrossEntropy>,
}

/// Spelt out for both scalars: for any, it would overlap with that for every [`Pointwise`].
macro_rules! of_outputs {
    ($($scalar:ty),*) => {
        $(impl Loss<$scalar> for BinaryCrossEntropies {
            fn check(&self, outputs: usize, targets: &ArrayView2<'_, $scalar>) -> Result<(), Error> {
                if self.of_outputs.len() != outputs {
                    return Err(Error::shape("positive_weights", &[self.of_outputs.len()], &[outputs]));
                }
                let mut losses = self.of_outputs.iter();
                losses.try_for_each(|loss| Loss::<$scalar>::check(loss, outputs, targets))
            }

            fn value_and_gradient(
                &self,
                predictions: ArrayView2<'_, $scalar>,
                targets: &ArrayView2<'_, $scalar>,
                weights: Option<ArrayView1<'_, $scalar>>,
                scale: $scalar,
                mut gradient: ArrayViewMut2<'_, $scalar>,
            ) -> $scalar {
                let mut sum = 0.0;
                let rows = predictions.rows().into_iter().zip(targets.rows()).zip(gradient.rows_mut());
                for (row, ((logits, targets), gradient)) in rows.enumerate() {
                    let weight = weights.map_or(1.0, |weights| weights[row]);
                    let terms = logits.into_iter().zip(targets).zip(gradient).zip(&self.of_outputs);
                    for (((&logit, &target), gradient), loss) in terms {
                        let (value, slope) = loss.value_and_slope(logit, target);
                        *gradient = scale * weight * slope;
                        sum += weight * value;
                    }
                }
                sum
            }

            fn total_weight(
                &self,
                outputs: usize,
                targets: &ArrayView2<'_, $scalar>,
                weights: Option<ArrayView1<'_, $scalar>>,
            ) -> $scalar {
                outputs as $scalar * sum_of_weights::<$scalar, Array2<$scalar>>(targets, weights)
            }
        })*
    };
}

of_outputs!(f32, f64);

impl Default for BinaryCrossEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Scalar> Pointwise<F> for BinaryCrossEntropy {
    #[inline(always)]
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let one = F::one();
        let weight = one + (F::of(self.positive_weight) - one) * target;
        let (softplus, sigmoid) = math::softplus(-prediction);
        (
            (one - target) * prediction + weight * softplus,
            (one - target) - weight * sigmoid,
        )
    }

    fn check_target(&self, target: F) -> Result<(), Error> {
        check::require(
            target >= F::zero() && target <= F::one(),
            "a target",
            target,
            "a probability from 0 to 1",
        )
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("positive_weight", self.positive_weight)
    }
}

/// Softmax cross-entropy with class labels: `log Σⱼ e^pⱼ − p_y` of a row of logits; gradient `softmax(p) − e_y`.
///
/// The largest logit is subtracted first, so that nothing overflows. Targets are `Array1<usize>`, from 0.
/// `torch.nn.CrossEntropyLoss`.
///
/// Source: J. Bridle, *Probabilistic Interpretation of Feedforward Classification Network Outputs* (1990).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SoftmaxCrossEntropy;

impl<F: Scalar> Loss<F, Array1<usize>> for SoftmaxCrossEntropy {
    fn check(&self, outputs: usize, targets: &ArrayView1<'_, usize>) -> Result<(), Error> {
        check::labels(targets, outputs, None)
    }

    fn value_and_gradient(
        &self,
        predictions: ArrayView2<'_, F>,
        targets: &ArrayView1<'_, usize>,
        weights: Option<ArrayView1<'_, F>>,
        scale: F,
        mut gradient: ArrayViewMut2<'_, F>,
    ) -> F {
        let mut total = F::zero();
        let weight = |row: usize| weights.map_or(F::one(), |weights| weights[row]);
        for (row, logits, label, mut shifted) in rows(&predictions, targets, &mut gradient) {
            let largest = logits
                .iter()
                .fold(F::neg_infinity(), |largest, &p| largest.max(p));
            for (shifted, &p) in shifted.iter_mut().zip(logits) {
                *shifted = p - largest;
            }
            // A label has been checked to be in range; if not, the loss is NaN and the run stops.
            total -= weight(row) * shifted.get(label).copied().unwrap_or(F::nan());
        }
        match gradient.as_slice_mut() {
            Some(all) => math::exp_all(all),
            None => gradient.mapv_inplace(math::exp),
        }
        let rows = gradient.axis_iter_mut(Axis(0)).zip(targets);
        for (row, (mut gradient, &label)) in rows.enumerate() {
            let sum: F = gradient.iter().copied().sum();
            let scale = scale * weight(row);
            let factor = scale / sum;
            for g in &mut gradient {
                *g *= factor;
            }
            if let Some(g) = gradient.get_mut(label) {
                *g -= scale;
            }
            total += weight(row) * sum.ln();
        }
        total
    }
}
