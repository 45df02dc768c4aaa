//! AdamW: Adam and a decay that does not pass through it.

use super::{Adam, DecoupledWeightDecay, Off, RuleExt};

/// AdamW: [`Adam`] with decoupled weight decay, `w ← w (1 − η λ)` before the step.
///
/// `Adam::new().decoupled_weight_decay(0.01)` is one; `AdamW::default()` is the same. Equal to `torch.optim.AdamW`.
///
/// Source: I. Loshchilov and F. Hutter, arXiv 1711.05101 (2019).
pub type AdamW<Maximum = Off> = DecoupledWeightDecay<Adam<Maximum>>;

impl Default for AdamW {
    fn default() -> Self {
        Adam::new().decoupled_weight_decay(0.01)
    }
}
