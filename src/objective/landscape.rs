//! The loss around trained parameters, on a plane through them.

use ndarray::Array2;
use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

use super::Objective;
use crate::{
    Error, Gradient, Params, Scalar, data::Batch, error::check, model::check_layout, params::TensorSpec,
};

/// Computes the loss on a plane through parameters: along two random directions, or along those in which training went.
///
/// | setting | default |
/// |---|---|
/// | [`points`](Landscape::points) | 31 a side |
/// | [`radius`](Landscape::radius) | 1 |
/// | [`seed`](Landscape::seed) | 0 |
///
/// ```
/// use downhill::{Function, Params, objective::Landscape};
/// let bowl = Function::new(vec![3.0, 4.0], |w: &[f64], g: &mut [f64]| {
///     (g[0], g[1]) = (2.0 * w[0], 2.0 * w[1]);
///     w[0] * w[0] + w[1] * w[1]
/// });
/// let plane = Landscape::around(&Params::from(vec![3.0, 4.0])).points(11).random(bowl)?;
/// assert_eq!(plane.values[[5, 5]], 25.0);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: H. Li et al., *Visualizing the Loss Landscape of Neural Nets*, arXiv 1712.09913 (2018).
#[derive(Debug, Clone)]
#[must_use]
pub struct Landscape<'a, F> {
    centre: &'a Params<F>,
    points: usize,
    radius: f64,
    seed: u64,
}

/// Losses on a plane, from [`Landscape`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plane {
    /// Positions along the first direction.
    pub x: Vec<f64>,
    /// Positions along the second.
    pub y: Vec<f64>,
    /// The loss at each of them, by x and y.
    pub values: Array2<f64>,
    /// The path of the training on the plane, where it was given.
    pub path: Vec<(f64, f64)>,
    /// The share of the path's variance about its end that lies along each direction, where a path was given.
    pub explained: Option<[f64; 2]>,
}

impl<'a, F: Scalar> Landscape<'a, F> {
    /// Around these parameters, which lie at (0, 0).
    pub fn around(params: &'a Params<F>) -> Self {
        Self {
            centre: params,
            points: 31,
            radius: 1.0,
            seed: 0,
        }
    }

    /// Sets the number of points along a side, at least 2. Default: 31.
    pub fn points(mut self, points: usize) -> Self {
        self.points = points;
        self
    }

    /// Sets how far it goes along random directions; at 1 they are as long as the weights themselves. Default: 1.
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }

    /// Sets the seed of the random directions. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Along two random directions, filter-normalised: each unit's part of a direction (what leads to it, the last axis of a
    /// tensor) has the norm of that unit's weights. Biases stay, unless there is nothing else.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a setting outside its range; [`Error::Foreign`] if the parameters are not the
    /// objective's; and the objective's.
    pub fn random<O: Objective<F>>(&self, objective: O) -> Result<Plane, Error> {
        check::positive("radius of Landscape", self.radius)?;
        let mut rng = ChaCha12Rng::seed_from_u64(self.seed);
        let mut direction = || {
            let mut direction = self.centre.clone();
            for weight in direction.as_mut_slice() {
                *weight = F::of(normal(&mut rng));
            }
            normalize_filters(&mut direction, self.centre);
            direction.as_slice().to_vec()
        };
        let directions = [direction(), direction()];
        let side = self.side(-self.radius, self.radius);
        self.evaluate(objective, &directions, side.clone(), side)
    }

    /// Along the two directions in which most of a path lies (its principal components about the centre, its end), over the
    /// whole of the path: parameters that were kept during the training, such as one set an epoch.
    ///
    /// # Errors
    /// As [`Landscape::random`]; and [`Error::InvalidArgument`] unless the path leads through at least two dimensions.
    pub fn principal<O: Objective<F>>(&self, objective: O, path: &[Params<F>]) -> Result<Plane, Error> {
        for params in path {
            check_layout("path", params.layout(), self.centre.layout())?;
        }
        let centre = self.centre.as_slice();
        let steps: Vec<Vec<f64>> = path
            .iter()
            .map(|params| difference(params.as_slice(), centre))
            .collect();
        let products = Array2::from_shape_fn((path.len(), path.len()), |(i, j)| dot(&steps[i], &steps[j]));
        let whole = products.diag().sum();
        let (values, vectors) = eigen(products);
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let largest = order.get(1).filter(|&&second| values[second] > 1e-12 * whole);
        let [first, second] = match (order.first(), largest) {
            (Some(&first), Some(&second)) => [first, second],
            _ => {
                let given = format!("{} sets of parameters on a line", path.len());
                return Err(Error::invalid(
                    "path",
                    given,
                    "a path through at least two dimensions",
                ));
            }
        };
        let direction = |component: usize| -> Vec<f64> {
            let mut sum = vec![0.0; centre.len()];
            for (step, &share) in steps.iter().zip(vectors.column(component)) {
                for (sum, x) in sum.iter_mut().zip(step) {
                    *sum += share * x;
                }
            }
            let norm = dot(&sum, &sum).sqrt();
            sum.iter().map(|x| x / norm).collect()
        };
        let [across, up] = [direction(first), direction(second)];
        let path: Vec<(f64, f64)> = steps
            .iter()
            .map(|step| (dot(step, &across), dot(step, &up)))
            .collect();
        let reach = |of: fn(&(f64, f64)) -> f64| {
            let low = path.iter().map(of).fold(0.0, f64::min);
            let high = path.iter().map(of).fold(0.0, f64::max);
            self.side(low - 0.2 * (high - low), high + 0.2 * (high - low))
        };
        let (x, y) = (reach(|point| point.0), reach(|point| point.1));
        let directions = [across, up].map(|direction| direction.into_iter().map(F::of).collect());
        let plane = self.evaluate(objective, &directions, x, y)?;
        Ok(Plane {
            path,
            explained: Some([values[first] / whole, values[second] / whole]),
            ..plane
        })
    }

    fn side(&self, low: f64, high: f64) -> Vec<f64> {
        let last = self.points.max(2) - 1;
        (0..=last)
            .map(|i| low + (high - low) * i as f64 / last as f64)
            .collect()
    }

    fn evaluate<O: Objective<F>>(
        &self,
        mut objective: O,
        [across, up]: &[Vec<F>; 2],
        x: Vec<f64>,
        y: Vec<f64>,
    ) -> Result<Plane, Error> {
        check::require(self.points >= 2, "points of Landscape", self.points, "at least 2")?;
        let terms = objective.terms();
        objective.prepare(terms)?;
        let own = objective.start(&mut ChaCha12Rng::seed_from_u64(0));
        check_layout("params", self.centre.layout(), own.layout())?;
        let (mut params, mut gradient) = (self.centre.clone(), Gradient::zeros(own.layout()));
        let mut values = Array2::zeros((x.len(), y.len()));
        for ((i, j), value) in values.indexed_iter_mut() {
            let (a, b) = (F::of(x[i]), F::of(y[j]));
            let directions = across.iter().zip(up);
            let weights = params.as_mut_slice().iter_mut().zip(self.centre.as_slice());
            for ((weight, &centre), (&across, &up)) in weights.zip(directions) {
                *weight = centre + a * across + b * up;
            }
            let loss = objective.value_and_gradient(&params, &Batch::Range(0..terms), &mut gradient)?;
            *value = loss.to_f64_exact();
        }
        Ok(Plane {
            x,
            y,
            values,
            path: Vec::new(),
            explained: None,
        })
    }
}

/// Makes each filter of a direction as long as that of the weights; what is left alone becomes 0.
fn normalize_filters<F: Scalar>(direction: &mut Params<F>, weights: &Params<F>) {
    let layout = weights.layout().clone();
    let has_matrix = layout.tensors().iter().any(|tensor| tensor.shape().len() >= 2);
    direction.for_each_tensor(|tensor, direction| {
        let weights = &weights.as_slice()[tensor.range()];
        let units = units(tensor, has_matrix);
        for unit in 0..units.unwrap_or(1) {
            let places = || (unit..weights.len()).step_by(units.unwrap_or(1));
            let norm = |values: &[F]| {
                places()
                    .map(|i| values[i].to_f64_exact().powi(2))
                    .sum::<f64>()
                    .sqrt()
            };
            let length = norm(direction);
            let scale = if units.is_some() && length > 0.0 {
                norm(weights) / length
            } else {
                0.0
            };
            for i in places() {
                direction[i] *= F::of(scale);
            }
        }
    });
}

/// How many filters a tensor has; `None` if it is to stay as it is.
fn units(tensor: &TensorSpec, has_matrix: bool) -> Option<usize> {
    match tensor.shape() {
        [.., _, units] => Some((*units).max(1)),
        _ => (!has_matrix).then_some(1),
    }
}

/// A number from the standard normal distribution (Box and Muller).
fn normal(rng: &mut ChaCha12Rng) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

fn difference<F: Scalar>(a: &[F], b: &[F]) -> Vec<f64> {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| a.to_f64_exact() - b.to_f64_exact()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Eigenvalues and eigenvectors (in columns) of a symmetric matrix, by Jacobi's rotations.
fn eigen(mut matrix: Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    const SWEEPS: usize = 60;
    let n = matrix.nrows();
    let mut vectors = Array2::eye(n);
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                let (app, aqq, apq) = (matrix[[p, p]], matrix[[q, q]], matrix[[p, q]]);
                if apq.abs() <= f64::EPSILON * (app * aqq).abs().sqrt() || apq == 0.0 {
                    continue;
                }
                rotated = true;
                let theta = (aqq - app) / (2.0 * apq);
                let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                for k in 0..n {
                    let (a, b) = (matrix[[k, p]], matrix[[k, q]]);
                    (matrix[[k, p]], matrix[[k, q]]) = (cosine * a - sine * b, sine * a + cosine * b);
                    let (a, b) = (vectors[[k, p]], vectors[[k, q]]);
                    (vectors[[k, p]], vectors[[k, q]]) = (cosine * a - sine * b, sine * a + cosine * b);
                }
                for k in 0..n {
                    let (a, b) = (matrix[[p, k]], matrix[[q, k]]);
                    (matrix[[p, k]], matrix[[q, k]]) = (cosine * a - sine * b, sine * a + cosine * b);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    (matrix.diag().to_vec(), vectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_diagonalise() {
        let matrix = Array2::from_shape_fn((6, 6), |(i, j)| 1.0 / (1.0 + i as f64 + j as f64));
        let (values, vectors) = eigen(matrix.clone());
        for (k, value) in values.iter().enumerate() {
            let vector = vectors.column(k);
            assert!((vector.dot(&vector) - 1.0).abs() < 1e-13);
            for (a, b) in matrix.dot(&vector).iter().zip(vector) {
                assert!((a - value * b).abs() < 1e-13);
            }
        }
    }
}
