//! What watches a run: histories, logs, early stopping, and what happens when numbers go bad.

use std::fs;
use std::path::PathBuf;

use downhill::ndarray::{Array1, Array2, ArrayView1, ArrayView2, array};
use downhill::prelude::*;

/// A folder of its own for a test, empty.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("downhill-callbacks-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn data(rows: usize) -> (Array2<f64>, Array1<f64>) {
    let inputs = Array2::from_shape_fn((rows, 2), |(i, j)| ((i * 5 + j * 7) % 11) as f64 / 5.0 - 1.0);
    let targets = inputs.dot(&array![1.0, -2.0]) + 0.3;
    (inputs, targets)
}

/// A run whose metric, called `name`, has these values.
fn fit_with_metric(trainer: Trainer<'_, f64>, name: &str, values: &[f64]) -> Result<Run<f64>, Error> {
    let (inputs, targets) = data(8);
    let data = Dataset::new(&inputs, &targets)?;
    let epoch = std::cell::Cell::new(0);
    let metric = |_: ArrayView2<'_, f64>, _: &ArrayView1<'_, f64>| {
        epoch.set(epoch.get() + 1);
        values[epoch.get() - 1]
    };
    let model = Linear::new(2, 1)?;
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data);
    trainer.minimize(risk.validation(&data).metric(name, metric))
}

#[test]
fn a_history_is_a_table_that_reads_back_to_the_bit() {
    let name = "a \"good\", or bad, score";
    let values = [0.1, f64::NAN, f64::NEG_INFINITY, 1e-300, -0.0];
    let trainer = Trainer::new(Adam::new()).batch(4).epochs(5).weight_decay(0.5);
    let run = fit_with_metric(trainer, name, &values).unwrap();
    let names = [
        "epoch",
        "step",
        "loss",
        "validation_loss",
        name,
        "learning_rate",
        "weight_decay",
        "seconds",
    ];
    assert_eq!(run.history.names(), names);
    assert_eq!(run.history.column("step"), [2.0, 4.0, 6.0, 8.0, 10.0]);
    assert!(run.history.column("nothing").iter().all(|x| x.is_nan()));

    let path = folder("history").join("history.csv");
    run.history.csv(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    let quoted = "\"a \"\"good\"\", or bad, score\"";
    assert_eq!(lines.next(), Some(&*names.join(",").replace(name, quoted)));
    for (row, line) in lines.enumerate() {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let expected: Vec<f64> = names.iter().map(|name| run.history.column(name)[row]).collect();
        let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&cells), bits(&expected));
    }
    let nowhere = run.history.csv(path.join("in/a/file")).unwrap_err();
    assert!(
        matches!(
            nowhere,
            Error::Io {
                action: "written",
                ..
            }
        ),
        "{nowhere:?}"
    );
}
