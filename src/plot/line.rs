//! Lines on their way to whole pixels.

/// The part of a segment that lies in the unit square (Liang and Barsky).
pub(super) fn clip(from: [f64; 2], to: [f64; 2]) -> Option<([f64; 2], [f64; 2])> {
    let (mut start, mut end) = (0.0_f64, 1.0_f64);
    for i in 0..2 {
        let step = to[i] - from[i];
        let (mut enter, mut leave) = ((0.0 - from[i]) / step, (1.0 - from[i]) / step);
        if step == 0.0 {
            let inside = (0.0..=1.0).contains(&from[i]);
            (enter, leave) = if inside { (0.0, 1.0) } else { (1.0, 0.0) };
        } else if step < 0.0 {
            std::mem::swap(&mut enter, &mut leave);
        }
        (start, end) = (start.max(enter), end.min(leave));
    }
    let at = |share: f64| [0, 1].map(|i| from[i] + share * (to[i] - from[i]));
    (start <= end).then(|| (at(start), at(end)))
}

/// A line in whole pixels, without the points close to each other that lie between others on a straight line: rounded, they
/// would be a staircase.
pub(super) fn smooth(points: &[(f64, f64)]) -> Vec<(i32, i32)> {
    const REACH: f64 = 32.0;
    const DEVIATION: f64 = 0.4;
    // So that work does not grow with the square of what falls on one spot.
    const MOST: usize = 64;
    let mut since = 0;
    let mut kept: Vec<(i32, i32)> = Vec::new();
    for (place, &point) in points.iter().enumerate() {
        let follows = match points.get(place + 1) {
            Some(&next) if place > 0 => {
                let from = points[since];
                let straight = |&between: &(f64, f64)| from_segment(between, from, next) <= DEVIATION;
                place - since < MOST
                    && distance(from, next) <= REACH
                    && points[since + 1..=place].iter().all(straight)
            }
            _ => false,
        };
        let pixel = (point.0.round() as i32, point.1.round() as i32);
        if !follows {
            since = place;
            if kept.last() != Some(&pixel) {
                kept.push(pixel);
            }
        }
    }
    kept
}

pub(super) fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// How far a point is from a segment.
fn from_segment(point: (f64, f64), from: (f64, f64), to: (f64, f64)) -> f64 {
    let (along, away) = (
        (to.0 - from.0, to.1 - from.1),
        (point.0 - from.0, point.1 - from.1),
    );
    let length = along.0 * along.0 + along.1 * along.1;
    let share = (along.0 * away.0 + along.1 * away.1) / length.max(f64::MIN_POSITIVE);
    let share = share.clamp(0.0, 1.0);
    distance(away, (share * along.0, share * along.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_lines_have_few_points_and_all_their_corners() {
        // A slope of one pixel in ten, point by point: no stairs.
        let slope: Vec<(f64, f64)> = (0..=100).map(|x| (f64::from(x), f64::from(x) / 10.0)).collect();
        let kept = smooth(&slope);
        assert!(kept.len() < 10 && kept.first() == Some(&(0, 0)) && kept.last() == Some(&(100, 10)));
        assert!(kept.windows(2).all(|pair| pair[1].1 > pair[0].1), "{kept:?}");
        // A spike and a corner stay.
        let spike = [
            (0.0, 0.0),
            (1.0, 0.0),
            (2.0, 9.0),
            (3.0, 0.0),
            (4.0, 0.0),
            (4.0, 8.0),
        ];
        assert_eq!(smooth(&spike), [(0, 0), (1, 0), (2, 9), (3, 0), (4, 0), (4, 8)]);
        // There and back on the same line.
        assert_eq!(
            smooth(&[(0.0, 0.0), (5.0, 0.0), (2.0, 0.0)]),
            [(0, 0), (5, 0), (2, 0)]
        );
        assert_eq!(smooth(&vec![(3.0, 3.0); 10_000]), [(3, 3)]);
    }
}
