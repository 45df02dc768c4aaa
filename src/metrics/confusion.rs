//! Metrics of classes: what was taken for what.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::classes;
use crate::{Error, Scalar, error::check};

/// How the values of the classes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Averaging {
    /// The mean over the classes that occur, in labels or predictions, each counting alike.
    #[default]
    Macro,
    /// From the counts of all classes together: for labels of one class each, the accuracy.
    Micro,
    /// The mean over the classes, each counting by how often it occurs.
    Weighted,
}

/// A confusion matrix, filled batch by batch; accuracy, precision, recall and F1 follow from it.
///
/// ```
/// use downhill::metrics::{Averaging, Confusion};
/// use downhill::ndarray::array;
///
/// let mut confusion = Confusion::new(2);
/// confusion.update(array![[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]].view(), &array![0, 1, 1].view(), None)?;
/// assert_eq!(confusion.matrix(), array![[1.0, 0.0], [1.0, 1.0]]);
/// assert_eq!(confusion.precision(0), 0.5);
/// assert_eq!(confusion.recall(1), 0.5);
/// assert_eq!(confusion.accuracy(), confusion.mean_f1(Averaging::Micro));
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// A share of nothing, such as the precision of a class that was never predicted, is 0, as in scikit-learn.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// Labels by predictions.
    counts: Array2<f64>,
}

impl Confusion {
    /// For so many classes, without any rows yet.
    pub fn new(classes: usize) -> Self {
        Self {
            counts: Array2::zeros((classes, classes)),
        }
    }

    /// Adds a batch: a row of scores for each label (of two classes one score may do, that of class 1, above 0 where it is
    /// taken for it), and the weights of the rows, if there are such.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if numbers of rows or classes differ, [`Error::LabelOutOfRange`] for a label without a
    /// class. Then nothing has been added.
    pub fn update<F: Scalar>(
        &mut self,
        scores: ArrayView2<'_, F>,
        labels: &ArrayView1<'_, usize>,
        weights: Option<ArrayView1<'_, F>>,
    ) -> Result<(), Error> {
        let classes_count = self.counts.nrows();
        if super::classes_of(scores.ncols()) != classes_count {
            return Err(Error::shape(
                "scores (columns)",
                &[scores.ncols()],
                &[classes_count],
            ));
        }
        super::check_rows("labels", labels.len(), scores.nrows())?;
        super::check_rows(
            "weights",
            weights.map_or(labels.len(), |weights| weights.len()),
            labels.len(),
        )?;
        check::labels(labels, classes_count, None)?;
        for (row, (&label, class)) in labels.iter().zip(classes(scores)).enumerate() {
            self.counts[[label, class]] += weights.map_or(1.0, |weights| weights[row].to_f64_exact());
        }
        Ok(())
    }

    /// The (weighted) numbers of rows: a row for each label, a column for each prediction.
    pub fn matrix(&self) -> ArrayView2<'_, f64> {
        self.counts.view()
    }

    /// The share of all rows that are right.
    pub fn accuracy(&self) -> f64 {
        share(self.counts.diag().sum(), self.counts.sum())
    }

    /// Of the rows taken for this class, the share that are of it; 0 for a class there is not.
    pub fn precision(&self, class: usize) -> f64 {
        share(self.right(class), self.predicted(class))
    }

    /// Of the rows of this class, the share taken for it; 0 for a class there is not.
    pub fn recall(&self, class: usize) -> f64 {
        share(self.right(class), self.support(class))
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(&self, class: usize) -> f64 {
        share(
            2.0 * self.right(class),
            self.predicted(class) + self.support(class),
        )
    }

    /// The precision of all classes together.
    pub fn mean_precision(&self, averaging: Averaging) -> f64 {
        self.mean(averaging, |class| self.precision(class))
    }

    /// The recall of all classes together.
    pub fn mean_recall(&self, averaging: Averaging) -> f64 {
        self.mean(averaging, |class| self.recall(class))
    }

    /// The F1 of all classes together.
    pub fn mean_f1(&self, averaging: Averaging) -> f64 {
        self.mean(averaging, |class| self.f1(class))
    }

    fn mean(&self, averaging: Averaging, of_class: impl Fn(usize) -> f64) -> f64 {
        let classes = 0..self.counts.nrows();
        match averaging {
            Averaging::Micro => self.accuracy(),
            Averaging::Macro => {
                let occur = classes.filter(|&class| self.support(class) + self.predicted(class) > 0.0);
                let values: Vec<f64> = occur.map(of_class).collect();
                share(values.iter().sum(), values.len() as f64)
            }
            Averaging::Weighted => share(
                classes.map(|class| self.support(class) * of_class(class)).sum(),
                self.counts.sum(),
            ),
        }
    }

    fn right(&self, class: usize) -> f64 {
        self.counts.get([class, class]).copied().unwrap_or(0.0)
    }

    /// The rows of a class.
    fn support(&self, class: usize) -> f64 {
        self.counts.outer_iter().nth(class).map_or(0.0, |row| row.sum())
    }

    /// The rows taken for a class.
    fn predicted(&self, class: usize) -> f64 {
        self.counts
            .columns()
            .into_iter()
            .nth(class)
            .map_or(0.0, |column| column.sum())
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
