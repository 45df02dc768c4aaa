//! A run that is stopped and continued gives the bits of one that never stopped.

mod descent;
mod ends;
mod every_step;
mod failed;
mod files;
mod inputs;
mod kept;
mod kill;
mod own_loop;
mod settings;
mod written;

#[path = "../optimizers/mod.rs"]
mod optimizers;

#[path = "../folder/mod.rs"]
mod folder;

use std::path::{Path, PathBuf};

use downhill::{prelude::*, train::Record};

/// A folder of checkpoints.
pub(crate) struct Folder(folder::Folder);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(folder::Folder::new())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, step: u64) -> PathBuf {
        self.0.join(format!("step-{step:012}.safetensors"))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&*self.0).unwrap();
        let mut names =
            Vec::from_iter(entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
        names.sort();
        names
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
