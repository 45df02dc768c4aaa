//! Whether the label is among the first guesses.

use ndarray::{ArrayView1, ArrayView2};

use super::{check_rows, classes_of, every_logit};
use crate::{Error, Scalar, error::check};

/// The share of rows whose label is among the k largest logits, gathered batch by batch. A label counts as behind those that
/// score as high and stand before it; scikit-learn's `top_k_accuracy_score` puts those that stand after it first.
///
/// ```
/// use downhill::metrics::TopK;
/// use downhill::ndarray::array;
///
/// let mut top = TopK::new(2);
/// top.update(array![[3.0, 2.0, 1.0]].view(), &array![1].view(), None)?;
/// top.update(array![[1.0, 2.0, 3.0]].view(), &array![0].view(), Some(array![3.0].view()))?;
/// assert_eq!(top.accuracy(), 0.25);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopK {
    k: usize,
    /// The weight of the rows whose label is among them, and of all.
    found: f64,
    weight: f64,
}

impl TopK {
    /// Without any rows yet.
    pub fn new(k: usize) -> Self {
        let (found, weight) = (0.0, 0.0);
        Self { k, found, weight }
    }

    /// Adds a batch of logits, a row for each label; a single logit is that of class 1 of two.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if numbers of rows differ, [`Error::LabelOutOfRange`] for a label without a column. Then
    /// nothing has been added.
    pub fn update<F: Scalar>(
        &mut self,
        logits: ArrayView2<'_, F>,
        labels: &ArrayView1<'_, usize>,
        weights: Option<ArrayView1<'_, F>>,
    ) -> Result<(), Error> {
        check_rows("labels", labels.len(), logits.nrows())?;
        let given = weights.map_or(labels.len(), |weights| weights.len());
        check_rows("weights", given, labels.len())?;
        check::labels(labels, classes_of(logits.ncols()), None)?;
        for (row, (logits, &label)) in logits.outer_iter().zip(labels).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row].to_f64_exact());
            self.weight += weight;
            if is_among(self.k, logits, label) {
                self.found += weight;
            }
        }
        Ok(())
    }

    /// The share; NaN without rows.
    pub fn accuracy(&self) -> f64 {
        self.found / self.weight
    }
}

/// The same for [`EmpiricalRisk::metric`](crate::EmpiricalRisk::metric); NaN if shapes differ.
///
/// ```
/// use downhill::metrics::top_k;
/// use downhill::ndarray::array;
/// let logits = array![[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]];
/// assert_eq!(top_k(2)(logits.view(), &array![1, 0].view()), 0.5);
/// ```
pub fn top_k<F: Scalar>(k: usize) -> impl Fn(ArrayView2<'_, F>, &ArrayView1<'_, usize>) -> f64 {
    move |logits, labels| {
        let mut top = TopK::new(k);
        top.update(logits, labels, None)
            .map_or(f64::NAN, |()| top.accuracy())
    }
}

/// What is not a number comes before all that is, and as a guess of one's own is wrong.
fn is_among<F: Scalar>(k: usize, logits: ArrayView1<'_, F>, label: usize) -> bool {
    let own = every_logit(logits).nth(label).filter(|own| !own.is_nan());
    own.is_some_and(|own| {
        let before = |(class, p): &(usize, F)| *p > own || p.is_nan() || (*p == own && *class < label);
        every_logit(logits).enumerate().filter(before).count() < k
    })
}
