//! k-fold cross-validation.

use super::workers;
use crate::{Dataset, Error, Scalar, data::Fold, data::Samples};

/// Scores of the rounds of a cross-validation, in the order of the folds.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// One a fold.
    pub values: Vec<f64>,
}

impl Scores {
    /// Their mean.
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// Their standard deviation, with `n − 1`; 0 for a single one.
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / (self.values.len().max(2) - 1) as f64).sqrt()
    }
}

impl std::fmt::Display for Scores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mean, deviation) = (self.mean(), self.deviation());
        write!(f, "{mean:.4} ± {deviation:.4} ({} folds)", self.values.len())
    }
}

/// Calls a closure with the number of each fold, from 0, and its training and validation part, and collects the scores that
/// it gives.
///
/// The folds run side by side on the cores of the machine; the result does not depend on how many there are. Whatever is
/// fitted, a [`Standardizer`](crate::data::Standardizer) too, is fitted in the closure, on its training part.
///
/// ```
/// use downhill::{data::{Split, Standardizer}, prelude::*, tune::cross_validate};
/// use downhill::ndarray::{Array1, Array2};
///
/// let inputs = Array2::from_shape_fn((60, 2), |(row, column)| ((row * (7 + 4 * column)) % 20) as f64);
/// let targets: Array1<f64> = inputs.column(0).mapv(|x| 3.0 * x + 1.0);
/// let data = Dataset::new(&inputs, &targets)?;
///
/// let scores = cross_validate(&data, &Split::new(60).seed(7).folds(5)?, |fold, train, validation| {
///     let standardizer = Standardizer::fit(train)?;
///     let (train, validation) = (standardizer.apply(train)?, standardizer.apply(validation)?);
///     let model = Linear::new(2, 1)?;
///     let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &train).validation(&validation);
///     Ok(Trainer::new(Adam::new()).learning_rate(0.5).epochs(100).seed(fold as u64).minimize(risk)?.best.value)
/// })?;
/// assert!(scores.mean() < 1e-3, "{scores}");
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] without a fold; what [`Dataset::select`] finds wrong with one; and the closure's, of the first fold
/// that has one.
pub fn cross_validate<F: Scalar, X: Samples, Y: Samples>(
    data: &Dataset<'_, F, X, Y>,
    folds: &[Fold],
    score: impl Fn(usize, &Dataset<'static, F, X, Y>, &Dataset<'static, F, X, Y>) -> Result<f64, Error> + Sync,
) -> Result<Scores, Error> {
    if folds.is_empty() {
        return Err(Error::empty("folds"));
    }
    let numbered: Vec<(usize, &Fold)> = folds.iter().enumerate().collect();
    let values = workers::map(&numbered, workers::cores(), |(number, fold)| {
        score(
            *number,
            &data.select(&fold.train)?,
            &data.select(&fold.validation)?,
        )
    })?;
    Ok(Scores { values })
}
