//! Muon: orthogonal steps of matrices.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::{Tensor, TensorBuffer, TensorRule, matrix};
use crate::{
    Error, Scalar,
    error::check,
    linalg,
    optim::{Adam, AdamW, Moment, Off, Rule, RuleExt, settings::settings},
    tensor_optimizer,
    transform::Norm,
};

/// How long the orthogonal step of a matrix is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MuonScale {
    /// `√max(1, rows / columns)`, as its author does. PyTorch's default.
    #[default]
    Original,
    /// `0.2 √max(rows, columns)`, so that a rate that suits AdamW suits Muon.
    MatchAdamW,
    /// `√(rows / columns)`: steps of the same spectral norm, relative to what a layer passes on.
    Spectral,
}

impl MuonScale {
    fn factor(self, rows: f64, columns: f64) -> f64 {
        match self {
            MuonScale::Original => (rows / columns).max(1.0).sqrt(),
            MuonScale::MatchAdamW => 0.2 * rows.max(columns).sqrt(),
            MuonScale::Spectral => (rows / columns).sqrt(),
        }
    }
}

settings! {
    /// Muon: momentum, orthogonalised by Newton and Schulz, for matrices; AdamW for every other tensor.
    ///
    /// A matrix: `v ← β v + (1 − β) g`, `u = (1 − β) g + β v` (Nesterov) or `v`; X is u over its Frobenius norm, and five times
    /// `G = X Xᵀ`, `X ← a X + (b G + c G²) X`. `w ← w (1 − η λ) − η s X` with s by [`MuonScale`]. Others:
    /// [`AdamW`](crate::optim::AdamW) with β 0.9 and 0.999, at the same rate and decay; a [`Group`](crate::Group) gives them
    /// another.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `momentum` β | 0.95 | [0, 1) |
    /// | `nesterov` | on | |
    /// | `weight_decay` λ | 0.1 | ≥ 0 |
    /// | `iterations` | 5 | ≥ 1 |
    /// | `coefficients` a, b, c | 3.4445, −4.775, 2.0315 | finite |
    /// | `epsilon`: the least norm | 1e-7 | > 0 |
    /// | `scale` | [`MuonScale::Original`] | |
    /// | learning rate | 0.001 | ≥ 0 |
    ///
    /// Equal to `torch.optim.Muon`, which makes the iteration in bfloat16, to its rounding.
    ///
    /// Source: K. Jordan et al., *Muon: An optimizer for hidden layers in neural networks* (2024).
    pub struct Muon {
        /// Sets β, how much of the average is kept at each step. Default: 0.95.
        momentum = 0.95, below_one;
        /// Sets λ, the decoupled weight decay. Default: 0.1.
        weight_decay = 0.1, non_negative;
        /// Sets the least norm that is divided by. Default: 1e-7.
        epsilon = 1e-7, positive;
    }
    with nesterov: bool = true;
    with iterations: u32 = 5;
    with coefficients: [f64; 3] = [3.4445, -4.775, 2.0315];
    with scale: MuonScale = MuonScale::Original;
}

impl Muon {
    /// Whether the step looks ahead along the average. Default: it does.
    pub fn nesterov(mut self, on: bool) -> Self {
        self.nesterov = on;
        self
    }

    /// Sets how many iterations make a step orthogonal. Default: 5.
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets a, b and c of the iteration. Default: 3.4445, −4.775, 2.0315.
    pub fn coefficients(mut self, coefficients: [f64; 3]) -> Self {
        self.coefficients = coefficients;
        self
    }

    /// Sets how long a step is made. Default: [`MuonScale::Original`].
    pub fn scale(mut self, scale: MuonScale) -> Self {
        self.scale = scale;
        self
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
        check::require(self.iterations > 0, "iterations", 0, "at least 1")?;
        for coefficient in self.coefficients {
            check::require(coefficient.is_finite(), "a coefficient", coefficient, "finite")?;
        }
        self.check()
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
                for _ in 0..self.iterations {
                    self.iterate((rows, columns), step, product, gram, polynomial);
                }
                let kept = F::of(1.0 - now.learning_rate * now.decay(self.weight_decay));
                let rate = F::of(now.learning_rate * self.scale.factor(rows as f64, columns as f64));
                weights
                    .iter_mut()
                    .zip(step)
                    .for_each(|(weight, x)| *weight = *weight * kept - rate * *x);
            }
            (_, [(_, first), (_, second)]) => {
                // A schedule's momentum is meant for the matrices.
                let own = Moment {
                    momentum: None,
                    beta2: None,
                    ..now
                };
                let rule = Adam::new().decoupled_weight_decay(self.weight_decay);
                let coefficients = Rule::<F>::coefficients(&rule, own);
                for (((weight, first), second), gradient) in
                    weights.iter_mut().zip(first).zip(second).zip(gradients)
                {
                    let mut slots = ([*first, *second], []);
                    AdamW::<Off>::update(&coefficients, weight, gradient, &mut slots);
                    [*first, *second] = slots.0;
                }
            }
            _ => {}
        }
    }
}

impl Muon {
    /// X becomes more nearly orthogonal. A matrix of more rows than columns is seen as its transpose.
    fn iterate<F: Scalar>(
        &self,
        (rows, columns): (usize, usize),
        step: &mut [F],
        product: &mut [F],
        gram: &mut [F],
        polynomial: &mut [F],
    ) {
        let [a, b, c] = self.coefficients.map(F::of);
        let side = rows.min(columns);
        let (Ok(x), Ok(mut px), Ok(mut g), Ok(mut p)) = (
            ArrayView2::from_shape((rows, columns), &*step),
            ArrayViewMut2::from_shape((rows, columns), &mut *product),
            ArrayViewMut2::from_shape((side, side), gram),
            ArrayViewMut2::from_shape((side, side), polynomial),
        ) else {
            return;
        };
        let tall = rows > columns;
        let (left, right) = if tall { (x.t(), x) } else { (x, x.t()) };
        F::multiply(left, right, g.view_mut(), false);
        linalg::product(g.view(), g.view(), p.view_mut());
        p.zip_mut_with(&g, |p, &g| *p = b * g + c * *p);
        if tall {
            F::multiply(x, p.view(), px.view_mut(), false);
        } else {
            F::multiply(p.view(), x, px.view_mut(), false);
        }
        step.iter_mut()
            .zip(&*product)
            .for_each(|(x, &product)| *x = a * *x + product);
    }
}
