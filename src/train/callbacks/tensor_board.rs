//! Event files for TensorBoard.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use crc::{CRC_32_ISCSI, Crc, Table};

use super::{
    Norms,
    log_file::{norm_columns, step_columns},
};
use crate::{
    Error, Scalar,
    error::check,
    train::{Callback, Control, EpochEvent, EvaluationEvent, Record, StartEvent, StepEvent},
};

/// Writes the curves of a run as an event file that TensorBoard reads: `tensorboard --logdir runs`.
///
/// Every epoch, and every evaluation within one, gives a point of each of its numbers, by their names in a
/// [`History`](crate::train::History). On request every so many steps give points under `step/`, and every so many steps the
/// norms of each tensor under `gradient_norm/`, `weight_norm/` and `update_ratio/`.
///
/// A folder holds one run. Each session adds a file, and TensorBoard then forgets what earlier ones wrote beyond the step at
/// which it starts: everything, where the run is begun anew. What cannot be written ends the run with
/// [`StopReason::Failed`](crate::StopReason::Failed).
///
/// Source for the format: `tensorflow/core/util/event.proto`, `tensorflow/core/framework/summary.proto`, and the records of
/// `tensorflow/core/lib/io/record_writer.h`.
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, train::TensorBoard};
///
/// # let folder = std::env::temp_dir().join(format!("downhill-tensorboard-{}", std::process::id()));
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let board = TensorBoard::new(folder.join("runs/a")).steps(10).norms(50);
/// Trainer::new(GradientDescent).steps(100).callback(board).minimize(square)?;
/// assert_eq!(std::fs::read_dir(folder.join("runs/a")).map(|files| files.count()).ok(), Some(1));
/// # let _ = std::fs::remove_dir_all(folder);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct TensorBoard {
    folder: PathBuf,
    steps: Option<u64>,
    norms: Option<(u64, Norms)>,
    out: Option<(File, PathBuf)>,
}

impl TensorBoard {
    /// Into this folder, which is made as needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            steps: None,
            norms: None,
            out: None,
        }
    }

    /// Points of loss, learning rate and what else is known of a step, every so many steps, at least 1. Default: none.
    pub fn steps(mut self, every: u64) -> Self {
        self.steps = Some(every);
        self
    }

    /// Points of the norms of each tensor, every so many steps, at least 1; see [`Norms`]. Default: none.
    pub fn norms(mut self, every: u64) -> Self {
        self.norms = Some((every, Norms::every(every)));
        self
    }

    fn open(&mut self, continued_at: u64) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(|error| Error::io(&self.folder, "created", &error))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // TensorBoard knows event files by this name, and reads them in its order.
        let name = format!("events.out.tfevents.{}.{:09}", now.as_secs(), now.subsec_nanos());
        let path = self.folder.join(name);
        let file = OpenOptions::new().append(true).create_new(true).open(&path);
        let file = file.map_err(|error| Error::io(&path, "written", &error))?;
        self.out = Some((file, path));
        let mut version = event(0);
        put_bytes(&mut version, 3, b"brain.Event:2");
        self.write(&version)?;
        // The session starts here: every later point of earlier files is forgotten. TensorBoard heeds this from the second
        // start in a folder on, so the first session needs one too.
        let mut start = event(continued_at + 1);
        put_bytes(&mut start, 7, &[1 << 3, 1]);
        self.write(&start)
    }

    fn write(&mut self, event: &[u8]) -> Result<(), Error> {
        let Some((file, path)) = &mut self.out else {
            return Ok(());
        };
        let written = file.write_all(&record(event));
        written.map_err(|error| Error::io(path, "written", &error))
    }

    fn record(&mut self, record: &Record) -> Result<(), Error> {
        let columns = record.columns().filter(|(name, _)| *name != "step");
        self.points(record.step, columns)
    }

    fn points<N: AsRef<str>>(
        &mut self,
        step: u64,
        points: impl Iterator<Item = (N, f64)>,
    ) -> Result<(), Error> {
        let mut summary = Vec::new();
        for (tag, value) in points {
            let mut point = Vec::new();
            put_bytes(&mut point, 1, tag.as_ref().as_bytes());
            point.push(2 << 3 | FOUR_BYTES);
            point.extend((value as f32).to_le_bytes());
            put_bytes(&mut summary, 1, &point);
        }
        let mut event = event(step);
        put_bytes(&mut event, 5, &summary);
        self.write(&event)
    }
}

impl<F: Scalar> Callback<F> for TensorBoard {
    fn validate(&self) -> Result<(), Error> {
        let norms = self.norms.as_ref().map(|(every, _)| *every);
        for (argument, every) in [("steps", self.steps), ("norms", norms)] {
            let argument = format!("{argument} of TensorBoard");
            check::require(every != Some(0), &argument, 0, "at least 1")?;
        }
        Ok(())
    }

    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        if let Some((_, norms)) = &mut self.norms {
            norms.start(event);
        }
        self.open(event.step)
    }

    fn hears_steps(&self) -> bool {
        self.norms.is_some() || self.steps.is_some()
    }

    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        if let Some((_, norms)) = &mut self.norms {
            let norms: Vec<_> = norm_columns(norms.measure(event)).collect();
            let points = norms.into_iter().filter_map(|(name, value)| Some((name, value?)));
            if event
                .step
                .is_multiple_of(self.norms.as_ref().map_or(1, |(every, _)| *every))
                && let Err(error) = self.points(event.step, points)
            {
                return Err(error).into();
            }
        }
        if self.steps.is_some_and(|every| event.step.is_multiple_of(every)) {
            let points = step_columns(event).map(|(name, value)| (format!("step/{name}"), value));
            return self.points(event.step, points).into();
        }
        Control::Continue
    }

    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        match event.ends_epoch {
            true => Control::Continue,
            false => self.record(event.record).into(),
        }
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        self.record(event.record).into()
    }
}

// Wire types of protocol buffers.
const VARINT: u8 = 0;
const EIGHT_BYTES: u8 = 1;
const LENGTH: u8 = 2;
const FOUR_BYTES: u8 = 5;

/// An `Event` of now at a step; what happened is still to be added.
fn event(step: u64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut event = vec![1 << 3 | EIGHT_BYTES];
    event.extend(now.as_secs_f64().to_le_bytes());
    event.push(2 << 3 | VARINT);
    put_varint(&mut event, step);
    event
}

/// A field of bytes, with a number below 16.
fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | LENGTH);
    put_varint(message, bytes.len() as u64);
    message.extend(bytes);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

/// A message in its frame: its length, and masked checksums of the length and of the message.
fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(message.len() + 16);
    record.extend(length);
    record.extend(masked_checksum(&length).to_le_bytes());
    record.extend(message);
    record.extend(masked_checksum(message).to_le_bytes());
    record
}

fn masked_checksum(bytes: &[u8]) -> u32 {
    const CRC32C: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);
    CRC32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}
