//! Whole epochs: logistic regression and a network, batch by batch, and a million steps on a function of two weights.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use downhill::data::{BatchSize, Order};
use downhill::ndarray::{Array1, Array2};
use downhill::optim::{Optimizer, State};
use downhill::prelude::*;
use downhill::rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};
use std::{hint::black_box, time::Duration};

/// Inputs uniform on [−1, 1).
fn inputs<F: Scalar>(rows: usize, columns: usize) -> Array2<F> {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    Array2::from_shape_simple_fn((rows, columns), || F::of(random.random_range(-1.0..1.0)))
}

fn logistic<F: Scalar>(criterion: &mut Criterion, scalar: &str)
where
    Adam: Optimizer<F>,
    GradientDescent: Optimizer<F>,
{
    let (rows, columns) = (100_000, 100);
    let inputs = inputs::<F>(rows, columns);
    let targets = inputs.map_axis(downhill::ndarray::Axis(1), |row| {
        if row.sum() > F::zero() {
            F::one()
        } else {
            F::zero()
        }
    });
    let data = Dataset::new(&inputs, &targets).expect("as many targets as inputs");
    let model = Linear::without_intercept(columns, 1).expect("legal sizes");
    let loss = BinaryCrossEntropy::new();
    let mut group = criterion.benchmark_group(format!("logistic 100,000 x 100 {scalar}"));
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(rows as u64));
    for (batch, rate) in [(1, 0.01), (32, 0.1), (256, 0.5)] {
        for order in [Order::Sequential, Order::Shuffled] {
            group.bench_function(format!("batch {batch}, {order:?}"), |bencher| {
                bencher.iter(|| {
                    Trainer::new(MiniBatchSgd::new(batch))
                        .learning_rate(rate)
                        .order(order)
                        .epochs(1)
                        .fit(&model, &loss, &data)
                });
            });
        }
    }
    group.bench_function("batch 32, adam", |bencher| {
        bencher.iter(|| {
            Trainer::new(Adam::new())
                .batch(32)
                .order(Order::Sequential)
                .epochs(1)
                .fit(&model, &loss, &data)
        });
    });
    group.throughput(Throughput::Elements(10 * rows as u64));
    group.bench_function("full batch, 10 epochs", |bencher| {
        bencher.iter(|| {
            Trainer::new(GradientDescent)
                .batch(BatchSize::Full)
                .learning_rate(1.0)
                .epochs(10)
                .fit(&model, &loss, &data)
        });
    });
    group.finish();
}

fn network(criterion: &mut Criterion) {
    let rows = 60_000;
    let inputs = inputs::<f32>(rows, 784);
    let labels = Array1::from_shape_fn(rows, |row| usize::from(inputs[[row, 0]] > 0.0) + 8);
    let data = Dataset::new(&inputs, &labels).expect("as many labels as inputs");
    let model = Mlp::new(&[784, 128, 10]).expect("legal sizes");
    let mut group = criterion.benchmark_group("network 784-128-10, 60,000 rows f32");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    group.throughput(Throughput::Elements(rows as u64));
    for batch in [64, 512] {
        for order in [Order::Sequential, Order::Shuffled] {
            group.bench_function(format!("batch {batch}, {order:?}"), |bencher| {
                bencher.iter(|| {
                    Trainer::new(Adam::new()).batch(batch).order(order).epochs(1).fit(
                        &model,
                        &SoftmaxCrossEntropy,
                        &data,
                    )
                });
            });
        }
    }
    group.finish();
}

/// What a step costs beside the arithmetic: the rule alone in a loop, and the whole trainer.
fn tiny(criterion: &mut Criterion) {
    const STEPS: u64 = 100_000;
    let mut group = criterion.benchmark_group("Rosenbrock, 100,000 steps f64");
    group.sample_size(20).throughput(Throughput::Elements(STEPS));
    let function = |x: &[f64], g: &mut [f64]| {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        g[0] = -2.0 * a - 400.0 * x[0] * b;
        g[1] = 200.0 * b;
        a * a + 100.0 * b * b
    };
    fn own_loop<O: Optimizer<f64>>(optimizer: &O, function: impl Fn(&[f64], &mut [f64]) -> f64) -> [f64; 2] {
        let mut layout = Layout::new();
        layout.add("x", 2).expect("one tensor");
        let mut state = State::new(optimizer, &layout, &[]).expect("legal settings");
        let (mut x, mut g) = ([-1.2, 1.0], [0.0; 2]);
        for _ in 0..STEPS {
            black_box(function(&x, &mut g));
            optimizer
                .step(&mut state, &mut x, &g, 1e-3.into())
                .expect("equal lengths");
        }
        x
    }
    group.bench_function("gradient descent, own loop", |bencher| {
        bencher.iter(|| own_loop(&GradientDescent, function))
    });
    group.bench_function("adam, own loop", |bencher| {
        bencher.iter(|| own_loop(&Adam::new(), function))
    });
    let start = vec![-1.2, 1.0];
    group.bench_function("gradient descent, trainer", |bencher| {
        bencher.iter(|| {
            let objective = Function::new(start.clone(), function);
            Trainer::new(GradientDescent)
                .learning_rate(1e-3)
                .steps(STEPS)
                .minimize(objective)
        });
    });
    group.bench_function("adam, trainer", |bencher| {
        bencher.iter(|| {
            let objective = Function::new(start.clone(), function);
            Trainer::new(Adam::new())
                .learning_rate(1e-3)
                .steps(STEPS)
                .minimize(objective)
        });
    });
    group.finish();
}

fn epoch(criterion: &mut Criterion) {
    logistic::<f32>(criterion, "f32");
    logistic::<f64>(criterion, "f64");
    network(criterion);
    tiny(criterion);
}

criterion_group!(benches, epoch);
criterion_main!(benches);
