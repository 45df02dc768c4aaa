//! Adagrad: a rate of its own for every weight.

use super::{
    Moment, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// Adagrad: weights that have moved much move less; rare features keep a high rate.
    ///
    /// `s ← s + g²`, `w ← w − η / (1 + (t − 1) λ) · g / (√s + ε)` at step t.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `epsilon` ε | 1e-10 | ≥ 0 |
    /// | `rate_decay` λ | 0 | ≥ 0 |
    /// | `initial_accumulator` s₀ | 0 | ≥ 0 |
    /// | learning rate | 0.01 | ≥ 0 |
    ///
    /// Equal to `torch.optim.Adagrad(eps=ε, lr_decay=λ, initial_accumulator_value=s₀)`. [`Adagrad::keras`] and
    /// [`Adagrad::optax`] start s at 0.1 and put ε inside the root; Keras's learning rate is 0.001. Where s and ε are both 0
    /// the weight stays.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Adagrad};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Adagrad::new()).learning_rate(0.5).steps(200).minimize(square)?;
    /// assert!(run.params.norm() < 1e-6);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: J. Duchi, E. Hazan and Y. Singer, *Adaptive Subgradient Methods* (JMLR 2011).
    pub struct Adagrad {
        /// Sets ε, added to the root. Default: 1e-10.
        epsilon = 1e-10, non_negative;
        /// Divides the learning rate by `1 + (t − 1) rate_decay`. Default: 0.
        rate_decay = 0.0, non_negative;
        /// Where the sum of squares starts. Default: 0.
        initial_accumulator = 0.0, non_negative;
    }
    with epsilon_inside: bool = false;
    with default_rate: f64 = 0.01;
}

impl Adagrad {
    /// As Keras has it: `w ← w − η g / √(s + ε)`, ε 1e-7, s from 0.1, η 0.001 where none is given.
    pub fn keras() -> Self {
        Self {
            default_rate: 1e-3,
            ..Self::optax()
        }
    }

    /// As Optax has it: the formula and numbers of Keras, without a learning rate of its own.
    pub fn optax() -> Self {
        Self {
            epsilon_inside: true,
            ..Self::new().epsilon(1e-7).initial_accumulator(0.1)
        }
    }
}

impl<F: Scalar> Rule<F> for Adagrad {
    type Slots = [F; 1];
    /// The rate, and ε inside the root and outside.
    type Coefficients = [F; 3];
    const RESTS: bool = true;

    described!("adagrad", self.default_rate, ["sum_of_squares" from initial_accumulator]);

    fn coefficients(&self, now: Moment) -> [F; 3] {
        let rate = now.learning_rate / (1.0 + (now.step - 1) as f64 * self.rate_decay);
        let inner = if self.epsilon_inside { self.epsilon } else { 0.0 };
        [F::of(rate), F::of(inner), positive_epsilon(self.epsilon - inner)]
    }

    #[inline(always)]
    fn update(&[rate, inner, epsilon]: &[F; 3], weight: &mut F, gradient: F, [sum]: &mut [F; 1]) {
        *sum += gradient * gradient;
        *weight -= rate * (gradient / ((*sum + inner).sqrt() + epsilon));
    }
}
