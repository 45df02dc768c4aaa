//! NAdam: Adam that looks ahead.

use super::{
    Memory, Moment, Rule, positive_epsilon,
    settings::{Convention, described, settings},
};
use crate::Scalar;

settings! {
    /// NAdam: Adam with Nesterov's momentum, which warms up.
    ///
    /// `μₜ = β₁ (1 − ½ · 0.96^(t ψ))`, `Pₜ = μ₁ ⋯ μₜ`, both moments as in [`Adam`](super::Adam),
    /// `w ← w − η [(1 − μₜ)/(1 − Pₜ) g + μₜ₊₁/(1 − Pₜ μₜ₊₁) m] / (√(v / (1 − β₂ᵗ) + ε_root) + ε)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | `epsilon_root` | 0 | ≥ 0 |
    /// | `momentum_decay` ψ | 0.004 | ≥ 0 |
    /// | learning rate | 0.002 | ≥ 0 |
    ///
    /// Equal to `torch.optim.NAdam`; its `decoupled_weight_decay` is
    /// [`RuleExt::decoupled_weight_decay`](super::RuleExt::decoupled_weight_decay). [`NAdam::optax`] keeps μ at β₁.
    ///
    /// Source: T. Dozat, *Incorporating Nesterov Momentum into Adam* (2016).
    pub struct NAdam {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one;
        /// Sets ε, added to the corrected root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets what is added inside the root, as Optax can. Default: 0.
        epsilon_root = 0.0, non_negative;
        /// Sets ψ, how fast the momentum comes to its full size. Default: 0.004.
        momentum_decay = 4e-3, non_negative;
    }
    with convention: Convention = Convention::Torch;
}

impl NAdam {
    /// As Optax has it: the momentum has its full size from the first step, whatever ψ.
    pub fn optax() -> Self {
        Self {
            convention: Convention::Optax,
            ..Self::new()
        }
    }

    fn momentum_at(&self, beta1: f64, step: u64) -> f64 {
        match self.convention {
            Convention::Optax => beta1,
            _ => beta1 * (1.0 - 0.5 * 0.96_f64.powf(step as f64 * self.momentum_decay)),
        }
    }
}

impl<F: Scalar> Rule<F> for NAdam {
    type Slots = [F; 2];
    type Coefficients = [F; 9];
    described!("nadam", 2e-3, ["first_moment" = 0.0, "second_moment" = 0.0]);

    /// The product of all momenta so far.
    fn remember(&self, now: Moment) -> Memory {
        let before = if now.step == 1 { 1.0 } else { now.memory[0] };
        let beta1 = now.momentum.unwrap_or(self.beta1);
        [before * self.momentum_at(beta1, now.step), 0.0, 0.0, 0.0]
    }

    fn coefficients(&self, now: Moment) -> [F; 9] {
        let beta1 = now.momentum.unwrap_or(self.beta1);
        let beta2 = now.beta2.unwrap_or(self.beta2);
        let (here, next) = (
            self.momentum_at(beta1, now.step),
            self.momentum_at(beta1, now.step + 1),
        );
        let following = Moment {
            step: now.step + 1,
            ..now
        };
        // 1 − the product of the momenta to this step, and to the next: a power where they are all alike.
        let (rest, rest_of_next) = match self.convention {
            Convention::Optax => (now.correction(beta1), following.correction(beta1)),
            _ => (1.0 - now.memory[0], 1.0 - now.memory[0] * next),
        };
        [
            F::of(now.learning_rate * (1.0 - here) / rest),
            F::of(now.learning_rate * next / rest_of_next),
            F::of(beta1),
            F::of(1.0 - beta1),
            F::of(beta2),
            F::of(1.0 - beta2),
            F::of(1.0 / now.correction(beta2)),
            F::of(self.epsilon_root),
            positive_epsilon(self.epsilon),
        ]
    }

    #[inline(always)]
    fn update(c: &[F; 9], weight: &mut F, gradient: F, [first, second]: &mut [F; 2]) {
        let &[
            gradient_rate,
            moment_rate,
            beta1,
            rest1,
            beta2,
            rest2,
            correction,
            epsilon_root,
            epsilon,
        ] = c;
        *first = beta1 * *first + rest1 * gradient;
        *second = beta2 * *second + rest2 * (gradient * gradient);
        let divisor = (*second * correction + epsilon_root).sqrt() + epsilon;
        *weight -= (gradient_rate * gradient + moment_rate * *first) / divisor;
    }
}
