//! Rows through a model and a loss, and back.

use std::ops::Range;

use ndarray::{Array2, s};
use rand::Rng;

use crate::{
    Error, Gradient, Loss, Model, Params, Scalar,
    data::{Samples, Views, rows_of},
    linalg::top_mut,
    loss::Reduction,
};

/// A model and a loss, with the memory that batches go through: shard by shard, always the same ones, as large as suits the
/// model. A shard stays in cache between `predict` and `backward`, and memory does not grow with the batch.
pub(super) struct Pass<'a, F: Scalar, X: Samples, M: Model<F, X>, L> {
    pub(super) model: &'a M,
    pub(super) loss: &'a L,
    pub(super) reduction: Reduction,
    scratch: Option<M::Scratch>,
    output_gradient: Array2<F>,
}

impl<'a, F: Scalar, X: Samples, M: Model<F, X>, L> Pass<'a, F, X, M, L> {
    pub(super) fn new(model: &'a M, loss: &'a L) -> Self {
        Self {
            model,
            loss,
            reduction: Reduction::Mean,
            scratch: None,
            output_gradient: Array2::default((0, 0)),
        }
    }

    /// The parameters before the first step.
    pub(super) fn start(&self, rng: &mut dyn Rng) -> Params<F> {
        let mut params = Params::zeros(&self.model.layout());
        self.model.initialize(&mut params, rng);
        params
    }

    /// Makes room for batches of up to `rows` rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        let rows = rows.min(self.shard_rows());
        if self.scratch.is_none() || self.output_gradient.nrows() < rows {
            self.scratch = Some(self.model.scratch(rows));
            self.output_gradient = Array2::zeros((rows, self.model.outputs()));
        }
    }

    fn shard_rows(&self) -> usize {
        self.model.shard_rows().max(1)
    }

    /// Whether inputs and targets fit model and loss.
    pub(super) fn check<Y: Samples>(&self, inputs: &X::View<'_>, targets: &Y::View<'_>) -> Result<(), Error>
    where
        L: Loss<F, Y>,
    {
        self.model.check(inputs)?;
        self.loss.check(self.model.outputs(), targets)
    }

    /// The mean loss over a data set, and the predictions, where there is room for them.
    pub(super) fn mean_loss<Y: Samples>(
        &mut self,
        params: &Params<F>,
        (x, y, weights): Views<'_, F, X, Y>,
        mut predictions: Option<&mut Array2<F>>,
    ) -> f64
    where
        L: Loss<F, Y>,
    {
        let (mut sum, shard_rows) = (0.0, self.shard_rows());
        self.reserve(X::count(&x));
        let Some(scratch) = &mut self.scratch else {
            return f64::NAN;
        };
        for range in shards(X::count(&x), shard_rows) {
            let prediction = self.model.predict(params, &X::slice(&x, range.clone()), scratch);
            if let Some(all) = predictions.as_deref_mut() {
                all.slice_mut(s![range.clone(), ..]).assign(&prediction);
            }
            let unused = top_mut(&mut self.output_gradient, range.len());
            let targets = Y::slice(&y, range.clone());
            let weights = weights.map(|weights| rows_of(weights, range));
            sum += self
                .loss
                .value_and_gradient(prediction, &targets, weights, F::zero(), unused)
                .to_f64_exact();
        }
        sum / self
            .loss
            .total_weight(self.model.outputs(), &y, weights)
            .to_f64_exact()
    }

    /// Value and gradient over rows that are a view, for which there must be room.
    pub(super) fn value_and_gradient<Y: Samples>(
        &mut self,
        params: &Params<F>,
        (x, y, weights): Views<'_, F, X, Y>,
        gradient: &mut Gradient<F>,
    ) -> F
    where
        L: Loss<F, Y>,
    {
        let (outputs, shard_rows) = (self.model.outputs(), self.shard_rows());
        let divisor = match self.reduction {
            Reduction::Mean => self.loss.total_weight(outputs, &y, weights),
            Reduction::Sum => F::one(),
        };
        // A batch in which every row weighs nothing says nothing: its gradient is zero, not NaN.
        let scale = if divisor == F::zero() {
            F::zero()
        } else {
            F::one() / divisor
        };
        gradient.clear();
        let Some(scratch) = &mut self.scratch else {
            return F::nan();
        };
        let mut sum = F::zero();
        for range in shards(X::count(&x), shard_rows) {
            let inputs = X::slice(&x, range.clone());
            let targets = Y::slice(&y, range.clone());
            let weights = weights.map(|weights| rows_of(weights, range.clone()));
            let prediction = self.model.predict(params, &inputs, scratch);
            let mut slope = top_mut(&mut self.output_gradient, range.len());
            sum += self
                .loss
                .value_and_gradient(prediction, &targets, weights, scale, slope.view_mut());
            self.model
                .backward(params, &inputs, slope.view(), scratch, gradient);
        }
        sum * scale
    }
}

/// So many rows in shards.
fn shards(rows: usize, shard_rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows)
        .step_by(shard_rows)
        .map(move |start| start..(start + shard_rows).min(rows))
}
