//! NumPy's `.npy` files, mapped into memory.

use std::{fs::File, path::Path};

use memmap2::Mmap;
use ndarray::{ArrayView, Dimension};
use ndarray_npy::{ViewElement, ViewNpyError, ViewNpyExt};

use crate::Error;

/// A `.npy` file as an array that stays on disk: the system reads the pages that are touched, and drops them again when
/// memory is short. Files may so be larger than memory (feature `npy`).
///
/// An epoch in order ([`Order::Sequential`](super::Order::Sequential)) reads the file from front to back, at the speed of
/// the disk. A shuffled one touches a page a row: where the file does not fit into memory, shuffle it once when it is
/// written, or read it as a [`Stream`](super::Stream). In a file in Fortran order (`fortran_order: True` in its header) the
/// values of a row lie a column apart, so that each row touches a page a column: store large data row by row, as NumPy does
/// unless told otherwise.
///
/// **Nobody may shorten or overwrite the file while it is mapped.** The system offers no way to hold others off: a run
/// would see other numbers, or be ended by a signal at a page that is gone.
///
/// ```no_run
/// use downhill::{Dataset, Trainer, data::{MappedNpy, Order}, loss::MeanSquaredError, model::Linear, optim::Adam};
/// use downhill::ndarray::{Array1, Array2};
///
/// let (inputs, targets) = (MappedNpy::open("inputs.npy")?, MappedNpy::open("targets.npy")?);
/// let (inputs, targets) = (inputs.view()?, targets.view()?);
/// let model = Linear::new(inputs.ncols(), 1)?;
/// let data: Dataset<f32, Array2<f32>, Array1<f32>> = Dataset::assume_finite(inputs, targets)?;
/// let run = Trainer::new(Adam::new()).epochs(1).order(Order::Sequential).fit(&model, &MeanSquaredError, &data)?;
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug)]
pub struct MappedNpy {
    path: String,
    bytes: Mmap,
}

impl MappedNpy {
    /// Maps a file. Nothing of it is read before it is used.
    ///
    /// # Errors
    /// [`Error::Io`] for what the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let io = |error| Error::io(path, "mapped", &error);
        let file = File::open(path).map_err(io)?;
        // SAFETY: the map is read only, and every view of it borrows from `self`. That the file stays as it is while it is
        // mapped cannot be had from the system; the documentation asks it of the caller.
        #[allow(unsafe_code, reason = "a file cannot be mapped otherwise")]
        let bytes = unsafe { Mmap::map(&file) }.map_err(io)?;
        Ok(Self {
            path: path.display().to_string(),
            bytes,
        })
    }

    /// The array in the file, without a copy.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is no such file, or holds other elements or another number of axes; so are also elements
    /// in the byte order of another kind of processor.
    pub fn view<T: ViewElement, D: Dimension>(&self) -> Result<ArrayView<'_, T, D>, Error> {
        ArrayView::view_npy(&self.bytes).map_err(|error| self.refuse(error, D::NDIM))
    }

    fn refuse(&self, error: ViewNpyError, axes: Option<usize>) -> Error {
        let (place, expected) = match &error {
            ViewNpyError::WrongNdim(..) => ("header", format!("an array with {} axes", axes.unwrap_or(0))),
            ViewNpyError::WrongDescriptor(_) | ViewNpyError::NonNativeEndian => {
                ("header", "elements of the type that was asked for".into())
            }
            ViewNpyError::MissingBytes(_) | ViewNpyError::ExtraBytes(_) => {
                ("data", "as many bytes as the header says".into())
            }
            ViewNpyError::MisalignedData | ViewNpyError::InvalidData(_) => {
                ("data", "elements that can be used as they stand".into())
            }
            _ => ("header", "a NumPy file".into()),
        };
        Error::malformed(&self.path, place, error, expected)
    }
}
