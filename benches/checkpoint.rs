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
const ROUNDS: u64 = 5;

/// The shortest of the times from the end of an update to the beginning of the next, in which a checkpoint is made.
fn pause(checkpoints: Option<Checkpoints>) -> Result<Duration, downhill::Error> {
    let (ended, shortest) = (Cell::new(Instant::now()), Cell::new(Duration::MAX));
    let steps = Cell::new(0);
    let flat = Function::new(vec![1.0_f32; WEIGHTS], |_: &[f32], gradient: &mut [f32]| {
        // The first copy makes the room that the others use.
        if steps.get() > 1 {
            shortest.set(shortest.get().min(ended.get().elapsed()));
        }
        gradient.fill(0.5);
        1.0
    });
    let mut trainer = Trainer::new(Adam::new()).steps(ROUNDS + 2).on_step(|event| {
        // A run does something between its checkpoints: here it leaves the disk time to write the one before.
        std::thread::sleep(Duration::from_secs(1));
        steps.set(event.step);
        ended.set(Instant::now());
        Control::Continue
    });
    if let Some(checkpoints) = checkpoints {
        trainer = trainer.checkpoint(checkpoints.every(Span::Steps(1)));
    }
    let run = trainer.minimize(flat)?;
    run.unsaved.map_or(Ok(shortest.get()), Err)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let folder = folder.unwrap_or_else(|| "target/checkpoint-bench".into());
    let folder = Path::new(&folder);
    let _ = std::fs::remove_dir_all(folder);
    // Parameters, best parameters, two moments.
    let from = vec![1.0_f32; 4 * WEIGHTS];
    let mut to = vec![0.0; 4 * WEIGHTS];
    let mut copy = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        black_box(&mut to).copy_from_slice(black_box(&from));
        copy = copy.min(start.elapsed());
    }
    println!("{:8.1} ms  without checkpoints", milliseconds(pause(None)?));
    println!("{:8.1} ms  a copy of the same values", milliseconds(copy));
    let background = Checkpoints::new(folder.join("background")).in_background();
    println!(
        "{:8.1} ms  in the background",
        milliseconds(pause(Some(background))?)
    );
    println!(
        "{:8.1} ms  at once",
        milliseconds(pause(Some(Checkpoints::new(folder.join("at-once"))))?)
    );
    let last = folder.join(format!("at-once/step-{:012}.safetensors", ROUNDS + 2));
    println!("{:8.1} MB  a file", std::fs::metadata(last)?.len() as f64 / 1e6);
    Ok(std::fs::remove_dir_all(folder)?)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
