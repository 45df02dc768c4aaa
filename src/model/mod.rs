//! Models: `ŷ = g(x; θ)`.

mod activation;
mod linear;
mod matrix;
mod mlp;

pub use activation::Activation;
pub use linear::Linear;
pub use matrix::Matrix;
pub use mlp::{Initialization, Mlp};

use ndarray::{Array2, ArrayView2};
use rand::Rng;

use crate::{
    Error, Gradient, Layout, Params, Scalar,
    data::{Batch, IntoView, Samples},
};

/// A model `ŷ = g(x; θ)`: a description of how parameters turn inputs into predictions, and predictions' gradients into
/// parameters' gradients.
///
/// The parameters come from outside, so that shards of a batch can run side by side, and gradient checks, averages and
/// restored parameters need nothing more. Shapes are checked once, when a run is built; after that `predict` and
/// `backward` see only what fits, and cannot fail.
///
/// See `examples/custom_model.rs` for one written from scratch.
pub trait Model<F: Scalar, X: Samples = Array2<F>>: Send + Sync {
    /// What `predict` leaves for `backward`, and room for predictions; made once and reused.
    type Scratch: Send;

    /// The named tensors of the parameters.
    fn layout(&self) -> Layout;

    /// The number of predictions for each row.
    fn outputs(&self) -> usize;

    /// Whether these inputs fit.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if they do not.
    fn check(&self, inputs: &X::View<'_>) -> Result<(), Error>;

    /// Whether the predictions for a row depend on few rows of the parameters, so that a
    /// [sparse gradient](Gradient::sparse) is worth while. Default: no.
    fn is_sparse(&self) -> bool {
        false
    }

    /// Touches the rows of the gradient that belong to the parameters on which the predictions for these inputs depend, for a
    /// model that [is sparse](Model::is_sparse).
    fn touch(&self, inputs: &X::View<'_>, gradient: &mut Gradient<F>) {
        let _ = (inputs, gradient);
    }

    /// Sets the parameters (zeros so far) for the start of a training. Default: leaves them at zero.
    fn initialize(&self, params: &mut Params<F>, rng: &mut dyn Rng) {
        let _ = (params, rng);
    }

    /// How many rows are best taken through `predict` and then `backward` together, so that they stay in cache in between.
    /// Larger batches are cut into such shards. Default: 512.
    fn shard_rows(&self) -> usize {
        512
    }

    /// Room for batches of up to `rows` rows.
    fn scratch(&self, rows: usize) -> Self::Scratch;

    /// The predictions for the rows of `inputs`, one row each.
    fn predict<'s>(
        &self,
        params: &Params<F>,
        inputs: &X::View<'_>,
        scratch: &'s mut Self::Scratch,
    ) -> ArrayView2<'s, F>;

    /// Makes steps of plain descent, `w ← w − η g`, each on one row, and gives their number; `None` if it knows no quicker way
    /// than `predict` and `backward`, to whose bits it must come. See [`Objective::descend`](crate::Objective::descend).
    /// Default: `None`.
    fn descend(
        &self,
        params: &mut Params<F>,
        inputs: &X::View<'_>,
        descent: Descent<'_, F>,
    ) -> Option<usize> {
        let _ = (params, inputs, descent);
        None
    }

    /// **Adds** to `gradient` the derivative of the loss with respect to the parameters, given that with respect to the
    /// predictions that `predict` has just made for the same rows.
    fn backward(
        &self,
        params: &Params<F>,
        inputs: &X::View<'_>,
        output_gradient: ArrayView2<'_, F>,
        scratch: &mut Self::Scratch,
        gradient: &mut Gradient<F>,
    );
}

/// Plain descent on one row after another, for a model with one output; see [`Model::descend`].
pub struct Descent<'a, F> {
    /// The rows. As many are taken as there are rates, unless the loss or the gradient of one is not finite: it is left, with
    /// all that follow it.
    pub rows: &'a Batch<'a>,
    /// The loss of a prediction for a row, and its derivative.
    pub loss: &'a dyn Fn(F, usize) -> (F, F),
    /// The learning rate of each step.
    pub rates: &'a [F],
    /// Takes the loss of each row, as it is before its step.
    pub values: &'a mut [F],
}

/// The predictions of a model for any inputs, with everything checked: a reference to an array or a sparse matrix, or a
/// view, such as [`Dataset::inputs`](crate::Dataset::inputs).
///
/// # Errors
/// [`Error::Foreign`] if the parameters are of another model, and what [`Model::check`] finds in the inputs.
///
/// ```
/// use downhill::{Params, model::{self, Linear}};
/// use downhill::ndarray::{array, s};
///
/// let line = Linear::new(1, 1)?;
/// let mut params = Params::<f64>::zeros(line.layout());
/// params.set("weight", array![[2.0]].view())?;
/// params.set("bias", array![1.0].view())?;
/// let inputs = array![[0.0], [3.0]];
/// assert_eq!(model::predict(&line, &params, &inputs)?, array![[1.0], [7.0]]);
/// assert_eq!(model::predict(&line, &params, inputs.slice(s![1.., ..]))?, array![[7.0]]);
/// # Ok::<(), downhill::Error>(())
/// ```
pub fn predict<'a, F: Scalar, I: IntoView<'a>, M: Model<F, I::Samples>>(
    model: &M,
    params: &Params<F>,
    inputs: I,
) -> Result<Array2<F>, Error> {
    check_layout("params", params.layout(), &model.layout())?;
    let inputs = inputs.into_view();
    model.check(&inputs)?;
    let mut scratch = model.scratch(I::Samples::count(&inputs));
    Ok(model.predict(params, &inputs, &mut scratch).to_owned())
}

pub(crate) fn check_layout(argument: &str, given: &Layout, expected: &Layout) -> Result<(), Error> {
    if given == expected {
        return Ok(());
    }
    Err(Error::Foreign {
        argument: argument.into(),
        given: given.describe(),
        expected: expected.describe(),
    })
}

/// The check of a model over a matrix with one column for each input.
pub(crate) fn check_columns<F>(inputs: &ArrayView2<'_, F>, expected: usize) -> Result<(), Error> {
    match inputs.ncols() {
        columns if columns == expected => Ok(()),
        columns => Err(Error::shape("inputs (columns)", &[columns], &[expected])),
    }
}
