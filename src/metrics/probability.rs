//! Metrics of scores and probabilities.

use ndarray::{ArrayView1, ArrayView2};

use super::{check_rows, check_single, classes_of, every_logit};
use crate::{Error, Scalar, error::check};

/// The area under the ROC curve of scores, gathered batch by batch: the probability that a positive row scores higher than
/// a negative one, half of it where they score alike.
///
/// ```
/// use downhill::metrics::RocAuc;
/// use downhill::ndarray::array;
///
/// let mut auc = RocAuc::new();
/// auc.update(array![[0.1], [0.4], [0.35], [0.8]].view(), &array![0.0, 0.0, 1.0, 1.0].view(), None)?;
/// assert_eq!(auc.value(), 0.75);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RocAuc {
    /// Score, whether it is positive, weight.
    rows: Vec<(f64, bool, f64)>,
}

impl RocAuc {
    /// Without any rows yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a batch of scores in one column; targets above one half are positive.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if numbers of rows differ or if there are more columns.
    pub fn update<F: Scalar>(
        &mut self,
        scores: ArrayView2<'_, F>,
        targets: &ArrayView1<'_, F>,
        weights: Option<ArrayView1<'_, F>>,
    ) -> Result<(), Error> {
        check_single(scores, targets.len())?;
        check_rows(
            "weights",
            weights.map_or(targets.len(), |weights| weights.len()),
            targets.len(),
        )?;
        self.rows.extend(
            scores
                .iter()
                .zip(targets)
                .enumerate()
                .map(|(row, (score, &target))| {
                    let weight = weights.map_or(1.0, |weights| weights[row].to_f64_exact());
                    (score.to_f64_exact(), target > F::of(0.5), weight)
                }),
        );
        Ok(())
    }

    /// The area; NaN unless there are positive and negative rows, and if a score is NaN.
    pub fn value(&self) -> f64 {
        let mut rows = self.rows.clone();
        if rows.iter().any(|(score, ..)| score.is_nan()) {
            return f64::NAN;
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut area, mut below, mut positive) = (0.0, 0.0, 0.0);
        // Rows that score alike go together.
        for alike in rows.chunk_by(|a, b| a.0 == b.0) {
            let sum = |kind| {
                alike
                    .iter()
                    .filter(|row| row.1 == kind)
                    .map(|row| row.2)
                    .sum::<f64>()
            };
            let (up, down) = (sum(true), sum(false));
            area += up * (below + down / 2.0);
            below += down;
            positive += up;
        }
        area / (positive * below)
    }
}

/// The area under the ROC curve of one column of scores; NaN if shapes differ.
pub fn roc_auc<F: Scalar>(scores: ArrayView2<'_, F>, targets: &ArrayView1<'_, F>) -> f64 {
    let mut auc = RocAuc::new();
    auc.update(scores, targets, None)
        .map_or(f64::NAN, |()| auc.value())
}

/// How well predicted probabilities agree with observed frequencies: log-loss and expected calibration error of rows of
/// logits, summed batch by batch.
///
/// ```
/// use downhill::metrics::Calibration;
/// use downhill::ndarray::array;
///
/// let mut calibration = Calibration::new(10)?;
/// calibration.update(array![[0.0, 0.0], [0.0, 0.0]].view(), &array![0, 1].view(), None)?;
/// assert!((calibration.log_loss() - 2.0_f64.ln()).abs() < 1e-12);
/// assert!(calibration.expected_error() < 1e-12);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: C. Guo et al., *On Calibration of Modern Neural Networks*, arXiv 1706.04599 (2017).
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Of the rows in each bin of confidence: weight, sum of confidences, weight of those that are right.
    bins: Vec<[f64; 3]>,
    loss: f64,
}

impl Calibration {
    /// With so many bins of equal width, at least 1; 15 are usual.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for 0 bins.
    pub fn new(bins: usize) -> Result<Self, Error> {
        check::require(bins > 0, "bins", bins, "at least 1")?;
        Ok(Self {
            bins: vec![[0.0; 3]; bins],
            loss: 0.0,
        })
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
        check_rows(
            "weights",
            weights.map_or(labels.len(), |weights| weights.len()),
            labels.len(),
        )?;
        check::labels(labels, classes_of(logits.ncols()), None)?;
        let found = super::classes(logits);
        for (row, ((logits, &label), class)) in logits.outer_iter().zip(labels).zip(found).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row].to_f64_exact());
            let logits = every_logit(logits).map(|p| p.to_f64_exact());
            let of = |class| logits.clone().nth(class).unwrap_or(f64::NAN);
            let largest = of(class);
            let sum: f64 = logits.clone().map(|p| (p - largest).exp()).sum();
            self.loss += weight * (sum.ln() - (of(label) - largest));
            let confidence = 1.0 / sum;
            let bin = ((confidence * self.bins.len() as f64).ceil() as usize).clamp(1, self.bins.len()) - 1;
            let right = if class == label { weight } else { 0.0 };
            let [rows, confidences, rights] = &mut self.bins[bin];
            *rows += weight;
            *confidences += weight * confidence;
            *rights += right;
        }
        Ok(())
    }

    fn weight(&self) -> f64 {
        self.bins.iter().map(|[weight, ..]| weight).sum()
    }

    /// The mean of `−log softmax(p)_y`. It is computed from logits and never infinite where they are finite: nothing is clipped,
    /// as the probabilities of scikit-learn's `log_loss` are.
    pub fn log_loss(&self) -> f64 {
        self.loss / self.weight()
    }

    /// The expected calibration error: by how much the confidence differs from the share that are right, on average over
    /// the rows, bin by bin.
    pub fn expected_error(&self) -> f64 {
        let gap = |[_, confidence, right]: &[f64; 3]| (confidence - right).abs();
        self.bins.iter().map(gap).sum::<f64>() / self.weight()
    }
}
