//! Axes: where a value lies, and which values are labelled.

/// A range of values along one side of a picture.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values and labels.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// In equal steps, with at most about so many ticks.
    pub(super) fn linear(low: f64, high: f64, ticks: usize) -> Self {
        let (low, high) = widened(low, high);
        let rough = (high - low) / ticks.max(1) as f64;
        let magnitude = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * magnitude);
        let step = steps
            .into_iter()
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(rough);
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        let ticks = (0..=(last - first).max(0.0) as usize)
            .map(|i| (first + i as f64) * step)
            .map(|value| (value, label(value, step)))
            .collect();
        Self {
            low,
            high,
            logarithmic: false,
            ticks,
        }
    }

    /// By orders of magnitude. Both ends are above 0.
    pub(super) fn logarithmic(low: f64, high: f64, ticks: usize) -> Self {
        let (low, high) = if high > low * 1.001 {
            (low, high)
        } else {
            (low / 2.0, low * 2.0)
        };
        let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let inside = |value: &f64| (low * 0.999_999..=high * 1.000_001).contains(value);
        let multiples = |steps: &'static [f64]| -> Vec<f64> {
            let of_power = |power| steps.iter().map(move |step| step * 10_f64.powi(power));
            powers.clone().flat_map(of_power).filter(inside).collect()
        };
        let decades = multiples(&[1.0]);
        let values = if decades.len() >= 3 {
            let every = decades.len().div_ceil(ticks.max(1));
            decades.into_iter().step_by(every).collect()
        } else {
            let few = multiples(&[1.0, 3.0]);
            if few.len() >= 3 {
                few
            } else {
                multiples(&[1.0, 2.0, 5.0])
            }
        };
        let mut ticks: Vec<(f64, String)> = values
            .into_iter()
            .map(|value| (value, label(value, value)))
            .collect();
        if ticks.len() < 2 {
            ticks = Self::linear(low, high, ticks.len().max(3)).ticks;
            ticks.retain(|(value, _)| *value > 0.0);
        }
        Self {
            low,
            high,
            logarithmic: true,
            ticks,
        }
    }

    /// A place for each name, at 0, 1, 2 and so on.
    pub(super) fn of_names(names: &[String]) -> Self {
        Self {
            low: -0.5,
            high: names.len() as f64 - 0.5,
            logarithmic: false,
            ticks: names
                .iter()
                .enumerate()
                .map(|(i, name)| (i as f64, name.clone()))
                .collect(),
        }
    }

    /// How far along the axis a value lies: from 0 to 1, and beyond; `None` if it is nowhere.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.is_finite().then_some(place)
    }

    /// The same of what lies on the axis.
    pub(super) fn share(&self, value: f64) -> Option<f64> {
        self.place(value)
            .filter(|share| (-1e-6..=1.0 + 1e-6).contains(share))
    }
}

/// A range that is not empty.
fn widened(low: f64, high: f64) -> (f64, f64) {
    if high - low > 1e-9 * low.abs().max(high.abs()) {
        return (low, high);
    }
    let pad = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
    (low - pad, high + pad)
}

/// A number as short as it can be at this precision: 0.05, 20, 2×10⁻⁵.
pub(super) fn label(value: f64, precision: f64) -> String {
    let size = value.abs();
    if size < precision * 1e-6 {
        return "0".into();
    }
    let digits = |precision: f64| (-precision.log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize;
    if (1e-3..1e5).contains(&size) {
        return format!("{value:.*}", digits(precision)).replace('-', "−");
    }
    let power = (size.log10() + 1e-9).floor();
    let unit = 10_f64.powf(power);
    let mantissa = format!("{:.*}", digits(precision / unit), value / unit).replace('-', "−");
    let factor = match mantissa.as_str() {
        "1" => String::new(),
        "−1" => "−".into(),
        _ => format!("{mantissa}×"),
    };
    format!("{factor}10{}", superscript(power as i32))
}

/// The same of a number of few digits: 0.05, 1.5, 300.
pub(super) fn short_label(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let unit = 10_f64.powf((value.abs().log10() + 1e-9).floor());
    let whole = |precision: f64| (value / precision - (value / precision).round()).abs() < 1e-6;
    let precision = [unit, unit / 10.0]
        .into_iter()
        .find(|&precision| whole(precision));
    label(value, precision.unwrap_or(unit / 100.0))
}

fn superscript(number: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raised = |digit: char| {
        digit
            .to_digit(10)
            .and_then(|digit| DIGITS.get(digit as usize))
            .map_or('⁻', |digit| *digit)
    };
    number.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(
            labels(&Axis::linear(0.0, 60.0, 6)),
            ["0", "10", "20", "30", "40", "50", "60"]
        );
        assert_eq!(
            labels(&Axis::linear(-0.3, 0.31, 4)),
            ["−0.2", "0.0", "0.2"].map(|x| if x == "0.0" { "0" } else { x })
        );
        assert_eq!(labels(&Axis::linear(0.912, 0.974, 4)), ["0.92", "0.94", "0.96"]);
        assert_eq!(labels(&Axis::linear(0.0, 3e6, 3)), ["0", "10⁶", "2×10⁶", "3×10⁶"]);
        assert_eq!(labels(&Axis::logarithmic(2e-6, 5.0, 4)), ["10⁻⁵", "0.001", "0.1"]);
        assert_eq!(labels(&Axis::logarithmic(0.2, 20.0, 6)), ["0.3", "1", "3", "10"]);
        assert_eq!(labels(&Axis::logarithmic(0.9, 6.0, 6)), ["1", "2", "5"]);
        assert!(Axis::logarithmic(3.0, 3.0, 4).ticks.len() >= 2);
        assert!(Axis::linear(5.0, 5.0, 4).ticks.len() >= 2);
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        let labels = [0.05, 1.5, 300.0, -0.02, 2e-7, 1.25, 0.0].map(short_label);
        assert_eq!(labels, ["0.05", "1.5", "300", "−0.02", "2×10⁻⁷", "1.25", "0"]);
    }

    #[test]
    fn values_outside_have_no_place() {
        let axis = Axis::logarithmic(0.01, 1.0, 4);
        assert!((axis.share(0.1).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(
            (axis.share(0.0), axis.share(-1.0), axis.share(2.0)),
            (None, None, None)
        );
        assert_eq!(Axis::linear(0.0, 1.0, 4).share(f64::NAN), None);
        assert_eq!(Axis::linear(0.0, 4.0, 4).share(1.0), Some(0.25));
    }
}
