//! Inputs, targets and sample weights that belong together.

use ndarray::{Array1, Array2, ArrayView1};
use rand::{SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};

use super::{IntoView, Samples};
use crate::{Error, Scalar, error::check};

/// Inputs with their targets and, optionally, a weight for each sample. Borrows arrays, or owns a selection of rows.
///
/// ```
/// use downhill::Dataset;
/// use downhill::ndarray::array;
///
/// let inputs = array![[0.0], [1.0], [2.0], [3.0]];
/// let targets = array![1.0, 3.0, 5.0, 7.0];
/// let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets)?;
/// let (train, test) = data.split(0.75, 7)?;
/// assert_eq!((train.len(), test.len()), (3, 1));
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Clone)]
pub struct Dataset<'a, F: Scalar, X: Samples = Array2<F>, Y: Samples = Array2<F>> {
    rows: Rows<'a, F, X, Y>,
}

enum Rows<'a, F: Scalar, X: Samples, Y: Samples> {
    Borrowed(X::View<'a>, Y::View<'a>, Option<ArrayView1<'a, F>>),
    Owned(X, Y, Option<Array1<F>>),
}

impl<F: Scalar, X: Samples, Y: Samples> std::fmt::Debug for Dataset<'_, F, X, Y> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dataset")
            .field("rows", &self.len())
            .field("weighted", &self.weights().is_some())
            .finish()
    }
}

impl<F: Scalar, X: Samples, Y: Samples> Clone for Rows<'_, F, X, Y> {
    fn clone(&self) -> Self {
        match self {
            Rows::Borrowed(x, y, weights) => Rows::Borrowed(x.clone(), y.clone(), *weights),
            Rows::Owned(x, y, weights) => Rows::Owned(x.clone(), y.clone(), weights.clone()),
        }
    }
}

/// The two parts of a split.
type Halves<F, X, Y> = (Dataset<'static, F, X, Y>, Dataset<'static, F, X, Y>);

/// Inputs, targets and weights, borrowed.
pub(crate) type Views<'a, F, X, Y> = (
    <X as Samples>::View<'a>,
    <Y as Samples>::View<'a>,
    Option<ArrayView1<'a, F>>,
);

impl<'a, F: Scalar, X: Samples, Y: Samples> Dataset<'a, F, X, Y> {
    /// Pairs the rows of `inputs` and `targets`, each a reference to an array or a view, without a copy.
    ///
    /// ```
    /// use downhill::Dataset;
    /// use downhill::ndarray::{array, s};
    ///
    /// // A table with the target in its first column.
    /// let table = array![[1.0, 0.5, 0.2], [3.0, 1.5, 0.1]];
    /// let data: Dataset<f64, _, _> = Dataset::new(table.slice(s![.., 1..]), table.column(0))?;
    /// assert_eq!(data.inputs(), array![[0.5, 0.2], [1.5, 0.1]]);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, [`Error::ShapeMismatch`] if their numbers differ, [`Error::NotFinite`] for a NaN
    /// or an infinity in either.
    pub fn new(
        inputs: impl IntoView<'a, Samples = X>,
        targets: impl IntoView<'a, Samples = Y>,
    ) -> Result<Self, Error> {
        let (inputs, targets) = (inputs.into_view(), targets.into_view());
        let found = [
            ("inputs", X::non_finite(&inputs)),
            ("targets", Y::non_finite(&targets)),
        ];
        let data = Self::assume_finite(inputs, targets)?;
        for (argument, found) in found {
            if let Some((position, given)) = found {
                return Err(Error::NotFinite {
                    argument: argument.into(),
                    position,
                    given,
                });
            }
        }
        Ok(data)
    }

    /// The same of views, without reading a value: for data too large to be read once for nothing, such as a
    /// mapped file. A NaN or an infinity among them is then noticed at the step that meets it: the run ends with
    /// [`StopReason::NonFinite`](crate::StopReason).
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, [`Error::ShapeMismatch`] if their numbers differ.
    pub fn assume_finite(inputs: X::View<'a>, targets: Y::View<'a>) -> Result<Self, Error> {
        let (rows, labels) = (X::count(&inputs), Y::count(&targets));
        if rows == 0 {
            return Err(Error::empty("inputs"));
        }
        if rows != labels {
            return Err(Error::shape("targets (rows)", &[labels], &[rows]));
        }
        Ok(Self {
            rows: Rows::Borrowed(inputs, targets, None),
        })
    }

    /// Gives each sample a weight in the loss and its gradient. Default: 1 each.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] unless there is one for each row; [`Error::InvalidArgument`] if one is negative or not
    /// finite, or if all are 0.
    pub fn weighted(self, weights: &'a Array1<F>) -> Result<Self, Error> {
        if weights.len() != self.len() {
            return Err(Error::shape("weights", &[weights.len()], &[self.len()]));
        }
        if let Some(&bad) = weights.iter().find(|w| !(w.is_finite() && **w >= F::zero())) {
            return Err(Error::invalid("a sample weight", bad, "finite and at least 0"));
        }
        check::require(
            weights.iter().any(|w| *w > F::zero()),
            "the sum of weights",
            0,
            "above 0",
        )?;
        let rows = match self.rows {
            Rows::Borrowed(x, y, _) => Rows::Borrowed(x, y, Some(weights.view())),
            Rows::Owned(x, y, _) => Rows::Owned(x, y, Some(weights.clone())),
        };
        Ok(Self { rows })
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        X::count(&self.inputs())
    }

    /// Always false: a data set has at least one sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inputs.
    pub fn inputs(&self) -> X::View<'_> {
        self.views().0
    }

    /// The targets.
    pub fn targets(&self) -> Y::View<'_> {
        self.views().1
    }

    /// The weights of the samples, if they were given.
    pub fn weights(&self) -> Option<ArrayView1<'_, F>> {
        self.views().2
    }

    pub(crate) fn views(&self) -> Views<'_, F, X, Y> {
        match &self.rows {
            Rows::Borrowed(x, y, weights) => (X::shorten(x.clone()), Y::shorten(y.clone()), *weights),
            Rows::Owned(x, y, weights) => (x.view(), y.view(), weights.as_ref().map(|w| w.view())),
        }
    }

    /// A copy of the rows with these indices, in this order.
    ///
    /// # Errors
    /// [`Error::Empty`] without an index, [`Error::InvalidArgument`] for one that is out of range.
    pub fn select(&self, rows: &[usize]) -> Result<Dataset<'static, F, X, Y>, Error> {
        if rows.is_empty() {
            return Err(Error::empty("rows"));
        }
        if let Some(&row) = rows.iter().find(|&&row| row >= self.len()) {
            return Err(Error::invalid("a row", row, format!("below {}", self.len())));
        }
        let (x, y, weights) = self.views();
        let (mut inputs, mut targets) = (X::default(), Y::default());
        inputs.gather(&x, rows);
        targets.gather(&y, rows);
        let weights = weights.map(|weights| rows.iter().map(|&row| weights[row]).collect());
        Ok(Dataset {
            rows: Rows::Owned(inputs, targets, weights),
        })
    }

    /// A copy with other inputs, as many.
    pub(super) fn with_inputs<X2: Samples>(&self, inputs: X2) -> Result<Dataset<'static, F, X2, Y>, Error> {
        if let Some((position, given)) = X2::non_finite(&inputs.view()) {
            return Err(Error::NotFinite {
                argument: "inputs".into(),
                position,
                given,
            });
        }
        let (_, y, weights) = self.views();
        let mut targets = Y::default();
        targets.gather(&y, &Vec::from_iter(0..self.len()));
        Ok(Dataset {
            rows: Rows::Owned(inputs, targets, weights.map(|weights| weights.to_owned())),
        })
    }

    /// Splits at random: about `fraction` of the rows, rounded, and the rest. The same seed gives the same split.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if either part would be empty.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<Halves<F, X, Y>, Error> {
        let len = self.len();
        let first = (len as f64 * fraction).round();
        let fits = first >= 1.0 && first < len as f64;
        check::require(
            fits,
            "fraction",
            fraction,
            &format!("such that both parts of {len} rows have at least one"),
        )?;
        let mut rows: Vec<usize> = (0..len).collect();
        rows.shuffle(&mut ChaCha12Rng::seed_from_u64(seed));
        let (first, rest) = rows.split_at(first as usize);
        Ok((self.select(first)?, self.select(rest)?))
    }
}
