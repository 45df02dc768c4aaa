//! What is written while a run goes on.

mod folder;

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
    let run = fit(trainer()
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

#[cfg(feature = "tensorboard")]
mod tensor_board {
    use std::collections::BTreeMap;

    use downhill::train::TensorBoard;

    use super::*;

    /// CRC-32C, bit by bit, and the mask of TensorFlow's records.
    fn masked_checksum(bytes: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for &byte in bytes {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            }
        }
        (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
    }

    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for place in 0.. {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                break;
            }
        }
        value
    }

    /// The fields of a message, each with its number and its bytes; a varint as eight bytes.
    fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let len = match key & 7 {
                0 => {
                    fields.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                    continue;
                }
                1 => 8,
                2 => varint(&mut bytes) as usize,
                5 => 4,
                other => panic!("wire type {other}"),
            };
            fields.push((key >> 3, bytes[..len].to_vec()));
            bytes = &bytes[len..];
        }
        fields
    }

    /// Every point of a folder's only event file, by tag: step and value.
    fn points(folder: &std::path::Path) -> BTreeMap<String, Vec<(u64, f32)>> {
        let files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        let [file] = &files[..] else { panic!("{files:?}") };
        assert!(
            file.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("events.out.tfevents.")
        );
        let bytes = fs::read(file).unwrap();
        let mut rest = &bytes[..];
        let mut points: BTreeMap<String, Vec<_>> = BTreeMap::new();
        let mut version = None;
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        while !rest.is_empty() {
            let len = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(number(&rest[8..12]), masked_checksum(&rest[..8]));
            let message = &rest[12..12 + len];
            assert_eq!(number(&rest[12 + len..16 + len]), masked_checksum(message));
            rest = &rest[16 + len..];
            let event: BTreeMap<u64, Vec<u8>> = fields(message).into_iter().collect();
            assert!(
                f64::from_le_bytes(event[&1][..].try_into().unwrap()) > 1.5e9,
                "the time"
            );
            let step = u64::from_le_bytes(event[&2][..].try_into().unwrap());
            if let Some(text) = event.get(&3) {
                version = Some(text.clone());
            }
            for (_, value) in event.get(&5).map(|summary| fields(summary)).unwrap_or_default() {
                let value: BTreeMap<u64, Vec<u8>> = fields(&value).into_iter().collect();
                let tag = String::from_utf8(value[&1].clone()).unwrap();
                let value = f32::from_le_bytes(value[&2][..].try_into().unwrap());
                points.entry(tag).or_default().push((step, value));
            }
        }
        assert_eq!(version.unwrap(), b"brain.Event:2");
        points
    }

    #[test]
    fn event_files_hold_every_point() {
        let base = Folder::new();
        let folder = base.join("runs/a");
        let mut losses = Vec::new();
        let run = fit(trainer()
            .epochs(200)
            .callback(TensorBoard::new(&folder).steps(2).norms(3))
            .on_step(|event| losses.push((event.step, event.loss as f32))))
        .unwrap();
        let points = points(&folder);
        let tags: Vec<&str> = points.keys().map(String::as_str).collect();
        let expected = [
            "epoch",
            "gradient_norm/bias",
            "gradient_norm/weight",
            "learning_rate",
            "loss",
            "seconds",
            "step/learning_rate",
            "step/loss",
            "update_ratio/bias",
            "update_ratio/weight",
            "validation_loss",
            "weight_norm/bias",
            "weight_norm/weight",
        ];
        assert_eq!(tags, expected);
        let history = |name: &str| -> Vec<(u64, f32)> {
            run.history
                .iter()
                .map(|record| (record.step, record.get(name).unwrap() as f32))
                .collect()
        };
        assert_eq!(points["loss"], history("loss"));
        assert_eq!(points["validation_loss"], history("validation_loss"));
        losses.retain(|(step, _)| step % 2 == 0);
        assert_eq!(points["step/loss"], losses);
        assert_eq!(points["weight_norm/bias"].len(), 400 / 3);
    }

    #[test]
    fn event_files_are_refused_before_the_first_step() {
        let folder = Folder::new();
        let board = || TensorBoard::new(folder.join("a"));
        refused(
            trainer().callback(board().steps(0)),
            &["steps of TensorBoard", "at least 1"],
        );
        refused(
            trainer().callback(board().norms(0)),
            &["norms of TensorBoard", "at least 1"],
        );
        fs::write(folder.join("file"), "").unwrap();
        refused(
            trainer().callback(TensorBoard::new(folder.join("file/a"))),
            &["file/a", "created"],
        );
        assert!(!folder.join("a").exists());
    }
}

#[cfg(feature = "tracing")]
mod traced {
    use std::sync::{Arc, Mutex};

    use downhill::train::Tracing;
    use tracing::field::{Field, Visit};
    use tracing::{Event, Level, Metadata, Subscriber, span};

    use super::*;

    /// Writes down the events, as "LEVEL message field=value …".
    #[derive(Clone, Default)]
    struct Witness(Arc<Mutex<Vec<String>>>);

    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            self.0 += &match field.name() {
                "message" => format!(" {value:?}"),
                name => format!(" {name}={value:?}"),
            };
        }
    }

    impl Subscriber for Witness {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "downhill"
        }
        fn event(&self, event: &Event<'_>) {
            let mut text = Text(event.metadata().level().to_string());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn a_run_is_told_in_events() {
        let witness = Witness::default();
        let run = tracing::subscriber::with_default(witness.clone(), || {
            fit(trainer().epochs(1).seed(3).callback(Tracing)).unwrap()
        });
        let events = witness.0.lock().unwrap();
        assert_eq!(events.len(), 5, "{events:#?}");
        for part in ["INFO start", "optimizer=\"momentum\"", "seed=3", "weights=3"] {
            assert!(events[0].contains(part), "{} has no {part}", events[0]);
        }
        assert!(
            events[1].starts_with(&format!("{} step step=1 loss=", Level::TRACE)),
            "{}",
            events[1]
        );
        let record = &run.history[0];
        for part in [
            "INFO epoch".to_string(),
            format!("loss={:?}", record.loss),
            format!("validation_loss={:?}", record.validation_loss.unwrap()),
            "best=true".into(),
        ] {
            assert!(events[3].contains(&part), "{} has no {part}", events[3]);
        }
        assert!(
            events[4].contains("INFO end") && events[4].contains("stop=Finished"),
            "{}",
            events[4]
        );
    }

    #[cfg(feature = "checkpoint")]
    #[test]
    fn a_checkpoint_is_an_event_and_one_that_failed_a_warning() {
        use downhill::train::Checkpoints;

        let folder = Folder::new();
        let blocked = folder.join("sub");
        let witness = Witness::default();
        let run = tracing::subscriber::with_default(witness.clone(), || {
            let trainer = trainer().epochs(2).callback(Tracing);
            let block = |event: &downhill::train::EpochEvent<'_, f64>| {
                if event.record.epoch == 2 {
                    fs::remove_dir_all(&blocked).unwrap();
                    fs::write(&blocked, "").unwrap();
                }
            };
            fit(trainer.on_epoch(block).checkpoint(Checkpoints::new(&blocked))).unwrap()
        });
        assert!(run.unsaved.is_some());
        let events = witness.0.lock().unwrap();
        let told: Vec<&String> = events
            .iter()
            .filter(|text| text.contains(" checkpoint "))
            .collect();
        // The last is tried again at the end of the run.
        assert_eq!(told.len(), 3, "{events:#?}");
        assert!(
            told[0].starts_with("DEBUG") && told[0].contains(".safetensors"),
            "{}",
            told[0]
        );
        for failed in &told[1..] {
            assert!(
                failed.starts_with("WARN") && failed.contains("error="),
                "{failed}"
            );
        }
    }
}

#[cfg(feature = "plot")]
mod reports {
    use downhill::train::{Interrupt, Report};

    use super::*;

    #[test]
    fn a_report_says_how_it_went() {
        let folder = Folder::new();
        let path = folder.join("new/run.html");
        let report = Report::new(&path)
            .title("1 < 2 & 3")
            .setting("data <x>", "made \"up\"");
        let run = fit(trainer().epochs(200).seed(11).callback(report)).unwrap();
        let page = fs::read_to_string(&path).unwrap();
        for part in [
            "<!DOCTYPE html>",
            "<h1>1 &lt; 2 &amp; 3</h1>",
            "<dt>data &lt;x&gt;<dd>made \"up\"",
            "<dt>stopped<dd>finished",
            &format!(
                "the lowest \"validation_loss\" {} at step {}",
                run.best.value, run.best.step
            ),
            &format!("<dt>optimiser<dd>{:?}", Momentum::new(0.9)),
            "<dt>loss<dd>MeanSquaredError",
            "<dt>evaluated every<dd>Epochs(1)",
            "<dt>learning rate<dd>0.1",
            "<dt>seed<dd>11",
            "<dt>rows in a batch<dd>4",
            "<td>weight<td>[2, 1]<td>",
            env!("CARGO_PKG_VERSION"),
        ] {
            assert!(page.contains(part), "the page does not say {part:?}");
        }
        assert_eq!(page.matches("<svg").count(), 1);
        assert!(!page.contains("<script") && !page.contains("href=") && !page.contains("src="));
        // One epoch in four, and the best.
        let rows = page.matches("<tr><td>").count() + page.matches("<tr class=\"best\">").count();
        assert!((50 + 2..=51 + 2).contains(&rows), "{rows} rows");
        assert_eq!(page.matches("<tr class=\"best\">").count(), 1);
        let last = run.history.last().unwrap();
        assert!(page.contains(&format!("<td>{:.5}", last.learning_rate)));
    }

    #[test]
    fn a_report_of_a_run_without_an_epoch_has_no_curves() {
        let folder = Folder::new();
        let path = folder.join("run.html");
        let interrupt = Interrupt::new();
        let stopped = trainer()
            .steps(9)
            .interrupt(&interrupt)
            .on_step(|_| interrupt.raise());
        fit(stopped.callback(Report::new(&path))).unwrap();
        let page = fs::read_to_string(&path).unwrap();
        assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("<svg"));
        assert!(page.contains("<dt>learning rate<dd>0.1"));
    }

    #[test]
    fn a_report_says_what_followed_a_schedule() {
        let folder = Folder::new();
        let path = folder.join("run.html");
        let trainer = trainer()
            .learning_rate(
                OneCycle::new(0.1, Span::Steps(20))
                    .divisor(10.0)
                    .final_divisor(100.0)
                    .rise(0.5)
                    .linear(),
            )
            .momentum(Cyclical::new(0.75, 0.95, Span::Steps(2)))
            .weight_decay(0.25);
        let run = fit(trainer.steps(20).callback(Report::new(&path))).unwrap();
        let page = fs::read_to_string(&path).unwrap();
        let rates = run.history.column("learning_rate");
        let highest = rates.iter().copied().fold(0.0, f64::max);
        for part in [
            "<dt>learning rate<dd>OneCycle { ".to_string(),
            format!(
                "}}: {:.5} at first, {highest:.5} at most, 1.000e-4 at last",
                rates[0]
            ),
            "<dt>momentum<dd>Cyclical { ".into(),
            "<dt>weight_decay<dd>0.25".into(),
        ] {
            assert!(page.contains(&part), "the page does not say {part:?}");
        }
    }

    #[test]
    fn until_the_end_of_a_run_what_was_there_before_a_report_stays() {
        let folder = Folder::new();
        let (new, old) = (folder.join("new.html"), folder.join("old.html"));
        fs::write(&old, "an older one").unwrap();
        let look = |_: &downhill::train::StepEvent<'_, f64>| {
            // As a kill would leave it.
            assert_eq!(fs::read_dir(&*folder).unwrap().count(), 1);
            assert_eq!(fs::read_to_string(&old).unwrap(), "an older one");
        };
        let reports = trainer().callback(Report::new(&new)).callback(Report::new(&old));
        fit(reports.steps(3).on_step(look)).unwrap();
        for path in [&new, &old] {
            assert!(fs::read_to_string(path).unwrap().ends_with("</html>\n"));
        }
        assert_eq!(fs::read_dir(&*folder).unwrap().count(), 2);
    }

    #[test]
    fn a_report_is_refused_before_the_first_step_and_fails_without_loss() {
        let folder = Folder::new();
        refused(
            trainer().callback(Report::new(&*folder)),
            &["downhill-", "written"],
        );
        let path = folder.join("run.html");
        let report = Report::new(&path);
        // A folder takes the place of the file under way.
        let swap = |event: &downhill::train::StepEvent<'_, f64>| {
            if event.step == 1 {
                fs::create_dir(&path).unwrap();
            }
        };
        let run = fit(trainer().epochs(2).callback(report).on_step(swap)).unwrap();
        assert!(
            matches!(run.stop, StopReason::Failed(Error::Io { .. })),
            "{:?}",
            run.stop
        );
        assert_eq!(run.epochs, 2);
    }
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
