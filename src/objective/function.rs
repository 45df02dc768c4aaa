//! Any function with a gradient.

use rand::Rng;

use super::Objective;
use crate::{Error, Gradient, Params, Scalar, data::Batch};

/// A function of a vector with its gradient, as an [`Objective`] of one term.
///
/// The closure gets the point and a slice to write the gradient into, and gives the value. The point may hold several
/// named tensors: pass [`Params`] as the start, and slice it as its layout says. A `Vec` becomes one tensor called `"x"`.
///
/// ```
/// use downhill::{Function, Trainer, optim::Adam};
///
/// let rosenbrock = Function::new(vec![-1.2, 1.0], |x: &[f64], g: &mut [f64]| {
///     let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
///     g[0] = -2.0 * a - 400.0 * x[0] * b;
///     g[1] = 200.0 * b;
///     a * a + 100.0 * b * b
/// });
/// let run = Trainer::new(Adam::new()).learning_rate(0.02).steps(5000).minimize(rosenbrock)?;
/// assert!((run.params.as_slice()[0] - 1.0).abs() < 1e-3);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Function<F, C> {
    start: Params<F>,
    function: C,
}

impl<F: Scalar, C: FnMut(&[F], &mut [F]) -> F> Function<F, C> {
    /// The function, and the point to start from: a `Vec`, or [`Params`].
    pub fn new(start: impl Into<Params<F>>, value_and_gradient: C) -> Self {
        Self {
            start: start.into(),
            function: value_and_gradient,
        }
    }
}

impl<F: Scalar> From<Vec<F>> for Params<F> {
    fn from(values: Vec<F>) -> Self {
        Params::from_vec("x", values)
    }
}

impl<F: Scalar, C: FnMut(&[F], &mut [F]) -> F> Objective<F> for Function<F, C> {
    fn start(&self, _: &mut dyn Rng) -> Params<F> {
        self.start.clone()
    }

    fn prepare(&mut self, _: usize) -> Result<(), Error> {
        if self.start.as_slice().is_empty() {
            Err(Error::empty("start"))
        } else {
            Ok(())
        }
    }

    #[inline]
    fn value_and_gradient(
        &mut self,
        params: &Params<F>,
        _: &Batch<'_>,
        gradient: &mut Gradient<F>,
    ) -> Result<F, Error> {
        Ok((self.function)(params.as_slice(), gradient.as_mut_slice()))
    }
}
