//! pulp's vectors of either scalar under one name for each operation.

use pulp::{MemMask, Simd};

/// A scalar with its vectors. Loads and stores of a rest leave out what is not there, and read it as 0.
pub trait Lanes: Copy {
    /// As many of them as a register holds.
    type Vector<S: Simd>: Copy;
    /// Whole vectors, and what remains.
    fn split<S: Simd>(values: &[Self]) -> (&[Self::Vector<S>], &[Self]);
    /// Whole vectors, and what remains, to be written.
    fn split_mut<S: Simd>(values: &mut [Self]) -> (&mut [Self::Vector<S>], &mut [Self]);
    /// A rest.
    fn load<S: Simd>(simd: S, rest: &[Self]) -> Self::Vector<S>;
    /// Writes a rest.
    fn store<S: Simd>(simd: S, rest: &mut [Self], vector: Self::Vector<S>);
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
     $splat:ident, $add:ident, $multiply:ident, $multiply_add:ident, $sum:ident, $first:ident) => {
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
            #[allow(
                unsafe_code,
                reason = "pulp's safe load of a part calls a function through a table, at a fifth of the time of a product"
            )]
            fn load<S: Simd>(simd: S, rest: &[Self]) -> S::$vector {
                let first = simd.$first(0, rest.len() as _).mask();
                // SAFETY: only the lanes of the mask are read, and they are the elements of `rest`.
                unsafe { simd.$load(MemMask::new(first), rest.as_ptr()) }
            }

            #[inline(always)]
            fn store<S: Simd>(simd: S, rest: &mut [Self], vector: S::$vector) {
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
    mask_load_ptr_f32s,
    partial_store_f32s,
    splat_f32s,
    add_f32s,
    mul_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s,
    mask_between_m32s
);
lanes!(
    f64,
    f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    mask_load_ptr_f64s,
    partial_store_f64s,
    splat_f64s,
    add_f64s,
    mul_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s,
    mask_between_m64s
);
