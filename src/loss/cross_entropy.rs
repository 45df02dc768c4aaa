//! Softmax cross-entropy with options.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};

use super::{
    Loss, SoftmaxCrossEntropy,
    labels::{Labels, ignores_a_label, rows, weighs_classes},
};
use crate::{Error, Scalar, error::check};

/// Softmax cross-entropy with label smoothing, class weights and an ignored label; made by the methods of
/// [`SoftmaxCrossEntropy`].
///
/// With `q_c = (1 − s) [c = y] w_y + (s / C) w_c` the loss of a row is `−Σ q_c log softmax(p)_c`. The mean divides by the sum
/// of the `w_y` of the rows that are not ignored. Targets that are probabilities (`Array2<F>`) take the place of `[c = y]`;
/// then the mean divides by the number of rows. `torch.nn.CrossEntropyLoss`.
///
/// Source of the smoothing: C. Szegedy et al., *Rethinking the Inception Architecture*, arXiv 1512.00567 (2016).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CrossEntropy {
    smoothing: f64,
    labels: Labels,
}

impl SoftmaxCrossEntropy {
    /// Gives a share of every target to all classes alike, from 0 to 1.
    #[must_use]
    pub fn label_smoothing(self, smoothing: f64) -> CrossEntropy {
        CrossEntropy::default().label_smoothing(smoothing)
    }

    /// Multiplies the loss of each class, one weight for each, at least 0.
    #[must_use]
    pub fn class_weights(self, weights: impl Into<Vec<f64>>) -> CrossEntropy {
        CrossEntropy::default().class_weights(weights)
    }

    /// Passes over rows with this label, which need not be one of a class.
    #[must_use]
    pub fn ignore(self, label: usize) -> CrossEntropy {
        CrossEntropy::default().ignore(label)
    }
}

impl CrossEntropy {
    /// Gives a share of every target to all classes alike, from 0 to 1. Default: 0.
    #[must_use]
    pub fn label_smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = smoothing;
        self
    }

    weighs_classes!();
    ignores_a_label!();

    /// One row, of which `share` gives each class its part: `−Σ q log softmax(p)` and `factor (softmax(p) Σq − q)`.
    fn row<F: Scalar>(
        &self,
        logits: ArrayView1<'_, F>,
        share: impl Fn(usize) -> F,
        factor: F,
        gradient: &mut ArrayViewMut1<'_, F>,
    ) -> F {
        let even = F::of(self.smoothing / logits.len() as f64);
        let kept = F::of(1.0 - self.smoothing);
        let part = |class: usize| (kept * share(class) + even) * self.labels.weight(class);
        let largest = logits
            .iter()
            .fold(F::neg_infinity(), |largest, &p| largest.max(p));
        let sum: F = logits.iter().map(|&p| (p - largest).exp()).sum();
        let (mut value, mut parts) = (F::zero(), F::zero());
        for (class, &p) in logits.iter().enumerate() {
            let q = part(class);
            parts += q;
            // Where a class has no part, a logit of any size costs nothing.
            if q != F::zero() {
                value += q * (sum.ln() - (p - largest));
            }
        }
        for ((class, g), &p) in gradient.iter_mut().enumerate().zip(logits) {
            *g = factor * ((p - largest).exp() / sum * parts - part(class));
        }
        value
    }
}

impl<F: Scalar> Loss<F, Array1<usize>> for CrossEntropy {
    fn check(&self, outputs: usize, targets: &ArrayView1<'_, usize>) -> Result<(), Error> {
        check::share("label_smoothing", self.smoothing)?;
        self.labels.check(outputs, targets)
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
        for (row, logits, label, mut gradient) in rows(&predictions, targets, &mut gradient) {
            if Some(label) == self.labels.ignored {
                gradient.fill(F::zero());
                continue;
            }
            let weight = weights.map_or(F::one(), |weights| weights[row]);
            let share = |class| if class == label { F::one() } else { F::zero() };
            total += weight * self.row(logits, share, scale * weight, &mut gradient);
        }
        total
    }

    fn total_weight(
        &self,
        _: usize,
        targets: &ArrayView1<'_, usize>,
        weights: Option<ArrayView1<'_, F>>,
    ) -> F {
        self.labels.total(targets, weights)
    }
}

/// Targets that are probabilities. Spelt out for both scalars: for any, it would overlap with that for every
/// [`Pointwise`](super::Pointwise).
macro_rules! soft_targets {
    ($($scalar:ty),*) => {
        $(
        impl Loss<$scalar, Array2<$scalar>> for CrossEntropy {
            fn check(&self, outputs: usize, targets: &ArrayView2<'_, $scalar>) -> Result<(), Error> {
                check::share("label_smoothing", self.smoothing)?;
                self.labels.validate(outputs)?;
                if targets.ncols() != outputs {
                    return Err(Error::shape("targets (columns)", &[targets.ncols()], &[outputs]));
                }
                let bad = targets.iter().find(|target| !(0.0..=1.0).contains(*target));
                bad.map_or(Ok(()), |target| Err(Error::invalid("a target", target, "a probability from 0 to 1")))
            }

            fn value_and_gradient(
                &self,
                predictions: ArrayView2<'_, $scalar>,
                targets: &ArrayView2<'_, $scalar>,
                weights: Option<ArrayView1<'_, $scalar>>,
                scale: $scalar,
                mut gradient: ArrayViewMut2<'_, $scalar>,
            ) -> $scalar {
                let mut total = 0.0;
                let rows = predictions.rows().into_iter().zip(targets.rows()).zip(gradient.rows_mut());
                for (row, ((logits, target), mut gradient)) in rows.enumerate() {
                    let weight = weights.map_or(1.0, |weights| weights[row]);
                    total += weight * self.row(logits, |class| target[class], scale * weight, &mut gradient);
                }
                total
            }
        }

        impl Loss<$scalar, Array2<$scalar>> for SoftmaxCrossEntropy {
            fn check(&self, outputs: usize, targets: &ArrayView2<'_, $scalar>) -> Result<(), Error> {
                Loss::<$scalar, Array2<$scalar>>::check(&CrossEntropy::default(), outputs, targets)
            }

            fn value_and_gradient(
                &self,
                predictions: ArrayView2<'_, $scalar>,
                targets: &ArrayView2<'_, $scalar>,
                weights: Option<ArrayView1<'_, $scalar>>,
                scale: $scalar,
                gradient: ArrayViewMut2<'_, $scalar>,
            ) -> $scalar {
                Loss::<$scalar, Array2<$scalar>>::value_and_gradient(&CrossEntropy::default(), predictions, targets, weights, scale, gradient)
            }
        }
        )*
    };
}

soft_targets!(f32, f64);
