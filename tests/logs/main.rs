//! What is written while a run goes on.

#[cfg(feature = "tensorboard")]
#[path = "../events/mod.rs"]
mod events;
#[path = "../folder/mod.rs"]
mod folder;
#[cfg(feature = "plot")]
mod reports;
#[cfg(feature = "tensorboard")]
mod tensor_board;
#[cfg(feature = "tracing")]
mod traced;

use std::fs;

use folder::Folder;

use downhill::ndarray::{Array1, Array2, array};
use downhill::prelude::*;
use downhill::train::{LogFile, Norms, ProgressLines};

fn data() -> (Array2<f64>, Array1<f64>) {
    let inputs = Array2::from_shape_fn((8, 2), |(i, j)| ((i * 5 + j * 7) % 11) as f64 / 5.0 - 1.0);
    let targets = inputs.dot(&array![1.0, -2.0]) + 0.3;
    (inputs, targets)
}

/// A run over a plane, two steps an epoch, with a validation set.
fn fit(trainer: Trainer<'_, f64>) -> Result<Run<f64>, Error> {
    let (inputs, targets) = data();
    let data = Dataset::new(&inputs, &targets)?;
    let model = Linear::new(2, 1)?;
    trainer
        .batch(4)
        .minimize(EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data))
}

fn trainer() -> Trainer<'static, f64> {
    Trainer::new(Momentum::new(0.9)).learning_rate(0.1)
}

/// Asserts that a run is refused before its first step, with an error that has each of these parts.
#[track_caller]
fn refused(trainer: Trainer<'_, f64>, parts: &[&str]) {
    let stepped = std::cell::Cell::new(false);
    let error = fit(trainer.epochs(1).on_step(|_| stepped.set(true))).unwrap_err();
    for part in parts {
        assert!(error.to_string().contains(part), "{error} does not say {part:?}");
    }
    assert!(!stepped.get());
}

#[test]
fn a_log_of_epochs_is_the_history_as_it_grows() {
    let folder = Folder::new();
    let (csv, json) = (folder.join("new/run.csv"), folder.join("run.jsonl"));
    let grown = |event: &downhill::train::EpochEvent<'_, f64>| {
        let lines = fs::read_to_string(&csv).unwrap().lines().count() as u64;
        assert_eq!(lines, event.record.epoch + 1);
    };
    let decaying = Trainer::new(Momentum::new(0.9).weight_decay(0.0)).learning_rate(0.1);
    let run = fit(decaying
        .epochs(4)
        .weight_decay(0.25)
        .callback(LogFile::csv(&csv))
        .callback(LogFile::json_lines(&json))
        .on_epoch(grown))
    .unwrap();
    let whole = folder.join("history.csv");
    run.history.csv(&whole).unwrap();
    assert_eq!(
        fs::read_to_string(&csv).unwrap(),
        fs::read_to_string(&whole).unwrap()
    );

    let text = fs::read_to_string(&json).unwrap();
    let rows: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for name in run.history.names() {
        let column: Vec<f64> = rows.iter().map(|row| row[name].as_f64().unwrap()).collect();
        assert_eq!(column, run.history.column(name), "{name}");
    }
}

#[test]
fn a_log_of_steps_has_what_happened_at_them() {
    let folder = Folder::new();
    let (csv, json) = (folder.join("steps.csv"), folder.join("steps.jsonl"));
    let mut seen = Vec::new();
    fit(trainer()
        .epochs(3)
        .clip_norm(100.0)
        .callback(LogFile::csv(&csv).every(Span::Steps(2)))
        .callback(LogFile::json_lines(&json).every(Span::Steps(1)))
        .on_step(|event| seen.push((event.step as f64, event.loss, 0.1, event.gradient_norm.unwrap()))))
    .unwrap();
    let expected: String = seen
        .iter()
        .skip(1)
        .step_by(2)
        .map(|(step, loss, rate, norm)| format!("{step},{loss:?},{rate:?},{norm:?}\n"))
        .collect();
    let names = "step,loss,learning_rate,gradient_norm\n";
    assert_eq!(fs::read_to_string(&csv).unwrap(), format!("{names}{expected}"));
    let text = fs::read_to_string(&json).unwrap();
    assert_eq!(text.lines().count(), 6);
    for (line, (step, loss, _, norm)) in text.lines().zip(&seen) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            [&row["step"], &row["loss"], &row["gradient_norm"]].map(|x| x.as_f64().unwrap()),
            [*step, *loss, *norm]
        );
    }
}

#[test]
fn what_is_not_finite_is_null_in_json_and_names_are_escaped() {
    let folder = Folder::new();
    let path = folder.join("run.jsonl");
    let (inputs, targets) = data();
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(2, 1).unwrap();
    let name = "a \"bad\" \\ score\u{1}é";
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data)
        .validation(&data)
        .metric(name, |_: downhill::ndarray::ArrayView2<'_, f64>, _: &_| f64::NAN);
    let log = LogFile::json_lines(&path);
    trainer().batch(4).epochs(1).callback(log).minimize(risk).unwrap();
    let row: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(row[name], serde_json::Value::Null);
    assert_eq!(row["epoch"].as_u64(), Some(1));
}

#[test]
fn norms_are_those_of_the_arrays() {
    let folder = Folder::new();
    let path = folder.join("steps.csv");
    let mut by_hand = Vec::new();
    let mut before: Option<Params<f64>> = None;
    let l2 = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut norms = Norms::every(2);
    let mut unknown = Norms::every(1);
    fit(trainer()
        .epochs(2)
        .callback(LogFile::csv(&path).norms().every(Span::Steps(1)))
        .on_step(|event| {
            let weight = event.params.layout().tensors()[0].range();
            let (w, g) = (
                &event.params.as_slice()[weight.clone()],
                &event.gradient.as_slice()[weight.clone()],
            );
            let update = before.replace(event.params.clone()).map(|before| {
                let steps: Vec<f64> = before.as_slice()[weight]
                    .iter()
                    .zip(w)
                    .map(|(b, w)| w - b)
                    .collect();
                l2(&steps)
            });
            let measured = norms.measure(event);
            assert_eq!(measured.is_empty(), event.step % 2 == 1);
            for tensor in measured.iter().take(1) {
                assert_eq!(tensor.name, "weight");
                assert!((tensor.update.unwrap() - update.unwrap()).abs() < 1e-15);
            }
            assert_eq!(unknown.measure(event)[0].update.is_none(), event.step == 1);
            by_hand.push((l2(g), l2(w), update.map(|update| update / l2(w))));
        }))
    .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let names: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    assert_eq!(
        names[3..6],
        [
            "gradient_norm/weight",
            "weight_norm/weight",
            "update_ratio/weight"
        ]
    );
    assert_eq!(
        names[6..],
        ["gradient_norm/bias", "weight_norm/bias", "update_ratio/bias"]
    );
    for (line, (gradient, weights, ratio)) in text.lines().skip(1).zip(by_hand) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-14, "{a} {b}");
        near(cells[3], gradient);
        near(cells[4], weights);
        // The weights start at zero, so the first update is all of them.
        near(cells[5], ratio.unwrap_or(1.0));
    }
}

#[test]
fn logs_are_refused_before_the_first_step() {
    let folder = Folder::new();
    let path = folder.join("old.csv");
    fs::write(&path, "what was there\n").unwrap();
    let log = || LogFile::csv(&path);
    refused(
        trainer().callback(log().every(Span::Epochs(0))),
        &["every of LogFile", "at least 1"],
    );
    refused(
        trainer().callback(log().every(Span::Steps(0))),
        &["every of LogFile", "at least 1"],
    );
    refused(
        trainer().callback(log().norms()),
        &["norms", "Epochs(1)", "steps"],
    );
    let nowhere = LogFile::csv(path.join("in/a/file.csv"));
    refused(trainer().callback(nowhere), &["old.csv", "created"]);
    // A log that another callback's settings prevent has not touched its file.
    let lines = ProgressLines::every(Span::Steps(0)).to(Vec::new());
    refused(
        trainer().callback(log()).callback(lines),
        &["every of ProgressLines"],
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "what was there\n");
}

/// A device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_run_and_loses_nothing_else() {
    let run = fit(trainer().epochs(4).callback(LogFile::csv("/dev/full"))).unwrap();
    let StopReason::Failed(Error::Io { path, kind, .. }) = &run.stop else {
        panic!("{:?}", run.stop)
    };
    assert_eq!(
        (path.as_str(), *kind),
        ("/dev/full", std::io::ErrorKind::StorageFull)
    );
    let one = fit(trainer().epochs(1)).unwrap();
    assert_eq!((run.epochs, &run.params, run.history.len()), (1, &one.params, 1));
}

#[test]
fn progress_lines_say_how_far_it_is() {
    let mut text = Vec::new();
    fit(trainer()
        .epochs(4)
        .callback(ProgressLines::every(Span::Epochs(2)).to(&mut text)))
    .unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("epoch 2/4, step 4: loss "), "{text}");
    for part in [
        "validation loss ",
        "learning rate 1.00e-1",
        " steps/s",
        "0:00 left",
    ] {
        assert!(lines[0].contains(part), "{text}");
    }
    let mut text = Vec::new();
    fit(trainer()
        .steps(3)
        .callback(ProgressLines::every(Span::Steps(2)).to(&mut text)))
    .unwrap();
    assert!(String::from_utf8(text).unwrap().starts_with("step 2/3: loss "));
}

#[cfg(feature = "progress")]
#[test]
fn progress_bars_are_refused_and_quiet() {
    use downhill::train::ProgressBar;
    let lines = ProgressBar::new().or_lines(Span::Epochs(0));
    refused(
        trainer().callback(lines),
        &["every of ProgressLines", "at least 1"],
    );
    let run = fit(trainer().epochs(2).progress_bar()).unwrap();
    assert_eq!(run.stop, StopReason::Finished);
}

/// The run went on to step 6 after its checkpoint at step 3; the one that is continued there writes what it would have.
#[cfg(feature = "checkpoint")]
#[test]
fn a_continued_run_goes_on_with_its_logs() {
    use downhill::train::Checkpoints;

    let folder = Folder::new();
    let logged = |name: &str| {
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        trainer()
            .callback(LogFile::csv(file("csv")).every(Span::Steps(1)).norms())
            .callback(LogFile::json_lines(file("jsonl")).every(Span::Steps(2)))
    };
    let whole = fit(logged("whole").epochs(4)).unwrap();
    let checkpoints = Checkpoints::new(folder.join("checkpoints"))
        .every(Span::Steps(3))
        .keep(9);
    fit(logged("part").steps(7).checkpoint(checkpoints)).unwrap();
    let mut files: Vec<_> = fs::read_dir(folder.join("checkpoints"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let continued = fit(logged("part").epochs(4).resume(&files[0])).unwrap();
    assert_eq!(continued.resumed.map(|from| from.step), Some(3));
    assert_eq!(continued.params, whole.params);
    for ending in ["csv", "jsonl"] {
        let text = |name: &str| fs::read_to_string(folder.join(format!("{name}.{ending}"))).unwrap();
        assert_eq!(text("part"), text("whole"), "{ending}");
    }
}

/// Continued from any step, the last of an epoch too, the file is that of the run that never stopped.
#[cfg(feature = "checkpoint")]
#[test]
fn the_rows_of_epochs_are_written_once() {
    use downhill::train::Checkpoints;

    let (inputs, targets) = data();
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(2, 1).unwrap();
    let columns = |text: &str| -> Vec<String> {
        // Without the seconds, which are the last column.
        let cut = |line: &str| line.rsplit_once(',').map(|(front, _)| front.to_string());
        text.lines().filter_map(cut).collect()
    };
    let home = Folder::new();
    let run = |name: &str, trainer: Trainer<'static, f64>| {
        let path = home.join(name);
        let trainer = trainer.batch(4).epochs(3).callback(LogFile::csv(&path));
        trainer.fit(&model, &MeanSquaredError, &data).unwrap();
        columns(&fs::read_to_string(path).unwrap())
    };
    let every = |name: &str| Checkpoints::new(home.join(name)).every(Span::Steps(1)).keep(100);
    let whole = run("run.csv", trainer().checkpoint(every("whole")));
    let mut files: Vec<_> = fs::read_dir(home.join("whole"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() > 3);
    for file in files {
        // The log has gone further than the checkpoint, as after a kill.
        assert_eq!(
            run("run.csv", trainer().resume(&file)),
            whole,
            "{}",
            file.display()
        );
    }
}
