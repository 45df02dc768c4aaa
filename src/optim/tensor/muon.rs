//! Muon: orthogonal steps of matrices.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::{Tensor, TensorBuffer, TensorRule, matrix};
use crate::{Error, Scalar, error::check, linalg, optim::Moment, tensor_optimizer, transform::Norm};

/// How long the orthogonal step of a matrix is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MuonScale {
    /// `√max(1, rows / columns)`, as its author does. PyTorch's default.
    #[default]
    Original,
    /// `0.2 √max(rows, columns)`, so that a rate that suits AdamW suits Muon.
    MatchAdamW,
}

/// Muon: momentum, orthogonalised by Newton and Schulz, for matrices; AdamW for every other tensor.
///
/// A matrix: `v ← β v + (1 − β) g`, `u = (1 − β) g + β v` (Nesterov) or `v`; X is u over its Frobenius norm, and five times
/// `G = X Xᵀ`, `X ← a X + (b G + c G²) X` with (a, b, c) = (3.4445, −4.775, 2.0315). `w ← w (1 − η λ) − η s X` with s by
/// [`MuonScale`]. Others: [`AdamW`](crate::optim::AdamW) with β 0.9 and 0.999, at the same rate and decay; a
/// [`Group`](crate::Group) gives them another.
///
/// | setting | default | range |
/// |---|---|---|
/// | `momentum` β | 0.95 | [0, 1) |
/// | `nesterov` | on | |
/// | `weight_decay` λ | 0.1 | ≥ 0 |
/// | `iterations` | 5 | ≥ 1 |
/// | `epsilon`: the least norm | 1e-7 | > 0 |
/// | `scale` | [`MuonScale::Original`] | |
/// | learning rate | 0.001 | ≥ 0 |
///
/// Equal to `torch.optim.Muon`, which makes the iteration in bfloat16, to its rounding.
///
/// Source: K. Jordan et al., *Muon: An optimizer for hidden layers in neural networks* (2024).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Muon {
    momentum: f64,
    nesterov: bool,
    decay: f64,
    iterations: u32,
    epsilon: f64,
    scale: MuonScale,
}

impl Muon {
    /// With the defaults of the table.
    pub fn new() -> Self {
        Self {
            momentum: 0.95,
            nesterov: true,
            decay: 0.1,
            iterations: 5,
            epsilon: 1e-7,
            scale: MuonScale::Original,
        }
    }

    /// Sets β, how much of the average is kept at each step. Default: 0.95.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether the step looks ahead along the average. Default: it does.
    pub fn nesterov(mut self, on: bool) -> Self {
        self.nesterov = on;
        self
    }

    /// Sets λ, the decoupled weight decay. Default: 0.1.
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.decay = decay;
        self
    }

    /// Sets how many iterations make a step orthogonal. Default: 5.
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets the least norm that is divided by. Default: 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Sets how long a step is made. Default: [`MuonScale::Original`].
    pub fn scale(mut self, scale: MuonScale) -> Self {
        self.scale = scale;
        self
    }
}

impl Default for Muon {
    fn default() -> Self {
        Self::new()
    }
}

tensor_optimizer!(Muon);

impl<F: Scalar> TensorRule<F> for Muon {
    fn name(&self) -> &'static str {
        "muon"
    }

    fn default_rate(&self) -> f64 {
        1e-3
    }

    fn validate(&self) -> Result<(), Error> {
        check::below_one("momentum", self.momentum)?;
        check::non_negative("weight_decay", self.decay)?;
        check::require(self.iterations > 0, "iterations", 0, "at least 1")?;
        check::positive("epsilon", self.epsilon)
    }

    /// A matrix: the average, and room for X, for a product with X, for G and for b G + c G².
    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        let len = shape.iter().product();
        match matrix(shape) {
            Some((rows, columns)) => {
                let side = rows.min(columns).pow(2);
                let sizes = [
                    ("first_moment", len),
                    ("step", len),
                    ("product", len),
                    ("gram", side),
                    ("polynomial", side),
                ];
                sizes.map(|(name, len)| TensorBuffer::zeros(name, len)).to_vec()
            }
            None => ["first_moment", "second_moment"]
                .map(|name| TensorBuffer::zeros(name, len))
                .to_vec(),
        }
    }

    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let matrix = tensor.matrix();
        let kept = F::of(1.0 - now.learning_rate * now.decay(self.decay));
        let (weights, gradients, buffers) = tensor.split();
        match (matrix, buffers) {
            (Some((rows, columns)), [(_, average), (_, step), (_, product), (_, gram), (_, polynomial)]) => {
                let momentum = now.momentum.unwrap_or(self.momentum);
                let [beta, rest] = [momentum, 1.0 - momentum].map(F::of);
                for ((average, step), gradient) in average.iter_mut().zip(step.iter_mut()).zip(gradients) {
                    *average = beta * *average + rest * gradient;
                    *step = if self.nesterov {
                        rest * gradient + beta * *average
                    } else {
                        *average
                    };
                }
                let inverse = F::of(1.0 / Norm::L2.of(step).max(self.epsilon));
                step.iter_mut().for_each(|x| *x *= inverse);
                self.orthogonalize((rows, columns), step, product, gram, polynomial);
                let (rows, columns) = (rows as f64, columns as f64);
                let scale = match self.scale {
                    MuonScale::Original => (rows / columns).max(1.0).sqrt(),
                    MuonScale::MatchAdamW => 0.2 * rows.max(columns).sqrt(),
                };
                let rate = F::of(now.learning_rate * scale);
                weights
                    .iter_mut()
                    .zip(step)
                    .for_each(|(weight, x)| *weight = *weight * kept - rate * *x);
            }
            (_, [(_, first), (_, second)]) => {
                let rate = F::of(now.learning_rate / now.correction(0.9));
                let correction = F::of(1.0 / now.correction(0.999).sqrt());
                let [beta1, rest1, beta2, rest2, epsilon] = [0.9, 0.1, 0.999, 0.001, 1e-8].map(F::of);
                for (((weight, first), second), gradient) in
                    weights.iter_mut().zip(first).zip(second).zip(gradients)
                {
                    *first = beta1 * *first + rest1 * gradient;
                    *second = beta2 * *second + rest2 * (gradient * gradient);
                    *weight = *weight * kept - rate * (*first / (second.sqrt() * correction + epsilon));
                }
            }
            _ => {}
        }
    }
}

impl Muon {
    /// X becomes nearly orthogonal. Where there are more rows than columns the same is done to the transpose: then
    /// `G = Xᵀ X` stands on the right.
    fn orthogonalize<F: Scalar>(
        &self,
        (rows, columns): (usize, usize),
        step: &mut [F],
        product: &mut [F],
        gram: &mut [F],
        polynomial: &mut [F],
    ) {
        let [a, b, c] = [3.4445, -4.775, 2.0315].map(F::of);
        let side = rows.min(columns);
        for _ in 0..self.iterations {
            {
                let (Ok(x), Ok(g)) = (
                    ArrayView2::from_shape((rows, columns), &*step),
                    ArrayViewMut2::from_shape((side, side), &mut *gram),
                ) else {
                    return;
                };
                if rows <= columns {
                    F::multiply(x, x.reversed_axes(), g, false);
                } else {
                    F::multiply(x.reversed_axes(), x, g, false);
                }
            }
            let (Ok(x), Ok(g), Ok(p), Ok(xp)) = (
                ArrayView2::from_shape((rows, columns), &*step),
                ArrayView2::from_shape((side, side), &*gram),
                ArrayViewMut2::from_shape((side, side), &mut *polynomial),
                ArrayViewMut2::from_shape((rows, columns), &mut *product),
            ) else {
                return;
            };
            linalg::product(g, g, p);
            polynomial
                .iter_mut()
                .zip(&*gram)
                .for_each(|(p, &g)| *p = b * g + c * *p);
            let Ok(p) = ArrayView2::from_shape((side, side), &*polynomial) else {
                return;
            };
            if rows <= columns {
                F::multiply(p, x, xp, false);
            } else {
                F::multiply(x, p, xp, false);
            }
            step.iter_mut()
                .zip(&*product)
                .for_each(|(x, &product)| *x = a * *x + product);
        }
    }
}
