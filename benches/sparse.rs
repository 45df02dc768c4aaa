//! Sparse logistic regression, row by row: an epoch of 200,000 rows with 75 entries each, among a million columns and among
//! sixteen, beside plain loops that do the same.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use downhill::data::{Csr, Order};
use downhill::ndarray::Array1;
use downhill::optim::{Lazy, Optimizer};
use downhill::prelude::*;
use downhill::rand::{RngExt, SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};
use std::{collections::BTreeSet, hint::black_box, time::Duration};

const ROWS: usize = 200_000;
const PER_ROW: usize = 75;

/// Columns distributed as Zipf's law has it, with exponent 1.05, and then permuted; values `1/√n` in a row of n entries.
/// The labels follow a hidden weight for every column.
fn data(columns: usize) -> (Csr<f32>, Array1<f32>) {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let mut names: Vec<u32> = (0..columns as u32).collect();
    names.shuffle(&mut random);
    let hidden: Vec<f32> = (0..columns).map(|_| random.random_range(-1.0..1.0)).collect();
    let mut total = 0.0;
    let cumulative: Vec<f64> = (0..1 << 20)
        .map(|rank| {
            total += (f64::from(rank) + 1.0).powf(-1.05);
            total
        })
        .collect();
    let mut inputs = Csr::new(columns).expect("few enough columns");
    let mut targets = Vec::with_capacity(ROWS);
    for _ in 0..ROWS {
        let mut row = BTreeSet::new();
        while row.len() < PER_ROW {
            let share = random.random_range(0.0..total);
            let rank = cumulative.partition_point(|&sum| sum < share);
            // More columns lie further apart; which of them are used is the same.
            row.insert(names[rank * (columns >> 20)]);
        }
        let value = (row.len() as f32).sqrt().recip();
        let score: f32 = row.iter().map(|&column| hidden[column as usize]).sum();
        inputs
            .push(row.iter().map(|&column| (column as usize, value)))
            .expect("columns in range");
        targets.push(f32::from(score > 0.0));
    }
    (inputs, Array1::from_vec(targets))
}

/// `σ(z) − y`, and the loss.
#[inline(always)]
fn slope(z: f32, y: f32) -> (f32, f32) {
    let small = (-z.abs()).exp();
    let sigmoid = if z > 0.0 {
        1.0 / (1.0 + small)
    } else {
        small / (1.0 + small)
    };
    (sigmoid - y, (1.0 - y) * z + small.ln_1p() + (-z).max(0.0))
}

/// The floor: everything in one loop, made for this one rule, with nothing around it.
fn by_hand(inputs: &Csr<f32>, targets: &Array1<f32>, mut step: impl FnMut(&mut [f32], usize, f32)) -> f64 {
    let mut weights = vec![0.0_f32; inputs.columns()];
    let mut total = 0.0;
    for (row, &y) in targets.iter().enumerate() {
        let (columns, values) = inputs.row(row);
        let ((column_blocks, column_rest), (value_blocks, value_rest)) =
            (columns.as_chunks::<8>(), values.as_chunks::<8>());
        let mut sums = [0.0; 8];
        for (columns, values) in column_blocks.iter().zip(value_blocks) {
            for lane in 0..8 {
                sums[lane] += values[lane] * weights[columns[lane] as usize];
            }
        }
        for (&column, &value) in column_rest.iter().zip(value_rest) {
            sums[0] += value * weights[column as usize];
        }
        let (slope, loss) = slope(sums.iter().sum(), y);
        total += f64::from(loss);
        for (&column, &value) in columns.iter().zip(values) {
            step(&mut weights, column as usize, slope * value);
        }
    }
    black_box(weights);
    total / targets.len() as f64
}

fn adagrad_by_hand(inputs: &Csr<f32>, targets: &Array1<f32>) -> f64 {
    let mut squares = vec![0.0_f32; inputs.columns()];
    by_hand(inputs, targets, |weights, column, g| {
        squares[column] += g * g;
        weights[column] -= 0.5 * g / (squares[column].sqrt() + 1e-10);
    })
}

fn sgd_by_hand(inputs: &Csr<f32>, targets: &Array1<f32>) -> f64 {
    by_hand(inputs, targets, |weights, column, g| weights[column] -= 2.0 * g)
}

fn epoch<O: Optimizer<f32>>(
    model: &Linear,
    data: &Dataset<'_, f32, Csr<f32>, Array1<f32>>,
    rule: O,
    rate: f64,
    batch: usize,
    lazy: Lazy,
) -> f64 {
    let trainer = if rule.batch().is_some() {
        Trainer::new(rule)
    } else {
        Trainer::new(rule).batch(batch)
    };
    let run = trainer
        .learning_rate(rate)
        .order(Order::Sequential)
        .lazy(lazy)
        .epochs(1)
        .fit(model, &BinaryCrossEntropy::new(), data)
        .expect("legal settings");
    run.history[0].loss
}

fn sparse(criterion: &mut Criterion) {
    for (name, columns) in [("2^20", 1 << 20), ("2^24", 1 << 24)] {
        let (inputs, targets) = data(columns);
        let data = Dataset::new(&inputs, &targets).expect("as many targets as rows");
        let model = Linear::without_intercept(columns, 1).expect("legal sizes");
        let mut group = criterion.benchmark_group(format!("sparse logistic, {name} columns"));
        group.sample_size(10).measurement_time(Duration::from_secs(2));
        group.throughput(Throughput::Elements(inputs.entries() as u64));
        println!(
            "mean loss of the epoch: sgd {:.6} (by hand {:.6}), adagrad {:.6} (by hand {:.6})",
            epoch(&model, &data, Sgd, 2.0, 1, Lazy::Exact),
            sgd_by_hand(&inputs, &targets),
            epoch(&model, &data, Adagrad::new(), 0.5, 1, Lazy::Exact),
            adagrad_by_hand(&inputs, &targets),
        );
        group.bench_function("sgd, by hand", |b| b.iter(|| sgd_by_hand(&inputs, &targets)));
        group.bench_function("sgd", |b| {
            b.iter(|| epoch(&model, &data, Sgd, 2.0, 1, Lazy::Exact))
        });
        group.bench_function("adagrad, by hand", |b| {
            b.iter(|| adagrad_by_hand(&inputs, &targets))
        });
        group.bench_function("adagrad", |b| {
            b.iter(|| epoch(&model, &data, Adagrad::new(), 0.5, 1, Lazy::Exact))
        });
        group.bench_function("adam, touched only", |b| {
            b.iter(|| epoch(&model, &data, Adam::new(), 1e-3, 1, Lazy::Touched));
        });
        group.bench_function("sgd, batch 32", |b| {
            b.iter(|| epoch(&model, &data, MiniBatchSgd::new(32), 2.0, 32, Lazy::Exact));
        });
        group.bench_function("momentum, exact", |b| {
            b.iter(|| epoch(&model, &data, Momentum::new(0.9), 0.2, 1, Lazy::Exact));
        });
        group.finish();
    }
}

criterion_group!(benches, sparse);
criterion_main!(benches);
