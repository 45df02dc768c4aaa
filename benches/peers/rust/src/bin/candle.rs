//! candle: autograd and the optimisers of candle-nn, on the processor.

use std::{error::Error, time::Instant};

use candle_core::{DType, Device, Result, Tensor, Var, backprop::GradStore};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, SGD, loss, ops};
use downhill_peers::{Answer, Case, Files, batches, serve, vector};

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut files = Files::default();
    serve(move |case| match case.work.as_str() {
        "step" => step(case, &mut files),
        "logistic" => logistic(case, &mut files),
        "network" => network(case, &mut files),
        _ => Ok(None),
    })
}

/// The two rules that candle has.
enum Rule {
    Sgd(SGD),
    Adam(AdamW),
}

impl Rule {
    fn new(case: &Case, vars: Vec<Var>) -> Result<Option<Self>> {
        let adam = ParamsAdamW { lr: case.rate, weight_decay: 0.0, ..Default::default() };
        Ok(match case.rule.as_str() {
            "sgd" => Some(Self::Sgd(SGD::new(vars, case.rate)?)),
            "adam" => Some(Self::Adam(AdamW::new(vars, adam)?)),
            _ => None,
        })
    }

    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        match self {
            Self::Sgd(sgd) => sgd.step(gradients),
            Self::Adam(adam) => adam.step(gradients),
        }
    }
}

fn step(case: &Case, files: &mut Files) -> Answer {
    let weights = files.vector(&case.data, "weights.npy")?;
    let gradient = files.vector(&case.data, "gradient.npy")?;
    let tensor = |values: &[f32]| Tensor::new(&values[..case.weights], &Device::Cpu);
    let weights = Var::from_tensor(&tensor(weights.as_slice().ok_or("a gap")?)?)?;
    let gradient = tensor(gradient.as_slice().ok_or("a gap")?)?;
    let Some(mut rule) = Rule::new(case, vec![weights.clone()])? else { return Ok(None) };
    // The gradient of Σ wᵢ gᵢ is g.
    let gradients = (weights.as_tensor() * gradient)?.sum_all()?.backward()?;
    rule.step(&gradients)?;
    let start = Instant::now();
    for _ in 0..case.steps {
        rule.step(&gradients)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Some((seconds, doubles(&weights)?)))
}

fn logistic(case: &Case, files: &mut Files) -> Answer {
    let inputs = files.matrix(&case.data, "logistic_inputs.npy")?;
    let labels = files.vector(&case.data, "logistic_labels.npy")?;
    let dtype = if case.dtype == "f64" { DType::F64 } else { DType::F32 };
    let (rows, columns) = inputs.dim();
    let inputs = Tensor::from_slice(inputs.as_slice().ok_or("a gap")?, (rows, columns), &Device::Cpu)?
        .to_dtype(dtype)?;
    let labels = Tensor::from_slice(labels.as_slice().ok_or("a gap")?, (rows, 1), &Device::Cpu)?.to_dtype(dtype)?;
    let weights = Var::zeros((columns, 1), dtype, &Device::Cpu)?;
    let Some(mut rule) = Rule::new(case, vec![weights.clone()])? else { return Ok(None) };
    let start = Instant::now();
    for _ in 0..case.epochs {
        for range in batches(rows, case.batch) {
            let x = inputs.narrow(0, range.start, range.len())?;
            let y = labels.narrow(0, range.start, range.len())?;
            let loss = cross_entropy(&x.matmul(&weights)?, &y)?;
            rule.step(&loss.backward()?)?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Some((seconds, doubles(&weights)?)))
}

/// `mean(max(z, 0) − y z + log(1 + exp(−|z|)))`. candle-nn's own takes the logarithm of a sigmoid, which is infinite for a
/// confident mistake in single precision.
fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let tail = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    ((logits.relu()? - (labels * logits)?)? + tail)?.mean_all()
}

fn network(case: &Case, files: &mut Files) -> Answer {
    let inputs = files.matrix(&case.data, "network_inputs.npy")?;
    let labels: Vec<u32> = vector::<u8>(&case.data, "network_labels.npy")?.iter().map(|&y| y.into()).collect();
    let given = files.vector(&case.data, "network_start.npy")?;
    let (rows, columns) = inputs.dim();
    let inputs = Tensor::from_slice(inputs.as_slice().ok_or("a gap")?, (rows, columns), &Device::Cpu)?;
    let labels = Tensor::new(labels, &Device::Cpu)?;
    let mut rest = given.as_slice().ok_or("a gap")?;
    let mut take = |shape: &[usize]| {
        let (part, after) = rest.split_at(shape.iter().product());
        rest = after;
        Var::from_tensor(&Tensor::from_slice(part, shape, &Device::Cpu)?)
    };
    let vars = vec![take(&[784, 128])?, take(&[128])?, take(&[128, 10])?, take(&[10])?];
    let Some(mut rule) = Rule::new(case, vars.clone())? else { return Ok(None) };
    let start = Instant::now();
    for _ in 0..case.epochs {
        for range in batches(rows, case.batch) {
            let x = inputs.narrow(0, range.start, range.len())?;
            let y = labels.narrow(0, range.start, range.len())?;
            let hidden = x.matmul(&vars[0])?.broadcast_add(&vars[1])?.relu()?;
            let logits = hidden.matmul(&vars[2])?.broadcast_add(&vars[3])?;
            let loss = loss::nll(&ops::log_softmax(&logits, 1)?, &y)?;
            rule.step(&loss.backward()?)?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let params = vars.iter().map(doubles).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Some((seconds, params.concat())))
}

fn doubles(tensor: &Var) -> std::result::Result<Vec<f64>, Box<dyn Error>> {
    Ok(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}
