//! What surrounds a step, where the step itself is next to nothing: two and ten weights in `f64`.
//!
//! Every measurement is a million steps, so milliseconds read as nanoseconds a step. "by hand" is the same arithmetic in a
//! plain loop over two numbers, the floor of the others.

use criterion::{Criterion, criterion_group, criterion_main};
use downhill::ndarray::{Array1, array};
use downhill::objective::functions::ROSENBROCK;
use downhill::optim::{Optimizer, Pair, State, Stepper};
use downhill::prelude::*;
use std::{hint::black_box, time::Duration};

const STEPS: u64 = 1_000_000;
const RATE: f64 = 1e-3;

/// The function of [`ROSENBROCK`], which a call through its table of pointers would hide from the compiler.
#[inline]
fn rosenbrock(p: &[f64], g: &mut [f64]) -> f64 {
    let (a, b) = (1.0 - p[0], p[1] - p[0] * p[0]);
    g[0] = -2.0 * a - 400.0 * p[0] * b;
    g[1] = 200.0 * b;
    a * a + 100.0 * b * b
}

fn gradient_descent_by_hand() -> [f64; 2] {
    let (mut x, mut g) = (ROSENBROCK.start, [0.0; 2]);
    for _ in 0..STEPS {
        black_box(rosenbrock(&x, &mut g));
        for (x, g) in x.iter_mut().zip(g) {
            *x -= RATE * g;
        }
    }
    x
}

fn adam_by_hand() -> [f64; 2] {
    let (mut x, mut g) = (ROSENBROCK.start, [0.0; 2]);
    let (mut first, mut second) = ([0.0; 2], [0.0; 2]);
    let (mut power1, mut power2) = (1.0, 1.0);
    for _ in 0..STEPS {
        black_box(rosenbrock(&x, &mut g));
        power1 *= 0.9;
        power2 *= 0.999;
        let rate = RATE / (1.0 - power1);
        let correction = 1.0 / f64::sqrt(1.0 - power2);
        for i in 0..2 {
            first[i] = 0.9 * first[i] + (1.0 - 0.9) * g[i];
            second[i] = 0.999 * second[i] + (1.0 - 0.999) * g[i] * g[i];
            x[i] -= rate * first[i] / (second[i].sqrt() * correction + 1e-8);
        }
    }
    x
}

/// A loop of one's own over `Optimizer::step`.
fn by_step<O: Optimizer<f64>>(optimizer: &O) -> [f64; 2] {
    let mut layout = Layout::new();
    layout.add("x", 2).expect("one tensor");
    let mut state = State::new(optimizer, &layout, &[]).expect("legal settings");
    let (mut x, mut g) = (ROSENBROCK.start, [0.0; 2]);
    for _ in 0..STEPS {
        black_box(rosenbrock(&x, &mut g));
        optimizer
            .step(&mut state, &mut x, &g, RATE.into())
            .expect("a legal step");
    }
    x
}

/// A loop of one's own over arrays.
fn by_stepper<O: Optimizer<f64>>(optimizer: O) -> Array1<f64> {
    let mut stepper = Stepper::new(optimizer);
    let (mut x, mut g) = (array![ROSENBROCK.start[0], ROSENBROCK.start[1]], Array1::zeros(2));
    for _ in 0..STEPS {
        black_box(rosenbrock(
            x.as_slice().expect("contiguous"),
            g.as_slice_mut().expect("contiguous"),
        ));
        let pair = Pair::new(&mut x, &g).expect("equal shapes");
        stepper.step(RATE, &mut [pair]).expect("a legal step");
    }
    x
}

fn by_trainer<O: Optimizer<f64>>(optimizer: O) -> Run<f64> {
    Trainer::new(optimizer)
        .learning_rate(RATE)
        .steps(STEPS)
        .minimize(Function::new(ROSENBROCK.start.to_vec(), rosenbrock))
        .expect("a run")
}

fn two_weights(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Rosenbrock, 1,000,000 steps");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    group.bench_function("gradient descent/by hand", |b| b.iter(gradient_descent_by_hand));
    group.bench_function("gradient descent/Optimizer::step", |b| {
        b.iter(|| by_step(&GradientDescent))
    });
    group.bench_function("gradient descent/Stepper", |b| {
        b.iter(|| by_stepper(GradientDescent))
    });
    group.bench_function("gradient descent/Trainer", |b| {
        b.iter(|| by_trainer(GradientDescent))
    });
    group.bench_function("adam/by hand", |b| b.iter(adam_by_hand));
    group.bench_function("adam/Optimizer::step", |b| b.iter(|| by_step(&Adam::new())));
    group.bench_function("adam/Stepper", |b| b.iter(|| by_stepper(Adam::new())));
    group.bench_function("adam/Trainer", |b| b.iter(|| by_trainer(Adam::new())));
    group.finish();
}

/// The overhead of the trainer: ten weights, each with a curvature of its own, by gradient descent.
fn ten_weights(criterion: &mut Criterion) {
    const N: usize = 10;
    // Around 1: a minimum at 0 would be approached until everything is subnormal.
    let curvature: [f64; N] = std::array::from_fn(|i| 1.0 + i as f64);
    let start = [2.0; N];
    let bowl = |x: &[f64], g: &mut [f64]| {
        let mut value = 0.0;
        for ((g, x), c) in g.iter_mut().zip(x).zip(curvature) {
            *g = c * (x - 1.0);
            value += 0.5 * *g * (x - 1.0);
        }
        value
    };
    let mut group = criterion.benchmark_group("ten weights, 1,000,000 steps");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    group.bench_function("by hand", |b| {
        b.iter(|| {
            let (mut x, mut g) = (start, [0.0; N]);
            for _ in 0..STEPS {
                black_box(bowl(&x, &mut g));
                for (x, g) in x.iter_mut().zip(g) {
                    *x -= RATE * g;
                }
            }
            x
        });
    });
    group.bench_function("Trainer", |b| {
        b.iter(|| {
            Trainer::new(GradientDescent)
                .learning_rate(RATE)
                .steps(STEPS)
                .minimize(Function::new(start.to_vec(), bowl))
                .expect("a run")
        });
    });
    group.finish();
}

criterion_group!(benches, two_weights, ten_weights);
criterion_main!(benches);
