//! Adamax: Adam with the largest gradient in place of the second moment.

use super::{
    Moment, MovingAverage, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

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
    /// ```
    /// use downhill::{Function, Trainer, optim::Adamax};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Adamax::new()).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: D. Kingma and J. Ba, arXiv 1412.6980 (2015), section 7.
    pub struct Adamax {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how slowly the largest gradient fades. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ε, added to each gradient's size. Default: 1e-8.
        epsilon = 1e-8, non_negative;
    }
    with epsilon_outside: bool = false;
    with default_rate: f64 = 2e-3;
}

impl Adamax {
    /// As Keras has it: `u ← max(β₂ u, |g|)`, `w ← w − η / (1 − β₁ᵗ) · m / (u + ε)`, ε 1e-7, η 0.001 where none is given.
    pub fn keras() -> Self {
        Self {
            epsilon_outside: true,
            default_rate: 1e-3,
            ..Self::new().epsilon(1e-7)
        }
    }
}

impl<F: Scalar> Rule<F> for Adamax {
    type Slots = [F; 2];
    /// The average; the rate, β₂, and ε within the maximum and outside.
    type Coefficients = (MovingAverage<F>, [F; 4]);
    described!("adamax", self.default_rate, ["first_moment", "infinity_norm"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta1, beta2, .. } = self.in_force(&now);
        let [rate, beta2] = [now.learning_rate / now.correction(beta1), beta2].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        let (inside, outside) = match self.epsilon_outside {
            true => (F::zero(), epsilon),
            false => (epsilon, F::zero()),
        };
        (MovingAverage::new(beta1), [rate, beta2, inside, outside])
    }

    #[inline(always)]
    fn update((mean, c): &Self::Coefficients, weight: &mut F, gradient: F, [first, norm]: &mut [F; 2]) {
        let &[rate, beta2, inside, outside] = c;
        mean.add(first, gradient);
        *norm = (beta2 * *norm).max(gradient.abs() + inside);
        *weight -= rate * (*first / (*norm + outside));
    }
}
