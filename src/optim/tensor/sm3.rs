//! SM3: second moments of rows and columns.

use super::{Tensor, TensorBuffer, TensorRule};
use crate::{
    Scalar,
    optim::{
        Moment, MovingAverage,
        settings::{described, settings},
    },
    tensor_optimizer,
};

settings! {
    /// SM3: Adagrad with one sum for each row and each column of a matrix.
    ///
    /// A matrix: `v = min(rowᵢ, columnⱼ) + g²`, then each row and column keeps the largest of its v; a tensor of more axes has
    /// such sums along every axis. A vector, or a single weight: `v ← v + g²`.
    /// `m ← β m + (1 − β) g / √(v + 1e-8)` (0 where v is 0), `w ← w − η m`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `momentum` β | 0.9 | [0, 1) |
    /// | learning rate | 0.1 | ≥ 0 |
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Sm3};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Sm3::new()).learning_rate(0.5).steps(300).minimize(square)?;
    /// assert!(run.params.norm() < 1e-3);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.sm3`. Source: R. Anil et al., *Memory-Efficient Adaptive Optimization*, arXiv 1901.11150 (2019).
    pub struct Sm3 {
        /// Sets β, how much of the average step is kept. Default: 0.9.
        momentum = 0.9, below_one, as momentum;
    }
}

tensor_optimizer!(Sm3);

impl<F: Scalar> TensorRule<F> for Sm3 {
    described!("sm3", 0.1);

    /// The sums along all axes, one after the other, and those that they will be. A vector has a sum for each weight.
    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        let len = shape.iter().product();
        let sums = if shape.len() < 2 { len } else { shape.iter().sum() };
        let next = if shape.len() < 2 { 0 } else { sums };
        vec![
            TensorBuffer::zeros("first_moment", len),
            TensorBuffer::zeros("sums", sums),
            TensorBuffer::zeros("next_sums", next),
        ]
    }

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let mean = MovingAverage::new(self.in_force(&now).momentum);
        let [rate, epsilon] = [now.learning_rate, 1e-8].map(F::of);
        let shape = tensor.shape;
        let (weights, mut gradients, buffers) = tensor.split();
        let [(_, first), (_, sums), (_, next)] = buffers else {
            return;
        };
        let step = |weight: &mut F, first: &mut F, gradient: F, sum: F| {
            let direction = if sum > F::zero() {
                gradient / (sum + epsilon).sqrt()
            } else {
                F::zero()
            };
            mean.add(first, direction);
            *weight -= rate * *first;
        };
        let ([outer @ .., width], true) = (shape, shape.len() > 1) else {
            for (((weight, first), gradient), sum) in weights.iter_mut().zip(first).zip(gradients).zip(sums) {
                *sum += gradient * gradient;
                step(weight, first, gradient, *sum);
            }
            return;
        };
        next.fill(F::zero());
        let others = outer.iter().sum();
        let (Some((rows, columns)), Some((next_rows, next_columns))) =
            (sums.split_at_checked(others), next.split_at_mut_checked(others))
        else {
            return;
        };
        let width = (*width).max(1);
        for (row, (weights, first)) in weights.chunks_mut(width).zip(first.chunks_mut(width)).enumerate() {
            let bound = places(outer, row).fold(F::infinity(), |least, place| least.min(rows[place]));
            let mut largest = F::zero();
            let sums = columns.iter().zip(next_columns.iter_mut());
            for (((weight, first), gradient), (&column, next)) in
                weights.iter_mut().zip(first).zip(&mut gradients).zip(sums)
            {
                let sum = bound.min(column) + gradient * gradient;
                largest = largest.max(sum);
                *next = next.max(sum);
                step(weight, first, gradient, sum);
            }
            places(outer, row).for_each(|place| next_rows[place] = next_rows[place].max(largest));
        }
        sums.copy_from_slice(next);
    }
}

/// Where the sums of a row stand: one along each axis but the last.
fn places(outer: &[usize], row: usize) -> impl Iterator<Item = usize> {
    let (mut begin, mut rest) = (outer.iter().sum::<usize>(), row);
    outer.iter().rev().map(move |&len| {
        begin -= len;
        let place = begin + rest % len;
        rest /= len;
        place
    })
}
