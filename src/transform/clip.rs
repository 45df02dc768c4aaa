//! Clipping by a norm.

use pulp::{Arch, NullaryFnOnce};

use super::GradientTransform;
use crate::{Error, Gradient, Params, Scalar, error::check, parallel};

/// How the size of a gradient is measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Norm {
    /// `Σ |g|`.
    L1,
    /// `√(Σ g²)`.
    #[default]
    L2,
    /// `max |g|`.
    Max,
    /// `(Σ |g|^p)^(1/p)`, p above 0.
    P(f64),
}

impl Norm {
    /// The norm of a vector. A NaN in it makes it NaN.
    pub fn of<F: Scalar>(self, values: &[F]) -> f64 {
        let sum =
            |power: &dyn Fn(f64) -> f64| values.iter().map(|x| power(x.to_f64_exact().abs())).sum::<f64>();
        match self {
            Norm::L1 => sum(&|x| x),
            Norm::L2 => euclidean(values),
            Norm::Max => values
                .iter()
                .map(|x| x.to_f64_exact().abs())
                .fold(
                    0.0,
                    |largest, x| if x > largest || x.is_nan() { x } else { largest },
                ),
            Norm::P(p) => sum(&|x| x.powf(p)).powf(1.0 / p),
        }
    }
}

/// Sums squares in `F`, many lanes at a time, and the sums of short stretches in `f64`; where that overflows or
/// underflows, once more with the largest value divided out.
fn euclidean<F: Scalar>(values: &[F]) -> f64 {
    let total = parallel::fold(
        values,
        |piece| Arch::new().dispatch(SumOfSquares(piece)),
        |a, b| a + b,
    );
    let safe = F::min_positive_value().to_f64_exact() / F::epsilon().to_f64_exact();
    if total.is_finite() && total > safe {
        return total.sqrt();
    }
    let largest = Norm::Max.of(values);
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest
        * values
            .iter()
            .map(|x| (x.to_f64_exact() / largest).powi(2))
            .sum::<f64>()
            .sqrt()
}

struct SumOfSquares<'a, F>(&'a [F]);

impl<F: Scalar> NullaryFnOnce for SumOfSquares<'_, F> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        const LANES: usize = 32;
        const STRETCH: usize = 1024;
        let mut total = 0.0;
        for stretch in self.0.chunks(STRETCH) {
            let (blocks, rest) = stretch.as_chunks::<LANES>();
            let mut sums = [F::zero(); LANES];
            for block in blocks {
                for lane in 0..LANES {
                    sums[lane] += block[lane] * block[lane];
                }
            }
            total += sums.iter().map(|x| x.to_f64_exact()).sum::<f64>();
            total += rest
                .iter()
                .map(|x| x.to_f64_exact() * x.to_f64_exact())
                .sum::<f64>();
        }
        total
    }
}

/// Clipping by global norm: where the norm of all gradients together is above `max`, all are scaled down to it.
///
/// `g ← g · min(1, max / (‖g‖ + ε))` with ε 1e-6: `torch.nn.utils.clip_grad_norm_`. [`ClipNorm::exact`] leaves ε out, as
/// Optax's `clip_by_global_norm` does. A NaN in the gradient makes all of it NaN.
///
/// In a [`Trainer`](crate::Trainer::clip_norm) the factor goes to the update rule, so that the gradient is read once and
/// not written. In a loop of one's own:
///
/// ```
/// use downhill::{optim::{Adam, Pair, Rates, Stepper}, transform::{ClipNorm, Norm}};
/// use downhill::ndarray::array;
///
/// let (mut weights, gradient) = (array![1.0, 2.0], array![30.0, 40.0]);
/// let clip = ClipNorm::new(5.0);
/// let norm = Norm::L2.of(gradient.as_slice().unwrap_or(&[]));
/// assert_eq!(norm, 50.0);
/// let rates = Rates::from(0.1).gradient_scale(clip.factor(norm));
/// Stepper::new(Adam::new()).step(rates, &mut [Pair::new(&mut weights, &gradient)?])?;
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: R. Pascanu, T. Mikolov and Y. Bengio, arXiv 1211.5063 (2013).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct ClipNorm {
    max: f64,
    norm: Norm,
    epsilon: f64,
}

impl ClipNorm {
    /// Down to the norm `max`, finite and above 0.
    pub fn new(max: f64) -> Self {
        Self {
            max,
            norm: Norm::L2,
            epsilon: 1e-6,
        }
    }

    /// Sets the norm. Default: [`Norm::L2`].
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// Divides by the norm itself, without the 1e-6.
    pub fn exact(mut self) -> Self {
        self.epsilon = 0.0;
        self
    }

    /// The norm that this clipping measures.
    pub(crate) fn measures(&self) -> Norm {
        self.norm
    }

    /// The norm of a gradient, as this clipping measures it.
    pub fn measure<F: Scalar>(&self, gradient: &[F]) -> f64 {
        self.norm.of(gradient)
    }

    /// By what a gradient of this norm is multiplied.
    pub fn factor(&self, norm: f64) -> f64 {
        let factor = self.max / (norm + self.epsilon);
        if factor >= 1.0 { 1.0 } else { factor }
    }

    /// Clips a gradient where it stands, and gives the norm it had.
    pub fn clip<F: Scalar>(&self, gradient: &mut [F]) -> f64 {
        let norm = self.measure(gradient);
        let factor = self.factor(norm);
        if factor != 1.0 {
            let factor = F::of(factor);
            gradient.iter_mut().for_each(|g| *g *= factor);
        }
        norm
    }

    /// Whether the settings are legal.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if they are not.
    pub fn validate(&self) -> Result<(), Error> {
        check::positive("max of ClipNorm", self.max)?;
        match self.norm {
            Norm::P(p) => check::positive("p of Norm::P", p),
            _ => Ok(()),
        }
    }
}

impl From<f64> for ClipNorm {
    fn from(max: f64) -> Self {
        ClipNorm::new(max)
    }
}

/// [`ClipNorm`] for each tensor by itself. `ClipTensorNorm(ClipNorm::new(c).exact())` is Keras's `clipnorm=c`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClipTensorNorm(pub ClipNorm);

impl<F: Scalar> GradientTransform<F> for ClipTensorNorm {
    fn validate(&self) -> Result<(), Error> {
        self.0.validate()
    }

    fn apply(&mut self, gradient: &mut Gradient<F>, _: &Params<F>, _: u64) {
        gradient.for_each_tensor(|_, values| {
            self.0.clip(values);
        });
    }
}
