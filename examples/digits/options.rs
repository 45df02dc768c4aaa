//! What can be chosen on the command line.

use std::str::FromStr;

use downhill::{prelude::*, schedule::Amplitude};
use lexopt::prelude::*;

/// The number of hidden units.
pub(crate) const HIDDEN: usize = 128;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Trains a network on 1,797 handwritten digits.

  --optimizer gd|sgd|mini-batch|momentum|adagrad|rmsprop|adam   default adam
  --schedule  constant|step|plateau|cyclical                    default step
  --epochs N      passes over the data          default by optimiser
  --batch N       images in a batch             default 32 (not with gd and sgd, which have their own)
  --lr X          the first learning rate       default by optimiser
  --seed N        of the first weights and the order of the images    default 0
  --out DIR       where the picture goes        default target/examples-out";

const OPTIMIZERS: [&str; 7] = [
    "gd",
    "sgd",
    "mini-batch",
    "momentum",
    "adagrad",
    "rmsprop",
    "adam",
];
const SCHEDULES: [&str; 4] = ["constant", "step", "plateau", "cyclical"];

/// What the command line asks for.
pub(crate) enum Request {
    /// A training.
    Run(Options),
    /// The help.
    Help,
}

/// The settings of a training.
pub(crate) struct Options {
    optimizer: String,
    schedule: String,
    pub(crate) epochs: u64,
    pub(crate) batch: Option<usize>,
    rate: f64,
    pub(crate) seed: u64,
    pub(crate) out: String,
}

/// Reads the command line; an error is one line that names option, value and what is allowed.
pub(crate) fn parse() -> Result<Request, String> {
    let (mut optimizer, mut schedule) = ("adam".to_string(), "step".to_string());
    let (mut epochs, mut batch, mut rate, mut seed) = (None, None, None, 0);
    let mut out = "target/examples-out".to_string();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("optimizer") => optimizer = one_of("--optimizer", &mut parser, &OPTIMIZERS)?,
            Long("schedule") => schedule = one_of("--schedule", &mut parser, &SCHEDULES)?,
            Long("epochs") => {
                epochs = Some(number("--epochs", &mut parser, "a whole number from 1", |n| {
                    *n >= 1
                })?)
            }
            Long("batch") => {
                batch = Some(number("--batch", &mut parser, "a whole number from 1", |n| {
                    *n >= 1
                })?)
            }
            Long("lr") => {
                let legal = |x: &f64| *x > 0.0 && x.is_finite();
                rate = Some(number("--lr", &mut parser, "a finite number above 0", legal)?);
            }
            Long("seed") => seed = number("--seed", &mut parser, "a whole number from 0", |_| true)?,
            Long("out") => out = value("--out", &mut parser)?,
            Short('h') | Long("help") => return Ok(Request::Help),
            other => return Err(format!("{}; see --help", other.unexpected())),
        }
    }
    let own_batch = matches!(optimizer.as_str(), "gd" | "sgd");
    if own_batch && batch.is_some() {
        return Err(format!(
            "--batch cannot be given with --optimizer {optimizer}, which has a batch of its own"
        ));
    }
    let (default_rate, default_epochs) = match optimizer.as_str() {
        "gd" => (0.5, 2000),
        "sgd" => (0.02, 60),
        "mini-batch" => (0.2, 150),
        "momentum" => (0.05, 100),
        "adagrad" => (0.05, 60),
        "rmsprop" => (0.002, 40),
        _ => (0.005, 60),
    };
    let batch = if own_batch {
        None
    } else {
        Some(batch.unwrap_or(32))
    };
    let (epochs, rate) = (epochs.unwrap_or(default_epochs), rate.unwrap_or(default_rate));
    Ok(Request::Run(Options {
        optimizer,
        schedule,
        epochs,
        batch,
        rate,
        seed,
        out,
    }))
}

impl Options {
    /// The optimiser, in words.
    pub(crate) fn describe(&self) -> String {
        let batch = self
            .batch
            .map_or(String::new(), |rows| format!(", batches of {rows}"));
        let Self {
            optimizer,
            schedule,
            epochs,
            rate,
            ..
        } = self;
        let unit = if *epochs == 1 { "epoch" } else { "epochs" };
        format!("{optimizer}{batch}, learning rate {rate} ({schedule}), {epochs} {unit}")
    }

    /// The optimiser that was asked for.
    pub(crate) fn optimizer(&self) -> Box<dyn Optimizer<f32>> {
        match self.optimizer.as_str() {
            "gd" => Box::new(GradientDescent),
            "sgd" => Box::new(Sgd),
            "mini-batch" => Box::new(MiniBatchSgd::new(self.batch.unwrap_or(32))),
            "momentum" => Box::new(Momentum::new(0.9)),
            "adagrad" => Box::new(Adagrad::new()),
            "rmsprop" => Box::new(RmsProp::new()),
            _ => Box::new(Adam::new()),
        }
    }

    /// The schedule that was asked for, around the learning rate.
    pub(crate) fn schedule(&self) -> Box<dyn LrSchedule> {
        match self.schedule.as_str() {
            "constant" => Box::new(self.rate),
            "plateau" => Box::new(ReduceOnPlateau::new(self.rate).factor(0.3).patience(3)),
            "cyclical" => {
                let up = Span::Epochs((self.epochs / 8).max(1));
                Box::new(Cyclical::new(self.rate / 10.0, self.rate, up).amplitude(Amplitude::Halving))
            }
            _ => {
                let every = Span::Epochs((self.epochs / 3).max(1));
                Box::new(StepDecay::new(self.rate, every).factor(0.3))
            }
        }
    }
}

fn value(option: &str, parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().map_err(|error| error.to_string())?;
    value
        .into_string()
        .map_err(|value| format!("{option} got {value:?}, which is not text"))
}

fn one_of(option: &str, parser: &mut lexopt::Parser, allowed: &[&str]) -> Result<String, String> {
    let given = value(option, parser)?;
    if allowed.contains(&given.as_str()) {
        return Ok(given);
    }
    Err(format!(
        "{option} is {given:?}, but must be one of {}",
        allowed.join(", ")
    ))
}

fn number<T: FromStr>(
    option: &str,
    parser: &mut lexopt::Parser,
    expected: &str,
    legal: impl Fn(&T) -> bool,
) -> Result<T, String> {
    let given = value(option, parser)?;
    let number = given.parse().ok().filter(|number| legal(number));
    number.ok_or_else(|| format!("{option} is {given:?}, but must be {expected}"))
}
