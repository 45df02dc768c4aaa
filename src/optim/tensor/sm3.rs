//! SM3: second moments of rows and columns.

use super::{Tensor, TensorBuffer, TensorRule, matrix};
use crate::{
    Error, Scalar,
    optim::{Moment, settings::settings},
    tensor_optimizer,
};

settings! {
    /// SM3: Adagrad with one sum for each row and each column of a matrix.
    ///
    /// A matrix: `v = min(rowᵢ, columnⱼ) + g²`, then each row and column keeps the largest of its v. Others: `v ← v + g²`.
    /// `m ← β m + (1 − β) g / √(v + 1e-8)` (0 where v is 0), `w ← w − η m`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `momentum` β | 0.9 | [0, 1) |
    /// | learning rate | 0.1 | ≥ 0 |
    ///
    /// Equal to `optax.sm3`. Source: R. Anil et al., *Memory-Efficient Adaptive Optimization*, arXiv 1901.11150 (2019).
    pub struct Sm3 {
        /// Sets β, how much of the average step is kept. Default: 0.9.
        momentum = 0.9, below_one;
    }
}

tensor_optimizer!(Sm3);

impl<F: Scalar> TensorRule<F> for Sm3 {
    fn name(&self) -> &'static str {
        "sm3"
    }

    fn default_rate(&self) -> f64 {
        0.1
    }

    fn validate(&self) -> Result<(), Error> {
        self.check()
    }

    /// For a matrix: the sums of the rows, those of the columns, and those that the columns will have.
    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        let len: usize = shape.iter().product();
        let (rows, columns) = matrix(shape).unwrap_or((0, len));
        vec![
            TensorBuffer::zeros("first_moment", len),
            TensorBuffer::zeros("rows", rows),
            TensorBuffer::zeros("columns", columns),
            TensorBuffer::zeros("next_columns", if rows > 0 { columns } else { 0 }),
        ]
    }

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let momentum = now.momentum.unwrap_or(self.momentum);
        let [rate, momentum, rest, epsilon] = [now.learning_rate, momentum, 1.0 - momentum, 1e-8].map(F::of);
        let (_, columns_count) = tensor.matrix().unwrap_or((1, tensor.weights.len()));
        let is_matrix = tensor.matrix().is_some();
        let (weights, mut gradients, buffers) = tensor.split();
        let [(_, first), (_, rows), (_, columns), (_, next)] = buffers else {
            return;
        };
        let step = |weight: &mut F, first: &mut F, gradient: F, sum: F| {
            let direction = if sum > F::zero() {
                gradient / (sum + epsilon).sqrt()
            } else {
                F::zero()
            };
            *first = momentum * *first + rest * direction;
            *weight -= rate * *first;
        };
        if !is_matrix {
            for (((weight, first), gradient), sum) in
                weights.iter_mut().zip(first).zip(gradients).zip(columns)
            {
                *sum += gradient * gradient;
                step(weight, first, gradient, *sum);
            }
            return;
        }
        next.fill(F::zero());
        let width = columns_count.max(1);
        for ((weights, first), row) in weights.chunks_mut(width).zip(first.chunks_mut(width)).zip(rows) {
            let mut largest = F::zero();
            let sums = columns.iter().zip(next.iter_mut());
            for (((weight, first), gradient), (&column, next)) in
                weights.iter_mut().zip(first).zip(&mut gradients).zip(sums)
            {
                let sum = row.min(column) + gradient * gradient;
                largest = largest.max(sum);
                *next = next.max(sum);
                step(weight, first, gradient, sum);
            }
            *row = largest;
        }
        columns.copy_from_slice(next);
    }
}
