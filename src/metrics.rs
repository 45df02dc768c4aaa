//! Functions of predictions and targets, for [`EmpiricalRisk::metric`](crate::EmpiricalRisk::metric).

use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::Scalar;

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

/// The share of rows whose largest logit is at the label.
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
