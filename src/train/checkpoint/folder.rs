//! The files of a folder.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{Checkpoints, Resume, Resumed};
use crate::{Error, archive::Archive, replace};

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

/// After one of a step has been written: removes all but the last so many up to it. Later ones are those that were passed
/// over when the run was continued; they get another name, so that none of them is the newest.
pub(super) fn prune(folder: &Path, keep: usize, step: u64) -> Result<(), Error> {
    let (own, passed_over): (Vec<_>, Vec<_>) =
        list(folder)?.into_iter().partition(|(other, _)| *other <= step);
    for (_, path) in own.iter().rev().skip(keep) {
        fs::remove_file(path).map_err(|error| Error::io(path, "removed", &error))?;
    }
    for (_, path) in &passed_over {
        let aside = path.with_extension("refused");
        fs::rename(path, aside).map_err(|error| Error::io(path, "renamed", &error))?;
    }
    Ok(())
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

/// Whether a file stands in a folder, however they are written.
fn is_in(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    match (
        fs::canonicalize(parent.unwrap_or(Path::new("."))),
        fs::canonicalize(folder),
    ) {
        (Ok(parent), Ok(folder)) => parent == folder,
        _ => false,
    }
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
                // What cannot be read at the moment is not damaged.
                Err(error) if strict || matches!(error, Error::Io { .. }) => return Err(error),
                Err(error) => skipped.push(error),
            }
        }
        skipped.into_iter().next().map_or(Ok(None), Err)
    }
}

impl Checkpoints {
    /// Makes the folder, clears it of what a kill has left half written, and refuses one with checkpoints of another run, or
    /// later ones than this run goes on from: they would be mixed up.
    pub(super) fn prepare(&self, resumed: Option<&Resumed>) -> Result<(), Error> {
        let folder = &self.folder;
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, "made", &error))?;
        replace::synchronize_folder_of(folder)?;
        clear(folder)?;
        let files = list(folder)?;
        // Those that were passed over are the newest of their folder.
        let own = resumed.filter(|resumed| is_in(&resumed.path, folder));
        let passed_over = own.map_or(0, |resumed| resumed.skipped.len());
        let begin = own.map(|resumed| resumed.step);
        let mut others = files.iter().rev().skip(passed_over);
        match others.find(|(step, _)| begin.is_none_or(|begin| *step > begin)) {
            None => Ok(()),
            Some((step, _)) => Err(Error::invalid(
                "folder of Checkpoints",
                format!("{} with {}", folder.display(), name(*step)),
                match begin {
                    None => "without checkpoints, or resumed from".to_string(),
                    Some(begin) => {
                        format!("without checkpoints later than step {begin}, from which this run goes on")
                    }
                },
            )),
        }
    }
}
