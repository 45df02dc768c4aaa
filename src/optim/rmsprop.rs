//! RMSProp: Adagrad with a memory that fades.

use super::{Buffer, Missed, Moment, Off, On, Rule, Switch, clamp, missed::fade, positive_epsilon};
use crate::{Error, Scalar, error::check};

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
/// Equal to `torch.optim.RMSprop`, except that the centred variance is clamped at 0, where PyTorch's rounds below zero
/// and gives NaN. [`RmsProp::keras`] and [`RmsProp::optax`] put ε inside the root, `√(v + ε)`, and η inside the buffer,
/// `b ← μ b + η q`, so that a change of η acts gradually; Optax's `eps_in_sqrt=False` is [`RmsProp::rate_inside`]. The options
/// that need memory are part of the type, so what is off costs nothing.
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
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct RmsProp<Centred = Off, Buffered = Off> {
    alpha: f64,
    epsilon: f64,
    momentum: f64,
    initial_mean_square: f64,
    /// ε inside the root.
    epsilon_inside: bool,
    /// η inside the buffer.
    rate_inside: bool,
    default_rate: f64,
    centred: Centred,
    buffered: Buffered,
}

impl RmsProp {
    /// With the defaults of the table.
    pub fn new() -> Self {
        Self {
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            initial_mean_square: 0.0,
            epsilon_inside: false,
            rate_inside: false,
            default_rate: 0.01,
            centred: Off,
            buffered: Off,
        }
    }

    /// As Keras has it: ε inside the root, η inside the buffer; α 0.9, ε 1e-7, η 0.001 where none is given.
    pub fn keras() -> Self {
        Self {
            epsilon_inside: true,
            rate_inside: true,
            default_rate: 1e-3,
            ..Self::new().alpha(0.9).epsilon(1e-7)
        }
    }

    /// As Optax has it: ε inside the root, η inside the buffer; α 0.9, ε 1e-8.
    pub fn optax() -> Self {
        Self {
            default_rate: 0.01,
            ..Self::keras().epsilon(1e-8)
        }
    }
}

impl Default for RmsProp {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Copy, B: Copy> RmsProp<C, B> {
    /// Sets α, how much of the mean square is kept at each step. Default: 0.99.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets ε, added to the root. Default: 1e-8.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Keeps the learning rate inside the buffer of the momentum, as Keras and Optax do: `b ← μ b + η q`, `w ← w − b`. A
    /// change of η then acts gradually.
    pub fn rate_inside(mut self) -> Self {
        self.rate_inside = true;
        self
    }

    /// Sets where the mean square starts. Default: 0.
    pub fn initial_mean_square(mut self, value: f64) -> Self {
        self.initial_mean_square = value;
        self
    }

    /// Divides by the standard deviation of the gradient, not by its root mean square.
    pub fn centred(self) -> RmsProp<On, B> {
        self.with(On, self.buffered)
    }

    /// Gathers the steps in a buffer that keeps `momentum` of itself.
    pub fn momentum(mut self, momentum: f64) -> RmsProp<C, On> {
        self.momentum = momentum;
        self.with(self.centred, On)
    }

    fn with<D, E>(self, centred: D, buffered: E) -> RmsProp<D, E> {
        RmsProp {
            alpha: self.alpha,
            epsilon: self.epsilon,
            momentum: self.momentum,
            initial_mean_square: self.initial_mean_square,
            epsilon_inside: self.epsilon_inside,
            rate_inside: self.rate_inside,
            default_rate: self.default_rate,
            centred,
            buffered,
        }
    }
}

#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Coefficients<F> {
    /// Multiplies the direction before the buffer, and what comes out of it.
    inner_rate: F,
    rate: F,
    alpha: F,
    rest: F,
    /// Added inside the root, and outside.
    inner_epsilon: F,
    epsilon: F,
    momentum: F,
}

impl<F: Scalar, C: Switch, B: Switch> Rule<F> for RmsProp<C, B> {
    type Slots = ([F; 1], (C::Slot<F>, B::Slot<F>));
    type Coefficients = Coefficients<F>;

    fn name(&self) -> &'static str {
        match (C::ON, B::ON) {
            (false, false) => "rmsprop",
            (true, false) => "rmsprop-centred",
            (false, true) => "rmsprop-momentum",
            (true, true) => "rmsprop-centred-momentum",
        }
    }

    fn default_rate(&self) -> f64 {
        self.default_rate
    }

    fn buffers(&self) -> Vec<Buffer> {
        let mut buffers = vec![Buffer {
            name: "mean_square",
            initial: self.initial_mean_square,
        }];
        buffers.extend(C::ON.then(|| Buffer::zeros("mean_gradient")));
        buffers.extend(B::ON.then(|| Buffer::zeros("velocity")));
        buffers
    }

    fn validate(&self) -> Result<(), Error> {
        check::below_one("alpha", self.alpha)?;
        check::non_negative("epsilon", self.epsilon)?;
        check::below_one("momentum", self.momentum)?;
        check::non_negative("initial_mean_square", self.initial_mean_square)
    }

    fn coefficients(&self, now: Moment) -> Coefficients<F> {
        let (inner_rate, rate) = match self.rate_inside {
            true => (now.learning_rate, 1.0),
            false => (1.0, now.learning_rate),
        };
        let inner_epsilon = if self.epsilon_inside { self.epsilon } else { 0.0 };
        Coefficients {
            inner_rate: F::of(inner_rate),
            rate: F::of(rate),
            inner_epsilon: F::of(inner_epsilon),
            alpha: F::of(self.alpha),
            rest: F::of(1.0 - self.alpha),
            epsilon: positive_epsilon(self.epsilon - inner_epsilon),
            momentum: F::of(now.momentum.unwrap_or(self.momentum)),
        }
    }

    #[inline(always)]
    fn update(c: &Coefficients<F>, weight: &mut F, gradient: F, slots: &mut Self::Slots) {
        let ([square], (mean, velocity)) = slots;
        *square = c.alpha * *square + c.rest * gradient * gradient;
        let mut variance = *square;
        if let Some(mean) = C::slot(mean) {
            *mean = c.alpha * *mean + c.rest * gradient;
            variance = clamp(variance - *mean * *mean, F::zero(), F::infinity());
        }
        let mut direction = c.inner_rate * gradient / ((variance + c.inner_epsilon).sqrt() + c.epsilon);
        if let Some(velocity) = B::slot(velocity) {
            *velocity = c.momentum * *velocity + direction;
            direction = *velocity;
        }
        *weight -= c.rate * direction;
    }

    /// `v ← αⁿ v`, `a ← αⁿ a`, `b ← μⁿ b`, and `w` moves by the geometric sum of what `b` was.
    fn skip(missed: Missed<'_, Coefficients<F>>, weight: &mut F, slots: &mut Self::Slots) {
        let ([square], (mean, velocity)) = slots;
        for (c, times) in missed.stretches() {
            fade(square, c.alpha, times);
            if let Some(mean) = C::slot(mean) {
                fade(mean, c.alpha, times);
            }
            if let Some(velocity) = B::slot(velocity) {
                *weight -= c.rate * fade(velocity, c.momentum, times);
            }
        }
    }
}
