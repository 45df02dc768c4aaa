//! An optimiser over one's own arrays, in one's own loop.

use ndarray::{ArrayRef, Dimension};

use super::{Optimizer, Rates, State};
use crate::{Error, Layout, Scalar};

/// An optimiser with its memory, for a loop of one's own over one's own arrays: what `torch.optim` is.
///
/// The arrays are recognised by their order, which must be the same at every step.
///
/// ```
/// use downhill::optim::{Adam, Pair, Stepper};
/// use ndarray::{array, Array1, Array2};
///
/// let inputs = array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
/// let targets = array![[3.0], [-1.0], [2.5]];
/// let (mut weight, mut bias) = (Array2::<f64>::zeros((2, 1)), Array1::zeros(1));
/// let mut adam = Stepper::new(Adam::new());
/// for _ in 0..2000 {
///     let residual = inputs.dot(&weight) + &bias - &targets;
///     let weight_gradient = inputs.t().dot(&residual);
///     let bias_gradient = residual.sum_axis(ndarray::Axis(0));
///     adam.step(0.05, &mut [Pair::new(&mut weight, &weight_gradient)?, Pair::new(&mut bias, &bias_gradient)?])?;
/// }
/// assert!((inputs.dot(&weight) + &bias - &targets).iter().all(|r| r.abs() < 1e-3));
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stepper<F, O> {
    optimizer: O,
    states: Vec<(Vec<usize>, State<F>)>,
}

/// An array and its gradient, for [`Stepper::step`].
#[derive(Debug)]
pub struct Pair<'a, F> {
    shape: &'a [usize],
    weights: &'a mut [F],
    gradient: &'a [F],
}

impl<'a, F: Scalar> Pair<'a, F> {
    /// Of an array (or a view of one) and its gradient.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the shapes differ; [`Error::InvalidArgument`] if one of the two is not in
    /// contiguous row-major order (`as_standard_layout()` makes it so).
    pub fn new<D: Dimension>(
        weights: &'a mut ArrayRef<F, D>,
        gradient: &'a ArrayRef<F, D>,
    ) -> Result<Self, Error> {
        if weights.shape() != gradient.shape() {
            return Err(Error::shape("gradient", gradient.shape(), weights.shape()));
        }
        let shape = gradient.shape();
        let order = |argument| Error::invalid(argument, "not contiguous", "in contiguous row-major order");
        Ok(Self {
            shape,
            weights: weights.as_slice_mut().ok_or_else(|| order("weights"))?,
            gradient: gradient.as_slice().ok_or_else(|| order("gradient"))?,
        })
    }
}

impl<F: Scalar, O: Optimizer<F>> Stepper<F, O> {
    /// Around an optimiser; the memory is made at the first step, when the shapes are known.
    pub fn new(optimizer: O) -> Self {
        Self {
            optimizer,
            states: Vec::new(),
        }
    }

    /// How many steps have been made.
    pub fn steps(&self) -> u64 {
        self.states.first().map_or(0, |(_, state)| state.steps())
    }

    /// Moves every array by one step along its gradient.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an illegal hyperparameter or rate, or if the number of arrays has changed since
    /// the first step; [`Error::ShapeMismatch`] if a shape has. Then nothing has been moved.
    pub fn step(&mut self, rates: impl Into<Rates>, pairs: &mut [Pair<'_, F>]) -> Result<(), Error> {
        let rates = rates.into();
        if self.states.is_empty() {
            self.states = pairs
                .iter()
                .map(|pair| self.state(pair.shape))
                .collect::<Result<_, _>>()?;
        }
        if pairs.len() != self.states.len() {
            let expected = format!("{}, as at the first step", self.states.len());
            return Err(Error::invalid("the number of arrays", pairs.len(), expected));
        }
        for (pair, (shape, state)) in pairs.iter().zip(&self.states) {
            if pair.shape != shape {
                return Err(Error::shape("weights", pair.shape, shape));
            }
            // A single array is checked by its own step.
            if pairs.len() > 1 {
                let (weights, gradient) = (pair.weights.len(), pair.gradient.len());
                state.check(self.optimizer.name(), weights, gradient, &rates)?;
            }
        }
        for (pair, (_, state)) in pairs.iter_mut().zip(&mut self.states) {
            self.optimizer.step(state, pair.weights, pair.gradient, rates)?;
        }
        Ok(())
    }

    fn state(&self, shape: &[usize]) -> Result<(Vec<usize>, State<F>), Error> {
        let mut layout = Layout::new();
        layout.add("weights", shape)?;
        Ok((shape.to_vec(), State::new(&self.optimizer, &layout, &[])?))
    }
}
