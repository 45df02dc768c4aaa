//! Where Adam goes the wrong way: `cargo run --release --example adam_divergence`.
//!
//! The counter-example of S. Reddi, S. Kale and S. Kumar, *On the Convergence of Adam and Beyond* (ICLR 2018). On [−1, 1]
//! the terms `5x`, `−x`, `−x` are seen over and over; their mean is `x`, and the best point is −1. Adam without a memory
//! of the gradient and with a short one of its square scales the rare large gradient down until the frequent small ones
//! win, and ends at +1. AMSGrad divides by the largest square so far, and does not.
//!
//! The picture goes to `adam_divergence.svg`, in `target/examples-out/` or in the folder given as the first argument.

use std::{env, error::Error, path::PathBuf};

use downhill::{
    Gradient, LrSchedule, Objective, Optimizer, Params, Trainer,
    data::{Batch, Order},
    optim::{Adam, Momentum, Sgd},
    plot::{Chart, Picture},
    rand::Rng,
    schedule::Progress,
    train::Constraint,
};

const STEPS: u64 = 3000;

/// The mean of linear functions.
struct Slopes([f64; 3]);

impl Objective<f64> for Slopes {
    fn terms(&self) -> usize {
        self.0.len()
    }

    fn start(&self, _: &mut dyn Rng) -> Params<f64> {
        Params::from(vec![0.0])
    }

    fn value_and_gradient(
        &mut self,
        params: &Params<f64>,
        batch: &Batch<'_>,
        gradient: &mut Gradient<f64>,
    ) -> Result<f64, downhill::Error> {
        let slope = match batch {
            Batch::Range(range) => self.0[range.clone()].iter().sum::<f64>(),
            Batch::Rows(rows) => rows.iter().map(|&row| self.0[row]).sum(),
        } / batch.len() as f64;
        gradient.as_mut_slice()[0] = slope;
        Ok(slope * params.as_slice()[0])
    }
}

/// `α / √t`, as in the paper.
#[derive(Debug)]
struct InverseRoot(f64);

impl LrSchedule for InverseRoot {
    fn rate(&mut self, progress: &Progress) -> f64 {
        self.0 / (progress.step as f64 + 1.0).sqrt()
    }
}

/// Where an optimiser stands after every step.
fn walk(optimizer: Box<dyn Optimizer<f64>>) -> Result<Vec<f64>, downhill::Error> {
    let mut path = vec![0.0];
    Trainer::new(optimizer)
        .learning_rate(InverseRoot(0.5))
        .batch(1)
        .order(Order::Sequential)
        .constrain("x", Constraint::Box { low: -1.0, high: 1.0 })
        .steps(STEPS)
        .on_step(|event| {
            path.push(event.params.as_slice()[0]);
        })
        .minimize(Slopes([5.0, -1.0, -1.0]))?;
    Ok(path)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/examples-out"), PathBuf::from);
    let path = folder.join("adam_divergence.svg");

    let adam = Adam::new().beta1(0.0).beta2(1.0 / 26.0);
    let walks = [
        ("Adam", walk(Box::new(adam))?),
        ("AMSGrad", walk(Box::new(adam.amsgrad()))?),
        ("SGD", walk(Box::new(Sgd))?),
        ("Momentum", walk(Box::new(Momentum::new(0.5)))?),
    ];
    println!("The best point is −1. After {STEPS} steps:");
    for (name, walk) in &walks {
        println!("{name:>10}  {:+.3}", walk.last().copied().unwrap_or(f64::NAN));
    }

    let mut chart = Chart::new("Adam on the counter-example of Reddi, Kale and Kumar")
        .x("step")
        .y("x")
        .log_x()
        .sized(800, 440);
    for (name, walk) in &walks {
        // The mean over each round of three steps: the terms pull to and fro within one.
        let rounds = walk
            .windows(3)
            .enumerate()
            .map(|(i, x)| (i as f64 + 1.0, x.iter().sum::<f64>() / 3.0));
        chart = chart.line(*name, rounds);
    }
    chart.save(&path)?;
    println!("\ndrawn: {}", path.display());
    Ok(())
}
