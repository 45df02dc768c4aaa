//! State by name: what schedules, transforms and callbacks hand over to be saved.

use std::collections::BTreeMap;

use crate::Error;

/// Named numbers, counts and texts, with parts that are named too: what a [checkpoint](crate::train) keeps of a schedule, a
/// transform or a callback. Keyed by name, exact to the bit, and strict: what is missing or of another kind is an error.
///
/// ```
/// use downhill::Memo;
///
/// let mut memo = Memo::new();
/// memo.put("best", [0.25]);
/// memo.put("bad_checks", [3_u64]);
/// let mut whole = Memo::new();
/// whole.put_part("plateau", memo);
///
/// let part = whole.part("plateau");
/// assert_eq!(part.number("best")?, 0.25);
/// assert_eq!(part.count("bad_checks")?, 3);
/// assert!(part.number("worst").is_err());
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memo {
    entries: BTreeMap<String, Value>,
}

/// What stands under a name of a [`Memo`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Whole numbers.
    Counts(Vec<u64>),
    /// A text.
    Text(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl<const N: usize> From<[f64; N]> for Value {
    fn from(numbers: [f64; N]) -> Self {
        Value::Numbers(numbers.into())
    }
}

impl<const N: usize> From<[u64; N]> for Value {
    fn from(counts: [u64; N]) -> Self {
        Value::Counts(counts.into())
    }
}

impl From<Vec<f64>> for Value {
    fn from(numbers: Vec<f64>) -> Self {
        Value::Numbers(numbers)
    }
}

impl From<Vec<u64>> for Value {
    fn from(counts: Vec<u64>) -> Self {
        Value::Counts(counts)
    }
}

impl Memo {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps numbers (`[f64; N]`, `Vec<f64>`), counts (`[u64; N]`, `Vec<u64>`) or a text (`&str`) under a name.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.entries.insert(name.into(), value.into());
    }

    /// Keeps a whole memo under a name.
    pub fn put_part(&mut self, name: &str, part: Memo) {
        let entries = part.entries.into_iter();
        self.entries
            .extend(entries.map(|(key, value)| (format!("{name}/{key}"), value)));
    }

    /// What was kept by [`Memo::put_part`]; empty where there is nothing.
    #[must_use]
    pub fn part(&self, name: &str) -> Memo {
        let entries = self.entries.iter().filter_map(|(key, value)| {
            let rest = key.strip_prefix(name)?.strip_prefix('/')?;
            Some((rest.to_string(), value.clone()))
        });
        Memo {
            entries: entries.collect(),
        }
    }

    /// Whether nothing has been kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every entry with its full name, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The numbers of a name.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no such entry, or if it holds something else.
    pub fn numbers(&self, name: &str) -> Result<&[f64], Error> {
        match self.entries.get(name) {
            Some(Value::Numbers(numbers)) => Ok(numbers),
            other => Err(refuse(name, other, "numbers")),
        }
    }

    /// The counts of a name.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no such entry, or if it holds something else.
    pub fn counts(&self, name: &str) -> Result<&[u64], Error> {
        match self.entries.get(name) {
            Some(Value::Counts(counts)) => Ok(counts),
            other => Err(refuse(name, other, "counts")),
        }
    }

    /// The text of a name.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no such entry, or if it holds something else.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        match self.entries.get(name) {
            Some(Value::Text(text)) => Ok(text),
            other => Err(refuse(name, other, "a text")),
        }
    }

    /// So many numbers of a name.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there are not as many.
    pub fn array<const N: usize>(&self, name: &str) -> Result<[f64; N], Error> {
        let numbers = self.numbers(name)?;
        numbers
            .try_into()
            .map_err(|_| refuse(name, self.entries.get(name), &format!("{N} numbers")))
    }

    /// The one number of a name.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is not exactly one.
    pub fn number(&self, name: &str) -> Result<f64, Error> {
        self.array(name).map(|[number]| number)
    }

    /// The one count of a name.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is not exactly one.
    pub fn count(&self, name: &str) -> Result<u64, Error> {
        match self.counts(name)? {
            [count] => Ok(*count),
            _ => Err(refuse(name, self.entries.get(name), "one count")),
        }
    }
}

/// What errors call a memo.
pub(crate) const SAVED: &str = "the saved state";

/// The name of a type without the paths: `ReduceOnPlateau<Cyclical>`.
pub(crate) fn kind<T: ?Sized>() -> String {
    let name = std::any::type_name::<T>();
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut kind = String::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if end == 0 {
            kind.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (path, after) = rest.split_at(end);
            kind.push_str(path.rsplit("::").next().unwrap_or(path));
            rest = after;
        }
    }
    kind
}

#[cold]
fn refuse(name: &str, given: Option<&Value>, expected: &str) -> Error {
    let given = match given {
        None => "nothing".to_string(),
        Some(Value::Numbers(numbers)) => format!("{} numbers", numbers.len()),
        Some(Value::Counts(counts)) => format!("{} counts", counts.len()),
        Some(Value::Text(text)) => format!("the text {text:?}"),
    };
    Error::malformed(SAVED, name, given, expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_no_paths() {
        assert_eq!(kind::<f64>(), "f64");
        assert_eq!(
            kind::<Vec<Option<std::time::Duration>>>(),
            "Vec<Option<Duration>>"
        );
        assert_eq!(kind::<(Memo, &[String])>(), "(Memo, &[String])");
        assert_eq!(kind::<dyn crate::LrSchedule>(), "dyn LrSchedule");
    }

    #[test]
    fn parts_do_not_mix_and_wrong_kinds_are_refused() {
        let (mut whole, mut part) = (Memo::new(), Memo::new());
        part.put("best", [f64::NAN]);
        part.put("name", "accuracy");
        whole.put("a", [1_u64]);
        whole.put_part("a", part.clone());
        whole.put_part("ab", Memo::new());
        assert_eq!(whole.part("a").text("name"), Ok("accuracy"));
        assert!(whole.part("a").number("best").unwrap().is_nan());
        assert_eq!(whole.part("ab"), Memo::new());
        assert_eq!(whole.count("a"), Ok(1));
        for refused in [
            whole.number("a").map(drop),
            whole.text("a").map(drop),
            whole.part("a").count("name").map(drop),
            whole.count("b").map(drop),
        ] {
            assert!(matches!(refused, Err(Error::Malformed { .. })), "{refused:?}");
        }
    }
}
