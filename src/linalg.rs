//! The dense products that the models are made of, in one place so that a faster kernel has one place to go.
//!
//! Matrices with one column are most of what linear models multiply by. They have loops of their own here, vectorised
//! for the processor at hand; everything else is ndarray's `general_mat_mul`.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};
use pulp::{Arch, NullaryFnOnce};

use crate::{Scalar, data::rows_of};

/// The first rows of a buffer that has room for more.
#[inline]
pub(crate) fn top<F>(buffer: &Array2<F>, rows: usize) -> ArrayView2<'_, F> {
    rows_of(buffer.view(), 0..rows)
}

/// The first rows of a buffer that has room for more, to be written.
#[inline]
pub(crate) fn top_mut<F>(buffer: &mut Array2<F>, rows: usize) -> ArrayViewMut2<'_, F> {
    if rows == buffer.nrows() {
        return buffer.view_mut();
    }
    buffer.view_mut().split_at(Axis(0), rows).0
}

/// How many sums a dot product keeps: enough to hide the latency of an addition in the widest registers.
const LANES: usize = 64;

/// `c ← a · b`.
pub(crate) fn product<F: Scalar>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>, mut c: ArrayViewMut2<'_, F>) {
    if b.ncols() == 1
        && let (Some(a), Some(b), Some(c)) = (a.as_slice(), b.as_slice(), c.as_slice_mut())
        && !b.is_empty()
    {
        return Arch::new().dispatch(RowsByVector { a, b, c });
    }
    F::multiply(a, b, c, false);
}

/// `c ← c + aᵀ · b`.
pub(crate) fn add_transposed_product<F: Scalar>(
    a: ArrayView2<'_, F>,
    b: ArrayView2<'_, F>,
    mut c: ArrayViewMut2<'_, F>,
) {
    if b.ncols() == 1
        && let (Some(a), Some(b), Some(c)) = (a.as_slice(), b.as_slice(), c.as_slice_mut())
        && !c.is_empty()
    {
        return Arch::new().dispatch(VectorByRows { a, b, c });
    }
    F::multiply(a.reversed_axes(), b, c, true);
}

/// `c ← a · bᵀ`.
pub(crate) fn product_transposed<F: Scalar>(
    a: ArrayView2<'_, F>,
    b: ArrayView2<'_, F>,
    c: ArrayViewMut2<'_, F>,
) {
    F::multiply(a, b.reversed_axes(), c, false);
}

/// `c ← a · b`, or `c ← c + a · b`, by ndarray.
pub(crate) fn multiply_by_ndarray<F: Scalar>(
    a: ArrayView2<'_, F>,
    b: ArrayView2<'_, F>,
    mut c: ArrayViewMut2<'_, F>,
    add: bool,
) {
    let kept = if add { F::one() } else { F::zero() };
    general_mat_mul(F::one(), &a, &b, kept, &mut c);
}

/// The same by faer, where rows or columns lie end to end; else by ndarray.
#[cfg(feature = "faer")]
pub(crate) fn multiply_by_faer<F: Scalar + faer::traits::ComplexField>(
    a: ArrayView2<'_, F>,
    b: ArrayView2<'_, F>,
    mut c: ArrayViewMut2<'_, F>,
    add: bool,
) {
    let (rows, columns) = c.dim();
    let agree = a.nrows() == rows && b.ncols() == columns && a.ncols() == b.nrows();
    if agree && let (Some(a), Some(b), Some(c)) = (by_faer(&a), by_faer(&b), c.as_slice_mut()) {
        let kept = if add {
            faer::Accum::Add
        } else {
            faer::Accum::Replace
        };
        let c = faer::MatMut::from_row_major_slice_mut(c, rows, columns);
        return faer::linalg::matmul::matmul(c, kept, a, b, F::one(), faer::Par::Seq);
    }
    multiply_by_ndarray(a, b, c, add);
}

#[cfg(feature = "faer")]
fn by_faer<'a, F>(matrix: &'a ArrayView2<'_, F>) -> Option<faer::MatRef<'a, F>> {
    let (rows, columns) = matrix.dim();
    match matrix.as_slice() {
        Some(values) => Some(faer::MatRef::from_row_major_slice(values, rows, columns)),
        None => {
            let values = matrix
                .as_slice_memory_order()
                .filter(|_| matrix.t().is_standard_layout())?;
            Some(faer::MatRef::from_column_major_slice(values, rows, columns))
        }
    }
}

struct RowsByVector<'a, F> {
    a: &'a [F],
    b: &'a [F],
    c: &'a mut [F],
}

impl<F: Scalar> NullaryFnOnce for RowsByVector<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (row, c) in self.a.chunks_exact(self.b.len()).zip(self.c) {
            *c = dot(row, self.b);
        }
    }
}

#[inline(always)]
fn dot<F: Scalar>(a: &[F], b: &[F]) -> F {
    let ((a_blocks, a_rest), (b_blocks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [F::zero(); LANES];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    for ((sum, &x), &y) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += x * y;
    }
    // Halve the lanes until one is left: a fixed order, whatever the width of the registers.
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

struct VectorByRows<'a, F> {
    a: &'a [F],
    b: &'a [F],
    c: &'a mut [F],
}

impl<F: Scalar> NullaryFnOnce for VectorByRows<'_, F> {
    type Output = ();

    /// Four rows at a time, so that `c` is read and written once for four rows of `a`.
    #[inline(always)]
    fn call(self) {
        let columns = self.c.len();
        let (fours, rest) = self.b.as_chunks::<4>();
        let mut rows = self.a.chunks_exact(columns);
        for &[b0, b1, b2, b3] in fours {
            let (Some(r0), Some(r1), Some(r2), Some(r3)) =
                (rows.next(), rows.next(), rows.next(), rows.next())
            else {
                return;
            };
            let c = &mut self.c[..columns];
            for i in 0..columns {
                c[i] += (b0 * r0[i] + b1 * r1[i]) + (b2 * r2[i] + b3 * r3[i]);
            }
        }
        for (&b, row) in rest.iter().zip(rows) {
            for (c, &x) in self.c.iter_mut().zip(row) {
                *c += b * x;
            }
        }
    }
}
