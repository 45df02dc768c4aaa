//! Quasi-hyperbolic momentum and Adam: part momentum, part plain gradient.

use super::{
    Moment, MovingAverage, Rule, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// Quasi-hyperbolic momentum: a step between that of SGD and that of momentum.
    ///
    /// `m ← β m + (1 − β) g`, `w ← w − η ((1 − ν) g + ν m)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta` β | 0.999 | [0, 1) |
    /// | `nu` ν | 0.7 | [0, 1] |
    /// | learning rate | 1 | ≥ 0 |
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Qhm};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Qhm::new().beta(0.9)).learning_rate(0.3).steps(200).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source, and of the defaults: J. Ma and D. Yarats, arXiv 1810.06801 (2019).
    pub struct Qhm {
        /// Sets β, how much of the average is kept at each step. Default: 0.999.
        beta = 0.999, below_one, as momentum;
        /// Sets ν, how much of the step is the average. Default: 0.7.
        nu = 0.7, share;
    }
}

impl<F: Scalar> Rule<F> for Qhm {
    type Slots = [F; 1];
    /// The average; the rates of the gradient and of the average.
    type Coefficients = (MovingAverage<F>, [F; 2]);
    described!("qhm", 1.0, ["first_moment"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { beta, nu } = self.in_force(&now);
        let rates = [1.0 - nu, nu].map(|share| F::of(now.learning_rate * share));
        (MovingAverage::new(beta), rates)
    }

    #[inline(always)]
    fn update((mean, c): &Self::Coefficients, weight: &mut F, gradient: F, [first]: &mut [F; 1]) {
        let &[plain, averaged] = c;
        mean.add(first, gradient);
        *weight -= plain * gradient + averaged * *first;
    }
}

settings! {
    /// Quasi-hyperbolic Adam: both moments mixed with the plain gradient.
    ///
    /// `m̂`, `v̂` as in [`Adam`](super::Adam), corrected;
    /// `w ← w − η ((1 − ν₁) g + ν₁ m̂) / (√((1 − ν₂) g² + ν₂ v̂) + ε)`. With both ν 1 it is Adam.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.995 | [0, 1) |
    /// | `beta2` β₂ | 0.999 | [0, 1) |
    /// | `nu1` ν₁ | 0.7 | [0, 1] |
    /// | `nu2` ν₂ | 1 | [0, 1] |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::QhAdam};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(QhAdam::new()).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-2);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source, and of the defaults: J. Ma and D. Yarats, arXiv 1810.06801 (2019).
    pub struct QhAdam {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.995.
        beta1 = 0.995, below_one, as momentum;
        /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
        beta2 = 0.999, below_one, as beta2;
        /// Sets ν₁, how much of the step's direction is the first moment. Default: 0.7.
        nu1 = 0.7, share;
        /// Sets ν₂, how much of the divisor is the second moment. Default: 1.
        nu2 = 1.0, share;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
    }
}

impl<F: Scalar> Rule<F> for QhAdam {
    type Slots = [F; 2];
    /// The averages; the rates of the gradient and of its average, the same of the squares, ε.
    type Coefficients = ([MovingAverage<F>; 2], [F; 5]);
    described!("qhadam", 1e-3, ["first_moment", "second_moment"]);

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self {
            beta1,
            beta2,
            nu1,
            nu2,
            ..
        } = self.in_force(&now);
        let plain = now.learning_rate * (1.0 - nu1);
        let averaged = now.learning_rate * nu1 / now.correction(beta1);
        let [plain, averaged, plain_square, mean_square] =
            [plain, averaged, 1.0 - nu2, nu2 / now.correction(beta2)].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        (
            [beta1, beta2].map(MovingAverage::new),
            [plain, averaged, plain_square, mean_square, epsilon],
        )
    }

    #[inline(always)]
    fn update((means, c): &Self::Coefficients, weight: &mut F, gradient: F, [first, second]: &mut [F; 2]) {
        let &[plain, averaged, plain_square, mean_square, epsilon] = c;
        let square = gradient * gradient;
        means[0].add(first, gradient);
        means[1].add(second, square);
        let divisor = (plain_square * square + mean_square * *second).sqrt() + epsilon;
        *weight -= (plain * gradient + averaged * *first) / divisor;
    }
}
