//! A run that is stopped and continued gives the bits of one that never stopped.

mod every_step;
mod files;
mod inputs;
mod kill;
mod settings;

#[path = "../optimizers/mod.rs"]
mod optimizers;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use downhill::{prelude::*, train::Record};

/// A folder that is removed again; in memory where the system has such a place, for there are many files.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() {
            memory.into()
        } else {
            std::env::temp_dir()
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = base.join(format!("downhill-resume-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, step: u64) -> PathBuf {
        self.0.join(format!("step-{step:012}.safetensors"))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names =
            Vec::from_iter(entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Everything of a run that must be the same to the bit; not the seconds, and not what it was continued from.
pub(crate) fn bits(run: &Run<f64>) -> String {
    let bits = |params: &Params<f64>| Vec::from_iter(params.as_slice().iter().map(|x| x.to_bits()));
    let timeless = |record: &Record| {
        let mut record = record.clone();
        record.seconds = 0.0;
        record
    };
    // `Debug` of a float is the shortest text that reads back to the same bits.
    format!(
        "{:?}\naverage {:?}\nbest {:?} at {}, {:?}\n{:?} after {} steps, {} left out, {} epochs\n{:#?}",
        bits(&run.params),
        run.average.as_ref().map(bits),
        run.best.value,
        run.best.step,
        bits(&run.best.params),
        run.stop,
        run.steps,
        run.skipped,
        run.epochs,
        Vec::from_iter(run.history.iter().map(timeless)),
    )
}
