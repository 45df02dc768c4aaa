//! Reading: whatever is not whole is refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};

use super::{CRC, HEADER, LENGTH, MEMO, OPENING, STATE, VERSION, dtype, stamp};
use crate::{Error, Layout, Memo, Params, Scalar, Value};

/// A file that has been read and found whole.
pub(crate) struct Archive {
    path: PathBuf,
    bytes: Vec<u8>,
    data: usize,
    metadata: Metadata,
}

impl Archive {
    /// Reads a file of ours.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let bytes = read(path)?;
        if !is_stamped(&bytes) {
            return Err(Error::malformed(
                path.display().to_string(),
                "the first bytes",
                "something else",
                "the stamp of a checkpoint of downhill",
            ));
        }
        verify(path, &bytes)?;
        Self::parse(path, bytes)
    }

    /// Reads any file in the format of safetensors; where it is one of ours, it must be whole.
    pub(crate) fn open_any(path: &Path) -> Result<Self, Error> {
        let bytes = read(path)?;
        if is_stamped(&bytes) {
            verify(path, &bytes)?;
        }
        Self::parse(path, bytes)
    }

    fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let (length, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| {
            Error::malformed(
                path.display().to_string(),
                "header",
                error,
                "that of a safetensors file",
            )
        })?;
        Ok(Self {
            path: path.into(),
            bytes,
            data: HEADER + length,
            metadata,
        })
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// The memo of a file of a run or a loop with the same settings; of another it is refused, and the error says in what it
    /// differs.
    pub(crate) fn agreeing(&self, settings: &Memo) -> Result<Memo, Error> {
        let memo = self.memo();
        let saved = memo.part("settings");
        if saved.is_empty() {
            let expected =
                "those of a whole run or loop, to go on from; parameters alone can be started from";
            return Err(Error::malformed(
                self.path(),
                "the saved settings",
                "none",
                expected,
            ));
        }
        let text = |memo: &Memo, name: &str| memo.text(name).unwrap_or("none").to_string();
        for (name, value) in settings.iter().chain(saved.iter()) {
            let (given, expected) = (text(&saved, name), text(settings, name));
            if given != expected || !matches!(value, Value::Text(_)) {
                return Err(Error::Foreign {
                    argument: format!("{} ({name})", self.path()),
                    given,
                    expected,
                });
            }
        }
        Ok(memo)
    }

    /// Says that a saved state that does not fit came from this file.
    pub(crate) fn blame(&self, mut error: Error) -> Error {
        let path = self.path();
        match &mut error {
            Error::Malformed {
                source_name: source, ..
            } if source == crate::memo::SAVED => *source = path,
            Error::Foreign { argument, .. } if !argument.starts_with(&path) => {
                *argument = format!("{path} ({argument})")
            }
            _ => {}
        }
        error
    }

    /// Refuses tensors that are neither in the layout nor beside the parameters of a run.
    pub(crate) fn check_names(&self, layout: &Layout) -> Result<(), Error> {
        for name in self.metadata.offset_keys() {
            let beside = name.starts_with(MEMO) || name.starts_with(STATE);
            if !beside && !layout.tensors().iter().any(|spec| spec.name() == name) {
                return Err(layout.unknown(&name));
            }
        }
        Ok(())
    }

    /// The memo of the file.
    pub(crate) fn memo(&self) -> Memo {
        let mut memo = Memo::new();
        for (name, text) in self.metadata.metadata().iter().flatten() {
            if let Some(name) = name.strip_prefix(MEMO) {
                memo.put(name, text.as_str());
            }
        }
        for (name, info) in self.metadata.tensors() {
            let Some(name) = name.strip_prefix(MEMO) else {
                continue;
            };
            let bytes = self.bytes_of(info);
            match info.dtype {
                Dtype::F64 => {
                    let mut numbers = vec![0.0; bytes.len() / 8];
                    f64::from_bytes(bytes, &mut numbers);
                    memo.put(name, numbers);
                }
                Dtype::U64 => {
                    let (counts, _) = bytes.as_chunks();
                    let counts = counts.iter().map(|bytes| u64::from_le_bytes(*bytes));
                    memo.put(name, Vec::from_iter(counts));
                }
                _ => {}
            }
        }
        memo
    }

    /// Fills `params` with the tensors of its layout, by name.
    pub(crate) fn fill<F: Scalar>(&self, params: &mut Params<F>) -> Result<(), Error> {
        for spec in params.layout().tensors() {
            let name = spec.name();
            let refuse = |given: String| {
                let expected = format!("{:?} {:?}", dtype::<F>(), spec.shape());
                Error::malformed(self.path(), name, given, expected)
            };
            match self.metadata.info(name) {
                None => return Err(refuse("nothing".into())),
                Some(info) if info.dtype != dtype::<F>() || info.shape != spec.shape() => {
                    return Err(refuse(format!("{:?} {:?}", info.dtype, info.shape)));
                }
                Some(_) => {}
            }
        }
        params.for_each_tensor(|spec, values| {
            if let Some(info) = self.metadata.info(spec.name()) {
                F::from_bytes(self.bytes_of(info), values);
            }
        });
        Ok(())
    }

    fn bytes_of(&self, info: &TensorInfo) -> &[u8] {
        let (start, end) = info.data_offsets;
        self.bytes
            .get(self.data + start..self.data + end)
            .unwrap_or_default()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| Error::io(path, "read", &error))
}

fn is_stamped(bytes: &[u8]) -> bool {
    bytes
        .get(HEADER..)
        .is_some_and(|rest| rest.starts_with(OPENING.as_bytes()))
}

/// Whether a file of ours is as long as it says, has the checksum it says, and is of a version that is known.
fn verify(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let stamp_end = HEADER + stamp(0, 0).len();
    let refuse = |place: &str, given: String, expected: String| {
        Err(Error::malformed(
            path.display().to_string(),
            place,
            given,
            expected,
        ))
    };
    let text = bytes
        .get(HEADER..stamp_end)
        .and_then(|stamp| std::str::from_utf8(stamp).ok());
    let fields = text.and_then(|text| {
        let (version, rest) = text.strip_prefix(OPENING)?.split_once(LENGTH)?;
        let (length, crc) = rest.split_once(CRC)?;
        Some((
            version.parse::<u64>().ok()?,
            length.parse::<u64>().ok()?,
            u32::from_str_radix(crc, 16).ok()?,
        ))
    });
    let Some((version, length, crc)) = fields else {
        return refuse(
            "the stamp",
            "other characters".into(),
            format!("{:?}", stamp(0, 0)),
        );
    };
    if bytes.len() as u64 != length {
        return refuse(
            "the end",
            format!("{} bytes", bytes.len()),
            format!("{length} bytes, as its stamp says"),
        );
    }
    let mut hasher = crc32fast::Hasher::new();
    let (head, rest) = bytes.split_at(stamp_end);
    hasher.update(&head[..stamp_end - 8]);
    hasher.update(b"00000000");
    hasher.update(rest);
    let found = hasher.finalize();
    if found != crc {
        return refuse(
            "the whole",
            format!("the checksum {found:08x}"),
            format!("{crc:08x}, as its stamp says"),
        );
    }
    if version > VERSION {
        return refuse(
            "the version of the format",
            version.to_string(),
            format!("at most {VERSION}; a newer downhill wrote it"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of a later version, whole in itself.
    #[test]
    fn a_newer_file_says_so() {
        let path = std::env::temp_dir().join(format!("downhill-newer-{}.safetensors", std::process::id()));
        Params::from_vec("a", vec![1.0]).save(&path).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let version = HEADER + OPENING.len();
        bytes[version..version + 3].copy_from_slice(b"002");
        let end = HEADER + stamp(0, 0).len();
        bytes[end - 8..end].copy_from_slice(b"00000000");
        let crc = format!("{:08x}", crc32fast::hash(&bytes));
        bytes[end - 8..end].copy_from_slice(crc.as_bytes());
        fs::write(&path, &bytes).unwrap();
        let refused = Archive::open(&path).map(|_| ()).unwrap_err();
        fs::remove_file(&path).unwrap();
        assert!(
            matches!(&refused, Error::Malformed { place, given, .. } if place == "the version of the format" && given == "2"),
            "{refused}"
        );
    }
}
