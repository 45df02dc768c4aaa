//! Rules around rules: composed at the level of one weight, so that no further pass over memory is made.

use super::{Buffer, Lookahead, Moment, Rule};
use crate::{Error, Scalar, data::BatchSize, error::check};

/// What can be put around any [`Rule`].
pub trait RuleExt: Sized {
    /// Coupled weight decay (an L2 penalty `λ/2 ‖w‖²`): `g ← g + λ w` before the rule sees `g`.
    /// PyTorch's `weight_decay` in SGD, Adagrad, RMSprop and Adam. λ ≥ 0.
    fn weight_decay(self, decay: f64) -> WeightDecay<Self> {
        WeightDecay { rule: self, decay }
    }

    /// Decoupled weight decay: `w ← w (1 − η λ)` before the rule moves `w`. PyTorch's AdamW. λ ≥ 0.
    fn decoupled_weight_decay(self, decay: f64) -> DecoupledWeightDecay<Self> {
        DecoupledWeightDecay { rule: self, decay }
    }

    /// Lets slow weights follow the rule's: [`Lookahead`].
    fn lookahead(self) -> Lookahead<Self> {
        Lookahead::new(self)
    }

    /// Climbs instead of descending: `g ← −g` before the rule sees `g`. As in PyTorch, a weight decay around which this
    /// is put still pulls towards zero: `Adam::new().weight_decay(0.1).maximize()`.
    fn maximize(self) -> Maximize<Self> {
        Maximize { rule: self }
    }
}

impl<R: Rule<f32> + Rule<f64>> RuleExt for R {}

/// A rule with coupled weight decay; see [`RuleExt::weight_decay`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct WeightDecay<R> {
    rule: R,
    decay: f64,
}

/// A rule with decoupled weight decay; see [`RuleExt::decoupled_weight_decay`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct DecoupledWeightDecay<R> {
    rule: R,
    decay: f64,
}

/// A rule that climbs; see [`RuleExt::maximize`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Maximize<R> {
    rule: R,
}

/// A rule around `self.rule` keeps its name, rate, memory and batch.
macro_rules! delegate {
    () => {
        fn name(&self) -> &'static str {
            self.rule.name()
        }

        fn default_rate(&self) -> f64 {
            self.rule.default_rate()
        }

        fn buffers(&self) -> Vec<Buffer> {
            self.rule.buffers()
        }

        fn batch(&self) -> Option<BatchSize> {
            self.rule.batch()
        }
    };
}

impl<F: Scalar, R: Rule<F>> Rule<F> for WeightDecay<R> {
    type Slots = R::Slots;
    type Coefficients = (F, R::Coefficients);
    delegate!();

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("weight_decay", self.decay)?;
        self.rule.validate()
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let decay = now.weight_decay.unwrap_or(self.decay) * now.decay_factor;
        (F::of(decay), self.rule.coefficients(now))
    }

    #[inline(always)]
    fn update((decay, inner): &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut R::Slots) {
        R::update(inner, weight, gradient + *decay * *weight, slots);
    }
}

impl<F: Scalar, R: Rule<F>> Rule<F> for DecoupledWeightDecay<R> {
    type Slots = R::Slots;
    type Coefficients = (F, R::Coefficients);
    delegate!();

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("weight_decay", self.decay)?;
        self.rule.validate()
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let decay = now.weight_decay.unwrap_or(self.decay) * now.decay_factor;
        let kept = 1.0 - now.learning_rate * decay;
        (F::of(kept), self.rule.coefficients(now))
    }

    #[inline(always)]
    fn update((kept, inner): &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut R::Slots) {
        *weight *= *kept;
        R::update(inner, weight, gradient, slots);
    }
}

impl<F: Scalar, R: Rule<F>> Rule<F> for Maximize<R> {
    type Slots = R::Slots;
    type Coefficients = R::Coefficients;
    delegate!();

    fn validate(&self) -> Result<(), Error> {
        self.rule.validate()
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        self.rule.coefficients(now)
    }

    #[inline(always)]
    fn update(inner: &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut R::Slots) {
        R::update(inner, weight, -gradient, slots);
    }
}
