//! Stopped at every step, where plain descent makes many of them in one go.

use downhill::{
    ndarray::{Array1, Array2},
    prelude::*,
    schedule::Decay,
};

use super::every_step::continued_from_every;

/// Checkpoints come after each step, after some, and after more than an epoch has.
const EVERY: [u64; 3] = [1, 7, 25];

/// An epoch is 23 steps.
fn trainer() -> Trainer<'static, f64> {
    Trainer::new(Sgd)
        .learning_rate(Decay::inverse_time(0.1, 0.01, Span::Steps(1)))
        .epochs(3)
        .seed(5)
}

fn targets() -> Array1<f64> {
    Array1::from_shape_fn(23, |row| (row % 2) as f64)
}

#[test]
fn of_dense_rows() {
    let inputs = Array2::from_shape_fn((23, 3), |(row, column)| ((row + 3 * column) as f64).cos());
    let targets = targets();
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(3, 1).unwrap();
    for every in EVERY {
        let name = format!("a checkpoint every {every} steps");
        continued_from_every(every, &name, trainer, |trainer| {
            trainer.fit(&model, &BinaryCrossEntropy::new(), &data).unwrap()
        });
        // And something else that is due between steps.
        continued_from_every(every, &name, trainer, |trainer| {
            let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data);
            trainer.evaluate_every(Span::Steps(5)).minimize(risk).unwrap()
        });
    }
}

#[cfg(feature = "sparse")]
#[test]
fn of_sparse_rows() {
    let mut inputs = downhill::data::Csr::new(12).unwrap();
    for row in 0..23 {
        let entry = |column: usize| (column, ((row + 3 * column) as f64).cos());
        inputs.push(vec![entry(0), entry(1 + row % 11)]).unwrap();
    }
    let targets = targets();
    let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(12, 1).unwrap();
    for every in EVERY {
        let name = format!("a checkpoint every {every} steps");
        continued_from_every(every, &name, trainer, |trainer| {
            trainer.fit(&model, &BinaryCrossEntropy::new(), &data).unwrap()
        });
    }
}
