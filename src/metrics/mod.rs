//! Functions of predictions and targets, for [`EmpiricalRisk::metric`](crate::EmpiricalRisk::metric); and the same as sums
//! over batches, with weights.
//!
//! | of | functions | summed over batches |
//! |---|---|---|
//! | classes | [`accuracy`], [`binary_accuracy`], [`top_k`] | [`Confusion`]: accuracy, precision, recall, F1, by class or over all |
//! | probabilities | [`roc_auc`] | [`RocAuc`]; [`Calibration`]: log-loss, expected calibration error |
//! | numbers | [`root_mean_squared_error`], [`mean_absolute_error`], [`r_squared`] | [`Errors`] |

mod confusion;
mod probability;
mod regression;

pub use confusion::{Averaging, Confusion};
pub use probability::{Calibration, RocAuc, roc_auc, top_k};
pub use regression::{Errors, mean_absolute_error, r_squared, root_mean_squared_error};

use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::{Error, Scalar};

fn check_rows(argument: &str, given: usize, expected: usize) -> Result<(), Error> {
    if given == expected {
        return Ok(());
    }
    Err(Error::shape(format!("{argument} (rows)"), &[given], &[expected]))
}

/// One column, and as many rows as targets.
fn check_single<F: Scalar>(predictions: ArrayView2<'_, F>, targets: usize) -> Result<(), Error> {
    if predictions.ncols() != 1 {
        return Err(Error::shape(
            "predictions (columns)",
            &[predictions.ncols()],
            &[1],
        ));
    }
    check_rows("targets", targets, predictions.nrows())
}

/// The class with the largest logit in each row; the first of equals. A NaN is never the largest.
///
/// ```
/// use downhill::metrics::classes;
/// use ndarray::array;
/// assert_eq!(classes(array![[0.1, 2.0], [1.0, -1.0]].view()), [1, 0]);
/// ```
pub fn classes<F: Scalar>(logits: ArrayView2<'_, F>) -> Vec<usize> {
    let largest = |row: ArrayView1<'_, F>| {
        let start = (0, F::neg_infinity());
        row.iter()
            .enumerate()
            .fold(
                start,
                |best, (class, &p)| if p > best.1 { (class, p) } else { best },
            )
            .0
    };
    logits.axis_iter(Axis(0)).map(largest).collect()
}

/// The share of rows whose largest logit is at the label; where one logit tells two classes apart, see [`binary_accuracy`].
///
/// ```
/// use downhill::metrics::accuracy;
/// use ndarray::array;
/// assert_eq!(accuracy(array![[0.1, 2.0], [1.0, -1.0]].view(), &array![1, 1].view()), 0.5);
/// ```
pub fn accuracy<F: Scalar>(logits: ArrayView2<'_, F>, labels: &ArrayView1<'_, usize>) -> f64 {
    let right = classes(logits)
        .iter()
        .zip(labels)
        .filter(|(class, label)| class == label)
        .count();
    right as f64 / labels.len() as f64
}

/// The share of rows whose logit has the sign of the target: above 0 for targets above one half.
///
/// ```
/// use downhill::metrics::binary_accuracy;
/// use ndarray::array;
/// assert_eq!(binary_accuracy(array![[0.3], [-2.0]].view(), &array![1.0, 1.0].view()), 0.5);
/// ```
pub fn binary_accuracy<F: Scalar>(logits: ArrayView2<'_, F>, targets: &ArrayView1<'_, F>) -> f64 {
    let right = logits
        .iter()
        .zip(targets)
        .filter(|(p, y)| (**p > F::zero()) == (**y > F::of(0.5)))
        .count();
    right as f64 / targets.len() as f64
}
