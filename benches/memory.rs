//! How much memory an epoch takes beyond its data and the idle program: `cargo bench --features sparse --bench memory`.
//!
//! Each case runs twice in a process of its own, with its data made and with an epoch trained on them as well; the difference of
//! the most memory that either held (`VmHWM` of `/proc/self/status`, so on Linux only) is what the epoch took.

use std::{
    env,
    error::Error,
    fs,
    process::{Command, exit},
};

use downhill::data::{Csr, Order};
use downhill::ndarray::{Array1, Array2};
use downhill::optim::Lazy;
use downhill::prelude::*;
use downhill::rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A case by its name, trained or not.
type Case = fn(bool) -> Outcome<()>;

const CASES: [(&str, Case); 10] = [
    ("logistic regression f32, batches of 32", |run| {
        logistic(run, Order::Sequential)
    }),
    ("the same shuffled", |run| logistic(run, Order::Shuffled)),
    ("network, Adam, batches of 64", |run| network(run, 64)),
    ("network, Adam, batches of 512", |run| network(run, 512)),
    ("sparse, SGD, a row a step", |run| {
        sparse(run, Trainer::new(Sgd).order(Order::Sequential))
    }),
    ("the same shuffled", |run| sparse(run, Trainer::new(Sgd))),
    ("sparse, Adagrad, a row a step", |run| {
        sparse(
            run,
            Trainer::new(Adagrad::new()).batch(1).order(Order::Sequential),
        )
    }),
    ("sparse, Adagrad, batches of 32", |run| {
        sparse(
            run,
            Trainer::new(Adagrad::new()).batch(32).order(Order::Sequential),
        )
    }),
    ("sparse, Adam, touched weights", |run| {
        sparse(
            run,
            Trainer::new(Adam::new())
                .batch(1)
                .order(Order::Sequential)
                .lazy(Lazy::Touched),
        )
    }),
    ("sparse, momentum, exact", |run| {
        sparse(
            run,
            Trainer::new(Momentum::new(0.9)).batch(1).order(Order::Sequential),
        )
    }),
];

fn inputs(rows: usize, columns: usize) -> Array2<f32> {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    Array2::from_shape_simple_fn((rows, columns), || random.random_range(-1.0..1.0))
}

fn logistic(run: bool, order: Order) -> Outcome<()> {
    let (inputs, targets) = (
        inputs(100_000, 100),
        Array1::from_shape_fn(100_000, |row| (row % 2) as f32),
    );
    let data = Dataset::new(&inputs, &targets)?;
    let trainer = Trainer::new(MiniBatchSgd::new(32))
        .order(order)
        .learning_rate(0.1)
        .epochs(1);
    if run {
        trainer.fit(
            &Linear::without_intercept(100, 1)?,
            &BinaryCrossEntropy::new(),
            &data,
        )?;
    }
    Ok(())
}

fn network(run: bool, batch: usize) -> Outcome<()> {
    let (inputs, labels) = (inputs(20_000, 784), Array1::from_shape_fn(20_000, |row| row % 10));
    let data = Dataset::new(&inputs, &labels)?;
    let trainer = Trainer::new(Adam::new())
        .batch(batch)
        .order(Order::Sequential)
        .epochs(1);
    if run {
        trainer.fit(&Mlp::new(&[784, 128, 10])?, &SoftmaxCrossEntropy, &data)?;
    }
    Ok(())
}

/// Among 2^20 columns, 75 entries in a row.
fn sparse(run: bool, trainer: Trainer<'_, f32>) -> Outcome<()> {
    let (columns, rows) = (1 << 20, 20_000);
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let mut inputs = Csr::new(columns)?;
    for _ in 0..rows {
        inputs.push((0..75).map(|_| (random.random_range(0..columns), 0.1)))?;
    }
    let targets = Array1::from_shape_fn(rows, |row| (row % 2) as f32);
    let data = Dataset::new(&inputs, &targets)?;
    if run {
        trainer.epochs(1).fit(
            &Linear::without_intercept(columns, 1)?,
            &BinaryCrossEntropy::new(),
            &data,
        )?;
    }
    Ok(())
}

/// The most memory that this process has held, in MB.
fn most() -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line
        .and_then(|line| line.trim().strip_suffix("kB"))
        .ok_or("no VmHWM")?;
    Ok(kilobytes.trim().parse::<f64>()? * 1024.0 / 1e6)
}

fn main() -> Outcome<()> {
    // The cases within: their number, and whether an epoch is trained.
    if let Ok(case) = env::var("MEMORY_CASE") {
        let (number, run) = case.split_once(' ').ok_or("no case")?;
        CASES[number.parse::<usize>()?].1(run == "true")?;
        println!("{}", most()?);
        exit(0);
    }
    let measure = |number: usize, run: bool| -> Outcome<f64> {
        let mut program = Command::new(env::current_exe()?);
        let output = program.env("MEMORY_CASE", format!("{number} {run}")).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    for (number, (name, _)) in CASES.iter().enumerate() {
        println!(
            "{:6.1} MB  {name}",
            measure(number, true)? - measure(number, false)?
        );
    }
    Ok(())
}
