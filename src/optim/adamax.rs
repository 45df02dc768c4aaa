//! Adamax: Adam with the largest gradient in place of the second moment.

use super::{
    Buffer, Moment, Rule, positive_epsilon,
    settings::{Convention, settings},
};
use crate::{Error, Scalar};

settings! {
    /// Adamax: Adam in the infinity norm.
    ///
    /// `m ← β₁ m + (1 − β₁) g`, `u ← max(β₂ u, |g| + ε)`, `w ← w − η / (1 − β₁ᵗ) · m / u`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | learning rate | 0.002 | ≥ 0 |
    ///
    /// Equal to `torch.optim.Adamax` and `optax.adamax`. [`Adamax::keras`] adds ε to the divisor, after the maximum, as
    /// ensmallen does too.
    ///
    /// Source: D. Kingma and J. Ba, arXiv 1412.6980 (2015), section 7.
    pub struct Adamax {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how slowly the largest gradient fades. Default: 0.999.
        beta2 = 0.999, below_one;
        /// Sets ε, added to each gradient's size. Default: 1e-8.
        epsilon = 1e-8, non_negative;
    }
    with convention: Convention = Convention::Torch;
}

impl Adamax {
    /// As Keras has it: `u ← max(β₂ u, |g|)`, `w ← w − η / (1 − β₁ᵗ) · m / (u + ε)`, ε 1e-7, η 0.001 where none is given.
    pub fn keras() -> Self {
        Self {
            convention: Convention::Keras,
            ..Self::new().epsilon(1e-7)
        }
    }
}

impl<F: Scalar> Rule<F> for Adamax {
    type Slots = [F; 2];
    type Coefficients = [F; 6];

    fn name(&self) -> &'static str {
        "adamax"
    }

    fn default_rate(&self) -> f64 {
        match self.convention {
            Convention::Keras => 1e-3,
            _ => 2e-3,
        }
    }

    fn buffers(&self) -> Vec<Buffer> {
        ["first_moment", "infinity_norm"].map(Buffer::zeros).to_vec()
    }

    fn validate(&self) -> Result<(), Error> {
        self.check()
    }

    fn coefficients(&self, now: Moment) -> [F; 6] {
        let beta1 = now.momentum.unwrap_or(self.beta1);
        let beta2 = now.beta2.unwrap_or(self.beta2);
        let epsilon: F = positive_epsilon(self.epsilon);
        let (inside, outside) = match self.convention {
            Convention::Keras => (F::zero(), epsilon),
            _ => (epsilon, F::zero()),
        };
        let rate = now.learning_rate / now.correction(beta1);
        [
            F::of(rate),
            F::of(beta1),
            F::of(1.0 - beta1),
            F::of(beta2),
            inside,
            outside,
        ]
    }

    #[inline(always)]
    fn update(
        &[rate, beta1, rest1, beta2, inside, outside]: &[F; 6],
        weight: &mut F,
        gradient: F,
        [first, norm]: &mut [F; 2],
    ) {
        *first = beta1 * *first + rest1 * gradient;
        *norm = (beta2 * *norm).max(gradient.abs() + inside);
        *weight -= rate * (*first / (*norm + outside));
    }
}
