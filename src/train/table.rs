//! Rows of named numbers as text.

use std::fmt::Write;

/// The line of names of a file of comma-separated values.
pub(super) fn csv_names<'a>(text: &mut String, names: impl Iterator<Item = &'a str>) {
    for (place, name) in names.enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        if name.contains([',', '"', '\n', '\r']) {
            text.push('"');
            text.push_str(&name.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(name);
        }
    }
    text.push('\n');
}

/// The names in such a line.
pub(super) fn read_csv_names(line: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let (mut quoted, mut closed) = (false, false);
    for c in line.trim_end_matches(['\n', '\r']).chars() {
        match (c, names.last_mut()) {
            (',', _) if !quoted => names.push(String::new()),
            ('"', Some(name)) => {
                // A quotation mark right after a closing one stands for itself.
                if !quoted && closed {
                    name.push('"');
                }
                quoted = !quoted;
            }
            (c, Some(name)) => name.push(c),
            (_, None) => {}
        }
        closed = c == '"' && !quoted;
    }
    names
}

/// A line of comma-separated values; a cell is empty where there is none.
pub(super) fn csv_row(text: &mut String, values: impl Iterator<Item = Option<f64>>) {
    for (place, value) in values.enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        if let Some(value) = value {
            number(text, value);
        }
    }
    text.push('\n');
}

/// The shortest text that reads back to the same bits; without a point where it is whole.
fn number(text: &mut String, value: f64) {
    // Writing to a string cannot fail.
    let _ = if value.fract() == 0.0 && value.abs() < 1e15 {
        write!(text, "{value}")
    } else {
        write!(text, "{value:?}")
    };
}

/// A line of JSON: an object of numbers, with null for what JSON has no number for.
pub(super) fn json_row<'a>(text: &mut String, columns: impl Iterator<Item = (&'a str, f64)>) {
    text.push('{');
    for (place, (name, value)) in columns.enumerate() {
        text.push_str(if place == 0 { "\"" } else { ",\"" });
        for c in name.chars() {
            match c {
                '"' | '\\' => text.extend(['\\', c]),
                c if c < ' ' => {
                    let _ = write!(text, "\\u{:04x}", u32::from(c));
                }
                c => text.push(c),
            }
        }
        text.push_str("\":");
        if value.is_finite() {
            number(text, value);
        } else {
            text.push_str("null");
        }
    }
    text.push_str("}\n");
}
