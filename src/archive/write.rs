//! Writing: whole or not at all.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::Path,
};

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::{HEADER, MEMO, dtype, stamp};
use crate::{Error, Layout, Memo, Params, Scalar, Value, replace::replace};

/// How many values are turned into bytes at once.
const CHUNK: usize = 16 * 1024;

/// Writes parameters and a memo as one file.
pub(crate) fn write<F: Scalar>(path: &Path, params: &Params<F>, memo: &Memo) -> Result<(), Error> {
    let header = header(params.layout(), size_of::<F>(), dtype::<F>(), memo)
        .map_err(|message| Error::malformed(path.display().to_string(), "header", message, "valid names"))?;
    replace(path, |file| {
        let mut out = Checked {
            file: BufWriter::new(file),
            crc: crc32fast::Hasher::new(),
        };
        out.put(&(header.len() as u64).to_le_bytes())?;
        out.put(header.as_bytes())?;
        let mut bytes = Vec::new();
        for (_, value) in memo.iter() {
            match value {
                Value::Numbers(numbers) => out.values(numbers, &mut bytes)?,
                Value::Counts(counts) => counts
                    .iter()
                    .try_for_each(|count| out.put(&count.to_le_bytes()))?,
                Value::Text(_) => {}
            }
        }
        out.values(params.as_slice(), &mut bytes)?;
        let Checked { mut file, crc } = out;
        let crc = format!("{:08x}", crc.finalize());
        file.seek(SeekFrom::Start((HEADER + stamp(0, 0).len() - crc.len()) as u64))?;
        file.write_all(crc.as_bytes())?;
        file.flush()
    })
}

/// A file that is being written, and the checksum of what went into it.
struct Checked<'a> {
    file: BufWriter<&'a File>,
    crc: crc32fast::Hasher,
}

impl Checked<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.file.write_all(bytes)
    }

    fn values<F: Scalar>(&mut self, values: &[F], bytes: &mut Vec<u8>) -> io::Result<()> {
        for chunk in values.chunks(CHUNK) {
            F::to_bytes(chunk, bytes);
            self.put(bytes)?;
        }
        Ok(())
    }
}

/// The header of a file: an object with the metadata and the tensors, as long as a multiple of eight bytes, so that the
/// values after it are aligned.
fn header(layout: &Layout, size: usize, dtype: Dtype, memo: &Memo) -> Result<String, String> {
    let mut tensors = Vec::new();
    let mut end = 0;
    let mut add = |name: String, dtype: Dtype, shape: &[usize], size: usize| {
        let start = end;
        end += size * shape.iter().product::<usize>();
        let info = TensorInfo {
            dtype,
            shape: shape.to_vec(),
            data_offsets: (start, end),
        };
        tensors.push((name, info));
    };
    let mut texts = String::new();
    for (name, value) in memo.iter() {
        let name = format!("{MEMO}{name}");
        match value {
            Value::Numbers(numbers) => add(name, Dtype::F64, &[numbers.len()], 8),
            Value::Counts(counts) => add(name, Dtype::U64, &[counts.len()], 8),
            Value::Text(text) => texts += &format!(",{}:{}", quoted(&name)?, quoted(text)?),
        }
    }
    for spec in layout.tensors() {
        add(spec.name().into(), dtype, spec.shape(), size);
    }
    let tensors = Metadata::new(None, tensors).map_err(|error| error.to_string())?;
    let tensors = serde_json::to_string(&tensors).map_err(|error| error.to_string())?;
    // The tensors are an object by themselves: its opening brace becomes the comma after the metadata.
    let rest = match tensors.strip_prefix('{') {
        Some("}") | None => "}".to_string(),
        Some(rest) => format!(",{rest}"),
    };
    let tail = format!("\"{texts}}}{rest}");
    let length = (stamp(0, 0).len() + tail.len()).next_multiple_of(8);
    let mut header = stamp((HEADER + length + end) as u64, 0) + &tail;
    header.extend(std::iter::repeat_n(' ', length - header.len()));
    Ok(header)
}

fn quoted(text: &str) -> Result<String, String> {
    serde_json::to_string(text).map_err(|error| error.to_string())
}
