//! MADGRAD: dual averaging with momentum.

use super::{
    Moment, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// MADGRAD: momentumised, adaptive, dual-averaged gradients.
    ///
    /// With `k = (η + ε) √t` and w₀ the start: `G ← G + k g²`, `s ← s + k g`,
    /// `w ← β w + (1 − β) (w₀ − s / (∛G + ε))`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `momentum` β | 0.9 | [0, 1) |
    /// | `epsilon` ε | 1e-6 | ≥ 0 |
    /// | learning rate | 0.01 | ≥ 0 |
    ///
    /// Equal to `optax.contrib.madgrad`; its `weight_decay` is [`RuleExt::weight_decay`](super::RuleExt::weight_decay).
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Madgrad};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Madgrad::new()).learning_rate(0.1).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-2);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: A. Defazio and S. Jelassi, arXiv 2101.11075 (2021).
    pub struct Madgrad {
        /// Sets β, how much of the weight is kept at each step. Default: 0.9.
        momentum = 0.9, below_one, as momentum;
        /// Sets ε, added to the rate and to the root. Default: 1e-6.
        epsilon = 1e-6, non_negative;
    }
}

impl<F: Scalar> Rule<F> for Madgrad {
    type Slots = [F; 3];
    /// Whether this is the first step, and the numbers.
    type Coefficients = (bool, [F; 4]);
    const FROM_FIRST: bool = true;
    described!("madgrad", 0.01, ["start", "sum_of_squares", "sum"]);

    fn coefficients(&self, now: Moment) -> (bool, [F; 4]) {
        let Self { momentum, .. } = self.in_force(&now);
        let share = (now.learning_rate + self.epsilon) * (now.step as f64).sqrt();
        let [share, momentum, rest] = [share, momentum, 1.0 - momentum].map(F::of);
        (
            now.step == 1,
            [share, momentum, rest, positive_epsilon(self.epsilon)],
        )
    }

    #[inline(always)]
    fn update((first, c): &(bool, [F; 4]), weight: &mut F, gradient: F, [start, squares, sum]: &mut [F; 3]) {
        let &[share, momentum, rest, epsilon] = c;
        *start = if *first { *weight } else { *start };
        *squares += share * (gradient * gradient);
        *sum += share * gradient;
        *weight = momentum * *weight + rest * (*start - *sum / (squares.cbrt() + epsilon));
    }
}
