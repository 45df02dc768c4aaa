//! Searches hyperparameters for the digits: `cargo run --release --example search`.
//!
//! Successive halving: 27 random combinations are trained a little, the best nine of
//! them three times as long, the best three nine times, and the last one 27 times. A grid around the winner says whether another
//! rate or batch is better still, and cross-validation what the best is worth on images that the search has not seen. Trials
//! are kept in `search.csv`, and drawn into `search.svg`, in `target/examples-out/` or in the folder given as the first
//! argument: interrupt it and start it again, and it goes on where it was.

#[path = "shared/digits.rs"]
mod digits;

use std::{env, path::PathBuf};

use downhill::{
    data::Split,
    metrics,
    optim::{Adam, Momentum, RmsProp},
    prelude::*,
    tune::{Search, Space, Trial, cross_validate},
};

type Digits<'a> = Dataset<'a, f32, downhill::ndarray::Array2<f32>, downhill::ndarray::Array1<usize>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/examples-out"), PathBuf::from);
    let (pixels, labels) = digits::load()?;
    let all: Digits = Dataset::new(&pixels, &labels)?;
    let [searched, unseen] = Split::new(all.len()).stratified(&labels).parts([0.5, 0.5])?;
    let (searched, unseen) = (all.select(&searched)?, all.select(&unseen)?);
    let (train, validation) = searched.split(0.75, 0)?;

    let space = Space::new()
        .choice("optimizer", ["momentum", "rmsprop", "adam"])
        .log_uniform("learning_rate", 1e-4, 1.0)
        .choice("hidden", [16, 32, 64, 128])
        .choice("batch", [16, 32, 64]);
    let results = Search::halving(space, 27, 1)
        .seed(7)
        .journal(folder.join("search.csv"))
        .maximize(|trial| accuracy(trial, trial.budget().unwrap_or(1), &train, &validation))?;
    println!("{results}");
    results.plot(folder.join("search.svg"))?;

    // Every combination of three rates and three batches, with what was best of the rest.
    let best = &results.best().ok_or("no score is a number")?.trial;
    let rate = best.number("learning_rate")?;
    let grid = Space::new()
        .choice("optimizer", [best.text("optimizer")?])
        .choice("learning_rate", [rate / 2.0, rate, rate * 2.0])
        .choice("hidden", [best.count("hidden")? as i64])
        .choice("batch", [16, 32, 64]);
    let results = Search::grid(grid).maximize(|trial| accuracy(trial, 27, &train, &validation))?;
    println!("{results}");

    let best = results.best().ok_or("no score is a number")?;
    let folds = Split::new(unseen.len()).stratified(unseen.targets()).folds(5)?;
    let scores = cross_validate(&unseen, &folds, |_, train, test| {
        accuracy(&best.trial, 27, train, test)
    })?;
    println!("accuracy of the best on unseen images: {scores}");
    println!("\ndrawn: {}", folder.join("search.svg").display());
    Ok(())
}

/// Trains what a trial says for so many epochs.
fn accuracy(trial: &Trial, epochs: u64, train: &Digits, validation: &Digits) -> Result<f64, Error> {
    let optimizer: Box<dyn Optimizer<f32>> = match trial.text("optimizer")? {
        "momentum" => Box::new(Momentum::new(0.9)),
        "rmsprop" => Box::new(RmsProp::new()),
        _ => Box::new(Adam::new()),
    };
    let model = Mlp::new(&[64, trial.count("hidden")?, 10])?;
    let risk = EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, train)
        .validation(validation)
        .metric("accuracy", metrics::accuracy);
    let run = Trainer::new(optimizer)
        .learning_rate(trial.number("learning_rate")?)
        .batch(trial.count("batch")?)
        .epochs(epochs)
        .minimize(risk)?;
    Ok(run
        .history
        .last()
        .and_then(|record| record.get("accuracy"))
        .unwrap_or(f64::NAN))
}
