//! The files of a folder.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{Checkpoints, Resume, Resumed};
use crate::{Error, archive::Archive};

/// The name of the file of the best parameters.
pub(super) const BEST: &str = "best.safetensors";

/// The name of the checkpoint after so many steps; names sort as steps do.
pub(super) fn name(step: u64) -> String {
    format!("step-{step:012}.safetensors")
}

fn step_of(name: &str) -> Option<u64> {
    name.strip_prefix("step-")?
        .strip_suffix(".safetensors")?
        .parse()
        .ok()
}

/// The checkpoints of a folder, oldest first. A folder that is not there has none.
pub(super) fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let unreadable = |error: &std::io::Error| Error::io(folder, "read", error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(&error))?;
        files.extend(
            entry
                .file_name()
                .to_str()
                .and_then(step_of)
                .map(|step| (step, entry.path())),
        );
    }
    files.sort();
    Ok(files)
}

/// Removes all but the last so many.
pub(super) fn prune(folder: &Path, keep: usize) -> Result<(), Error> {
    let files = list(folder)?;
    let surplus = files.len().saturating_sub(keep);
    files
        .iter()
        .take(surplus)
        .try_for_each(|(_, path)| fs::remove_file(path).map_err(|error| Error::io(path, "removed", &error)))
}

/// Removes what was being written when a process was killed.
fn clear(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, "read", &error))? {
        let path = entry.map_err(|error| Error::io(folder, "read", &error))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if let Some(name) = name
            .strip_prefix('.')
            .and_then(|name| name.strip_suffix(".partial"))
            && (step_of(name).is_some() || name == BEST)
        {
            fs::remove_file(&path).map_err(|error| Error::io(&path, "removed", &error))?;
        }
    }
    Ok(())
}

impl Resume {
    /// The file to continue from, read and whole; none where there is none and the run may start.
    pub(super) fn find(self) -> Result<Option<(Archive, Resumed)>, Error> {
        let (files, strict) = match self {
            Resume::From(path) if path.is_dir() => match list(&path)?.pop() {
                Some(newest) => (vec![newest], true),
                None => {
                    let expected = format!("a checkpoint, such as {}", name(100));
                    return Err(Error::malformed(
                        path.display().to_string(),
                        "the folder",
                        "none",
                        expected,
                    ));
                }
            },
            Resume::From(path) => (vec![(0, path)], true),
            Resume::OrStart(folder) => (list(&folder)?, false),
        };
        let mut skipped = Vec::new();
        for (_, path) in files.into_iter().rev() {
            match Archive::open(&path) {
                Ok(archive) => {
                    let resumed = Resumed {
                        path,
                        step: 0,
                        skipped,
                    };
                    return Ok(Some((archive, resumed)));
                }
                Err(error) if strict => return Err(error),
                Err(error) => skipped.push(error),
            }
        }
        skipped.into_iter().next().map_or(Ok(None), Err)
    }
}

impl Checkpoints {
    /// Makes the folder, clears it of what a kill has left half written, and refuses one in which another run has gone further than this one, which would be mixed up.
    pub(super) fn prepare(&self, resumed: Option<&Resumed>) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(|error| Error::io(&self.folder, "made", &error))?;
        clear(&self.folder)?;
        let begin = resumed.map_or(0, |resumed| resumed.step);
        let skipped = resumed.map_or(0, |resumed| resumed.skipped.len());
        let files = list(&self.folder)?;
        let own = files.len() - skipped.min(files.len());
        match files
            .iter()
            .take(own)
            .find(|(step, _)| resumed.is_none() || *step > begin)
        {
            None => Ok(()),
            Some((step, _)) => Err(Error::invalid(
                "folder of Checkpoints",
                format!("{} with {}", self.folder.display(), name(*step)),
                match resumed {
                    None => "without checkpoints, or resumed from".to_string(),
                    Some(_) => {
                        format!("without checkpoints later than step {begin}, from which this run goes on")
                    }
                },
            )),
        }
    }
}
