//! The history as columns.

use crate::{Error, Memo, train::Record};

/// A value that a record may lack.
type Place = (&'static str, fn(&mut Record) -> &mut Option<f64>);

const OPTIONAL: [Place; 4] = [
    ("validation_loss", |record| &mut record.validation_loss),
    ("momentum", |record| &mut record.momentum),
    ("beta2", |record| &mut record.beta2),
    ("weight_decay", |record| &mut record.weight_decay),
];

/// Where the records are that have an optional value.
fn rows(name: &str) -> String {
    format!("{name}_rows")
}

pub(super) fn save(history: &[Record]) -> Memo {
    let mut memo = Memo::new();
    let counts = |value: fn(&Record) -> u64| Vec::from_iter(history.iter().map(value));
    let numbers = |value: fn(&Record) -> f64| Vec::from_iter(history.iter().map(value));
    memo.put("epoch", counts(|record| record.epoch));
    memo.put("step", counts(|record| record.step));
    memo.put("loss", numbers(|record| record.loss));
    memo.put("learning_rate", numbers(|record| record.learning_rate));
    memo.put("seconds", numbers(|record| record.seconds));
    let metrics = history.iter().flat_map(|record| &record.metrics);
    memo.put("metrics", Vec::from_iter(metrics.map(|(_, value)| *value)));
    let measured = history
        .iter()
        .enumerate()
        .filter(|(_, record)| !record.metrics.is_empty());
    memo.put(
        &rows("metrics"),
        Vec::from_iter(measured.map(|(row, _)| row as u64)),
    );
    for (name, place) in OPTIONAL {
        let (mut values, mut at) = (Vec::new(), Vec::new());
        for (row, record) in history.iter().enumerate() {
            if let Some(value) = *place(&mut record.clone()) {
                values.push(value);
                at.push(row as u64);
            }
        }
        if !values.is_empty() {
            memo.put(name, values);
            memo.put(&rows(name), at);
        }
    }
    memo
}

pub(super) fn load(memo: &Memo, metrics: &[String]) -> Result<Vec<Record>, Error> {
    let (epochs, steps) = (memo.counts("epoch")?, memo.counts("step")?);
    let (losses, rates, seconds) = (
        memo.numbers("loss")?,
        memo.numbers("learning_rate")?,
        memo.numbers("seconds")?,
    );
    let (values, measured) = (memo.numbers("metrics")?, memo.counts(&rows("metrics"))?);
    let len = epochs.len();
    let refuse = |name: &str, given: usize, expected: usize| {
        let expected = format!("{expected} values");
        Err(Error::malformed(
            crate::memo::SAVED,
            format!("history/{name}"),
            format!("{given} values"),
            expected,
        ))
    };
    for (name, given, expected) in [
        ("step", steps.len(), len),
        ("loss", losses.len(), len),
        ("learning_rate", rates.len(), len),
        ("seconds", seconds.len(), len),
        ("metrics", values.len(), measured.len() * metrics.len()),
    ] {
        if given != expected {
            return refuse(name, given, expected);
        }
    }
    let mut records: Vec<Record> = (0..len)
        .map(|row| Record {
            epoch: epochs[row],
            step: steps[row],
            loss: losses[row],
            validation_loss: None,
            metrics: Vec::new(),
            learning_rate: rates[row],
            momentum: None,
            beta2: None,
            weight_decay: None,
            seconds: seconds[row],
        })
        .collect();
    for (&row, values) in measured.iter().zip(values.chunks(metrics.len().max(1))) {
        match records.get_mut(row as usize) {
            Some(record) => {
                record.metrics = Vec::from_iter(metrics.iter().cloned().zip(values.iter().copied()));
            }
            None => return refuse("metrics", row as usize + 1, len),
        }
    }
    for (name, place) in OPTIONAL {
        let Ok(values) = memo.numbers(name) else { continue };
        let rows = memo.counts(&rows(name))?;
        if rows.len() != values.len() {
            return refuse(name, values.len(), rows.len());
        }
        for (&row, &value) in rows.iter().zip(values) {
            match records.get_mut(row as usize) {
                Some(record) => *place(record) = Some(value),
                None => return refuse(name, row as usize + 1, len),
            }
        }
    }
    Ok(records)
}
