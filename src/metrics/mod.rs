//! Functions of predictions and targets, for [`EmpiricalRisk::metric`](crate::EmpiricalRisk::metric); and the same as sums
//! over batches, with weights.
//!
//! | of | functions | summed over batches |
//! |---|---|---|
//! | classes | [`accuracy`], [`binary_accuracy`], [`top_k`] | [`Confusion`]: accuracy, precision, recall, F1, by class or over all; [`TopK`] |
//! | probabilities | [`roc_auc`] | [`RocAuc`]; [`Calibration`]: log-loss, expected calibration error |
//! | numbers | [`root_mean_squared_error`], [`mean_absolute_error`], [`r_squared`] | [`Errors`] |

mod confusion;
mod probability;
mod regression;
mod top_k;

pub use confusion::{Averaging, Confusion};
pub use probability::{Calibration, RocAuc, roc_auc};
pub use regression::{Errors, mean_absolute_error, r_squared, root_mean_squared_error};
pub use top_k::{TopK, top_k};

use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

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

/// The class with the largest logit in each row; the first of equals. A NaN is never the largest. A single column tells two
/// classes apart, as [`BinaryCrossEntropy`](crate::loss::BinaryCrossEntropy) has it: 1 where the logit is above 0.
///
/// ```
/// use downhill::metrics::classes;
/// use downhill::ndarray::array;
/// assert_eq!(classes(array![[0.1, 2.0], [1.0, -1.0]].view()), [1, 0]);
/// assert_eq!(classes(array![[0.3], [-2.0]].view()), [1, 0]);
/// ```
pub fn classes<F: Scalar>(logits: ArrayView2<'_, F>) -> Vec<usize> {
    let largest = |row: ArrayView1<'_, F>| {
        let start = (0, F::neg_infinity());
        every_logit(row)
            .enumerate()
            .fold(
                start,
                |best, (class, p)| if p > best.1 { (class, p) } else { best },
            )
            .0
    };
    logits.axis_iter(Axis(0)).map(largest).collect()
}

/// The logits of a row, one for each class: a single one is that of class 1, beside 0 for class 0.
fn every_logit<F: Scalar>(row: ArrayView1<'_, F>) -> impl Iterator<Item = F> + Clone {
    let other = (row.len() == 1).then(F::zero);
    other.into_iter().chain(row.into_iter().copied())
}

/// How many classes rows of so many logits tell apart.
fn classes_of(columns: usize) -> usize {
    if columns == 1 { 2 } else { columns }
}

/// Labels of targets that are numbers: 1 above one half, otherwise 0.
///
/// ```
/// use downhill::metrics::{Averaging, Confusion, labels};
/// use downhill::ndarray::array;
///
/// let (logits, targets) = (array![[0.3], [-2.0], [1.5]], array![1.0, 1.0, 0.0]);
/// let mut confusion = Confusion::new(2);
/// confusion.update(logits.view(), &labels(&targets.view()).view(), None)?;
/// assert_eq!([confusion.precision(1), confusion.recall(1), confusion.f1(1)], [0.5; 3]);
/// # Ok::<(), downhill::Error>(())
/// ```
pub fn labels<F: Scalar>(targets: &ArrayView1<'_, F>) -> Array1<usize> {
    targets.mapv(|target| usize::from(target > F::of(0.5)))
}

/// The share of rows whose largest logit is at the label; where targets are numbers, see [`binary_accuracy`].
///
/// ```
/// use downhill::metrics::accuracy;
/// use downhill::ndarray::array;
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
/// use downhill::ndarray::array;
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
