//! The numbers everything is computed in.

use ndarray::{ArrayView2, ArrayViewMut2};
use num_traits::FromPrimitive;
use pulp::{Arch, NullaryFnOnce};

use crate::parallel;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`. Sealed: numerical promises (tolerances, determinism) are made for these two only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number to compute with",
    note = "`f32` and `f64` are; labels (`usize`) need a loss of labels, such as `SoftmaxCrossEntropy`"
)]
pub trait Scalar:
    ndarray::NdFloat
    + FromPrimitive
    + Default
    + std::iter::Sum
    + std::str::FromStr
    + crate::data::Element
    + crate::linalg::Lanes
    + crate::math::Elementary
    + sealed::Sealed
    + 'static
{
    /// The nearest value to `value`. Hyperparameters are `f64` and are cast once a step.
    fn of(value: f64) -> Self;

    /// This value as `f64`, exactly.
    fn to_f64_exact(self) -> f64;

    /// The error function.
    #[doc(hidden)]
    fn erf(self) -> Self;

    /// `c ← a · b`, or `c ← c + a · b`: the general product of the kind this build has.
    #[doc(hidden)]
    fn multiply(a: ArrayView2<'_, Self>, b: ArrayView2<'_, Self>, c: ArrayViewMut2<'_, Self>, add: bool);

    /// The little-endian bytes of `values`, in place of what was in `bytes`.
    #[doc(hidden)]
    fn to_bytes(values: &[Self], bytes: &mut Vec<u8>);

    /// The values of little-endian `bytes`, as many as fit into `values`.
    #[doc(hidden)]
    fn from_bytes(bytes: &[u8], values: &mut [Self]);
}

macro_rules! scalar {
    ($type:ty, $erf:path) => {
        impl Scalar for $type {
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn to_f64_exact(self) -> f64 {
                f64::from(self)
            }

            #[inline]
            fn erf(self) -> Self {
                $erf(self)
            }

            fn multiply(
                a: ArrayView2<'_, Self>,
                b: ArrayView2<'_, Self>,
                c: ArrayViewMut2<'_, Self>,
                add: bool,
            ) {
                #[cfg(feature = "faer")]
                crate::linalg::multiply_by_faer(a, b, c, add);
                #[cfg(not(feature = "faer"))]
                crate::linalg::multiply_by_ndarray(a, b, c, add);
            }

            fn to_bytes(values: &[Self], bytes: &mut Vec<u8>) {
                bytes.resize(size_of_val(values), 0);
                let (places, _) = bytes.as_chunks_mut();
                for (place, value) in places.iter_mut().zip(values) {
                    *place = value.to_le_bytes();
                }
            }

            fn from_bytes(bytes: &[u8], values: &mut [Self]) {
                let (places, _) = bytes.as_chunks();
                for (value, place) in values.iter_mut().zip(places) {
                    *value = Self::from_le_bytes(*place);
                }
            }
        }
    };
}

scalar!(f32, libm::erff);
scalar!(f64, libm::erf);

/// Whether every value is finite.
#[inline]
pub(crate) fn all_finite<F: Scalar>(values: &[F]) -> bool {
    // Up to here the pass is shorter than the look-up of the processor's features.
    if values.len() <= 32 {
        // Zero times a finite number is zero, and a NaN times any other.
        return values.iter().fold(F::zero(), |sum, &x| sum + F::zero() * x) == F::zero();
    }
    parallel::fold(
        values,
        |piece| Arch::new().dispatch(AllFinite(piece)),
        |a, b| a && b,
    )
}

struct AllFinite<'a, F>(&'a [F]);

impl<F: Scalar> NullaryFnOnce for AllFinite<'_, F> {
    type Output = bool;

    /// A block is folded without a branch, so that the compiler vectorises it; what is left of many values in shorter ones.
    #[inline(always)]
    fn call(self) -> bool {
        let (long, rest) = self.0.as_chunks::<128>();
        let (short, rest) = rest.as_chunks::<16>();
        long.iter().all(finite) && short.iter().all(finite) && finite(rest)
    }
}

#[inline(always)]
fn finite<F: Scalar, B: AsRef<[F]>>(block: B) -> bool {
    let values = block.as_ref().iter();
    values.fold(true, |all, x| all & (x.abs() <= F::max_value()))
}
