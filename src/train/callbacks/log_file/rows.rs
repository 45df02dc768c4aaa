//! The file of a log: rows that are there at once, and stay right where a run is continued.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
};

use crate::{Error, replace::replace, train::table};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Format {
    Csv,
    JsonLines,
}

/// Rows in a file.
#[derive(Debug)]
pub(super) struct Rows {
    path: PathBuf,
    format: Format,
    file: Option<File>,
    /// The columns that a table has so far.
    names: Vec<String>,
    line: String,
}

impl Rows {
    pub(super) fn new(path: PathBuf, format: Format) -> Self {
        Self {
            path,
            format,
            file: None,
            names: Vec::new(),
            line: String::new(),
        }
    }

    /// Begins the file, or goes on with it after a step.
    pub(super) fn open(&mut self, continued_at: u64) -> Result<(), Error> {
        let failed = |action, error| Error::io(&self.path, action, &error);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, "created", &error))?;
        }
        if continued_at == 0 || !self.path.exists() {
            self.file = Some(File::create(&self.path).map_err(|error| failed("written", error))?);
            return Ok(());
        }
        let text = fs::read_to_string(&self.path).map_err(|error| failed("read", error))?;
        let kept = kept(&text, self.format, continued_at);
        let opened = OpenOptions::new().append(true).open(&self.path);
        let file = opened.map_err(|error| failed("written", error))?;
        file.set_len(kept as u64)
            .map_err(|error| failed("written", error))?;
        if self.format == Format::Csv {
            let names = text.get(..kept).and_then(|text| text.lines().next());
            self.names = names.map_or(Vec::new(), table::read_csv_names);
        }
        self.file = Some(file);
        Ok(())
    }

    /// Adds a row.
    pub(super) fn write<'a>(
        &mut self,
        columns: impl Iterator<Item = (&'a str, Option<f64>)>,
    ) -> Result<(), Error> {
        self.line.clear();
        match self.format {
            Format::JsonLines => {
                let columns = columns.filter_map(|(name, value)| Some((name, value?)));
                table::json_row(&mut self.line, columns);
            }
            Format::Csv => {
                let columns: Vec<_> = columns.collect();
                self.widen(columns.iter().map(|(name, _)| *name))?;
                let value = |name: &String| columns.iter().find(|(other, _)| other == name)?.1;
                table::csv_row(&mut self.line, self.names.iter().map(value));
            }
        }
        match &mut self.file {
            Some(file) => file
                .write_all(self.line.as_bytes())
                .map_err(|error| Error::io(&self.path, "written", &error)),
            None => Ok(()),
        }
    }

    /// Adds to the table what columns of a row it does not have.
    fn widen<'a>(&mut self, columns: impl Iterator<Item = &'a str> + Clone) -> Result<(), Error> {
        let known = self.names.len();
        // Every row of this table begins so; otherwise it is another one.
        let begins = |name: &str| matches!(name, "epoch" | "step" | "loss");
        let expected = columns.clone().take_while(|name| begins(name));
        if known > 0
            && !expected
                .clone()
                .eq(self.names.iter().take_while(|name| begins(name)))
        {
            let path = self.path.display().to_string();
            let expected = format!("a table that begins with {}", Vec::from_iter(expected).join(","));
            return Err(Error::malformed(path, "line 1", self.names.join(","), expected));
        }
        for name in columns {
            if !self.names.iter().any(|known| known == name) {
                self.names.push(name.into());
            }
        }
        let added = self.names.len() - known;
        if added == 0 {
            return Ok(());
        }
        let mut text = String::new();
        table::csv_names(&mut text, self.names.iter().map(String::as_str));
        if known == 0 {
            self.line = text;
            return Ok(());
        }
        let failed = |error: std::io::Error| Error::io(&self.path, "written", &error);
        let old = fs::read_to_string(&self.path).map_err(failed)?;
        for line in old.lines().skip(1) {
            text.push_str(line);
            text.extend(std::iter::repeat_n(',', added));
            text.push('\n');
        }
        replace(&self.path, |mut file| file.write_all(text.as_bytes()))?;
        let file = OpenOptions::new().append(true).open(&self.path).map_err(failed)?;
        self.file = Some(file);
        Ok(())
    }
}

/// How many bytes of a log hold whole rows up to a step, with their line of names.
fn kept(text: &str, format: Format, step: u64) -> usize {
    let mut lines = text.split_inclusive('\n');
    let mut kept = 0;
    let place = match format {
        Format::JsonLines => None,
        Format::Csv => {
            let names = lines.next().unwrap_or_default();
            if !names.ends_with('\n') {
                return 0;
            }
            kept = names.len();
            table::read_csv_names(names)
                .iter()
                .position(|name| name == "step")
        }
    };
    for line in lines {
        let cell = match place {
            Some(place) => line.split(',').nth(place),
            None => line
                .split_once("\"step\":")
                .and_then(|(_, rest)| rest.split([',', '}']).next()),
        };
        let earlier = cell
            .and_then(|cell| cell.trim().parse().ok())
            .is_some_and(|at: u64| at <= step);
        if !earlier || !line.ends_with('\n') {
            break;
        }
        kept += line.len();
    }
    kept
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("downhill-log-file-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        path
    }

    fn row(step: u64) -> [(&'static str, Option<f64>); 3] {
        [
            ("epoch", Some(step as f64 / 2.0)),
            ("step", Some(step as f64)),
            ("loss", Some(0.5)),
        ]
    }

    /// What a run wrote that went further than its last checkpoint, the last row torn, continued there.
    #[test]
    fn a_continued_log_is_that_of_the_run_that_never_stopped() {
        for (name, format) in [("csv", Format::Csv), ("json", Format::JsonLines)] {
            let path = file(name, "");
            let mut whole = Rows::new(path.clone(), format);
            whole.open(0).unwrap();
            for step in [2, 4, 6, 8] {
                whole.write(row(step).into_iter()).unwrap();
            }
            let expected = fs::read(&path).unwrap();
            for torn in (0..expected.len()).step_by(3) {
                fs::write(&path, &expected[..torn]).unwrap();
                let rows = fs::read_to_string(&path).unwrap().lines().count() as u64;
                // The last step of which a whole row may be there.
                let last = 2 * rows.saturating_sub(if name == "csv" { 2 } else { 1 });
                for at in [1, 4, 5].into_iter().filter(|&at| at <= last + 1) {
                    fs::write(&path, &expected[..torn]).unwrap();
                    let mut continued = Rows::new(path.clone(), format);
                    continued.open(at).unwrap();
                    for step in (at + 1..=8).filter(|step| step % 2 == 0) {
                        continued.write(row(step).into_iter()).unwrap();
                    }
                    assert_eq!(fs::read(&path).unwrap(), expected, "{name} {torn} {at}");
                }
            }
            // Where there is no file, it begins one.
            fs::remove_file(&path).unwrap();
            let mut continued = Rows::new(path.clone(), format);
            continued.open(6).unwrap();
            continued.write(row(8).into_iter()).unwrap();
            assert!(
                fs::read(&path)
                    .unwrap()
                    .ends_with(&expected[expected.len() - 8..])
            );
            fs::remove_file(&path).unwrap();
        }
    }

    /// Such as a momentum that only the second of two schedules sets.
    #[test]
    fn a_column_that_comes_later_is_added_to_the_table() {
        let path = file("wider", "");
        let mut log = Rows::new(path.clone(), Format::Csv);
        log.open(0).unwrap();
        let row = |step: u64, name, value| {
            [
                ("step", Some(step as f64)),
                ("loss", Some(1.0)),
                (name, Some(value)),
            ]
        };
        log.write(row(1, "learning_rate", 0.5).into_iter()).unwrap();
        log.write(row(2, "a, \"b\"", 2.0).into_iter()).unwrap();
        log.write(row(3, "learning_rate", 0.25).into_iter()).unwrap();
        let expected = "step,loss,learning_rate,\"a, \"\"b\"\"\"\n1,1,0.5,\n2,1,,2\n3,1,0.25,\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        // And so it is where the run was continued in between.
        let mut log = Rows::new(path.clone(), Format::Csv);
        log.open(2).unwrap();
        log.write(row(3, "seconds", 0.25).into_iter()).unwrap();
        let expected = "step,loss,learning_rate,\"a, \"\"b\"\"\",seconds\n1,1,0.5,,\n2,1,,2,\n3,1,,,0.25\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn another_table_is_not_appended_to() {
        let path = file("foreign", "step,accuracy\n2,0.5\n");
        let mut log = Rows::new(path.clone(), Format::Csv);
        log.open(2).unwrap();
        let error = log.write(row(4).into_iter()).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("step,accuracy") && error.to_string().contains("epoch,step,loss"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "step,accuracy\n2,0.5\n");
        fs::remove_file(path).unwrap();
    }
}
