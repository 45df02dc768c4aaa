//! The elementary functions of the hot loops, without a branch or a call, so that a loop over them is vectorised for the
//! processor it is compiled for. The standard library's are a call for each number.
//!
//! | function | largest error, in units in the last place |
//! |---|---|
//! | [`exp`] | 2 |
//! | [`softplus`], and its slope | 3 |
//! | [`tanh`] | 4 |
//!
//! Infinities and NaN are as in the standard library. The polynomials have the least largest error of their degree (Remez
//! exchange, in 40 digits).

use pulp::{Arch, NullaryFnOnce};

use crate::Scalar;

/// What of a function depends on the scalar.
pub trait Elementary: Sized {
    /// `(eʳ − 1 − r) / r²` within `ln 2 / 2` of 0.
    #[doc(hidden)]
    fn exp_tail(r: Self) -> Self;

    /// `(artanh √z / √z − 1) / z` from 0 to 1/9.
    #[doc(hidden)]
    fn artanh_tail(z: Self) -> Self;

    /// `(r, [2ᵃ, 2ᵇ])` with `x = r + (a + b) ln 2` and r within `ln 2 / 2` of 0. What lies beyond the range of `eˣ` is taken
    /// to its ends.
    #[doc(hidden)]
    fn reduce(x: Self) -> (Self, [Self; 2]);
}

macro_rules! elementary {
    ($scalar:ident, $signed:ident, lowest: $lowest:literal, highest: $highest:literal, ln_2: $high:literal + $low:literal,
     exp: $exp:expr, artanh: $artanh:expr) => {
        impl Elementary for $scalar {
            #[inline(always)]
            fn exp_tail(r: $scalar) -> $scalar {
                polynomial($exp, r)
            }

            #[inline(always)]
            fn artanh_tail(z: $scalar) -> $scalar {
                polynomial($artanh, z)
            }

            #[inline(always)]
            fn reduce(x: $scalar) -> ($scalar, [$scalar; 2]) {
                const MANTISSA: u32 = $scalar::MANTISSA_DIGITS - 1;
                const BIAS: $signed = $scalar::MAX_EXP as $signed - 1;
                // Added to a number, this leaves its nearest whole in the lowest bits.
                const ROUND: $scalar = 1.5 * (1_u64 << MANTISSA) as $scalar;
                // Comparisons that let a NaN pass.
                let x = if x > $highest { $highest } else { x };
                let x = if x < $lowest { $lowest } else { x };
                let shifted = x * std::$scalar::consts::LOG2_E + ROUND;
                let whole = shifted - ROUND;
                let power = (shifted.to_bits() as $signed).wrapping_sub(ROUND.to_bits() as $signed);
                let half = power >> 1;
                // A closure would be a call.
                #[inline(always)]
                fn of_two(power: $signed) -> $scalar {
                    $scalar::from_bits((power.wrapping_add(BIAS) << MANTISSA).cast_unsigned())
                }
                let r = (x - whole * $high) - whole * $low;
                (r, [of_two(half), of_two(power.wrapping_sub(half))])
            }
        }
    };
}

elementary!(
    f32, i32, lowest: -104.0, highest: 89.0, ln_2: 0.693_359_4 + -2.121_944_4e-4,
    exp: [0.5, 0.166_665_18, 0.041_666_204, 0.008_368_89, 0.001_395_059],
    artanh: [0.333_333_38, 0.199_994_39, 0.143_084_42, 0.107_138_35, 0.121_504_5]
);
elementary!(
    f64, i64, lowest: -746.0, highest: 710.0, ln_2: 0.693_147_180_369_123_8 + 1.908_214_929_270_587_7e-10,
    exp: [
        0.500_000_000_000_001_3, 0.166_666_666_666_667, 0.041_666_666_666_515_42, 0.008_333_333_333_307_147,
        0.001_388_888_894_701_619_8, 0.000_198_412_699_175_095_37, 0.000_024_801_489_941_424_92,
        2.755_721_619_302_808_4e-6, 2.763_128_072_385_296e-7, 2.511_789_322_211_205_2e-8,
    ],
    artanh: [
        0.333_333_333_333_331_5, 0.200_000_000_000_786_02, 0.142_857_142_739_288_94, 0.111_111_119_847_678_21,
        0.090_908_719_652_887_48, 0.076_932_799_112_222_55, 0.066_504_873_547_013_89, 0.060_530_392_908_132_38,
        0.041_700_654_219_669_106, 0.085_092_635_932_481_1,
    ]
);

/// A polynomial from its lowest coefficient; even and odd powers apart, which halves the chain of operations that wait for
/// one another.
#[inline(always)]
fn polynomial<F: Copy + std::ops::Add<Output = F> + std::ops::Mul<Output = F>, const N: usize>(
    coefficients: [F; N],
    x: F,
) -> F {
    let square = x * x;
    let (mut high, mut low) = (coefficients[N - 1], coefficients[N - 2]);
    let mut left = N - 2;
    while left >= 2 {
        high = high * square + coefficients[left - 1];
        low = low * square + coefficients[left - 2];
        left -= 2;
    }
    if left == 0 {
        low + x * high
    } else {
        high * square + coefficients[0] + x * low
    }
}

/// `eˣ`.
#[inline(always)]
pub(crate) fn exp<F: Scalar>(x: F) -> F {
    let (r, [a, b]) = F::reduce(x);
    let over_one = r + r * r * F::exp_tail(r);
    (a + a * over_one) * b
}

/// Replaces every value by its exponential.
pub(crate) fn exp_all<F: Scalar>(values: &mut [F]) {
    Arch::new().dispatch(ExpAll(values));
}

struct ExpAll<'a, F>(&'a mut [F]);

impl<F: Scalar> NullaryFnOnce for ExpAll<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for x in self.0 {
            *x = exp(*x);
        }
    }
}

/// `tanh x`.
#[inline(always)]
pub(crate) fn tanh<F: Scalar>(x: F) -> F {
    let (one, size) = (F::one(), x.abs());
    // From there on it is 1. A comparison that lets a NaN pass.
    let far = F::of(20.0);
    let size = if size > far { far } else { size };
    let (r, [a, b]) = F::reduce(size + size);
    let (power, over_one) = (a * b, r + r * r * F::exp_tail(r));
    // tanh x = t / (t + 2) with t = e²ˣ − 1, which is small where x is.
    let t = (power - one) + power * over_one;
    (t / (t + one + one)).copysign(x)
}

/// `log(1 + eˣ)` and its slope, the logistic function, for any x.
#[inline(always)]
pub(crate) fn softplus<F: Scalar>(x: F) -> (F, F) {
    let (zero, one) = (F::zero(), F::one());
    let small = exp(-x.abs());
    // log(1 + t) = 2 artanh(t / (2 + t))
    let part = small / (one + one + small);
    let log = part + part;
    let square = part * part;
    let value = log + log * square * F::artanh_tail(square);
    let slope = if x > zero { one } else { small } / (one + small);
    (value + if x <= zero { zero } else { x }, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error over a range, in units in the last place of the true value.
    macro_rules! worst {
        ($scalar:ident, $range:expr, $function:expr, $exact:expr) => {{
            let (low, high) = ($range.start, $range.end);
            const STEPS: u32 = 200_000;
            (0..=STEPS)
                .map(|i| {
                    let x = low + (high - low) * (f64::from(i) / f64::from(STEPS));
                    let x = x as $scalar;
                    let (ours, exact): ($scalar, f64) = ($function(x), $exact(f64::from(x)));
                    let nearest = exact as $scalar;
                    let unit = nearest.abs().next_up() - nearest.abs();
                    ((f64::from(ours) - exact) / f64::from(unit)).abs()
                })
                .fold(0.0, f64::max)
        }};
    }

    #[test]
    fn errors_are_as_stated() {
        // The reference in f64 is itself wrong by up to a unit or so.
        assert!(worst!(f32, -87.0..88.7, exp, f64::exp) < 2.0);
        assert!(worst!(f64, -708.0..709.7, exp, f64::exp) < 3.0);
        assert!(worst!(f32, -12.0..12.0, tanh, f64::tanh) < 4.0);
        assert!(worst!(f64, -22.0..22.0, tanh, f64::tanh) < 5.0);
        assert!(worst!(f64, -1e-3..1e-3, tanh, f64::tanh) < 5.0);
        let softplus_exact = |x: f64| (-x.abs()).exp().ln_1p() + x.max(0.0);
        let sigmoid_exact = |x: f64| 1.0 / (1.0 + (-x).exp());
        assert!(worst!(f32, -80.0..80.0, |x| softplus(x).0, softplus_exact) < 3.0);
        assert!(worst!(f64, -700.0..40.0, |x| softplus(x).0, softplus_exact) < 4.0);
        assert!(worst!(f32, -80.0..80.0, |x| softplus(x).1, sigmoid_exact) < 3.0);
        assert!(worst!(f64, -40.0..40.0, |x| softplus(x).1, sigmoid_exact) < 4.0);
    }

    #[test]
    fn ends_are_as_in_the_standard_library() {
        for x in [f64::NEG_INFINITY, -1e4, -740.0, -0.0, 0.0, 1e4, f64::INFINITY] {
            assert_eq!(exp(x), x.exp(), "{x}");
            let x = x as f32;
            assert_eq!(exp(x), x.exp(), "{x}");
        }
        for x in [f64::NEG_INFINITY, -1e4, -1e-300, 0.0, 1e4, f64::INFINITY] {
            assert_eq!(tanh(x), x.tanh(), "{x}");
            assert_eq!(tanh(x as f32), (x as f32).tanh(), "{x}");
        }
        assert!(tanh(-0.0_f64).is_sign_negative() && tanh(f64::NAN).is_nan() && tanh(f32::NAN).is_nan());
        assert_eq!(softplus(f64::INFINITY), (f64::INFINITY, 1.0));
        assert_eq!(softplus(f64::NEG_INFINITY), (0.0, 0.0));
        assert_eq!(softplus(0.0), (std::f64::consts::LN_2, 0.5));
        assert!(exp(f64::NAN).is_nan() && softplus(f64::NAN).0.is_nan());
        assert!(exp(f32::NAN).is_nan() && softplus(f32::NAN).0.is_nan());
    }
}
