//! Runs in files: stopped at any step, and continued to the same bits.

mod course;
mod folder;
mod history;
mod state;
mod writer;

use std::{path::PathBuf, time::Duration};

use super::Trainer;
use crate::{Error, Scalar, error::check, schedule::Span};

pub(super) use writer::Writer;

/// Where and how often a run is written down. Feature `checkpoint`.
///
/// A checkpoint is all that a run remembers: parameters, the optimiser's memory, averages, schedules, callbacks,
/// transforms, the place within the epoch with its loss so far, the history, the best parameters, the time used. (There is no
/// generator to save: the order of an epoch is a function of the seed and of the epoch's number.) A run that is continued
/// by [`Trainer::resume`] gives the same bits as one that never stopped.
///
/// | setting | default |
/// |---|---|
/// | [`every`](Checkpoints::every) | each epoch; of a function, whose epoch is a step, every ten seconds |
/// | [`keep`](Checkpoints::keep) | the last 2 |
/// | [`best`](Checkpoints::best) | off |
/// | [`in_background`](Checkpoints::in_background) | off |
///
/// Whatever these say, one is written at the end of the run, however it came, unless weights are no longer finite. At a step
/// it comes after all callbacks, at the last of an epoch after the epoch's too: a process that ends within one is continued
/// from the checkpoint before.
///
/// ```
/// use downhill::{Function, Trainer, optim::Adam, schedule::Span, train::Checkpoints};
///
/// # let folder = std::env::temp_dir().join(format!("downhill-checkpoints-{}", std::process::id()));
/// # let folder = folder.as_path();
/// let bowl = || Function::new(vec![3.0, -2.0], |w: &[f64], g: &mut [f64]| {
///     g.copy_from_slice(w);
///     w.iter().map(|w| w * w / 2.0).sum()
/// });
/// let trainer = || Trainer::new(Adam::new()).checkpoint(Checkpoints::new(folder).every(Span::Steps(50)));
/// let first = trainer().steps(120).minimize(bowl())?;
///
/// // Another day: 80 more steps.
/// let whole = trainer().resume(folder).steps(200).minimize(bowl())?;
/// assert_eq!(whole.resumed.map(|from| from.step), Some(120));
///
/// let at_once = Trainer::new(Adam::new()).steps(200).minimize(bowl())?;
/// assert_eq!(whole.params, at_once.params);
/// # let _ = (first, std::fs::remove_dir_all(folder));
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// # The files
///
/// `step-000000000120.safetensors` and its like are in the format of [safetensors](https://huggingface.co/docs/safetensors).
/// The parameters stand under their own names, so that PyTorch, NumPy and [`Params::load`](crate::Params::load) read them;
/// everything else stands beside them under names that begin with `run/` or `state/` (`run/history/loss`,
/// `state/optimizer/first_moment/hidden/weight`), which parameters must not. In Python:
///
/// ```python
/// from safetensors.numpy import load_file
///
/// tensors = load_file("runs/a/step-000000000120.safetensors")
/// parameters = {name: value for name, value in tensors.items() if not name.startswith(("run/", "state/"))}
/// losses = tensors["run/history/loss"]
/// ```
///
/// A file is written beside its place, brought to the disk and then renamed, so a kill, a power cut or a full disk leaves
/// the ones before as they were. It carries its length and a checksum of the whole; a damaged file is refused.
///
/// A checkpoint holds the parameters after the last step, also where [`EarlyStopping`](super::EarlyStopping) gives back the
/// best: for use, save [`Run::params`](super::Run::params), or take the file that [`best`](Checkpoints::best) writes.
///
/// With sparse inputs and [`Lazy::Exact`](crate::optim::Lazy::Exact), weights may have steps to catch up on within an epoch.
/// Under their own names they stand as they are when they have, which costs a pass over all of them; those that the run goes on
/// with stand under `state/weights/`.
///
/// If one cannot be written the run goes on and tries again when the next is due. Callbacks hear of it at once
/// ([`Callback::on_checkpoint`](super::Callback::on_checkpoint)), progress bars, lines and `Tracing` say so, and at the end
/// [`Run::unsaved`](super::Run::unsaved) does, unless a later one was written.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Checkpoints {
    folder: PathBuf,
    every: Option<Interval>,
    keep: usize,
    best: bool,
    background: bool,
}

impl Checkpoints {
    /// In a folder of the run's own; it is made if need be.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            every: None,
            keep: 2,
            best: false,
            background: false,
        }
    }

    /// Writes one after every so many steps or epochs, at least 1, or at the first step after so much time
    /// ([`Duration`](std::time::Duration)).
    pub fn every(mut self, interval: impl Into<Interval>) -> Self {
        self.every = Some(interval.into());
        self
    }

    /// Keeps the last so many, at least 1, and removes those before them. Default: 2.
    pub fn keep(mut self, checkpoints: usize) -> Self {
        self.keep = checkpoints;
        self
    }

    /// Also keeps the best parameters, alone, as `best.safetensors`: brought up to date with each checkpoint and at the end of
    /// the run; there is none before a point has been judged. No run can be continued from that, but one can
    /// [start](crate::Trainer::start_from) there.
    pub fn best(mut self) -> Self {
        self.best = true;
        self
    }

    /// Writes on a thread of its own: the run waits for a copy in memory only, and, with sparse inputs and
    /// [`Lazy::Exact`](crate::optim::Lazy::Exact), until the copy has caught up on the steps that its weights have missed.
    /// Where the one before is still being written when the next is due, that one is left out. At its end the run waits for
    /// the last.
    pub fn in_background(mut self) -> Self {
        self.background = true;
        self
    }

    fn validate(&self) -> Result<(), Error> {
        if let Some(Interval::Span(span)) = self.every {
            span.check("every of Checkpoints")?;
        }
        check::require(self.keep > 0, "keep of Checkpoints", 0, "at least 1")
    }
}

/// How long it is from one checkpoint to the next; a [`Span`] and a [`Duration`] are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// So many steps or epochs.
    Span(Span),
    /// So much time.
    Time(Duration),
}

impl From<Span> for Interval {
    fn from(span: Span) -> Self {
        Interval::Span(span)
    }
}

impl From<Duration> for Interval {
    fn from(time: Duration) -> Self {
        Interval::Time(time)
    }
}

/// What a run was continued from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Resumed {
    /// The checkpoint.
    pub path: PathBuf,
    /// The number of updates that had been made.
    pub step: u64,
    /// Why later checkpoints were passed over, newest first; only [`Trainer::resume_or_start`] does that.
    pub skipped: Vec<Error>,
}

/// What the user wants of files.
#[derive(Debug, Default)]
pub(super) struct Plan {
    checkpoints: Option<Checkpoints>,
    resume: Option<Resume>,
}

#[derive(Debug)]
enum Resume {
    From(PathBuf),
    OrStart(PathBuf),
}

impl<F: Scalar> Trainer<'_, F> {
    /// Writes the run down as it goes. Feature `checkpoint`.
    pub fn checkpoint(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoint.checkpoints = Some(checkpoints);
        self
    }

    /// Continues from a checkpoint: a file, or the newest of a folder. Feature `checkpoint`.
    ///
    /// The trainer and the objective are built as they were. What gives the saved numbers their meaning must agree: the scalar,
    /// the optimiser, the layout, the groups, the model, the loss and the number of terms, batch and order and seed, the kinds
    /// of schedules and transforms, the average, the metrics and which of them is watched. What says how to go on may differ:
    /// how long, at what rates, how often evaluated, and with which callbacks of those that save no state. The data themselves
    /// are not compared.
    ///
    /// # Errors
    /// From [`Trainer::minimize`] and [`Trainer::fit`], before the first step: [`Error::Io`] and [`Error::Malformed`] for a
    /// file that is missing, cut short, altered, foreign or too new; [`Error::Foreign`] where it was made by another run.
    pub fn resume(mut self, path: impl Into<PathBuf>) -> Self {
        self.checkpoint.resume = Some(Resume::From(path.into()));
        self
    }

    /// Continues from the newest good checkpoint of a folder, or starts where there is none. Feature `checkpoint`.
    ///
    /// Made for programs that are killed and started again. A file that cannot be read is passed over, and
    /// [`Run::resumed`](super::Run::resumed) says why; where none of several can be read, that is an error.
    ///
    /// # Errors
    /// As [`Trainer::resume`].
    pub fn resume_or_start(mut self, folder: impl Into<PathBuf>) -> Self {
        self.checkpoint.resume = Some(Resume::OrStart(folder.into()));
        self
    }
}
