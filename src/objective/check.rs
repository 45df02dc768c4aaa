//! Is the gradient right?

use super::Objective;
use rand::{SeedableRng, rngs::ChaCha12Rng};

use crate::{Error, Gradient, Params, Scalar, data::Batch, model::check_layout};

/// What [`check_gradient`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GradientCheck {
    /// The largest `|analytic − numeric| / max(1, |analytic|, |numeric|)`.
    pub largest_error: f64,
    /// In which tensor, and at which of its elements (in memory order), that is.
    pub at: (String, usize),
    /// The gradient there as the objective gives it.
    pub analytic: f64,
    /// The gradient there by central differences.
    pub numeric: f64,
}

/// Compares the gradient of a batch with central differences, `(L(θ + h) − L(θ − h)) / 2h` with
/// `h = step · max(1, |θ|)`, one weight at a time.
///
/// In `f64` a `step` of 1e-6 agrees to about 1e-8 for a smooth objective.
///
/// # Errors
/// [`Error::InvalidArgument`] for a step that is not above 0 or a batch that is not of the objective's terms,
/// [`Error::Foreign`] for parameters of another layout, and the objective's own errors.
///
/// ```
/// use downhill::{Function, Params, data::Batch, objective::check_gradient};
///
/// let mut cube = Function::new(vec![2.0], |x: &[f64], g: &mut [f64]| { g[0] = 3.0 * x[0] * x[0]; x[0].powi(3) });
/// let report = check_gradient(&mut cube, &Params::from(vec![2.0]), &Batch::Range(0..1), 1e-6)?;
/// assert!(report.largest_error < 1e-8);
/// # Ok::<(), downhill::Error>(())
/// ```
pub fn check_gradient<F: Scalar, O: Objective<F>>(
    objective: &mut O,
    params: &Params<F>,
    batch: &Batch<'_>,
    step: f64,
) -> Result<GradientCheck, Error> {
    crate::error::check::positive("step", step)?;
    let start = objective.start(&mut ChaCha12Rng::seed_from_u64(0));
    check_layout("params", params.layout(), start.layout())?;
    batch.check(objective.terms())?;
    objective.prepare(batch.len())?;
    let mut gradient = Gradient::zeros(params.layout());
    objective.value_and_gradient(params, batch, &mut gradient)?;
    let mut unused = gradient.clone();
    let mut moved = params.clone();
    let mut report = GradientCheck {
        largest_error: 0.0,
        at: (String::new(), 0),
        analytic: 0.0,
        numeric: 0.0,
    };
    for tensor in params.layout().tensors() {
        for (element, i) in tensor.range().enumerate() {
            let weight = params.as_slice()[i];
            let h = F::of(step) * weight.abs().max(F::one());
            // The two points as they are after rounding: their true distance divides.
            let (above, below) = (weight + h, weight - h);
            let mut at = |x: F| {
                moved.as_mut_slice()[i] = x;
                objective.value_and_gradient(&moved, batch, &mut unused)
            };
            let rise = (at(above)? - at(below)?).to_f64_exact();
            moved.as_mut_slice()[i] = weight;
            let numeric = rise / (above - below).to_f64_exact();
            let analytic = gradient.as_slice()[i].to_f64_exact();
            let error = (analytic - numeric).abs() / analytic.abs().max(numeric.abs()).max(1.0);
            if error.is_nan() || error > report.largest_error || report.at.0.is_empty() {
                let at = (tensor.name().to_string(), element);
                report = GradientCheck {
                    largest_error: error,
                    at,
                    analytic,
                    numeric,
                };
                if error.is_nan() {
                    return Ok(report);
                }
            }
        }
    }
    Ok(report)
}
