//! Anything with rows.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView, ArrayView1, ArrayView2, Axis, Dimension};

use super::sampler::AHEAD;
use crate::prefetch;

/// Samples along the first axis: `Array1`, `Array2`, or a pair of such.
///
/// The owned type is also the buffer into which a shuffled batch is gathered; a contiguous batch is a view and copies
/// nothing.
pub trait Samples: Clone + Default + Send + Sync + 'static {
    /// A borrowed range of rows.
    type View<'a>: Clone + Send + Sync;

    /// All rows.
    fn view(&self) -> Self::View<'_>;

    /// The same view for a shorter time: the identity, which the compiler cannot supply for an associated type.
    fn shorten<'short, 'long: 'short>(view: Self::View<'long>) -> Self::View<'short>;

    /// The number of rows.
    fn count(view: &Self::View<'_>) -> usize;

    /// The rows of `rows`, which must lie within [`Samples::count`].
    fn slice<'a>(view: &Self::View<'a>, rows: Range<usize>) -> Self::View<'a>;

    /// Replaces the contents by the rows of `from` with these indices, in this order. Reuses the memory.
    fn gather(&mut self, from: &Self::View<'_>, rows: &[usize]);

    /// Whether the values lie end to end, as products like them. Where they do not, a batch is gathered before a model sees it.
    /// Default: yes.
    fn is_end_to_end(view: &Self::View<'_>) -> bool {
        let _ = view;
        true
    }

    /// Asks for the memory of rows that are soon read; rows that there are not are passed over. Changes nothing but the time
    /// it takes to read them. Default: nothing.
    fn prefetch(view: &Self::View<'_>, rows: &[usize]) {
        let _ = (view, rows);
    }

    /// The first value that is not finite, with its position; `None` also for types that always are.
    fn non_finite(view: &Self::View<'_>) -> Option<(usize, f64)>;
}

/// Samples that are lent: a reference to owned ones, or a view, such as [`Dataset::inputs`](crate::Dataset::inputs) gives.
pub trait IntoView<'a> {
    /// The owned type.
    type Samples: Samples;

    /// A view of all rows.
    fn into_view(self) -> <Self::Samples as Samples>::View<'a>;
}

impl<'a, X: Samples> IntoView<'a> for &'a X {
    type Samples = X;

    fn into_view(self) -> X::View<'a> {
        self.view()
    }
}

impl<'a, T: Element> IntoView<'a> for ArrayView1<'a, T> {
    type Samples = Array1<T>;

    fn into_view(self) -> Self {
        self
    }
}

impl<'a, T: Element> IntoView<'a> for ArrayView2<'a, T> {
    type Samples = Array2<T>;

    fn into_view(self) -> Self {
        self
    }
}

impl<'a, A: IntoView<'a>, B: IntoView<'a>> IntoView<'a> for (A, B) {
    type Samples = (A::Samples, B::Samples);

    fn into_view(self) -> <Self::Samples as Samples>::View<'a> {
        (self.0.into_view(), self.1.into_view())
    }
}

/// What an array of samples may hold.
pub trait Element: Copy + Default + Send + Sync + 'static {
    /// This value if it is a NaN or an infinity.
    fn non_finite(self) -> Option<f64>;
}

macro_rules! element {
    ($($float:ty),*; $($integer:ty),*) => {
        $(impl Element for $float {
            #[inline]
            fn non_finite(self) -> Option<f64> {
                (!self.is_finite()).then_some(f64::from(self))
            }
        })*
        $(impl Element for $integer {
            #[inline]
            fn non_finite(self) -> Option<f64> {
                None
            }
        })*
    };
}

element!(f32, f64; u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, bool);

/// A range of rows. ndarray's slicing does the same in general, and takes as long as a step of a small model.
#[inline]
pub(crate) fn rows_of<T, D: Dimension>(view: ArrayView<'_, T, D>, rows: Range<usize>) -> ArrayView<'_, T, D> {
    if rows == (0..view.len_of(Axis(0))) {
        return view;
    }
    view.split_at(Axis(0), rows.end).0.split_at(Axis(0), rows.start).1
}

impl<T: Element> Samples for Array1<T> {
    type View<'a> = ArrayView1<'a, T>;

    #[inline]
    fn view(&self) -> ArrayView1<'_, T> {
        (**self).view()
    }

    #[inline]
    fn shorten<'short, 'long: 'short>(view: ArrayView1<'long, T>) -> ArrayView1<'short, T> {
        view
    }

    #[inline]
    fn count(view: &ArrayView1<'_, T>) -> usize {
        view.len()
    }

    #[inline]
    fn slice<'a>(view: &Self::View<'a>, rows: Range<usize>) -> Self::View<'a> {
        rows_of(*view, rows)
    }

    fn gather(&mut self, from: &ArrayView1<'_, T>, rows: &[usize]) {
        let mut values = std::mem::take(self).into_raw_vec_and_offset().0;
        values.clear();
        values.extend(rows.iter().map(|&row| from[row]));
        *self = Array1::from_vec(values);
    }

    #[inline]
    fn prefetch(view: &ArrayView1<'_, T>, rows: &[usize]) {
        for value in rows.iter().filter_map(|&row| view.get(row)) {
            prefetch::row(std::slice::from_ref(value));
        }
    }

    fn non_finite(view: &ArrayView1<'_, T>) -> Option<(usize, f64)> {
        view.iter()
            .enumerate()
            .find_map(|(i, x)| Some((i, x.non_finite()?)))
    }
}

impl<T: Element> Samples for Array2<T> {
    type View<'a> = ArrayView2<'a, T>;

    #[inline]
    fn view(&self) -> ArrayView2<'_, T> {
        (**self).view()
    }

    #[inline]
    fn shorten<'short, 'long: 'short>(view: ArrayView2<'long, T>) -> ArrayView2<'short, T> {
        view
    }

    #[inline]
    fn count(view: &ArrayView2<'_, T>) -> usize {
        view.nrows()
    }

    #[inline]
    fn slice<'a>(view: &Self::View<'a>, rows: Range<usize>) -> Self::View<'a> {
        rows_of(*view, rows)
    }

    fn gather(&mut self, from: &ArrayView2<'_, T>, rows: &[usize]) {
        let columns = from.ncols();
        let mut values = std::mem::take(self).into_raw_vec_and_offset().0;
        values.clear();
        for (i, &row) in rows.iter().enumerate() {
            Self::prefetch(from, rows.get(i + AHEAD..=i + AHEAD).unwrap_or_default());
            match from.index_axis(Axis(0), row).as_slice() {
                Some(row) => values.extend_from_slice(row),
                None => values.extend(from.row(row)),
            }
        }
        // The lengths agree by construction, so the default is never taken.
        *self = Array2::from_shape_vec((rows.len(), columns), values).unwrap_or_default();
    }

    #[inline]
    fn is_end_to_end(view: &ArrayView2<'_, T>) -> bool {
        view.is_standard_layout()
    }

    #[inline]
    fn prefetch(view: &ArrayView2<'_, T>, rows: &[usize]) {
        let Some(values) = view.as_slice() else { return };
        let columns = view.ncols();
        for &row in rows {
            let start = row.saturating_mul(columns);
            prefetch::row(
                values
                    .get(start..start.saturating_add(columns))
                    .unwrap_or_default(),
            );
        }
    }

    fn non_finite(view: &ArrayView2<'_, T>) -> Option<(usize, f64)> {
        view.iter()
            .enumerate()
            .find_map(|(i, x)| Some((i, x.non_finite()?)))
    }
}

impl<A: Samples, B: Samples> Samples for (A, B) {
    type View<'a> = (A::View<'a>, B::View<'a>);

    fn view(&self) -> Self::View<'_> {
        (self.0.view(), self.1.view())
    }

    fn shorten<'short, 'long: 'short>(view: Self::View<'long>) -> Self::View<'short> {
        (A::shorten(view.0), B::shorten(view.1))
    }

    fn count(view: &Self::View<'_>) -> usize {
        A::count(&view.0).min(B::count(&view.1))
    }

    fn slice<'a>(view: &Self::View<'a>, rows: Range<usize>) -> Self::View<'a> {
        (A::slice(&view.0, rows.clone()), B::slice(&view.1, rows))
    }

    fn gather(&mut self, from: &Self::View<'_>, rows: &[usize]) {
        self.0.gather(&from.0, rows);
        self.1.gather(&from.1, rows);
    }

    fn is_end_to_end(view: &Self::View<'_>) -> bool {
        A::is_end_to_end(&view.0) && B::is_end_to_end(&view.1)
    }

    fn prefetch(view: &Self::View<'_>, rows: &[usize]) {
        A::prefetch(&view.0, rows);
        B::prefetch(&view.1, rows);
    }

    fn non_finite(view: &Self::View<'_>) -> Option<(usize, f64)> {
        A::non_finite(&view.0).or_else(|| B::non_finite(&view.1))
    }
}
