//! Plain descent on one row after another: a product, the loss and the update, without anything in between.

use pulp::{Simd, WithSimd};

use super::column::{cut, dot};
use crate::{
    Scalar,
    data::{AHEAD, Batch},
    model::Descent,
    prefetch,
};

/// The steps of a [`Descent`] over the rows of `a`, end to end, each as long as `weights`. Gives their number.
pub(super) struct RowByRow<'a, 'd, F> {
    pub(super) a: &'a [F],
    pub(super) weights: &'a mut [F],
    pub(super) bias: Option<&'a mut F>,
    pub(super) descent: Descent<'d, F>,
}

impl<F: Scalar> WithSimd for RowByRow<'_, '_, F> {
    type Output = usize;

    /// What the weights have beyond whole vectors stays in a register: a load would wait for the store of a part before it.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let Descent {
            rows,
            loss,
            rates,
            values,
        } = self.descent;
        let (columns, zero) = (self.weights.len(), F::splat(simd, F::zero()));
        let (_, mut end) = cut::<F, S>(simd, self.weights, 0, columns);
        let (weights, rest) = F::split_mut::<S>(self.weights);
        let (mut bias, mut made) = (self.bias, 0);
        let scattered = matches!(rows, Batch::Rows(_));
        for (&rate, value) in rates.iter().zip(values) {
            let Some((row, first)) = place(self.a, columns, rows.term(made)) else {
                break;
            };
            if scattered && let Some((_, first)) = place(self.a, columns, rows.term(made + AHEAD)) {
                // The last vector of a row reaches into the next one.
                let end = (first + columns + 64 / size_of::<F>()).min(self.a.len());
                prefetch::row(&self.a[first..end]);
            }
            let (x, x_end) = cut::<F, S>(simd, self.a, first, columns);
            let mut prediction = dot(simd, (x, x_end), (weights, end));
            if let Some(bias) = &bias {
                prediction += **bias;
            }
            let slope;
            (*value, slope) = loss(prediction, row);
            let slopes = F::splat(simd, slope);
            // Zero times a finite number is zero, and a NaN times any other.
            let mut odd = F::multiply_lanes(simd, F::multiply_lanes(simd, x_end, slopes), zero);
            for &x in x {
                odd = F::multiply_add(simd, F::multiply_lanes(simd, x, slopes), zero, odd);
            }
            if !(value.is_finite() && slope.is_finite() && F::sum_lanes(simd, odd) == F::zero()) {
                break;
            }
            // A gradient begins at zero and is added to: so no weight of −0 differs.
            let back = F::splat(simd, -rate);
            for (w, &x) in weights.iter_mut().zip(x) {
                let gradient = F::multiply_add(simd, x, slopes, zero);
                *w = F::add_lanes(simd, *w, F::multiply_lanes(simd, gradient, back));
            }
            let gradient = F::multiply_add(simd, x_end, slopes, zero);
            end = F::add_lanes(simd, end, F::multiply_lanes(simd, gradient, back));
            if let Some(bias) = &mut bias {
                **bias -= rate * (F::zero() + slope);
            }
            made += 1;
        }
        F::store_rest(simd, rest, end);
        made
    }
}

/// A row and where it begins among all numbers, if it is there.
#[inline(always)]
fn place<F>(all: &[F], columns: usize, row: Option<usize>) -> Option<(usize, usize)> {
    let first = row?.checked_mul(columns)?;
    all.get(first..first.checked_add(columns)?)?;
    Some((row?, first))
}
