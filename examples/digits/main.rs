//! Trains a network on real handwritten digits and draws what happened.
//!
//! `cargo run --release --example digits`, and `-- --help` for the options.

#[path = "../shared/digits.rs"]
mod data;
mod options;
mod pictures;

use std::{path::Path, process::ExitCode, time::Instant};

use downhill::{metrics, prelude::*, train::Record};
use options::{Options, Request};

fn main() -> ExitCode {
    let options = match options::parse() {
        Ok(Request::Run(options)) => options,
        Ok(Request::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("digits: {message}");
            return ExitCode::from(2);
        }
    };
    match train(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("digits: {error}");
            ExitCode::FAILURE
        }
    }
}

fn train(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    // What cannot be written is better found out before the training than after it.
    std::fs::create_dir_all(&options.out).map_err(|error| format!("--out {}: {error}", options.out))?;
    // 1,797 images of 8×8 pixels, 1,437 of them to train on; the split is always the same, so that runs can be compared.
    let (pixels, labels) = data::load()?;
    let all: Dataset<f32, _, _> = Dataset::new(&pixels, &labels)?;
    let (training, test) = all.split(1437.0 / 1797.0, 0)?;

    let model = Mlp::new(&[64, options::HIDDEN, 10])?;
    println!(
        "data       {} images to train on, {} to test",
        training.len(),
        test.len()
    );
    println!(
        "network    64 inputs, {} hidden (ReLU), 10 outputs",
        options::HIDDEN
    );
    println!("optimiser  {}", options.describe());
    println!("seed       {}\n", options.seed);
    println!("epoch   loss     test loss   test accuracy   learning rate");

    let started = Instant::now();
    let every = (options.epochs / 10).max(1);
    let risk = EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &training)
        .validation(&test)
        .metric("accuracy", metrics::accuracy);
    let mut trainer = Trainer::new(options.optimizer())
        .learning_rate(options.schedule())
        .epochs(options.epochs)
        .seed(options.seed)
        .on_epoch(move |event| {
            if event.record.epoch % every == 0 {
                print_epoch(event.record);
            }
        });
    if let Some(rows) = options.batch {
        trainer = trainer.batch(rows);
    }
    let run = trainer.minimize(risk)?;
    println!(
        "\n{} steps in {:.2} s",
        run.steps,
        started.elapsed().as_secs_f64()
    );
    if run.stop != StopReason::Finished {
        println!("stopped early: {:?}", run.stop);
    }

    let logits = downhill::model::predict(&model, &run.params, test.inputs())?;
    let predicted = metrics::classes(logits.view());
    print_confusion(&predicted, &test.targets().to_vec());
    let picture = Path::new(&options.out).join("digits.svg");
    pictures::draw(&picture, &run.history, &test, &predicted)?;
    println!("\npicture in {}", picture.display());
    println!(
        "test accuracy {:.3}",
        metrics::accuracy(logits.view(), &test.targets())
    );
    Ok(())
}

fn print_epoch(record: &Record) {
    println!(
        "{:5}   {:.4}   {:.4}      {:.3}           {:.2e}",
        record.epoch,
        record.loss,
        record.validation_loss.unwrap_or(f64::NAN),
        record.get("accuracy").unwrap_or(f64::NAN),
        record.learning_rate
    );
}

fn print_confusion(predicted: &[usize], labels: &[usize]) {
    println!("\nwhat the test images are (down) and what the network takes them for (across)\n");
    println!(
        "     {}",
        (0..10).map(|digit| format!("{digit:4}")).collect::<String>()
    );
    for label in 0..10 {
        let count = |class| {
            predicted
                .iter()
                .zip(labels)
                .filter(|(p, y)| **p == class && **y == label)
                .count()
        };
        let cell = |class| match count(class) {
            0 => "   ·".to_string(),
            images => format!("{images:4}"),
        };
        println!("   {label} {}", (0..10).map(cell).collect::<String>());
    }
}
