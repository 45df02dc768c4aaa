//! Whole epochs: logistic regression and a network, batch by batch.
//!
//! "by hand" is gradient descent in a plain loop over the same rows, without the loss: the floor of the others.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use downhill::data::{BatchSize, Order};
use downhill::ndarray::{Array1, Array2};
use downhill::optim::Optimizer;
use downhill::prelude::*;
use downhill::rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};
use pulp::{Arch, NullaryFnOnce};
use std::{hint::black_box, time::Duration};

/// Inputs uniform on [−1, 1).
fn inputs<F: Scalar>(rows: usize, columns: usize) -> Array2<F> {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    Array2::from_shape_simple_fn((rows, columns), || F::of(random.random_range(-1.0..1.0)))
}

/// One epoch of logistic regression from zero, vectorised for the processor at hand.
struct ByHand<'a, F> {
    inputs: &'a [F],
    targets: &'a [F],
    columns: usize,
    batch: usize,
    rate: F,
}

impl<F: Scalar> NullaryFnOnce for ByHand<'_, F> {
    type Output = Vec<F>;

    #[inline(always)]
    fn call(self) -> Vec<F> {
        const LANES: usize = 32;
        let (mut w, mut gradient) = (vec![F::zero(); self.columns], vec![F::zero(); self.columns]);
        let batches = self.inputs.chunks(self.columns * self.batch);
        for (rows, targets) in batches.zip(self.targets.chunks(self.batch)) {
            gradient.fill(F::zero());
            let scale = self.rate / F::of(targets.len() as f64);
            for (row, &target) in rows.chunks_exact(self.columns).zip(targets) {
                let mut sums = [F::zero(); LANES];
                let ((row_blocks, row_rest), (w_blocks, w_rest)) =
                    (row.as_chunks::<LANES>(), w.as_chunks::<LANES>());
                for (x, w) in row_blocks.iter().zip(w_blocks) {
                    for lane in 0..LANES {
                        sums[lane] += x[lane] * w[lane];
                    }
                }
                for ((sum, &x), &w) in sums.iter_mut().zip(row_rest).zip(w_rest) {
                    *sum += x * w;
                }
                let logit = sums.into_iter().sum::<F>();
                let slope = scale * (F::one() / (F::one() + (-logit).exp()) - target);
                for (g, &x) in gradient.iter_mut().zip(row) {
                    *g += slope * x;
                }
            }
            for (w, &g) in w.iter_mut().zip(&gradient) {
                *w -= g;
            }
        }
        w
    }
}

/// Everything read once, and nothing done with it.
struct Read<'a, F>(&'a [F]);

impl<F: Scalar> NullaryFnOnce for Read<'_, F> {
    type Output = F;

    #[inline(always)]
    fn call(self) -> F {
        const LANES: usize = 128;
        let mut sums = [F::zero(); LANES];
        for block in self.0.as_chunks::<LANES>().0 {
            for lane in 0..LANES {
                sums[lane] += block[lane];
            }
        }
        sums.into_iter().sum()
    }
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
    let (x, y) = (
        inputs.as_slice().expect("one block"),
        targets.as_slice().expect("one block"),
    );
    group.bench_function("read once", |bencher| {
        bencher.iter(|| Arch::new().dispatch(Read(black_box(x))))
    });
    for (batch, rate) in [(1, 0.01), (32, 0.1), (256, 0.5), (rows, 1.0)] {
        group.bench_function(format!("batch {batch}, by hand"), |bencher| {
            bencher.iter(|| {
                Arch::new().dispatch(ByHand {
                    inputs: black_box(x),
                    targets: y,
                    columns,
                    batch,
                    rate: F::of(rate),
                })
            });
        });
        if batch == rows {
            break;
        }
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
    for batch in [64, 512, 2048] {
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

fn epoch(criterion: &mut Criterion) {
    logistic::<f32>(criterion, "f32");
    logistic::<f64>(criterion, "f64");
    network(criterion);
}

criterion_group!(benches, epoch);
criterion_main!(benches);
