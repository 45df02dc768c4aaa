//! Reading the golden files.

use serde_json::Value;

/// The cases of a file in `tests/data`.
pub(crate) fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/data/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

/// A number; NaN and infinities are strings.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| match value.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => panic!("{value} is not a number"),
    })
}

/// All numbers of an array, of a matrix row by row, or a single one.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(values) => values.iter().flat_map(numbers).collect(),
        None => vec![number(value)],
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn flag(value: &Value) -> bool {
    value.as_bool().unwrap()
}

/// Asserts `|mine − reference| ≤ tolerance · max(1, |reference|)`, and gives the deviation in that measure.
#[track_caller]
pub(crate) fn assert_close(mine: f64, reference: f64, tolerance: f64, what: &str) -> f64 {
    let deviation = (mine - reference).abs() / reference.abs().max(1.0);
    assert!(
        deviation <= tolerance,
        "{what}: {mine:e} is not {reference:e}, off by {deviation:e} > {tolerance:e}"
    );
    deviation
}
