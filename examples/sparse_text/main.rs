//! Which language is it? A linear classifier over hashed sequences of characters, most of them rare: Adagrad against
//! plain stochastic gradient descent. `cargo run --release --example sparse_text --features sparse`.
//!
//! Trains both at many learning rates, prints how well each does, and draws `sparse_text.svg` in `target/examples-out/` or in
//! the folder given as the first argument.

mod pictures;
mod text;

use std::{env, error::Error, path::PathBuf};

use downhill::{
    EmpiricalRisk, Optimizer, Run, Trainer,
    data::{Csr, Dataset},
    loss::SoftmaxCrossEntropy,
    metrics,
    model::Linear,
    ndarray::Array1,
    optim::{Adagrad, Sgd},
};

type Data<'a> = Dataset<'a, f32, Csr<f32>, Array1<usize>>;

const EPOCHS: u64 = 10;

/// One optimiser at several learning rates.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Each learning rate with its run.
    pub(crate) runs: Vec<(f64, Run<f32>)>,
}

impl Contender {
    /// The learning rate with the lowest loss on the test articles at the end, and its run.
    pub(crate) fn best(&self) -> Option<&(f64, Run<f32>)> {
        self.runs
            .iter()
            .min_by(|(_, a), (_, b)| last_loss(a).total_cmp(&last_loss(b)))
    }
}

/// The loss on the test articles after the last epoch; infinite for a run that came to nothing.
pub(crate) fn last_loss(run: &Run<f32>) -> f64 {
    run.history
        .last()
        .and_then(|record| record.validation_loss)
        .filter(|loss| loss.is_finite())
        .unwrap_or(f64::INFINITY)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (train, test, languages) = text::load()?;
    println!(
        "{} paragraphs in {} languages; {} different sequences, {:.0} in a paragraph",
        train.inputs.rows(),
        languages.len(),
        frequencies(&train.inputs)
            .iter()
            .filter(|&&count| count > 0)
            .count(),
        train.inputs.entries() as f64 / train.inputs.rows() as f64,
    );
    let model = Linear::new(train.inputs.columns(), languages.len())?;
    let (train_data, test_data) = (
        Dataset::new(&train.inputs, &train.labels)?,
        Dataset::new(&test.inputs, &test.labels)?,
    );
    let fit =
        |name, optimizer, rates: &[f64]| contender(name, optimizer, rates, &model, &train_data, &test_data);
    let contenders = [
        fit("SGD", || Box::new(Sgd), &[0.1, 0.3, 1.0, 3.0, 10.0])?,
        fit(
            "Adagrad",
            || Box::new(Adagrad::new()),
            &[0.03, 0.1, 0.3, 1.0, 3.0],
        )?,
    ];
    for contender in &contenders {
        for (rate, run) in &contender.runs {
            let after = |epoch: usize| {
                run.history
                    .get(epoch - 1)
                    .and_then(|record| record.validation_loss)
            };
            println!(
                "{:8} learning rate {rate:<6} test loss after 1 epoch {:.3}, after {EPOCHS} {:.3}; accuracy {:.1}%",
                contender.name,
                after(1).unwrap_or(f64::NAN),
                last_loss(run),
                100.0
                    * run
                        .history
                        .last()
                        .and_then(|record| record.get("accuracy"))
                        .unwrap_or(f64::NAN),
            );
        }
    }
    let folder = env::args()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/examples-out"), PathBuf::from);
    let path = folder.join("sparse_text.svg");
    pictures::draw(&path, &contenders, &frequencies(&train.inputs))?;
    println!("drawn: {}", path.display());
    Ok(())
}

fn contender(
    name: &'static str,
    optimizer: fn() -> Box<dyn Optimizer<f32>>,
    rates: &[f64],
    model: &Linear,
    train: &Data<'_>,
    test: &Data<'_>,
) -> Result<Contender, Box<dyn Error>> {
    let mut runs = Vec::new();
    for &rate in rates {
        let risk = EmpiricalRisk::new(model, &SoftmaxCrossEntropy, train)
            .validation(test)
            .metric("accuracy", metrics::accuracy);
        let run = Trainer::new(optimizer())
            .learning_rate(rate)
            .batch(1)
            .epochs(EPOCHS)
            .seed(1)
            .minimize(risk)?;
        runs.push((rate, run));
    }
    Ok(Contender { name, runs })
}

/// In how many paragraphs each column has an entry.
fn frequencies(inputs: &Csr<f32>) -> Vec<u32> {
    let mut counts = vec![0; inputs.columns()];
    for row in 0..inputs.rows() {
        for &column in inputs.row(row).0 {
            counts[column as usize] += 1;
        }
    }
    counts
}
