//! Newton's and Schulz's iteration: matrices that become orthogonal.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::product;
use crate::Scalar;

/// A step of the iteration `X ← a X + (b G + c G²) X` with `G = X Xᵀ`: X becomes more nearly orthogonal. A matrix of more rows than
/// columns is seen as its transpose.
///
/// `x` is row-major; `room` is for a product with X, for G, and for `b G + c G²`.
pub(crate) fn orthogonalize<F: Scalar>(
    (rows, columns): (usize, usize),
    x: &mut [F],
    room: [&mut [F]; 3],
    coefficients: [F; 3],
) {
    let [a, b, c] = coefficients;
    let [moved, gram, polynomial] = room;
    let side = rows.min(columns);
    let (Ok(matrix), Ok(mut by), Ok(mut g), Ok(mut p)) = (
        ArrayView2::from_shape((rows, columns), &*x),
        ArrayViewMut2::from_shape((rows, columns), &mut *moved),
        ArrayViewMut2::from_shape((side, side), gram),
        ArrayViewMut2::from_shape((side, side), polynomial),
    ) else {
        return;
    };
    let tall = rows > columns;
    let (left, right) = if tall {
        (matrix.t(), matrix)
    } else {
        (matrix, matrix.t())
    };
    F::multiply(left, right, g.view_mut(), false);
    product(g.view(), g.view(), p.view_mut());
    p.zip_mut_with(&g, |p, &g| *p = b * g + c * *p);
    if tall {
        F::multiply(matrix, p.view(), by.view_mut(), false);
    } else {
        F::multiply(p.view(), matrix, by.view_mut(), false);
    }
    x.iter_mut().zip(&*moved).for_each(|(x, &by)| *x = a * *x + by);
}
