//! Transforms of each value by itself, for optimisers that are no [`Rule`](crate::optim::Rule): around those
//! [`RuleExt`](crate::optim::RuleExt) does the same without a pass over memory.

use super::GradientTransform;
use crate::{Error, Gradient, Params, Scalar, error::check, optim::clamp};

/// Clamps each value: `g ← max(−limit, min(g, limit))`, with a limit above 0. `torch.nn.utils.clip_grad_value_`.
///
/// ```
/// use downhill::{Function, Trainer, optim::Muon, transform::{ClipValue, WeightDecay}};
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let run = Trainer::new(Muon::new()).transform(WeightDecay(0.1)).transform(ClipValue(1.0)).steps(9).minimize(square)?;
/// assert!(run.params.norm() < 2.0);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClipValue(pub f64);

/// Climbs instead of descending: `g ← −g`. `maximize` of PyTorch's optimisers.
///
/// The loss that is reported, and which point is the best, are still those of the objective itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maximize;

/// Coupled weight decay (an L2 penalty `λ/2 ‖w‖²`): `g ← g + λ w`, λ ≥ 0. `optax.add_decayed_weights` before the rule.
///
/// The same for all weights: neither a group's factor of the decay nor [`Trainer::weight_decay`](crate::Trainer::weight_decay)
/// reaches it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightDecay(pub f64);

impl<F: Scalar> GradientTransform<F> for ClipValue {
    fn validate(&self) -> Result<(), Error> {
        check::positive("limit of ClipValue", self.0)
    }

    fn apply(&mut self, gradient: &mut Gradient<F>, _: &Params<F>, _: u64) {
        let limit = F::of(self.0);
        gradient
            .as_mut_slice()
            .iter_mut()
            .for_each(|g| *g = clamp(*g, -limit, limit));
    }
}

impl<F: Scalar> GradientTransform<F> for Maximize {
    fn apply(&mut self, gradient: &mut Gradient<F>, _: &Params<F>, _: u64) {
        gradient.as_mut_slice().iter_mut().for_each(|g| *g = -*g);
    }
}

impl<F: Scalar> GradientTransform<F> for WeightDecay {
    fn validate(&self) -> Result<(), Error> {
        check::non_negative("strength of WeightDecay", self.0)
    }

    fn apply(&mut self, gradient: &mut Gradient<F>, params: &Params<F>, _: u64) {
        let decay = F::of(self.0);
        gradient
            .as_mut_slice()
            .iter_mut()
            .zip(params.as_slice())
            .for_each(|(g, &w)| *g += decay * w);
    }
}
