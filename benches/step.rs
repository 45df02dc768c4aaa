//! One step of each rule over one vector of weights; for comparison a copy, the least that any step does (each weight read,
//! changed and written), and two rules "by hand": the plain loop and nothing else, over the same memory, vectorised alike, on
//! one core.
//!
//! Criterion reports weights a second (the inverse of the time a weight) and bytes a second; the bytes are those that
//! must move: weights and memory read and written, the gradient read. `RAYON_NUM_THREADS=1` keeps long vectors on one core.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use downhill::optim::{AdamW, Optimizer, Rates, State};
use downhill::prelude::*;
use downhill::transform::ClipNorm;
use pulp::{Arch, NullaryFnOnce};
use std::{hint::black_box, time::Duration};

const SIZES: [usize; 3] = [1_000, 100_000, 10_000_000];

fn optimizers() -> Vec<(&'static str, Box<dyn Optimizer<f32>>)> {
    vec![
        ("sgd", Box::new(GradientDescent)),
        ("momentum", Box::new(Momentum::new(0.9))),
        ("adagrad", Box::new(Adagrad::new())),
        ("rmsprop", Box::new(RmsProp::new())),
        (
            "rmsprop centred momentum",
            Box::new(RmsProp::new().centred().momentum(0.9)),
        ),
        ("adam", Box::new(Adam::new())),
        ("adamw", Box::new(AdamW::default())),
        ("amsgrad", Box::new(Adam::new().amsgrad())),
    ]
}

/// Plain descent, and nothing else.
struct Descent<'a> {
    weights: &'a mut [f32],
    gradient: &'a [f32],
    rate: f32,
}

impl NullaryFnOnce for Descent<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (w, &g) in self.weights.iter_mut().zip(self.gradient) {
            *w -= self.rate * g;
        }
    }
}

/// Adam without its corrections, which are two numbers a step.
struct AdamByHand<'a> {
    weights: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    rate: f32,
}

impl NullaryFnOnce for AdamByHand<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        // One length for all: without it each access is checked, and nothing is vectorised.
        let (len, rate) = (self.weights.len(), self.rate);
        let (weights, gradient) = (&mut self.weights[..len], &self.gradient[..len]);
        let (first, second) = (&mut self.first[..len], &mut self.second[..len]);
        for i in 0..len {
            let g = gradient[i];
            first[i] = 0.9 * first[i] + 0.1 * g;
            second[i] = 0.999 * second[i] + 0.001 * g * g;
            weights[i] -= rate * first[i] / (second[i].sqrt() + 1e-8);
        }
    }
}

fn step(criterion: &mut Criterion) {
    for size in SIZES {
        let mut group = criterion.benchmark_group(format!("step {size}"));
        group
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        group.sample_size(20);
        let bytes = |vectors: usize| Throughput::ElementsAndBytes {
            elements: size as u64,
            bytes: (size * vectors * size_of::<f32>()) as u64,
        };
        let mut layout = Layout::new();
        layout.add("weights", size).expect("one tensor");
        let (mut weights, mut gradient) = (Params::zeros(&layout), Gradient::zeros(&layout));
        for (i, g) in gradient.as_mut_slice().iter_mut().enumerate() {
            *g = ((i * 7919 % 1013) as f32 - 506.0) / 506.0;
        }
        let weights = weights.as_mut_slice();
        group.throughput(bytes(2));
        group.bench_function("copy", |bencher| {
            bencher.iter(|| black_box(&mut *weights).copy_from_slice(black_box(gradient.as_slice())));
        });
        group.bench_function("change in place", |bencher| {
            bencher.iter(|| black_box(&mut *weights).iter_mut().for_each(|w| *w = 1.0 - *w));
        });
        group.throughput(bytes(1));
        group.bench_function("is finite", |bencher| bencher.iter(|| gradient.is_finite()));
        group.bench_function("norm", |bencher| bencher.iter(|| gradient.norm()));
        for (name, optimizer) in optimizers() {
            let mut state = State::new(&*optimizer, &layout, &[]).expect("legal settings");
            weights.fill(0.5);
            group.throughput(bytes(3 + 2 * optimizer.buffers().len()));
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| optimizer.step(&mut state, weights, gradient.as_slice(), 1e-4.into()));
            });
        }
        by_hand(&mut group, &layout, weights, gradient.as_slice());
        clipped(&mut group, &layout, weights, &gradient);
        group.finish();
    }
    tensors(criterion);
}

/// The floors of plain descent and of Adam.
fn by_hand(group: &mut BenchmarkGroup<'_, WallTime>, layout: &Layout, weights: &mut [f32], gradient: &[f32]) {
    let rate = black_box(1e-4);
    group.bench_function("sgd, by hand", |bencher| {
        bencher.iter(|| {
            let weights = black_box(&mut *weights);
            Arch::new().dispatch(Descent {
                weights,
                gradient,
                rate,
            });
        });
    });
    let (mut first, mut second) = (Params::zeros(layout), Params::zeros(layout));
    group.bench_function("adam, by hand", |bencher| {
        bencher.iter(|| {
            Arch::new().dispatch(AdamByHand {
                weights: black_box(&mut *weights),
                gradient,
                first: first.as_mut_slice(),
                second: second.as_mut_slice(),
                rate,
            });
        });
    });
}

/// AdamW, with the gradient clipped by its norm: read once more.
fn clipped(
    group: &mut BenchmarkGroup<'_, WallTime>,
    layout: &Layout,
    weights: &mut [f32],
    gradient: &Gradient<f32>,
) {
    let clip = ClipNorm::new(1.0);
    let mut state = State::new(&AdamW::default(), layout, &[]).expect("legal settings");
    group.bench_function("adamw, clipped", |bencher| {
        bencher.iter(|| {
            let scale = clip.factor(gradient.norm());
            let rates = Rates::from(1e-4).gradient_scale(scale);
            AdamW::default().step(&mut state, weights, gradient.as_slice(), rates)
        });
    });
}

/// A hundred small tensors must cost what one vector of their size costs.
fn tensors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("adam, 100,000 weights");
    let gradient = vec![0.25_f32; 100_000];
    for count in [1, 100] {
        let mut layout = Layout::new();
        for number in 0..count {
            layout
                .add(&format!("tensor {number}"), 100_000 / count)
                .expect("a new name");
        }
        let mut state = State::new(&Adam::new(), &layout, &[]).expect("legal settings");
        let mut weights = vec![0.5; 100_000];
        group.bench_function(format!("{count} tensors"), |bencher| {
            bencher.iter(|| Adam::new().step(&mut state, &mut weights, &gradient, 1e-4.into()));
        });
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
