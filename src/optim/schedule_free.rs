//! Schedule-free learning: an average in place of a falling learning rate.

use super::{
    Memory, Moment, MovingAverage, On, Rule, Switch, positive_epsilon,
    settings::{described, settings},
};
use crate::Scalar;

settings! {
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
    /// ```
    /// use downhill::{Function, Trainer, optim::ScheduleFree};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(ScheduleFree::adamw()).learning_rate(0.1).steps(500).minimize(square)?;
    /// assert!(run.average.is_some_and(|average| average.norm() < 0.05));
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: A. Defazio et al., *The Road Less Scheduled*, arXiv 2405.15682 (2024).
    pub struct ScheduleFree<adaptive: Adaptive> {
        /// Sets β₁, how near to the average gradients are taken. Default: 0.9.
        beta1 = 0.9, inside_share;
        /// Sets λ, the weight decay. Default: 0.
        weight_decay = 0.0, non_negative, as weight_decay;
        /// Sets p, how much steps of a larger rate weigh in the average. Default: 2.
        power = 2.0, non_negative;
    }
    also {
        /// Lets the rate rise from 0 over so many steps. Default: 0.
        warm_up: u64 = 0;
    }
    with beta2: f64 = 0.999, below_one, as beta2 if Adaptive;
    with epsilon: f64 = 1e-8, non_negative;
    made by sgd;
}

impl ScheduleFree {
    /// Schedule-free SGD with the defaults of the table.
    pub fn sgd() -> Self {
        Self::defaults()
    }

    /// Schedule-free AdamW with the defaults of the table.
    pub fn adamw() -> ScheduleFree<On> {
        Self::defaults().switch(On)
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

impl<A: Switch> ScheduleFree<A> {
    /// The learning rate of a step, counted from 0 in the warm-up.
    fn warmed(&self, now: &Moment, step: u64) -> f64 {
        match self.warm_up {
            0 => now.learning_rate,
            steps => now.learning_rate * (step as f64 / steps as f64).min(1.0),
        }
    }
}

impl<F: Scalar, A: Switch> Rule<F> for ScheduleFree<A> {
    type Slots = ([F; 1], A::Slot<F>);
    /// Whether this is the first step; the averages; the rate, λ, the share in the average, the correction, ε.
    type Coefficients = (bool, [MovingAverage<F>; 2], [F; 5]);
    const FROM_FIRST: bool = true;
    described!(
        if A::ON { "schedule-free-adamw" } else { "schedule-free-sgd" },
        if A::ON { 2.5e-3 } else { 1.0 },
        ["z"; A: "second_moment"]
    );

    /// The largest rate so far, the sum of its powers, and this step's share in the average.
    fn remember(&self, now: Moment) -> Memory {
        let [largest, sum, ..] = now.memory;
        let largest = largest.max(self.warmed(&now, now.step));
        let weight = largest.powf(self.power);
        let sum = sum + weight;
        [largest, sum, if sum > 0.0 { weight / sum } else { 0.0 }, 0.0]
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let rule = self.in_force(&now);
        let [beta1, beta2] = [rule.beta1, rule.beta2];
        // The steps of z lag one behind in the warm-up: the first does not move.
        let rate = self.warmed(&now, now.step - 1);
        let correction = 1.0 / now.correction(beta2).sqrt();
        let [rate, decay, share, correction] =
            [rate, rule.weight_decay, now.memory[2], correction].map(F::of);
        let epsilon = positive_epsilon(self.epsilon);
        let means = [beta1, beta2].map(MovingAverage::new);
        (now.step == 1, means, [rate, decay, share, correction, epsilon])
    }

    fn averages(&self) -> bool {
        true
    }

    fn average(&self, weight: F, ([z], _): &Self::Slots) -> F {
        (weight - F::of(1.0 - self.beta1) * *z) / F::of(self.beta1)
    }

    #[inline(always)]
    fn update(c: &Self::Coefficients, weight: &mut F, gradient: F, ([z], second): &mut Self::Slots) {
        let &(first, [near, square_mean], [rate, decay, share, correction, epsilon]) = c;
        let start = if first { *weight } else { *z };
        let average = (*weight - near.fresh * start) / near.kept;
        let mut direction = gradient;
        if let Some(second) = A::slot(second) {
            square_mean.add(second, gradient * gradient);
            direction = gradient / (second.sqrt() * correction + epsilon);
        }
        *z = start - rate * (direction + decay * *weight);
        let average = average + share * (*z - average);
        *weight = near.kept * average + near.fresh * *z;
    }
}
