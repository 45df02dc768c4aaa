//! The gradient: values in the layout of the parameters.

use std::ops::{Deref, DerefMut};

use crate::{Layout, Params, Scalar};

/// The derivative of a loss with respect to every parameter, in the parameters' layout.
///
/// It dereferences to [`Params`], so it is read and written by the same views.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient<F>(Params<F>);

impl<F: Scalar> Gradient<F> {
    /// All zeros.
    pub fn zeros(layout: &Layout) -> Self {
        Self(Params::zeros(layout))
    }

    /// Sets every element to zero.
    #[inline]
    pub fn clear(&mut self) {
        self.0.as_mut_slice().fill(F::zero());
    }
}

impl<F> Deref for Gradient<F> {
    type Target = Params<F>;

    #[inline]
    fn deref(&self) -> &Params<F> {
        &self.0
    }
}

impl<F> DerefMut for Gradient<F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Params<F> {
        &mut self.0
    }
}
