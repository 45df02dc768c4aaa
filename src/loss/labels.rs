//! Losses of class labels: likelihood, margins.

use ndarray::{Array1, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis};

use super::{Loss, positive_part};
use crate::{Error, Scalar, error::check};

/// What losses of labels have in common: class weights and an ignored label.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Labels {
    pub(super) weights: Option<Vec<f64>>,
    pub(super) ignored: Option<usize>,
}

impl Labels {
    pub(super) fn weight<F: Scalar>(&self, class: usize) -> F {
        F::of(
            self.weights
                .as_ref()
                .map_or(1.0, |weights| weights.get(class).copied().unwrap_or(f64::NAN)),
        )
    }

    pub(super) fn validate(&self, outputs: usize) -> Result<(), Error> {
        let Some(weights) = &self.weights else {
            return Ok(());
        };
        if weights.len() != outputs {
            return Err(Error::shape("class_weights", &[weights.len()], &[outputs]));
        }
        weights
            .iter()
            .try_for_each(|&weight| check::non_negative("a class weight", weight))
    }

    pub(super) fn check(&self, outputs: usize, targets: &ArrayView1<'_, usize>) -> Result<(), Error> {
        self.validate(outputs)?;
        check::labels(targets, outputs, self.ignored)
    }

    /// `Σ w_y` over the rows that count, times their own weights.
    pub(super) fn total<F: Scalar>(
        &self,
        targets: &ArrayView1<'_, usize>,
        weights: Option<ArrayView1<'_, F>>,
    ) -> F {
        let rows = targets
            .iter()
            .enumerate()
            .filter(|(_, label)| Some(**label) != self.ignored);
        rows.map(|(row, &label)| weights.map_or(F::one(), |weights| weights[row]) * self.weight(label))
            .sum()
    }
}

/// The number of each row, its predictions, its label and its gradient.
pub(super) fn rows<'a, F: Scalar>(
    predictions: &'a ArrayView2<'_, F>,
    labels: &'a ArrayView1<'_, usize>,
    gradient: &'a mut ArrayViewMut2<'_, F>,
) -> impl Iterator<Item = (usize, ArrayView1<'a, F>, usize, ArrayViewMut1<'a, F>)> {
    let of_rows = predictions.axis_iter(Axis(0)).zip(labels);
    let all = of_rows.zip(gradient.axis_iter_mut(Axis(0))).enumerate();
    all.map(|(row, ((predictions, &label), gradient))| (row, predictions, label, gradient))
}

/// The setter of class weights.
macro_rules! weighs_classes {
    () => {
        /// Multiplies the loss of each class, one weight for each, at least 0. Default: 1.
        #[must_use]
        pub fn class_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
            self.labels.weights = Some(weights.into());
            self
        }
    };
}

/// The setter of a label that is passed over.
macro_rules! ignores_a_label {
    () => {
        /// Passes over rows with this label, which need not be one of a class.
        #[must_use]
        pub fn ignore(mut self, label: usize) -> Self {
            self.labels.ignored = Some(label);
            self
        }
    };
}

pub(super) use {ignores_a_label, weighs_classes};

/// Negative log-likelihood of log-probabilities: `−w_y p_y`.
///
/// Source: `torch.nn.NLLLoss`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NegativeLogLikelihood {
    labels: Labels,
}

impl NegativeLogLikelihood {
    /// All classes alike.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    weighs_classes!();
    ignores_a_label!();
}

impl<F: Scalar> Loss<F, Array1<usize>> for NegativeLogLikelihood {
    fn check(&self, outputs: usize, targets: &ArrayView1<'_, usize>) -> Result<(), Error> {
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
        gradient.fill(F::zero());
        for (row, logs, label, mut gradient) in rows(&predictions, targets, &mut gradient) {
            if Some(label) == self.labels.ignored {
                continue;
            }
            let weight = weights.map_or(F::one(), |weights| weights[row]) * self.labels.weight(label);
            total -= weight * logs.get(label).copied().unwrap_or(F::nan());
            if let Some(g) = gradient.get_mut(label) {
                *g = -scale * weight;
            }
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

/// The multi-class hinge loss: `Σ w_y max(0, m − p_y + p_c)ᵏ / C` over the classes c that are not y.
/// `torch.nn.MultiMarginLoss`.
///
/// Source: J. Weston and C. Watkins, *Support Vector Machines for Multi-Class Pattern Recognition* (1999), over C.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiMargin {
    margin: f64,
    squared: bool,
    labels: Labels,
}

impl MultiMargin {
    /// With this margin m, finite; PyTorch's is 1. k is 1.
    #[must_use]
    pub fn new(margin: f64) -> Self {
        Self {
            margin,
            squared: false,
            labels: Labels::default(),
        }
    }

    /// Squares what is missing: k is 2.
    #[must_use]
    pub fn squared(mut self) -> Self {
        self.squared = true;
        self
    }

    weighs_classes!();
}

impl<F: Scalar> Loss<F, Array1<usize>> for MultiMargin {
    fn check(&self, outputs: usize, targets: &ArrayView1<'_, usize>) -> Result<(), Error> {
        check::require(
            self.margin.is_finite(),
            "margin of MultiMargin",
            self.margin,
            "finite",
        )?;
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
        let (mut total, margin) = (F::zero(), F::of(self.margin));
        for (row, scores, label, mut gradient) in rows(&predictions, targets, &mut gradient) {
            let weight = weights.map_or(F::one(), |weights| weights[row]) * self.labels.weight(label)
                / F::of(scores.len() as f64);
            let own = scores.get(label).copied().unwrap_or(F::nan());
            let mut pull = F::zero();
            for ((class, g), &score) in gradient.iter_mut().enumerate().zip(scores) {
                let short = if class == label {
                    F::zero()
                } else {
                    positive_part(margin - own + score)
                };
                let step = if short > F::zero() { F::one() } else { F::zero() };
                let (value, slope) = if self.squared {
                    (short * short, short + short)
                } else {
                    (short, step)
                };
                total += weight * value;
                *g = scale * weight * slope;
                pull += *g;
            }
            if let Some(g) = gradient.get_mut(label) {
                *g = -pull;
            }
        }
        total
    }
}
