//! ASGD: stochastic gradient descent, averaged.

use super::{
    Memory, Moment, Rule,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// Averaged stochastic gradient descent.
    ///
    /// At step t, counted from 1: `ηₜ = η / (1 + λ η (t−1))^α`, `w ← w (1 − λ ηₜ) − ηₜ g`, and the average
    /// `a ← a + μₜ (w − a)` with `μₜ = 1 / max(1, t − 1 − t₀)`: until t₀ it follows the weights, then it is their mean.
    /// The η in `ηₜ` is the learning rate of the step before, as in PyTorch; at the first step it is that step's.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `lambda` λ | 1e-4 | ≥ 0 |
    /// | `alpha` α | 0.75 | ≥ 0 |
    /// | `start` t₀ | 1e6 | ≥ 0 |
    /// | learning rate | 0.01 | ≥ 0 |
    ///
    /// Equal to `torch.optim.ASGD`. A [`Trainer`](crate::Trainer) evaluates the average, and gives it back in
    /// [`Run::average`](crate::Run::average).
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Asgd};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Asgd::new().lambda(0.0).start(50.0)).learning_rate(0.1).steps(500).minimize(square)?;
    /// assert!(run.average.is_some_and(|average| average.norm() < 1e-4));
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: B. Polyak and A. Juditsky, *Acceleration of Stochastic Approximation by Averaging* (1992).
    pub struct Asgd {
        /// Sets λ, a weight decay that also slows the rate. Default: 1e-4.
        lambda = 1e-4, non_negative;
        /// Sets α, the power by which the rate falls. Default: 0.75.
        alpha = 0.75, non_negative;
        /// Sets t₀, the step after which the mean is taken. Default: 1e6.
        start = 1e6, non_negative;
    }
}

impl<F: Scalar> Rule<F> for Asgd {
    type Slots = [F; 1];
    /// ηₜ, 1 − λ ηₜ, μₜ.
    type Coefficients = [F; 3];
    const FROM_FIRST: bool = true;
    described!("asgd", 0.01, ["average"]);

    /// The learning rates of the step before and of this one, without a group's factor.
    fn remember(&self, now: Moment) -> Memory {
        let this = now.learning_rate;
        let before = if now.step == 1 { this } else { now.memory[1] };
        [before, this, 0.0, 0.0]
    }

    fn coefficients(&self, now: Moment) -> [F; 3] {
        let before = (now.step - 1) as f64;
        let rate = now.rate_factor * now.memory[0];
        let rate = rate / (1.0 + self.lambda * rate * before).powf(self.alpha);
        [
            rate,
            1.0 - self.lambda * rate,
            1.0 / (before - self.start).max(1.0),
        ]
        .map(F::of)
    }

    fn averages(&self) -> bool {
        true
    }

    fn average(&self, _: F, [average]: &[F; 1]) -> F {
        *average
    }

    #[inline(always)]
    fn update(&[rate, kept, share]: &[F; 3], weight: &mut F, gradient: F, [average]: &mut [F; 1]) {
        *weight = *weight * kept - rate * gradient;
        let mean = *average + share * (*weight - *average);
        *average = if share == F::one() { *weight } else { mean };
    }
}
