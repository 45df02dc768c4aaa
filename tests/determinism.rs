//! The same seed gives the same bits; and what a sampler promises.

use downhill::data::{Batch, Order, Sampler};
use downhill::ndarray::{Array1, Array2, s};
use downhill::optim::Optimizer;
use downhill::prelude::*;
#[cfg(feature = "rayon")]
use downhill::rand::{SeedableRng, rngs::ChaCha12Rng};
use proptest::prelude::*;

/// One run of a small network on shuffled mini-batches, in numbers that show every bit.
fn run<F: Scalar>(optimizer: Box<dyn Optimizer<F> + '_>, seed: u64) -> Vec<u64>
where
    for<'a> Box<dyn Optimizer<F> + 'a>: Optimizer<F>,
{
    let inputs = Array2::from_shape_fn((50, 4), |(i, j)| F::of(((i * 7 + j * 3) % 13) as f64 / 6.0 - 1.0));
    let labels = Array1::from_shape_fn(50, |i| i % 3);
    let data = Dataset::new(&inputs, &labels).unwrap();
    let model = Mlp::new(&[4, 6, 3]).unwrap();
    let risk = EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &data)
        .validation(&data)
        .metric("accuracy", downhill::metrics::accuracy);
    let run = Trainer::new(optimizer)
        .learning_rate(Cyclical::new(1e-3, 1e-2, Span::Steps(7)))
        .epochs(4)
        .seed(seed)
        .minimize(risk)
        .unwrap();
    let records = run.history.iter().flat_map(|r| {
        [
            r.loss,
            r.validation_loss.unwrap(),
            r.metrics[0].1,
            r.learning_rate,
        ]
    });
    let weights = run
        .params
        .as_slice()
        .iter()
        .chain(run.best.params.as_slice())
        .map(|w| w.to_f64_exact());
    weights.chain(records).map(f64::to_bits).collect()
}

macro_rules! optimizers {
    () => {
        vec![
            Box::new(GradientDescent),
            Box::new(Sgd),
            Box::new(MiniBatchSgd::new(8)),
            Box::new(Momentum::new(0.9)),
            Box::new(Adagrad::new()),
            Box::new(RmsProp::new()),
            Box::new(Adam::new().amsgrad()),
        ]
    };
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_others() {
    let double = || -> Vec<Box<dyn Optimizer<f64>>> { optimizers!() };
    for ((a, b), c) in double().into_iter().zip(double()).zip(double()) {
        let name = a.name();
        let first = run(a, 7);
        assert_eq!(first, run(b, 7), "{name}");
        assert_ne!(first, run(c, 8), "{name}");
    }
    let single = || -> Vec<Box<dyn Optimizer<f32>>> { optimizers!() };
    for (a, b) in single().into_iter().zip(single()) {
        let name = a.name();
        assert_eq!(run(a, 7), run(b, 7), "{name}");
    }
}

/// Every other column of a table, and a table turned on its side, train as their copies do.
#[test]
fn inputs_that_do_not_lie_end_to_end_give_the_bits_of_a_copy() {
    let table = Array2::from_shape_fn((600, 12), |(i, j)| ((i * 7 + j * 3) % 13) as f32 / 6.0 - 1.0);
    let labels = Array1::from_shape_fn(600, |i| i % 3);
    let turned = table.t().as_standard_layout().into_owned();
    let network = Mlp::new(&[6, 5, 3]).unwrap();
    for part in [table.slice(s![.., ..;2]), turned.t().slice_move(s![.., ..6])] {
        let copy = part.to_owned();
        let train = |data: &Dataset<'_, f32, Array2<f32>, Array1<usize>>, batch: usize| {
            Trainer::new(Adam::new())
                .batch(batch)
                .order(Order::Sequential)
                .epochs(2)
                .fit(&network, &SoftmaxCrossEntropy, data)
                .unwrap()
                .params
        };
        for batch in [1, 32, 600] {
            let (there, here) = (
                train(&Dataset::new(part, labels.view()).unwrap(), batch),
                train(
                    &Dataset::new(&copy.as_standard_layout().into_owned(), &labels).unwrap(),
                    batch,
                ),
            );
            assert_eq!(there, here, "batches of {batch}");
        }
    }
}

/// A few steps of a vector long enough for all cores, in a pool of so many threads, clipped by its norm.
#[cfg(feature = "rayon")]
fn long_run<F: Scalar>(optimizer: &dyn Optimizer<F>, threads: usize) -> Vec<u64> {
    const LEN: usize = 600_011;
    let mut layout = Layout::new();
    layout.add("x", LEN).unwrap();
    let mut state = downhill::optim::State::new(optimizer, &layout, &[]).unwrap();
    let (mut weights, mut gradient) = (Params::zeros(&layout), Gradient::zeros(&layout));
    for (i, g) in gradient.as_mut_slice().iter_mut().enumerate() {
        *g = F::of((i * 7919 % 1013) as f64 / 506.0 - 1.0);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        for _ in 0..2 {
            assert!(gradient.is_finite());
            let rates = downhill::optim::Rates::from(0.1).gradient_scale(1.0 / gradient.norm());
            optimizer
                .step(&mut state, weights.as_mut_slice(), gradient.as_slice(), rates)
                .unwrap();
        }
    });
    let values = weights
        .as_slice()
        .iter()
        .chain(state.buffers().flat_map(|(_, values)| values));
    values.map(|w| w.to_f64_exact().to_bits()).collect()
}

#[test]
#[cfg(feature = "rayon")]
fn any_number_of_threads_gives_the_same_bits() {
    let double: Vec<Box<dyn Optimizer<f64>>> = optimizers!();
    let single: Vec<Box<dyn Optimizer<f32>>> = optimizers!();
    for (double, single) in double.iter().zip(&single) {
        let expected = (long_run(&**double, 1), long_run(&**single, 1));
        for threads in [2, 3, 8, 16] {
            assert!(
                long_run(&**double, threads) == expected.0,
                "{} on {threads}",
                double.name()
            );
            assert!(
                long_run(&**single, threads) == expected.1,
                "{} on {threads}",
                single.name()
            );
        }
    }
}

/// Value and gradient of a batch of every other row and of all rows, in a pool of so many threads.
#[cfg(feature = "rayon")]
fn large_batches<F: Scalar, M: Model<F>, L: Loss<F, Y>, Y: downhill::data::Samples>(
    model: &M,
    loss: &L,
    data: &Dataset<'_, F, Array2<F>, Y>,
    threads: usize,
) -> Vec<u64> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let mut risk = EmpiricalRisk::new(model, loss, data);
        let rows: Vec<_> = (0..risk.terms()).step_by(2).collect();
        risk.prepare(risk.terms()).unwrap();
        let params = risk.start(&mut ChaCha12Rng::seed_from_u64(3));
        let mut gradient = Gradient::zeros(params.layout());
        let mut bits = Vec::new();
        for batch in [Batch::Rows(&rows), Batch::Range(0..risk.terms())] {
            let value = risk.value_and_gradient(&params, &batch, &mut gradient).unwrap();
            assert!(value.is_finite() && gradient.norm() > 0.0);
            bits.push(value.to_f64_exact().to_bits());
            bits.extend(gradient.as_slice().iter().map(|g| g.to_f64_exact().to_bits()));
        }
        bits
    })
}

#[cfg(feature = "rayon")]
fn any_number_of_threads_gives_the_same_gradients<F: Scalar>() {
    let inputs = Array2::from_shape_fn((9001, 100), |(i, j)| {
        F::of(((i * 31 + j * 17) % 101) as f64 / 50.0 - 1.0)
    });
    let targets = Array1::from_shape_fn(9001, |i| F::of((i % 2) as f64));
    let labels = Array1::from_shape_fn(9001, |i| i % 3);
    let weights = Array1::from_shape_fn(9001, |i| F::of((i % 5) as f64 / 2.0));
    let binary = Dataset::new(&inputs, &targets).unwrap();
    let classes = Dataset::new(&inputs, &labels).unwrap();
    let weighted = Dataset::new(&inputs, &labels)
        .unwrap()
        .weighted(&weights)
        .unwrap();
    let (line, network) = (Linear::new(100, 1).unwrap(), Mlp::new(&[100, 16, 3]).unwrap());
    let of = |threads| {
        let line = large_batches(&line, &BinaryCrossEntropy::new(), &binary, threads);
        let means =
            [&classes, &weighted].map(|data| large_batches(&network, &SoftmaxCrossEntropy, data, threads));
        assert_ne!(means[0], means[1]);
        (line, means)
    };
    let expected = of(1);
    for threads in [2, 3, 8, 16] {
        assert!(of(threads) == expected, "{threads} threads");
    }
}

#[test]
#[cfg(feature = "rayon")]
fn gradients_do_not_depend_on_threads() {
    any_number_of_threads_gives_the_same_gradients::<f32>();
    any_number_of_threads_gives_the_same_gradients::<f64>();
}

/// The parts of a large batch add up to what its rows say one by one.
#[test]
fn parts_add_up() {
    let inputs = Array2::from_shape_fn((5003, 200), |(i, j)| {
        ((i * 31 + j * 17) % 101) as f64 / 50.0 - 1.0
    });
    let targets = Array1::from_shape_fn(5003, |i| (i % 5) as f64);
    let weights = Array1::from_shape_fn(5003, |i| (i % 4) as f64);
    let data = Dataset::new(&inputs, &targets)
        .unwrap()
        .weighted(&weights)
        .unwrap();
    let line = Linear::new(200, 1).unwrap();
    let mut risk = EmpiricalRisk::new(&line, &MeanSquaredError, &data).reduction(Reduction::Sum);
    risk.prepare(5003).unwrap();
    let params = Params::zeros(line.layout());
    let (mut gradient, mut row) = (Gradient::zeros(line.layout()), Gradient::zeros(line.layout()));
    let (mut sum, mut expected) = (0.0, Params::zeros(line.layout()));
    for i in 0..5003 {
        sum += risk
            .value_and_gradient(&params, &Batch::Range(i..i + 1), &mut row)
            .unwrap();
        for (sum, &g) in expected.as_mut_slice().iter_mut().zip(row.as_slice()) {
            *sum += g;
        }
    }
    let value = risk
        .value_and_gradient(&params, &Batch::Range(0..5003), &mut gradient)
        .unwrap();
    approx::assert_relative_eq!(value, sum, max_relative = 1e-12);
    for (&g, &expected) in gradient.as_slice().iter().zip(expected.as_slice()) {
        approx::assert_relative_eq!(g, expected, max_relative = 1e-12, epsilon = 1e-9);
    }
}

/// A value that is not finite is found wherever it stands in a long vector.
#[test]
fn nothing_hides_in_a_long_vector() {
    for len in [1, 32, 33, 700, 600_011] {
        let mut values = vec![f32::MAX; len];
        assert!(Params::from_vec("x", values.clone()).is_finite());
        for (at, bad) in [
            (0, f32::NAN),
            (len / 2, f32::INFINITY),
            (len - 1, f32::NEG_INFINITY),
        ] {
            values[at] = bad;
            assert!(
                !Params::from_vec("x", values.clone()).is_finite(),
                "{bad} at {at} of {len}"
            );
            values[at] = 0.0;
        }
    }
}

/// The rows of an epoch, batch by batch.
fn epoch(sampler: &mut Sampler, number: u64) -> Vec<Vec<usize>> {
    sampler.start_epoch(number);
    (0..sampler.steps_per_epoch())
        .map(|step| match sampler.batch(step) {
            Batch::Range(range) => range.collect(),
            Batch::Rows(rows) => rows.to_vec(),
        })
        .collect()
}

proptest! {
    #[test]
    fn every_epoch_sees_every_row_once(
        terms in 1..200_usize, rows in 1..50_usize, seed: u64, number in 0..1000_u64, shuffled: bool,
    ) {
        let order = if shuffled { Order::Shuffled } else { Order::Sequential };
        let mut sampler = Sampler::new(terms, BatchSize::Mini(rows), order, false, seed).unwrap();
        let batches = epoch(&mut sampler, number);
        let (last, full) = batches.split_last().unwrap();
        prop_assert!(full.iter().all(|batch| batch.len() == rows));
        prop_assert!(!last.is_empty() && last.len() <= rows);
        let mut seen = batches.concat();
        if !shuffled {
            prop_assert!(seen.is_sorted());
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..terms).collect::<Vec<_>>());
        // The order depends on seed and epoch alone, not on what came before.
        let mut fresh = Sampler::new(terms, BatchSize::Mini(rows), order, false, seed).unwrap();
        epoch(&mut fresh, number + 1);
        prop_assert_eq!(epoch(&mut fresh, number), batches);
    }

    #[test]
    fn a_dropped_batch_is_the_remainder(terms in 1..200_usize, rows in 1..50_usize, seed: u64) {
        prop_assume!(rows <= terms);
        let mut sampler = Sampler::new(terms, BatchSize::Mini(rows), Order::Shuffled, true, seed).unwrap();
        let seen = epoch(&mut sampler, 0).concat();
        prop_assert_eq!(seen.len(), terms / rows * rows);
        let mut distinct = seen.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), seen.len());
    }
}

#[test]
fn epochs_and_seeds_differ() {
    let mut sampler = Sampler::new(100, BatchSize::Single, Order::Shuffled, false, 1).unwrap();
    let mut other = Sampler::new(100, BatchSize::Single, Order::Shuffled, false, 2).unwrap();
    assert_ne!(epoch(&mut sampler, 0), epoch(&mut sampler, 1));
    assert_ne!(epoch(&mut sampler, 0), epoch(&mut other, 0));
    assert_ne!(epoch(&mut sampler, 0).concat(), (0..100).collect::<Vec<_>>());
    let mut full = Sampler::new(100, BatchSize::Full, Order::Shuffled, false, 1).unwrap();
    assert_eq!(epoch(&mut full, 0), [(0..100).collect::<Vec<_>>()]);
}
