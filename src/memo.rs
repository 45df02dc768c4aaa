//! State by name: what schedules, transforms and callbacks hand over to be saved.

use std::collections::BTreeMap;

use crate::Error;

/// Named numbers, with parts that are named too: what a [checkpoint](crate::train) keeps of a schedule, a transform or a
/// callback. Keyed by name, exact to the bit, and strict: what is missing or of another kind is an error.
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

/// Numbers or counts of a [`Memo`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Whole numbers.
    Counts(Vec<u64>),
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

    /// Keeps numbers (`[f64; N]`, `Vec<f64>`) or counts (`[u64; N]`, `Vec<u64>`) under a name.
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

    /// Every entry with its full name, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The numbers of a name.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no such entry, or if it holds counts.
    pub fn numbers(&self, name: &str) -> Result<&[f64], Error> {
        match self.entries.get(name) {
            Some(Value::Numbers(numbers)) => Ok(numbers),
            other => Err(refuse(name, other, "numbers")),
        }
    }

    /// The counts of a name.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no such entry, or if it holds numbers.
    pub fn counts(&self, name: &str) -> Result<&[u64], Error> {
        match self.entries.get(name) {
            Some(Value::Counts(counts)) => Ok(counts),
            other => Err(refuse(name, other, "counts")),
        }
    }

    /// The one number of a name.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is not exactly one.
    pub fn number(&self, name: &str) -> Result<f64, Error> {
        match self.numbers(name)? {
            [number] => Ok(*number),
            _ => Err(refuse(name, self.entries.get(name), "one number")),
        }
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

#[cold]
fn refuse(name: &str, given: Option<&Value>, expected: &str) -> Error {
    let given = match given {
        None => "nothing".to_string(),
        Some(Value::Numbers(numbers)) => format!("{} numbers", numbers.len()),
        Some(Value::Counts(counts)) => format!("{} counts", counts.len()),
    };
    Error::malformed("the saved state", name, given, expected)
}
