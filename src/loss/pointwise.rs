//! Losses of single numbers.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};

use super::{Loss, sum_of_weights};
use crate::{Error, Scalar};

/// A loss of one prediction and one target: what a [`Rule`](crate::optim::Rule) is for weights.
///
/// It is a [`Loss`] for targets in a matrix (as many columns as the model has outputs) and in a vector (one output).
/// The mean is over all numbers, as in PyTorch.
///
/// ```
/// use downhill::{Scalar, loss::Pointwise};
///
/// /// `log cosh(p − y)`, as it stands in the book (it overflows for errors beyond 700).
/// struct LogCosh;
///
/// impl<F: Scalar> Pointwise<F> for LogCosh {
///     fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
///         let error = prediction - target;
///         (error.cosh().ln(), error.tanh())
///     }
/// }
/// ```
pub trait Pointwise<F: Scalar>: Send + Sync {
    /// The loss, and its derivative with respect to the prediction.
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F);

    /// Whether a target is legal. Default: every number is.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if it is not.
    fn check_target(&self, target: F) -> Result<(), Error> {
        let _ = target;
        Ok(())
    }

    /// Whether the loss's own settings are legal.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if they are not.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl<F: Scalar, L: Pointwise<F>> Loss<F, Array2<F>> for L {
    fn check(&self, outputs: usize, targets: &ArrayView2<'_, F>) -> Result<(), Error> {
        self.validate()?;
        if targets.ncols() != outputs {
            return Err(Error::shape("targets (columns)", &[targets.ncols()], &[outputs]));
        }
        targets.iter().try_for_each(|&target| self.check_target(target))
    }

    fn value_and_gradient(
        &self,
        predictions: ArrayView2<'_, F>,
        targets: &ArrayView2<'_, F>,
        weights: Option<ArrayView1<'_, F>>,
        scale: F,
        mut gradient: ArrayViewMut2<'_, F>,
    ) -> F {
        let mut sum = F::zero();
        let rows = predictions
            .axis_iter(Axis(0))
            .zip(targets.axis_iter(Axis(0)))
            .zip(gradient.axis_iter_mut(Axis(0)));
        for (row, ((predictions, targets), gradient)) in rows.enumerate() {
            let weight = weights.map_or(F::one(), |weights| weights[row]);
            sum += self.row(predictions.iter().zip(targets).zip(gradient), weight, scale);
        }
        sum
    }

    fn total_weight(
        &self,
        outputs: usize,
        targets: &ArrayView2<'_, F>,
        weights: Option<ArrayView1<'_, F>>,
    ) -> F {
        F::of(outputs as f64) * sum_of_weights::<F, Array2<F>>(targets, weights)
    }
}

impl<F: Scalar, L: Pointwise<F>> Loss<F, Array1<F>> for L {
    fn check(&self, outputs: usize, targets: &ArrayView1<'_, F>) -> Result<(), Error> {
        self.validate()?;
        if outputs != 1 {
            return Err(Error::shape(
                "targets",
                &[targets.len()],
                &[targets.len(), outputs],
            ));
        }
        targets.iter().try_for_each(|&target| self.check_target(target))
    }

    fn value_and_gradient(
        &self,
        predictions: ArrayView2<'_, F>,
        targets: &ArrayView1<'_, F>,
        weights: Option<ArrayView1<'_, F>>,
        scale: F,
        mut gradient: ArrayViewMut2<'_, F>,
    ) -> F {
        let elements = predictions.iter().zip(targets).zip(gradient.iter_mut());
        match weights {
            None => self.row(elements, F::one(), scale),
            Some(weights) => elements
                .zip(weights)
                .map(|(element, &w)| self.row(std::iter::once(element), w, scale))
                .sum(),
        }
    }
}

/// The sum over some elements that share a weight.
trait Row<F: Scalar>: Pointwise<F> {
    #[inline]
    fn row<'a>(&self, elements: impl Iterator<Item = ((&'a F, &'a F), &'a mut F)>, weight: F, scale: F) -> F {
        let mut sum = F::zero();
        for ((&prediction, &target), gradient) in elements {
            let (value, slope) = self.value_and_slope(prediction, target);
            *gradient = scale * weight * slope;
            sum += value;
        }
        weight * sum
    }
}

impl<F: Scalar, L: Pointwise<F>> Row<F> for L {}
