//! Ten million weights of Adam in `f32` written down: how long the run stands still for it, written at once and in the
//! background, beside the time of a plain copy of the same values: `cargo bench --bench checkpoint -- runs/bench`.

use std::{
    cell::Cell,
    error::Error,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use downhill::{
    Function, Trainer,
    optim::Adam,
    schedule::Span,
    train::{Checkpoints, Control},
};

const WEIGHTS: usize = 10_000_000;
const ROUNDS: usize = 5;

/// The times from the end of an update to the beginning of the next, in which a checkpoint is made.
fn pauses(checkpoints: Option<Checkpoints>) -> Result<Vec<Duration>, downhill::Error> {
    let (ended, steps, mut pauses) = (Cell::new(Instant::now()), Cell::new(0), Vec::new());
    let flat = Function::new(vec![1.0_f32; WEIGHTS], |_: &[f32], gradient: &mut [f32]| {
        // The first copy makes the room that the others use.
        if steps.get() > 1 {
            pauses.push(ended.get().elapsed());
        }
        gradient.fill(0.5);
        1.0
    });
    let mut trainer = Trainer::new(Adam::new())
        .steps(ROUNDS as u64 + 2)
        .on_step(|event| {
            // A run does something between its checkpoints: here it leaves the disk time to write the one before. A checkpoint for
            // which there was none would be left out, and cost nothing.
            std::thread::sleep(Duration::from_secs(3));
            steps.set(event.step);
            ended.set(Instant::now());
            Control::Continue
        });
    if let Some(checkpoints) = checkpoints {
        trainer = trainer.checkpoint(checkpoints.every(Span::Steps(1)));
    }
    let run = trainer.minimize(flat)?;
    run.unsaved.map_or(Ok(pauses), Err)
}

fn copies() -> Vec<Duration> {
    // Parameters, best parameters, two moments.
    let from = vec![1.0_f32; 4 * WEIGHTS];
    let mut to = vec![0.0; 4 * WEIGHTS];
    let copy = |_| {
        let start = Instant::now();
        black_box(&mut to).copy_from_slice(black_box(&from));
        start.elapsed()
    };
    (0..ROUNDS).map(copy).collect()
}

fn print(mut times: Vec<Duration>, what: &str) {
    times.sort();
    let [shortest, median, longest] =
        [0, times.len() / 2, times.len() - 1].map(|place| times[place].as_secs_f64() * 1e3);
    println!("{median:8.1} ms ({shortest:.1} to {longest:.1})  {what}");
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let folder = folder.unwrap_or_else(|| "target/checkpoint-bench".into());
    let folder = Path::new(&folder);
    let _ = std::fs::remove_dir_all(folder);
    print(pauses(None)?, "without checkpoints");
    print(copies(), "a copy of the same values");
    let background = Checkpoints::new(folder.join("background")).in_background();
    print(pauses(Some(background))?, "in the background");
    print(pauses(Some(Checkpoints::new(folder.join("at-once"))))?, "at once");
    let last = folder.join(format!("at-once/step-{:012}.safetensors", ROUNDS + 2));
    println!("{:8.1} MB  a file", std::fs::metadata(last)?.len() as f64 / 1e6);
    Ok(std::fs::remove_dir_all(folder)?)
}
