//! Update rules: how a weight moves, given its gradient and its memory.
//!
//! | optimiser | memory a weight | the step |
//! |---|---|---|
//! | [`GradientDescent`], [`Sgd`], [`MiniBatchSgd`] | 0 | `w ← w − η g`, on the whole data, one item, b items |
//! | [`Momentum`], [`Qhm`] | 1 | `v ← βv + g`, `w ← w − η v` |
//! | [`Adagrad`], [`FtrlProximal`], [`Madgrad`] | 1, 2, 3 | `s ← s + g²`, `w ← w − η g / (√s + ε)` and its like |
//! | [`RmsProp`] | 1 (to 3) | `v ← αv + (1−α)g²`, `w ← w − η g / (√v + ε)` |
//! | [`Adam`], [`AdamW`] | 2 (AMSGrad 3) | both moments, corrected for their start at zero |
//! | [`Adamax`], [`NAdam`], [`RAdam`], [`Yogi`], [`AdaBelief`], [`AdaBound`], [`QhAdam`], [`Adopt`] | 2 | Adam, changed in one point |
//! | [`AdEmaMix`], [`Adan`] | 3, 4 | Adam with a further average |
//! | [`Adadelta`] | 2 | steps in the units of the weights |
//! | [`SignSgd`], [`Signum`], [`Lion`], [`Rprop`] | 0, 1, 1, 2 | by the sign |
//! | [`Sophia`] | 2 | momentum by curvature, clipped |
//! | [`Asgd`], [`ScheduleFree`] | 1, 1 (AdamW 2) | averaged; a trainer evaluates the average |
//! | [`Lamb`], [`Lars`], [`Fromage`], [`NovoGrad`], [`Sm3`], [`Adafactor`], [`Muon`], [`Prodigy`], [`DAdapt`] | | tensor by tensor |
//!
//! Around any of them, by [`RuleExt`]: [`weight_decay`](RuleExt::weight_decay),
//! [`decoupled_weight_decay`](RuleExt::decoupled_weight_decay), [`lookahead`](RuleExt::lookahead),
//! [`maximize`](RuleExt::maximize), [`clip_value`](RuleExt::clip_value), [`bounded`](RuleExt::bounded), [`l1`](RuleExt::l1).
//! Around those that work tensor by tensor, by [`TensorRuleExt`]: lookahead and decoupled decay;
//! [`transform`](crate::transform) has coupled decay, the direction and clipping.
//!
//! [`Lbfgs`] evaluates the objective several times in a step and has a loop of its own.
//!
//! A rule of one's own is a [`Rule`]: the formula for one weight. What needs more than one weight at a time (a norm, a
//! matrix) is a [`TensorRule`]. In a loop of one's own, a [`Stepper`] moves one's own arrays.

mod adabelief;
mod adabound;
mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod adan;
mod ademamix;
mod adopt;
mod asgd;
mod driver;
mod ftrl;
mod lbfgs;
mod lion;
mod lookahead;
mod madgrad;
mod missed;
mod momentum;
mod moving_average;
mod nadam;
mod quasi_hyperbolic;
mod radam;
mod rates;
mod rmsprop;
mod rprop;
mod rule;
#[cfg(feature = "checkpoint")]
mod saved;
mod schedule_free;
mod settings;
mod sgd;
mod signum;
mod slots;
mod sophia;
mod state;
mod stepper;
mod tensor;
mod touched;
mod wrappers;
mod yogi;

pub use adabelief::AdaBelief;
pub use adabound::AdaBound;
pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use adan::Adan;
pub use ademamix::AdEmaMix;
pub use adopt::Adopt;
pub use asgd::Asgd;
pub use ftrl::FtrlProximal;
pub use lbfgs::Lbfgs;
pub use lion::Lion;
pub use lookahead::Lookahead;
pub use madgrad::Madgrad;
pub use missed::Missed;
pub use momentum::Momentum;
pub use moving_average::MovingAverage;
pub use nadam::NAdam;
pub use quasi_hyperbolic::{QhAdam, Qhm};
pub use radam::RAdam;
pub use rates::{Hyperparameter, Rates};
pub use rmsprop::RmsProp;
pub use rprop::Rprop;
pub use rule::{Memory, Moment, Rule};
pub use schedule_free::ScheduleFree;
pub use sgd::{GradientDescent, MiniBatchSgd, Sgd};
pub use signum::{SignSgd, Signum};
pub use slots::{Off, On, Slots, Switch};
pub use sophia::Sophia;
pub use state::{Buffer, State};
pub use stepper::{Pair, Stepper};
pub use tensor::{
    Adafactor, DAdapt, Fromage, Lamb, Lars, Muon, MuonScale, NovoGrad, Prodigy, Sm3, Tensor, TensorBuffer,
    TensorDecay, TensorLookahead, TensorRule, TensorRuleExt, step_tensor_pairs, step_tensors,
};
pub use wrappers::{Bounded, ClipValue, DecoupledWeightDecay, L1, Maximize, RuleExt, WeightDecay};
pub use yogi::Yogi;

use std::fmt::Debug;

use crate::{Error, Gradient, Scalar, data::BatchSize};

/// What a step does to the weights that a sparse gradient does not touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untouched {
    /// Nothing, and nothing to their memory: plain descent, Adagrad.
    Rest,
    /// It moves them or changes their memory, as momentum does, in a way that can be made up for later.
    Move,
    /// The same, and its first step gives their memory its start, so that none may miss it: lookahead, schedule-free
    /// learning. [`Lazy::Touched`] is refused.
    MoveFromFirst,
    /// All weights together decide about each, so every step needs them all.
    Needed,
}

/// How weights are treated in the steps that do not touch them, where gradients are sparse; see
/// [`Trainer::lazy`](crate::Trainer::lazy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lazy {
    /// As the rule says, only later: before a weight is read, and at the end of every epoch, it makes the steps that it
    /// has missed. The result is that of dense gradients, to rounding.
    #[default]
    Exact,
    /// Not at all: neither momentum nor decay nor a fading memory reaches a weight in a step that does not touch it. A
    /// different method, and a cheap one: PyTorch's `SparseAdam`. Refused where the first step of a rule gives every weight
    /// its memory ([`Untouched::MoveFromFirst`]).
    Touched,
}

/// An optimiser: plain configuration, usable for any number of runs at once. What a run remembers is in [`State`].
///
/// Its `Debug` is how a [`Report`](crate::train) names it, with its settings. Object-safe, and not generic over the data: an
/// [`Adam`] is an optimiser for `f32` and for `f64`. Element-wise optimisers implement [`Rule`] instead, and are optimisers by
/// that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no optimiser of `{F}` that makes a step from a gradient",
    note = "a rule of your own implements `Rule`; `Lbfgs` looks for its steps itself: call its `minimize`"
)]
pub trait Optimizer<F: Scalar>: Debug + Send + Sync {
    /// A stable name, for error messages.
    fn name(&self) -> &'static str;

    /// What kind it is, so that saved state goes back to its own: the name, and where it goes around another with memory of its
    /// own, that one's too. Default: the name.
    fn kind(&self) -> String {
        self.name().into()
    }

    /// The memory kept for each weight: names and starting values.
    fn buffers(&self) -> Vec<Buffer>;

    /// The memory for a tensor of this shape, for optimisers that work tensor by tensor; see [`TensorRule`].
    fn tensor_buffers(&self, shape: &[usize]) -> Option<Vec<TensorBuffer>> {
        let _ = shape;
        None
    }

    /// The learning rate where none is given.
    fn default_rate(&self) -> f64;

    /// The batch that defines this optimiser; `None` leaves it to the trainer.
    fn batch(&self) -> Option<BatchSize> {
        None
    }

    /// Whether the optimiser reads this hyperparameter from the [`Rates`] of a step; one that it does not read is refused
    /// where it is set. Default: no.
    fn reads(&self, hyperparameter: Hyperparameter) -> bool {
        let _ = hyperparameter;
        false
    }

    /// Whether every hyperparameter is legal. Called when a [`State`] is made.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the hyperparameter.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Moves `weights` by one step along `gradient`, both laid out as `state` is, and counts the step.
    ///
    /// # Errors
    /// If lengths differ, if the state was made by another optimiser, or if a rate is negative or not finite; then
    /// nothing has been changed.
    fn step(
        &self,
        state: &mut State<F>,
        weights: &mut [F],
        gradient: &[F],
        rates: Rates,
    ) -> Result<(), Error>;

    /// [`Optimizer::step`] over arrays that lie each in a place of its own: one pair for each tensor of the state, in its
    /// order. Default: by way of a copy.
    ///
    /// # Errors
    /// As [`Optimizer::step`]; also if the pairs are not those of the state.
    fn step_pairs(&self, state: &mut State<F>, pairs: &mut [Pair<'_, F>], rates: Rates) -> Result<(), Error> {
        stepper::step_gathered(self, state, pairs, rates)
    }

    /// η, if with these rates the step after `ahead` further ones is `w ← w − η g` for every weight of the state and changes no
    /// memory: then the trainer may make it itself, row by row, and count it. Default: it is not.
    fn descent_rate(&self, state: &State<F>, ahead: u64, rates: &Rates) -> Option<F> {
        let _ = (state, ahead, rates);
        None
    }

    /// What becomes of the weights that a sparse gradient does not touch.
    fn untouched(&self) -> Untouched {
        Untouched::Needed
    }

    /// [`Optimizer::step`] for a gradient that may be [sparse](Gradient::sparse): the cost is that of the values touched,
    /// unless the optimiser [needs](Untouched::Needed) them all.
    ///
    /// # Errors
    /// As [`Optimizer::step`].
    fn step_touched(
        &self,
        state: &mut State<F>,
        weights: &mut [F],
        gradient: &Gradient<F>,
        rates: Rates,
    ) -> Result<(), Error> {
        self.step(state, weights, gradient.as_slice(), rates)
    }

    /// Makes the steps that weights have missed, where the state [keeps count](State::catching_up): those that a sparse
    /// gradient touches, or all.
    ///
    /// # Errors
    /// As [`Optimizer::step`].
    fn catch_up(
        &self,
        state: &mut State<F>,
        weights: &mut [F],
        touched: Option<&Gradient<F>>,
    ) -> Result<(), Error> {
        let _ = (state, weights, touched);
        Ok(())
    }

    /// Whether the optimiser averages weights itself; a trainer then evaluates the average.
    fn averages(&self) -> bool {
        false
    }

    /// Writes the averaged weights, or the weights themselves where the optimiser does not average.
    ///
    /// # Errors
    /// As [`Optimizer::step`].
    fn average(&self, state: &State<F>, weights: &[F], average: &mut [F]) -> Result<(), Error> {
        state.check_average(self.name(), weights.len(), average.len())?;
        average.copy_from_slice(weights);
        Ok(())
    }
}

/// An optimiser chosen at run time is one. Spelt out for both scalars: generic code would overlap, for the compiler, with
/// that for every [`Rule`].
macro_rules! boxed {
    ($($scalar:ty),*) => {
        $(
        impl Optimizer<$scalar> for Box<dyn Optimizer<$scalar> + '_> {
            fn name(&self) -> &'static str {
                (**self).name()
            }

            fn kind(&self) -> String {
                (**self).kind()
            }

            fn buffers(&self) -> Vec<Buffer> {
                (**self).buffers()
            }

            fn tensor_buffers(&self, shape: &[usize]) -> Option<Vec<TensorBuffer>> {
                (**self).tensor_buffers(shape)
            }

            fn default_rate(&self) -> f64 {
                (**self).default_rate()
            }

            fn batch(&self) -> Option<BatchSize> {
                (**self).batch()
            }

            fn reads(&self, hyperparameter: Hyperparameter) -> bool {
                (**self).reads(hyperparameter)
            }

            fn validate(&self) -> Result<(), Error> {
                (**self).validate()
            }

            fn step(&self, state: &mut State<$scalar>, weights: &mut [$scalar], gradient: &[$scalar], rates: Rates) -> Result<(), Error> {
                (**self).step(state, weights, gradient, rates)
            }

            fn step_pairs(&self, state: &mut State<$scalar>, pairs: &mut [Pair<'_, $scalar>], rates: Rates) -> Result<(), Error> {
                (**self).step_pairs(state, pairs, rates)
            }

            fn descent_rate(&self, state: &State<$scalar>, ahead: u64, rates: &Rates) -> Option<$scalar> {
                (**self).descent_rate(state, ahead, rates)
            }

            fn untouched(&self) -> Untouched {
                (**self).untouched()
            }

            fn step_touched(&self, state: &mut State<$scalar>, weights: &mut [$scalar], gradient: &Gradient<$scalar>, rates: Rates) -> Result<(), Error> {
                (**self).step_touched(state, weights, gradient, rates)
            }

            fn catch_up(&self, state: &mut State<$scalar>, weights: &mut [$scalar], touched: Option<&Gradient<$scalar>>) -> Result<(), Error> {
                (**self).catch_up(state, weights, touched)
            }

            fn averages(&self) -> bool {
                (**self).averages()
            }

            fn average(&self, state: &State<$scalar>, weights: &[$scalar], average: &mut [$scalar]) -> Result<(), Error> {
                (**self).average(state, weights, average)
            }
        }
        )*
    };
}

boxed!(f32, f64);

/// −1, 0 or 1; a NaN stays one.
#[inline(always)]
fn sign<F: Scalar>(x: F) -> F {
    let positive = if x > F::zero() { F::one() } else { x };
    if x < F::zero() { -F::one() } else { positive }
}

/// Between two bounds; a NaN stays one, so that it is noticed.
#[inline(always)]
pub(crate) fn clamp<F: Scalar>(x: F, low: F, high: F) -> F {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// An ε that divides: never 0 in `F`, so that 0 / (√0 + ε) is 0 and not NaN, also where a small `f64` vanishes in `f32`.
fn positive_epsilon<F: Scalar>(epsilon: f64) -> F {
    F::of(epsilon).max(F::min_positive_value())
}
