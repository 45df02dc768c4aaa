//! This crate, by its public interface.

use std::{error::Error, time::Instant};

use downhill::{
    Params,
    data::{Csr, Order},
    ndarray::{Array1, Array2},
    optim::{Lazy, Optimizer, State},
    prelude::*,
    train::Control,
};
use downhill_peers::{Answer, Case, Files, serve, vector};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Files::default();
    let mut doubled: Option<(Array2<f64>, Array1<f64>)> = None;
    let mut rows: Option<(Csr<f32>, Array1<f32>)> = None;
    serve(move |case| match case.work.as_str() {
        "step" => step(case, &mut files),
        "logistic" => {
            let inputs = files.matrix(&case.data, "logistic_inputs.npy")?;
            let labels = files.vector(&case.data, "logistic_labels.npy")?;
            if case.dtype == "f32" {
                return logistic(case, &inputs, &labels);
            }
            let (inputs, labels) =
                doubled.get_or_insert_with(|| (inputs.mapv(f64::from), labels.mapv(f64::from)));
            logistic(case, inputs, labels)
        }
        "network" => network(case, &mut files),
        "sparse" => {
            if rows.is_none() {
                rows = Some(read_rows(case, &mut files)?);
            }
            rows.as_ref().map_or(Ok(None), |(inputs, labels)| sparse(case, inputs, labels))
        }
        "tiny" => tiny(case),
        _ => Ok(None),
    })
}

fn rule<F: Scalar>(case: &Case) -> Option<Box<dyn Optimizer<F>>>
where
    Momentum: Optimizer<F>,
    Adagrad: Optimizer<F>,
    RmsProp: Optimizer<F>,
    Adam: Optimizer<F>,
    MiniBatchSgd: Optimizer<F>,
{
    Some(match (case.rule.as_str(), case.batch) {
        ("sgd", 0) => Box::new(GradientDescent),
        ("sgd", rows) => Box::new(MiniBatchSgd::new(rows)),
        ("momentum", _) => Box::new(Momentum::new(0.9)),
        ("adagrad", _) => Box::new(Adagrad::new()),
        ("rmsprop", _) => Box::new(RmsProp::new()),
        ("adam", _) => Box::new(Adam::new()),
        _ => return None,
    })
}

fn step(case: &Case, files: &mut Files) -> Answer {
    let Some(rule) = rule::<f32>(case) else { return Ok(None) };
    let gradient = files.vector(&case.data, "gradient.npy")?;
    let weights = files.vector(&case.data, "weights.npy")?;
    let (gradient, weights) = (gradient.as_slice(), weights.as_slice());
    let (gradient, weights) = (gradient.ok_or("a gap")?, weights.ok_or("a gap")?);
    let mut layout = Layout::new();
    layout.add("weights", case.weights)?;
    let mut params = Params::zeros(&layout);
    params.as_mut_slice().copy_from_slice(&weights[..case.weights]);
    let mut given = Gradient::zeros(&layout);
    given.as_mut_slice().copy_from_slice(&gradient[..case.weights]);
    let mut state = State::new(&*rule, params.layout(), &[])?;
    let mut run = |steps| -> Result<(), downhill::Error> {
        for _ in 0..steps {
            rule.step(&mut state, params.as_mut_slice(), given.as_slice(), case.rate.into())?;
        }
        Ok(())
    };
    run(1)?;
    let start = Instant::now();
    run(case.steps)?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Some((seconds, doubles(&params))))
}

fn logistic<F: Scalar>(case: &Case, inputs: &Array2<F>, labels: &Array1<F>) -> Answer
where
    Box<dyn Optimizer<F>>: Optimizer<F>,
    Momentum: Optimizer<F>,
    Adagrad: Optimizer<F>,
    RmsProp: Optimizer<F>,
    Adam: Optimizer<F>,
    MiniBatchSgd: Optimizer<F>,
{
    let Some(rule) = rule::<F>(case) else { return Ok(None) };
    let data = Dataset::new(inputs, labels)?;
    let model = Linear::without_intercept(inputs.ncols(), 1)?;
    let start = Instant::now();
    let run = Trainer::new(rule)
        .batch(batch(case))
        .learning_rate(case.rate)
        .order(Order::Sequential)
        .epochs(case.epochs)
        .fit(&model, &BinaryCrossEntropy::new(), &data)?;
    Ok(Some((start.elapsed().as_secs_f64(), doubles(&run.params))))
}

fn network(case: &Case, files: &mut Files) -> Answer {
    let Some(rule) = rule::<f32>(case) else { return Ok(None) };
    let inputs = files.matrix(&case.data, "network_inputs.npy")?;
    let labels = vector::<u8>(&case.data, "network_labels.npy")?.mapv(usize::from);
    let data = Dataset::new(&*inputs, &labels)?;
    let model = Mlp::new(&[784, 128, 10])?;
    let mut params = Params::zeros(&Model::<f32>::layout(&model));
    let given = files.vector(&case.data, "network_start.npy")?;
    params.as_mut_slice().copy_from_slice(given.as_slice().ok_or("a gap")?);
    let start = Instant::now();
    let run = Trainer::new(rule)
        .batch(batch(case))
        .learning_rate(case.rate)
        .order(Order::Sequential)
        .epochs(case.epochs)
        .start_from(params)
        .fit(&model, &SoftmaxCrossEntropy, &data)?;
    Ok(Some((start.elapsed().as_secs_f64(), doubles(&run.params))))
}

fn read_rows(case: &Case, files: &mut Files) -> Result<(Csr<f32>, Array1<f32>), Box<dyn Error>> {
    let starts = vector::<i64>(&case.data, "sparse_starts.npy")?;
    let columns = vector::<i32>(&case.data, "sparse_indices.npy")?;
    let values = files.vector(&case.data, "sparse_values.npy")?;
    let mut inputs = Csr::new(1 << 20)?;
    for (&start, &end) in starts.iter().zip(starts.iter().skip(1)) {
        inputs.push((start as usize..end as usize).map(|k| (columns[k] as usize, values[k])))?;
    }
    Ok((inputs, (*files.vector(&case.data, "sparse_labels.npy")?).clone()))
}

fn sparse(case: &Case, inputs: &Csr<f32>, labels: &Array1<f32>) -> Answer {
    let Some(rule) = rule::<f32>(case) else { return Ok(None) };
    // As PyTorch's SparseAdam does; the other rules are exact and cost no more.
    let lazy = if case.rule == "adam" { Lazy::Touched } else { Lazy::Exact };
    let data = Dataset::new(inputs, labels)?;
    let (model, loss) = (Linear::without_intercept(inputs.columns(), 1)?, BinaryCrossEntropy::new());
    let trainer = Trainer::new(rule)
        .batch(batch(case))
        .learning_rate(case.rate)
        .order(Order::Sequential)
        .lazy(lazy)
        .epochs(case.epochs);
    let start = Instant::now();
    let run = match case.until {
        None => trainer.fit(&model, &loss, &data)?,
        // Time to a loss includes looking at it, after every epoch.
        Some(goal) => trainer
            .on_epoch(|epoch| match epoch.record.validation_loss {
                Some(loss) if loss <= goal => Control::stop("the goal"),
                _ => Control::Continue,
            })
            .minimize(EmpiricalRisk::new(&model, &loss, &data).validation(&data))?,
    };
    Ok(Some((start.elapsed().as_secs_f64(), doubles(&run.params))))
}

fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
    let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
    gradient[0] = -2.0 * a - 400.0 * x[0] * b;
    gradient[1] = 200.0 * b;
    a * a + 100.0 * b * b
}

fn tiny(case: &Case) -> Answer {
    match (case.variant.as_str(), case.rule.as_str()) {
        ("own loop", "sgd") => own_loop(case, &GradientDescent),
        ("own loop", "adam") => own_loop(case, &Adam::new()),
        ("trainer", "sgd" | "adam") => {
            let Some(rule) = rule::<f64>(case) else { return Ok(None) };
            let start = Instant::now();
            let run = Trainer::new(rule)
                .learning_rate(case.rate)
                .steps(case.steps)
                .minimize(Function::new(vec![-1.2, 1.0], rosenbrock))?;
            Ok(Some((start.elapsed().as_secs_f64(), doubles(&run.params))))
        }
        _ => Ok(None),
    }
}

fn own_loop<O: Optimizer<f64>>(case: &Case, rule: &O) -> Answer {
    let mut layout = Layout::new();
    layout.add("x", 2)?;
    let mut state = State::new(rule, &layout, &[])?;
    let (mut x, mut gradient) = ([-1.2, 1.0], [0.0; 2]);
    let start = Instant::now();
    for _ in 0..case.steps {
        std::hint::black_box(rosenbrock(&x, &mut gradient));
        rule.step(&mut state, &mut x, &gradient, case.rate.into())?;
    }
    Ok(Some((start.elapsed().as_secs_f64(), x.to_vec())))
}

fn batch(case: &Case) -> BatchSize {
    match case.batch {
        0 => BatchSize::Full,
        rows => BatchSize::Mini(rows),
    }
}

fn doubles<F: Scalar>(params: &Params<F>) -> Vec<f64> {
    params.as_slice().iter().map(|&x| x.to_f64().unwrap_or(f64::NAN)).collect()
}
