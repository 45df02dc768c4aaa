//! Schedule-free learning: an average in place of a falling learning rate.

use super::{Buffer, Memory, Moment, Off, On, Rule, Switch, positive_epsilon};
use crate::{Error, Scalar, error::check};

/// Schedule-free SGD, or AdamW by [`ScheduleFree::adamw`].
///
/// The weight y is where gradients are taken, z makes the steps, and a, the average of z, is the result:
/// `z ← z − η (g + λ y)`, or with Adam's second moment `z ← z − η (g / (√(v / (1 − β₂ᵗ)) + ε) + λ y)`;
/// `a ← (1 − c) a + c z` with `c = Lᵖ / Σ Lᵖ`, L the largest rate so far; `y ← β₁ a + (1 − β₁) z`.
/// `a` needs no memory: it is `(y − (1 − β₁) z) / β₁`.
///
/// | setting | default | range |
/// |---|---|---|
/// | `beta1` β₁ | 0.9 | (0, 1) |
/// | `beta2` β₂, `epsilon` ε (AdamW) | 0.999, 1e-8 | [0, 1), ≥ 0 |
/// | `weight_decay` λ | 0 | ≥ 0 |
/// | `power` p | 2 | ≥ 0 |
/// | `warm_up` | 0 steps | |
/// | learning rate | 1 (AdamW: 0.0025) | ≥ 0 |
///
/// Equal to `optax.contrib.schedule_free_sgd` and `schedule_free_adamw`, warm-up included. A [`Trainer`](crate::Trainer)
/// evaluates the average, and gives it back in [`Run::average`](crate::Run::average). Leave the learning rate constant.
///
/// Source: A. Defazio et al., *The Road Less Scheduled*, arXiv 2405.15682 (2024).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct ScheduleFree<Adaptive = Off> {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    decay: f64,
    power: f64,
    warm_up: u64,
    adaptive: Adaptive,
}

impl ScheduleFree {
    /// Schedule-free SGD with the defaults of the table.
    pub fn sgd() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            decay: 0.0,
            power: 2.0,
            warm_up: 0,
            adaptive: Off,
        }
    }

    /// Schedule-free AdamW with the defaults of the table.
    pub fn adamw() -> ScheduleFree<On> {
        let Self {
            beta1,
            beta2,
            epsilon,
            decay,
            power,
            warm_up,
            ..
        } = Self::sgd();
        ScheduleFree {
            beta1,
            beta2,
            epsilon,
            decay,
            power,
            warm_up,
            adaptive: On,
        }
    }
}

impl<A> ScheduleFree<A> {
    /// Sets β₁, how near to the average gradients are taken. Default: 0.9.
    pub fn beta1(mut self, beta1: f64) -> Self {
        self.beta1 = beta1;
        self
    }

    /// Sets λ, the weight decay. Default: 0.
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.decay = decay;
        self
    }

    /// Sets p, how much steps of a larger rate weigh in the average. Default: 2.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Lets the rate rise from 0 over so many steps. Default: 0.
    pub fn warm_up(mut self, steps: u64) -> Self {
        self.warm_up = steps;
        self
    }
}

impl ScheduleFree<On> {
    /// Sets β₂, how much of the second moment is kept at each step. Default: 0.999.
    pub fn beta2(mut self, beta2: f64) -> Self {
        self.beta2 = beta2;
        self
    }

    /// Sets ε, added to the corrected root. Default: 1e-8.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Coefficients<F> {
    first: bool,
    rate: F,
    decay: F,
    beta1: F,
    rest1: F,
    beta2: F,
    rest2: F,
    correction: F,
    epsilon: F,
    share: F,
}

impl<F: Scalar, A: Switch> Rule<F> for ScheduleFree<A> {
    type Slots = ([F; 1], A::Slot<F>);
    type Coefficients = Coefficients<F>;
    const FROM_FIRST: bool = true;

    fn name(&self) -> &'static str {
        if A::ON {
            "schedule-free-adamw"
        } else {
            "schedule-free-sgd"
        }
    }

    fn default_rate(&self) -> f64 {
        if A::ON { 2.5e-3 } else { 1.0 }
    }

    fn buffers(&self) -> Vec<Buffer> {
        let mut buffers = vec![Buffer::zeros("z")];
        buffers.extend(A::ON.then(|| Buffer::zeros("second_moment")));
        buffers
    }

    fn validate(&self) -> Result<(), Error> {
        check::require(
            self.beta1 > 0.0 && self.beta1 < 1.0,
            "beta1",
            self.beta1,
            "above 0 and below 1",
        )?;
        check::below_one("beta2", self.beta2)?;
        check::non_negative("epsilon", self.epsilon)?;
        check::non_negative("weight_decay", self.decay)?;
        check::non_negative("power", self.power)
    }

    /// The largest rate so far, the sum of its powers, and this step's share in the average.
    fn remember(&self, now: Moment) -> Memory {
        let [largest, sum, ..] = now.memory;
        let rate = match self.warm_up {
            0 => now.learning_rate,
            steps => now.learning_rate * (now.step as f64 / steps as f64).min(1.0),
        };
        let largest = largest.max(rate);
        let weight = largest.powf(self.power);
        let sum = sum + weight;
        [largest, sum, if sum > 0.0 { weight / sum } else { 0.0 }, 0.0]
    }

    fn coefficients(&self, now: Moment) -> Coefficients<F> {
        let beta2 = now.beta2.unwrap_or(self.beta2);
        // The steps of z lag one behind in the warm-up: the first does not move.
        let rate = match self.warm_up {
            0 => now.learning_rate,
            steps => now.learning_rate * ((now.step - 1) as f64 / steps as f64).min(1.0),
        };
        let decay = now.decay(self.decay);
        Coefficients {
            first: now.step == 1,
            rate: F::of(rate),
            decay: F::of(decay),
            beta1: F::of(self.beta1),
            rest1: F::of(1.0 - self.beta1),
            beta2: F::of(beta2),
            rest2: F::of(1.0 - beta2),
            correction: F::of(1.0 / now.correction(beta2).sqrt()),
            epsilon: positive_epsilon(self.epsilon),
            share: F::of(now.memory[2]),
        }
    }

    fn averages(&self) -> bool {
        true
    }

    fn average(&self, weight: F, ([z], _): &Self::Slots) -> F {
        (weight - F::of(1.0 - self.beta1) * *z) / F::of(self.beta1)
    }

    #[inline(always)]
    fn update(c: &Coefficients<F>, weight: &mut F, gradient: F, ([z], second): &mut Self::Slots) {
        let start = if c.first { *weight } else { *z };
        let average = (*weight - c.rest1 * start) / c.beta1;
        let mut direction = gradient;
        if let Some(second) = A::slot(second) {
            *second = c.beta2 * *second + c.rest2 * (gradient * gradient);
            direction = gradient / (second.sqrt() * c.correction + c.epsilon);
        }
        *z = start - c.rate * (direction + c.decay * *weight);
        let average = average + c.share * (*z - average);
        *weight = c.beta1 * average + c.rest1 * *z;
    }
}
