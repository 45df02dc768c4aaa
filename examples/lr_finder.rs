//! Finds a learning rate for the digits and trains with it: `cargo run --release --example lr_finder`.
//!
//! First the range test: a short training in which the rate rises from far too low to far too high. Then one-cycle training up
//! to the rate at which the loss fell steepest, and, for comparison, constant rates a hundred times lower and higher.
//!
//! The curve goes to `lr_finder.svg`, in `target/examples-out/` or in the folder given as the first argument.

#[path = "shared/digits.rs"]
mod digits;

use std::{env, path::PathBuf};

use downhill::{
    metrics,
    prelude::*,
    schedule::OneCycle,
    tune::{LrCurve, LrFinder},
};

const EPOCHS: u64 = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/examples-out"), PathBuf::from);
    let (pixels, labels) = digits::load()?;
    let all: Dataset<f32, _, _> = Dataset::new(&pixels, &labels)?;
    let (training, test) = all.split(0.8, 0)?;
    let model = Mlp::new(&[64, 128, 10])?;
    let risk = || {
        EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &training)
            .validation(&test)
            .metric("accuracy", metrics::accuracy)
    };

    let trainer = || Trainer::new(Momentum::new(0.9)).batch(32).seed(1);
    let curve = LrFinder::new(1e-5, 10.0).steps(200).find(trainer(), risk())?;
    print_curve(&curve);
    let rate = curve.steepest().ok_or("the loss never falls")?;
    let valley = curve.valley().ok_or("the loss never falls")?;
    let picture = folder.join("lr_finder.svg");
    curve.plot(&picture)?;
    println!("\nsteepest slope at {rate:.3}, middle of the valley at {valley:.3}");
    // A closer look around there: rates at equal distances, and not equal ratios.
    let near = LrFinder::new(valley / 2.0, 2.0 * rate).steps(200).linear();
    if let Some(rate) = near.find(trainer(), risk())?.steepest() {
        println!("in linear steps around these the slope is steepest at {rate:.3}");
    }
    println!();

    let one_cycle = OneCycle::new(rate, Span::Epochs(EPOCHS));
    let schedules: [(&str, Box<dyn LrSchedule>); 4] = [
        ("one cycle up to the steepest", Box::new(one_cycle)),
        ("the valley, constant", Box::new(valley)),
        ("a hundredth of it", Box::new(valley / 100.0)),
        ("a hundred times of it", Box::new(valley * 100.0)),
    ];
    for (name, schedule) in schedules {
        let run = trainer()
            .learning_rate(schedule)
            .epochs(EPOCHS)
            .minimize(risk())?;
        let accuracy = run.history.last().and_then(|record| record.get("accuracy"));
        match run.stop {
            StopReason::Finished => println!("{name:30} test accuracy {:.3}", accuracy.unwrap_or(f64::NAN)),
            stop => println!("{name:30} {stop:?}"),
        }
    }
    println!("\ndrawn: {}", picture.display());
    Ok(())
}

/// The curve in a few lines.
fn print_curve(curve: &LrCurve) {
    println!("learning rate   loss, averaged");
    for (rate, loss) in curve.rates.iter().zip(&curve.smoothed).step_by(12) {
        let bar = "▪".repeat((loss * 16.0).clamp(0.0, 80.0) as usize);
        println!("{rate:13.5}   {loss:.3} {bar}");
    }
    println!(
        "{}",
        if curve.diverged {
            "… and there it explodes"
        } else {
            ""
        }
    );
}
