//! Rules around rules: composed at the level of one weight, so that no further pass over memory is made.

use super::{Buffer, Hyperparameter, Lookahead, Memory, Missed, Moment, Rule, clamp};
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

    /// Clamps each gradient: `g ← max(−limit, min(g, limit))` before the rule sees `g`. `torch.nn.utils.clip_grad_value_`.
    /// The limit is above 0. Put around a weight decay it leaves the decay unclipped.
    fn clip_value(self, limit: f64) -> ClipValue<Self> {
        ClipValue { rule: self, limit }
    }

    /// Keeps every weight between two bounds: `w ← max(low, min(w, high))` after the rule has moved `w`, and an average of
    /// the rule's too. `low ≤ high`; `bounded(0.0, f64::INFINITY)` keeps weights from being negative.
    fn bounded(self, low: f64, high: f64) -> Bounded<Self> {
        Bounded {
            rule: self,
            low,
            high,
        }
    }

    /// An L1 penalty `λ ‖w‖₁` by its proximal step: after the rule has moved `w`, it is moved towards 0 by `η λ`, and
    /// becomes 0 where it would pass it. λ ≥ 0. With an adaptive rule, η is still the one learning rate.
    fn l1(self, strength: f64) -> L1<Self> {
        L1 { rule: self, strength }
    }

    /// Climbs instead of descending: `g ← −g` before the rule sees `g`. As in PyTorch, a weight decay around which this
    /// is put still pulls towards zero: `Adam::new().weight_decay(0.1).maximize()`. The best point of a run stays that of the
    /// lowest loss, unless [`Trainer::best_by`](crate::Trainer::best_by) is given `Watch::highest("loss")`.
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
    pub(super) rule: R,
    pub(super) decay: f64,
}

/// A rule that climbs; see [`RuleExt::maximize`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Maximize<R> {
    rule: R,
}

/// A rule with clipped gradients; see [`RuleExt::clip_value`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct ClipValue<R> {
    rule: R,
    limit: f64,
}

/// A rule with bounded weights; see [`RuleExt::bounded`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Bounded<R> {
    rule: R,
    low: f64,
    high: f64,
}

/// A rule with an L1 penalty; see [`RuleExt::l1`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct L1<R> {
    rule: R,
    strength: f64,
}

/// A rule around `self.rule` keeps its name, rate, memory and batch; it may read a hyperparameter more.
macro_rules! delegate {
    (all but average $(, reads $reads:ident)?) => {
        const FROM_FIRST: bool = R::FROM_FIRST;

        fn name(&self) -> &'static str {
            self.rule.name()
        }

        fn kind(&self) -> String {
            self.rule.kind()
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

        fn reads(&self, hyperparameter: Hyperparameter) -> bool {
            $(hyperparameter == Hyperparameter::$reads ||)? self.rule.reads(hyperparameter)
        }

        fn remember(&self, now: Moment) -> Memory {
            self.rule.remember(now)
        }

        fn averages(&self) -> bool {
            self.rule.averages()
        }
    };
    ($(reads $reads:ident)?) => {
        delegate!(all but average $(, reads $reads)?);

        fn average(&self, weight: F, slots: &R::Slots) -> F {
            self.rule.average(weight, slots)
        }
    };
}

impl<F: Scalar, R: Rule<F>> Rule<F> for WeightDecay<R> {
    type Slots = R::Slots;
    type Coefficients = (F, R::Coefficients);
    delegate!(reads WeightDecay);

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("weight_decay", self.decay)?;
        self.rule.validate()
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let decay = now.weight_decay(self.decay);
        (F::of(decay), self.rule.coefficients(now))
    }

    #[inline(always)]
    fn update((decay, inner): &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut R::Slots) {
        R::update(inner, weight, gradient + *decay * *weight, slots);
    }

    /// Around plain descent a decay is a factor; one of 0 is none.
    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut R::Slots) {
        if missed.stretches().all(|((decay, _), _)| decay == F::zero()) {
            return missed.inner(|(_, inner)| inner, |missed| R::skip(missed, weight, slots));
        }
        let plain = missed
            .stretches()
            .next()
            .is_some_and(|((_, inner), _)| R::plain_rate(&inner).is_some());
        if !plain {
            missed
                .steps()
                .for_each(|c| Self::update(&c, weight, F::zero(), slots));
            return;
        }
        if *weight == F::zero() {
            return;
        }
        for ((decay, inner), times) in missed.stretches() {
            let rate = R::plain_rate(&inner).unwrap_or_else(F::zero);
            *weight *= (F::one() - rate * decay).powi(times);
        }
    }
}

impl<F: Scalar, R: Rule<F>> Rule<F> for DecoupledWeightDecay<R> {
    type Slots = R::Slots;
    type Coefficients = (F, R::Coefficients);
    delegate!(reads WeightDecay);

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("weight_decay", self.decay)?;
        self.rule.validate()
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let decay = now.weight_decay(self.decay);
        let kept = 1.0 - now.learning_rate * decay;
        (F::of(kept), self.rule.coefficients(now))
    }

    #[inline(always)]
    fn update((kept, inner): &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut R::Slots) {
        *weight *= *kept;
        R::update(inner, weight, gradient, slots);
    }

    /// Around a rule that rests a decay is a factor; one of 0 is none.
    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut R::Slots) {
        if missed.stretches().all(|((kept, _), _)| kept == F::one()) {
            missed.inner(|(_, inner)| inner, |missed| R::skip(missed, weight, slots));
        } else if R::RESTS {
            if *weight == F::zero() {
                return;
            }
            for ((kept, _), times) in missed.stretches() {
                *weight *= kept.powi(times);
            }
        } else {
            missed
                .steps()
                .for_each(|c| Self::update(&c, weight, F::zero(), slots));
        }
    }
}

impl<F: Scalar, R: Rule<F>> Rule<F> for Maximize<R> {
    type Slots = R::Slots;
    type Coefficients = R::Coefficients;
    const RESTS: bool = R::RESTS;
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

    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut R::Slots) {
        R::skip(missed, weight, slots);
    }
}

impl<F: Scalar, R: Rule<F>> Rule<F> for ClipValue<R> {
    type Slots = R::Slots;
    type Coefficients = (F, R::Coefficients);
    const RESTS: bool = R::RESTS;
    delegate!();

    fn validate(&self) -> Result<(), Error> {
        check::positive("limit of clip_value", self.limit)?;
        self.rule.validate()
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        (F::of(self.limit), self.rule.coefficients(now))
    }

    #[inline(always)]
    fn update((limit, inner): &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut R::Slots) {
        R::update(inner, weight, clamp(gradient, -*limit, *limit), slots);
    }

    /// Of zero nothing is clipped.
    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut R::Slots) {
        missed.inner(|(_, inner)| inner, |missed| R::skip(missed, weight, slots));
    }
}

impl<F: Scalar, R: Rule<F>> Rule<F> for Bounded<R> {
    type Slots = R::Slots;
    type Coefficients = ([F; 2], R::Coefficients);
    delegate!(all but average);

    fn average(&self, weight: F, slots: &R::Slots) -> F {
        let average = self.rule.average(weight, slots);
        clamp(average, F::of(self.low), F::of(self.high))
    }

    fn validate(&self) -> Result<(), Error> {
        check::require(
            self.low <= self.high,
            "low of bounded",
            self.low,
            &format!("at most high, {}", self.high),
        )?;
        self.rule.validate()
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        ([F::of(self.low), F::of(self.high)], self.rule.coefficients(now))
    }

    #[inline(always)]
    fn update(([low, high], inner): &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut R::Slots) {
        R::update(inner, weight, gradient, slots);
        *weight = clamp(*weight, *low, *high);
    }

    /// Around a rule that rests the bounds are met once.
    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut R::Slots) {
        if R::RESTS {
            for (([low, high], _), _) in missed.stretches() {
                *weight = clamp(*weight, low, high);
            }
        } else {
            missed
                .steps()
                .for_each(|c| Self::update(&c, weight, F::zero(), slots));
        }
    }
}

impl<F: Scalar, R: Rule<F>> Rule<F> for L1<R> {
    type Slots = R::Slots;
    type Coefficients = (F, R::Coefficients);
    delegate!();

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("strength of l1", self.strength)?;
        self.rule.validate()
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        (
            F::of(now.learning_rate * self.strength),
            self.rule.coefficients(now),
        )
    }

    #[inline(always)]
    fn update((threshold, inner): &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut R::Slots) {
        R::update(inner, weight, gradient, slots);
        *weight -= clamp(*weight, -*threshold, *threshold);
    }

    /// Around a rule that rests the shrinkages add up.
    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut R::Slots) {
        if R::RESTS {
            for ((threshold, _), times) in missed.stretches() {
                if *weight == F::zero() {
                    return;
                }
                let threshold = threshold * F::of(f64::from(times));
                *weight -= clamp(*weight, -threshold, threshold);
            }
        } else {
            missed
                .steps()
                .for_each(|c| Self::update(&c, weight, F::zero(), slots));
        }
    }
}
