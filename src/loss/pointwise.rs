//! Losses of single numbers.

use std::fmt::Debug;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use pulp::{Arch, NullaryFnOnce};

use super::{Loss, sum_of_weights};
use crate::{Error, Scalar};

/// A loss of one prediction and one target: what a [`Rule`](crate::optim::Rule) is for weights.
///
/// It is a [`Loss`] for targets in a matrix (as many columns as the model has outputs) and in a vector (one output).
/// The mean is over all numbers, as in PyTorch.
///
/// `value_and_slope` is called for every prediction and should be `#[inline(always)]`; without a branch or a call it is
/// vectorised.
///
/// ```
/// use downhill::{Scalar, loss::Pointwise};
///
/// /// `log cosh(p − y)`, as it stands in the book (it overflows for errors beyond 700).
/// #[derive(Debug)]
/// struct LogCosh;
///
/// impl<F: Scalar> Pointwise<F> for LogCosh {
///     fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
///         let error = prediction - target;
///         (error.cosh().ln(), error.tanh())
///     }
/// }
/// ```
pub trait Pointwise<F: Scalar>: Debug + Send + Sync {
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
        if weights.is_none()
            && let (Some(predictions), Some(targets), Some(gradient)) = (
                predictions.as_slice(),
                targets.as_slice(),
                gradient.as_slice_mut(),
            )
        {
            return elements(self, predictions, targets, None, scale, gradient);
        }
        let rows = predictions
            .axis_iter(Axis(0))
            .zip(targets.axis_iter(Axis(0)))
            .zip(gradient.axis_iter_mut(Axis(0)));
        let mut sum = F::zero();
        for (row, ((predictions, targets), gradient)) in rows.enumerate() {
            let weight = weights.map_or(F::one(), |weights| weights[row]);
            for ((&prediction, &target), gradient) in predictions.iter().zip(targets).zip(gradient) {
                sum += element(self, prediction, target, weight, scale, gradient);
            }
        }
        sum
    }

    #[inline]
    fn single(&self, prediction: F, targets: &ArrayView2<'_, F>, row: usize) -> Option<(F, F)> {
        let target = targets.get((row, 0))?;
        Some(self.value_and_slope(prediction, *target))
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
        if let (Some(predictions), Some(targets), Some(gradient)) = (
            predictions.as_slice(),
            targets.as_slice(),
            gradient.as_slice_mut(),
        ) && let Some(weights) = weights
            .as_ref()
            .map_or(Some(None), |weights| weights.as_slice().map(Some))
        {
            return elements(self, predictions, targets, weights, scale, gradient);
        }
        let rows = predictions
            .iter()
            .zip(targets)
            .zip(gradient.iter_mut())
            .enumerate();
        rows.map(|(row, ((&prediction, &target), gradient))| {
            let weight = weights.map_or(F::one(), |weights| weights[row]);
            element(self, prediction, target, weight, scale, gradient)
        })
        .sum()
    }

    #[inline]
    fn single(&self, prediction: F, targets: &ArrayView1<'_, F>, row: usize) -> Option<(F, F)> {
        let target = targets.get(row)?;
        Some(self.value_and_slope(prediction, *target))
    }
}

/// One term, and its gradient.
#[inline(always)]
fn element<F: Scalar, L: Pointwise<F> + ?Sized>(
    loss: &L,
    prediction: F,
    target: F,
    weight: F,
    scale: F,
    gradient: &mut F,
) -> F {
    let (value, slope) = loss.value_and_slope(prediction, target);
    *gradient = scale * weight * slope;
    weight * value
}

/// The sum of terms that lie end to end, vectorised where it pays.
#[inline]
fn elements<F: Scalar, L: Pointwise<F> + ?Sized>(
    loss: &L,
    predictions: &[F],
    targets: &[F],
    weights: Option<&[F]>,
    scale: F,
    gradient: &mut [F],
) -> F {
    if let ([prediction], [target], None, [gradient]) = (predictions, targets, weights, &mut *gradient) {
        return element(loss, *prediction, *target, F::one(), scale, gradient);
    }
    Arch::new().dispatch(Elements {
        loss,
        predictions,
        targets,
        weights,
        scale,
        gradient,
    })
}

struct Elements<'a, F, L: ?Sized> {
    loss: &'a L,
    predictions: &'a [F],
    targets: &'a [F],
    weights: Option<&'a [F]>,
    scale: F,
    gradient: &'a mut [F],
}

/// How many sums are kept side by side.
const LANES: usize = 64;

impl<F: Scalar, L: Pointwise<F> + ?Sized> NullaryFnOnce for Elements<'_, F, L> {
    type Output = F;

    /// In blocks whose slices are cut to one length first, so that the loop has no bounds check.
    #[inline(always)]
    fn call(self) -> F {
        let (mut sums, ones) = ([F::zero(); LANES], [F::one(); LANES]);
        let (len, scale) = (self.gradient.len(), self.scale);
        let (predictions, targets) = (&self.predictions[..len], &self.targets[..len]);
        let mut start = 0;
        while start < len {
            let end = (start + LANES).min(len);
            let (predictions, targets) = (&predictions[start..end], &targets[start..end]);
            let gradient = &mut self.gradient[start..end];
            let weights = match self.weights {
                Some(weights) => &weights[start..end],
                None => &ones[..end - start],
            };
            let sums = &mut sums[..end - start];
            for i in 0..sums.len() {
                sums[i] += element(
                    self.loss,
                    predictions[i],
                    targets[i],
                    weights[i],
                    scale,
                    &mut gradient[i],
                );
            }
            start = end;
        }
        halve(sums)
    }
}

/// The sum of all lanes: the upper half onto the lower until one is left.
#[inline(always)]
fn halve<F: Scalar>(mut lanes: [F; LANES]) -> F {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}
