//! The gradient: values in the layout of the parameters, all of them or those of the rows touched.

mod touched;

use std::{
    ops::{Deref, DerefMut, Range},
    sync::OnceLock,
};

use ndarray::{ArrayViewMut, Dimension};

use crate::{Handle, Layout, Params, Scalar, scalar::all_finite, transform::Norm};
pub(crate) use touched::Touched;

/// The derivative of a loss with respect to every parameter, in the parameters' layout.
///
/// It dereferences to [`Params`], so it is read and written by the same views.
///
/// # Sparse gradients
/// A model over sparse inputs changes only some rows of a tensor: 75 weights of a million. [`Gradient::sparse`] keeps
/// those rows alone, so that [`clear`](Gradient::clear), [`norm`](Gradient::norm), [`is_finite`](Gradient::is_finite) and
/// a step of the optimiser cost as much as there are values in them. A model adds to a row by
/// [`row_mut`](Gradient::row_mut), to a whole tensor by [`view_mut`](Gradient::view_mut); the same code fills a dense
/// gradient. To read a sparse gradient as [`Params`] is correct, and costs a copy of all weights; to change it as such
/// makes it dense for good.
///
/// ```
/// use downhill::{Gradient, Layout};
///
/// let mut layout = Layout::new();
/// let weight = layout.add("weight", (1_000_000, 2))?;
/// let mut gradient = Gradient::<f64>::sparse(&layout);
/// gradient.row_mut(&weight, 70)[1] += 3.0;
/// gradient.row_mut(&weight, 5)[0] += 4.0;
/// assert_eq!(gradient.touched(), 4);
/// assert_eq!(gradient.norm(), 5.0);
/// assert_eq!(gradient.view(&weight)[[70, 1]], 3.0);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gradient<F> {
    /// Without values as long as `sparse` has them.
    dense: Params<F>,
    sparse: Option<Sparse<F>>,
}

#[derive(Debug, Clone)]
struct Sparse<F> {
    /// One for each tensor that has a weight, in the order of the layout.
    tensors: Vec<Touched<F>>,
    /// Every value, once somebody has asked for them.
    all: OnceLock<Params<F>>,
}

/// Where a model adds to the rows of a tensor.
pub(crate) enum RowsMut<'a, F> {
    /// All values of the tensor.
    All(&'a mut [F]),
    /// Those of the rows touched.
    Touched(&'a mut Touched<F>),
}

impl<F: Scalar> Gradient<F> {
    /// All zeros.
    pub fn zeros(layout: &Layout) -> Self {
        Self {
            dense: Params::zeros(layout),
            sparse: None,
        }
    }

    /// All zeros, with room for the rows that are touched only.
    pub fn sparse(layout: &Layout) -> Self {
        Self {
            dense: Params::without_values(layout),
            sparse: Some(Sparse {
                tensors: layout
                    .tensors()
                    .iter()
                    .filter(|tensor| !tensor.range().is_empty())
                    .map(Touched::new)
                    .collect(),
                all: OnceLock::new(),
            }),
        }
    }

    /// The layout.
    #[inline]
    pub fn layout(&self) -> &Layout {
        self.dense.layout()
    }

    /// Whether only the rows touched are kept.
    #[inline]
    pub fn is_sparse(&self) -> bool {
        self.sparse.is_some()
    }

    /// How many values are kept: those of the rows touched since [`Gradient::clear`], or all.
    pub fn touched(&self) -> usize {
        self.parts().map(<[F]>::len).sum()
    }

    /// Sets every element to zero.
    #[inline]
    pub fn clear(&mut self) {
        match &mut self.sparse {
            None => self.dense.as_mut_slice().fill(F::zero()),
            Some(sparse) => {
                sparse.tensors.iter_mut().for_each(Touched::clear);
                sparse.all.take();
            }
        }
    }

    /// Sets a stretch of whole tensors to zero.
    pub(crate) fn clear_tensors(&mut self, range: Range<usize>) {
        match &mut self.sparse {
            None => self.dense.as_mut_slice()[range].fill(F::zero()),
            Some(sparse) => {
                sparse
                    .tensors
                    .iter_mut()
                    .filter(|touched| range.contains(&touched.range().start))
                    .for_each(Touched::clear);
                sparse.all.take();
            }
        }
    }

    /// The values of one row of a tensor (everything that shares its index in the first axis), to be added to.
    ///
    /// # Panics
    /// If there is no such row, or if the handle was made by another layout, as indexing does.
    #[inline]
    #[track_caller]
    pub fn row_mut<D: Dimension>(&mut self, handle: &Handle<D>, row: usize) -> &mut [F] {
        let width = handle.row_width();
        match self.rows_mut(handle) {
            RowsMut::All(values) => &mut values[row * width..(row + 1) * width],
            RowsMut::Touched(touched) => touched.row_mut(row),
        }
    }

    /// The values of one tensor, all of them touched, to be added to.
    ///
    /// # Panics
    /// If the handle was made by another layout and reaches outside this one, as indexing does.
    #[inline]
    #[track_caller]
    pub fn view_mut<D: Dimension>(&mut self, handle: &Handle<D>) -> ArrayViewMut<'_, F, D> {
        match self.sparse.as_mut().and_then(|sparse| sparse.tensor(handle)) {
            None => self.dense.view_mut(handle),
            Some(touched) => handle.over_mut(touched.whole_mut()),
        }
    }

    /// Where to add to the rows of a tensor.
    #[inline]
    #[track_caller]
    pub(crate) fn rows_mut<D: Dimension>(&mut self, handle: &Handle<D>) -> RowsMut<'_, F> {
        match self.sparse.as_mut().and_then(|sparse| sparse.tensor(handle)) {
            None => RowsMut::All(self.dense.slice_mut(handle)),
            Some(touched) if touched.is_whole() => RowsMut::All(touched.whole_mut()),
            Some(touched) => RowsMut::Touched(touched),
        }
    }

    /// What is touched of each tensor, where only that is kept.
    #[inline]
    pub(crate) fn tensors(&self) -> Option<&[Touched<F>]> {
        self.sparse.as_ref().map(|sparse| sparse.tensors.as_slice())
    }

    /// The values kept, in stretches.
    fn parts(&self) -> impl Iterator<Item = &[F]> {
        let (dense, sparse) = match &self.sparse {
            None => (Some(self.dense.as_slice()), None),
            Some(sparse) => (None, Some(sparse.tensors.iter().map(Touched::values))),
        };
        dense.into_iter().chain(sparse.into_iter().flatten())
    }

    /// Whether every value is finite.
    #[inline]
    pub fn is_finite(&self) -> bool {
        match &self.sparse {
            None => all_finite(self.dense.as_slice()),
            Some(sparse) => sparse.tensors.iter().all(|touched| all_finite(touched.values())),
        }
    }

    /// The Euclidean norm of all values together.
    pub fn norm(&self) -> f64 {
        self.measure(Norm::L2)
    }

    /// A norm of all values together.
    pub fn measure(&self, norm: Norm) -> f64 {
        // The norm of the norms of parts is the norm of the whole.
        self.parts()
            .map(|values| norm.of(values))
            .reduce(|a, b| norm.of(&[a, b]))
            .unwrap_or(0.0)
    }
}

impl<F: Scalar> Sparse<F> {
    /// What is touched of the tensor of a handle. What was read before is outdated from now on.
    #[inline]
    fn tensor<D>(&mut self, handle: &Handle<D>) -> Option<&mut Touched<F>> {
        self.all.take();
        self.tensors.iter_mut().find(|touched| touched.is_of(handle))
    }

    fn dense(&self, layout: &Layout) -> Params<F> {
        let mut all = Params::zeros(layout);
        self.tensors
            .iter()
            .for_each(|touched| touched.write(all.as_mut_slice()));
        all
    }
}

impl<F: Scalar> Deref for Gradient<F> {
    type Target = Params<F>;

    #[inline]
    fn deref(&self) -> &Params<F> {
        match &self.sparse {
            None => &self.dense,
            Some(sparse) => sparse.all.get_or_init(|| sparse.dense(self.dense.layout())),
        }
    }
}

impl<F: Scalar> DerefMut for Gradient<F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Params<F> {
        if let Some(sparse) = self.sparse.take() {
            self.dense = sparse.dense(self.dense.layout());
        }
        &mut self.dense
    }
}

impl<F: Scalar> PartialEq for Gradient<F> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
