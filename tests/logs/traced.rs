//! Events of `tracing`.

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
