//! Lookahead: slow weights that follow the fast ones.

use super::{Buffer, Hyperparameter, Memory, Moment, Rule};
use crate::{Error, Scalar, data::BatchSize, error::check};

/// Lookahead around a rule: k steps forward, one step back.
///
/// After every k-th step of the rule the slow weights φ follow the fast ones, and the fast ones start again from there:
/// `φ ← φ + α (w − φ)`, `w ← φ`. φ starts where `w` starts. Done in the rule's own pass over memory, with one number more
/// a weight.
///
/// | setting | default | range |
/// |---|---|---|
/// | `every` k | 6 | ≥ 1 |
/// | `share` α | 0.5 | (0, 1] |
///
/// Made by [`RuleExt::lookahead`](super::RuleExt::lookahead). `optax.lookahead` with `reset_state=False`.
///
/// ```
/// use downhill::{Function, Trainer, optim::{Adam, RuleExt}};
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let run = Trainer::new(Adam::new().lookahead().every(5)).learning_rate(0.1).steps(500).minimize(square)?;
/// assert!(run.params.norm() < 1e-3);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: M. Zhang et al., *Lookahead Optimizer: k steps forward, 1 step back*, arXiv 1907.08610 (2019).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Lookahead<R> {
    rule: R,
    every: u64,
    share: f64,
}

impl<R> Lookahead<R> {
    pub(super) fn new(rule: R) -> Self {
        Self {
            rule,
            every: 6,
            share: 0.5,
        }
    }

    /// Sets k, how many steps the rule makes before the slow weights follow. Default: 6.
    pub fn every(mut self, steps: u64) -> Self {
        self.every = steps;
        self
    }

    /// Sets α, how far they follow. Default: 0.5.
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }
}

#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Coefficients<F, C> {
    first: bool,
    follow: bool,
    share: F,
    inner: C,
}

impl<F: Scalar, R: Rule<F>> Rule<F> for Lookahead<R> {
    type Slots = ([F; 1], R::Slots);
    type Coefficients = Coefficients<F, R::Coefficients>;
    const FROM_FIRST: bool = true;

    fn name(&self) -> &'static str {
        "lookahead"
    }

    fn kind(&self) -> String {
        format!("lookahead around {}", self.rule.kind())
    }

    fn default_rate(&self) -> f64 {
        self.rule.default_rate()
    }

    fn buffers(&self) -> Vec<Buffer> {
        let mut buffers = vec![Buffer::zeros("slow_weights")];
        buffers.extend(self.rule.buffers());
        buffers
    }

    fn batch(&self) -> Option<BatchSize> {
        self.rule.batch()
    }

    fn reads(&self, hyperparameter: Hyperparameter) -> bool {
        self.rule.reads(hyperparameter)
    }

    fn remember(&self, now: Moment) -> Memory {
        self.rule.remember(now)
    }

    fn averages(&self) -> bool {
        self.rule.averages()
    }

    fn average(&self, weight: F, slots: &Self::Slots) -> F {
        self.rule.average(weight, &slots.1)
    }

    fn validate(&self) -> Result<(), Error> {
        check::require(self.every > 0, "every of Lookahead", 0, "at least 1")?;
        let legal = self.share > 0.0 && self.share <= 1.0;
        check::require(legal, "share of Lookahead", self.share, "above 0 and at most 1")?;
        self.rule.validate()
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        Coefficients {
            first: now.step == 1,
            follow: now.step.is_multiple_of(self.every.max(1)),
            share: F::of(self.share),
            inner: self.rule.coefficients(now),
        }
    }

    #[inline(always)]
    fn update(c: &Self::Coefficients, weight: &mut F, gradient: F, (slow, slots): &mut Self::Slots) {
        let start = if c.first { *weight } else { slow[0] };
        R::update(&c.inner, weight, gradient, slots);
        let followed = start + c.share * (*weight - start);
        slow[0] = if c.follow { followed } else { start };
        *weight = if c.follow { followed } else { *weight };
    }
}
