//! The formula for one weight.

use std::fmt::Debug;

use super::{
    Buffer, Hyperparameter, Missed, Optimizer, Pair, Rates, Slots, State, Untouched, driver, touched,
};
use crate::{Error, Gradient, Scalar, data::BatchSize, group::Factors};

/// What is constant over one step for the weights of one group.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Moment {
    /// The number of this step, counted from 1.
    pub step: u64,
    /// The learning rate η, the group's factor included.
    pub learning_rate: f64,
    momentum: Option<f64>,
    beta2: Option<f64>,
    weight_decay: Option<f64>,
    /// By what the group multiplies the learning rate: what is [remembered](Rule::remember) of one is without it.
    pub rate_factor: f64,
    /// By what the group multiplies the weight decay.
    pub decay_factor: f64,
    /// What the rule remembers from step to step beside its slots; see [`Rule::remember`].
    pub memory: Memory,
}

/// Some numbers that a rule remembers from step to step, all 0 at first.
pub type Memory = [f64; 4];

impl Moment {
    #[inline]
    pub(super) fn new(step: u64, rates: &Rates, factors: Factors, memory: Memory) -> Self {
        Self {
            step,
            learning_rate: rates.learning_rate * factors.rate,
            momentum: rates.momentum,
            beta2: rates.beta2,
            weight_decay: rates.weight_decay,
            rate_factor: factors.rate,
            decay_factor: factors.decay,
            memory,
        }
    }

    /// The momentum of this step: the scheduled one, or the rule's own.
    #[inline]
    pub fn momentum(&self, own: f64) -> f64 {
        self.momentum.unwrap_or(own)
    }

    /// The `beta2` of this step: the scheduled one, or the rule's own.
    #[inline]
    pub fn beta2(&self, own: f64) -> f64 {
        self.beta2.unwrap_or(own)
    }

    /// The weight decay of this step and group: the scheduled one, or the rule's own.
    #[inline]
    pub fn weight_decay(&self, own: f64) -> f64 {
        self.weight_decay.unwrap_or(own) * self.decay_factor
    }

    /// The same without a scheduled momentum.
    pub(super) fn without_momentum(self) -> Self {
        Self {
            momentum: None,
            ..self
        }
    }

    /// The step after this one.
    pub(super) fn next(self) -> Self {
        Self {
            step: self.step + 1,
            ..self
        }
    }

    /// `1 − βᵗ`: by this a moving average that started at zero is divided.
    ///
    /// Where βᵗ is too small to change the 1 the power is not computed.
    #[inline]
    pub fn correction(&self, beta: f64) -> f64 {
        let step = self.step as f64;
        // βᵗ ≤ e^(−t (1 − β)), and e⁻³⁸ is below half the distance from 1 to the number before it.
        if step * (1.0 - beta) > 38.0 {
            return 1.0;
        }
        1.0 - beta.powf(step)
    }
}

/// An element-wise optimiser: how one weight moves. Everything else follows from it: vectorised passes over all
/// weights, groups, composition with weight decay, saved state.
///
/// `update` is called for every weight and should be `#[inline(always)]`, without a branch that depends on the data
/// where it can be helped, so that the compiler vectorises it.
///
/// Sign descent, moving every weight by the learning rate against the sign of its gradient:
///
/// ```
/// use downhill::{Scalar, optim::{Buffer, Moment, Rule}};
///
/// #[derive(Debug)]
/// struct SignDescent;
///
/// impl<F: Scalar> Rule<F> for SignDescent {
///     type Slots = [F; 0];       // no memory
///     type Coefficients = F;     // the learning rate
///     fn name(&self) -> &'static str { "sign-descent" }
///     fn default_rate(&self) -> f64 { 1e-3 }
///     fn buffers(&self) -> Vec<Buffer> { vec![] }
///     fn coefficients(&self, now: Moment) -> F { F::of(now.learning_rate) }
///     #[inline(always)]
///     fn update(rate: &F, weight: &mut F, gradient: F, _: &mut [F; 0]) {
///         if gradient != F::zero() { *weight -= *rate * gradient.signum(); }
///     }
/// }
/// ```
pub trait Rule<F: Scalar>: Debug + Send + Sync {
    /// The memory of one weight: `[F; N]`, or a pair of such for a rule around a rule.
    type Slots: Slots<F>;
    /// What is computed once a step (in `f64`, then cast).
    type Coefficients: Copy + Sync;

    /// Whether a step with a gradient of zero changes neither the weight nor its slots, whatever the coefficients: then
    /// weights that a sparse gradient does not touch have nothing to catch up on. Default: no.
    const RESTS: bool = false;

    /// Whether the first step gives slots their start, from the weight or its gradient, so that no weight may miss it: then
    /// [`Lazy::Touched`](super::Lazy::Touched) is refused. A rule around a rule says what that one says. Default: no.
    const FROM_FIRST: bool = false;

    /// See [`Optimizer::name`].
    fn name(&self) -> &'static str;

    /// See [`Optimizer::kind`].
    fn kind(&self) -> String {
        self.name().into()
    }

    /// See [`Optimizer::default_rate`].
    fn default_rate(&self) -> f64;

    /// The names and starting values of the slots, in their order; as many as [`Rule::Slots`] has.
    fn buffers(&self) -> Vec<Buffer>;

    /// See [`Optimizer::batch`].
    fn batch(&self) -> Option<BatchSize> {
        None
    }

    /// See [`Optimizer::reads`]: what the rule asks of a [`Moment`] beside the learning rate. A rule around a rule reads what
    /// that one reads, too.
    fn reads(&self, hyperparameter: Hyperparameter) -> bool {
        let _ = hyperparameter;
        false
    }

    /// See [`Optimizer::validate`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the hyperparameter.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What is remembered from now on, given the moment with what was remembered before: called once a step, before
    /// [`Rule::coefficients`], with factors 1 whatever the groups. For what depends on all steps so far, such as a product
    /// of momenta. Default: nothing.
    fn remember(&self, now: Moment) -> Memory {
        now.memory
    }

    /// The constants of one step.
    fn coefficients(&self, now: Moment) -> Self::Coefficients;

    /// Whether the rule averages weights, so that [`Rule::average`] and not the weight itself is what is to be evaluated.
    fn averages(&self) -> bool {
        false
    }

    /// The averaged weight. Default: the weight itself.
    fn average(&self, weight: F, slots: &Self::Slots) -> F {
        let _ = slots;
        weight
    }

    /// Moves one weight.
    fn update(coefficients: &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut Self::Slots);

    /// Makes the steps that a weight has missed since a sparse gradient last touched it: the gradient was zero in each.
    /// Default: one after the other. A rule with a closed form costs less.
    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut Self::Slots) {
        for coefficients in missed.steps() {
            Self::update(&coefficients, weight, F::zero(), slots);
        }
    }

    /// η, if with these coefficients a step is `w ← w − η g` and nothing else, to the bits of `*weight -= rate * gradient`.
    /// Default: it is not.
    fn plain_rate(coefficients: &Self::Coefficients) -> Option<F> {
        let _ = coefficients;
        None
    }
}

impl<F: Scalar, R: Rule<F>> Optimizer<F> for R {
    fn name(&self) -> &'static str {
        Rule::name(self)
    }

    fn kind(&self) -> String {
        Rule::kind(self)
    }

    fn buffers(&self) -> Vec<Buffer> {
        Rule::buffers(self)
    }

    fn default_rate(&self) -> f64 {
        Rule::default_rate(self)
    }

    fn batch(&self) -> Option<BatchSize> {
        Rule::batch(self)
    }

    fn reads(&self, hyperparameter: Hyperparameter) -> bool {
        Rule::reads(self, hyperparameter)
    }

    fn validate(&self) -> Result<(), Error> {
        Rule::validate(self)
    }

    fn step(
        &self,
        state: &mut State<F>,
        weights: &mut [F],
        gradient: &[F],
        rates: Rates,
    ) -> Result<(), Error> {
        driver::step(self, state, weights, gradient, &rates)
    }

    fn step_pairs(&self, state: &mut State<F>, pairs: &mut [Pair<'_, F>], rates: Rates) -> Result<(), Error> {
        driver::step_pairs(self, state, pairs, &rates)
    }

    fn descent_rate(&self, state: &State<F>, ahead: u64, rates: &Rates) -> Option<F> {
        driver::descent_rate(self, state, ahead, rates)
    }

    fn untouched(&self) -> Untouched {
        if R::RESTS {
            Untouched::Rest
        } else if R::FROM_FIRST {
            Untouched::MoveFromFirst
        } else {
            Untouched::Move
        }
    }

    fn step_touched(
        &self,
        state: &mut State<F>,
        weights: &mut [F],
        gradient: &Gradient<F>,
        rates: Rates,
    ) -> Result<(), Error> {
        touched::step(self, state, weights, gradient, &rates)
    }

    fn catch_up(
        &self,
        state: &mut State<F>,
        weights: &mut [F],
        touched: Option<&Gradient<F>>,
    ) -> Result<(), Error> {
        touched::catch_up(self, state, weights, touched)
    }

    fn averages(&self) -> bool {
        Rule::averages(self)
    }

    fn average(&self, state: &State<F>, weights: &[F], average: &mut [F]) -> Result<(), Error> {
        driver::average(self, state, weights, average)
    }
}
