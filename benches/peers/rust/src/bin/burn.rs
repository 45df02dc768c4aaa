//! burn: autograd, layers, losses and optimisers of its own, on its processor backend (flex), in single precision.

use std::{error::Error, time::Instant};

use burn::{
    module::{Module, Param},
    nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig},
    optim::{
        AdaGradConfig, AdamConfig, GradientsParams, ModuleOptimizer, RmsPropConfig, SgdConfig,
        momentum::MomentumConfig,
    },
    tensor::{Device, Int, Tensor, TensorData, activation::relu},
};
use downhill_peers::{Answer, Case, Files, batches, serve, vector};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Files::default();
    serve(move |case| match (case.work.as_str(), case.dtype.as_str()) {
        ("step", "f32") => step(case, &mut files),
        ("logistic", "f32") => logistic(case, &mut files),
        ("network", "f32") => network(case, &mut files),
        _ => Ok(None),
    })
}

/// Its rules, with PyTorch's constants.
fn rule(case: &Case) -> Option<ModuleOptimizer> {
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
    Some(match case.rule.as_str() {
        "sgd" => SgdConfig::new().init(),
        "momentum" => SgdConfig::new().with_momentum(Some(momentum)).init(),
        "adagrad" => AdaGradConfig::new().with_epsilon(1e-10).init(),
        "rmsprop" => RmsPropConfig::new().with_momentum(0.0).with_epsilon(1e-8).init(),
        "adam" => AdamConfig::new().with_epsilon(1e-8).init(),
        _ => return None,
    })
}

#[derive(Module, Debug)]
struct Vector {
    weights: Param<Tensor<1>>,
}

fn step(case: &Case, files: &mut Files) -> Answer {
    let Some(mut rule) = rule(case) else { return Ok(None) };
    let device = Device::flex();
    let weights = files.vector(&case.data, "weights.npy")?;
    let gradient = files.vector(&case.data, "gradient.npy")?;
    let tensor = |values: &[f32]| TensorData::new(values[..case.weights].to_vec(), [case.weights]);
    let mut module =
        Vector { weights: Param::from_data(tensor(weights.as_slice().ok_or("a gap")?), &device.clone().autodiff()) };
    let gradient = Tensor::<1>::from_data(tensor(gradient.as_slice().ok_or("a gap")?), &device);
    let mut run = |mut module: Vector, steps| {
        for _ in 0..steps {
            let mut gradients = GradientsParams::new();
            gradients.register(module.weights.id, gradient.clone());
            module = rule.step(case.rate, module, gradients);
        }
        module
    };
    module = run(module, 1);
    let start = Instant::now();
    module = run(module, case.steps);
    let seconds = start.elapsed().as_secs_f64();
    Ok(Some((seconds, doubles(module.weights.val())?)))
}

#[derive(Module, Debug)]
struct Logistic {
    weight: Param<Tensor<2>>,
}

fn logistic(case: &Case, files: &mut Files) -> Answer {
    let Some(mut rule) = rule(case) else { return Ok(None) };
    let device = Device::flex().autodiff();
    let inputs = files.matrix(&case.data, "logistic_inputs.npy")?;
    let labels = files.vector(&case.data, "logistic_labels.npy")?;
    let (rows, columns) = inputs.dim();
    let labels: Vec<i32> = labels.iter().map(|&y| y as i32).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [rows]), &device);
    let inputs = matrix(inputs.as_slice().ok_or("a gap")?, [rows, columns], &device);
    let mut module = Logistic { weight: Param::from_tensor(Tensor::zeros([columns, 1], &device)) };
    let loss = BinaryCrossEntropyLossConfig::new().with_logits(true).init(&device);
    let start = Instant::now();
    for _ in 0..case.epochs {
        for range in batches(rows, case.batch) {
            let x = inputs.clone().narrow(0, range.start, range.len());
            let y = labels.clone().narrow(0, range.start, range.len());
            let logits = x.matmul(module.weight.val()).reshape([range.len()]);
            let gradients = loss.forward(logits, y).backward();
            let gradients = GradientsParams::from_grads(gradients, &module);
            module = rule.step(case.rate, module, gradients);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Some((seconds, doubles(module.weight.val())?)))
}

#[derive(Module, Debug)]
struct Network {
    weight1: Param<Tensor<2>>,
    bias1: Param<Tensor<1>>,
    weight2: Param<Tensor<2>>,
    bias2: Param<Tensor<1>>,
}

fn network(case: &Case, files: &mut Files) -> Answer {
    let Some(mut rule) = rule(case) else { return Ok(None) };
    let device = Device::flex().autodiff();
    let inputs = files.matrix(&case.data, "network_inputs.npy")?;
    let labels: Vec<i32> = vector::<u8>(&case.data, "network_labels.npy")?.iter().map(|&y| y.into()).collect();
    let (rows, columns) = inputs.dim();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [rows]), &device);
    let inputs = matrix(inputs.as_slice().ok_or("a gap")?, [rows, columns], &device);
    let given = files.vector(&case.data, "network_start.npy")?;
    let mut rest = given.as_slice().ok_or("a gap")?;
    let mut take = |len: usize| {
        let (part, after) = rest.split_at(len);
        rest = after;
        part
    };
    let mut module = Network {
        weight1: Param::from_tensor(matrix(take(784 * 128), [784, 128], &device)),
        bias1: Param::from_tensor(matrix(take(128), [1, 128], &device).reshape([128])),
        weight2: Param::from_tensor(matrix(take(128 * 10), [128, 10], &device)),
        bias2: Param::from_tensor(matrix(take(10), [1, 10], &device).reshape([10])),
    };
    let loss = CrossEntropyLossConfig::new().init(&device);
    let start = Instant::now();
    for _ in 0..case.epochs {
        for range in batches(rows, case.batch) {
            let x = inputs.clone().narrow(0, range.start, range.len());
            let y = labels.clone().narrow(0, range.start, range.len());
            let hidden = relu(x.matmul(module.weight1.val()) + module.bias1.val().unsqueeze());
            let logits = hidden.matmul(module.weight2.val()) + module.bias2.val().unsqueeze();
            let gradients = loss.forward(logits, y).backward();
            let gradients = GradientsParams::from_grads(gradients, &module);
            module = rule.step(case.rate, module, gradients);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let params = [
        doubles(module.weight1.val())?,
        doubles(module.bias1.val())?,
        doubles(module.weight2.val())?,
        doubles(module.bias2.val())?,
    ];
    Ok(Some((seconds, params.concat())))
}

fn matrix(values: &[f32], shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

fn doubles<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f64>, Box<dyn Error>> {
    let values = tensor.inner().into_data_as::<f64>().try_to_vec::<f64>();
    values.map_err(|error| format!("{error:?}").into())
}
