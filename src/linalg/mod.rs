//! The dense products that the models are made of, in one place so that a faster kernel has one place to go.
//!
//! Matrices with one column are most of what linear models multiply by. They have loops of their own in `column`,
//! vectorised for the processor at hand; everything else is faer's product, or ndarray's.

mod column;
mod descent;
mod lanes;
mod orthogonal;

pub(crate) use lanes::Lanes;
pub(crate) use orthogonal::orthogonalize;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};
use pulp::Arch;

use crate::{Scalar, data::rows_of, model::Descent};
use column::{RowsByVector, VectorByRows};
use descent::RowByRow;

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

/// `c ← a · b`.
pub(crate) fn product<F: Scalar>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>, mut c: ArrayViewMut2<'_, F>) {
    if b.ncols() == 1
        && (a.nrows(), a.ncols()) == (c.nrows(), b.nrows())
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
        && (a.nrows(), a.ncols()) == (b.nrows(), c.nrows())
        && let (Some(a), Some(b), Some(c)) = (a.as_slice(), b.as_slice(), c.as_slice_mut())
        && !c.is_empty()
    {
        return Arch::new().dispatch(VectorByRows { a, b, c });
    }
    F::multiply(a.reversed_axes(), b, c, true);
}

/// The steps of a descent over rows that lie end to end, of a linear model with one output.
pub(crate) fn descend<F: Scalar>(
    a: &[F],
    weights: &mut [F],
    bias: Option<&mut F>,
    descent: Descent<'_, F>,
) -> Option<usize> {
    let weighed = !weights.is_empty();
    weighed.then(|| {
        Arch::new().dispatch(RowByRow {
            a,
            weights,
            bias,
            descent,
        })
    })
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
