//! Adafactor: Adam's second moment from its rows and columns.

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
    /// Adafactor: adaptive rates with hardly any memory.
    ///
    /// With `s = t^γ`, `ρ = min(η, 1/√t)`, `α = max(ε₂, rms(w)) ρ`, `w ← w (1 − η λ)`. A matrix keeps the mean squares of its
    /// rows R and columns C, `x ← (1 − s) x + s · mean(g²)`, and `v = R Cᵀ / max(ε₁, mean R)`; a tensor of more axes is so many
    /// matrices; a vector `v ← (1 − s) v + s g²`. `u = g / √max(v, ε₁²)`, `w ← w − α u / max(1, rms(u)/d)`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `decay_power` γ | −0.8 | ≤ 0 |
    /// | `epsilon1` ε₁ | the machine's for the scalar | > 0 |
    /// | `epsilon2` ε₂ | 1e-3 | ≥ 0 |
    /// | `clip` d | 1 | > 0 |
    /// | `weight_decay` λ | 0 | ≥ 0 |
    /// | learning rate | 0.01 | ≥ 0 |
    ///
    /// Equal to `torch.optim.Adafactor`.
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::Adafactor};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(Adafactor::new()).learning_rate(0.1).steps(500).minimize(square)?;
    /// assert!(run.params.norm() < 1e-2);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: N. Shazeer and M. Stern, arXiv 1804.04235 (2018).
    pub struct Adafactor {
        /// Sets γ, the power of t by which new squares count less and less. Default: −0.8.
        decay_power = -0.8, at_most_zero;
        /// Sets ε₂, the least size that weights count with. Default: 1e-3.
        epsilon2 = 1e-3, non_negative;
        /// Sets d, the largest root mean square of a step before it is scaled. Default: 1.
        clip = 1.0, positive;
        /// Sets λ, the weight decay. Default: 0.
        weight_decay = 0.0, non_negative, as weight_decay;
    }
    with epsilon1: Option<f64> = None, positive;
}

tensor_optimizer!(Adafactor);

impl Adafactor {
    /// Sets ε₁, whose square is the least second moment. Default: the distance from 1 to the next number.
    pub fn epsilon1(mut self, epsilon: f64) -> Self {
        self.epsilon1 = Some(epsilon);
        self
    }
}

impl<F: Scalar> TensorRule<F> for Adafactor {
    described!("adafactor", 0.01);

    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        match shape {
            [matrices @ .., rows, columns] => {
                let count: usize = matrices.iter().product();
                vec![
                    TensorBuffer::zeros("row_mean_squares", count * rows),
                    TensorBuffer::zeros("column_mean_squares", count * columns),
                    TensorBuffer::zeros("column_sums", *columns),
                ]
            }
            _ => vec![TensorBuffer::zeros("second_moment", shape.iter().product())],
        }
    }

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let epsilon = self.epsilon1.unwrap_or(F::epsilon().to_f64_exact());
        let share = (now.step as f64).powf(self.decay_power);
        let (kept, share_of) = (F::of(1.0 - share), F::of(share));
        let count = (tensor.weights.len() as f64).max(1.0);
        let size = Norm::L2.of(tensor.weights) / count.sqrt();
        let rate = size.max(self.epsilon2) * now.learning_rate.min(1.0 / (now.step as f64).sqrt());
        let decayed = F::of(1.0 - now.learning_rate * self.in_force(&now).weight_decay);
        let floor = F::of(epsilon * epsilon).max(F::min_positive_value());
        let shape = tensor.shape;
        let (weights, gradients, buffers) = tensor.split();
        let mut moved = |steps: &mut dyn Iterator<Item = F>, again: &mut dyn Iterator<Item = F>| {
            let sum: f64 = steps.map(|u| u.to_f64_exact().powi(2)).sum();
            let rate = F::of(rate / ((sum / count).sqrt() / self.clip).max(1.0));
            weights
                .iter_mut()
                .zip(again)
                .for_each(|(weight, u)| *weight = *weight * decayed - rate * u);
        };
        match (shape, buffers) {
            (&[.., height, width], [(_, rows), (_, columns), (_, sums)]) => {
                let (height, width) = (height.max(1), width.max(1));
                let mut squares = gradients.clone().map(|g| g * g);
                for (rows, columns) in rows.chunks_mut(height).zip(columns.chunks_mut(width)) {
                    sums.fill(F::zero());
                    for row in rows {
                        let mut sum = F::zero();
                        for (column, square) in sums.iter_mut().zip(&mut squares) {
                            *column += square;
                            sum += square;
                        }
                        *row = kept * *row + share_of * (sum / F::of(width as f64));
                    }
                    for (column, &sum) in columns.iter_mut().zip(sums.iter()) {
                        *column = kept * *column + share_of * (sum / F::of(height as f64));
                    }
                }
                let matrices = rows.chunks(height).zip(columns.chunks(width));
                let moments = matrices.flat_map(|(rows, columns)| {
                    let mean = rows.iter().map(|row| row.to_f64_exact()).sum::<f64>() / height as f64;
                    let inverse = F::of(1.0 / mean.max(epsilon));
                    rows.iter()
                        .flat_map(move |&row| columns.iter().map(move |&column| row * inverse * column))
                });
                let steps = moments.zip(gradients).map(|(v, g)| g / v.max(floor).sqrt());
                moved(&mut steps.clone(), &mut steps.clone());
            }
            (_, [(_, second)]) => {
                for (second, gradient) in second.iter_mut().zip(gradients.clone()) {
                    *second = kept * *second + share_of * (gradient * gradient);
                }
                let steps = second.iter().zip(gradients).map(|(v, g)| g / v.max(floor).sqrt());
                moved(&mut steps.clone(), &mut steps.clone());
            }
            _ => {}
        }
    }
}
