//! Products with a matrix of one column: most of what linear models do.
//!
//! Both loops take four rows at a time, so that what the rows have in common is read once for four of them, and ask for
//! the memory that follows: the batch or shard to come, in a pass over data in their own order. The processor's own
//! prefetcher stops at the end of every page and waits while a shard is read from cache a second time.
//!
//! The loops are spelt out where a closure would be shorter: closures are not compiled for the processor at hand.

use pulp::{Simd, WithSimd};

use super::Lanes;
use crate::{Scalar, prefetch};

/// How many rows are taken at a time.
const ROWS: usize = 4;

/// The largest block of rows, in bytes, for which the next one is fetched while it is worked on.
const FETCHED: usize = 128 * 1024;

/// `c ← a · b`, with the rows of `a` as long as `b`.
pub(super) struct RowsByVector<'a, F> {
    pub(super) a: &'a [F],
    pub(super) b: &'a [F],
    pub(super) c: &'a mut [F],
}

impl<F: Scalar> WithSimd for RowsByVector<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (a, columns) = (self.a, self.b.len());
        let block = ROWS * columns;
        let (b, b_rest) = cut::<F, S>(simd, self.b, 0, columns);
        let (blocks, rest) = self.c.as_chunks_mut::<ROWS>();
        let few = blocks.len() * block;
        for (first, c) in (0..few).step_by(block).zip(blocks) {
            prefetch::span(&a[first..first + block], a.len(), 0..fetched::<F>(block) / 2);
            let mut rows: [&[F::Vector<S>]; ROWS] = [&[]; ROWS];
            let mut sums = [b_rest; ROWS];
            for row in 0..ROWS {
                let (whole, end) = cut::<F, S>(simd, a, first + row * columns, columns);
                rows[row] = &whole[..b.len()];
                sums[row] = F::multiply_lanes(simd, end, b_rest);
            }
            for (i, &b) in b.iter().enumerate() {
                for row in 0..ROWS {
                    sums[row] = F::multiply_add(simd, rows[row][i], b, sums[row]);
                }
            }
            for row in 0..ROWS {
                c[row] = F::sum_lanes(simd, sums[row]);
            }
        }
        for (first, c) in (few..a.len()).step_by(columns).zip(rest) {
            *c = dot(simd, cut::<F, S>(simd, a, first, columns), (b, b_rest));
        }
    }
}

/// One row: as many sums side by side as hide the latency of an addition.
#[inline(always)]
pub(super) fn dot<F: Scalar, S: Simd>(
    simd: S,
    (row, row_rest): Cut<'_, F, S>,
    (b, b_rest): Cut<'_, F, S>,
) -> F {
    let zero = F::splat(simd, F::zero());
    let mut sums = [F::multiply_lanes(simd, row_rest, b_rest), zero, zero, zero];
    let ((row, row_end), (b, b_end)) = (row.as_chunks::<ROWS>(), b.as_chunks::<ROWS>());
    for (row, b) in row.iter().zip(b) {
        for lane in 0..ROWS {
            sums[lane] = F::multiply_add(simd, row[lane], b[lane], sums[lane]);
        }
    }
    for ((sum, &x), &b) in sums.iter_mut().zip(row_end).zip(b_end) {
        *sum = F::multiply_add(simd, x, b, *sum);
    }
    F::sum_lanes(simd, sum_of::<F, S>(simd, sums))
}

#[inline(always)]
fn sum_of<F: Scalar, S: Simd>(simd: S, [a, b, c, d]: [F::Vector<S>; ROWS]) -> F::Vector<S> {
    F::add_lanes(simd, F::add_lanes(simd, a, c), F::add_lanes(simd, b, d))
}

/// `c ← c + aᵀ · b`, with the rows of `a` as long as `c`.
pub(super) struct VectorByRows<'a, F> {
    pub(super) a: &'a [F],
    pub(super) b: &'a [F],
    pub(super) c: &'a mut [F],
}

impl<F: Scalar> WithSimd for VectorByRows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (a, columns) = (self.a, self.c.len());
        let block = ROWS * columns;
        let (_, mut end) = cut::<F, S>(simd, self.c, 0, columns);
        let (c, c_rest) = F::split_mut::<S>(self.c);
        let (blocks, rest) = self.b.as_chunks::<ROWS>();
        let few = blocks.len() * block;
        let mut ends = [F::splat(simd, F::zero()); ROWS];
        for (first, b) in (0..few).step_by(block).zip(blocks) {
            prefetch::span(
                &a[first..first + block],
                a.len(),
                fetched::<F>(block) / 2..fetched::<F>(block),
            );
            let mut rows: [&[F::Vector<S>]; ROWS] = [&[]; ROWS];
            let mut factors = ends;
            for row in 0..ROWS {
                let (whole, row_rest) = cut::<F, S>(simd, a, first + row * columns, columns);
                rows[row] = &whole[..c.len()];
                factors[row] = F::splat(simd, b[row]);
                ends[row] = F::multiply_add(simd, row_rest, factors[row], ends[row]);
            }
            for (i, c) in c.iter_mut().enumerate() {
                for row in 0..ROWS {
                    *c = F::multiply_add(simd, rows[row][i], factors[row], *c);
                }
            }
        }
        end = F::add_lanes(simd, end, sum_of::<F, S>(simd, ends));
        for (first, &b) in (few..a.len()).step_by(columns).zip(rest) {
            let ((row, row_rest), b) = (cut::<F, S>(simd, a, first, columns), F::splat(simd, b));
            for (c, &x) in c.iter_mut().zip(row) {
                *c = F::multiply_add(simd, x, b, *c);
            }
            end = F::multiply_add(simd, row_rest, b, end);
        }
        F::store_rest(simd, c_rest, end);
    }
}

/// How many numbers ahead of a block are fetched: all of the next, unless they would not stay in cache until then.
#[inline(always)]
fn fetched<F>(block: usize) -> usize {
    if block * size_of::<F>() <= FETCHED {
        block
    } else {
        0
    }
}

/// A row in whole vectors and what remains, with 0 in the lanes after.
pub(super) type Cut<'a, F, S> = (&'a [<F as Lanes>::Vector<S>], <F as Lanes>::Vector<S>);

/// The row of `a` that begins with this number, cut.
#[inline(always)]
pub(super) fn cut<F: Scalar, S: Simd>(simd: S, a: &[F], first: usize, columns: usize) -> Cut<'_, F, S> {
    let (whole, rest) = F::split::<S>(&a[first..first + columns]);
    (
        whole,
        F::load_rest(simd, a, first + columns - rest.len(), rest.len()),
    )
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::{RowsByVector, VectorByRows};
    use crate::Scalar;

    /// The widths that this processor has.
    #[derive(Clone, Copy, Debug)]
    enum Width {
        Widest,
        #[cfg(target_arch = "x86_64")]
        Avx2(pulp::x86::V3),
        One,
    }

    impl Width {
        fn all() -> Vec<Self> {
            let mut all = vec![Self::Widest, Self::One];
            #[cfg(target_arch = "x86_64")]
            all.extend(pulp::x86::V3::try_new().map(Self::Avx2));
            all
        }

        fn run(self, work: impl WithSimd<Output = ()>) {
            match self {
                Self::Widest => Arch::new().dispatch(work),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2(simd) => pulp::Simd::vectorize(simd, work),
                Self::One => Arch::Scalar.dispatch(work),
            }
        }
    }

    /// Whole numbers, so that every order of the sums gives the same bits. One row in five is infinite: its neighbours,
    /// whose last vectors reach into it, must not see that.
    fn of_every_shape<F: Scalar>() {
        let at = |row: usize, column: usize| ((row * 7 + column * 3) % 11) as f64 - 5.0;
        for (rows, columns) in (1..11).flat_map(|rows| (1..70).map(move |columns| (rows, columns))) {
            let matrix = |value: &dyn Fn(usize, usize) -> f64| -> Vec<F> {
                (0..rows * columns)
                    .map(|i| F::of(value(i / columns, i % columns)))
                    .collect()
            };
            let column: Vec<F> = (0..columns).map(|i| F::of(at(5, i))).collect();
            let row: Vec<F> = (0..rows).map(|i| F::of(at(i, 2))).collect();
            for width in Width::all() {
                let bad = |row: usize| row % 5 == 3;
                let a = matrix(&|row, column| if bad(row) { f64::INFINITY } else { at(row, column) });
                let mut c = vec![F::of(-1.0); rows];
                width.run(RowsByVector {
                    a: &a,
                    b: &column,
                    c: &mut c,
                });
                for row in (0..rows).filter(|&row| !bad(row)) {
                    let expected: f64 = (0..columns).map(|column| at(row, column) * at(5, column)).sum();
                    assert_eq!(
                        c[row],
                        F::of(expected),
                        "row {row} of {rows} × {columns}, {width:?}"
                    );
                }

                let mut c = vec![F::one(); columns];
                width.run(VectorByRows {
                    a: &matrix(&at),
                    b: &row,
                    c: &mut c,
                });
                for (column, &c) in c.iter().enumerate() {
                    let expected = 1.0 + (0..rows).map(|row| at(row, column) * at(row, 2)).sum::<f64>();
                    assert_eq!(
                        c,
                        F::of(expected),
                        "column {column} of {rows} × {columns}, {width:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn products_of_every_shape_in_single_precision() {
        of_every_shape::<f32>();
    }

    #[test]
    fn products_of_every_shape_in_double_precision() {
        of_every_shape::<f64>();
    }
}
