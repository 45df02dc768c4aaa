//! What a search chooses from.

use std::ops::RangeInclusive;

use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

use crate::{Error, error::check};

/// The value of a hyperparameter: a number or a text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Setting {
    /// A number, whole or not.
    Number(f64),
    /// A text, such as the name of an optimiser.
    Text(String),
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Setting::Number(number) => write!(f, "{number}"),
            Setting::Text(text) => f.write_str(text),
        }
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Setting::Text(text.into())
    }
}

impl From<String> for Setting {
    fn from(text: String) -> Self {
        Setting::Text(text)
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl From<$type> for Setting {
            fn from(number: $type) -> Self {
                Setting::Number(number as f64)
            }
        })*
    };
}

numbers!(f64, f32, usize, u64, u32, i64, i32);

/// The hyperparameters of a search, each with what it is chosen from.
///
/// ```
/// use downhill::{ndarray::Array1, tune::Space};
/// let space = Space::new()
///     .log_uniform("learning_rate", 1e-4, 1.0)
///     .uniform("momentum", 0.5, 0.99)
///     .integers("layers", 1..=4)
///     .log_integers("batch", 8..=512)
///     .choice("hidden", [16, 32, 64])
///     .choice("optimizer", ["adam", "momentum"]);
/// // A grid is made of choices only.
/// let rates = Array1::geomspace(1e-4, 1.0, 5).unwrap_or_default();
/// let grid = Space::new().choice("learning_rate", rates).choice("layers", 1..=4);
/// # let _ = (space, grid);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use]
pub struct Space {
    dimensions: Vec<(String, Domain)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Domain {
    Uniform(f64, f64),
    LogUniform(f64, f64),
    /// Whole numbers, both bounds among them.
    Integers(i64, i64),
    LogIntegers(i64, i64),
    Choice(Vec<Setting>),
}

impl Space {
    /// Without a hyperparameter yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number between two bounds, each value being as likely.
    pub fn uniform(self, name: impl Into<String>, low: f64, high: f64) -> Self {
        self.with(name, Domain::Uniform(low, high))
    }

    /// Adds a number between two bounds above 0, each order of magnitude being as likely: for learning rates.
    pub fn log_uniform(self, name: impl Into<String>, low: f64, high: f64) -> Self {
        self.with(name, Domain::LogUniform(low, high))
    }

    /// Adds a whole number of a range, each being as likely: `1..=4`.
    pub fn integers(self, name: impl Into<String>, range: RangeInclusive<i64>) -> Self {
        self.with(name, Domain::Integers(*range.start(), *range.end()))
    }

    /// Adds a whole number of a range from 1 on, each order of magnitude being as likely: for widths and batch sizes.
    pub fn log_integers(self, name: impl Into<String>, range: RangeInclusive<i64>) -> Self {
        self.with(name, Domain::LogIntegers(*range.start(), *range.end()))
    }

    /// Adds one of several numbers or texts.
    pub fn choice<V: Into<Setting>>(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.with(name, Domain::Choice(values.into_iter().map(V::into).collect()))
    }

    fn with(mut self, name: impl Into<String>, domain: Domain) -> Self {
        self.dimensions.push((name.into(), domain));
        self
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.dimensions.iter().map(|(name, _)| name.as_str())
    }

    /// Each hyperparameter with what it is chosen from.
    #[cfg(feature = "plot")]
    pub(crate) fn dimensions(&self) -> &[(String, Domain)] {
        &self.dimensions
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        if self.dimensions.is_empty() {
            return Err(Error::empty("space"));
        }
        for (i, (name, domain)) in self.dimensions.iter().enumerate() {
            check_text("a name in Space", name)?;
            let taken = self.names().take(i).any(|other| other == name);
            check::require(!taken, "a name in Space", name, "different from all others")?;
            match domain {
                Domain::Uniform(low, high) | Domain::LogUniform(low, high) => {
                    let least = if matches!(domain, Domain::LogUniform(..)) {
                        check::positive(&format!("low of {name}"), *low)?;
                        low
                    } else {
                        &f64::NEG_INFINITY
                    };
                    let legal = low >= least && low < high && (high - low).is_finite();
                    let expected = "finite, the first below the second";
                    check::require(
                        legal,
                        &format!("bounds of {name}"),
                        format!("{low} and {high}"),
                        expected,
                    )?;
                }
                Domain::Integers(low, high) | Domain::LogIntegers(low, high) => {
                    // Beyond, numbers are no longer whole.
                    let mut legal = -EXACT..=EXACT;
                    let mut expected = "whole numbers, the first below the second";
                    if matches!(domain, Domain::LogIntegers(..)) {
                        legal = 1..=EXACT;
                        expected = "whole numbers from 1, the first below the second";
                    }
                    check::require(
                        low < high && legal.contains(low) && legal.contains(high),
                        &format!("range of {name}"),
                        format!("{low}..={high}"),
                        expected,
                    )?;
                }
                Domain::Choice(values) if values.is_empty() => {
                    return Err(Error::empty(format!("choice of {name}")));
                }
                Domain::Choice(values) => {
                    for value in values {
                        match value {
                            Setting::Text(text) => check_text(&format!("choice of {name}"), text)?,
                            Setting::Number(x) => {
                                check::require(x.is_finite(), &format!("choice of {name}"), x, "finite")?
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The settings of a random trial. They depend on seed and number alone, and those of a hyperparameter not on the ones
    /// that follow it.
    pub(super) fn draw(&self, seed: u64, number: usize) -> Vec<(String, Setting)> {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(number as u64);
        let mut settings = Vec::with_capacity(self.dimensions.len());
        for (name, domain) in &self.dimensions {
            let share: f64 = rng.random();
            let setting = match domain {
                Domain::Uniform(low, high) => Setting::Number(low + (high - low) * share),
                Domain::LogUniform(low, high) => Setting::Number(low * (high / low).powf(share)),
                Domain::Integers(low, high) => {
                    let (low, high) = (*low as f64, *high as f64);
                    Setting::Number((low + share * (high - low + 1.0)).floor().min(high))
                }
                Domain::LogIntegers(low, high) => {
                    let (low, high) = (*low as f64, *high as f64);
                    Setting::Number((low * ((high + 1.0) / low).powf(share)).floor().min(high))
                }
                Domain::Choice(values) => {
                    let place = (share * values.len() as f64) as usize;
                    values[place.min(values.len() - 1)].clone()
                }
            };
            settings.push((name.clone(), setting));
        }
        settings
    }

    /// Every combination; the last hyperparameter changes fastest.
    pub(super) fn grid(&self) -> Result<Vec<Vec<(String, Setting)>>, Error> {
        let mut all = vec![Vec::new()];
        for (name, domain) in &self.dimensions {
            let Domain::Choice(values) = domain else {
                return Err(Error::invalid(format!("{name} of a grid"), "a range", "a choice"));
            };
            let longer = |settings: &Vec<(String, Setting)>| {
                let each = |value: &Setting| {
                    let mut settings = settings.clone();
                    settings.push((name.clone(), value.clone()));
                    settings
                };
                values.iter().map(each).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(longer).collect();
        }
        Ok(all)
    }
}

/// The largest whole number up to which `f64` has them all.
const EXACT: i64 = 1 << 53;

/// A text that can stand in a table with commas.
fn check_text(argument: &str, text: &str) -> Result<(), Error> {
    let legal = !text.is_empty() && !text.contains([',', '"', '\n', '\r']);
    check::require(
        legal,
        argument,
        format!("{text:?}"),
        "not empty, without comma, quote and line break",
    )
}
