//! Files that are written whole or not at all.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::Error;

/// Writes a file beside its place and then moves it there, so that there is always the old one or the new one, whole,
/// whatever happens to the process, the disk or the power.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> Result<(), Error> {
    let partial = partial(path);
    let written = File::create(&partial)
        .and_then(|file| {
            write(&file)?;
            file.sync_all()
        })
        .map_err(|error| Error::io(path, "written", &error))
        .and_then(|()| fs::rename(&partial, path).map_err(|error| Error::io(path, "renamed", &error)));
    if written.is_err() {
        // What could not be written is of no use; that it cannot be removed either changes nothing.
        let _ = fs::remove_file(&partial);
    }
    written?;
    // The new name is on the disk when the folder is.
    synchronize_folder_of(path)
}

/// Brings to the disk that there is something of this name; only Unix can be asked for that, and some filesystems, of a
/// network or of a process, know of no such thing.
pub(crate) fn synchronize_folder_of(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synchronized =
            File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| match folder.sync_all() {
                Err(error) if is_unknown(&error) => Ok(()),
                other => other,
            });
        synchronized.map_err(|error| Error::io(path, "synchronised", &error))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Whether the filesystem does not know what it is asked for.
#[cfg(unix)]
fn is_unknown(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    )
}

/// Finds out whether a file could be put there, and leaves nothing behind.
#[cfg(feature = "plot")]
pub(crate) fn check(path: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| Error::io(path, "written", &error);
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let partial = partial(path);
    File::create(&partial)
        .and_then(|_| fs::remove_file(&partial))
        .map_err(failed)
}

/// The file beside, while it is written.
fn partial(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Linux knows such a filesystem: that of its processes.
    #[test]
    fn a_filesystem_that_synchronises_no_folders_is_none_the_worse() {
        let refused = File::open("/proc/self").and_then(|folder| folder.sync_all());
        assert!(refused.is_err_and(|error| is_unknown(&error)));
        assert_eq!(synchronize_folder_of(Path::new("/proc/self/status")), Ok(()));
        // Where there is no folder, that is said.
        assert!(synchronize_folder_of(Path::new("/proc/self/nowhere/status")).is_err());
    }
}
