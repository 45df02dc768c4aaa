//! Adam: momentum and RMSProp together, corrected for their start at zero.

use super::{
    Missed, Moment, MovingAverage, On, Rule, Switch, positive_epsilon,
    settings::{Convention, described, settings},
};
use crate::Scalar;

settings! {
    /// Adam: adaptive moment estimation.
    ///
    /// `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
    /// `w ← w − η / (1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ) + ε_root) + ε)` at step t.
    /// AMSGrad: the largest `v` so far, uncorrected, in place of `v`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | `epsilon_root` | 0 | ≥ 0 |
    /// | `amsgrad` | off | |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Equal to `torch.optim.Adam`. [`Adam::keras`] adds ε before the correction, as ensmallen does too, which makes it larger
    /// in early steps; with [`Adam::optax`] AMSGrad takes the maximum of the corrected moment. The bias corrections are
    /// computed in `f64`, once a step. A schedule that cycles momentum cycles β₁.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Adam};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Adam::new().beta2(0.99)).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: D. Kingma and J. Ba, arXiv 1412.6980 (2015); AMSGrad: S. Reddi, S. Kale and S. Kumar (ICLR 2018).
    pub struct Adam<amsgrad: Maximum> {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ε, added to the corrected root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets what is added inside the root, as Optax can. Default: 0.
        epsilon_root = 0.0, non_negative;
    }
    with convention: Convention = Convention::Torch;
}

impl Adam {
    /// As Keras has it: `w ← w − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)`, ε 1e-7.
    pub fn keras() -> Self {
        Self {
            convention: Convention::Keras,
            ..Self::new().epsilon(1e-7)
        }
    }

    /// As Optax has it: AMSGrad takes the maximum of the corrected second moment.
    pub fn optax() -> Self {
        Self {
            convention: Convention::Optax,
            ..Self::new()
        }
    }
}

impl<M> Adam<M> {
    /// Divides by the largest second moment so far, so that no weight's rate ever grows again.
    pub fn amsgrad(self) -> Adam<On> {
        self.switch(On)
    }
}

impl<F: Scalar, M: Switch> Rule<F> for Adam<M> {
    type Slots = ([F; 2], M::Slot<F>);
    /// Both averages; what multiplies the rate, the second moment before its maximum is taken (with AMSGrad only), and it under
    /// the root; both ε.
    type Coefficients = ([MovingAverage<F>; 2], [F; 5]);
    described!(
        if M::ON { "adam-amsgrad" } else { "adam" },
        0.001,
        ["first_moment", "second_moment"; M: "largest_second_moment"]
    );

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta1, beta2, .. } = self.in_force(&now);
        let correction = now.correction(beta2);
        let (rate, before, correction) = match self.convention {
            Convention::Keras => (correction.sqrt(), 1.0, 1.0),
            Convention::Optax if M::ON => (1.0, 1.0 / correction, 1.0),
            Convention::Torch | Convention::Optax => (1.0, 1.0, 1.0 / correction),
        };
        let rate = rate * now.learning_rate / now.correction(beta1);
        let [rate, before, correction, root] = [rate, before, correction, self.epsilon_root].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        (
            [beta1, beta2].map(MovingAverage::new),
            [rate, before, correction, root, epsilon],
        )
    }

    #[inline(always)]
    fn update(
        (means, c): &Self::Coefficients,
        weight: &mut F,
        gradient: F,
        ([first, second], largest): &mut Self::Slots,
    ) {
        let &[rate, before, correction, root, epsilon] = c;
        means[0].add(first, gradient);
        means[1].add(second, gradient * gradient);
        let mut square = *second;
        if let Some(largest) = M::slot(largest) {
            *largest = largest.max(before * *second);
            square = *largest;
        }
        *weight -= rate * (*first / ((square * correction + root).sqrt() + epsilon));
    }

    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut Self::Slots) {
        let step =
            |c: &Self::Coefficients, slots: &mut Self::Slots| Self::update(c, weight, F::zero(), slots);
        missed.fade_moments(slots, |slots| &mut slots.0, |(means, _)| *means, step);
    }
}
