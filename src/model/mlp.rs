//! The multi-layer perceptron.

use ndarray::{Array2, ArrayView2, Ix1, Ix2};
use rand::{Rng, RngExt};

use super::{Activation, Model, check_columns, linear::add_rows};
use crate::{
    Error, Gradient, Handle, Layout, Params, Scalar,
    error::check,
    linalg::{self, top, top_mut},
};

/// How the weights of an [`Mlp`] start: uniform on ±limit. Biases start at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initialization {
    /// limit `√(6 / inputs of the layer)`: K. He et al., arXiv 1502.01852 (2015). Default for ReLU and GELU.
    He,
    /// limit `√(6 / (inputs + outputs of the layer))`: X. Glorot and Y. Bengio (2010). Default for tanh and sigmoid.
    Xavier,
}

/// A multi-layer perceptron: `a₀ = x`, `aₖ = f(aₖ₋₁ Wₖ + bₖ)`, and the last layer without `f`.
///
/// Parameters: `"layer1/weight"` (inputs × outputs), `"layer1/bias"` (outputs), `"layer2/weight"` and so on.
///
/// ```
/// use downhill::model::{Activation, Mlp, Model};
/// let digits = Mlp::new(&[64, 32, 10])?.activation(Activation::Tanh);
/// assert_eq!(Model::<f32>::layout(&digits).len(), 64 * 32 + 32 + 32 * 10 + 10);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Mlp {
    layout: Layout,
    layers: Vec<Layer>,
    activation: Activation,
    initialization: Option<Initialization>,
}

#[derive(Debug, Clone)]
struct Layer {
    weight: Handle<Ix2>,
    bias: Handle<Ix1>,
    inputs: usize,
    outputs: usize,
}

impl Mlp {
    /// With layers of these sizes, from the inputs to the outputs; `&[64, 32, 10]` has one hidden layer.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] unless there are at least two sizes, all above 0.
    pub fn new(sizes: &[usize]) -> Result<Self, Error> {
        let legal = sizes.len() >= 2 && sizes.iter().all(|&size| size > 0);
        check::require(
            legal,
            "sizes",
            format!("{sizes:?}"),
            "at least two numbers, all above 0",
        )?;
        let mut layout = Layout::new();
        let mut layers = Vec::new();
        for (number, pair) in sizes.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let weight = layout.add(&format!("layer{}/weight", number + 1), (inputs, outputs))?;
            let bias = layout.add(&format!("layer{}/bias", number + 1), outputs)?;
            layers.push(Layer {
                weight,
                bias,
                inputs,
                outputs,
            });
        }
        Ok(Self {
            layout,
            layers,
            activation: Activation::default(),
            initialization: None,
        })
    }

    /// Sets the function between the layers. Default: [`Activation::Relu`].
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Sets how the weights start. Default: what suits the activation.
    pub fn initialization(mut self, initialization: Initialization) -> Self {
        self.initialization = Some(initialization);
        self
    }

    fn start(&self) -> Initialization {
        self.initialization.unwrap_or(match self.activation {
            Activation::Relu | Activation::Gelu => Initialization::He,
            Activation::Tanh | Activation::Sigmoid => Initialization::Xavier,
        })
    }
}

/// What an [`Mlp`] keeps between `predict` and `backward`.
#[derive(Debug, Clone)]
pub struct MlpScratch<F> {
    /// The outputs of each layer.
    outputs: Vec<Array2<F>>,
    /// The same before the activation, of hidden layers, where its derivative needs them.
    inputs: Vec<Array2<F>>,
    /// The gradient with respect to the outputs of each hidden layer.
    gradients: Vec<Array2<F>>,
}

impl<F: Scalar> Model<F> for Mlp {
    type Scratch = MlpScratch<F>;

    fn layout(&self) -> Layout {
        self.layout.clone()
    }

    fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs)
    }

    fn check(&self, inputs: &ArrayView2<'_, F>) -> Result<(), Error> {
        check_columns(inputs, self.layers.first().map_or(0, |layer| layer.inputs))
    }

    fn initialize(&self, params: &mut Params<F>, rng: &mut dyn Rng) {
        for layer in &self.layers {
            let fan = match self.start() {
                Initialization::He => layer.inputs,
                Initialization::Xavier => layer.inputs + layer.outputs,
            };
            let limit = (6.0 / fan as f64).sqrt();
            params
                .view_mut(&layer.weight)
                .mapv_inplace(|_| F::of(rng.random_range(-limit..=limit)));
        }
    }

    /// Half of what is usual: batches of 512 rows are work for two cores.
    fn shard_rows(&self) -> usize {
        256
    }

    fn scratch(&self, rows: usize) -> MlpScratch<F> {
        let room = |layers: &[Layer]| {
            layers
                .iter()
                .map(|layer| Array2::zeros((rows, layer.outputs)))
                .collect()
        };
        let hidden = &self.layers[..self.layers.len().saturating_sub(1)];
        MlpScratch {
            outputs: room(&self.layers),
            inputs: if self.activation.needs_input() {
                room(hidden)
            } else {
                Vec::new()
            },
            gradients: room(hidden),
        }
    }

    fn predict<'s>(
        &self,
        params: &Params<F>,
        inputs: &ArrayView2<'_, F>,
        scratch: &'s mut MlpScratch<F>,
    ) -> ArrayView2<'s, F> {
        let rows = inputs.nrows();
        let last = self.layers.len() - 1;
        for (k, layer) in self.layers.iter().enumerate() {
            let (before, from) = scratch.outputs.split_at_mut(k);
            let mut output = top_mut(&mut from[0], rows);
            let input = before
                .last()
                .map_or(inputs.view(), |previous| top(previous, rows));
            linalg::product(input, params.view(&layer.weight), output.view_mut());
            let bias = params.view(&layer.bias);
            if k == last {
                output += &bias;
            } else if let (Some(values), Some(bias)) = (output.as_slice_mut(), bias.to_slice()) {
                let mut kept = scratch.inputs.get_mut(k).map(|kept| top_mut(kept, rows));
                let kept = kept.as_mut().and_then(|kept| kept.as_slice_mut());
                self.activation.apply(values, bias, kept);
            }
        }
        top(&scratch.outputs[last], rows)
    }

    fn backward(
        &self,
        params: &Params<F>,
        inputs: &ArrayView2<'_, F>,
        output_gradient: ArrayView2<'_, F>,
        scratch: &mut MlpScratch<F>,
        gradient: &mut Gradient<F>,
    ) {
        let rows = inputs.nrows();
        let MlpScratch {
            outputs,
            inputs: before_activation,
            gradients,
        } = scratch;
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let (earlier, later) = gradients.split_at_mut(k);
            let delta = later.first().map_or(output_gradient, |delta| top(delta, rows));
            let input = match k {
                0 => inputs.view(),
                _ => top(&outputs[k - 1], rows),
            };
            linalg::add_transposed_product(input, delta, gradient.view_mut(&layer.weight));
            if k + 1 == self.layers.len() {
                add_rows(delta, &mut gradient.view_mut(&layer.bias));
            }
            if let Some(previous) = earlier.last_mut() {
                let mut previous = top_mut(previous, rows);
                linalg::product_transposed(delta, params.view(&layer.weight), previous.view_mut());
                let values = top(before_activation.get(k - 1).unwrap_or(&outputs[k - 1]), rows);
                let mut bias = gradient.view_mut(&self.layers[k - 1].bias);
                if let (Some(values), Some(slopes), Some(bias)) =
                    (values.as_slice(), previous.as_slice_mut(), bias.as_slice_mut())
                {
                    self.activation.chain(values, slopes, bias);
                }
            }
        }
    }
}
