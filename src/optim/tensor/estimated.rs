//! What the rules share that find their learning rate themselves: Adam's step, and an estimate that only grows.

use super::Tensor;
use crate::{Scalar, optim::Moment};

/// Before a step: d, the estimate of the distance to the solution, and `e = d η √(1 − β₂ᵗ) / (1 − β₁ᵗ)`.
pub(super) struct Estimate {
    pub(super) distance: f64,
    pub(super) rate: f64,
}

impl Estimate {
    /// From the estimate remembered, or the initial one.
    pub(super) fn before(now: &Moment, initial: f64, [beta1, beta2]: [f64; 2]) -> Self {
        let distance = if now.step == 1 { initial } else { now.memory[0] };
        Self::of(now, distance, [beta1, beta2])
    }

    pub(super) fn of(now: &Moment, distance: f64, [beta1, beta2]: [f64; 2]) -> Self {
        let rate = distance * now.learning_rate * now.correction(beta2).sqrt() / now.correction(beta1);
        Self { distance, rate }
    }
}

/// `w ← w − λ w − η m / (√v + ε)`; the moments are the first two buffers.
#[inline(always)]
pub(super) fn follow_moments<F: Scalar>(mut tensor: Tensor<'_, F>, [decay, rate, epsilon]: [F; 3]) {
    let (weights, _, buffers) = tensor.split();
    let [(_, first), (_, second), ..] = buffers else {
        return;
    };
    for ((weight, first), second) in weights.iter_mut().zip(first).zip(second) {
        *weight -= decay * *weight + rate * *first / (second.sqrt() + epsilon);
    }
}
