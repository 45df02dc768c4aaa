//! Columns of mean 0 and variance 1.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use super::{Dataset, Samples};
use crate::{Error, Scalar};

/// Shifts and scales each column of the inputs to mean 0 and variance 1: `(x − mean) / deviation`.
///
/// Fitted on the training data alone, and then applied to everything: what is known of the test data must not flow into the
/// training. A column that does not vary is only shifted, to exactly 0. Computed in `f64`; sample weights count, where there are such.
/// As scikit-learn's `StandardScaler` (the variance divides by the number of rows).
///
/// ```
/// use downhill::{Dataset, data::Standardizer};
/// use downhill::ndarray::array;
///
/// let (inputs, targets) = (array![[1.0, 5.0], [3.0, 5.0]], array![0.0, 1.0]);
/// let train: Dataset<f64, _, _> = Dataset::new(&inputs, &targets)?;
/// let standardizer = Standardizer::fit(&train)?;
/// assert_eq!(standardizer.apply(&train)?.inputs(), array![[-1.0, 0.0], [1.0, 0.0]]);
/// assert_eq!(standardizer.transform(array![[5.0, 6.0]].view())?, array![[3.0, 1.0]]);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Standardizer {
    mean: Array1<f64>,
    deviation: Array1<f64>,
}

impl Standardizer {
    /// Takes mean and deviation from the columns of a data set.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if the sums over a column overflow.
    pub fn fit<F: Scalar, Y: Samples>(train: &Dataset<'_, F, Array2<F>, Y>) -> Result<Self, Error> {
        let (inputs, weights) = (train.inputs(), train.weights());
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row].to_f64_exact());
        let total: f64 = (0..inputs.nrows()).map(weight).sum();
        let average = |centre: &Array1<f64>, of: fn(f64) -> f64| {
            let mut average = Array1::<f64>::zeros(inputs.ncols());
            for (row, values) in inputs.outer_iter().enumerate() {
                let share = weight(row) / total;
                Zip::from(&mut average)
                    .and(values)
                    .and(centre)
                    .for_each(|average, &x, centre| *average += share * of(x.to_f64_exact() - centre));
            }
            average
        };
        let mut mean = average(&Array1::zeros(inputs.ncols()), |x| x);
        // What rounding has added over many rows.
        mean += &average(&mean, |x| x);
        let mut deviation = average(&mean, |x| x * x).mapv_into(f64::sqrt);
        for (column, values) in inputs.columns().into_iter().enumerate() {
            let mut counted = values.iter().enumerate().filter(|(row, _)| weight(*row) > 0.0);
            if let Some((_, first)) = counted.next()
                && counted.all(|(_, value)| value == first)
            {
                (mean[column], deviation[column]) = (first.to_f64_exact(), 1.0);
            }
        }
        Self::new(mean, deviation)
    }

    /// With these means and deviations, such as those of an earlier fit.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] unless both are equally long; [`Error::NotFinite`] for a value that is not finite;
    /// [`Error::InvalidArgument`] for a deviation that is not above 0.
    pub fn new(mean: Array1<f64>, deviation: Array1<f64>) -> Result<Self, Error> {
        if mean.len() != deviation.len() {
            return Err(Error::shape("deviation", &[deviation.len()], &[mean.len()]));
        }
        for (argument, values) in [("mean", &mean), ("deviation", &deviation)] {
            if let Some((position, &given)) = values.iter().enumerate().find(|(_, x)| !x.is_finite()) {
                return Err(Error::NotFinite {
                    argument: argument.into(),
                    position,
                    given,
                });
            }
        }
        if let Some(given) = deviation.iter().find(|&&deviation| deviation <= 0.0) {
            return Err(Error::invalid("a deviation", given, "above 0"));
        }
        Ok(Self { mean, deviation })
    }

    /// The mean of each column.
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// The standard deviation of each column; 1 for a column that does not vary.
    pub fn deviation(&self) -> &Array1<f64> {
        &self.deviation
    }

    /// A copy of a data set with these means and deviations taken out of its inputs.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if it has another number of columns; [`Error::NotFinite`] if a value overflows.
    pub fn apply<F: Scalar, Y: Samples>(
        &self,
        data: &Dataset<'_, F, Array2<F>, Y>,
    ) -> Result<Dataset<'static, F, Array2<F>, Y>, Error> {
        data.with_inputs(self.transform(data.inputs())?)
    }

    /// The same of inputs alone.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if there is another number of columns.
    pub fn transform<F: Scalar>(&self, inputs: ArrayView2<'_, F>) -> Result<Array2<F>, Error> {
        self.each(inputs, |x, mean, deviation| (x - mean) / deviation)
    }

    /// From standardised columns back to the original ones: predictions of standardised targets, for instance.
    ///
    /// # Errors
    /// As [`Standardizer::transform`].
    pub fn restore<F: Scalar>(&self, standardized: ArrayView2<'_, F>) -> Result<Array2<F>, Error> {
        self.each(standardized, |x, mean, deviation| x * deviation + mean)
    }

    fn each<F: Scalar>(
        &self,
        inputs: ArrayView2<'_, F>,
        function: impl Fn(f64, f64, f64) -> f64,
    ) -> Result<Array2<F>, Error> {
        if inputs.ncols() != self.mean.len() {
            return Err(Error::shape(
                "inputs (columns)",
                &[inputs.ncols()],
                &[self.mean.len()],
            ));
        }
        let mut result = inputs.to_owned();
        for mut row in result.axis_iter_mut(Axis(0)) {
            Zip::from(&mut row)
                .and(&self.mean)
                .and(&self.deviation)
                .for_each(|x, &mean, &deviation| *x = F::of(function(x.to_f64_exact(), mean, deviation)));
        }
        Ok(result)
    }
}
