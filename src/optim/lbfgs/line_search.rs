//! A line search for the strong Wolfe conditions, by bracketing and zooming with cubic interpolation: PyTorch's.
//!
//! Source: J. Nocedal and S. Wright, *Numerical Optimization* (2006), algorithms 3.5 and 3.6.

use crate::Error;

/// What is known at one length along a direction.
#[derive(Debug, Clone)]
pub(super) struct Point<F> {
    pub(super) length: f64,
    pub(super) value: f64,
    /// The derivative along the direction.
    pub(super) slope: f64,
    pub(super) gradient: Vec<F>,
    /// The value in its own type.
    pub(super) exact: F,
}

/// By how much a value must fall, as a share of what the slope promises.
const FALL: f64 = 1e-4;
/// How much of the slope may be left.
const FLAT: f64 = 0.9;

/// A point that satisfies the conditions, or the lowest found, and the number of evaluations.
pub(super) fn strong_wolfe<F: Clone>(
    look: &mut dyn FnMut(f64) -> Result<Point<F>, Error>,
    start: Point<F>,
    length: f64,
    size: f64,
    tolerance: f64,
    budget: u64,
) -> Result<(Point<F>, u64), Error> {
    let falls = |point: &Point<F>| point.value <= start.value + FALL * point.length * start.slope;
    let is_flat = |point: &Point<F>| point.slope.abs() <= -FLAT * start.slope;
    let (mut previous, mut point) = (start.clone(), look(length)?);
    let (mut evaluations, mut tries) = (1, 0);

    // Longer and longer, until a minimum lies between two points.
    let mut bracket = loop {
        if tries >= budget {
            break [start.clone(), point];
        }
        if !falls(&point) || (tries > 1 && point.value >= previous.value) {
            break [previous, point];
        }
        if is_flat(&point) {
            return Ok((point, evaluations));
        }
        if point.slope >= 0.0 {
            break [previous, point];
        }
        let least = point.length + 0.01 * (point.length - previous.length);
        let next = interpolate(&previous, &point, Some((least, point.length * 10.0)));
        previous = std::mem::replace(&mut point, look(next)?);
        evaluations += 1;
        tries += 1;
    };

    // Closer and closer.
    let mut stalled = false;
    let mut low = usize::from(bracket[0].value > bracket[1].value);
    while tries < budget {
        let (a, b) = (bracket[0].length, bracket[1].length);
        let (left, right) = (a.min(b), a.max(b));
        if (right - left) * size < tolerance {
            break;
        }
        let mut next = interpolate(&bracket[0], &bracket[1], None);
        let margin = 0.1 * (right - left);
        if (right - next).min(next - left) < margin {
            // Too near to an end, twice: take a step inside.
            if stalled || next >= right || next <= left {
                next = if (next - right).abs() < (next - left).abs() {
                    right - margin
                } else {
                    left + margin
                };
                stalled = false;
            } else {
                stalled = true;
            }
        } else {
            stalled = false;
        }
        let point = look(next)?;
        evaluations += 1;
        tries += 1;
        let high = 1 - low;
        if !falls(&point) || point.value >= bracket[low].value {
            bracket[high] = point;
            low = usize::from(bracket[0].value > bracket[1].value);
        } else {
            let done = is_flat(&point);
            if !done && point.slope * (bracket[high].length - bracket[low].length) >= 0.0 {
                bracket[high] = bracket[low].clone();
            }
            bracket[low] = point;
            if done {
                break;
            }
        }
    }
    let [first, second] = bracket;
    Ok((if low == 0 { first } else { second }, evaluations))
}

/// Where the cubic through two points with their slopes has its minimum, within bounds; half way where it has none.
fn interpolate<F>(a: &Point<F>, b: &Point<F>, bounds: Option<(f64, f64)>) -> f64 {
    let (x1, x2) = (a.length, b.length);
    let (least, most) = bounds.unwrap_or((x1.min(x2), x1.max(x2)));
    let d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (x1 - x2);
    let square = d1 * d1 - a.slope * b.slope;
    if square < 0.0 || square.is_nan() {
        return (least + most) / 2.0;
    }
    let d2 = square.sqrt();
    let position = if x1 <= x2 {
        x2 - (x2 - x1) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2))
    } else {
        x1 - (x1 - x2) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2.0 * d2))
    };
    position.max(least).min(most)
}
