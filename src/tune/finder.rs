//! The learning-rate range test.

use std::cell::RefCell;

use rand::Rng;

use super::LrCurve;
use crate::{
    Error, Gradient, Memo, Objective, Params, Scalar, Trainer,
    data::Batch,
    error::check,
    loss::Reduction,
    schedule::{Ramp, Span},
    train::{Control, Record, StopReason},
};

/// Finds a learning rate: trains for some steps while the rate rises from `low` to `high`, and looks at the loss.
///
/// Where the rate is too low the loss hardly falls, where it is too high the loss explodes; a good one lies on the slope
/// between. Which one depends on what is trained then:
///
/// | suggestion | the rate | take it for |
/// |---|---|---|
/// | [`valley`](LrCurve::valley) | in the middle of the longest fall of the curve | a rate that stays, or only falls |
/// | [`steepest`](LrCurve::steepest) | at which the loss falls fastest from one step to the next | the peak of a rate that rises and falls: [`OneCycle`](crate::schedule::OneCycle), [`Cyclical`](crate::schedule::Cyclical) |
///
/// Both read a noisy curve, and either may be the higher one: look at it ([`LrCurve::plot`], feature `plot`). Where the loss
/// only explodes far beyond them, a higher rate is worth a try.
///
/// The test runs with everything the trainer is set to (optimiser, batch, clipping, groups, seed) but its
/// schedule, its length and its callbacks, and on parameters and a state of its own: nothing outside is changed, and what
/// is trained afterwards has the same bits as without the test.
///
/// | setting | default | range |
/// |---|---|---|
/// | `low`, `high` | | 0 < low < high |
/// | [`steps`](LrFinder::steps) | 100 | at least 10 |
/// | [`linear`](LrFinder::linear) | by the same factor at each step | |
/// | [`smoothing`](LrFinder::smoothing) β | 0.9 | [0, 1) |
/// | [`divergence`](LrFinder::divergence) | 4 | above 1 |
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, tune::LrFinder};
/// // Steps of more than 0.02 leave the steep direction of this bowl.
/// let mut bowl = Function::new(vec![-4.0, 1.5], |w: &[f64], g: &mut [f64]| {
///     (g[0], g[1]) = (w[0], 100.0 * w[1]);
///     0.5 * w[0] * w[0] + 50.0 * w[1] * w[1]
/// });
/// let curve = LrFinder::new(1e-5, 1.0).find(Trainer::new(GradientDescent), &mut bowl)?;
/// assert!(curve.diverged);
/// let rate = curve.valley().unwrap_or(0.001);
/// assert!(rate > 1e-3 && rate < 0.02);
/// let run = Trainer::new(GradientDescent).learning_rate(rate).steps(5000).minimize(bowl)?;
/// assert!(run.best.value < 1e-3);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: L. N. Smith, *Cyclical Learning Rates for Training Neural Networks*, arXiv 1506.01186 (2015), section 3.3;
/// the smoothing, the stop at four times the best loss and the suggestions follow fastai's `lr_find`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct LrFinder {
    low: f64,
    high: f64,
    pub(super) steps: u64,
    pub(crate) linear: bool,
    smoothing: f64,
    divergence: f64,
}

impl LrFinder {
    /// From the rate `low` to the rate `high`; 1e-7 to 10 misses nothing.
    pub fn new(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            steps: 100,
            linear: false,
            smoothing: 0.9,
            divergence: 4.0,
        }
    }

    /// Sets the number of updates. Default: 100.
    pub fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Raises the rate by the same amount at each step, and not by the same factor.
    pub fn linear(mut self) -> Self {
        self.linear = true;
        self
    }

    /// Sets β of the moving average of the losses, `s ← β s + (1 − β) ℓ`, corrected for its start at 0. Default: 0.9.
    pub fn smoothing(mut self, beta: f64) -> Self {
        self.smoothing = beta;
        self
    }

    /// Ends where the average exceeds so many times the best so far (for a negative best, by as many of its sizes).
    /// Default: 4.
    pub fn divergence(mut self, factor: f64) -> Self {
        self.divergence = factor;
        self
    }

    /// Runs the test. An objective may be lent: `&mut risk`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a setting outside its range; and as [`Trainer::minimize`].
    pub fn find<F: Scalar, O: Objective<F>>(
        &self,
        trainer: Trainer<'_, F>,
        mut objective: O,
    ) -> Result<LrCurve, Error> {
        self.validate()?;
        let span = Span::Steps(self.steps - 1);
        let sweep = if self.linear {
            Ramp::linear(self.low, self.high, span)
        } else {
            Ramp::exponential(self.low, self.high, span)
        };
        // Such as the place of a stream.
        let mut before = Memo::new();
        objective.save(&mut before);
        let sweeping = RefCell::new(Sweep::new(*self));
        let run = trainer
            .bare()
            .learning_rate(sweep)
            .steps(self.steps)
            .on_step(|event| {
                let loss = event.loss.to_f64_exact();
                sweeping.borrow_mut().add(event.rates.learning_rate, loss)
            })
            .minimize(Unevaluated(&mut objective));
        objective.load(&before)?;
        let mut curve = sweeping.into_inner().curve;
        match run?.stop {
            // A loss that is no number ends a run before its callbacks hear of it.
            StopReason::NonFinite { .. } => curve.diverged = true,
            StopReason::Interrupted => curve.interrupted = true,
            StopReason::Failed(error) => return Err(error),
            _ => {}
        }
        Ok(curve)
    }

    fn validate(&self) -> Result<(), Error> {
        check::positive("low of LrFinder", self.low)?;
        check::positive("high of LrFinder", self.high)?;
        let above = format!("above low, {}", self.low);
        check::require(self.high > self.low, "high of LrFinder", self.high, &above)?;
        check::require(self.steps >= 10, "steps of LrFinder", self.steps, "at least 10")?;
        check::below_one("smoothing of LrFinder", self.smoothing)?;
        let legal = self.divergence > 1.0 && self.divergence.is_finite();
        check::require(
            legal,
            "divergence of LrFinder",
            self.divergence,
            "finite and above 1",
        )
    }
}

/// The test while it runs.
struct Sweep {
    curve: LrCurve,
    average: f64,
    /// `1 − βᵗ`.
    correction: f64,
    best: f64,
}

impl Sweep {
    fn new(finder: LrFinder) -> Self {
        let curve = LrCurve {
            rates: Vec::new(),
            losses: Vec::new(),
            smoothed: Vec::new(),
            diverged: false,
            interrupted: false,
            finder,
        };
        Self {
            curve,
            average: 0.0,
            correction: 0.0,
            best: f64::INFINITY,
        }
    }

    fn add(&mut self, rate: f64, loss: f64) -> Control {
        let finder = self.curve.finder;
        let beta = finder.smoothing;
        self.average = beta * self.average + (1.0 - beta) * loss;
        self.correction = beta * self.correction + (1.0 - beta);
        let smoothed = self.average / self.correction;
        self.curve.rates.push(rate);
        self.curve.losses.push(loss);
        self.curve.smoothed.push(smoothed);
        if self.curve.rates.len() <= self.curve.unsettled() {
            return Control::Continue;
        }
        self.best = self.best.min(smoothed);
        if smoothed - self.best > (finder.divergence - 1.0) * self.best.abs() {
            self.curve.diverged = true;
            return Control::stop("the loss diverges");
        }
        Control::Continue
    }
}

/// An objective that is trained on, but not evaluated: a range test has no use for a validation set.
struct Unevaluated<O>(O);

impl<F: Scalar, O: Objective<F>> Objective<F> for Unevaluated<O> {
    fn terms(&self) -> usize {
        self.0.terms()
    }

    fn is_stream(&self) -> bool {
        self.0.is_stream()
    }

    fn start_epoch(&mut self, epoch: u64) {
        self.0.start_epoch(epoch);
    }

    fn reduction(&self) -> Reduction {
        self.0.reduction()
    }

    fn start(&self, rng: &mut dyn Rng) -> Params<F> {
        self.0.start(rng)
    }

    fn prepare(&mut self, rows: usize) -> Result<(), Error> {
        self.0.prepare(rows)
    }

    fn value_and_gradient(
        &mut self,
        params: &Params<F>,
        batch: &Batch<'_>,
        gradient: &mut Gradient<F>,
    ) -> Result<F, Error> {
        self.0.value_and_gradient(params, batch, gradient)
    }

    fn prefetch(&self, terms: &[usize]) {
        self.0.prefetch(terms);
    }

    fn is_sparse(&self) -> bool {
        self.0.is_sparse()
    }

    fn touch(&mut self, batch: &Batch<'_>, gradient: &mut Gradient<F>) -> Result<(), Error> {
        self.0.touch(batch, gradient)
    }

    fn weight(&self, batch: &Batch<'_>) -> f64 {
        self.0.weight(batch)
    }

    fn metrics(&self) -> Vec<String> {
        self.0.metrics()
    }

    fn has_validation(&self) -> bool {
        self.0.has_validation()
    }

    fn evaluate(&mut self, _: &Params<F>, _: &mut Record) -> Result<(), Error> {
        Ok(())
    }
}
