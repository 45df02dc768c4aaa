//! NovoGrad: one second moment for each tensor.

use super::{Tensor, TensorBuffer, TensorRule};
use crate::{
    Scalar,
    optim::{
        Moment, positive_epsilon,
        settings::{described, settings},
    },
    tensor_optimizer,
};

settings! {
    /// NovoGrad: gradients divided by a moving average of their norm, tensor by tensor.
    ///
    /// `v ← β₂ v + (1 − β₂) ‖g‖²` (at the first step `‖g‖²`), `m ← β₁ m + (g / (√(v + ε_root) + ε) + λ w)`,
    /// `w ← w − η m`.
    ///
    /// | setting | default | range |
    /// |---|---|---|
    /// | `beta1` β₁ | 0.9 | [0, 1) |
    /// | `beta2` β₂ | 0.25 | [0, 1) |
    /// | `epsilon` ε | 1e-6 | ≥ 0 |
    /// | `epsilon_root` | 0 | ≥ 0 |
    /// | `weight_decay` λ | 0 | ≥ 0 |
    /// | learning rate | 0.01 | ≥ 0 |
    ///
    /// ```
    /// use downhill::{Function, Trainer, optim::NovoGrad, schedule::{Ramp, Span}};
    /// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
    /// let run = Trainer::new(NovoGrad::new()).learning_rate(Ramp::linear(0.05, 0.0, Span::Steps(300))).steps(300).minimize(square)?;
    /// assert!(run.params.norm() < 0.01);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// Equal to `optax.novograd`. Source: B. Ginsburg et al., arXiv 1905.11286 (2019).
    pub struct NovoGrad {
        /// Sets β₁, how much of the first moment is kept at each step. Default: 0.9.
        beta1 = 0.9, below_one, as momentum;
        /// Sets β₂, how much of the squared norm is kept at each step. Default: 0.25.
        beta2 = 0.25, below_one, as beta2;
        /// Sets ε, added to the root. Default: 1e-6.
        epsilon = 1e-6, non_negative;
        /// Sets what is added inside the root. Default: 0.
        epsilon_root = 0.0, non_negative;
        /// Sets λ, the weight decay within the first moment. Default: 0.
        weight_decay = 0.0, non_negative, as weight_decay;
    }
}

tensor_optimizer!(NovoGrad);

impl<F: Scalar> TensorRule<F> for NovoGrad {
    described!("novograd", 0.01);

    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer> {
        let len = shape.iter().product();
        vec![
            TensorBuffer::zeros("first_moment", len),
            TensorBuffer::zeros("squared_norm", 1),
        ]
    }

    #[inline(always)]
    fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
        let square = tensor.gradient_norm().powi(2);
        let rule = self.in_force(&now);
        let [beta1, beta2] = [rule.beta1, rule.beta2];
        let [rate, beta1, decay] = [now.learning_rate, beta1, rule.weight_decay].map(F::of);
        let (weights, gradients, buffers) = tensor.split();
        let [(_, first), (_, squared_norm)] = buffers else {
            return;
        };
        let [squared_norm] = &mut squared_norm[..] else {
            return;
        };
        let averaged = beta2 * squared_norm.to_f64_exact() + (1.0 - beta2) * square;
        *squared_norm = F::of(if now.step == 1 { square } else { averaged });
        let root = (*squared_norm + F::of(self.epsilon_root)).sqrt();
        let inverse = F::one() / (root + positive_epsilon(self.epsilon));
        for ((weight, gradient), first) in weights.iter_mut().zip(gradients).zip(first) {
            *first = beta1 * *first + (gradient * inverse + decay * *weight);
            *weight -= rate * *first;
        }
    }
}
