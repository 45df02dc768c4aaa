//! Adam: momentum and RMSProp together, corrected for their start at zero.

use super::{
    Buffer, DecoupledWeightDecay, Missed, Moment, Off, On, Rule, RuleExt, Switch, missed::fade,
    positive_epsilon, settings::Convention,
};
use crate::{Error, Scalar, error::check};

/// Adam: adaptive moment estimation.
///
/// `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
/// `w ← w − η / (1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ) + ε_root) + ε)` at step t.
/// AMSGrad: the largest `v` so far, uncorrected, in place of `v`.
///
/// | setting | default | range |
/// |---|---|---|
/// | `beta1` β₁ | 0.9 | [0, 1) |
/// | `beta2` β₂ | 0.999 | [0, 1) |
/// | `epsilon` ε | 1e-8 | ≥ 0 |
/// | `epsilon_root` | 0 | ≥ 0 |
/// | `amsgrad` | off | |
/// | learning rate | 0.001 | ≥ 0 |
///
/// Equal to `torch.optim.Adam`. [`Adam::keras`] adds ε before the correction, as ensmallen does too, which makes it larger in
/// early steps; with [`Adam::optax`] AMSGrad takes the maximum of the corrected moment. The bias corrections are computed in `f64`, once a step.
/// A schedule that cycles momentum cycles β₁.
///
/// ```
/// use downhill::{Function, Trainer, optim::Adam};
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let run = Trainer::new(Adam::new().beta2(0.99)).learning_rate(0.05).steps(500).minimize(square)?;
/// assert!(run.params.norm() < 1e-3);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: D. Kingma and J. Ba, arXiv 1412.6980 (2015); AMSGrad: S. Reddi, S. Kale and S. Kumar (ICLR 2018).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Adam<Maximum = Off> {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    epsilon_root: f64,
    convention: Convention,
    amsgrad: Maximum,
}

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

impl Adam {
    /// With the defaults of the table.
    pub fn new() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            epsilon_root: 0.0,
            convention: Convention::Torch,
            amsgrad: Off,
        }
    }

    /// As Keras has it: `w ← w − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)`, ε 1e-7.
    pub fn keras() -> Self {
        Self {
            convention: Convention::Keras,
            ..Self::new().epsilon(1e-7)
        }
    }

    /// As Optax has it: AMSGrad takes the maximum of the corrected second moment.
    pub fn optax() -> Self {
        Self {
            convention: Convention::Optax,
            ..Self::new()
        }
    }
}

impl Default for Adam {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Adam<M> {
    /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
    pub fn beta1(mut self, beta1: f64) -> Self {
        self.beta1 = beta1;
        self
    }

    /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
    pub fn beta2(mut self, beta2: f64) -> Self {
        self.beta2 = beta2;
        self
    }

    /// Sets ε, added to the corrected root. Default: 1e-8.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Sets what is added inside the root, as Optax can. Default: 0.
    pub fn epsilon_root(mut self, epsilon: f64) -> Self {
        self.epsilon_root = epsilon;
        self
    }

    /// Divides by the largest second moment so far, so that no weight's rate ever grows again.
    pub fn amsgrad(self) -> Adam<On> {
        Adam {
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            epsilon_root: self.epsilon_root,
            convention: self.convention,
            amsgrad: On,
        }
    }
}

#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Coefficients<F> {
    rate: F,
    beta1: F,
    rest1: F,
    beta2: F,
    rest2: F,
    /// Multiplies the second moment before its maximum is taken; with AMSGrad only.
    before: F,
    /// Multiplies it under the root.
    correction: F,
    epsilon_root: F,
    epsilon: F,
}

impl<F: Scalar, M: Switch> Rule<F> for Adam<M> {
    type Slots = ([F; 2], M::Slot<F>);
    type Coefficients = Coefficients<F>;

    fn name(&self) -> &'static str {
        if M::ON { "adam-amsgrad" } else { "adam" }
    }

    fn default_rate(&self) -> f64 {
        0.001
    }

    fn buffers(&self) -> Vec<Buffer> {
        let mut buffers = vec![Buffer::zeros("first_moment"), Buffer::zeros("second_moment")];
        buffers.extend(M::ON.then(|| Buffer::zeros("largest_second_moment")));
        buffers
    }

    fn validate(&self) -> Result<(), Error> {
        check::below_one("beta1", self.beta1)?;
        check::below_one("beta2", self.beta2)?;
        check::non_negative("epsilon", self.epsilon)?;
        check::non_negative("epsilon_root", self.epsilon_root)
    }

    fn coefficients(&self, now: Moment) -> Coefficients<F> {
        let beta1 = now.momentum.unwrap_or(self.beta1);
        let beta2 = now.beta2.unwrap_or(self.beta2);
        let correction = now.correction(beta2);
        let (rate, before, correction) = match self.convention {
            Convention::Keras => (correction.sqrt(), 1.0, 1.0),
            Convention::Optax if M::ON => (1.0, 1.0 / correction, 1.0),
            Convention::Torch | Convention::Optax => (1.0, 1.0, 1.0 / correction),
        };
        Coefficients {
            rate: F::of(rate * now.learning_rate / now.correction(beta1)),
            beta1: F::of(beta1),
            rest1: F::of(1.0 - beta1),
            beta2: F::of(beta2),
            rest2: F::of(1.0 - beta2),
            before: F::of(before),
            correction: F::of(correction),
            epsilon_root: F::of(self.epsilon_root),
            epsilon: positive_epsilon(self.epsilon),
        }
    }

    #[inline(always)]
    fn update(c: &Coefficients<F>, weight: &mut F, gradient: F, slots: &mut Self::Slots) {
        let ([first, second], largest) = slots;
        *first = c.beta1 * *first + c.rest1 * gradient;
        *second = c.beta2 * *second + c.rest2 * (gradient * gradient);
        let mut root = *second;
        if let Some(largest) = M::slot(largest) {
            *largest = largest.max(c.before * *second);
            root = *largest;
        }
        *weight -= c.rate * (*first / ((root * c.correction + c.epsilon_root).sqrt() + c.epsilon));
    }

    /// One step after the other for as long as the weight moves; the first moment fades faster than the root of the second,
    /// so that after some hundred steps what is left of the sum is below rounding. The moments fade in closed form.
    fn skip(missed: Missed<'_, Coefficients<F>>, weight: &mut F, slots: &mut Self::Slots) {
        let Some(steady) = missed.steady() else {
            missed
                .steps()
                .for_each(|c| Self::update(&c, weight, F::zero(), slots));
            return;
        };
        let mut moving = 0;
        if slots.0[0] != F::zero() {
            let shrinks = steady.beta1 / steady.beta2.sqrt();
            let negligible = F::epsilon() / F::of(1024.0);
            let mut share = F::one();
            for c in missed.steps() {
                Self::update(&c, weight, F::zero(), slots);
                moving += 1;
                share *= shrinks;
                if share < negligible {
                    break;
                }
            }
        }
        let rest = missed.after(moving).len() as i32;
        let ([first, second], _) = slots;
        fade(first, steady.beta1, rest);
        fade(second, steady.beta2, rest);
    }
}
