//! A whole piece of work, to copy from: `cargo run --release --example complete`.
//!
//! Handwritten digits are split into three parts and standardised; a range test finds the learning rate; one-cycle training
//! ends early where the validation part no longer gains. Stop the program at any moment and start it again: it goes on
//! where it was, to the same result. Pictures, a report and the model go to `target/examples-out/complete/`, or to the
//! folder given as the first argument. `python examples/read_model.py` goes on with them in PyTorch and NumPy.

#[path = "shared/digits.rs"]
mod digits;

use std::{env, path::PathBuf, time::Duration};

use downhill::{
    data::{Split, Standardizer},
    metrics::{self, Confusion},
    model,
    prelude::*,
    schedule::OneCycle,
    train::{Checkpoints, ProgressBar, Report},
    tune::LrFinder,
};

const EPOCHS: u64 = 30;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/examples-out/complete"), PathBuf::from);

    // The data: each digit has its share in each part; means and deviations are those of the training part alone. Were it
    // known who wrote which image, `.grouped(&writers)` would keep those of one hand in one part.
    let (pixels, labels) = digits::load()?;
    let all: Dataset<f32, _, _> = Dataset::new(&pixels, &labels)?;
    let split = Split::new(all.len()).stratified(&labels).seed(1);
    let [train, validation, test] = split.parts([0.6, 0.2, 0.2])?;
    let standardizer = Standardizer::fit(&all.select(&train)?)?;
    let part = |rows: &[usize]| standardizer.apply(&all.select(rows)?);
    let (train, validation, test) = (part(&train)?, part(&validation)?, part(&test)?);

    // What is minimised, and what is looked at.
    let network = Mlp::new(&[64, 64, 10])?;
    let mut risk = EmpiricalRisk::new(&network, &SoftmaxCrossEntropy, &train)
        .validation(&validation)
        .metric("accuracy", metrics::accuracy);

    // The learning rate: one cycle may go up to where the loss falls steepest.
    let trainer = || {
        Trainer::new(Momentum::new(0.9).decoupled_weight_decay(0.001))
            .batch(32)
            .seed(1)
    };
    let curve = LrFinder::new(1e-5, 10.0).steps(200).find(trainer(), &mut risk)?;
    curve.plot(folder.join("learning_rates.svg"))?;
    let peak = curve.steepest().ok_or("the loss never falls")?;
    println!("the learning rate goes up to {peak:.4}\n");

    // The training.
    let checkpoints = folder.join("checkpoints");
    let trainer = trainer();
    // Ctrl-C ends the run with everything saved; started again, the program goes on.
    #[cfg(feature = "interrupt")]
    let trainer = trainer.interruptible();
    let run = trainer
        .learning_rate(OneCycle::new(peak, Span::Epochs(EPOCHS)))
        .epochs(EPOCHS)
        .callback(
            EarlyStopping::new()
                .watch(Watch::highest("accuracy"))
                .patience(10),
        )
        .callback(ProgressBar::new().or_lines(Span::Epochs(5)))
        .callback(
            Report::new(folder.join("report.html"))
                .title("Handwritten digits")
                .setting("data", format!("{} images to train on", train.len()))
                .setting("network", "64 inputs, 64 hidden, 10 outputs"),
        )
        .time_limit(Duration::from_secs(600))
        .checkpoint(Checkpoints::new(&checkpoints).best().in_background())
        .resume_or_start(&checkpoints)
        .minimize(&mut risk)?;
    if let Some(resumed) = &run.resumed {
        println!("continued from step {}", resumed.step);
    }
    println!("ended after {} epochs: {:?}\n", run.epochs, run.stop);

    // What it is worth: early stopping has brought the best parameters back.
    for (name, part) in [("training", &train), ("validation", &validation), ("test", &test)] {
        println!("{name:10} {}", risk.measure(&run.params, part)?);
    }
    let scores = model::predict(&network, &run.params, test.inputs())?;
    let mut confusion = Confusion::new(10);
    confusion.update(scores.view(), &test.targets(), None)?;
    confusion.plot(folder.join("confusion.svg"))?;
    run.history.plot(folder.join("learning_curves.svg"))?;

    // For use elsewhere, in Python too (`examples/read_model.py`): the model, and how its inputs are to be standardised.
    run.params.save(folder.join("digits.safetensors"))?;
    let mut layout = Layout::new();
    layout.add("mean", 64)?;
    layout.add("deviation", 64)?;
    let mut scales = Params::<f64>::zeros(&layout);
    scales.set("mean", standardizer.mean().view())?;
    scales.set("deviation", standardizer.deviation().view())?;
    scales.save(folder.join("standardizer.safetensors"))?;
    println!("\npictures, report and model in {}", folder.display());
    Ok(())
}
