//! When a checkpoint is written, and on which thread.

use std::{
    path::PathBuf,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Instant,
};

use super::{Checkpoints, Interval, folder};
use crate::{Error, Layout, Memo, Params, Scalar, archive, schedule::Span};

/// When a run was copied: nothing changes as long as none of these does.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moment {
    pub(super) step: u64,
    pub(super) epoch: u64,
    /// Whether the callbacks have been told that an epoch begins here.
    pub(super) begun: bool,
    /// The step of the best parameters, once any have been judged.
    pub(super) best: Option<u64>,
}

/// All that a run remembers, copied.
#[derive(Debug)]
pub(super) struct Snapshot<F> {
    pub(super) moment: Moment,
    /// The parameters, then the best ones, then everything else of the same kind of number.
    pub(super) params: Params<F>,
    pub(super) memo: Memo,
}

/// What the writing came to; where it is written, also why older files could not be removed.
type Written = Result<Option<Error>, Error>;

/// A snapshot on its way to a file, which comes back with what the writing came to.
type Writing<F> = JoinHandle<Option<(Snapshot<F>, Written)>>;

/// What became of a checkpoint.
#[derive(Debug)]
pub(super) struct News {
    pub(super) path: PathBuf,
    pub(super) moment: Moment,
    pub(super) error: Option<Error>,
    pub(super) unremoved: Option<Error>,
}

/// Writes snapshots of one run, one at a time.
#[derive(Debug)]
pub(in crate::train) struct Writer<F> {
    checkpoints: Checkpoints,
    every: Interval,
    /// When the last one was due.
    last: Instant,
    /// The layout of the parameters alone.
    layout: Layout,
    /// What was written last.
    pub(super) saved: Option<Moment>,
    /// At rest; it is away while it is being written.
    snapshot: Option<Snapshot<F>>,
    writing: Option<Writing<F>>,
    /// What the callbacks have not been told yet.
    pub(super) news: Vec<News>,
    /// Why the last one could not be written.
    pub(in crate::train) unsaved: Option<Error>,
}

impl<F: Scalar> Writer<F> {
    pub(super) fn new(
        checkpoints: Checkpoints,
        every: Interval,
        layout: Layout,
        snapshot: Snapshot<F>,
    ) -> Self {
        Self {
            checkpoints,
            every,
            last: Instant::now(),
            layout,
            saved: None,
            snapshot: Some(snapshot),
            writing: None,
            news: Vec::new(),
            unsaved: None,
        }
    }

    /// Whether one is due after so many steps, or, at the end of one, so many epochs.
    pub(super) fn is_due(&mut self, now: Span) -> bool {
        match (self.every, now) {
            (Interval::Span(Span::Steps(every)), Span::Steps(now))
            | (Interval::Span(Span::Epochs(every)), Span::Epochs(now)) => now.is_multiple_of(every),
            (Interval::Time(every), Span::Steps(_)) => {
                let due = self.last.elapsed() >= every;
                if due {
                    self.last = Instant::now();
                }
                due
            }
            _ => false,
        }
    }

    /// How many steps there are from this one to the next after which one is due, as far as steps decide.
    pub(in crate::train) fn steps_left(&self, step: u64) -> u64 {
        match self.every {
            Interval::Span(Span::Steps(every)) => every - step % every,
            _ => u64::MAX,
        }
    }

    /// Takes note of what has been written in the background.
    pub(super) fn look(&mut self) {
        if self.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.wait();
        }
    }

    /// What the next copy goes into; nothing where the one before is still being written and is not to be waited for.
    pub(super) fn take_snapshot(&mut self, wait: bool) -> Option<Snapshot<F>> {
        if let Some(writing) = self.writing.take_if(|writing| wait || writing.is_finished()) {
            match writing.join() {
                Ok(written) => written
                    .into_iter()
                    .for_each(|(snapshot, result)| self.settle(snapshot, result)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        self.snapshot.take()
    }

    /// Waits until what is being written has been.
    pub(super) fn wait(&mut self) {
        if let Some(snapshot) = self.take_snapshot(true) {
            self.snapshot = Some(snapshot);
        }
    }

    /// Writes a copy, here or in the background; here too where the system has no thread for it.
    pub(super) fn write(&mut self, snapshot: Snapshot<F>) {
        let best = self.is_new_best(snapshot.moment).then(|| self.layout.clone());
        let mut here = Some(snapshot);
        if self.checkpoints.background {
            // The thread takes it from here: if there is none, it is still there.
            let (give, take) = mpsc::sync_channel(1);
            let (checkpoints, layout) = (self.checkpoints.clone(), best.clone());
            let work = move || {
                let snapshot: Snapshot<F> = take.recv().ok()?;
                let result = checkpoints.write(&snapshot, layout);
                Some((snapshot, result))
            };
            if let Ok(thread) = thread::Builder::new()
                .name("downhill-checkpoint".into())
                .spawn(work)
                && let Some(snapshot) = here.take()
            {
                let _ = give.send(snapshot);
                self.writing = Some(thread);
            }
        }
        if let Some(snapshot) = here {
            let result = self.checkpoints.write(&snapshot, best);
            self.settle(snapshot, result);
        }
    }

    /// Whether the file of the best is wanted, and does not hold them.
    pub(super) fn is_new_best(&self, now: Moment) -> bool {
        let is_new = self.saved.is_none_or(|saved| saved.best != now.best);
        self.checkpoints.best && now.best.is_some() && is_new
    }

    /// Writes the best parameters alone.
    pub(super) fn write_best(&mut self, now: Moment, params: &Params<F>, memo: Memo) {
        if let Err(error) = self.checkpoints.write_best(params, memo) {
            let (path, error) = (self.checkpoints.folder.join(folder::BEST), Some(error));
            self.unsaved.clone_from(&error);
            self.news.push(News {
                path,
                moment: now,
                error,
                unremoved: None,
            });
        }
    }

    fn settle(&mut self, snapshot: Snapshot<F>, written: Written) {
        let moment = snapshot.moment;
        self.saved = written.is_ok().then_some(moment);
        let (error, unremoved) = match written {
            Ok(unremoved) => (None, unremoved),
            Err(error) => (Some(error), None),
        };
        self.unsaved.clone_from(&error);
        self.news.push(News {
            path: self.checkpoints.path(moment),
            moment,
            error,
            unremoved,
        });
        self.snapshot = Some(snapshot);
    }
}

impl Checkpoints {
    fn path(&self, moment: Moment) -> PathBuf {
        self.folder.join(folder::name(moment.step))
    }

    fn write<F: Scalar>(&self, snapshot: &Snapshot<F>, best: Option<Layout>) -> Written {
        let path = self.path(snapshot.moment);
        archive::write(&path, &snapshot.params, &snapshot.memo)?;
        if let Some(layout) = best {
            let mut params = Params::zeros(&layout);
            let len = layout.len();
            if let Some(values) = snapshot.params.as_slice().get(len..2 * len) {
                params.as_mut_slice().copy_from_slice(values);
            }
            self.write_best(&params, snapshot.memo.part("best"))?;
        }
        Ok(folder::prune(&self.folder, self.keep, snapshot.moment.step).err())
    }

    fn write_best<F: Scalar>(&self, params: &Params<F>, best: Memo) -> Result<(), Error> {
        let mut memo = Memo::new();
        memo.put_part("best", best);
        archive::write(&self.folder.join(folder::BEST), params, &memo)
    }
}
