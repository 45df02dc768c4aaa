//! What stands between two layers.

use std::marker::PhantomData;

use pulp::{Arch, NullaryFnOnce};

use crate::{Scalar, loss::positive_part, math};

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

    /// Adds the bias to every row of `z` and replaces the sums by their values. `kept` takes the sums themselves, where the
    /// derivative needs them.
    pub(super) fn apply<F: Scalar>(self, values: &mut [F], bias: &[F], kept: Option<&mut [F]>) {
        match self {
            Activation::Relu => forward::<F, Relu>(values, bias, kept),
            Activation::Tanh => forward::<F, Tanh>(values, bias, kept),
            Activation::Sigmoid => forward::<F, Sigmoid>(values, bias, kept),
            Activation::Gelu => forward::<F, Gelu>(values, bias, kept),
        }
    }

    /// Multiplies every gradient by the derivative, given the values (for GELU: the `z`), and adds the rows of what comes
    /// of it to the gradient of the bias.
    pub(super) fn chain<F: Scalar>(self, values: &[F], gradient: &mut [F], bias: &mut [F]) {
        match self {
            Activation::Relu => backward::<F, Relu>(values, gradient, bias),
            Activation::Tanh => backward::<F, Tanh>(values, gradient, bias),
            Activation::Sigmoid => backward::<F, Sigmoid>(values, gradient, bias),
            Activation::Gelu => backward::<F, Gelu>(values, gradient, bias),
        }
    }
}

/// An [`Activation`] as a type, so that each has a loop of its own.
trait Function<F> {
    fn value(z: F) -> F;

    /// The gradient before the function, from that behind it.
    fn chain(gradient: F, seen: F) -> F;
}

struct Relu;
struct Tanh;
struct Sigmoid;
struct Gelu;

impl<F: Scalar> Function<F> for Relu {
    #[inline(always)]
    fn value(z: F) -> F {
        positive_part(z)
    }

    #[inline(always)]
    fn chain(gradient: F, a: F) -> F {
        if a > F::zero() { gradient } else { F::zero() }
    }
}

impl<F: Scalar> Function<F> for Tanh {
    #[inline(always)]
    fn value(z: F) -> F {
        math::tanh(z)
    }

    #[inline(always)]
    fn chain(gradient: F, a: F) -> F {
        gradient * (F::one() - a * a)
    }
}

impl<F: Scalar> Function<F> for Sigmoid {
    #[inline(always)]
    fn value(z: F) -> F {
        F::one() / (F::one() + math::exp(-z))
    }

    #[inline(always)]
    fn chain(gradient: F, a: F) -> F {
        gradient * (a * (F::one() - a))
    }
}

impl<F: Scalar> Function<F> for Gelu {
    #[inline(always)]
    fn value(z: F) -> F {
        z * normal_distribution(z)
    }

    #[inline(always)]
    fn chain(gradient: F, z: F) -> F {
        let density = math::exp(-z * z * F::of(0.5)) * F::of(0.398_942_280_401_432_7);
        gradient * (normal_distribution(z) + z * density)
    }
}

fn normal_distribution<F: Scalar>(z: F) -> F {
    F::of(0.5) * (F::one() + (z * F::of(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

fn forward<F: Scalar, A: Function<F>>(values: &mut [F], bias: &[F], kept: Option<&mut [F]>) {
    Arch::new().dispatch(Forward::<F, A> {
        values,
        bias,
        kept,
        function: PhantomData,
    });
}

struct Forward<'a, F, A> {
    values: &'a mut [F],
    bias: &'a [F],
    kept: Option<&'a mut [F]>,
    function: PhantomData<A>,
}

impl<F: Scalar, A: Function<F>> NullaryFnOnce for Forward<'_, F, A> {
    type Output = ();

    /// Row by row: between the two loops a row is in cache.
    #[inline(always)]
    fn call(self) {
        let columns = self.bias.len();
        let mut kept = self.kept.unwrap_or_default().chunks_exact_mut(columns);
        for row in self.values.chunks_exact_mut(columns) {
            for (z, &b) in row.iter_mut().zip(self.bias) {
                *z += b;
            }
            if let Some(kept) = kept.next() {
                kept.copy_from_slice(row);
            }
            for z in row {
                *z = A::value(*z);
            }
        }
    }
}

fn backward<F: Scalar, A: Function<F>>(values: &[F], gradient: &mut [F], bias: &mut [F]) {
    Arch::new().dispatch(Backward::<F, A> {
        values,
        gradient,
        bias,
        function: PhantomData,
    });
}

struct Backward<'a, F, A> {
    values: &'a [F],
    gradient: &'a mut [F],
    bias: &'a mut [F],
    function: PhantomData<A>,
}

impl<F: Scalar, A: Function<F>> NullaryFnOnce for Backward<'_, F, A> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let columns = self.bias.len();
        let rows = self.gradient.chunks_exact_mut(columns);
        for (gradient, values) in rows.zip(self.values.chunks_exact(columns)) {
            for ((g, &seen), sum) in gradient.iter_mut().zip(values).zip(self.bias.iter_mut()) {
                *g = A::chain(*g, seen);
                *sum += *g;
            }
        }
    }
}
