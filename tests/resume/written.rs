//! What a run writes, stopped at every step: the files are those of the run that never stopped, times apart.

use std::{cell::RefCell, collections::BTreeMap, fs, path::Path};

#[cfg(feature = "plot")]
use downhill::train::Report;
#[cfg(feature = "tensorboard")]
use downhill::train::TensorBoard;
use downhill::{
    prelude::*,
    train::{Checkpoints, LogFile, Norms, ProgressLines},
};

use super::{Folder, bits, every_step::minimize};

#[cfg(feature = "tensorboard")]
#[path = "../events/mod.rs"]
mod events;

/// A run that writes everything down.
fn trainer(folder: &Path) -> Trainer<'static, f64> {
    let trainer = Trainer::new(Adam::new())
        .learning_rate(ReduceOnPlateau::new(0.1).patience(0))
        .momentum(Cyclical::new(0.5, 0.9, Span::Steps(2)))
        .clip_norm(1.0)
        .batch(3)
        .epochs(3)
        .evaluate_every(Span::Steps(2))
        .callback(LogFile::csv(folder.join("epochs.csv")))
        .callback(LogFile::json_lines(folder.join("epochs.jsonl")))
        .callback(LogFile::csv(folder.join("steps.csv")).every(Span::Steps(1)))
        .callback(
            LogFile::csv(folder.join("norms.csv"))
                .every(Span::Steps(2))
                .norms(),
        )
        .callback(
            LogFile::json_lines(folder.join("steps.jsonl"))
                .every(Span::Steps(2))
                .norms(),
        )
        .callback(ProgressLines::every(Span::Steps(2)).to(std::io::sink()));
    #[cfg(feature = "tracing")]
    let trainer = trainer.callback(downhill::train::Tracing);
    #[cfg(feature = "tensorboard")]
    let trainer = trainer.callback(TensorBoard::new(folder.join("board")).steps(1).norms(2));
    #[cfg(feature = "plot")]
    let trainer = trainer.callback(Report::new(folder.join("report.html")));
    trainer
}

/// Everything that stands in the folder, without times.
fn written(folder: &Path) -> BTreeMap<String, String> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let cut = |text: String, at: &str| -> String {
        let lines = text.lines().map(|line| line.rsplit_once(at).unwrap().0);
        Vec::from_iter(lines).join("\n")
    };
    let mut all = BTreeMap::new();
    for name in ["steps.csv", "norms.csv", "steps.jsonl"] {
        all.insert(name.to_string(), read(name));
    }
    // The seconds are the last column.
    all.insert("epochs.csv".into(), cut(read("epochs.csv"), ","));
    all.insert("epochs.jsonl".into(), cut(read("epochs.jsonl"), ",\"seconds\":"));
    #[cfg(feature = "tensorboard")]
    for (tag, points) in events::points(&folder.join("board")) {
        if tag != "seconds" {
            all.insert(format!("board/{tag}"), format!("{points:?}"));
        }
    }
    #[cfg(feature = "plot")]
    {
        let (mut page, mut epochs) = (String::new(), false);
        for line in read("report.html").lines() {
            epochs = (epochs || line == "<h2>Epochs</h2>") && line != "<h2>Parameters</h2>";
            if ["<dt>time<dd>", "<dt>continued at step<dd>"]
                .iter()
                .any(|time| line.starts_with(time))
            {
                continue;
            }
            page.push_str(match line.rsplit_once("<td>") {
                Some((rest, _)) if epochs => rest,
                _ => line,
            });
            page.push('\n');
        }
        all.insert("report.html".into(), page);
    }
    all
}

/// What an earlier session left: it went on to its end after the checkpoint was written.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

#[test]
fn files_of_every_kind_are_those_of_the_run_that_never_stopped() {
    let home = Folder::new();
    let (whole, part) = (home.path().join("whole"), home.path().join("part"));
    let expected = bits(&minimize(trainer(&whole)));
    let texts = written(&whole);
    assert!(
        texts["epochs.csv"].lines().count() == 1 + 3 + 3,
        "{}",
        texts["epochs.csv"]
    );
    assert!(texts["steps.jsonl"].contains("update_ratio/weight"));
    let checkpoints = Folder::new();
    let every = Checkpoints::new(checkpoints.path())
        .every(Span::Steps(1))
        .keep(100);
    minimize(trainer(&part).checkpoint(every));
    assert_eq!(
        written(&part),
        texts,
        "writing checkpoints changed what was written"
    );
    for step in 1..=9 {
        let again = home.path().join(step.to_string());
        copy(&part, &again);
        let run = minimize(trainer(&again).resume(checkpoints.file(step)));
        assert_eq!(bits(&run), expected);
        for (name, text) in written(&again) {
            assert!(
                text == texts[&name],
                "{name}, continued from step {step}:\n{text}"
            );
        }
    }
}

/// Norms that a closure measures need the step before: of the first step of a session the update is known where it was told
/// of the start, as the logs are.
#[test]
fn norms_go_on() {
    let checkpoints = Folder::new();
    let norms = |trainer: Trainer<'_, f64>, resumed: u64| {
        let (norms, seen) = (RefCell::new(Norms::every(2)), RefCell::new(Vec::new()));
        minimize(
            trainer
                .on_start(|event| norms.borrow_mut().start(event))
                .on_step(|event| {
                    let mut norms = norms.borrow_mut();
                    let measured = norms.measure(event);
                    if !measured.is_empty() {
                        seen.borrow_mut().push((event.step, measured.to_vec()));
                    }
                }),
        );
        let seen = seen.into_inner();
        assert!(seen.iter().all(|(step, _)| *step > resumed));
        seen
    };
    let adam = || Trainer::new(Adam::new()).learning_rate(0.1).batch(3).epochs(3);
    let every = Checkpoints::new(checkpoints.path())
        .every(Span::Steps(1))
        .keep(100);
    let whole = norms(adam().checkpoint(every), 0);
    assert_eq!(whole.len(), 4);
    for step in 1..9 {
        let rest = norms(adam().resume(checkpoints.file(step)), step);
        assert_eq!(rest[..], whole[step as usize / 2..], "continued from step {step}");
    }
}
