//! RAdam: Adam without the wild first steps.

use super::{
    Moment, MovingAverage, Rule, positive_epsilon,
    settings::{Convention, described, settings},
};
use crate::Scalar;

settings! {
    /// RAdam: rectified Adam.
    ///
    /// Both moments as in [`Adam`](super::Adam); `ρ∞ = 2/(1 − β₂) − 1`, `ρ = ρ∞ − 2 t β₂ᵗ/(1 − β₂ᵗ)`. Where ρ is above the
    /// threshold: `w ← w − η r m / (1 − β₁ᵗ) · √(1 − β₂ᵗ) / (√(v + ε_root) + ε)` with
    /// `r = √((ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ))`; before that, plain momentum: `w ← w − η m / (1 − β₁ᵗ)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | `epsilon_root` | 0 | ≥ 0 |
    /// | `threshold` | 5 | ≥ 0, but counts as at least 4, below which r is not a number |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Equal to `torch.optim.RAdam`, which adds ε to the uncorrected root; its `decoupled_weight_decay` is
    /// [`RuleExt::decoupled_weight_decay`](super::RuleExt::decoupled_weight_decay). [`RAdam::optax`] adds
    /// both to the corrected moment.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::RAdam};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(RAdam::new()).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: L. Liu et al., *On the Variance of the Adaptive Learning Rate and Beyond*, arXiv 1908.03265 (2020).
    pub struct RAdam {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets what is added inside the root, as Optax can. Default: 0.
        epsilon_root = 0.0, non_negative;
        /// Sets the ρ from which on the second moment is relied on. Default: 5.
        threshold = 5.0, non_negative;
    }
    with convention: Convention = Convention::Torch;
}

impl RAdam {
    /// As Optax has it: `η r m̂ / (√(v / (1 − β₂ᵗ) + ε_root) + ε)`, from the threshold itself on.
    pub fn optax() -> Self {
        Self {
            convention: Convention::Optax,
            ..Self::new()
        }
    }
}

impl<F: Scalar> Rule<F> for RAdam {
    type Slots = [F; 2];
    /// Whether the second moment can be relied on yet; the averages; the rate, the correction, both ε.
    type Coefficients = (bool, [MovingAverage<F>; 2], [F; 4]);
    described!("radam", 1e-3, ["first_moment", "second_moment"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta1, beta2, .. } = self.in_force(&now);
        let correction = now.correction(beta2);
        let limit = 2.0 / (1.0 - beta2) - 1.0;
        let length = limit - 2.0 * now.step as f64 * (1.0 - correction) / correction;
        let torch = self.convention == Convention::Torch;
        let threshold = self.threshold.max(4.0);
        let rectified = length > threshold || (length == threshold && !torch);
        let mut rate = now.learning_rate / now.correction(beta1);
        if rectified {
            let variance = (length - 4.0) * (length - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * length);
            rate *= variance.sqrt() * if torch { correction.sqrt() } else { 1.0 };
        }
        let correction = if torch { 1.0 } else { 1.0 / correction };
        let [rate, correction, root] = [rate, correction, self.epsilon_root].map(F::of);
        let means = [beta1, beta2].map(MovingAverage::new);
        (
            rectified,
            means,
            [rate, correction, root, positive_epsilon(self.epsilon)],
        )
    }

    #[inline(always)]
    fn update(c: &Self::Coefficients, weight: &mut F, gradient: F, [first, second]: &mut [F; 2]) {
        let &(rectified, [mean, square_mean], [rate, correction, root, epsilon]) = c;
        mean.add(first, gradient);
        square_mean.add(second, gradient * gradient);
        let divisor = if rectified {
            (*second * correction + root).sqrt() + epsilon
        } else {
            F::one()
        };
        *weight -= rate * (*first / divisor);
    }
}
