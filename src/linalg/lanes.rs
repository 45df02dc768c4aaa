//! pulp's vectors of either scalar under one name for each operation.

use pulp::Simd;

/// A scalar with its vectors.
pub trait Lanes: Copy {
    /// As many of them as a register holds.
    type Vector<S: Simd>: Copy;
    /// Whole vectors, and what remains.
    fn split<S: Simd>(values: &[Self]) -> (&[Self::Vector<S>], &[Self]);
    /// Whole vectors, and what remains, to be written.
    fn split_mut<S: Simd>(values: &mut [Self]) -> (&mut [Self::Vector<S>], &mut [Self]);
    /// `count` of all numbers from `start`, fewer than a vector, and 0 in the lanes after.
    ///
    /// pulp's own load of a part calls a function through a table, at a fifth of the time of a product; a whole vector
    /// of which some lanes are taken costs next to nothing.
    fn load_rest<S: Simd>(simd: S, all: &[Self], start: usize, count: usize) -> Self::Vector<S>;
    /// Writes a rest, and leaves out the lanes after it.
    fn store_rest<S: Simd>(simd: S, rest: &mut [Self], vector: Self::Vector<S>);
    /// The same number in every lane.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    /// `a + b`.
    fn add_lanes<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a · b`.
    fn multiply_lanes<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a · b + c`, rounded once where the processor can.
    fn multiply_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// The sum of all lanes.
    fn sum_lanes<S: Simd>(simd: S, vector: Self::Vector<S>) -> Self;
}

macro_rules! lanes {
    ($scalar:ty, $vector:ident, $split:ident, $split_mut:ident, $load:ident, $store:ident,
     $splat:ident, $add:ident, $multiply:ident, $multiply_add:ident, $sum:ident, $first:ident,
     $select:ident, $rotate:ident) => {
        impl Lanes for $scalar {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn split<S: Simd>(values: &[Self]) -> (&[S::$vector], &[Self]) {
                S::$split(values)
            }

            #[inline(always)]
            fn split_mut<S: Simd>(values: &mut [Self]) -> (&mut [S::$vector], &mut [Self]) {
                S::$split_mut(values)
            }

            #[inline(always)]
            fn load_rest<S: Simd>(simd: S, all: &[Self], start: usize, count: usize) -> S::$vector {
                let lanes = size_of::<S::$vector>() / size_of::<Self>();
                let (ahead, _) = S::$split(&all[start..]);
                let (behind, _) = S::$split(&all[all.len().saturating_sub(lanes)..]);
                let whole = match (ahead.first(), behind.first()) {
                    (Some(&whole), _) => whole,
                    (None, Some(&last)) => simd.$rotate(last, lanes - (all.len() - start)),
                    (None, None) => return simd.$load(&all[start..start + count]),
                };
                let first = simd.$first(0, count as _).mask();
                simd.$select(first, whole, simd.$splat(0.0))
            }

            #[inline(always)]
            fn store_rest<S: Simd>(simd: S, rest: &mut [Self], vector: S::$vector) {
                simd.$store(rest, vector);
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }

            #[inline(always)]
            fn add_lanes<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn multiply_lanes<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$multiply(a, b)
            }

            #[inline(always)]
            fn multiply_add<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$multiply_add(a, b, c)
            }

            #[inline(always)]
            fn sum_lanes<S: Simd>(simd: S, vector: S::$vector) -> Self {
                simd.$sum(vector)
            }
        }
    };
}

lanes!(
    f32,
    f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    partial_load_f32s,
    partial_store_f32s,
    splat_f32s,
    add_f32s,
    mul_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s,
    mask_between_m32s,
    select_f32s,
    rotate_left_f32s
);
lanes!(
    f64,
    f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    partial_load_f64s,
    partial_store_f64s,
    splat_f64s,
    add_f64s,
    mul_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s,
    mask_between_m64s,
    select_f64s,
    rotate_left_f64s
);
