//! What stands between two layers.

use crate::{Scalar, loss::positive_part};

/// The function between the layers of an [`Mlp`](super::Mlp), applied to each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// `max(0, z)`, with derivative 0 at 0.
    #[default]
    Relu,
    /// `tanh z`.
    Tanh,
    /// `1 / (1 + e^−z)`.
    Sigmoid,
    /// `z Φ(z)`, with Φ the normal distribution function by `erf`: the exact form, PyTorch's default.
    Gelu,
}

impl Activation {
    /// Whether the derivative needs `z`; that of the others follows from the function's value.
    pub(super) fn needs_input(self) -> bool {
        self == Activation::Gelu
    }

    /// Replaces every `z` by its value.
    pub(super) fn apply<F: Scalar>(self, values: &mut [F]) {
        let one = F::one();
        match self {
            Activation::Relu => values.iter_mut().for_each(|z| *z = positive_part(*z)),
            Activation::Tanh => values.iter_mut().for_each(|z| *z = z.tanh()),
            Activation::Sigmoid => values.iter_mut().for_each(|z| *z = one / (one + (-*z).exp())),
            Activation::Gelu => values.iter_mut().for_each(|z| *z *= normal_distribution(*z)),
        }
    }

    /// Multiplies every gradient by the derivative, given the values (for GELU: the `z`).
    pub(super) fn chain<F: Scalar>(self, values: &[F], gradient: &mut [F]) {
        let one = F::one();
        let pairs = gradient.iter_mut().zip(values);
        match self {
            Activation::Relu => pairs.for_each(|(g, &a)| *g = if a > F::zero() { *g } else { F::zero() }),
            Activation::Tanh => pairs.for_each(|(g, &a)| *g *= one - a * a),
            Activation::Sigmoid => pairs.for_each(|(g, &a)| *g *= a * (one - a)),
            Activation::Gelu => pairs.for_each(|(g, &z)| {
                let density = (-z * z * F::of(0.5)).exp() * F::of(0.398_942_280_401_432_7);
                *g *= normal_distribution(z) + z * density;
            }),
        }
    }
}

fn normal_distribution<F: Scalar>(z: F) -> F {
    F::of(0.5) * (F::one() + (z * F::of(std::f64::consts::FRAC_1_SQRT_2)).erf())
}
