//! Groups: tensors, chosen by name, that move at another rate, decay differently, or stay.

use std::ops::Range;

use crate::{Error, Layout, error::check};

/// Settings for the tensors whose names match a pattern.
///
/// In a pattern `*` stands for any characters, also none: `"*bias"` (`bias` as well as `layer1/bias`), `"hidden*"`, `"*"`.
/// Where several groups match a name, the last one given counts. The pattern is resolved once, when the state of a run is made.
///
/// ```
/// use downhill::Group;
/// // Twice the learning rate and no weight decay on every bias; the first layer stays as it is.
/// let groups = [Group::new("*bias").rate(2.0).decay(0.0), Group::new("layer1/*").frozen()];
/// # let _ = groups;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Group {
    pattern: String,
    factors: Factors,
    frozen: bool,
}

/// By what a group's learning rate and weight decay are multiplied. Defaults: 1 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// Multiplies the learning rate.
    pub rate: f64,
    /// Multiplies the weight decay.
    pub decay: f64,
}

impl Default for Factors {
    fn default() -> Self {
        Self {
            rate: 1.0,
            decay: 1.0,
        }
    }
}

impl Group {
    /// The tensors whose names match `pattern`, so far without a setting of their own.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            factors: Factors::default(),
            frozen: false,
        }
    }

    /// Multiplies the learning rate by `factor`, at least 0. Default: 1.
    pub fn rate(mut self, factor: f64) -> Self {
        self.factors.rate = factor;
        self
    }

    /// Multiplies the weight decay by `factor`, at least 0. Default: 1.
    pub fn decay(mut self, factor: f64) -> Self {
        self.factors.decay = factor;
        self
    }

    /// Leaves these tensors, and the optimiser's memory of them, as they are.
    pub fn frozen(mut self) -> Self {
        self.frozen = true;
        self
    }
}

/// A run of weights that are treated alike. `None`: frozen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Segment {
    pub(crate) range: Range<usize>,
    pub(crate) factors: Option<Factors>,
}

/// Cuts the layout into as few segments as possible, so that many small tensors cost what one vector costs.
pub(crate) fn resolve(layout: &Layout, groups: &[Group]) -> Result<Vec<Segment>, Error> {
    for group in groups {
        check::non_negative(
            &format!("rate of the group {:?}", group.pattern),
            group.factors.rate,
        )?;
        check::non_negative(
            &format!("decay of the group {:?}", group.pattern),
            group.factors.decay,
        )?;
        if !layout
            .tensors()
            .iter()
            .any(|tensor| matches(&group.pattern, tensor.name()))
        {
            return Err(layout.unknown(&group.pattern));
        }
    }
    let mut segments: Vec<Segment> = Vec::new();
    for tensor in layout.tensors() {
        let group = groups
            .iter()
            .rev()
            .find(|group| matches(&group.pattern, tensor.name()));
        let factors = match group {
            Some(group) => (!group.frozen).then_some(group.factors),
            None => Some(Factors::default()),
        };
        match segments.last_mut() {
            Some(last) if last.factors == factors => last.range.end = tensor.range().end,
            _ => segments.push(Segment {
                range: tensor.range(),
                factors,
            }),
        }
    }
    Ok(segments)
}

/// Whether `name` fits `pattern`, in which `*` stands for any characters.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("*", "a/b", true),
            ("*", "", true),
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("*/bias", "hidden/bias", true),
            ("*/bias", "bias", false),
            ("hid*bias", "hidden/bias", true),
            ("ab*ba", "aba", false),
            ("*a*a*", "banana", true),
            ("*x*", "banana", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn neighbours_treated_alike_become_one_segment() {
        let mut layout = Layout::new();
        for name in ["a/weight", "a/bias", "b/weight", "b/bias"] {
            layout.add(name, 3).unwrap();
        }
        assert_eq!(
            resolve(&layout, &[]).unwrap(),
            [Segment {
                range: 0..12,
                factors: Some(Factors::default())
            }]
        );
        let segments = resolve(&layout, &[Group::new("b/*").frozen()]).unwrap();
        assert_eq!(segments.len(), 2);
        assert_eq!(
            segments[1],
            Segment {
                range: 6..12,
                factors: None
            }
        );
    }
}
