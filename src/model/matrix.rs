//! What a linear model needs of its inputs.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Ix2};

use super::Descent;
use crate::{Gradient, Handle, Scalar, data::Samples, linalg};

/// A matrix with rows, dense or sparse, as a linear model multiplies by it.
pub trait Matrix<F: Scalar>: Samples {
    /// Whether a row reaches only some of the weights.
    const SPARSE: bool;

    /// The number of columns.
    fn columns(view: &Self::View<'_>) -> usize;

    /// `product ← A W`, with `A` rows × columns and `W` columns × outputs.
    fn product(view: &Self::View<'_>, weights: ArrayView2<'_, F>, product: ArrayViewMut2<'_, F>);

    /// Adds `Aᵀ D` to the gradient of the tensor `weight`, columns × outputs, with `D` rows × outputs.
    fn add_transposed_product(
        view: &Self::View<'_>,
        slopes: ArrayView2<'_, F>,
        gradient: &mut Gradient<F>,
        weight: &Handle<Ix2>,
    );

    /// Makes the steps of a [`Descent`] of a linear model with one output: a weight for each column, and an intercept if there is
    /// one. Default: `None`.
    fn descend(
        view: &Self::View<'_>,
        weights: &mut [F],
        bias: Option<&mut F>,
        descent: Descent<'_, F>,
    ) -> Option<usize> {
        let _ = (view, weights, bias, descent);
        None
    }

    /// Touches the rows of the gradient that [`Matrix::add_transposed_product`] would add to.
    fn touch(view: &Self::View<'_>, gradient: &mut Gradient<F>, weight: &Handle<Ix2>);
}

impl<F: Scalar> Matrix<F> for Array2<F> {
    const SPARSE: bool = false;

    #[inline]
    fn columns(view: &ArrayView2<'_, F>) -> usize {
        view.ncols()
    }

    #[inline]
    fn product(view: &ArrayView2<'_, F>, weights: ArrayView2<'_, F>, product: ArrayViewMut2<'_, F>) {
        linalg::product(view.view(), weights, product);
    }

    #[inline]
    fn add_transposed_product(
        view: &ArrayView2<'_, F>,
        slopes: ArrayView2<'_, F>,
        gradient: &mut Gradient<F>,
        weight: &Handle<Ix2>,
    ) {
        linalg::add_transposed_product(view.view(), slopes, gradient.view_mut(weight));
    }

    fn descend(
        view: &ArrayView2<'_, F>,
        weights: &mut [F],
        bias: Option<&mut F>,
        descent: Descent<'_, F>,
    ) -> Option<usize> {
        if view.ncols() != weights.len() {
            return None;
        }
        linalg::descend(view.as_slice()?, weights, bias, descent)
    }

    fn touch(_: &ArrayView2<'_, F>, gradient: &mut Gradient<F>, weight: &Handle<Ix2>) {
        gradient.view_mut(weight);
    }
}

#[cfg(feature = "sparse")]
mod sparse {
    use super::*;
    use crate::{
        data::{Csr, CsrView},
        gradient::RowsMut,
    };

    /// How many sums a product keeps, so that an addition need not wait for the one before.
    const LANES: usize = 8;

    impl<F: Scalar> Matrix<F> for Csr<F> {
        const SPARSE: bool = true;

        #[inline]
        fn columns(view: &CsrView<'_, F>) -> usize {
            view.columns()
        }

        #[inline]
        fn product(view: &CsrView<'_, F>, weights: ArrayView2<'_, F>, mut product: ArrayViewMut2<'_, F>) {
            let outputs = product.ncols();
            let (Some(weights), Some(product)) = (weights.to_slice(), product.as_slice_mut()) else {
                return;
            };
            if outputs == 1 {
                for ((indices, values), product) in view.iter().zip(product) {
                    *product = dot(indices, values, weights);
                }
                return;
            }
            for ((indices, values), product) in view.iter().zip(product.chunks_exact_mut(outputs)) {
                product.fill(F::zero());
                for (&column, &value) in indices.iter().zip(values) {
                    let start = column as usize * outputs;
                    for (product, &weight) in product.iter_mut().zip(&weights[start..start + outputs]) {
                        *product += value * weight;
                    }
                }
            }
        }

        #[inline]
        fn add_transposed_product(
            view: &CsrView<'_, F>,
            slopes: ArrayView2<'_, F>,
            gradient: &mut Gradient<F>,
            weight: &Handle<Ix2>,
        ) {
            let outputs = slopes.ncols();
            let Some(slopes) = slopes.to_slice() else { return };
            match gradient.rows_mut(weight) {
                RowsMut::All(all) => {
                    for ((indices, values), slopes) in view.iter().zip(slopes.chunks_exact(outputs)) {
                        for (&column, &value) in indices.iter().zip(values) {
                            let start = column as usize * outputs;
                            add(&mut all[start..start + outputs], value, slopes);
                        }
                    }
                }
                RowsMut::Touched(touched) => {
                    let one_row = slopes.len() == 1;
                    for ((indices, values), slopes) in view.iter().zip(slopes.chunks_exact(outputs)) {
                        if one_row && touched.is_empty() {
                            touched.fill(indices, values.iter().map(|&value| value * slopes[0]));
                            continue;
                        }
                        touched.add(indices, values, slopes);
                    }
                }
            }
        }

        fn descend(
            view: &CsrView<'_, F>,
            weights: &mut [F],
            mut bias: Option<&mut F>,
            descent: Descent<'_, F>,
        ) -> Option<usize> {
            let Descent {
                rows,
                loss,
                rates,
                values,
            } = descent;
            if view.columns() > weights.len() {
                return None;
            }
            let mut made = 0;
            for (&rate, value) in rates.iter().zip(values) {
                let Some(row) = rows.term(made) else { break };
                let Some((indices, entries)) = view.get_row(row) else {
                    break;
                };
                let mut prediction = dot(indices, entries, weights);
                if let Some(bias) = &bias {
                    prediction += **bias;
                }
                let slope;
                (*value, slope) = loss(prediction, row);
                let finite = entries.iter().fold(true, |all, &entry| {
                    all & ((entry * slope).abs() <= F::max_value())
                });
                if !(finite && value.is_finite() && slope.is_finite()) {
                    break;
                }
                for (&column, &entry) in indices.iter().zip(entries) {
                    weights[column as usize] -= rate * (entry * slope);
                }
                if let Some(bias) = &mut bias {
                    **bias -= rate * (F::zero() + slope);
                }
                made += 1;
            }
            Some(made)
        }

        fn touch(view: &CsrView<'_, F>, gradient: &mut Gradient<F>, weight: &Handle<Ix2>) {
            for (indices, _) in view.iter() {
                for &column in indices {
                    gradient.row_mut(weight, column as usize);
                }
            }
        }
    }

    /// `sums ← sums + factor · slopes`.
    #[inline(always)]
    fn add<F: Scalar>(sums: &mut [F], factor: F, slopes: &[F]) {
        for (sum, &slope) in sums.iter_mut().zip(slopes) {
            *sum += factor * slope;
        }
    }

    #[inline]
    fn dot<F: Scalar>(indices: &[u32], values: &[F], weights: &[F]) -> F {
        let ((index_blocks, index_rest), (value_blocks, value_rest)) =
            (indices.as_chunks::<LANES>(), values.as_chunks::<LANES>());
        let mut sums = [F::zero(); LANES];
        for (indices, values) in index_blocks.iter().zip(value_blocks) {
            for lane in 0..LANES {
                sums[lane] += values[lane] * weights[indices[lane] as usize];
            }
        }
        for ((sum, &column), &value) in sums.iter_mut().zip(index_rest).zip(value_rest) {
            *sum += value * weights[column as usize];
        }
        let [a, b, c, d, e, f, g, h] = sums;
        ((a + b) + (c + d)) + ((e + f) + (g + h))
    }
}
