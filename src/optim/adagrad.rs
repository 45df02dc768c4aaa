//! Adagrad: a rate of its own for every weight.

use super::{Buffer, Moment, Rule, positive_epsilon};
use crate::{Error, Scalar, error::check};

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
/// [`Adagrad::optax`] start s at 0.1 and put ε inside the root; Keras's learning rate is 0.001. Where s and ε are both 0 the weight stays.
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
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Adagrad {
    epsilon: f64,
    /// ε stands inside the root.
    inside: bool,
    rate_decay: f64,
    initial_accumulator: f64,
    default_rate: f64,
}

impl Adagrad {
    /// With the defaults of the table.
    pub fn new() -> Self {
        Self {
            epsilon: 1e-10,
            inside: false,
            rate_decay: 0.0,
            initial_accumulator: 0.0,
            default_rate: 0.01,
        }
    }

    /// As Keras has it: `w ← w − η g / √(s + ε)`, ε 1e-7, s from 0.1, η 0.001 where none is given.
    pub fn keras() -> Self {
        Self {
            inside: true,
            default_rate: 1e-3,
            ..Self::new().epsilon(1e-7).initial_accumulator(0.1)
        }
    }

    /// As Optax has it: the formula and numbers of Keras, without a learning rate of its own.
    pub fn optax() -> Self {
        Self {
            default_rate: 0.01,
            ..Self::keras()
        }
    }

    /// Sets ε, added to the root. Default: 1e-10.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Divides the learning rate by `1 + (t − 1) rate_decay`. Default: 0.
    pub fn rate_decay(mut self, rate_decay: f64) -> Self {
        self.rate_decay = rate_decay;
        self
    }

    /// Where the sum of squares starts. Default: 0.
    pub fn initial_accumulator(mut self, value: f64) -> Self {
        self.initial_accumulator = value;
        self
    }
}

impl Default for Adagrad {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Scalar> Rule<F> for Adagrad {
    type Slots = [F; 1];
    /// The rate, and ε inside the root and outside.
    type Coefficients = [F; 3];
    const RESTS: bool = true;

    fn name(&self) -> &'static str {
        "adagrad"
    }

    fn default_rate(&self) -> f64 {
        self.default_rate
    }

    fn buffers(&self) -> Vec<Buffer> {
        vec![Buffer {
            name: "sum_of_squares",
            initial: self.initial_accumulator,
        }]
    }

    fn validate(&self) -> Result<(), Error> {
        check::non_negative("epsilon", self.epsilon)?;
        check::non_negative("rate_decay", self.rate_decay)?;
        check::non_negative("initial_accumulator", self.initial_accumulator)
    }

    fn coefficients(&self, now: Moment) -> [F; 3] {
        let rate = now.learning_rate / (1.0 + (now.step - 1) as f64 * self.rate_decay);
        let inner = if self.inside { self.epsilon } else { 0.0 };
        [F::of(rate), F::of(inner), positive_epsilon(self.epsilon - inner)]
    }

    #[inline(always)]
    fn update(&[rate, inner, epsilon]: &[F; 3], weight: &mut F, gradient: F, [sum]: &mut [F; 1]) {
        *sum += gradient * gradient;
        *weight -= rate * (gradient / ((*sum + inner).sqrt() + epsilon));
    }
}
