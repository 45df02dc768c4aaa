//! Fromage: steps relative to the weights.

use super::{Tensor, TensorBuffer, TensorRule};
use crate::{
    Scalar,
    optim::{
        Moment,
        settings::{described, settings},
    },
    tensor_optimizer,
    transform::Norm,
};

settings! {
    /// Fromage: Frobenius matched gradient descent.
    ///
    /// For each tensor `w ← (w − η ‖w‖ / ‖g‖ · g) / √(1 + η²)`, both norms at least `min_norm`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `min_norm` | 1e-6 | > 0 |
    /// | learning rate | 0.01 | ≥ 0 |
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Fromage};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Fromage::new()).learning_rate(0.05).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.fromage`. Source: J. Bernstein et al., arXiv 2002.03432 (2020).
    pub struct Fromage {
        /// Sets the least norm that weights and gradients count with. Default: 1e-6.
        min_norm = 1e-6, positive;
    }
}

tensor_optimizer!(Fromage);

impl<F: Scalar> TensorRule<F> for Fromage {
    described!("fromage", 0.01);

    fn buffers(&self, _: &[usize]) -> Vec<TensorBuffer> {
        Vec::new()
    }

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let rate = now.learning_rate;
        let size = tensor.gradient_norm().max(self.min_norm);
        let ratio = Norm::L2.of(tensor.weights).max(self.min_norm) / size;
        let (rate, kept) = (F::of(rate * ratio), F::of(1.0 / (1.0 + rate * rate).sqrt()));
        let (weights, gradients, _) = tensor.split();
        for (weight, gradient) in weights.iter_mut().zip(gradients) {
            *weight = (*weight - rate * gradient) * kept;
        }
    }
}
