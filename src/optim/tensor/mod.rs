//! Optimisers that look at a whole tensor at once: at its norm, its rows, or as a matrix.
//!
//! | optimiser | what it does |
//! |---|---|
//! | [`Lamb`], [`Lars`], [`Fromage`] | steps in proportion to the norm of the weights |
//! | [`NovoGrad`] | one second moment a tensor |
//! | [`Sm3`], [`Adafactor`] | second moments of rows and columns in place of one a weight |
//! | [`Muon`] | orthogonal steps of matrices |
//! | [`Prodigy`], [`DAdapt`] | find the learning rate themselves |
//!
//! Around any of them, by [`TensorRuleExt`]: lookahead and decoupled weight decay.

mod adafactor;
mod around;
mod dadapt;
mod estimated;
mod fromage;
mod lamb;
mod lars;
mod muon;
mod muon_scale;
mod novograd;
mod prodigy;
mod sm3;

pub use adafactor::Adafactor;
pub use around::{TensorDecay, TensorLookahead, TensorRuleExt};
pub use dadapt::DAdapt;
pub use fromage::Fromage;
pub use lamb::Lamb;
pub use lars::Lars;
pub use muon::Muon;
pub use muon_scale::MuonScale;
pub use novograd::NovoGrad;
pub use prodigy::Prodigy;
pub use sm3::Sm3;

use std::{fmt::Debug, ops::Range};

use pulp::Arch;

use super::{Hyperparameter, Memory, Moment, Pair, Rates, Rule, Slots, State, stepper};
use crate::{Error, Scalar, group::Factors, transform::Norm};

/// The memory that a [`TensorRule`] keeps for one tensor, of any length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorBuffer {
    /// A name, unique in the rule.
    pub name: &'static str,
    /// The number of values.
    pub len: usize,
    /// The value before the first step.
    pub initial: f64,
}

impl TensorBuffer {
    /// A buffer of this length that starts at zero.
    pub fn zeros(name: &'static str, len: usize) -> Self {
        Self {
            name,
            len,
            initial: 0.0,
        }
    }
}

/// One tensor in a step of a [`TensorRule`].
#[derive(Debug)]
pub struct Tensor<'a, F> {
    /// The shape, row-major.
    pub shape: &'a [usize],
    /// The weights, to be moved.
    pub weights: &'a mut [F],
    /// The gradient, still without the factor of [`Rates::gradient_scale`]; see [`Tensor::gradients`].
    gradient: &'a [F],
    scale: F,
    /// By what the group multiplies the learning rate.
    pub rate_factor: f64,
    /// The buffers, in the order of [`TensorRule::buffers`].
    pub buffers: &'a mut [(&'static str, Vec<F>)],
}

impl<F: Scalar> Tensor<'_, F> {
    /// The gradient, weight by weight.
    #[inline(always)]
    pub fn gradients(&self) -> impl Iterator<Item = F> + Clone + use<'_, F> {
        let scale = self.scale;
        self.gradient.iter().map(move |&g| scale * g)
    }

    /// The Euclidean norm of the gradient.
    pub fn gradient_norm(&self) -> f64 {
        Norm::L2.of(self.gradient) * self.scale.to_f64_exact().abs()
    }

    /// The tensor for a rule inside another, which keeps the last buffer for itself.
    fn without_last(&mut self) -> Option<(Tensor<'_, F>, &mut [F])> {
        let ((_, last), buffers) = self.buffers.split_last_mut()?;
        let inner = Tensor {
            shape: self.shape,
            weights: self.weights,
            gradient: self.gradient,
            scale: self.scale,
            rate_factor: self.rate_factor,
            buffers,
        };
        Some((inner, last))
    }

    /// Moves the tensor by a rule for one weight, whose slots are the first of the buffers.
    #[inline(always)]
    pub fn follow<R: Rule<F>>(&mut self, rule: &R, now: Moment) {
        let coefficients = rule.coefficients(now);
        let (weights, gradients, buffers) = self.split();
        let mut slices = buffers.iter_mut().map(|(_, values)| values.as_mut_slice());
        let streams =
            R::Slots::streams(&mut slices).and_then(|streams| R::Slots::trim(streams, weights.len()));
        let Some(mut streams) = streams else { return };
        for (i, (weight, gradient)) in weights.iter_mut().zip(gradients).enumerate() {
            let mut slots = R::Slots::load(&streams, i);
            R::update(&coefficients, weight, gradient, &mut slots);
            slots.store(&mut streams, i);
        }
    }

    /// Rows and columns, if it is a matrix.
    pub fn matrix(&self) -> Option<(usize, usize)> {
        matrix(self.shape)
    }

    /// The parts that are changed, each by itself, with the gradient.
    #[inline(always)]
    #[allow(
        clippy::type_complexity,
        reason = "the fields of the struct, borrowed one by one"
    )]
    pub fn split(
        &mut self,
    ) -> (
        &mut [F],
        impl Iterator<Item = F> + Clone + use<'_, F>,
        &mut [(&'static str, Vec<F>)],
    ) {
        let scale = self.scale;
        (
            self.weights,
            self.gradient.iter().map(move |&g| scale * g),
            self.buffers,
        )
    }
}

fn matrix(shape: &[usize]) -> Option<(usize, usize)> {
    match *shape {
        [rows, columns] => Some((rows, columns)),
        _ => None,
    }
}

/// An optimiser that works on one tensor at a time. [`tensor_optimizer!`](crate::tensor_optimizer) makes it an
/// [`Optimizer`](super::Optimizer).
///
/// Descent along the normalised gradient of each tensor:
///
/// ```
/// use downhill::{Error, Function, Scalar, Trainer, optim::{Memory, Moment, Tensor, TensorBuffer, TensorRule}, tensor_optimizer};
///
/// #[derive(Debug)]
/// struct Normalized;
///
/// impl<F: Scalar> TensorRule<F> for Normalized {
///     fn name(&self) -> &'static str { "normalized" }
///     fn default_rate(&self) -> f64 { 0.01 }
///     fn buffers(&self, _: &[usize]) -> Vec<TensorBuffer> { vec![] }
///     fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
///         let rate = F::of(now.learning_rate / tensor.gradient_norm().max(1e-12));
///         let (weights, gradients, _) = tensor.split();
///         weights.iter_mut().zip(gradients).for_each(|(w, g)| *w -= rate * g);
///     }
/// }
/// tensor_optimizer!(Normalized);
///
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2e6 * w[0]; 1e6 * w[0] * w[0] });
/// let run = Trainer::new(Normalized).learning_rate(0.5).steps(4).minimize(square)?;
/// assert_eq!(run.params.as_slice(), [0.0]);
/// # Ok::<(), Error>(())
/// ```
pub trait TensorRule<F: Scalar>: Debug + Send + Sync {
    /// See [`Optimizer::name`](super::Optimizer::name).
    fn name(&self) -> &'static str;

    /// See [`Optimizer::kind`](super::Optimizer::kind).
    fn kind(&self) -> String {
        self.name().into()
    }

    /// See [`Optimizer::default_rate`](super::Optimizer::default_rate).
    fn default_rate(&self) -> f64;

    /// The memory for a tensor of this shape, scratch space included.
    fn buffers(&self, shape: &[usize]) -> Vec<TensorBuffer>;

    /// See [`Rule::reads`](super::Rule::reads).
    fn reads(&self, hyperparameter: Hyperparameter) -> bool {
        let _ = hyperparameter;
        false
    }

    /// See [`Optimizer::validate`](super::Optimizer::validate).
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the hyperparameter.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Whether [`TensorRule::survey`] is to be called: for rules that need sums over all weights together.
    fn surveys(&self) -> bool {
        false
    }

    /// A first look at each tensor before any is moved, with factors 1 whatever the groups; what it gives is summed over
    /// all of them that move.
    fn survey(&self, now: Moment, tensor: Tensor<'_, F>) -> [f64; 2] {
        let _ = (now, tensor);
        [0.0; 2]
    }

    /// What is remembered from now on, given the sums of the survey.
    fn remember(&self, now: Moment, sums: [f64; 2]) -> Memory {
        let _ = sums;
        now.memory
    }

    /// Moves one tensor.
    fn update(&self, now: Moment, tensor: Tensor<'_, F>);
}

/// Makes a [`TensorRule`](crate::optim::TensorRule) an [`Optimizer`](crate::Optimizer) for `f32` and for `f64`. (One
/// implementation for all would overlap, for the compiler, with that for every [`Rule`](crate::optim::Rule).)
#[macro_export]
macro_rules! tensor_optimizer {
    ($rule:ty) => {
        $crate::tensor_optimizer!($rule, f32);
        $crate::tensor_optimizer!($rule, f64);
    };
    ($rule:ty, $scalar:ty $(, $($generic:tt)*)?) => {
        impl $(<$($generic)*>)? $crate::Optimizer<$scalar> for $rule {
            fn name(&self) -> &'static str {
                $crate::optim::TensorRule::<$scalar>::name(self)
            }

            fn kind(&self) -> String {
                $crate::optim::TensorRule::<$scalar>::kind(self)
            }

            fn buffers(&self) -> Vec<$crate::optim::Buffer> {
                Vec::new()
            }

            fn tensor_buffers(&self, shape: &[usize]) -> Option<Vec<$crate::optim::TensorBuffer>> {
                Some($crate::optim::TensorRule::<$scalar>::buffers(self, shape))
            }

            fn default_rate(&self) -> f64 {
                $crate::optim::TensorRule::<$scalar>::default_rate(self)
            }

            fn reads(&self, hyperparameter: $crate::optim::Hyperparameter) -> bool {
                $crate::optim::TensorRule::<$scalar>::reads(self, hyperparameter)
            }

            fn validate(&self) -> Result<(), $crate::Error> {
                $crate::optim::TensorRule::<$scalar>::validate(self)
            }

            fn step(
                &self,
                state: &mut $crate::optim::State<$scalar>,
                weights: &mut [$scalar],
                gradient: &[$scalar],
                rates: $crate::optim::Rates,
            ) -> Result<(), $crate::Error> {
                $crate::optim::step_tensors(self, state, weights, gradient, rates)
            }

            fn step_pairs(
                &self,
                state: &mut $crate::optim::State<$scalar>,
                pairs: &mut [$crate::optim::Pair<'_, $scalar>],
                rates: $crate::optim::Rates,
            ) -> Result<(), $crate::Error> {
                $crate::optim::step_tensor_pairs(self, state, pairs, rates)
            }
        }
    };
}

/// One step of a rule over all tensors of a state.
///
/// # Errors
/// As [`Optimizer::step`](super::Optimizer::step).
#[doc(hidden)]
pub fn step_tensors<F: Scalar, R: TensorRule<F>>(
    rule: &R,
    state: &mut State<F>,
    weights: &mut [F],
    gradient: &[F],
    rates: Rates,
) -> Result<(), Error> {
    state.check(rule.name(), weights.len(), gradient.len(), &rates)?;
    rates.check_read(rule.name(), |it| rule.reads(it))?;
    walk(rule, state, Places::One(weights, gradient), rates);
    Ok(())
}

/// [`step_tensors`] over arrays that lie each in a place of its own.
///
/// # Errors
/// As [`Optimizer::step_pairs`](super::Optimizer::step_pairs).
#[doc(hidden)]
pub fn step_tensor_pairs<F: Scalar, R: TensorRule<F>>(
    rule: &R,
    state: &mut State<F>,
    pairs: &mut [Pair<'_, F>],
    rates: Rates,
) -> Result<(), Error> {
    stepper::check(state, pairs)?;
    let len = state.layout().len();
    state.check(rule.name(), len, len, &rates)?;
    rates.check_read(rule.name(), |it| rule.reads(it))?;
    walk(rule, state, Places::Many(pairs), rates);
    Ok(())
}

/// Where the tensors lie: end to end, or each by itself.
enum Places<'a, 'p, F> {
    One(&'a mut [F], &'a [F]),
    Many(&'a mut [Pair<'p, F>]),
}

impl<F> Places<'_, '_, F> {
    /// The weights and the gradient of a tensor, by its number and its place in the state.
    fn tensor(&mut self, number: usize, range: Range<usize>) -> Option<(&mut [F], &[F])> {
        match self {
            Places::One(weights, gradient) => Some((weights.get_mut(range.clone())?, gradient.get(range)?)),
            Places::Many(pairs) => pairs
                .get_mut(number)
                .map(|pair| (&mut *pair.weights, pair.gradient)),
        }
    }
}

fn walk<F: Scalar, R: TensorRule<F>>(
    rule: &R,
    state: &mut State<F>,
    mut places: Places<'_, '_, F>,
    rates: Rates,
) {
    state.step += 1;
    let step = state.step;
    let layout = state.layout().clone();
    let mut for_each = |memory: Memory, run: &mut dyn FnMut(Moment, Tensor<'_, F>)| {
        let tensors = layout.tensors().iter().zip(&mut state.tensors).enumerate();
        for (number, (spec, (factors, buffers))) in tensors {
            let Some(factors) = *factors else { continue };
            let Some((weights, gradient)) = places.tensor(number, spec.range()) else {
                continue;
            };
            let tensor = Tensor {
                shape: spec.shape(),
                weights,
                gradient,
                scale: F::of(rates.gradient_scale),
                rate_factor: factors.rate,
                buffers,
            };
            let now = Moment::new(step, &rates, factors, memory);
            Arch::new().dispatch(|| run(now, tensor));
        }
    };
    let mut sums = [0.0; 2];
    let now = Moment::new(step, &rates, Factors::default(), state.memory);
    if rule.surveys() {
        for_each(state.memory, &mut |_, tensor| {
            // Of weights that a group holds still nothing is learnt.
            if tensor.rate_factor == 0.0 {
                return;
            }
            let more = rule.survey(now, tensor);
            sums = [sums[0] + more[0], sums[1] + more[1]];
        });
    }
    state.memory = rule.remember(now, sums);
    let memory = state.memory;
    for_each(memory, &mut |now, tensor| rule.update(now, tensor));
}
