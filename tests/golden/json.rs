//! Reading the golden files.

use serde_json::Value;

/// The cases of a family, from `tests/data` and `tests/data/conventions`; or from the one folder that `DOWNHILL_GOLDEN` names,
/// where further cases of the same form can be put.
pub(crate) fn cases(family: &str) -> Vec<Value> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let folders = std::env::var("DOWNHILL_GOLDEN").map_or_else(
        |_| vec![data.into(), format!("{data}/conventions")],
        |folder| vec![folder],
    );
    let mut cases = Vec::new();
    for text in folders
        .iter()
        .flat_map(|folder| std::fs::read_to_string(format!("{folder}/{family}.json")))
    {
        let file: Value = serde_json::from_str(&text).unwrap();
        cases.extend(file["cases"].as_array().unwrap().iter().cloned());
    }
    cases
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
    if mine == reference {
        return 0.0;
    }
    let deviation = (mine - reference).abs() / reference.abs().max(1.0);
    assert!(
        deviation <= tolerance,
        "{what}: {mine:e} is not {reference:e}, off by {deviation:e} > {tolerance:e}"
    );
    deviation
}
