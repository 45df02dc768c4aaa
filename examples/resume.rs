//! A run that is killed and goes on: `cargo run --release --example resume`.
//!
//! This program starts itself as a second process, which trains; kills it six times at random moments; lets it finish; and
//! compares its parameters with those of a run that nobody disturbed.

use std::{path::Path, process::Command, thread::sleep, time::Duration};

use downhill::{
    ndarray::{Array1, Array2},
    prelude::*,
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
    train::Checkpoints,
};

const WORKER: &str = "worker";
const KILLS: usize = 6;

/// A network that tells two spirals apart.
fn network() -> Result<Mlp, Error> {
    Ok(Mlp::new(&[2, 24, 24, 1])?.activation(Activation::Tanh))
}

fn train(trainer: Trainer<'_, f64>) -> Result<Run<f64>, Error> {
    let mut rng = ChaCha12Rng::seed_from_u64(3);
    let targets = Array1::from_shape_fn(400, |row| (row % 2) as f64);
    let inputs = Array2::from_shape_fn((400, 2), |(row, column)| {
        let turn = row as f64 / 60.0 + std::f64::consts::PI * (row % 2) as f64;
        let noise = rng.random_range(-0.02..0.02);
        row as f64 / 400.0 * if column == 0 { turn.cos() } else { turn.sin() } + noise
    });
    let (train, validation) = Dataset::new(&inputs, &targets)?.split(0.8, 3)?;
    let (model, loss) = (network()?, BinaryCrossEntropy::new());
    let risk = EmpiricalRisk::new(&model, &loss, &train).validation(&validation);
    trainer
        .learning_rate(ReduceOnPlateau::new(0.01))
        .batch(20)
        .epochs(600)
        .seed(3)
        .minimize(risk)
}

/// What the second process does: begins, or goes on from the newest good checkpoint, and writes one every 25 steps.
fn work(folder: &Path) -> Result<(), Error> {
    let trainer = Trainer::new(Adam::new())
        .resume_or_start(folder)
        .checkpoint(Checkpoints::new(folder).every(Span::Steps(25)).keep(3).best());
    let run = train(trainer)?;
    run.params.save(folder.join("model.safetensors"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, task, folder] = arguments.as_slice()
        && task == WORKER
    {
        return Ok(work(Path::new(folder))?);
    }

    let folder = std::env::temp_dir().join(format!("downhill-example-{}", std::process::id()));
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let mut kills = 0;
    loop {
        let mut worker = Command::new(std::env::current_exe()?)
            .arg(WORKER)
            .arg(&folder)
            .spawn()?;
        if kills < KILLS {
            sleep(Duration::from_millis(rng.random_range(5..35)));
            worker.kill()?;
        }
        if worker.wait()?.success() {
            break;
        }
        kills += 1;
        let steps = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = steps.filter_map(|entry| entry.file_name().into_string().ok());
        let newest = names.filter(|name| name.starts_with("step-")).max();
        println!(
            "killed; the newest checkpoint is {}",
            newest.unwrap_or("none yet".into())
        );
    }

    if kills < KILLS {
        return Err(format!("it came to its end after {kills} kills").into());
    }
    let undisturbed = train(Trainer::new(Adam::new()))?;
    let mut killed = Params::<f64>::zeros(undisturbed.params.layout());
    killed.load(folder.join("model.safetensors"))?;
    std::fs::remove_dir_all(&folder)?;
    let differ = killed
        .as_slice()
        .iter()
        .zip(undisturbed.params.as_slice())
        .filter(|(a, b)| a.to_bits() != b.to_bits());
    println!(
        "after {kills} kills: {} of {} weights differ in any bit from the run that nobody disturbed ({} steps, loss {:.4})",
        differ.count(),
        killed.as_slice().len(),
        undisturbed.steps,
        undisturbed.best.value,
    );
    if killed == undisturbed.params {
        Ok(())
    } else {
        Err("the parameters differ".into())
    }
}
