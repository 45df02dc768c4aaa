//! The records of a run, as a table.

use std::{fs, ops::Deref, path::Path};

use super::{Record, table};
use crate::Error;

/// One [`Record`] an epoch, and one for each evaluation within an epoch, oldest first. Derefs to a slice of records.
///
/// As a table its columns are, where they are known: `epoch`, `step`, `loss`, `validation_loss`, the metrics by their
/// names, `learning_rate`, `momentum`, `beta2`, `weight_decay`, `seconds`.
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent};
///
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let run = Trainer::new(GradientDescent).learning_rate(0.25).steps(3).minimize(square)?;
/// assert_eq!(run.history[0].loss, 4.0);
/// assert_eq!(run.history.column("loss"), [4.0, 1.0, 0.25]);
/// # let path = std::env::temp_dir().join(format!("downhill-{}.csv", std::process::id()));
/// run.history.csv(&path)?;
/// let text = std::fs::read_to_string(&path).unwrap_or_default();
/// assert!(text.starts_with("epoch,step,loss,learning_rate,seconds\n1,1,4,0.25,"));
/// # let _ = std::fs::remove_file(path);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History(Vec<Record>);

impl History {
    /// The names of the columns that any record has, in the order of the table.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for record in &self.0 {
            // A name that is new stands after the one that it follows in its record.
            let mut place = 0;
            for (name, _) in record.columns() {
                match names.iter().position(|known| *known == name) {
                    Some(known) => place = known + 1,
                    None => {
                        names.insert(place, name);
                        place += 1;
                    }
                }
            }
        }
        names
    }

    /// A column by its name, as long as the history; NaN where a record has no such value.
    pub fn column(&self, name: &str) -> Vec<f64> {
        let values = self.0.iter().map(|record| value(record, name));
        values.map(|value| value.unwrap_or(f64::NAN)).collect()
    }

    /// Writes a file of comma-separated values (RFC 4180) with a line of names, in place of what was there. Every number
    /// reads back to the same bits.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn csv(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let names = self.names();
        let mut text = String::new();
        table::csv_names(&mut text, names.iter().copied());
        for record in &self.0 {
            table::csv_row(&mut text, names.iter().map(|name| value(record, name)));
        }
        let path = path.as_ref();
        fs::write(path, text).map_err(|error| Error::io(path, "written", &error))
    }

    /// Empty, with room for so many.
    pub(super) fn with_room(records: usize) -> Self {
        Self(Vec::with_capacity(records))
    }

    pub(super) fn push(&mut self, record: Record) {
        self.0.push(record);
    }

    /// Takes back the last record, if it is of this step.
    pub(super) fn pop_at(&mut self, step: u64) -> Option<Record> {
        self.0.pop_if(|record| record.step == step)
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Record) -> bool) {
        self.0.retain(keep);
    }
}

fn value(record: &Record, name: &str) -> Option<f64> {
    let mut columns = record.columns();
    columns
        .find(|(column, _)| *column == name)
        .map(|(_, value)| value)
}

impl Deref for History {
    type Target = [Record];

    fn deref(&self) -> &[Record] {
        &self.0
    }
}

impl AsRef<[Record]> for History {
    fn as_ref(&self) -> &[Record] {
        &self.0
    }
}

impl From<Vec<Record>> for History {
    fn from(records: Vec<Record>) -> Self {
        Self(records)
    }
}

impl<'a> IntoIterator for &'a History {
    type Item = &'a Record;
    type IntoIter = std::slice::Iter<'a, Record>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
