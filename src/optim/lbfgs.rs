//! L-BFGS: curvature from the last gradients.

mod line_search;

use std::collections::VecDeque;

use crate::{Error, Gradient, Objective, Params, Scalar, data::Batch, error::check, scalar::all_finite};
use line_search::{Point, strong_wolfe};

/// L-BFGS, for smooth objectives whose whole gradient is at hand: a few dozen evaluations where gradient descent takes
/// thousands.
///
/// It evaluates the objective several times in a step, so it is not an [`Optimizer`](super::Optimizer) and has its own loop:
/// [`Lbfgs::step`] is one call of PyTorch's `step`, at most `updates` updates; [`Lbfgs::minimize`] repeats it until nothing
/// changes any more.
///
/// An update: `w ← w + t d` with `d = −H g`, H from the last `history` pairs of steps and changes of the gradient; t is the
/// learning rate (`min(1, 1/‖g‖₁)` times it in the very first update), or found by a line search.
///
/// | setting | default | range |
/// |---|---|---|
/// | `learning_rate` | 1 | > 0 |
/// | `updates` | 20 | ≥ 1 |
/// | `evaluations` | 5/4 of the updates | ≥ 1 |
/// | `tolerance_gradient`, on the largest slope | 1e-7 | ≥ 0 |
/// | `tolerance_change`, on steps and values | 1e-9 | ≥ 0 |
/// | `history` | 100 | ≥ 1 |
/// | `strong_wolfe` | off | |
///
/// Equal to `torch.optim.LBFGS`.
///
/// ```
/// use downhill::{Function, optim::Lbfgs, objective::functions::ROSENBROCK};
/// let start = ROSENBROCK.start.to_vec();
/// let mut lbfgs = Lbfgs::new().strong_wolfe();
/// let params = lbfgs.minimize(Function::new(start, ROSENBROCK.value_and_gradient), 100)?;
/// assert!(params.as_slice().iter().all(|x| (x - 1.0).abs() < 1e-4));
/// assert!(lbfgs.evaluations_made() < 60);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: D. Liu and J. Nocedal, *On the Limited Memory BFGS Method for Large Scale Optimization* (1989).
#[derive(Debug, Clone)]
#[must_use]
pub struct Lbfgs<F> {
    learning_rate: f64,
    updates: u64,
    evaluations: Option<u64>,
    tolerance_gradient: f64,
    tolerance_change: f64,
    pub(super) history: usize,
    strong_wolfe: bool,
    pub(super) memory: Memory<F>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Memory<F> {
    /// Change of the gradient, step, and the inverse of their product.
    pub(super) pairs: VecDeque<(Vec<F>, Vec<F>, F)>,
    pub(super) direction: Vec<F>,
    pub(super) last_gradient: Vec<F>,
    pub(super) length: f64,
    pub(super) scaling: F,
    pub(super) updates: u64,
    pub(super) evaluations: u64,
}

impl<F: Scalar> Default for Lbfgs<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Scalar> Lbfgs<F> {
    /// With the defaults of the table, and nothing remembered.
    pub fn new() -> Self {
        Self {
            learning_rate: 1.0,
            updates: 20,
            evaluations: None,
            tolerance_gradient: 1e-7,
            tolerance_change: 1e-9,
            history: 100,
            strong_wolfe: false,
            memory: Memory::default(),
        }
    }

    /// Sets the length of a step, or the first that a line search tries. Default: 1.
    pub fn learning_rate(mut self, rate: f64) -> Self {
        self.learning_rate = rate;
        self
    }

    /// Sets how many updates a step makes at most, PyTorch's `max_iter`. Default: 20.
    pub fn updates(mut self, updates: u64) -> Self {
        self.updates = updates;
        self
    }

    /// Sets how many evaluations a step makes at most. Default: 5/4 of the updates.
    pub fn evaluations(mut self, evaluations: u64) -> Self {
        self.evaluations = Some(evaluations);
        self
    }

    /// Ends where no slope is larger. Default: 1e-7.
    pub fn tolerance_gradient(mut self, tolerance: f64) -> Self {
        self.tolerance_gradient = tolerance;
        self
    }

    /// Ends where neither a weight nor the value changes by more. Default: 1e-9.
    pub fn tolerance_change(mut self, tolerance: f64) -> Self {
        self.tolerance_change = tolerance;
        self
    }

    /// Sets how many pairs are remembered. Default: 100.
    pub fn history(mut self, pairs: usize) -> Self {
        self.history = pairs;
        self
    }

    /// Finds the length of each update by a line search: the strong Wolfe conditions with 1e-4 and 0.9.
    pub fn strong_wolfe(mut self) -> Self {
        self.strong_wolfe = true;
        self
    }

    /// How many updates have been made.
    pub fn updates_made(&self) -> u64 {
        self.memory.updates
    }

    /// How often the objective has been evaluated.
    pub fn evaluations_made(&self) -> u64 {
        self.memory.evaluations
    }

    fn validate(&self) -> Result<(), Error> {
        check::positive("learning_rate", self.learning_rate)?;
        check::require(self.updates > 0, "updates", 0, "at least 1")?;
        check::require(self.evaluations != Some(0), "evaluations", 0, "at least 1")?;
        check::non_negative("tolerance_gradient", self.tolerance_gradient)?;
        check::non_negative("tolerance_change", self.tolerance_change)?;
        check::require(self.history > 0, "history", 0, "at least 1")
    }

    /// From the objective's start, steps until one makes no update any more, at most so many.
    ///
    /// # Errors
    /// As [`Lbfgs::step`].
    pub fn minimize<O: Objective<F>>(&mut self, mut objective: O, steps: u64) -> Result<Params<F>, Error> {
        use rand::SeedableRng;
        let mut params = objective.start(&mut rand::rngs::ChaCha12Rng::seed_from_u64(0));
        for _ in 0..steps {
            let before = params.clone();
            self.step(&mut objective, &mut params)?;
            if params == before {
                break;
            }
        }
        Ok(params)
    }

    /// At most `updates` updates of `params`; gives the value at the start of the step.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an illegal setting, [`Error::NotFinite`] if value or gradient at the start are not
    /// finite, and the objective's own errors.
    pub fn step<O: Objective<F>>(&mut self, objective: &mut O, params: &mut Params<F>) -> Result<F, Error> {
        self.validate()?;
        let terms = objective.terms();
        objective.prepare(terms)?;
        let mut gradient = Gradient::zeros(params.layout());
        let mut moved = params.clone();
        let mut evaluate = |at: &Params<F>| -> Result<(F, Vec<F>), Error> {
            let value = objective.value_and_gradient(at, &Batch::Range(0..terms), &mut gradient)?;
            Ok((value, gradient.as_slice().to_vec()))
        };
        let limit = self.evaluations.unwrap_or(self.updates * 5 / 4);
        let (first, mut g) = evaluate(params)?;
        let mut value = first;
        let mut evaluations = 1;
        self.memory.evaluations += 1;
        if !value.is_finite() || !all_finite(&g) {
            let given = value.to_f64_exact();
            return Err(Error::NotFinite {
                argument: "the objective at the start of the step".into(),
                position: 0,
                given,
            });
        }
        if largest(&g) <= self.tolerance_gradient {
            return Ok(first);
        }
        for update in 1..=self.updates {
            self.turn(&g);
            self.memory.last_gradient.clone_from(&g);
            let before = value;
            let sum: f64 = g.iter().map(|x| x.to_f64_exact().abs()).sum();
            let shorter = if self.memory.updates == 1 {
                (1.0 / sum).min(1.0)
            } else {
                1.0
            };
            let mut length = shorter * self.learning_rate;
            let direction = &self.memory.direction;
            let slope = dot(&g, direction);
            if slope.to_f64_exact() > -self.tolerance_change {
                break;
            }
            let mut extra = 0;
            if self.strong_wolfe {
                let mut look = |length: f64| -> Result<Point<F>, Error> {
                    advance(moved.as_mut_slice(), params.as_slice(), direction, length);
                    let (value, gradient) = evaluate(&moved)?;
                    let slope = dot(&gradient, direction).to_f64_exact();
                    Ok(Point {
                        length,
                        value: value.to_f64_exact(),
                        slope,
                        gradient,
                        exact: value,
                    })
                };
                let start = Point {
                    length: 0.0,
                    value: value.to_f64_exact(),
                    slope: slope.to_f64_exact(),
                    gradient: g.clone(),
                    exact: value,
                };
                let budget = limit.saturating_sub(evaluations);
                let (found, count) = strong_wolfe(
                    &mut look,
                    start,
                    length,
                    largest(direction),
                    self.tolerance_change,
                    budget,
                )?;
                extra = count;
                length = found.length;
                value = found.exact;
                g = found.gradient;
                advance(moved.as_mut_slice(), params.as_slice(), direction, length);
                params.as_mut_slice().copy_from_slice(moved.as_slice());
            } else {
                advance(moved.as_mut_slice(), params.as_slice(), direction, length);
                params.as_mut_slice().copy_from_slice(moved.as_slice());
                if update != self.updates {
                    (value, g) = evaluate(params)?;
                    extra = 1;
                }
            }
            self.memory.length = length;
            evaluations += extra;
            self.memory.evaluations += extra;
            let still = largest(direction) * length.abs() <= self.tolerance_change
                || (value - before).to_f64_exact().abs() < self.tolerance_change;
            let fresh = self.strong_wolfe || extra > 0;
            let flat = fresh && largest(&g) <= self.tolerance_gradient;
            if evaluations >= limit || flat || still {
                break;
            }
        }
        Ok(first)
    }

    /// Remembers the last update and finds the next direction, `−H g`.
    fn turn(&mut self, gradient: &[F]) {
        let memory = &mut self.memory;
        memory.updates += 1;
        if memory.updates == 1 || memory.direction.len() != gradient.len() {
            memory.pairs.clear();
            memory.scaling = F::one();
            memory.direction = gradient.iter().map(|&g| -g).collect();
            return;
        }
        let change: Vec<F> = gradient
            .iter()
            .zip(&memory.last_gradient)
            .map(|(&g, &last)| g - last)
            .collect();
        let length = F::of(memory.length);
        let step: Vec<F> = memory.direction.iter().map(|&d| d * length).collect();
        let product = dot(&change, &step);
        if product > F::of(1e-10) {
            if memory.pairs.len() == self.history {
                memory.pairs.pop_front();
            }
            memory.scaling = product / dot(&change, &change);
            memory.pairs.push_back((change, step, F::one() / product));
        }
        let mut direction: Vec<F> = gradient.iter().map(|&g| -g).collect();
        let mut shares = Vec::with_capacity(memory.pairs.len());
        for (change, step, inverse) in memory.pairs.iter().rev() {
            let share = dot(step, &direction) * *inverse;
            direction
                .iter_mut()
                .zip(change)
                .for_each(|(d, &y)| *d -= share * y);
            shares.push(share);
        }
        direction.iter_mut().for_each(|d| *d *= memory.scaling);
        for ((change, step, inverse), share) in memory.pairs.iter().zip(shares.into_iter().rev()) {
            let rest = share - dot(change, &direction) * *inverse;
            direction.iter_mut().zip(step).for_each(|(d, &s)| *d += rest * s);
        }
        memory.direction = direction;
    }
}

/// `moved ← from + length · direction`.
fn advance<F: Scalar>(moved: &mut [F], from: &[F], direction: &[F], length: f64) {
    let length = F::of(length);
    for ((moved, &from), &d) in moved.iter_mut().zip(from).zip(direction) {
        *moved = from + length * d;
    }
}

fn dot<F: Scalar>(a: &[F], b: &[F]) -> F {
    a.iter().zip(b).map(|(&a, &b)| a * b).sum()
}

/// The largest size; NaN if there is one.
fn largest<F: Scalar>(values: &[F]) -> f64 {
    crate::transform::Norm::Max.of(values)
}
