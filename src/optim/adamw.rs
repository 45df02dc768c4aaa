//! AdamW: Adam and a decay that does not pass through it.

use super::{Adam, DecoupledWeightDecay, Off, On, RuleExt, Switch};

/// AdamW: [`Adam`] with decoupled weight decay, `w ← w (1 − η λ)` before the step; λ 0.01 by default.
///
/// `Adam::new().decoupled_weight_decay(0.01)` is the same. Equal to `torch.optim.AdamW`.
///
/// ```
/// use downhill::optim::{Adam, AdamW, RuleExt};
/// assert_eq!(AdamW::new().weight_decay(0.1).beta2(0.99), Adam::new().beta2(0.99).decoupled_weight_decay(0.1));
/// ```
///
/// Source: I. Loshchilov and F. Hutter, arXiv 1711.05101 (2019).
pub type AdamW<Maximum = Off> = DecoupledWeightDecay<Adam<Maximum>>;

impl AdamW {
    /// With the defaults of [`Adam`], and λ 0.01.
    pub fn new() -> Self {
        Adam::new().decoupled_weight_decay(0.01)
    }
}

impl Default for AdamW {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Switch> AdamW<M> {
    /// Sets λ, the decoupled decay, as `torch.optim.AdamW(weight_decay=λ)`. It takes the place of the one before.
    pub fn weight_decay(self, decay: f64) -> Self {
        Self { decay, ..self }
    }

    /// As [`Adam::beta1`]. Default: 0.9.
    pub fn beta1(self, beta1: f64) -> Self {
        self.with(|adam| adam.beta1(beta1))
    }

    /// As [`Adam::beta2`]. Default: 0.999.
    pub fn beta2(self, beta2: f64) -> Self {
        self.with(|adam| adam.beta2(beta2))
    }

    /// As [`Adam::epsilon`]. Default: 1e-8.
    pub fn epsilon(self, epsilon: f64) -> Self {
        self.with(|adam| adam.epsilon(epsilon))
    }

    /// As [`Adam::amsgrad`]. Default: off.
    pub fn amsgrad(self) -> AdamW<On> {
        self.with(Adam::amsgrad)
    }

    fn with<N>(self, change: impl FnOnce(Adam<M>) -> Adam<N>) -> AdamW<N> {
        DecoupledWeightDecay {
            rule: change(self.rule),
            decay: self.decay,
        }
    }
}
