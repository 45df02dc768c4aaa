//! Sophia: steps by the curvature, clipped.

use super::{
    Moment, MovingAverage, Rule, State, clamp, positive_epsilon,
    settings::{described, settings},
};
use crate::{Error, Scalar};

settings! {
    /// Sophia: momentum divided by an estimate of the curvature of each weight, and clipped.
    ///
    /// `m ← β₁ m + (1 − β₁) g`, `u = m̂ / max(γ h, ε)`, clipped to ±`clip`, `w ← w − η u`. h is a moving average of the
    /// diagonal of the Hessian, which the caller estimates every few steps (by Hutchinson's or Gauss and Newton's method, or
    /// exactly) and hands to [`Sophia::curve`]. Until then every step is by sign; so it is in a [`Trainer`](crate::Trainer),
    /// which knows no curvature. It is for a loop of one's own:
    ///
    /// ```
    /// use downhill::optim::{Pair, Sophia, Stepper};
    /// use downhill::ndarray::array;
    ///
    /// let (sophia, curvature) = (Sophia::new().gamma(1.0), [2.0, 20.0]);
    /// let mut stepper = Stepper::new(sophia);
    /// let mut weights = array![3.0, -1.0];
    /// for step in 0..500 {
    ///     let gradient = array![curvature[0] * weights[0], curvature[1] * weights[1]];
    ///     stepper.step(0.05, &mut [Pair::new(&mut weights, &gradient)?])?;
    ///     if let (0, Some(state)) = (step % 10, stepper.state_mut()) {
    ///         sophia.curve(state, &curvature)?;
    ///     }
    /// }
    /// assert!(weights.iter().all(|w: &f64| w.abs() < 1e-3));
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.965 | [0, 1) |
    /// | `beta2` β₂, of h | 0.99 | [0, 1) |
    /// | `gamma` γ | 0.01 | > 0 |
    /// | `clip` | 1 | > 0 |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Equal to `optax.contrib.sophia` with [`decoupled_weight_decay`](super::RuleExt::decoupled_weight_decay) around it, given
    /// the same diagonals.
    ///
    /// Source: H. Liu et al., arXiv 2305.14342 (2023).
    pub struct Sophia {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.965.
        beta1 = 0.965, below_one, as momentum;
        /// Sets β₂, how much of the curvature is kept when a new one comes. Default: 0.99.
        beta2 = 0.99, below_one;
        /// Sets γ, by which the curvature is multiplied. Default: 0.01.
        gamma = 0.01, positive;
        /// Sets the largest step before it is multiplied by the rate; `f64::INFINITY` clips none. Default: 1.
        clip = 1.0, above_zero;
        /// Sets ε, the least curvature that divides. Default: 1e-8.
        epsilon = 1e-8, non_negative;
    }
}

impl Sophia {
    /// Takes in a new diagonal of the Hessian, for the steps to come: `h ← β₂ h + (1 − β₂) diagonal`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for another number of weights, [`Error::Foreign`] for a state without curvature.
    pub fn curve<F: Scalar>(&self, state: &mut State<F>, diagonal: &[F]) -> Result<(), Error> {
        let Some((_, curvature)) = state.buffers.iter_mut().find(|(name, _)| *name == "curvature") else {
            return Err(Error::Foreign {
                argument: "state".into(),
                given: "an optimiser without curvature".into(),
                expected: "\"sophia\"".into(),
            });
        };
        if diagonal.len() != curvature.len() {
            return Err(Error::shape("diagonal", &[diagonal.len()], &[curvature.len()]));
        }
        let mean = MovingAverage::new(self.beta2);
        let pairs = curvature.iter_mut().zip(diagonal);
        pairs.for_each(|(h, &d)| mean.add(h, d));
        Ok(())
    }
}

impl<F: Scalar> Rule<F> for Sophia {
    type Slots = [F; 2];
    /// The average; the rate, the correction, γ, the limit, ε.
    type Coefficients = (MovingAverage<F>, [F; 5]);
    described!("sophia", 1e-3, ["first_moment", "curvature"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self {
            beta1, gamma, clip, ..
        } = self.in_force(&now);
        let correction = 1.0 / now.correction(beta1);
        let [rate, correction, gamma, clip] = [now.learning_rate, correction, gamma, clip].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        (
            MovingAverage::new(beta1),
            [rate, correction, gamma, clip, epsilon],
        )
    }

    #[inline(always)]
    fn update((mean, c): &Self::Coefficients, weight: &mut F, gradient: F, [first, curvature]: &mut [F; 2]) {
        let &[rate, correction, gamma, clip, epsilon] = c;
        mean.add(first, gradient);
        let step = correction * *first / (gamma * *curvature).max(epsilon);
        *weight -= rate * clamp(step, -clip, clip);
    }
}
