//! Rows through a model and a loss, and back.

use std::ops::Range;

use ndarray::{Array2, s};
use rand::Rng;

use crate::{
    Error, Gradient, Loss, Model, Params, Scalar,
    data::{Samples, Views, rows_of},
    linalg::top_mut,
    loss::Reduction,
    memo, parallel,
};

/// The most parts of a batch, whatever the number of cores.
const PARTS: usize = 16;

/// How many numbers the gradients of the parts after the first may hold together, unless they are only `FEW`.
const NUMBERS: usize = 1 << 24;

/// As many further parts a model of any size may have.
const FEW: usize = 3;

/// The fewest rows of a part: adding up gradients costs about as much as two rows.
const PART_ROWS: usize = 256;

/// A model and a loss, with the memory that batches go through: shard by shard, always the same ones, as large as suits the
/// model. A shard stays in cache between `predict` and `backward`, and memory does not grow with the batch.
///
/// The shards of a large batch are dealt out to parts, each with a gradient of its own, which the cores share. How many there
/// are and in which order they are added up follows from the sizes of batch and model alone.
pub(super) struct Pass<'a, F: Scalar, X: Samples, M: Model<F, X>, L> {
    pub(super) model: &'a M,
    pub(super) loss: &'a L,
    pub(super) reduction: Reduction,
    /// By what the sum over the last batch was divided for its mean.
    pub(super) weight: f64,
    /// How many weights the model has.
    weights: usize,
    shard_rows: usize,
    room: Option<Room<F, X, M::Scratch>>,
    /// Those of the parts after the first.
    others: Vec<Part<F, X, M::Scratch>>,
}

/// The memory that one shard at a time goes through.
struct Room<F, X, S> {
    inputs: Inputs<X>,
    scratch: S,
    output_gradient: Array2<F>,
}

/// Inputs of a shard that had to be gathered, and which rows they are.
#[derive(Default)]
struct Inputs<X> {
    gathered: X,
    rows: Vec<usize>,
}

/// The memory of a part.
struct Part<F, X, S> {
    room: Room<F, X, S>,
    gradient: Gradient<F>,
}

impl<F: Scalar, X: Samples, S> Room<F, X, S> {
    fn new<M: Model<F, X, Scratch = S>>(model: &M, rows: usize) -> Self {
        Self {
            inputs: Inputs::default(),
            scratch: model.scratch(rows),
            output_gradient: Array2::zeros((rows, model.outputs())),
        }
    }
}

impl<X: Samples> Inputs<X> {
    /// The rows of a shard, end to end.
    fn shard<'s, 'a: 's>(&'s mut self, all: &X::View<'a>, range: Range<usize>) -> X::View<'s> {
        if X::is_end_to_end(all) {
            return X::shorten(X::slice(all, range));
        }
        self.rows.clear();
        self.rows.extend(range);
        self.gathered.gather(all, &self.rows);
        self.gathered.view()
    }
}

impl<'a, F: Scalar, X: Samples, M: Model<F, X>, L> Pass<'a, F, X, M, L> {
    pub(super) fn new(model: &'a M, loss: &'a L) -> Self {
        Self {
            model,
            loss,
            reduction: Reduction::Mean,
            weight: 0.0,
            weights: model.layout().len(),
            shard_rows: model.shard_rows().max(1),
            room: None,
            others: Vec::new(),
        }
    }

    /// Model and loss in words.
    pub(super) fn describe(&self) -> Vec<(&'static str, String)>
    where
        L: std::fmt::Debug,
    {
        vec![
            ("model", memo::kind::<M>()),
            ("loss", format!("{:?}", self.loss)),
            ("reduction", format!("{:?}", self.reduction)),
        ]
    }

    /// The parameters before the first step.
    pub(super) fn start(&self, rng: &mut dyn Rng) -> Params<F> {
        let mut params = Params::zeros(&self.model.layout());
        self.model.initialize(&mut params, rng);
        params
    }

    /// Makes room for the gradients of batches of up to `rows` rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.room(rows);
        let others = self.parts(rows) - 1;
        if self.others.len() < others {
            let layout = self.model.layout();
            let rows = rows.min(self.shard_rows);
            self.others.resize_with(others, || Part {
                room: Room::new(self.model, rows),
                gradient: Gradient::zeros(&layout),
            });
        }
    }

    /// Room for one shard of so many rows.
    fn room(&mut self, rows: usize) -> &mut Room<F, X, M::Scratch> {
        let (model, rows) = (self.model, rows.min(self.shard_rows));
        self.room.take_if(|room| room.output_gradient.nrows() < rows);
        self.room.get_or_insert_with(|| Room::new(model, rows))
    }

    /// Among how many parts the shards of a batch are dealt out.
    fn parts(&self, rows: usize) -> usize {
        if rows <= self.shard_rows || self.model.is_sparse() {
            return 1;
        }
        let weights = self.weights.max(1);
        let fewest = PART_ROWS.max(parallel::SHARED / 2 / weights);
        let most = PARTS.min(1 + FEW.max(NUMBERS / weights));
        (rows / fewest).min(rows.div_ceil(self.shard_rows)).clamp(1, most)
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
        let (model, loss, shard_rows) = (self.model, self.loss, self.shard_rows);
        let mean = self.reduction.mean();
        let room = self.room(X::count(&x));
        let mut sum = 0.0;
        for range in shards(0..X::count(&x), shard_rows) {
            let inputs = room.inputs.shard(&x, range.clone());
            let prediction = model.predict(params, &inputs, &mut room.scratch);
            if let Some(all) = predictions.as_deref_mut() {
                all.slice_mut(s![range.clone(), ..]).assign(&prediction);
            }
            let unused = top_mut(&mut room.output_gradient, range.len());
            let targets = Y::slice(&y, range.clone());
            let weights = weights.map(|weights| rows_of(weights, range));
            sum += loss
                .value_and_gradient(prediction, &targets, weights, F::zero(), unused)
                .to_f64_exact();
        }
        let divisor: F = mean.divisor(loss, model.outputs(), &y, weights);
        sum / divisor.to_f64_exact()
    }

    /// Value and gradient over rows that are a view.
    pub(super) fn value_and_gradient<Y: Samples>(
        &mut self,
        params: &Params<F>,
        (x, y, weights): Views<'_, F, X, Y>,
        gradient: &mut Gradient<F>,
    ) -> F
    where
        L: Loss<F, Y>,
    {
        let outputs = self.model.outputs();
        let divisor: F = self.reduction.divisor(self.loss, outputs, &y, weights);
        self.weight = divisor.to_f64_exact();
        // A batch in which every row weighs nothing says nothing: its gradient is zero, not NaN.
        let scale = if divisor == F::zero() {
            F::zero()
        } else {
            F::one() / divisor
        };
        let rows = X::count(&x);
        self.reserve(rows);
        let others = self.parts(rows) - 1;
        let Some(room) = &mut self.room else {
            return F::nan();
        };
        let work = Work {
            model: self.model,
            loss: self.loss,
            params,
            views: (X::shorten(x), Y::shorten(y), weights),
            scale,
            shard_rows: self.shard_rows,
        };
        work.share(0..rows, room, gradient, &mut self.others[..others]) * scale
    }
}

/// What all parts of a batch have in common.
struct Work<'w, F: Scalar, X: Samples, Y: Samples, M, L> {
    model: &'w M,
    loss: &'w L,
    params: &'w Params<F>,
    views: Views<'w, F, X, Y>,
    scale: F,
    shard_rows: usize,
}

impl<F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L: Loss<F, Y>> Work<'_, F, X, Y, M, L> {
    /// The sum of the loss over some rows, and its gradient, in one part more than there are `others`.
    fn share(
        &self,
        rows: Range<usize>,
        room: &mut Room<F, X, M::Scratch>,
        gradient: &mut Gradient<F>,
        others: &mut [Part<F, X, M::Scratch>],
    ) -> F {
        let (left, right) = others.split_at_mut(others.len() / 2);
        let Some((part, right)) = right.split_first_mut() else {
            return self.add_up(rows, room, gradient);
        };
        let (before, after) = (left.len() + 1, right.len() + 1);
        let shards = rows.len().div_ceil(self.shard_rows) * before / (before + after);
        let middle = rows.start + shards * self.shard_rows;
        let (left_value, right_value) = parallel::join(
            || self.share(rows.start..middle, room, gradient, left),
            || self.share(middle..rows.end, &mut part.room, &mut part.gradient, right),
        );
        for (sum, &more) in gradient.as_mut_slice().iter_mut().zip(part.gradient.as_slice()) {
            *sum += more;
        }
        left_value + right_value
    }

    /// The same in one part.
    fn add_up(
        &self,
        rows: Range<usize>,
        Room {
            inputs,
            scratch,
            output_gradient,
        }: &mut Room<F, X, M::Scratch>,
        gradient: &mut Gradient<F>,
    ) -> F {
        let (x, y, weights) = &self.views;
        gradient.clear();
        let mut sum = F::zero();
        for range in shards(rows, self.shard_rows) {
            let inputs = inputs.shard(x, range.clone());
            let targets = Y::slice(y, range.clone());
            let weights = weights.map(|weights| rows_of(weights, range.clone()));
            let prediction = self.model.predict(self.params, &inputs, scratch);
            let mut slope = top_mut(output_gradient, range.len());
            sum += self
                .loss
                .value_and_gradient(prediction, &targets, weights, self.scale, slope.view_mut());
            self.model
                .backward(self.params, &inputs, slope.view(), scratch, gradient);
        }
        sum
    }
}

/// These rows in shards.
fn shards(rows: Range<usize>, shard_rows: usize) -> impl Iterator<Item = Range<usize>> {
    let end = rows.end;
    rows.step_by(shard_rows)
        .map(move |start| start..(start + shard_rows).min(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{loss::MeanSquaredError, model::Linear};

    #[test]
    fn large_models_have_few_parts() -> Result<(), Error> {
        for (inputs, rows, expected) in [
            (100, 512, 1),
            (1_000, 1_000, 3),
            (1_000, 1 << 20, 16),
            (1 << 21, 1 << 20, 9),
            (1 << 26, 1 << 20, 4),
        ] {
            let model = Linear::without_intercept(inputs, 1)?;
            let pass = Pass::<f32, Array2<f32>, _, _>::new(&model, &MeanSquaredError);
            assert_eq!(pass.parts(rows), expected, "{inputs} weights, {rows} rows");
        }
        Ok(())
    }
}
