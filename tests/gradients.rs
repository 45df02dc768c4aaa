//! The gradient of every model with every loss that fits agrees with finite differences.

use downhill::data::{Batch, Samples};
use downhill::loss::{self, Loss};
use downhill::ndarray::{Array1, Array2, array};
use downhill::objective::{check_gradient, functions};
use downhill::prelude::*;
use downhill::rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

/// More than one shard of 512 rows.
const ROWS: usize = 530;

fn inputs() -> Array2<f64> {
    let mut rng = ChaCha12Rng::seed_from_u64(11);
    Array2::from_shape_simple_fn((ROWS, 3), || rng.random_range(-1.0..1.0))
}

fn check<Y: Samples, M: Model<f64>, L: Loss<f64, Y>>(what: &str, model: &M, loss: &L, targets: &Y) {
    let inputs = inputs();
    let weights = Array1::from_shape_fn(ROWS, |row| 0.25 * (row % 5) as f64);
    let mut rng = ChaCha12Rng::seed_from_u64(12);
    let mut params = Params::zeros(&model.layout());
    params
        .as_mut_slice()
        .iter_mut()
        .for_each(|w| *w = rng.random_range(-0.8..0.8));
    let scattered: Vec<usize> = (0..40).map(|i| (i * 37) % ROWS).collect();
    for weighted in [false, true] {
        let data = Dataset::new(&inputs, targets).unwrap();
        let data = if weighted {
            data.weighted(&weights).unwrap()
        } else {
            data
        };
        // A central difference rounds by about ε |L| / h, and a sum over all rows is large.
        for (reduction, tolerance) in [(Reduction::Mean, 2e-7), (Reduction::Sum, 5e-6)] {
            for batch in [Batch::Range(0..ROWS), Batch::Range(7..8), Batch::Rows(&scattered)] {
                let mut risk = EmpiricalRisk::new(model, loss, &data).reduction(reduction);
                let report = check_gradient(&mut risk, &params, &batch, 1e-6).unwrap();
                assert!(
                    report.largest_error < tolerance,
                    "{what}, {reduction:?}, weighted: {weighted}, {batch:?}: {report:?}"
                );
            }
        }
    }
}

fn check_losses<M: Model<f64>>(what: &str, model: &M) {
    let mut rng = ChaCha12Rng::seed_from_u64(13);
    let outputs = Model::<f64>::outputs(model);
    let numbers = Array2::from_shape_simple_fn((ROWS, outputs), || rng.random_range(-2.0..2.0));
    let shares = numbers.mapv(|x| (x + 2.0) / 4.0);
    let labels = Array1::from_shape_fn(ROWS, |row| (row * 5) % outputs);
    check(&format!("{what}, squared"), model, &MeanSquaredError, &numbers);
    check(&format!("{what}, absolute"), model, &MeanAbsoluteError, &numbers);
    check(&format!("{what}, Huber"), model, &Huber::new(0.7), &numbers);
    check(
        &format!("{what}, binary"),
        model,
        &BinaryCrossEntropy::new().positive_weight(2.5),
        &shares,
    );
    check(&format!("{what}, softmax"), model, &SoftmaxCrossEntropy, &labels);
    if outputs == 1 {
        let column = numbers.column(0).to_owned();
        check(&format!("{what}, a column"), model, &MeanSquaredError, &column);
    }
}

#[test]
fn linear_models() {
    for outputs in [1, 3] {
        check_losses(&format!("linear {outputs}"), &Linear::new(3, outputs).unwrap());
        check_losses(
            &format!("origin {outputs}"),
            &Linear::without_intercept(3, outputs).unwrap(),
        );
    }
}

#[test]
fn networks() {
    for activation in [
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Gelu,
    ] {
        for sizes in [&[3, 4, 2][..], &[3, 4, 3, 1]] {
            let model = Mlp::new(sizes).unwrap().activation(activation);
            check_losses(&format!("{activation:?} {sizes:?}"), &model);
        }
    }
}

#[test]
fn test_functions() {
    for function in [
        functions::ROSENBROCK,
        functions::BEALE,
        functions::SADDLE,
        functions::BOWL,
    ] {
        for point in [function.start, [0.3, -0.7], [-1.5, 1.2]] {
            let mut objective = Function::new(point.to_vec(), function.value_and_gradient);
            let report = check_gradient(
                &mut objective,
                &Params::from(point.to_vec()),
                &Batch::Range(0..1),
                1e-6,
            )
            .unwrap();
            assert!(report.largest_error < 1e-7, "{}: {report:?}", function.name);
        }
        if let Some(minimum) = function.minimum {
            let mut gradient = [1.0, 1.0];
            assert_eq!(
                (function.value_and_gradient)(&minimum, &mut gradient),
                0.0,
                "{}",
                function.name
            );
            assert_eq!(gradient, [0.0, 0.0], "{}", function.name);
        }
    }
}

/// A gradient that is wrong is found, and where.
#[test]
fn a_wrong_gradient_is_found() {
    let mut wrong = Function::new(vec![1.0, 2.0], |x: &[f64], g: &mut [f64]| {
        (g[0], g[1]) = (2.0 * x[0], x[1]);
        x[0] * x[0] + x[1] * x[1]
    });
    let report = check_gradient(
        &mut wrong,
        &Params::from(vec![1.0, 2.0]),
        &Batch::Range(0..1),
        1e-6,
    )
    .unwrap();
    assert_eq!(report.at, ("x".to_string(), 1));
    assert!(report.largest_error > 0.4);
}

#[test]
fn extreme_logits_stay_finite() {
    let logits = array![[1e4_f32, -1e4], [-1e4, 1e4], [0.0, 0.0]];
    let (value, gradient) = loss::value_and_gradient(
        &SoftmaxCrossEntropy,
        logits.view(),
        &array![1, 1, 0],
        Reduction::Sum,
    )
    .unwrap();
    assert!((value - 20_000.693).abs() < 0.01);
    assert_eq!(gradient.row(0), array![1.0, -1.0]);
    let logits = array![[1e4_f32], [-1e4], [1e4]];
    let targets = array![0.0, 1.0, 1.0];
    let (value, gradient) = loss::value_and_gradient(
        &BinaryCrossEntropy::new(),
        logits.view(),
        &targets,
        Reduction::Sum,
    )
    .unwrap();
    assert_eq!(value, 2e4);
    assert_eq!(gradient, array![[1.0], [-1.0], [0.0]]);
}

/// Weight 2 is the row twice, weight 0 the row left out.
#[test]
fn weights_count_rows() {
    let (inputs, targets) = (
        array![[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]],
        array![1.0, -1.0, 0.5],
    );
    let weights = array![2.0, 0.0, 1.0];
    let (repeated, their_targets) = (array![[1.0, 2.0], [1.0, 2.0], [2.0, 0.0]], array![1.0, 1.0, 0.5]);
    let model = Linear::new(2, 1).unwrap();
    let fit = |data: &Dataset<'_, f64, _, _>| {
        Trainer::new(GradientDescent)
            .learning_rate(0.1)
            .epochs(20)
            .fit(&model, &MeanSquaredError, data)
            .unwrap()
    };
    let weighted = fit(&Dataset::new(&inputs, &targets)
        .unwrap()
        .weighted(&weights)
        .unwrap());
    let plain = fit(&Dataset::new(&repeated, &their_targets).unwrap());
    for (a, b) in weighted.params.as_slice().iter().zip(plain.params.as_slice()) {
        approx::assert_relative_eq!(a, b, max_relative = 1e-12);
    }
    approx::assert_relative_eq!(weighted.best.value, plain.best.value, max_relative = 1e-12);
}
