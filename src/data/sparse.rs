//! Sparse matrices, row by row.

use std::ops::Range;

use ndarray::Array2;
use sprs::{CsMatI, SpIndex};

use super::{IntoView, Samples};
use crate::{Error, Scalar, error::check};

/// A sparse matrix as rows of entries (compressed sparse rows, CSR): inputs of which most are zero.
///
/// A [`Linear`](crate::model::Linear) model takes it as it takes an `Array2`, in the same trainer with the same rules, and a
/// step costs as much as the batch has entries, however many columns there are. In a row, columns ascend and none stands
/// twice.
///
/// ```
/// use downhill::{Dataset, Trainer, data::Csr, loss::BinaryCrossEntropy, model::Linear, optim::Adagrad};
/// use downhill::ndarray::array;
///
/// let mut inputs = Csr::new(1_000_000)?;
/// inputs.push([(999_999, 1.0), (3, 0.5)])?;
/// inputs.push([(3, 1.0)])?;
/// let targets = array![1.0, 0.0];
/// let run = Trainer::new(Adagrad::new())
///     .learning_rate(0.5)
///     .epochs(100)
///     .fit(&Linear::new(1_000_000, 1)?, &BinaryCrossEntropy::new(), &Dataset::new(&inputs, &targets)?)?;
/// assert!(run.best.value < 0.1);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Csr<F> {
    columns: usize,
    /// Where each row begins, and where the last one ends; empty without rows, so that the default allocates nothing.
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<F>,
}

/// Some neighbouring rows of a [`Csr`].
#[derive(Debug, Clone, Copy)]
pub struct CsrView<'a, F> {
    columns: usize,
    /// One more than there are rows, if there is any.
    starts: &'a [usize],
    indices: &'a [u32],
    values: &'a [F],
}

impl<F> Default for Csr<F> {
    fn default() -> Self {
        Self {
            columns: 0,
            starts: Vec::new(),
            indices: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl<F: Scalar> Csr<F> {
    /// Without rows so far.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for more than 2³² − 1 columns.
    pub fn new(columns: usize) -> Result<Self, Error> {
        let fits = u32::try_from(columns).is_ok();
        check::require(fits, "columns", columns, "at most 4294967295")?;
        Ok(Self {
            columns,
            ..Self::default()
        })
    }

    /// Appends a row of entries, a column and its value, in any order; values of the same column are added up.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a column that is not there. Then nothing has been appended.
    pub fn push(&mut self, entries: impl IntoIterator<Item = (usize, F)>) -> Result<(), Error> {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if let Some((column, _)) = entries.iter().find(|(column, _)| *column >= self.columns) {
            return Err(Error::invalid(
                "a column",
                column,
                format!("below {}", self.columns),
            ));
        }
        entries.sort_by_key(|(column, _)| *column);
        let mut last = None;
        for (column, value) in entries {
            match self.values.last_mut() {
                Some(sum) if last == Some(column) => *sum += value,
                _ => {
                    self.indices.push(column as u32);
                    self.values.push(value);
                }
            }
            last = Some(column);
        }
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.starts.push(self.values.len());
        Ok(())
    }

    /// The entries of a dense matrix (a reference to an array, or a view) that are not zero.
    ///
    /// # Errors
    /// As [`Csr::new`].
    pub fn from_dense<'a>(matrix: impl IntoView<'a, Samples = Array2<F>>) -> Result<Self, Error> {
        let matrix = matrix.into_view();
        let mut sparse = Self::new(matrix.ncols())?;
        for row in matrix.rows() {
            let entries = row.iter().copied().enumerate();
            sparse.push(entries.filter(|(_, value)| *value != F::zero()))?;
        }
        Ok(sparse)
    }

    /// The same as a dense matrix.
    pub fn to_dense(&self) -> Array2<F> {
        let mut dense = Array2::zeros((self.rows(), self.columns));
        for (row, mut dense) in dense.outer_iter_mut().enumerate() {
            let (indices, values) = self.row(row);
            for (&column, &value) in indices.iter().zip(values) {
                dense[column as usize] = value;
            }
        }
        dense
    }

    /// The same as a matrix of `sprs`.
    pub fn to_sprs(&self) -> CsMatI<F, u32, usize> {
        let shape = (self.rows(), self.columns);
        let starts = if self.starts.is_empty() {
            vec![0]
        } else {
            self.starts.clone()
        };
        CsMatI::new(shape, starts, self.indices.clone(), self.values.clone())
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of entries.
    pub fn entries(&self) -> usize {
        self.values.len()
    }

    /// The columns and the values of a row.
    ///
    /// # Panics
    /// If there is no such row, as indexing does.
    #[track_caller]
    pub fn row(&self, row: usize) -> (&[u32], &[F]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// Without rows again, and with so many columns; the memory is kept.
    pub(super) fn clear(&mut self, columns: usize) {
        self.columns = columns;
        self.starts.clear();
        self.indices.clear();
        self.values.clear();
    }

    /// Sets the number of columns, to more than every entry's.
    pub(super) fn set_columns(&mut self, columns: usize) {
        self.columns = columns;
    }
}

impl<F: Scalar, I: SpIndex, P: SpIndex> TryFrom<&CsMatI<F, I, P>> for Csr<F> {
    type Error = Error;

    /// A copy of a matrix of `sprs`; one stored by columns is turned.
    fn try_from(matrix: &CsMatI<F, I, P>) -> Result<Self, Error> {
        if matrix.is_csc() {
            return Self::try_from(&matrix.to_csr());
        }
        let mut rows = Self::new(matrix.cols())?;
        for row in matrix.outer_iterator() {
            rows.push(row.iter().map(|(column, &value)| (column, value)))?;
        }
        Ok(rows)
    }
}

impl<'a, F> CsrView<'a, F> {
    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The columns and the values of a row, if there is such a row.
    #[inline]
    pub(crate) fn get_row(&self, row: usize) -> Option<(&'a [u32], &'a [F])> {
        let (start, end) = (*self.starts.get(row)?, *self.starts.get(row.checked_add(1)?)?);
        Some((self.indices.get(start..end)?, self.values.get(start..end)?))
    }

    /// The columns and the values of each row.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u32], &'a [F])> + use<'a, F> {
        let Self { indices, values, .. } = *self;
        self.starts
            .windows(2)
            .map(move |pair| (&indices[pair[0]..pair[1]], &values[pair[0]..pair[1]]))
    }
}

impl<'a, F: Scalar> IntoView<'a> for CsrView<'a, F> {
    type Samples = Csr<F>;

    fn into_view(self) -> Self {
        self
    }
}

impl<F: Scalar> Samples for Csr<F> {
    type View<'a> = CsrView<'a, F>;

    #[inline]
    fn view(&self) -> CsrView<'_, F> {
        CsrView {
            columns: self.columns,
            starts: &self.starts,
            indices: &self.indices,
            values: &self.values,
        }
    }

    #[inline]
    fn shorten<'short, 'long: 'short>(view: CsrView<'long, F>) -> CsrView<'short, F> {
        view
    }

    #[inline]
    fn count(view: &CsrView<'_, F>) -> usize {
        view.starts.len().saturating_sub(1)
    }

    #[inline]
    fn slice<'a>(view: &Self::View<'a>, rows: Range<usize>) -> Self::View<'a> {
        CsrView {
            starts: view.starts.get(rows.start..=rows.end).unwrap_or_default(),
            ..*view
        }
    }

    fn gather(&mut self, from: &CsrView<'_, F>, rows: &[usize]) {
        self.clear(from.columns);
        self.starts.extend((!rows.is_empty()).then_some(0));
        let entries = rows
            .iter()
            .map(|&row| from.starts[row + 1] - from.starts[row])
            .sum::<usize>();
        if self.values.capacity() < entries {
            // The next batch may have a few more.
            self.indices.reserve(2 * entries);
            self.values.reserve(2 * entries);
        }
        for &row in rows {
            let range = from.starts[row]..from.starts[row + 1];
            self.indices.extend_from_slice(&from.indices[range.clone()]);
            self.values.extend_from_slice(&from.values[range]);
            self.starts.push(self.values.len());
        }
    }

    fn non_finite(view: &CsrView<'_, F>) -> Option<(usize, f64)> {
        let (first, last) = (view.starts.first()?, view.starts.last()?);
        view.values[*first..*last]
            .iter()
            .enumerate()
            .find_map(|(i, x)| Some((i, x.non_finite()?)))
    }
}
