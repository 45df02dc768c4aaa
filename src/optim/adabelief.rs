//! AdaBelief: large steps where the gradient is as foreseen.

use super::{
    Moment, MovingAverage, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// AdaBelief: Adam that divides by how far gradients are from their average.
    ///
    /// `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) (g − m)² + ε_root`,
    /// `w ← w − η m̂ / (√(v / (1 − β₂ᵗ)) + ε)` with `m̂ = m / (1 − β₁ᵗ)`; Nesterov:
    /// `m̂ = β₁ m / (1 − β₁ᵗ⁺¹) + (1 − β₁) g / (1 − β₁ᵗ)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-16 | ≥ 0 |
    /// | `epsilon_root` | 1e-16 | ≥ 0 |
    /// | `nesterov` | off | |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::AdaBelief};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(AdaBelief::new().beta2(0.99)).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.adabelief`. Source: J. Zhuang et al., arXiv 2010.07468 (2020).
    pub struct AdaBelief {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the variance is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ε, added to the corrected root. Default: 1e-16.
        epsilon = 1e-16, non_negative;
        /// Sets what is added to the variance at each step. Default: 1e-16.
        epsilon_root = 1e-16, non_negative;
    }
    options {
        /// Looks ahead along the first moment before it moves.
        nesterov;
    }
}

impl<F: Scalar> Rule<F> for AdaBelief {
    type Slots = [F; 2];
    /// The averages; the rates of the moment and of the gradient, and what stands in the divisor.
    type Coefficients = ([MovingAverage<F>; 2], [F; 5]);
    described!("adabelief", 1e-3, ["first_moment", "variance"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta1, beta2, .. } = self.in_force(&now);
        let plain = now.learning_rate / now.correction(beta1);
        let (moment_rate, gradient_rate) = if self.nesterov {
            let ahead = now.learning_rate * beta1 / now.next().correction(beta1);
            (ahead, plain * (1.0 - beta1))
        } else {
            (plain, 0.0)
        };
        let correction = 1.0 / now.correction(beta2).sqrt();
        let [moment_rate, gradient_rate, correction, root] =
            [moment_rate, gradient_rate, correction, self.epsilon_root].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        (
            [beta1, beta2].map(MovingAverage::new),
            [moment_rate, gradient_rate, correction, root, epsilon],
        )
    }

    #[inline(always)]
    fn update((means, c): &Self::Coefficients, weight: &mut F, gradient: F, [first, variance]: &mut [F; 2]) {
        let &[moment_rate, gradient_rate, correction, root, epsilon] = c;
        means[0].add(first, gradient);
        let surprise = gradient - *first;
        means[1].add(variance, surprise * surprise);
        *variance += root;
        let step = moment_rate * *first + gradient_rate * gradient;
        *weight -= step / (variance.sqrt() * correction + epsilon);
    }
}
