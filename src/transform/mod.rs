//! What happens to a gradient between the backward pass and the update rule.
//!
//! | transform | what it does | cost |
//! |---|---|---|
//! | [`ClipNorm`] | scales all gradients together when their norm is too large | one read |
//! | [`ClipTensorNorm`] | the same for each tensor by itself | one pass |
//! | [`AdaptiveClip`] | limits the gradient of each unit by the size of its weights | one pass |
//! | [`Centralize`] | makes the gradient of each unit's weights sum to zero | one pass |
//! | [`Noise`] | adds Gaussian noise that fades | one pass |
//! | [`ClipValue`] | limits each value | one pass |
//! | [`Maximize`] | turns the gradient round | one pass |
//! | [`WeightDecay`] | adds a share of the weights | one pass |
//!
//! [`Trainer::transform`](crate::Trainer::transform) applies them in the order in which they are given, and
//! [`Trainer::clip_norm`](crate::Trainer::clip_norm) last. The last three are matters of one weight: around a
//! [`Rule`](crate::optim::Rule) they cost nothing, by [`RuleExt`](crate::optim::RuleExt).

mod clip;
mod noise;
mod unit;
mod value;

pub use clip::{ClipNorm, ClipTensorNorm, Norm};
pub use noise::Noise;
pub use unit::{AdaptiveClip, Centralize};
pub use value::{ClipValue, Maximize, WeightDecay};

use std::fmt::Debug;

use crate::{Error, Gradient, Memo, Params, Scalar, memo};

/// Changes the gradient of a step.
///
/// ```
/// use downhill::{Function, Gradient, Params, Scalar, Trainer, optim::GradientDescent, transform::GradientTransform};
///
/// /// Keeps the direction of the gradient only.
/// #[derive(Debug)]
/// struct Normalize;
///
/// impl<F: Scalar> GradientTransform<F> for Normalize {
///     fn apply(&mut self, gradient: &mut Gradient<F>, _: &Params<F>, _: u64) {
///         let scale = F::of(1.0 / gradient.norm().max(1e-12));
///         gradient.as_mut_slice().iter_mut().for_each(|g| *g *= scale);
///     }
/// }
///
/// let steep = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2e6 * w[0]; 1e6 * w[0] * w[0] });
/// let run = Trainer::new(GradientDescent).learning_rate(0.5).transform(Normalize).steps(4).minimize(steep)?;
/// assert_eq!(run.params.as_slice(), [0.0]);
/// # Ok::<(), downhill::Error>(())
/// ```
pub trait GradientTransform<F: Scalar>: Debug + Send {
    /// Whether every setting is legal. Called when a run is built.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the setting.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What kind it is, so that a checkpoint goes back to its own. Default: the name of the type, without its path.
    fn kind(&self) -> String {
        memo::kind::<Self>()
    }

    /// Hands over what it has learnt during the run, to be saved. Default: nothing.
    fn save(&self, memo: &mut Memo) {
        let _ = memo;
    }

    /// Takes back what [`GradientTransform::save`] handed over.
    ///
    /// # Errors
    /// [`Error::Malformed`] if something is missing.
    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        let _ = memo;
        Ok(())
    }

    /// Changes the gradient of a step, counted from 1, at these parameters.
    fn apply(&mut self, gradient: &mut Gradient<F>, params: &Params<F>, step: u64);
}
