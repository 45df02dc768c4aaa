//! FTRL-proximal: true zeros in online learning.

use super::{
    Moment, Rule,
    settings::{described, settings},
    sign,
};
use crate::Scalar;

settings! {
    /// FTRL-proximal: follow the regularised leader. With an L1 penalty most weights are exactly zero.
    ///
    /// `σ = (√(n + g²) − √n) / η`, `z ← z + g − σ w`, `n ← n + g²`; `w = 0` where `|z| ≤ λ₁`, else
    /// `w = −(z − sign(z) λ₁) / ((β + √n) / η + λ₂)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `l1` λ₁ | 0 | ≥ 0 |
    /// | `l2` λ₂ | 0 | ≥ 0 |
    /// | `beta` β | 1 | ≥ 0 |
    /// | learning rate | 0.1 | ≥ 0 |
    ///
    /// Weights are made anew at each step from z, so they should start at zero: others are forgotten. Keras's `Ftrl`
    /// counts `2 λ₂`, starts n at 0.1 and has β 0.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::FtrlProximal};
    /// // The second weight hardly matters.
    /// let bowl = Function::new(vec![0.0, 0.0], |w: &[f64], g: &mut [f64]| {
    ///     g.copy_from_slice(&[w[0] - 1.0, 0.01 * (w[1] - 1.0)]);
    ///     0.5 * (w[0] - 1.0).powi(2) + 0.005 * (w[1] - 1.0).powi(2)
    /// });
    /// let run = Trainer::new(FtrlProximal::new().l1(2.0)).learning_rate(0.5).steps(100).minimize(bowl)?;
    /// assert!(run.params.as_slice()[0] > 0.5 && run.params.as_slice()[1] == 0.0);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: H. B. McMahan et al., *Ad Click Prediction: a View from the Trenches* (KDD 2013).
    pub struct FtrlProximal {
        /// Sets λ₁, the strength of the L1 penalty. Default: 0.
        l1 = 0.0, non_negative;
        /// Sets λ₂, the strength of the L2 penalty. Default: 0.
        l2 = 0.0, non_negative;
        /// Sets β, added to the root. Default: 1.
        beta = 1.0, non_negative;
    }
}

impl<F: Scalar> Rule<F> for FtrlProximal {
    type Slots = [F; 2];
    /// Whether anything moves at all (the rate divides), and the numbers.
    type Coefficients = (bool, [F; 4]);
    described!("ftrl-proximal", 0.1, ["z", "sum_of_squares"]);

    fn coefficients(&self, now: Moment) -> (bool, [F; 4]) {
        let inverse = F::of(1.0 / now.learning_rate);
        (
            inverse.is_finite(),
            [inverse, F::of(self.l1), F::of(self.l2), F::of(self.beta)],
        )
    }

    #[inline(always)]
    fn update((moves, c): &(bool, [F; 4]), weight: &mut F, gradient: F, [z, squares]: &mut [F; 2]) {
        let &[inverse, l1, l2, beta] = c;
        let sum = *squares + gradient * gradient;
        let sigma = (sum.sqrt() - squares.sqrt()) * inverse;
        let next = *z + gradient - sigma * *weight;
        let divisor = (beta + sum.sqrt()) * inverse + l2;
        let moved = -(next - sign(next) * l1) / divisor.max(F::min_positive_value());
        let moved = if next.abs() <= l1 { F::zero() } else { moved };
        *squares = if *moves { sum } else { *squares };
        *z = if *moves { next } else { *z };
        *weight = if *moves { moved } else { *weight };
    }
}
