//! The mean loss of a model over a data set.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, s};
use rand::Rng;

use super::Objective;
use crate::{
    Dataset, Error, Gradient, Loss, Model, Params, Scalar,
    data::{Batch, Samples, Views, rows_of},
    linalg::top_mut,
    loss::Reduction,
    train::Record,
};

/// How many rows go through the model at once. A larger batch is cut into shards of this size, always the same ones:
/// a shard stays in cache between `predict` and `backward`, and memory does not grow with the batch.
const SHARD_ROWS: usize = 512;

/// The empirical risk `L(θ) = Σ wᵢ ℓ(g(xᵢ; θ), yᵢ) / Σ wᵢ`: what training a model on data minimises.
///
/// [`Trainer::fit`](crate::Trainer::fit) makes one of model, loss and data; made by hand it also takes a validation set
/// and metrics, evaluated after every epoch.
///
/// ```
/// use downhill::{Dataset, EmpiricalRisk, Trainer, loss::SoftmaxCrossEntropy, metrics, model::Linear, optim::Adam};
/// use ndarray::array;
///
/// let inputs = array![[-2.0], [-1.0], [1.0], [2.0]];
/// let labels = array![0, 0, 1, 1];
/// let data: Dataset<f64, _, _> = Dataset::new(&inputs, &labels)?;
/// let model = Linear::new(1, 2)?;
/// let risk = EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &data)
///     .validation(&data)
///     .metric("accuracy", metrics::accuracy);
/// let run = Trainer::new(Adam::new()).learning_rate(0.1).epochs(50).minimize(risk)?;
/// assert_eq!(run.history.last().and_then(|record| record.get("accuracy")), Some(1.0));
/// # Ok::<(), downhill::Error>(())
/// ```
pub struct EmpiricalRisk<'a, F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L> {
    model: &'a M,
    loss: &'a L,
    data: Views<'a, F, X, Y>,
    validation: Option<Views<'a, F, X, Y>>,
    metrics: Vec<(String, Metric<'a, F, Y>)>,
    reduction: Reduction,
    scratch: Option<M::Scratch>,
    output_gradient: Array2<F>,
    gathered: (X, Y, Array1<F>),
}

type Metric<'a, F, Y> = Box<dyn for<'p, 't> Fn(ArrayView2<'p, F>, &<Y as Samples>::View<'t>) -> f64 + 'a>;

impl<F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L> std::fmt::Debug
    for EmpiricalRisk<'_, F, X, Y, M, L>
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let metrics: Vec<_> = self.metrics.iter().map(|(name, _)| name).collect();
        f.debug_struct("EmpiricalRisk")
            .field("rows", &X::count(&self.data.0))
            .field("metrics", &metrics)
            .finish_non_exhaustive()
    }
}

impl<'a, F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L: Loss<F, Y>> EmpiricalRisk<'a, F, X, Y, M, L> {
    /// The mean loss of `model` over `data`. Whether they fit is checked when a run is built.
    pub fn new(model: &'a M, loss: &'a L, data: &'a Dataset<'_, F, X, Y>) -> Self {
        Self {
            model,
            loss,
            data: data.views(),
            validation: None,
            metrics: Vec::new(),
            reduction: Reduction::Mean,
            scratch: None,
            output_gradient: Array2::default((0, 0)),
            gathered: Default::default(),
        }
    }

    /// Evaluates the loss and the metrics on these data after every epoch; the best parameters are then those with
    /// the lowest validation loss.
    #[must_use]
    pub fn validation(mut self, data: &'a Dataset<'_, F, X, Y>) -> Self {
        self.validation = Some(data.views());
        self
    }

    /// Evaluates a function of predictions and targets after every epoch, on the validation set (on the training set
    /// if there is none).
    #[must_use]
    pub fn metric(
        mut self,
        name: impl Into<String>,
        metric: impl for<'p, 't> Fn(ArrayView2<'p, F>, &Y::View<'t>) -> f64 + 'a,
    ) -> Self {
        self.metrics.push((name.into(), Box::new(metric)));
        self
    }

    /// Mean or sum over the rows of a batch. Default: [`Reduction::Mean`].
    #[must_use]
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    /// The mean loss over a data set, and the predictions, where there is room for them.
    fn mean_loss(
        &mut self,
        params: &Params<F>,
        (x, y, weights): Views<'_, F, X, Y>,
        mut predictions: Option<&mut Array2<F>>,
    ) -> f64 {
        let mut sum = 0.0;
        let Some(scratch) = &mut self.scratch else {
            return f64::NAN;
        };
        for range in shards(X::count(&x)) {
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

    /// Value and gradient over rows that are a view.
    fn over_views(
        &mut self,
        params: &Params<F>,
        (x, y, weights): Views<'_, F, X, Y>,
        gradient: &mut Gradient<F>,
    ) -> F {
        let outputs = self.model.outputs();
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
        for range in shards(X::count(&x)) {
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

/// The shards of so many rows.
fn shards(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows)
        .step_by(SHARD_ROWS)
        .map(move |start| start..(start + SHARD_ROWS).min(rows))
}

impl<F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L: Loss<F, Y>> Objective<F>
    for EmpiricalRisk<'_, F, X, Y, M, L>
{
    fn terms(&self) -> usize {
        X::count(&self.data.0)
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn start(&self, rng: &mut dyn Rng) -> Params<F> {
        let mut params = Params::zeros(&self.model.layout());
        self.model.initialize(&mut params, rng);
        params
    }

    fn prepare(&mut self, rows: usize) -> Result<(), Error> {
        for (inputs, targets, _) in std::iter::once(&self.data).chain(&self.validation) {
            self.model.check(inputs)?;
            self.loss.check(self.model.outputs(), targets)?;
        }
        let evaluates = self.validation.is_some() || !self.metrics.is_empty();
        let rows = if evaluates {
            SHARD_ROWS
        } else {
            rows.min(SHARD_ROWS)
        };
        self.scratch = Some(self.model.scratch(rows));
        self.output_gradient = Array2::zeros((rows, self.model.outputs()));
        Ok(())
    }

    fn value_and_gradient(
        &mut self,
        params: &Params<F>,
        batch: &Batch<'_>,
        gradient: &mut Gradient<F>,
    ) -> Result<F, Error> {
        let (x, y, weights) = self.data.clone();
        batch.check(X::count(&x))?;
        match batch {
            Batch::Range(range) => {
                let weights = weights.map(|weights| rows_of(weights, range.clone()));
                let views = (X::slice(&x, range.clone()), Y::slice(&y, range.clone()), weights);
                Ok(self.over_views(params, views, gradient))
            }
            Batch::Rows(rows) => {
                let (mut inputs, mut targets, mut some_weights) = std::mem::take(&mut self.gathered);
                inputs.gather(&x, rows);
                targets.gather(&y, rows);
                let weights = weights.map(|weights| {
                    some_weights.gather(&weights, rows);
                    some_weights.view()
                });
                let value = self.over_views(params, (inputs.view(), targets.view(), weights), gradient);
                self.gathered = (inputs, targets, some_weights);
                Ok(value)
            }
        }
    }

    fn weight(&self, batch: &Batch<'_>) -> f64 {
        match (self.data.2, batch) {
            (None, _) => batch.len() as f64,
            (Some(weights), Batch::Range(range)) => rows_of(weights, range.clone()).sum().to_f64_exact(),
            (Some(weights), Batch::Rows(rows)) => rows.iter().map(|&row| weights[row].to_f64_exact()).sum(),
        }
    }

    fn metrics(&self) -> Vec<String> {
        self.metrics.iter().map(|(name, _)| name.clone()).collect()
    }

    fn has_validation(&self) -> bool {
        self.validation.is_some()
    }

    fn evaluate(&mut self, params: &Params<F>, record: &mut Record) -> Result<(), Error> {
        if self.validation.is_none() && self.metrics.is_empty() {
            return Ok(());
        }
        let data = self.validation.clone().unwrap_or_else(|| self.data.clone());
        let rows = if self.metrics.is_empty() {
            0
        } else {
            X::count(&data.0)
        };
        let mut predictions = Array2::zeros((rows, self.model.outputs()));
        let targets = data.1.clone();
        let loss = self.mean_loss(params, data, (rows > 0).then_some(&mut predictions));
        record.validation_loss = self.validation.is_some().then_some(loss);
        for ((_, metric), value) in self.metrics.iter().zip(&mut record.metrics) {
            value.1 = metric(predictions.view(), &targets);
        }
        Ok(())
    }
}
