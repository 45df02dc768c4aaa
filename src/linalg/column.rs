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
        let (block, ahead) = (ROWS * self.b.len(), self.a.len());
        let (b, b_rest) = F::split::<S>(self.b);
        let b_rest = F::load(simd, b_rest);
        let (blocks, rest) = self.c.as_chunks_mut::<ROWS>();
        let (many, few) = self.a.split_at(blocks.len() * block);
        for (rows, c) in many.chunks_exact(block).zip(blocks) {
            prefetch::span(rows, ahead, 0..fetched::<F>(block) / 2);
            let rows = split_rows::<F, S>(rows, b.len());
            let mut sums = [b_rest; ROWS];
            for row in 0..ROWS {
                sums[row] = F::multiply_lanes(simd, F::load(simd, rows[row].1), b_rest);
            }
            for (i, &b) in b.iter().enumerate() {
                for row in 0..ROWS {
                    sums[row] = F::multiply_add(simd, rows[row].0[i], b, sums[row]);
                }
            }
            for row in 0..ROWS {
                c[row] = F::sum_lanes(simd, sums[row]);
            }
        }
        for (row, c) in few.chunks_exact(self.b.len()).zip(rest) {
            *c = dot(simd, F::split::<S>(row), (b, b_rest));
        }
    }
}

/// One row: as many sums side by side as hide the latency of an addition.
#[inline(always)]
fn dot<F: Scalar, S: Simd>(
    simd: S,
    (row, row_rest): (&[F::Vector<S>], &[F]),
    (b, b_rest): (&[F::Vector<S>], F::Vector<S>),
) -> F {
    let zero = F::splat(simd, F::zero());
    let mut sums = [
        F::multiply_lanes(simd, F::load(simd, row_rest), b_rest),
        zero,
        zero,
        zero,
    ];
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
        let columns = self.c.len();
        let (block, ahead) = (ROWS * columns, self.a.len());
        let (c, c_rest) = F::split_mut::<S>(self.c);
        let (blocks, rest) = self.b.as_chunks::<ROWS>();
        let (many, few) = self.a.split_at(blocks.len() * block);
        let mut ends = [F::splat(simd, F::zero()); ROWS];
        for (rows, b) in many.chunks_exact(block).zip(blocks) {
            prefetch::span(rows, ahead, fetched::<F>(block) / 2..fetched::<F>(block));
            let rows = split_rows::<F, S>(rows, c.len());
            let b = [
                F::splat(simd, b[0]),
                F::splat(simd, b[1]),
                F::splat(simd, b[2]),
                F::splat(simd, b[3]),
            ];
            for (i, c) in c.iter_mut().enumerate() {
                for row in 0..ROWS {
                    *c = F::multiply_add(simd, rows[row].0[i], b[row], *c);
                }
            }
            for row in 0..ROWS {
                ends[row] = F::multiply_add(simd, F::load(simd, rows[row].1), b[row], ends[row]);
            }
        }
        let mut end = F::add_lanes(simd, F::load(simd, c_rest), sum_of::<F, S>(simd, ends));
        for (row, &b) in few.chunks_exact(columns).zip(rest) {
            let ((row, row_rest), b) = (F::split::<S>(row), F::splat(simd, b));
            for (c, &x) in c.iter_mut().zip(row) {
                *c = F::multiply_add(simd, x, b, *c);
            }
            end = F::multiply_add(simd, F::load(simd, row_rest), b, end);
        }
        F::store(simd, c_rest, end);
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

/// A row in whole vectors and a rest.
type Cut<'a, F, S> = (&'a [<F as Lanes>::Vector<S>], &'a [F]);

/// Four rows that lie end to end, each cut into this many vectors and a rest.
#[inline(always)]
fn split_rows<F: Scalar, S: Simd>(rows: &[F], vectors: usize) -> [Cut<'_, F, S>; ROWS] {
    let columns = rows.len() / ROWS;
    let mut split = [(&[][..], &[][..]); ROWS];
    for (row, split) in rows.chunks_exact(columns).zip(&mut split) {
        let (whole, rest) = F::split::<S>(row);
        *split = (&whole[..vectors], rest);
    }
    split
}
