//! The problems on which the golden trajectories were made.

use downhill::ndarray::{Array1, Array2};
use serde_json::Value;

use crate::json::{number, numbers, text};

/// A gradient at a point, for an update counted from 1.
pub(crate) type GradientAt<'a> = Box<dyn Fn(&[f64], usize) -> Vec<f64> + 'a>;

/// The gradient of a problem.
pub(crate) fn gradient(problem: &Value) -> GradientAt<'_> {
    let matrix = |key: &str| {
        let rows = problem[key].as_array().unwrap().len();
        let values = numbers(&problem[key]);
        Array2::from_shape_vec((rows, values.len() / rows), values).unwrap()
    };
    match text(&problem["kind"]) {
        "quadratic" => {
            let (a, b) = (matrix("A"), Array1::from(numbers(&problem["b"])));
            Box::new(move |x, _| (a.dot(&Array1::from(x.to_vec())) - &b).to_vec())
        }
        "rosenbrock" => {
            let (a, b) = (number(&problem["a"]), number(&problem["b"]));
            Box::new(move |x, _| {
                let across = x[1] - x[0] * x[0];
                vec![-2.0 * (a - x[0]) - 4.0 * b * x[0] * across, 2.0 * b * across]
            })
        }
        "beale" => Box::new(|x, _| {
            let mut g = vec![0.0, 0.0];
            for (n, c) in [(1, 1.5), (2, 2.25), (3, 2.625)] {
                let residual = c - x[0] + x[0] * x[1].powi(n);
                g[0] += 2.0 * residual * (x[1].powi(n) - 1.0);
                g[1] += 2.0 * residual * f64::from(n) * x[0] * x[1].powi(n - 1);
            }
            g
        }),
        "logistic" => {
            let (inputs, targets) = (matrix("X"), Array1::from(numbers(&problem["y"])));
            Box::new(move |x, _| {
                let sigmoid = inputs
                    .dot(&Array1::from(x.to_vec()))
                    .mapv(|z| 1.0 / (1.0 + (-z).exp()));
                (inputs.t().dot(&(sigmoid - &targets)) / targets.len() as f64).to_vec()
            })
        }
        "matrix_least_squares" => {
            let (a, b) = (matrix("A"), matrix("B"));
            Box::new(move |x, _| {
                let w = Array2::from_shape_vec((a.ncols(), b.ncols()), x.to_vec()).unwrap();
                a.t().dot(&(a.dot(&w) - &b)).iter().copied().collect()
            })
        }
        "tape" => {
            let tape: Vec<Vec<f64>> = problem["gradients"]
                .as_array()
                .unwrap()
                .iter()
                .map(numbers)
                .collect();
            Box::new(move |_, update| tape[(update - 1) % tape.len()].clone())
        }
        kind => panic!("unknown problem {kind}"),
    }
}

/// The value of a problem that is a function.
pub(crate) fn value(problem: &Value, x: &[f64]) -> f64 {
    let matrix = |key: &str| {
        let rows = problem[key].as_array().unwrap().len();
        let values = numbers(&problem[key]);
        Array2::from_shape_vec((rows, values.len() / rows), values).unwrap()
    };
    let point = Array1::from(x.to_vec());
    match text(&problem["kind"]) {
        "quadratic" => {
            0.5 * point.dot(&matrix("A").dot(&point)) - Array1::from(numbers(&problem["b"])).dot(&point)
        }
        "rosenbrock" => {
            let (a, b) = (number(&problem["a"]), number(&problem["b"]));
            (a - x[0]).powi(2) + b * (x[1] - x[0] * x[0]).powi(2)
        }
        "beale" => [(1, 1.5), (2, 2.25), (3, 2.625)]
            .iter()
            .map(|&(n, c)| (c - x[0] + x[0] * x[1].powi(n)).powi(2))
            .sum(),
        "logistic" => {
            let targets = numbers(&problem["y"]);
            let loss = |(z, y): (&f64, &f64)| (-z.abs()).exp().ln_1p() + z.max(0.0) - y * z;
            matrix("X")
                .dot(&point)
                .iter()
                .zip(&targets)
                .map(loss)
                .sum::<f64>()
                / targets.len() as f64
        }
        kind => panic!("{kind} has no value"),
    }
}

/// The diagonal of the Hessian of a problem.
pub(crate) fn curvature(problem: &Value, x: &[f64]) -> Vec<f64> {
    let matrix = |key: &str| {
        let rows = problem[key].as_array().unwrap().len();
        let values = numbers(&problem[key]);
        Array2::from_shape_vec((rows, values.len() / rows), values).unwrap()
    };
    match text(&problem["kind"]) {
        "quadratic" => matrix("A").diag().to_vec(),
        "rosenbrock" => {
            let b = number(&problem["b"]);
            vec![2.0 - 4.0 * b * (x[1] - 3.0 * x[0] * x[0]), 2.0 * b]
        }
        "logistic" => {
            let inputs = matrix("X");
            let sigmoid = inputs
                .dot(&Array1::from(x.to_vec()))
                .mapv(|z| 1.0 / (1.0 + (-z).exp()));
            let spread = sigmoid.mapv(|s| s * (1.0 - s));
            (inputs.mapv(|x| x * x).t().dot(&spread) / inputs.nrows() as f64).to_vec()
        }
        kind => panic!("{kind} has no curvature"),
    }
}
