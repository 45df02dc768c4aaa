//! Metrics of numbers.

use ndarray::{ArrayView1, ArrayView2};

use super::check_rows;
use crate::{Error, Scalar};

/// Errors of predicted numbers, summed batch by batch: root mean squared and mean absolute error, R².
///
/// ```
/// use downhill::metrics::Errors;
/// use downhill::ndarray::array;
///
/// let mut errors = Errors::new();
/// errors.update(array![[1.0], [2.0]].view(), &array![1.0, 3.0].view(), None)?;
/// errors.update(array![[4.0]].view(), &array![2.0].view(), None)?;
/// assert_eq!(errors.mean_absolute(), 1.0);
/// assert_eq!(errors.root_mean_squared(), (5.0_f64 / 3.0).sqrt());
/// assert_eq!(errors.r_squared(), 1.0 - 5.0 / 2.0);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    weight: f64,
    absolute: f64,
    squared: f64,
    /// The mean of the targets, and the sum of their squared distances from it: Welford's recurrence loses no digits.
    mean: f64,
    spread: f64,
}

impl Errors {
    /// Without any rows yet; every metric is NaN.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a batch of predictions in one column, and the weights of the rows, if there are such.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if numbers of rows differ or if there are more columns. Then nothing has been added.
    pub fn update<F: Scalar>(
        &mut self,
        predictions: ArrayView2<'_, F>,
        targets: &ArrayView1<'_, F>,
        weights: Option<ArrayView1<'_, F>>,
    ) -> Result<(), Error> {
        super::check_single(predictions, targets.len())?;
        check_rows(
            "weights",
            weights.map_or(targets.len(), |weights| weights.len()),
            targets.len(),
        )?;
        for (row, (prediction, target)) in predictions.iter().zip(targets).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row].to_f64_exact());
            if weight == 0.0 {
                continue;
            }
            let target = target.to_f64_exact();
            let error = prediction.to_f64_exact() - target;
            self.weight += weight;
            self.absolute += weight * error.abs();
            self.squared += weight * error * error;
            let distance = target - self.mean;
            self.mean += distance * weight / self.weight;
            self.spread += weight * distance * (target - self.mean);
        }
        Ok(())
    }

    /// `√(Σ (p − y)² / n)`.
    pub fn root_mean_squared(&self) -> f64 {
        (self.squared / self.weight).sqrt()
    }

    /// `Σ |p − y| / n`.
    pub fn mean_absolute(&self) -> f64 {
        self.absolute / self.weight
    }

    /// `1 − Σ (p − y)² / Σ (y − ȳ)²`: 1 is perfect, 0 no better than the mean. Of targets that are all alike it is 1 if they
    /// are met exactly, and 0 if not, as in scikit-learn.
    pub fn r_squared(&self) -> f64 {
        match self.spread > 0.0 || self.weight == 0.0 {
            true => 1.0 - self.squared / self.spread,
            false => f64::from(u8::from(self.squared == 0.0)),
        }
    }
}

/// The root mean squared error of one column of predictions; NaN if shapes differ.
pub fn root_mean_squared_error<F: Scalar>(
    predictions: ArrayView2<'_, F>,
    targets: &ArrayView1<'_, F>,
) -> f64 {
    of_errors(predictions, targets, Errors::root_mean_squared)
}

/// The mean absolute error of one column of predictions; NaN if shapes differ.
pub fn mean_absolute_error<F: Scalar>(predictions: ArrayView2<'_, F>, targets: &ArrayView1<'_, F>) -> f64 {
    of_errors(predictions, targets, Errors::mean_absolute)
}

/// R² of one column of predictions; NaN if shapes differ.
pub fn r_squared<F: Scalar>(predictions: ArrayView2<'_, F>, targets: &ArrayView1<'_, F>) -> f64 {
    of_errors(predictions, targets, Errors::r_squared)
}

fn of_errors<F: Scalar>(
    predictions: ArrayView2<'_, F>,
    targets: &ArrayView1<'_, F>,
    metric: impl Fn(&Errors) -> f64,
) -> f64 {
    let mut errors = Errors::new();
    errors
        .update(predictions, targets, None)
        .map_or(f64::NAN, |()| metric(&errors))
}
