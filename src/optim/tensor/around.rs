//! Rules around tensor rules: what [`RuleExt`](crate::optim::RuleExt) does, for those that work tensor by tensor.

use super::{Tensor, TensorBuffer, TensorRule};
use crate::{
    Error, Scalar,
    error::check,
    optim::{Hyperparameter, Memory, Moment},
    tensor_optimizer,
};

/// What can be put around any [`TensorRule`]. Coupled decay, clipping by value and climbing are transforms of the gradient:
/// [`transform`](crate::transform).
pub trait TensorRuleExt: Sized {
    /// Lets slow weights follow the rule's, as [`Lookahead`](crate::optim::Lookahead) does around an element-wise one:
    /// after every k-th step `φ ← φ + α (w − φ)`, `w ← φ`.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::{Lamb, TensorRuleExt}};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Lamb::new().lookahead().every(5)).learning_rate(0.1).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 0.1);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    fn lookahead(self) -> TensorLookahead<Self> {
        TensorLookahead {
            rule: self,
            every: 6,
            share: 0.5,
        }
    }

    /// Decoupled weight decay: `w ← w (1 − η λ)` before the rule moves `w`, λ ≥ 0; for rules that have none of their own.
    fn decoupled_weight_decay(self, decay: f64) -> TensorDecay<Self> {
        TensorDecay { rule: self, decay }
    }
}

impl<R: TensorRule<f32> + TensorRule<f64>> TensorRuleExt for R {}

/// Lookahead around a tensor rule; see [`TensorRuleExt::lookahead`].
///
/// Source: M. Zhang et al., *Lookahead Optimizer: k steps forward, 1 step back*, arXiv 1907.08610 (2019).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct TensorLookahead<R> {
    rule: R,
    every: u64,
    share: f64,
}

impl<R> TensorLookahead<R> {
    /// Sets k, how many steps the rule makes before the slow weights follow, at least 1. Default: 6.
    pub fn every(mut self, steps: u64) -> Self {
        self.every = steps;
        self
    }

    /// Sets α, how far they follow, above 0 and at most 1. Default: 0.5.
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }
}

/// A tensor rule with decoupled weight decay; see [`TensorRuleExt::decoupled_weight_decay`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct TensorDecay<R> {
    rule: R,
    decay: f64,
}

tensor_optimizer!(TensorLookahead<R>, f32, R: TensorRule<f32>);
tensor_optimizer!(TensorLookahead<R>, f64, R: TensorRule<f64>);
tensor_optimizer!(TensorDecay<R>, f32, R: TensorRule<f32>);
tensor_optimizer!(TensorDecay<R>, f64, R: TensorRule<f64>);

impl<F: Scalar, R: TensorRule<F>> TensorRule<F> for TensorLookahead<R> {
    fn name(&self) -> &'static str {
        "lookahead"
    }

    fn kind(&self) -> String {
        format!("lookahead around {}", self.rule.kind())
    }

    fn default_rate(&self) -> f64 {
        self.rule.default_rate()
    }

    fn validate(&self) -> Result<(), Error> {
        check::require(self.every > 0, "every of Lookahead", 0, "at least 1")?;
        let legal = self.share > 0.0 && self.share <= 1.0;
        check::require(legal, "share of Lookahead", self.share, "above 0 and at most 1")?;
        self.rule.validate()
    }

    fn reads(&self, hyperparameter: Hyperparameter) -> bool {
        self.rule.reads(hyperparameter)
    }

    /// Those of the rule, and last the slow weights.
    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        let mut buffers = self.rule.buffers(shape);
        buffers.push(TensorBuffer::zeros("slow_weights", shape.iter().product()));
        buffers
    }

    fn surveys(&self) -> bool {
        self.rule.surveys()
    }

    #[inline(always)]
    fn survey(&self, now: Moment, mut tensor: Tensor<'_, F>) -> [f64; 2] {
        match tensor.without_last() {
            Some((inner, _)) => self.rule.survey(now, inner),
            None => [0.0; 2],
        }
    }

    fn remember(&self, now: Moment, sums: [f64; 2]) -> Memory {
        self.rule.remember(now, sums)
    }

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let Some((inner, slow)) = tensor.without_last() else {
            return;
        };
        if now.step == 1 {
            slow.copy_from_slice(inner.weights);
        }
        self.rule.update(now, inner);
        if !now.step.is_multiple_of(self.every.max(1)) {
            return;
        }
        let share = F::of(self.share);
        if let Some((inner, slow)) = tensor.without_last() {
            for (weight, slow) in inner.weights.iter_mut().zip(slow) {
                *slow += share * (*weight - *slow);
                *weight = *slow;
            }
        }
    }
}

impl<F: Scalar, R: TensorRule<F>> TensorRule<F> for TensorDecay<R> {
    fn name(&self) -> &'static str {
        self.rule.name()
    }

    fn kind(&self) -> String {
        self.rule.kind()
    }

    fn default_rate(&self) -> f64 {
        self.rule.default_rate()
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("weight_decay", self.decay)?;
        self.rule.validate()
    }

    fn reads(&self, hyperparameter: Hyperparameter) -> bool {
        hyperparameter == Hyperparameter::WeightDecay || self.rule.reads(hyperparameter)
    }

    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        self.rule.buffers(shape)
    }

    fn surveys(&self) -> bool {
        self.rule.surveys()
    }

    #[inline(always)]
    fn survey(&self, now: Moment, tensor: Tensor<'_, F>) -> [f64; 2] {
        self.rule.survey(now, tensor)
    }

    fn remember(&self, now: Moment, sums: [f64; 2]) -> Memory {
        self.rule.remember(now, sums)
    }

    #[inline(always)]
    fn update(&self, now: Moment, tensor: Tensor<'_, F>) {
        let kept = F::of(1.0 - now.learning_rate * now.weight_decay(self.decay));
        tensor.weights.iter_mut().for_each(|weight| *weight *= kept);
        self.rule.update(now, tensor);
    }
}
