//! An optimiser over one's own arrays, in one's own loop.

use ndarray::{ArrayRef, Dimension};

use super::{Optimizer, Rates, State};
use crate::{Error, Layout, Scalar};

/// An optimiser with its memory, for a loop of one's own over one's own arrays: what `torch.optim` is.
///
/// The arrays are recognised by their order, which must be the same at every step. They share one memory, as the tensors of
/// a model do, and stay where they are.
///
/// ```
/// use downhill::optim::{Adam, Pair, Stepper};
/// use downhill::ndarray::{array, Array1, Array2, Axis};
///
/// let inputs = array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
/// let targets = array![[3.0], [-1.0], [2.5]];
/// let (mut weight, mut bias) = (Array2::<f64>::zeros((2, 1)), Array1::zeros(1));
/// let mut adam = Stepper::new(Adam::new());
/// for _ in 0..2000 {
///     let residual = inputs.dot(&weight) + &bias - &targets;
///     let weight_gradient = inputs.t().dot(&residual);
///     let bias_gradient = residual.sum_axis(Axis(0));
///     adam.step(0.05, &mut [Pair::new(&mut weight, &weight_gradient)?, Pair::new(&mut bias, &bias_gradient)?])?;
/// }
/// assert!((inputs.dot(&weight) + &bias - &targets).iter().all(|r| r.abs() < 1e-3));
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stepper<F, O> {
    pub(super) optimizer: O,
    pub(super) state: Option<State<F>>,
}

/// An array and its gradient, for [`Stepper::step`].
#[derive(Debug)]
pub struct Pair<'a, F> {
    shape: &'a [usize],
    pub(super) weights: &'a mut [F],
    pub(super) gradient: &'a [F],
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
            state: None,
        }
    }

    /// How many steps have been made.
    pub fn steps(&self) -> u64 {
        self.state.as_ref().map_or(0, State::steps)
    }

    /// All that is remembered: one memory for all arrays together, its tensors named by their place (`"0"`, `"1"`, …).
    /// `None` before the first step.
    pub fn state(&self) -> Option<&State<F>> {
        self.state.as_ref()
    }

    /// All that is remembered, to be changed, as [`Sophia::curve`](super::Sophia::curve) does.
    pub fn state_mut(&mut self) -> Option<&mut State<F>> {
        self.state.as_mut()
    }

    /// Moves every array by one step along its gradient.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an illegal hyperparameter or rate, or if the number of arrays has changed since
    /// the first step; [`Error::ShapeMismatch`] if a shape has. Then nothing has been moved.
    pub fn step(&mut self, rates: impl Into<Rates>, pairs: &mut [Pair<'_, F>]) -> Result<(), Error> {
        let state = match &mut self.state {
            Some(state) => state,
            none => none.insert(fresh(&self.optimizer, pairs)?),
        };
        self.optimizer.step_pairs(state, pairs, rates.into())
    }

    /// Writes the averaged weights of an optimiser that [averages](Optimizer::averages); those of any other, and of any
    /// before the first step, are the weights themselves.
    ///
    /// Here a pair is an array to be written and the weights to be averaged, in the order of [`Stepper::step`].
    ///
    /// ```
    /// use downhill::optim::{Pair, ScheduleFree, Stepper};
    /// use downhill::ndarray::{array, Array1};
    ///
    /// let mut stepper = Stepper::new(ScheduleFree::sgd());
    /// let mut weights = array![4.0, -2.0];
    /// for _ in 0..100 {
    ///     let gradient = &weights * 2.0;
    ///     stepper.step(0.3, &mut [Pair::new(&mut weights, &gradient)?])?;
    /// }
    /// let mut average = Array1::<f64>::zeros(2);
    /// stepper.average(&mut [Pair::new(&mut average, &weights)?])?;
    /// assert!(average.iter().all(|w| w.abs() < 0.1));
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the number of arrays or a shape is not that of the first step; then nothing has been written.
    pub fn average(&self, pairs: &mut [Pair<'_, F>]) -> Result<(), Error> {
        let weights = Vec::from_iter(pairs.iter().flat_map(|pair| pair.gradient).copied());
        let mut average = weights.clone();
        if let Some(state) = &self.state {
            check(state, pairs)?;
            self.optimizer.average(state, &weights, &mut average)?;
        }
        scatter(&average, pairs);
        Ok(())
    }
}

/// The memory for arrays of these shapes.
fn fresh<F: Scalar, O: Optimizer<F>>(optimizer: &O, pairs: &[Pair<'_, F>]) -> Result<State<F>, Error> {
    State::new(optimizer, &numbered(pairs.iter().map(|pair| pair.shape))?, &[])
}

/// Tensors of these shapes, named by their place.
pub(super) fn numbered<'s>(shapes: impl Iterator<Item = &'s [usize]>) -> Result<Layout, Error> {
    let mut layout = Layout::new();
    for (place, shape) in shapes.enumerate() {
        layout.add(&place.to_string(), shape)?;
    }
    Ok(layout)
}

/// Whether these are the arrays that the state was made for.
#[inline]
pub(super) fn check<F: Scalar>(state: &State<F>, pairs: &[Pair<'_, F>]) -> Result<(), Error> {
    let tensors = state.layout().tensors();
    if pairs.len() != tensors.len() {
        let expected = format!("{}, as at the first step", tensors.len());
        return Err(Error::invalid("the number of arrays", pairs.len(), expected));
    }
    for (pair, tensor) in pairs.iter().zip(tensors) {
        if pair.shape != tensor.shape() {
            return Err(Error::shape("weights", pair.shape, tensor.shape()));
        }
    }
    Ok(())
}

/// [`Optimizer::step_pairs`] for an optimiser that wants all weights in one vector: they are copied there and back.
pub(super) fn step_gathered<F: Scalar, O: Optimizer<F> + ?Sized>(
    optimizer: &O,
    state: &mut State<F>,
    pairs: &mut [Pair<'_, F>],
    rates: Rates,
) -> Result<(), Error> {
    check(state, pairs)?;
    let gradient = Vec::from_iter(pairs.iter().flat_map(|pair| pair.gradient).copied());
    let mut weights = Vec::from_iter(pairs.iter().flat_map(|pair| &*pair.weights).copied());
    optimizer.step(state, &mut weights, &gradient, rates)?;
    scatter(&weights, pairs);
    Ok(())
}

fn scatter<F: Scalar>(values: &[F], pairs: &mut [Pair<'_, F>]) {
    let places = pairs.iter_mut().flat_map(|pair| pair.weights.iter_mut());
    places.zip(values).for_each(|(place, &value)| *place = value);
}
