//! The linear model.

use ndarray::{Array2, ArrayView2, Axis, Ix1, Ix2};

use super::{Descent, Matrix, Model};
use crate::{
    Error, Gradient, Handle, Layout, Params, Scalar,
    error::check,
    linalg::{top, top_mut},
};

/// `ŷ = X W + b`: linear, logistic or softmax regression, by the choice of the loss.
///
/// Inputs are an `Array2`, or with the feature `sparse` a `data::Csr`, of which a step costs only its entries.
///
/// Parameters: `"weight"`, inputs × outputs, and, unless it is left out, `"bias"`, one for each output; both start at zero.
///
/// ```
/// use downhill::{Dataset, Trainer, loss::MeanSquaredError, model::Linear, optim::GradientDescent};
/// use downhill::ndarray::array;
///
/// let inputs = array![[0.0], [1.0], [2.0], [3.0]];
/// let targets = array![1.0, 3.0, 5.0, 7.0];
/// let run = Trainer::new(GradientDescent)
///     .learning_rate(0.1)
///     .epochs(500)
///     .fit(&Linear::new(1, 1)?, &MeanSquaredError, &Dataset::new(&inputs, &targets)?)?;
/// assert!((run.params.get("weight")?[[0, 0]] - 2.0_f64).abs() < 1e-6);
/// assert!((run.params.get("bias")?[[0]] - 1.0_f64).abs() < 1e-6);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Linear {
    layout: Layout,
    weight: Handle<Ix2>,
    bias: Option<Handle<Ix1>>,
    inputs: usize,
    outputs: usize,
}

impl Linear {
    /// With an intercept for each output.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if either number is 0.
    pub fn new(inputs: usize, outputs: usize) -> Result<Self, Error> {
        let mut model = Self::without_intercept(inputs, outputs)?;
        model.bias = Some(model.layout.add("bias", outputs)?);
        Ok(model)
    }

    /// Through the origin: `ŷ = X W`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if either number is 0.
    pub fn without_intercept(inputs: usize, outputs: usize) -> Result<Self, Error> {
        check::require(inputs > 0, "inputs", inputs, "at least 1")?;
        check::require(outputs > 0, "outputs", outputs, "at least 1")?;
        let mut layout = Layout::new();
        let weight = layout.add("weight", (inputs, outputs))?;
        Ok(Self {
            layout,
            weight,
            bias: None,
            inputs,
            outputs,
        })
    }

    /// The named tensors of the parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl<F: Scalar, X: Matrix<F>> Model<F, X> for Linear {
    type Scratch = Array2<F>;

    fn layout(&self) -> Layout {
        self.layout.clone()
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn check(&self, inputs: &X::View<'_>) -> Result<(), Error> {
        match X::columns(inputs) {
            columns if columns == self.inputs => Ok(()),
            columns => Err(Error::shape("inputs (columns)", &[columns], &[self.inputs])),
        }
    }

    fn is_sparse(&self) -> bool {
        X::SPARSE
    }

    fn touch(&self, inputs: &X::View<'_>, gradient: &mut Gradient<F>) {
        X::touch(inputs, gradient, &self.weight);
        if let Some(bias) = &self.bias {
            gradient.view_mut(bias);
        }
    }

    /// With one output the rows stay in the first cache, else in the second.
    fn shard_rows(&self) -> usize {
        if X::SPARSE {
            return 512;
        }
        let cache = if self.outputs == 1 { 16 * 1024 } else { 256 * 1024 };
        let rows = cache / (self.inputs * size_of::<F>());
        (rows / 4 * 4).clamp(4, 512)
    }

    fn scratch(&self, rows: usize) -> Array2<F> {
        Array2::zeros((rows, self.outputs))
    }

    fn predict<'s>(
        &self,
        params: &Params<F>,
        inputs: &X::View<'_>,
        scratch: &'s mut Array2<F>,
    ) -> ArrayView2<'s, F> {
        let rows = X::count(inputs);
        let mut predictions = top_mut(scratch, rows);
        X::product(inputs, params.view(&self.weight), predictions.view_mut());
        if let Some(bias) = &self.bias {
            predictions += &params.view(bias);
        }
        top(scratch, rows)
    }

    fn descend(
        &self,
        params: &mut Params<F>,
        inputs: &X::View<'_>,
        descent: Descent<'_, F>,
    ) -> Option<usize> {
        if self.outputs != 1 || params.layout() != &self.layout {
            return None;
        }
        let (weights, bias) = params.as_mut_slice().split_at_mut(self.inputs);
        X::descend(inputs, weights, bias.first_mut(), descent)
    }

    fn backward(
        &self,
        _: &Params<F>,
        inputs: &X::View<'_>,
        output_gradient: ArrayView2<'_, F>,
        _: &mut Array2<F>,
        gradient: &mut Gradient<F>,
    ) {
        X::add_transposed_product(inputs, output_gradient, gradient, &self.weight);
        if let Some(bias) = &self.bias {
            add_rows(output_gradient, &mut gradient.view_mut(bias));
        }
    }
}

/// `sum ← sum + Σ rows`.
pub(super) fn add_rows<F: Scalar>(rows: ArrayView2<'_, F>, sum: &mut ndarray::ArrayViewMut1<'_, F>) {
    for row in rows.axis_iter(Axis(0)) {
        for (sum, &value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
}
