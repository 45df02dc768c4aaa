//! Losses: `ℓ(ŷ, y)`.
//!
//! | loss | of one prediction p and target y | targets |
//! |---|---|---|
//! | [`MeanSquaredError`] | `(p − y)²` | numbers |
//! | [`MeanAbsoluteError`] | `abs(p − y)` | numbers |
//! | [`Huber`] | quadratic within δ, linear beyond | numbers |
//! | [`SmoothL1`] | Huber over δ | numbers |
//! | [`Quantile`] | `q d` above, `(1 − q) d` below | numbers |
//! | [`LogCosh`] | `log cosh(p − y)` | numbers |
//! | [`PoissonNll`], [`Tweedie`] (gamma) | of a log mean | counts, positive numbers |
//! | [`GaussianNll`], [`GaussianCrps`] | of a mean and a variance (a log deviation) | numbers |
//! | [`BinaryCrossEntropy`], [`BinaryCrossEntropies`], [`Focal`] | of a logit, of several | numbers in \[0, 1\] |
//! | [`Hinge`], [`SquaredHinge`], [`SoftMargin`], [`HingeEmbedding`] | of a score | 1 or −1 |
//! | [`MarginRanking`] | of two scores | 1 or −1 |
//! | [`SoftmaxCrossEntropy`] | `−log softmax(p)_y`, of a row of logits | class labels, or rows of probabilities |
//! | [`CrossEntropy`] | the same with label smoothing, class weights, an ignored label | the same |
//! | [`NegativeLogLikelihood`], [`MultiMargin`] | of a row of log-probabilities, of scores | class labels |
//! | [`KlDivergence`] | of log-probabilities | probabilities |
//!
//! A loss of single numbers is written as a [`Pointwise`]: its value and slope. What looks at a whole row implements
//! [`Loss`] itself.

mod classification;
mod cross_entropy;
mod labels;
mod likelihood;
mod margin;
mod pointwise;
mod regression;

pub use classification::{BinaryCrossEntropies, BinaryCrossEntropy, SoftmaxCrossEntropy};
pub use cross_entropy::CrossEntropy;
pub use labels::{MultiMargin, NegativeLogLikelihood};
pub use likelihood::{GaussianCrps, GaussianNll, KlDivergence, MarginRanking, PoissonNll, Tweedie};
pub use margin::{Focal, Hinge, HingeEmbedding, SoftMargin, SquaredHinge};
pub use pointwise::Pointwise;
pub use regression::{Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, Quantile, SmoothL1};

use std::fmt::Debug;

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2};

use crate::{Error, Scalar, data::Samples};

/// Whether the loss of a batch is a mean or the sum of its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// The weighted mean: the sum over that of the weights of all terms. PyTorch's `"mean"`.
    #[default]
    Mean,
    /// The weighted mean over rows, however many numbers a row has. PyTorch's `"batchmean"`, with which [`KlDivergence`] is
    /// one.
    BatchMean,
    /// The weighted sum over the number of terms, whatever they weigh: what PyTorch's `"mean"` is where binary cross-entropy
    /// and Huber's loss are given weights.
    UnweightedMean,
    /// The weighted sum.
    Sum,
}

impl Reduction {
    /// By what the sum over the rows of a batch is divided.
    pub fn divisor<F: Scalar, Y: Samples>(
        self,
        loss: &impl Loss<F, Y>,
        outputs: usize,
        targets: &Y::View<'_>,
        weights: Option<ArrayView1<'_, F>>,
    ) -> F {
        match self {
            Reduction::Mean => loss.total_weight(outputs, targets, weights),
            Reduction::BatchMean => sum_of_weights::<F, Y>(targets, weights),
            Reduction::UnweightedMean => loss.total_weight(outputs, targets, None),
            Reduction::Sum => F::one(),
        }
    }

    /// The mean that an evaluation takes: a sum would depend on the size of the data.
    pub(crate) fn mean(self) -> Self {
        if self == Reduction::Sum {
            Reduction::Mean
        } else {
            self
        }
    }
}

/// A loss `ℓ(ŷ, y)`.
///
/// Everything here is a weighted **sum** over rows, and the gradient is scaled by what the caller says, so that shards
/// of a batch add up, and mean or sum is the caller's choice. Shapes and targets are checked once, when a run is built.
///
/// See `examples/custom_model.rs` for one written from scratch.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no loss of predictions `{F}` against targets `{Y}`",
    note = "labels are an `Array1<usize>`; numbers an `Array1` or `Array2` of the model's own type, `{F}`"
)]
pub trait Loss<F: Scalar, Y: Samples = Array2<F>>: Debug + Send + Sync {
    /// Whether these targets fit a model with `outputs` outputs.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::LabelOutOfRange`] or [`Error::InvalidArgument`] if they do not.
    fn check(&self, outputs: usize, targets: &Y::View<'_>) -> Result<(), Error>;

    /// `Σᵢ wᵢ ℓ(ŷᵢ, yᵢ)`, with all `wᵢ` 1 where none are given; and `scale` times its derivative with respect to the
    /// predictions, written over what is in `gradient`.
    fn value_and_gradient(
        &self,
        predictions: ArrayView2<'_, F>,
        targets: &Y::View<'_>,
        weights: Option<ArrayView1<'_, F>>,
        scale: F,
        gradient: ArrayViewMut2<'_, F>,
    ) -> F;

    /// The loss of one row and its derivative, given its only prediction: to the bits of [`Loss::value_and_gradient`] of this
    /// row alone, without weights and at scale 1, where [`Loss::total_weight`] of the row is 1. Then plain descent takes
    /// [one row after another](crate::Objective::descend) without a call of those for each. Default: `None`, for every row.
    fn single(&self, prediction: F, targets: &Y::View<'_>, row: usize) -> Option<(F, F)> {
        let _ = (prediction, targets, row);
        None
    }

    /// By what the sum is divided for the mean: `Σᵢ wᵢ` by default; losses of single numbers count every output.
    fn total_weight(&self, outputs: usize, targets: &Y::View<'_>, weights: Option<ArrayView1<'_, F>>) -> F {
        let _ = outputs;
        sum_of_weights::<F, Y>(targets, weights)
    }
}

/// `Σᵢ wᵢ`, or the number of rows.
pub(crate) fn sum_of_weights<F: Scalar, Y: Samples>(
    targets: &Y::View<'_>,
    weights: Option<ArrayView1<'_, F>>,
) -> F {
    weights.map_or_else(|| F::of(Y::count(targets) as f64), |weights| weights.sum())
}

/// The loss of predictions against targets, checked, and its gradient with respect to the predictions.
///
/// # Errors
/// What [`Loss::check`] finds, and [`Error::ShapeMismatch`] if the numbers of rows differ.
///
/// ```
/// use downhill::loss::{self, MeanSquaredError, Reduction};
/// use downhill::ndarray::array;
///
/// let (value, gradient) =
///     loss::value_and_gradient(&MeanSquaredError, array![[1.0], [4.0]].view(), &array![1.0, 2.0], Reduction::Mean)?;
/// assert_eq!(value, 2.0);
/// assert_eq!(gradient, array![[0.0], [2.0]]);
/// # Ok::<(), downhill::Error>(())
/// ```
pub fn value_and_gradient<F: Scalar, Y: Samples, L: Loss<F, Y>>(
    loss: &L,
    predictions: ArrayView2<'_, F>,
    targets: &Y,
    reduction: Reduction,
) -> Result<(F, Array2<F>), Error> {
    let targets = targets.view();
    let (rows, outputs) = predictions.dim();
    if rows != Y::count(&targets) {
        return Err(Error::shape("targets (rows)", &[Y::count(&targets)], &[rows]));
    }
    loss.check(outputs, &targets)?;
    let total = reduction.divisor(loss, outputs, &targets, None);
    let mut gradient = Array2::zeros((rows, outputs));
    let sum = loss.value_and_gradient(predictions, &targets, None, F::one() / total, gradient.view_mut());
    Ok((sum / total, gradient))
}

/// `max(0, x)`, but a NaN stays one, so that it is noticed.
#[inline]
pub(crate) fn positive_part<F: Scalar>(x: F) -> F {
    if x <= F::zero() { F::zero() } else { x }
}
