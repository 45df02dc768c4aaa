//! Parameters: one contiguous buffer, and a layout of named tensors over it.

use std::{ops::Range, sync::Arc};

use ndarray::{ArrayView, ArrayViewD, ArrayViewMut, ArrayViewMutD, Dimension, IntoDimension, IxDyn};

use crate::{Error, Scalar, memory, scalar::all_finite, transform::Norm};

/// Where a tensor of known rank stands in the buffer; given by [`Layout::add`], read by [`Params::view`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle<D> {
    offset: usize,
    shape: D,
}

impl<D> Handle<D> {
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }
}

impl<D: Dimension> Handle<D> {
    #[inline]
    fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.shape.size()
    }

    /// The number of elements that share an index in the first axis.
    #[inline]
    pub(crate) fn row_width(&self) -> usize {
        self.shape.slice().iter().skip(1).product()
    }

    /// The tensor, over its values.
    #[inline]
    #[track_caller]
    pub(crate) fn over_mut<'a, F>(&self, values: &'a mut [F]) -> ArrayViewMut<'a, F, D> {
        ArrayViewMut::from_shape(self.shape.clone(), values).unwrap_or_else(|_| foreign_handle())
    }
}

/// One named tensor of a [`Layout`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    name: String,
    offset: usize,
    shape: Vec<usize>,
}

impl TensorSpec {
    /// The name, unique in its layout; by custom a path such as `"hidden/weight"`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape, row-major.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Where its elements stand in the buffer.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.shape.iter().product::<usize>()
    }
}

/// The named tensors of a model, laid end to end in one buffer. Cheap to clone.
///
/// ```
/// use downhill::{Layout, Params};
///
/// let mut layout = Layout::new();
/// let weight = layout.add("weight", (3, 2))?;
/// let bias = layout.add("bias", 2)?;
/// let mut params = Params::<f64>::zeros(&layout);
/// params.view_mut(&bias)[1] = 0.5;
/// assert_eq!(params.view(&weight).dim(), (3, 2));
/// assert_eq!(params.get("bias")?[[1]], 0.5);
/// assert_eq!(params.as_slice().len(), 8);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    tensors: Arc<Vec<TensorSpec>>,
    len: usize,
}

impl Layout {
    /// A layout without tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a tensor and gives the handle to its views.
    ///
    /// # Errors
    /// [`Error::DuplicateParameter`] if the name is taken, [`Error::InvalidArgument`] if the whole would not fit
    /// in memory.
    pub fn add<Sh: IntoDimension>(&mut self, name: &str, shape: Sh) -> Result<Handle<Sh::Dim>, Error> {
        if self.tensors.iter().any(|tensor| tensor.name == name) {
            return Err(Error::DuplicateParameter { name: name.into() });
        }
        let shape = shape.into_dimension();
        let sizes = shape.slice().to_vec();
        let len = sizes
            .iter()
            .try_fold(1_usize, |product, &size| product.checked_mul(size));
        let end = len
            .and_then(|len| len.checked_add(self.len))
            .filter(|&end| end <= isize::MAX as usize / 8);
        let Some(end) = end else {
            return Err(Error::invalid(
                format!("shape of {name:?}"),
                format!("{sizes:?}"),
                "small enough for memory",
            ));
        };
        let handle = Handle {
            offset: self.len,
            shape,
        };
        Arc::make_mut(&mut self.tensors).push(TensorSpec {
            name: name.into(),
            offset: self.len,
            shape: sizes,
        });
        self.len = end;
        Ok(handle)
    }

    /// The number of weights in all tensors together.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no weight at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The tensors, in the order in which they stand in the buffer.
    pub fn tensors(&self) -> &[TensorSpec] {
        &self.tensors
    }

    fn find(&self, name: &str) -> Result<&TensorSpec, Error> {
        self.tensors
            .iter()
            .find(|tensor| tensor.name == name)
            .ok_or_else(|| self.unknown(name))
    }

    pub(crate) fn unknown(&self, given: &str) -> Error {
        let known = self.tensors.iter().map(|tensor| tensor.name.clone()).collect();
        Error::UnknownParameter {
            given: given.into(),
            known,
        }
    }

    /// What an error says of a layout: its tensors with their shapes.
    pub(crate) fn describe(&self) -> String {
        let tensors: Vec<_> = self
            .tensors
            .iter()
            .map(|t| format!("{} {:?}", t.name, t.shape))
            .collect();
        format!("the layout [{}]", tensors.join(", "))
    }
}

/// The values of all tensors of a [`Layout`], in one contiguous buffer.
#[derive(Debug, PartialEq)]
pub struct Params<F> {
    layout: Layout,
    values: Vec<F>,
}

impl<F: Clone> Clone for Params<F> {
    fn clone(&self) -> Self {
        Self {
            layout: self.layout.clone(),
            values: memory::copy(&self.values),
        }
    }

    fn clone_from(&mut self, source: &Self) {
        self.layout.clone_from(&source.layout);
        self.values.clone_from(&source.values);
    }
}

impl<F: Scalar> Params<F> {
    /// All zeros.
    pub fn zeros(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            values: memory::zeros(layout.len()),
        }
    }

    /// A layout whose values are kept elsewhere.
    pub(crate) fn without_values(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            values: Vec::new(),
        }
    }

    /// One tensor called `name` with the elements of `values`.
    pub fn from_vec(name: &str, values: Vec<F>) -> Self {
        let tensor = TensorSpec {
            name: name.into(),
            offset: 0,
            shape: vec![values.len()],
        };
        Self {
            layout: Layout {
                tensors: Arc::new(vec![tensor]),
                len: values.len(),
            },
            values,
        }
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// All values, tensor after tensor.
    #[inline]
    pub fn as_slice(&self) -> &[F] {
        &self.values
    }

    /// All values, to be changed.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [F] {
        &mut self.values
    }

    /// The tensor of a handle.
    ///
    /// # Panics
    /// If the handle was made by another layout and reaches outside this one, as indexing does.
    #[inline]
    #[track_caller]
    pub fn view<D: Dimension>(&self, handle: &Handle<D>) -> ArrayView<'_, F, D> {
        let values = self.values.get(handle.range()).unwrap_or_default();
        ArrayView::from_shape(handle.shape.clone(), values).unwrap_or_else(|_| foreign_handle())
    }

    /// The tensor of a handle, to be changed.
    ///
    /// # Panics
    /// If the handle was made by another layout and reaches outside this one, as indexing does.
    #[inline]
    #[track_caller]
    pub fn view_mut<D: Dimension>(&mut self, handle: &Handle<D>) -> ArrayViewMut<'_, F, D> {
        handle.over_mut(self.slice_mut(handle))
    }

    /// The values of the tensor of a handle; none for one of another layout that reaches outside.
    #[inline]
    pub(crate) fn slice_mut<D: Dimension>(&mut self, handle: &Handle<D>) -> &mut [F] {
        self.values.get_mut(handle.range()).unwrap_or_default()
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`] if there is none.
    pub fn get(&self, name: &str) -> Result<ArrayViewD<'_, F>, Error> {
        let tensor = self.layout.find(name)?;
        ArrayViewD::from_shape(IxDyn(&tensor.shape), &self.values[tensor.range()])
            .map_err(|_| self.layout.unknown(name))
    }

    /// The tensor called `name`, to be changed.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`] if there is none.
    pub fn get_mut(&mut self, name: &str) -> Result<ArrayViewMutD<'_, F>, Error> {
        let unknown = self.layout.unknown(name);
        let tensor = self.layout.find(name)?;
        ArrayViewMutD::from_shape(IxDyn(&tensor.shape), &mut self.values[tensor.range()]).map_err(|_| unknown)
    }

    /// Copies `values` into the tensor called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`] if there is none, [`Error::ShapeMismatch`] if it has another shape.
    pub fn set<D: Dimension>(&mut self, name: &str, values: ArrayView<'_, F, D>) -> Result<(), Error> {
        let mut tensor = self.get_mut(name)?;
        if tensor.shape() != values.shape() {
            return Err(Error::shape(name, values.shape(), tensor.shape()));
        }
        tensor.assign(&values.into_dyn());
        Ok(())
    }

    /// Every tensor with its name, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ArrayViewD<'_, F>)> {
        self.layout
            .tensors()
            .iter()
            .filter_map(|tensor| Some((tensor.name(), self.get(tensor.name()).ok()?)))
    }

    /// Calls a function with each tensor and its values, in order.
    pub(crate) fn for_each_tensor(&mut self, mut function: impl FnMut(&TensorSpec, &mut [F])) {
        let Self { layout, values } = self;
        for tensor in layout.tensors() {
            if let Some(values) = values.get_mut(tensor.range()) {
                function(tensor, values);
            }
        }
    }

    /// Whether every value is finite.
    pub fn is_finite(&self) -> bool {
        all_finite(&self.values)
    }

    /// The Euclidean norm of all values together.
    pub fn norm(&self) -> f64 {
        Norm::L2.of(&self.values)
    }
}

#[cold]
#[track_caller]
#[allow(
    clippy::panic,
    reason = "the contract of indexing: a handle belongs to the layout that made it"
)]
fn foreign_handle() -> ! {
    panic!("this handle was made by another layout")
}
