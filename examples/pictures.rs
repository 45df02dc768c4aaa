//! Every kind of picture, each by one call: `cargo run --release --example pictures`.
//!
//! They go to `target/examples-out/`, or to the folder given as the first argument.

#[path = "shared/digits.rs"]
mod digits;

use std::{cell::RefCell, env, path::PathBuf};

use downhill::{
    metrics::{self, Confusion},
    objective::{Landscape, functions::BEALE},
    plot::{self, Contours, Picture},
    prelude::*,
    schedule::{CosineRestarts, OneCycle, preview},
    train::History,
    tune::{LrFinder, Search, Space},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/examples-out"), PathBuf::from);
    let (pixels, labels) = digits::load()?;
    let all: Dataset<f32, _, _> = Dataset::new(&pixels, &labels)?;
    let (training, test) = all.split(0.8, 0)?;
    let model = Mlp::new(&[64, 32, 10])?;
    let risk = || {
        EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &training)
            .validation(&test)
            .metric("accuracy", metrics::accuracy)
    };

    // A training: its curves, the confusion at its end, the landscape around it, and the way it took there.
    let way = RefCell::new(vec![risk().start(&mut seeded())]);
    let run = Trainer::new(Adam::new())
        .learning_rate(OneCycle::new(0.01, Span::Epochs(30)))
        .epochs(30)
        .on_epoch(|event| {
            way.borrow_mut().push(event.params.clone());
        })
        .minimize(risk())?;
    run.history.plot(folder.join("learning_curves.svg"))?;

    let logits = downhill::model::predict(&model, &run.params, test.inputs())?;
    let mut confusion = Confusion::new(10);
    confusion.update(logits.view(), &test.targets(), None)?;
    confusion.plot(folder.join("confusion.svg"))?;

    let around = || Landscape::around(&run.params);
    around().random(risk())?.plot(folder.join("landscape.svg"))?;
    around()
        .principal(risk(), &way.borrow())?
        .plot(folder.join("way.svg"))?;

    // Several runs of several optimisers.
    let runs = |trainer: &dyn Fn() -> Trainer<'static, f32>| -> Result<Vec<History>, Error> {
        let run = |seed| Ok(trainer().seed(seed).epochs(15).minimize(risk())?.history);
        (0..5).map(run).collect()
    };
    let kinds = [
        (
            "SGD",
            runs(&|| Trainer::new(MiniBatchSgd::new(32)).learning_rate(0.1))?,
        ),
        (
            "Momentum",
            runs(&|| Trainer::new(Momentum::new(0.9)).learning_rate(0.1))?,
        ),
        ("Adam", runs(&|| Trainer::new(Adam::new()).learning_rate(0.005))?),
    ];
    plot::comparison("validation_loss", kinds).save(folder.join("comparison.svg"))?;

    // A range test, and schedules.
    LrFinder::new(1e-5, 10.0)
        .steps(200)
        .find(Trainer::new(Momentum::new(0.9)), risk())?
        .plot(folder.join("range_test.svg"))?;
    plot::schedules([
        (
            "one cycle",
            preview(OneCycle::new(0.1, Span::Steps(1000)), 1000, 100)?,
        ),
        (
            "step decay",
            preview(StepDecay::new(0.1, Span::Epochs(2)).factor(0.5), 1000, 100)?,
        ),
        (
            "cosine restarts",
            preview(CosineRestarts::new(0.1, 0.001, Span::Steps(250)), 1000, 100)?,
        ),
        (
            "cyclical",
            preview(Cyclical::new(0.01, 0.08, Span::Epochs(1)), 1000, 100)?,
        ),
    ])
    .save(folder.join("schedules.svg"))?;

    // Ways over a function of two variables.
    let height = |x, y| (BEALE.value_and_gradient)(&[x, y], &mut [0.0; 2]);
    let mut beale = Contours::new("Beale", [0.0, 4.0, -1.0, 2.0], height);
    let optimizers: [(&str, f64, Box<dyn Optimizer<f64>>); 3] = [
        ("gradient descent", 0.01, Box::new(GradientDescent)),
        ("momentum", 0.002, Box::new(Momentum::new(0.9))),
        ("Adam", 0.05, Box::new(Adam::new())),
    ];
    for (name, rate, optimizer) in optimizers {
        let mut path = vec![(BEALE.start[0], BEALE.start[1])];
        Trainer::new(optimizer)
            .learning_rate(rate)
            .steps(500)
            .on_step(|event| {
                path.push((event.params.as_slice()[0], event.params.as_slice()[1]));
            })
            .minimize(Function::new(BEALE.start.to_vec(), BEALE.value_and_gradient))?;
        beale = beale.path(name, path);
    }
    beale
        .start((1.0, 1.5))
        .minimum((3.0, 0.5))
        .save(folder.join("contours.svg"))?;

    // A search.
    let space = Space::new()
        .log_uniform("learning_rate", 1e-3, 1.0)
        .uniform("momentum", 0.0, 0.99)
        .choice("hidden", [8, 16, 32]);
    Search::random(space, 60)
        .seed(1)
        .minimize(|trial| {
            let model = Mlp::new(&[64, trial.count("hidden")?, 10])?;
            let risk = EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &training).validation(&test);
            let run = Trainer::new(Momentum::new(trial.number("momentum")?))
                .learning_rate(trial.number("learning_rate")?)
                .epochs(3)
                .minimize(risk)?;
            Ok(run.best.value)
        })?
        .plot(folder.join("random_search.svg"))?;
    println!("drawn: nine pictures in {}", folder.display());
    Ok(())
}

fn seeded() -> downhill::rand::rngs::ChaCha12Rng {
    downhill::rand::SeedableRng::seed_from_u64(0)
}
