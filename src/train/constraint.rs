//! Constraints and penalties that are kept after each step.

use crate::{Error, Scalar, error::check, optim::clamp};

/// What is done to a tensor after each step: a projection onto a set, or a proximal step for a penalty.
///
/// Projections put the weights back into a set, at the nearest point: before the first step, after each, and once more where an
/// average is taken of them. Proximal steps minimise `η R(w)` next to the weights, with η the learning rate of the step and of
/// the tensor's [`Group`](crate::Group), which makes exact zeros. Frozen tensors stay as they are.
///
/// With an adaptive rule (Adam and its like) η is still the one rate given, and nearness is still Euclidean. Sets and
/// penalties of single weights (`NonNegative`, `Box`, `MaxBall`, `L1`) then still lead to a stationary point of their kind;
/// on sets that tie weights together (a simplex, a ball) use a plain rule or momentum, whose steps the projection fits.
///
/// | constraint | set or penalty R |
/// |---|---|
/// | [`NonNegative`](Constraint::NonNegative) | `w ≥ 0` |
/// | [`Box`](Constraint::Box) | `low ≤ w ≤ high` |
/// | [`Simplex`](Constraint::Simplex) | `w ≥ 0`, `Σ w = sum` |
/// | [`L1Ball`](Constraint::L1Ball), [`L2Ball`](Constraint::L2Ball), [`MaxBall`](Constraint::MaxBall) | `‖w‖ ≤ radius` |
/// | [`L1`](Constraint::L1) | `λ ‖w‖₁`: soft threshold |
/// | [`ElasticNet`](Constraint::ElasticNet) | `λ₁ ‖w‖₁ + λ₂/2 ‖w‖²` |
/// | [`GroupLasso`](Constraint::GroupLasso) | `λ Σ ‖row‖`, over the rows of the first axis |
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, train::Constraint};
/// // The point of the simplex nearest to (1, 0.8, −2).
/// let distance = Function::new(vec![0.0; 3], |w: &[f64], g: &mut [f64]| {
///     [1.0, 0.8, -2.0].iter().zip(w).zip(g).map(|((c, w), g)| { *g = 2.0 * (w - c); (w - c).powi(2) }).sum()
/// });
/// let run = Trainer::new(GradientDescent)
///     .learning_rate(0.1)
///     .constrain("x", Constraint::Simplex { sum: 1.0 })
///     .steps(200)
///     .minimize(distance)?;
/// let expected = [0.6, 0.4, 0.0];
/// assert!(run.params.as_slice().iter().zip(expected).all(|(w, e)| (w - e).abs() < 1e-9));
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source for the simplex and the L1 ball: J. Duchi et al., *Efficient Projections onto the ℓ1-Ball* (ICML 2008).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Constraint {
    /// Every weight at least 0.
    NonNegative,
    /// Every weight between two bounds.
    Box {
        /// The lower bound.
        low: f64,
        /// The upper bound.
        high: f64,
    },
    /// Weights at least 0 with a given sum.
    Simplex {
        /// The sum, above 0.
        sum: f64,
    },
    /// `Σ |w|` at most this radius, above 0.
    L1Ball(f64),
    /// `√(Σ w²)` at most this radius, above 0.
    L2Ball(f64),
    /// `max |w|` at most this radius, above 0.
    MaxBall(f64),
    /// The penalty `λ Σ |w|`, λ at least 0.
    L1(f64),
    /// The penalty `λ₁ Σ |w| + λ₂/2 Σ w²`, both at least 0.
    ElasticNet {
        /// λ₁.
        l1: f64,
        /// λ₂.
        l2: f64,
    },
    /// The penalty `λ Σ ‖row‖₂` over the rows of the first axis, λ at least 0: whole inputs of a layer fall away.
    GroupLasso(f64),
}

impl Constraint {
    /// Whether the settings are legal.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if they are not.
    pub fn validate(&self) -> Result<(), Error> {
        match *self {
            Constraint::NonNegative => Ok(()),
            Constraint::Box { low, high } => check::require(
                low <= high,
                "low of Constraint::Box",
                low,
                &format!("at most high, {high}"),
            ),
            Constraint::Simplex { sum } => check::positive("sum of Constraint::Simplex", sum),
            Constraint::L1Ball(r) | Constraint::L2Ball(r) | Constraint::MaxBall(r) => {
                check::positive("radius", r)
            }
            Constraint::L1(l) | Constraint::GroupLasso(l) => {
                check::non_negative("strength of the penalty", l)
            }
            Constraint::ElasticNet { l1, l2 } => {
                check::non_negative("l1 of Constraint::ElasticNet", l1)?;
                check::non_negative("l2 of Constraint::ElasticNet", l2)
            }
        }
    }

    /// Applies it to the values of a tensor with `rows` rows, after a step of this learning rate; with a rate of 0 only a
    /// projection does anything. A NaN stays one.
    pub fn apply<F: Scalar>(&self, values: &mut [F], rows: usize, learning_rate: f64) {
        let bound = |values: &mut [F], low: f64, high: f64| {
            let (low, high) = (F::of(low), F::of(high));
            values.iter_mut().for_each(|w| *w = clamp(*w, low, high));
        };
        match *self {
            Constraint::NonNegative => bound(values, 0.0, f64::INFINITY),
            Constraint::Box { low, high } => bound(values, low, high),
            Constraint::MaxBall(radius) => bound(values, -radius, radius),
            Constraint::Simplex { sum } => {
                let shift = simplex_shift(values, sum, |w| w.to_f64_exact());
                values.iter_mut().for_each(|w| *w -= F::of(shift));
                bound(values, 0.0, f64::INFINITY);
            }
            Constraint::L1Ball(radius) => {
                let norm: f64 = values.iter().map(|w| w.to_f64_exact().abs()).sum();
                if norm > radius {
                    let threshold = simplex_shift(values, radius, |w| w.to_f64_exact().abs());
                    shrink(values, threshold);
                }
            }
            Constraint::L2Ball(radius) => {
                let norm = crate::transform::Norm::L2.of(values);
                if norm > radius {
                    let factor = F::of(radius / norm);
                    values.iter_mut().for_each(|w| *w *= factor);
                }
            }
            Constraint::L1(strength) => shrink(values, learning_rate * strength),
            Constraint::ElasticNet { l1, l2 } => {
                shrink(values, learning_rate * l1);
                let factor = F::of(1.0 / (1.0 + learning_rate * l2));
                values.iter_mut().for_each(|w| *w *= factor);
            }
            Constraint::GroupLasso(strength) => {
                let columns = (values.len() / rows.max(1)).max(1);
                for row in values.chunks_mut(columns) {
                    let norm = crate::transform::Norm::L2.of(row);
                    let factor = if norm > 0.0 {
                        (1.0 - learning_rate * strength / norm).max(0.0)
                    } else {
                        0.0
                    };
                    row.iter_mut().for_each(|w| *w *= F::of(factor));
                }
            }
        }
    }
}

/// The soft threshold: every value nearer to zero by `threshold`, and zero if it would pass it.
fn shrink<F: Scalar>(values: &mut [F], threshold: f64) {
    let threshold = F::of(threshold);
    values
        .iter_mut()
        .for_each(|w| *w -= clamp(*w, -threshold, threshold));
}

/// The τ with `Σ max(0, size(w) − τ) = sum`, found among the sorted sizes.
fn simplex_shift<F: Copy>(values: &[F], sum: f64, size: impl Fn(F) -> f64) -> f64 {
    let mut sizes: Vec<f64> = values.iter().map(|&w| size(w)).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let (mut partial, mut shift) = (0.0, 0.0);
    for (i, &size) in sizes.iter().enumerate() {
        partial += size;
        let candidate = (partial - sum) / (i + 1) as f64;
        if size > candidate {
            shift = candidate;
        }
    }
    shift
}
