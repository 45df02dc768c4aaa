//! Files of parameters and saved state, in the format of safetensors: checked as a whole, and written whole or not at all.
//!
//! A file of ours begins with a stamp of fixed length: the version of the format, the length of the file, and its CRC-32,
//! computed with the digits of the CRC as zeros. Other programs see the stamp as one entry of the file's metadata. The
//! entries of a memo are tensors of `F64` and `U64` and, where they are texts, metadata; their names begin with
//! `run/`. Tensors that a run keeps beside the parameters begin with `state/`.

mod own_loop;
mod read;
mod write;

pub(crate) use own_loop::{Entry, check_free, load, memory_name, room, save};
pub(crate) use read::Archive;
pub(crate) use write::write;

use std::path::Path;

use safetensors::tensor::Dtype;

use crate::{Error, Memo, Params, Scalar};

/// The version of the format that is written, and the newest that can be read.
const VERSION: u64 = 1;

/// Where the stamp stands in a file: after the eight bytes that give the length of the header.
const HEADER: usize = 8;
const OPENING: &str = "{\"__metadata__\":{\"downhill\":\"version ";
const LENGTH: &str = ", bytes ";
const CRC: &str = ", crc32 ";

/// What the names of a memo's entries begin with.
pub(crate) const MEMO: &str = "run/";

/// What the names of tensors begin with that a run keeps beside the parameters.
pub(crate) const STATE: &str = "state/";

fn stamp(length: u64, crc: u32) -> String {
    format!("{OPENING}{VERSION:03}{LENGTH}{length:020}{CRC}{crc:08x}")
}

fn dtype<F: Scalar>() -> Dtype {
    if size_of::<F>() == 4 {
        Dtype::F32
    } else {
        Dtype::F64
    }
}

impl<F: Scalar> Params<F> {
    /// Writes the parameters to a file in the format of [safetensors](https://huggingface.co/docs/safetensors), each tensor
    /// under its name. Feature `checkpoint`.
    ///
    /// The file is written whole or not at all: what was there before stays until the new one is on the disk.
    ///
    /// ```
    /// use downhill::Params;
    ///
    /// # let path = std::env::temp_dir().join(format!("downhill-params-{}.safetensors", std::process::id()));
    /// # let path = path.as_path();
    /// let trained = Params::from_vec("weight", vec![0.5, -1.5]);
    /// trained.save(path)?; // "model.safetensors"
    ///
    /// let mut params = Params::<f64>::zeros(trained.layout());
    /// params.load(path)?;
    /// assert_eq!(params, trained);
    /// # let _ = std::fs::remove_file(path);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// In Python `safetensors.numpy.load_file("model.safetensors")` gives a dictionary of arrays, and
    /// `safetensors.torch.load_file` one of tensors. A layer of [`Mlp`](crate::model::Mlp) has its weights as inputs × outputs,
    /// PyTorch's as outputs × inputs; an `Mlp` of the sizes 2, 24, 24 and 1 with tanh, in `f64`, becomes one of PyTorch's by
    ///
    /// ```python
    /// import torch
    /// from safetensors.torch import load_file
    ///
    /// saved = load_file("model.safetensors")
    /// state = {}
    /// for index, layer in enumerate(["layer1", "layer2", "layer3"]):
    ///     state[f"{2 * index}.weight"] = saved[f"{layer}/weight"].T
    ///     state[f"{2 * index}.bias"] = saved[f"{layer}/bias"]
    /// model = torch.nn.Sequential(
    ///     torch.nn.Linear(2, 24), torch.nn.Tanh(), torch.nn.Linear(24, 24), torch.nn.Tanh(), torch.nn.Linear(24, 1)
    /// ).double()
    /// model.load_state_dict(state)
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write(path.as_ref(), self, &Memo::new())
    }

    /// Reads what [`Params::save`], a [checkpoint](crate::train::Checkpoints), PyTorch or NumPy wrote, by name.
    ///
    /// Strict: the file holds every tensor of this layout, in its shape and as the same kind of number, and no other
    /// (what a checkpoint keeps beside the parameters does not count).
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Malformed`] if it is damaged, is no such file, or if a tensor is
    /// missing or of another kind or shape; [`Error::UnknownParameter`] if it holds a further one. Then nothing has changed.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let archive = Archive::open_any(path.as_ref())?;
        archive.check_names(self.layout())?;
        archive.fill(self)
    }
}
