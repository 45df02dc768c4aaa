//! RMSProp: Adagrad with a memory that fades.

use super::{
    Missed, Moment, MovingAverage, On, Rule, Switch, clamp,
    missed::fade,
    positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
    /// RMSProp: divides the gradient by a running root mean square of itself.
    ///
    /// `v ← α v + (1 − α) g²`, `q = g / (√v + ε)`, `w ← w − η q`.
    /// Centred: `a ← α a + (1 − α) g`, and `√max(v − a², 0)` in place of `√v`.
    /// With momentum: `b ← μ b + q`, `w ← w − η b`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `alpha` α | 0.99 | [0, 1) |
    /// | `epsilon` ε | 1e-8 | ≥ 0 |
    /// | `centred` | off | |
    /// | `momentum` μ | off | [0, 1) |
    /// | `rate_inside`: η inside the buffer | off | |
    /// | `initial_mean_square` v₀ | 0 | ≥ 0 |
    /// | learning rate | 0.01 | ≥ 0 |
    ///
    /// Equal to `torch.optim.RMSprop`, except that the centred variance is clamped at 0, where PyTorch's rounds below zero and
    /// gives NaN, and that a scheduled μ of 0 empties the buffer, which PyTorch leaves as it is. [`RmsProp::keras`] and
    /// [`RmsProp::optax`] put ε inside the root, `√(v + ε)`, and η inside the buffer, `b ← μ b + η q`, so that a change of η
    /// acts gradually; Optax's `eps_in_sqrt=False` is [`RmsProp::rate_inside`]. The options that need memory are part of the
    /// type, so what is off costs nothing.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::RmsProp};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(RmsProp::new().centred().momentum(0.5)).steps(500).minimize(square)?;
    /// assert!(run.best.params.norm() < 0.05);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: T. Tieleman and G. Hinton, Coursera lecture 6.5 (2012); centred: A. Graves, arXiv 1308.0850 (2013).
    pub struct RmsProp<centred: Centred, buffered: Buffered> {
        /// Sets α, how much of the mean square is kept at each step. Default: 0.99.
        alpha = 0.99, below_one;
        /// Sets ε, added to the root. Default: 1e-8.
        epsilon = 1e-8, non_negative;
        /// Sets where the mean square starts. Default: 0.
        initial_mean_square = 0.0, non_negative;
    }
    options {
        /// Keeps the learning rate inside the buffer of the momentum, as Keras and Optax do: `b ← μ b + η q`, `w ← w − b`. A
        /// change of η then acts gradually.
        rate_inside;
    }
    with momentum: f64 = 0.0, below_one, as momentum if Buffered;
    with epsilon_inside: bool = false;
    with default_rate: f64 = 0.01;
}

impl RmsProp {
    /// As Keras has it: ε inside the root, η inside the buffer; α 0.9, ε 1e-7, η 0.001 where none is given.
    pub fn keras() -> Self {
        Self {
            default_rate: 1e-3,
            ..Self::optax().epsilon(1e-7)
        }
    }

    /// As Optax has it: ε inside the root, η inside the buffer; α 0.9, ε 1e-8.
    pub fn optax() -> Self {
        Self {
            epsilon_inside: true,
            ..Self::new().alpha(0.9).rate_inside()
        }
    }
}

impl<C: Switch, B: Switch> RmsProp<C, B> {
    /// Divides by the standard deviation of the gradient, not by its root mean square.
    pub fn centred(self) -> RmsProp<On, B> {
        let buffered = self.buffered;
        self.switch(On, buffered)
    }

    /// Gathers the steps in a buffer that keeps `momentum` of itself.
    pub fn momentum(self, momentum: f64) -> RmsProp<C, On> {
        let centred = self.centred;
        Self { momentum, ..self }.switch(centred, On)
    }
}

impl<F: Scalar, C: Switch, B: Switch> Rule<F> for RmsProp<C, B> {
    type Slots = ([F; 1], (C::Slot<F>, B::Slot<F>));
    /// The mean square's average, with the momentum; what multiplies the direction before the buffer, and what comes out of it;
    /// ε inside the root and outside.
    type Coefficients = (MovingAverage<F>, [F; 5]);
    described!(
        match (C::ON, B::ON) {
            (false, false) => "rmsprop",
            (true, false) => "rmsprop-centred",
            (false, true) => "rmsprop-momentum",
            (true, true) => "rmsprop-centred-momentum",
        },
        self.default_rate,
        ["mean_square" from initial_mean_square; C: "mean_gradient", B: "velocity"]
    );

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let Self { alpha, momentum, .. } = self.in_force(&now);
        let (before, after) = match self.rate_inside {
            true => (now.learning_rate, 1.0),
            false => (1.0, now.learning_rate),
        };
        let inside = if self.epsilon_inside { self.epsilon } else { 0.0 };
        let outside = positive_epsilon(self.epsilon - inside);
        let [momentum, before, after, inside] = [momentum, before, after, inside].map(F::of);
        (
            MovingAverage::new(alpha),
            [momentum, before, after, inside, outside],
        )
    }

    #[inline(always)]
    fn update((mean, c): &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut Self::Slots) {
        let &[momentum, before, after, inside, outside] = c;
        let ([square], (mean_gradient, velocity)) = slots;
        *square = mean.kept * *square + mean.fresh * gradient * gradient;
        let mut variance = *square;
        if let Some(slot) = C::slot(mean_gradient) {
            mean.add(slot, gradient);
            variance = clamp(variance - *slot * *slot, F::zero(), F::infinity());
        }
        let mut direction = before * gradient / ((variance + inside).sqrt() + outside);
        if let Some(velocity) = B::slot(velocity) {
            *velocity = momentum * *velocity + direction;
            direction = *velocity;
        }
        *weight -= after * direction;
    }

    /// `v ← αⁿ v`, `a ← αⁿ a`, `b ← μⁿ b`, and `w` moves by the geometric sum of what `b` was.
    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut Self::Slots) {
        let ([square], (mean_gradient, velocity)) = slots;
        for ((mean, _), times) in missed.eras() {
            fade(square, mean.kept, times);
            if let Some(slot) = C::slot(mean_gradient) {
                fade(slot, mean.kept, times);
            }
        }
        if let Some(velocity) = B::slot(velocity) {
            missed.fade_velocity(
                velocity,
                |(_, [momentum, ..])| *momentum,
                |(_, [_, _, after, ..]), sum| *weight -= after * sum,
            );
        }
    }
}
