//! What is touched of one tensor.

use std::ops::Range;

use crate::{Handle, Scalar, TensorSpec};

/// For so many touched rows there is room from the start, so that batches of all lengths need no more soon.
const ROOM: usize = 4096;

/// The rows of one tensor that were touched, with their values; or the tensor as a whole.
///
/// A row is looked up in a sparse set: `positions[row]` is where it stands, if that place says so too. What is left in it
/// from before a `clear` is never believed, so clearing costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Touched<F> {
    offset: usize,
    rows: usize,
    width: usize,
    whole: bool,
    touched: Vec<u32>,
    values: Vec<F>,
    /// Made when a row is first looked up.
    positions: Vec<u32>,
    /// How many of the touched rows have been entered there.
    entered: usize,
}

impl<F: Scalar> Touched<F> {
    pub(crate) fn new(tensor: &TensorSpec) -> Self {
        let range = tensor.range();
        let rows = tensor.shape().first().copied().unwrap_or(1);
        // A tensor with more rows than fit in 32 bits is a single one.
        let rows = if u32::try_from(rows).is_ok() { rows } else { 1 };
        let width = range.len().checked_div(rows).unwrap_or(0);
        let room = rows.min(ROOM);
        Self {
            offset: range.start,
            rows,
            width,
            whole: false,
            touched: Vec::with_capacity(room),
            values: Vec::with_capacity(room * width),
            positions: Vec::new(),
            entered: 0,
        }
    }

    #[inline]
    pub(super) fn is_of<D>(&self, handle: &Handle<D>) -> bool {
        self.offset == handle.offset()
    }

    /// Where the tensor stands in the buffer.
    #[inline]
    pub(crate) fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.rows * self.width
    }

    #[inline]
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The rows touched, unless it is the whole.
    #[inline]
    pub(crate) fn rows(&self) -> &[u32] {
        &self.touched
    }

    /// The values of the rows touched, one after the other; or of the whole.
    #[inline]
    pub(crate) fn values(&self) -> &[F] {
        &self.values
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.whole = false;
        self.touched.clear();
        self.values.clear();
        self.entered = 0;
    }

    /// Appends distinct rows of one value each to what is still empty.
    #[cfg(feature = "sparse")]
    #[inline]
    pub(crate) fn fill(&mut self, rows: &[u32], values: impl Iterator<Item = F>) {
        self.touched.extend_from_slice(rows);
        self.values.extend(values);
    }

    /// Adds `factor · slopes` to each of some rows, with a slope for each value of a row.
    ///
    /// Whether a row has been touched is as good as random: room is made for all of them first, so that nothing here is a
    /// branch that depends on it.
    #[cfg(feature = "sparse")]
    #[inline]
    pub(crate) fn add(&mut self, rows: &[u32], factors: &[F], slopes: &[F]) {
        self.enter();
        let (mut len, width) = (self.touched.len(), slopes.len());
        self.touched.resize(len + rows.len(), 0);
        self.values.resize(self.touched.len() * width, F::zero());
        let (touched, values) = (&mut self.touched[..], &mut self.values[..]);
        for (&row, &factor) in rows.iter().zip(factors) {
            let position = &mut self.positions[row as usize];
            let at = *position as usize;
            let known = (at < len) & (touched[at.min(len)] == row);
            let at = if known { at } else { len };
            len += usize::from(!known);
            touched[at] = row;
            *position = at as u32;
            for (sum, &slope) in values[at * width..(at + 1) * width].iter_mut().zip(slopes) {
                *sum += factor * slope;
            }
        }
        self.touched.truncate(len);
        self.values.truncate(len * width);
        self.entered = len;
    }

    /// Makes sure that every row touched so far can be looked up.
    #[inline]
    fn enter(&mut self) {
        if self.positions.len() < self.rows {
            self.positions = vec![0; self.rows];
        }
        while let Some(&earlier) = self.touched.get(self.entered) {
            self.positions[earlier as usize] = self.entered as u32;
            self.entered += 1;
        }
    }

    #[inline]
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [F] {
        self.enter();
        let position = &mut self.positions[row];
        let mut at = *position as usize;
        if self.touched.get(at).is_none_or(|&there| there as usize != row) {
            at = self.touched.len();
            *position = at as u32;
            self.touched.push(row as u32);
            self.values.resize((at + 1) * self.width, F::zero());
            self.entered = at + 1;
        }
        &mut self.values[at * self.width..(at + 1) * self.width]
    }

    /// All values of the tensor. The memory of those touched before is kept for the next time.
    pub(crate) fn whole_mut(&mut self) -> &mut [F] {
        if !self.whole {
            self.whole = true;
            let few = self.values.len();
            self.values.resize(few + self.rows * self.width, F::zero());
            let (values, all) = self.values.split_at_mut(few);
            scatter(&self.touched, values, self.width, all);
            self.values.drain(..few);
            self.touched.clear();
        }
        &mut self.values
    }

    /// Writes what is touched into the buffer of all weights.
    pub(super) fn write(&self, all: &mut [F]) {
        let all = &mut all[self.range()];
        if self.whole {
            all.copy_from_slice(&self.values);
        } else {
            scatter(&self.touched, &self.values, self.width, all);
        }
    }
}

/// Puts rows in their places.
fn scatter<F: Copy>(rows: &[u32], values: &[F], width: usize, all: &mut [F]) {
    for (&row, values) in rows.iter().zip(values.chunks_exact(width.max(1))) {
        let start = row as usize * width;
        all[start..start + width].copy_from_slice(values);
    }
}
