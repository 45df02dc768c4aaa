//! Everything that may surround a run: early stopping, logs, progress, numbers that go bad, a callback of one's own.
//!
//! `cargo run --release --example callbacks [-- FOLDER]`; with `--features tensorboard` it also writes event files, for
//! `tensorboard --logdir FOLDER`, and with `--features tracing` all of it goes to the `tracing` subscriber of the program.

use std::{env, error::Error, fs, path::PathBuf};

use downhill::{
    Memo,
    ndarray::{Array1, Array2},
    prelude::*,
    schedule::Threshold,
    train::{Callback, Control, EarlyStopping, EvaluationEvent, LogFile, NonFinite, ProgressLines, Watch},
};

/// A callback of one's own: halves the rate when the validation loss is half as much again as the best so far.
struct Cautious {
    best: f64,
}

impl Callback<f64> for Cautious {
    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, f64>) -> Control {
        let loss = event.record.validation_loss.unwrap_or(f64::NAN);
        self.best = self.best.min(loss);
        if loss > 1.5 * self.best {
            println!(
                "step {}: {loss:.4} is far above {:.4}, half the rate",
                event.record.step, self.best
            );
            return Control::ScaleRate(0.5);
        }
        Control::Continue
    }

    // What it has learned goes into a checkpoint, and comes from there where the run is continued.
    fn save(&self, memo: &mut Memo) {
        memo.put("best", [self.best]);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), downhill::Error> {
        self.best = memo.number("best")?;
        Ok(())
    }
}

/// Points on a wave, `y = sin 3x + x / 2`, a little off.
fn wave(rows: usize) -> (Array2<f64>, Array1<f64>) {
    let inputs = Array2::from_shape_fn((rows, 1), |(i, _)| 4.0 * i as f64 / rows as f64 - 2.0);
    let error = |i: usize| ((i * 7919) % 101) as f64 / 101.0 - 0.5;
    let targets = Array1::from_shape_fn(rows, |i| {
        let x = inputs[[i, 0]];
        (3.0 * x).sin() + x / 2.0 + 0.2 * error(i)
    });
    (inputs, targets)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/examples-out/callbacks"), PathBuf::from);
    let (inputs, mut targets) = wave(400);
    targets[17] = 1e200; // A measurement that went wrong: its square is infinite.
    let (validation_inputs, validation_targets) = wave(101);
    let data = Dataset::new(&inputs, &targets)?;
    let validation = Dataset::new(&validation_inputs, &validation_targets)?;
    let model = Mlp::new(&[1, 32, 1])?;
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&validation);

    let trainer = Trainer::new(Adam::new())
        .learning_rate(0.05)
        .batch(16)
        .epochs(1000)
        .seed(1)
        // The batch with the bad row is left out, and counted.
        .non_finite(NonFinite::Skip { at_most: 3 })
        // The validation loss is known five times in an epoch of 25 steps.
        .evaluate_every(Span::Steps(5))
        // Bears with 125 evaluations in a row in which it does not fall by 0.1 %; the next ends the run, which gives back the best.
        .callback(
            EarlyStopping::new()
                .watch(Watch::lowest("validation_loss"))
                .patience(125)
                .min_delta(Threshold::Relative(1e-3)),
        )
        .callback(Cautious { best: f64::INFINITY })
        // A row for each epoch and evaluation; and what every 50th step looks like, tensor by tensor.
        .callback(LogFile::csv(folder.join("epochs.csv")))
        .callback(
            LogFile::json_lines(folder.join("steps.jsonl"))
                .every(Span::Steps(50))
                .norms(),
        )
        .callback(ProgressLines::every(Span::Epochs(20)));
    // A page about it all, when it is over.
    #[cfg(feature = "plot")]
    let trainer = trainer.callback(
        downhill::train::Report::new(folder.join("report.html"))
            .title("A wave, with one bad row")
            .setting("rows", data.len()),
    );
    #[cfg(feature = "tensorboard")]
    let trainer = trainer.callback(downhill::train::TensorBoard::new(&folder).steps(10).norms(50));
    // Events for the subscriber that a service has anyway; here there is none.
    #[cfg(feature = "tracing")]
    let trainer = trainer.callback(downhill::train::Tracing);
    let run = trainer.minimize(risk)?;

    println!("stopped: {:?}", run.stop);
    println!("{} steps, {} of them left out", run.steps, run.skipped);
    println!(
        "best validation loss {:.5}, at step {}",
        run.best.value, run.best.step
    );
    assert_eq!(run.params, run.best.params);

    let steps = fs::read_to_string(folder.join("steps.jsonl"))?;
    println!(
        "\nthe last row of steps.jsonl:\n{}",
        steps.lines().last().unwrap_or_default()
    );
    println!("\nlogs in {}", folder.display());

    // Without the bad row, but at a rate that is far too high: wherever that leads to infinity, back to the best point, and
    // on at a tenth of the rate.
    let back = NonFinite::Back {
        factor: 0.1,
        at_most: 5,
    };
    let run = Trainer::new(Momentum::new(0.9))
        .learning_rate(1.0)
        .batch(16)
        .epochs(100)
        .seed(1)
        .non_finite(back)
        .fit(&model, &MeanSquaredError, &validation)?;
    println!(
        "\nat first at a rate of 1: {} steps led back, the last rate was {:.2e}, best loss {:.4}",
        run.skipped,
        run.history.last().map_or(f64::NAN, |record| record.learning_rate),
        run.best.value
    );
    Ok(())
}
