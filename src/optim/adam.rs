//! Adam: momentum and RMSProp together, corrected for their start at zero.

use super::{
    Buffer, DecoupledWeightDecay, Missed, Moment, Off, On, Rule, RuleExt, Switch,
    missed::fade,
    positive_epsilon,
    settings::{Convention, described, settings},
};
use crate::Scalar;

settings! {
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
    pub struct Adam<amsgrad: Maximum> {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one;
        /// Sets ε, added to the corrected root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets what is added inside the root, as Optax can. Default: 0.
        epsilon_root = 0.0, non_negative;
    }
    with convention: Convention = Convention::Torch;
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

impl<M> Adam<M> {
    /// Divides by the largest second moment so far, so that no weight's rate ever grows again.
    pub fn amsgrad(self) -> Adam<On> {
        self.switch(On)
    }
}

impl<F: Scalar, M: Switch> Rule<F> for Adam<M> {
    type Slots = ([F; 2], M::Slot<F>);
    type Coefficients = [F; 9];
    described!(if M::ON { "adam-amsgrad" } else { "adam" }, 0.001);

    fn buffers(&self) -> Vec<Buffer> {
        let mut buffers = vec![Buffer::zeros("first_moment"), Buffer::zeros("second_moment")];
        buffers.extend(M::ON.then(|| Buffer::zeros("largest_second_moment")));
        buffers
    }

    fn coefficients(&self, now: Moment) -> [F; 9] {
        let beta1 = now.momentum.unwrap_or(self.beta1);
        let beta2 = now.beta2.unwrap_or(self.beta2);
        let correction = now.correction(beta2);
        // What multiplies the rate, the second moment before its maximum is taken (with AMSGrad only), and it under the root.
        let (rate, before, correction) = match self.convention {
            Convention::Keras => (correction.sqrt(), 1.0, 1.0),
            Convention::Optax if M::ON => (1.0, 1.0 / correction, 1.0),
            Convention::Torch | Convention::Optax => (1.0, 1.0, 1.0 / correction),
        };
        [
            F::of(rate * now.learning_rate / now.correction(beta1)),
            F::of(beta1),
            F::of(1.0 - beta1),
            F::of(beta2),
            F::of(1.0 - beta2),
            F::of(before),
            F::of(correction),
            F::of(self.epsilon_root),
            positive_epsilon(self.epsilon),
        ]
    }

    #[inline(always)]
    fn update(c: &[F; 9], weight: &mut F, gradient: F, ([first, second], largest): &mut Self::Slots) {
        let &[
            rate,
            beta1,
            rest1,
            beta2,
            rest2,
            before,
            correction,
            epsilon_root,
            epsilon,
        ] = c;
        *first = beta1 * *first + rest1 * gradient;
        *second = beta2 * *second + rest2 * (gradient * gradient);
        let mut root = *second;
        if let Some(largest) = M::slot(largest) {
            *largest = largest.max(before * *second);
            root = *largest;
        }
        *weight -= rate * (*first / ((root * correction + epsilon_root).sqrt() + epsilon));
    }

    /// The first moment fades faster than the root of the second, so that after some hundred steps the weight stands still. The
    /// moments fade in closed form.
    fn skip(missed: Missed<'_, [F; 9]>, weight: &mut F, slots: &mut Self::Slots) {
        let still = slots.0[0] == F::zero();
        let step = |c| Self::update(&c, weight, F::zero(), slots);
        let Some([_, beta1, _, beta2, ..]) = missed.steady() else {
            return missed.steps().for_each(step);
        };
        let rest = if still {
            missed.len() as i32
        } else {
            missed.while_moving(beta1 / beta2.sqrt(), step)
        };
        let ([first, second], _) = slots;
        fade(first, beta1, rest);
        fade(second, beta2, rest);
    }
}
