//! What a search tries.

use super::Setting;
use crate::Error;

/// One combination of hyperparameters, to be tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    pub(super) index: usize,
    pub(super) budget: Option<u64>,
    pub(super) settings: Vec<(String, Setting)>,
}

impl Trial {
    /// The number of the trial, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// How much may be spent on it: epochs, say. Only [`Search::halving`](super::Search::halving) gives one.
    pub fn budget(&self) -> Option<u64> {
        self.budget
    }

    /// Every hyperparameter with its value, in the order of the space.
    pub fn settings(&self) -> &[(String, Setting)] {
        &self.settings
    }

    /// The value of a hyperparameter that is a number.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`] if there is none of this name, [`Error::InvalidArgument`] if it is a text.
    pub fn number(&self, name: &str) -> Result<f64, Error> {
        match self.get(name)? {
            Setting::Number(number) => Ok(*number),
            other => Err(Error::invalid(name, other, "a number")),
        }
    }

    /// The value of a hyperparameter that is a whole number from 0.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`] if there is none of this name, [`Error::InvalidArgument`] if it is something else.
    pub fn count(&self, name: &str) -> Result<usize, Error> {
        match self.get(name)? {
            Setting::Number(number) if *number >= 0.0 && *number < 2e15 && number.fract() == 0.0 => {
                Ok(*number as usize)
            }
            other => Err(Error::invalid(name, other, "a whole number from 0")),
        }
    }

    /// The value of a hyperparameter that is a text.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`] if there is none of this name, [`Error::InvalidArgument`] if it is a number.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        match self.get(name)? {
            Setting::Text(text) => Ok(text),
            other => Err(Error::invalid(name, other, "a text")),
        }
    }

    /// The same on another budget.
    pub(super) fn with_budget(&self, budget: Option<u64>) -> Self {
        Self {
            budget,
            ..self.clone()
        }
    }

    fn get(&self, name: &str) -> Result<&Setting, Error> {
        let found = self.settings.iter().find(|(other, _)| other == name);
        found
            .map(|(_, setting)| setting)
            .ok_or_else(|| Error::UnknownParameter {
                given: name.into(),
                known: self.settings.iter().map(|(name, _)| name.clone()).collect(),
            })
    }
}
