//! Rprop: steps by the sign of the gradient alone.

use super::{
    Moment, Rule,
    settings::{described, settings},
    sign,
};
use crate::{Error, Scalar, error::check};

settings! {
    /// Rprop: resilient back-propagation, for gradients of the whole data set.
    ///
    /// Each weight has a step length s, at first η. Where the gradient keeps its sign, `s ← s η⁺`; where it changes,
    /// `s ← s η⁻` and the weight waits one step; s stays within its bounds. `w ← w − sign(g) s`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `shrink` η⁻ | 0.5 | (0, 1) |
    /// | `grow` η⁺ | 1.2 | > 1 |
    /// | `shortest`, `longest` | 1e-6, 50 | > 0 |
    /// | learning rate: the first step | 0.01 | ≥ 0 |
    ///
    /// Equal to `torch.optim.Rprop`. After the first step a schedule of the learning rate has no effect.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Rprop};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Rprop::new()).learning_rate(0.1).steps(100).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: M. Riedmiller and H. Braun, *A Direct Adaptive Method for Faster Backpropagation Learning* (1993).
    pub struct Rprop {
        /// Sets η⁻, the factor where the sign changes. Default: 0.5.
        shrink = 0.5, inside_share;
        /// Sets η⁺, the factor where the sign stays. Default: 1.2.
        grow = 1.2, above_one;
        /// Sets the shortest step. Default: 1e-6.
        shortest = 1e-6, positive;
        /// Sets the longest step. Default: 50.
        longest = 50.0, positive;
    }
    where is_ordered;
}

impl Rprop {
    fn is_ordered(&self) -> Result<(), Error> {
        let expected = format!("at most longest, {}", self.longest);
        let ordered = self.shortest <= self.longest;
        check::require(ordered, "shortest", self.shortest, &expected)
    }
}

impl<F: Scalar> Rule<F> for Rprop {
    type Slots = [F; 2];
    /// Whether this is the first step; the rate, the two factors and the two bounds.
    type Coefficients = (bool, [F; 5]);
    const FROM_FIRST: bool = true;
    described!("rprop", 0.01, ["step_length", "last_gradient"]);

    fn coefficients(&self, now: Moment) -> (bool, [F; 5]) {
        let c = [
            now.learning_rate,
            self.shrink,
            self.grow,
            self.shortest,
            self.longest,
        ];
        (now.step == 1, c.map(F::of))
    }

    #[inline(always)]
    fn update((first, c): &(bool, [F; 5]), weight: &mut F, gradient: F, [length, last]: &mut [F; 2]) {
        let &[rate, shrink, grow, shortest, longest] = c;
        let agreement = gradient * *last;
        let grown = if agreement > F::zero() { grow } else { F::one() };
        let factor = if agreement < F::zero() { shrink } else { grown };
        let before = if *first { rate } else { *length };
        *length = (before * factor).max(shortest).min(longest);
        *last = if agreement < F::zero() {
            F::zero()
        } else {
            gradient
        };
        *weight -= sign(*last) * *length;
    }
}
