//! Muon: orthogonal steps of matrices.

use super::{MuonScale, Tensor, TensorBuffer, TensorRule, matrix};
use crate::{
    Scalar,
    linalg::orthogonalize,
    optim::{
        Adam, Moment, MovingAverage, Rule, RuleExt,
        settings::{described, settings},
    },
    tensor_optimizer,
    transform::Norm,
};

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
    /// ```
    /// use downhill::{ndarray::array, optim::Muon, prelude::*};
    /// let inputs = array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]];
    /// let targets = inputs.dot(&array![[1.0, -2.0], [0.5, 3.0]]);
    /// let (model, data) = (Linear::new(2, 2)?, Dataset::new(&inputs, &targets)?);
    /// let trainer = Trainer::new(Muon::new().weight_decay(0.0)).group(Group::new("bias").rate(0.1));
    /// let run = trainer.learning_rate(0.05).epochs(300).fit(&model, &MeanSquaredError, &data)?;
    /// assert!(run.best.value < 0.01);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Source: K. Jordan et al., *Muon: An optimizer for hidden layers in neural networks* (2024).
    pub struct Muon {
        /// Sets β, how much of the average is kept at each step. Default: 0.95.
        momentum = 0.95, below_one, as momentum;
        /// Sets λ, the decoupled weight decay. Default: 0.1.
        weight_decay = 0.1, non_negative, as weight_decay;
        /// Sets the least norm that is divided by. Default: 1e-7.
        epsilon = 1e-7, positive;
    }
    also {
        /// Whether the step looks ahead along the average. Default: it does.
        nesterov: bool = true;
        /// Sets how many iterations make a step orthogonal. Default: 5.
        iterations: u32 = 5, at_least_one;
        /// Sets a, b and c of the iteration. Default: 3.4445, −4.775, 2.0315.
        coefficients: [f64; 3] = [3.4445, -4.775, 2.0315], all_finite;
        /// Sets how long a step is made. Default: [`MuonScale::Original`].
        scale: MuonScale = MuonScale::Original;
    }
}

tensor_optimizer!(Muon);

impl<F: Scalar> TensorRule<F> for Muon {
    described!("muon", 1e-3);

    /// A matrix: the average, and room for X, for a product with X, for G and for b G + c G².
    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        let Some((rows, columns)) = matrix(shape) else {
            let moments = Rule::<F>::buffers(&Adam::new()).into_iter();
            let len = shape.iter().product();
            return moments
                .map(|moment| TensorBuffer::zeros(moment.name, len))
                .collect();
        };
        let (len, side) = (rows * columns, rows.min(columns).pow(2));
        let sizes = [
            ("first_moment", len),
            ("step", len),
            ("product", len),
            ("gram", side),
            ("polynomial", side),
        ];
        sizes.map(|(name, len)| TensorBuffer::zeros(name, len)).to_vec()
    }

    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let Some((rows, columns)) = tensor.matrix() else {
            // A schedule's momentum is meant for the matrices.
            let rule = Adam::new().decoupled_weight_decay(self.weight_decay);
            return tensor.follow(&rule, now.without_momentum());
        };
        let rule = self.in_force(&now);
        let (weights, gradients, buffers) = tensor.split();
        let [(_, average), (_, step), (_, product), (_, gram), (_, polynomial)] = buffers else {
            return;
        };
        let mean = MovingAverage::new(rule.momentum);
        for ((average, step), gradient) in average.iter_mut().zip(step.iter_mut()).zip(gradients) {
            mean.add(average, gradient);
            *step = if self.nesterov {
                mean.fresh * gradient + mean.kept * *average
            } else {
                *average
            };
        }
        let inverse = F::of(1.0 / Norm::L2.of(step).max(self.epsilon));
        step.iter_mut().for_each(|x| *x *= inverse);
        for _ in 0..self.iterations {
            let room = [&mut product[..], gram, polynomial];
            orthogonalize((rows, columns), step, room, self.coefficients.map(F::of));
        }
        let length = self.scale.factor(rows as f64, columns as f64);
        let [kept, rate] = [
            1.0 - now.learning_rate * rule.weight_decay,
            now.learning_rate * length,
        ]
        .map(F::of);
        for (weight, &mut x) in weights.iter_mut().zip(step) {
            *weight = *weight * kept - rate * x;
        }
    }
}
