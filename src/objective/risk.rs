//! The mean loss of a model over a data set.

use std::cell::Cell;

use ndarray::{Array1, Array2, ArrayView2};
use rand::Rng;

use super::{Objective, pass::Pass};
use crate::{
    Dataset, Error, Gradient, Loss, Model, Params, Scalar,
    data::{Batch, Samples, Views, rows_of},
    loss::Reduction,
    model::{Descent, check_layout},
    train::Record,
};

/// The empirical risk `L(θ) = Σ wᵢ ℓ(g(xᵢ; θ), yᵢ) / Σ wᵢ`: what training a model on data minimises.
///
/// [`Trainer::fit`](crate::Trainer::fit) makes one of model, loss and data; made by hand it also takes a validation set and
/// metrics, evaluated after every epoch or [as often as wished](crate::Trainer::evaluate_every), and
/// [`measure`](EmpiricalRisk::measure) gives them on any data afterwards.
///
/// ```
/// use downhill::{Dataset, EmpiricalRisk, Trainer, loss::SoftmaxCrossEntropy, metrics, model::Linear, optim::Adam};
/// use downhill::ndarray::array;
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
    pass: Pass<'a, F, X, M, L>,
    data: Views<'a, F, X, Y>,
    validation: Option<Views<'a, F, X, Y>>,
    metrics: Vec<(String, Metric<'a, F, Y>)>,
    gathered: (X, Y, Array1<F>),
}

/// What [`EmpiricalRisk::measure`] finds. Printed, it is one line.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Measured {
    /// The mean loss.
    pub loss: f64,
    /// The metrics with their names.
    pub metrics: Vec<(String, f64)>,
}

impl Measured {
    /// The value of `"loss"`, or of a metric by its name.
    pub fn get(&self, name: &str) -> Option<f64> {
        let mut metrics = self.metrics.iter();
        match name {
            "loss" => Some(self.loss),
            _ => metrics
                .find(|(metric, _)| metric == name)
                .map(|(_, value)| *value),
        }
    }
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "loss {:.4}", self.loss)?;
        self.metrics
            .iter()
            .try_for_each(|(name, value)| write!(f, ", {name} {value:.4}"))
    }
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
            pass: Pass::new(model, loss),
            data: data.views(),
            validation: None,
            metrics: Vec::new(),
            gathered: Default::default(),
        }
    }

    /// Evaluates the loss and the metrics on these data, by default after every epoch; the best parameters are then those with
    /// the lowest validation loss.
    #[must_use]
    pub fn validation(mut self, data: &'a Dataset<'_, F, X, Y>) -> Self {
        self.validation = Some(data.views());
        self
    }

    /// Evaluates a function of predictions and targets, by default after every epoch, on the validation set (on the training set
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
        self.pass.reduction = reduction;
        self
    }

    /// The loss and the metrics of parameters on any data, such as a test set after the training.
    ///
    /// ```
    /// use downhill::{metrics, prelude::*};
    /// use downhill::ndarray::array;
    ///
    /// let (inputs, labels) = (array![[-2.0], [-1.0], [1.0], [2.0]], array![0, 0, 1, 1]);
    /// let (unseen, truth) = (array![[-3.0], [3.0]], array![0, 1]);
    /// let (train, test): (Dataset<f64, _, _>, _) = (Dataset::new(&inputs, &labels)?, Dataset::new(&unseen, &truth)?);
    /// let model = Linear::new(1, 2)?;
    /// let mut risk = EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &train).metric("accuracy", metrics::accuracy);
    /// // The risk is lent to the trainer.
    /// let run = Trainer::new(Adam::new()).learning_rate(0.1).epochs(50).minimize(&mut risk)?;
    ///
    /// println!("training: {}\ntest: {}", risk.measure(&run.params, &train)?, risk.measure(&run.params, &test)?);
    /// assert_eq!(risk.measure(&run.params, &test)?.get("accuracy"), Some(1.0));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Foreign`] for parameters of another model; and whatever does not fit it in the data.
    pub fn measure(&mut self, params: &Params<F>, data: &Dataset<'_, F, X, Y>) -> Result<Measured, Error> {
        check_layout("params", params.layout(), &self.pass.model.layout())?;
        let data = data.views();
        self.pass.check(&data.0, &data.1)?;
        let mut metrics: Vec<(String, f64)> =
            self.metrics().into_iter().map(|name| (name, f64::NAN)).collect();
        let loss = self.evaluate_on(params, data, &mut metrics);
        Ok(Measured { loss, metrics })
    }

    /// The loss over the data of this risk; the metrics go into a record.
    pub(super) fn evaluate_on_own(&mut self, params: &Params<F>, record: &mut Record) -> f64 {
        self.evaluate_on(params, self.data.clone(), &mut record.metrics)
    }

    /// The loss over data; the metrics go beside their names.
    fn evaluate_on(
        &mut self,
        params: &Params<F>,
        data: Views<'_, F, X, Y>,
        values: &mut [(String, f64)],
    ) -> f64 {
        let rows = if self.metrics.is_empty() {
            0
        } else {
            X::count(&data.0)
        };
        let mut predictions = Array2::zeros((rows, self.pass.model.outputs()));
        let targets = data.1.clone();
        let loss = self
            .pass
            .mean_loss(params, data, (rows > 0).then_some(&mut predictions));
        for ((_, metric), value) in self.metrics.iter().zip(values) {
            value.1 = metric(predictions.view(), &targets);
        }
        loss
    }
}

impl<F: Scalar, X: Samples, Y: Samples, M: Model<F, X>, L: Loss<F, Y>> Objective<F>
    for EmpiricalRisk<'_, F, X, Y, M, L>
{
    fn terms(&self) -> usize {
        X::count(&self.data.0)
    }

    fn reduction(&self) -> Reduction {
        self.pass.reduction
    }

    fn start(&self, rng: &mut dyn Rng) -> Params<F> {
        self.pass.start(rng)
    }

    fn prepare(&mut self, rows: usize) -> Result<(), Error> {
        for (inputs, targets, _) in std::iter::once(&self.data).chain(&self.validation) {
            self.pass.check(inputs, targets)?;
        }
        self.pass.reserve(rows);
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
                Ok(self.pass.value_and_gradient(params, views, gradient))
            }
            Batch::Rows(rows) => {
                let (mut inputs, mut targets, mut some_weights) = std::mem::take(&mut self.gathered);
                inputs.gather(&x, rows);
                targets.gather(&y, rows);
                let weights = weights.map(|weights| {
                    some_weights.gather(&weights, rows);
                    some_weights.view()
                });
                let value =
                    self.pass
                        .value_and_gradient(params, (inputs.view(), targets.view(), weights), gradient);
                self.gathered = (inputs, targets, some_weights);
                Ok(value)
            }
        }
    }

    fn descend(
        &mut self,
        params: &mut Params<F>,
        terms: &Batch<'_>,
        rates: &[F],
        values: &mut [F],
    ) -> Option<usize> {
        let (inputs, targets, None) = &self.data else {
            return None;
        };
        let (model, loss) = (self.pass.model, self.pass.loss);
        if model.outputs() != 1 {
            return None;
        }
        let knows = Cell::new(true);
        if let Batch::Rows(rows) = terms {
            let next = rows.iter().skip(rates.len()).take(rates.len());
            next.for_each(|&row| Y::prefetch(targets, &[row]));
        }
        let descent = Descent {
            rows: terms,
            loss: &|prediction, row| {
                loss.single(prediction, targets, row).unwrap_or_else(|| {
                    knows.set(false);
                    (F::nan(), F::nan())
                })
            },
            rates,
            values,
        };
        let made = model.descend(params, inputs, descent)?;
        (made > 0 || knows.get()).then_some(made)
    }

    #[inline]
    fn prefetch(&self, terms: &[usize]) {
        let (inputs, targets, weights) = &self.data;
        X::prefetch(inputs, terms);
        Y::prefetch(targets, terms);
        if let Some(weights) = weights {
            Array1::prefetch(weights, terms);
        }
    }

    fn is_sparse(&self) -> bool {
        self.pass.model.is_sparse()
    }

    fn touch(&mut self, batch: &Batch<'_>, gradient: &mut Gradient<F>) -> Result<(), Error> {
        gradient.clear();
        let inputs = &self.data.0;
        batch.check(X::count(inputs))?;
        match batch {
            Batch::Range(range) => self.pass.model.touch(&X::slice(inputs, range.clone()), gradient),
            Batch::Rows(rows) => {
                for &row in *rows {
                    self.pass.model.touch(&X::slice(inputs, row..row + 1), gradient);
                }
            }
        }
        Ok(())
    }

    fn weight(&self, _: &Batch<'_>) -> f64 {
        self.pass.weight
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let mut all = self.pass.describe();
        all.push(("rows to train on", X::count(&self.data.0).to_string()));
        let validation = self.validation.as_ref().map(|data| X::count(&data.0));
        all.extend(validation.map(|rows| ("rows to validate on", rows.to_string())));
        all
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
        let loss = self.evaluate_on(params, data, &mut record.metrics);
        record.validation_loss = self.validation.is_some().then_some(loss);
        Ok(())
    }
}
