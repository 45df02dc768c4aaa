//! NAdam: Adam that looks ahead.

use super::{
    Memory, Moment, MovingAverage, Rule, positive_epsilon,
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
    /// ```
    /// use downhill::{Function, Trainer, optim::NAdam};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(NAdam::new()).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: T. Dozat, *Incorporating Nesterov Momentum into Adam* (2016).
    pub struct NAdam {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
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

    fn momentum_at(&self, step: u64) -> f64 {
        match self.convention {
            Convention::Optax => self.beta1,
            _ => self.beta1 * (1.0 - 0.5 * 0.96_f64.powf(step as f64 * self.momentum_decay)),
        }
    }
}

impl<F: Scalar> Rule<F> for NAdam {
    type Slots = [F; 2];
    /// The averages; the rates of the gradient and of the moment, the correction, both ε.
    type Coefficients = ([MovingAverage<F>; 2], [F; 5]);
    described!("nadam", 2e-3, ["first_moment", "second_moment"]);

    /// The product of all momenta so far.
    fn remember(&self, now: Moment) -> Memory {
        let before = if now.step == 1 { 1.0 } else { now.memory[0] };
        [before * self.in_force(&now).momentum_at(now.step), 0.0, 0.0, 0.0]
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let rule = self.in_force(&now);
        let [here, next] = [now.step, now.step + 1].map(|step| rule.momentum_at(step));
        // 1 − the product of the momenta to this step, and to the next: a power where they are all alike.
        let (rest, rest_of_next) = match self.convention {
            Convention::Optax => (now.correction(rule.beta1), now.next().correction(rule.beta1)),
            _ => (1.0 - now.memory[0], 1.0 - now.memory[0] * next),
        };
        let gradient_rate = now.learning_rate * (1.0 - here) / rest;
        let moment_rate = now.learning_rate * next / rest_of_next;
        let correction = 1.0 / now.correction(rule.beta2);
        let [gradient_rate, moment_rate, correction, root] =
            [gradient_rate, moment_rate, correction, self.epsilon_root].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        (
            [rule.beta1, rule.beta2].map(MovingAverage::new),
            [gradient_rate, moment_rate, correction, root, epsilon],
        )
    }

    #[inline(always)]
    fn update((means, c): &Self::Coefficients, weight: &mut F, gradient: F, [first, second]: &mut [F; 2]) {
        let &[gradient_rate, moment_rate, correction, root, epsilon] = c;
        means[0].add(first, gradient);
        means[1].add(second, gradient * gradient);
        let divisor = (*second * correction + root).sqrt() + epsilon;
        *weight -= (gradient_rate * gradient + moment_rate * *first) / divisor;
    }
}
