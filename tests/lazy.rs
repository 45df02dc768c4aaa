//! Weights that are late catch up on whatever they have missed: every rule, in every setting, as on dense inputs.
#![cfg(feature = "sparse")]

mod optimizers;

use downhill::{
    data::{Csr, Order, Stream},
    loss::Reduction,
    ndarray::{Array1, Array2, s},
    objective::StreamRisk,
    optim::{AdamW, Optimizer},
    prelude::*,
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
    schedule::{Decay, from_fn},
    train::{Control, NonFinite},
};

const COLUMNS: usize = 30;

struct Rows<F> {
    sparse: Csr<F>,
    dense: Array2<F>,
    targets: Array1<F>,
}

/// Of four entries each, or none where it says so; the first columns are frequent. Column 0 stands in the first row and in
/// the last one only.
fn rows<F: Scalar>(count: usize, is_empty: impl Fn(usize) -> bool) -> Rows<F> {
    let mut random = ChaCha12Rng::seed_from_u64(6);
    let mut sparse = Csr::new(COLUMNS).unwrap();
    for row in 0..count {
        let mut entries: Vec<_> = (0..4)
            .map(|_| {
                let column = 1.0 + (COLUMNS - 1) as f64 * random.random::<f64>().powi(3);
                (column as usize, F::of(random.random_range(-1.0..1.0)))
            })
            .collect();
        if row == 0 || row + 1 == count {
            entries.push((0, F::one()));
        }
        if is_empty(row) {
            entries.clear();
        }
        sparse.push(entries).unwrap();
    }
    Rows {
        dense: sparse.to_dense(),
        targets: Array1::from_shape_simple_fn(count, || F::of(f64::from(random.random_range(0..2)))),
        sparse,
    }
}

/// The same run over the sparse rows and over the dense ones.
macro_rules! both {
    ($rows:expr, |$data:ident| $run:expr) => {{
        let Rows {
            sparse,
            dense,
            targets,
        } = &$rows;
        let lazy = {
            let $data = Dataset::new(sparse, targets).unwrap();
            $run
        };
        let $data = Dataset::new(dense, targets).unwrap();
        (lazy, $run)
    }};
}

fn assert_close<F: Scalar>(what: &str, (lazy, dense): &(Run<F>, Run<F>), tolerance: f64) {
    assert_eq!((lazy.steps, &lazy.stop), (dense.steps, &dense.stop), "{what}");
    let points = |run: &Run<F>| {
        let all = [
            Some(run.params.clone()),
            Some(run.best.params.clone()),
            run.average.clone(),
        ];
        all.map(|params| {
            params
                .map(|params| params.as_slice().to_vec())
                .unwrap_or_default()
        })
        .concat()
    };
    let numbers = |run: &Run<F>| {
        let points = points(run).into_iter().map(Scalar::to_f64_exact);
        let records = run.history.iter().flat_map(|record| {
            let metrics = record.metrics.iter().map(|(_, value)| *value);
            [record.loss, record.validation_loss.unwrap_or(0.0)]
                .into_iter()
                .chain(metrics)
        });
        points.chain(records).collect::<Vec<_>>()
    };
    let (lazy, dense) = (numbers(lazy), numbers(dense));
    assert_eq!(lazy.len(), dense.len(), "{what}");
    for (i, (a, b)) in lazy.iter().zip(&dense).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{what}: number {i} is {a}, not {b}"
        );
    }
}

fn model() -> Linear {
    Linear::new(COLUMNS, 1).unwrap()
}

#[test]
fn every_optimizer_gives_what_it_gives_on_dense_inputs() {
    let rows = rows::<f64>(60, |_| false);
    let (model, loss) = (model(), BinaryCrossEntropy::new());
    for (lazy, dense) in optimizers::everything().zip(optimizers::everything()) {
        let name = lazy.name().to_owned();
        let optimizers = std::cell::RefCell::new(vec![dense, lazy]);
        let pair = both!(rows, |data| {
            let optimizer = optimizers.borrow_mut().pop().unwrap();
            let own = optimizer.batch().is_some();
            let rate = optimizer.default_rate().min(0.05);
            let trainer = Trainer::new(optimizer)
                .learning_rate(Decay::inverse_time(rate, 0.01, Span::Steps(1)))
                .epochs(if own { 20 } else { 3 });
            let trainer = if own { trainer } else { trainer.batch(4) };
            trainer.fit(&model, &loss, &data).unwrap()
        });
        assert_close(&name, &pair, 1e-9);
    }
}

type Make = fn() -> Trainer<'static, f64>;

#[test]
fn every_setting_gives_what_it_gives_on_dense_inputs() {
    let settings: [(&str, Make); 10] = [
        ("a momentum that is 0 now and then", || {
            let momentum = from_fn(|progress| [0.9, 0.9, 0.0, 0.5][(progress.step / 3 % 4) as usize]);
            Trainer::new(Momentum::new(0.9).dampening(0.2)).momentum(momentum)
        }),
        ("decay of a group", || {
            Trainer::new(Adam::new().weight_decay(0.1)).group(Group::new("weight").decay(0.3))
        }),
        ("decoupled decay of a group", || {
            Trainer::new(AdamW::default()).group(Group::new("weight").decay(5.0).rate(2.0))
        }),
        ("frozen weight", || {
            Trainer::new(AdamW::default()).group(Group::new("weight").frozen())
        }),
        ("scheduled weight decay", || {
            Trainer::new(Momentum::new(0.9).weight_decay(0.1)).weight_decay(Decay::exponential(
                0.1,
                0.9,
                Span::Steps(1),
            ))
        }),
        ("scheduled beta2", || {
            Trainer::new(Adam::new()).beta2(Decay::exponential(0.999, 0.99, Span::Steps(1)))
        }),
        ("started elsewhere", || {
            let mut start = Params::zeros(model().layout());
            for (i, weight) in start.as_mut_slice().iter_mut().enumerate() {
                *weight = i as f64 / 10.0 - 1.0;
            }
            Trainer::new(Adam::new().weight_decay(0.01)).start_from(start)
        }),
        ("stopped by a callback", || {
            Trainer::new(Adam::new()).on_step(|event| match event.step {
                19 => Control::stop("enough"),
                _ => Control::Continue,
            })
        }),
        ("rate scaled by a callback", || {
            Trainer::new(Adam::new()).on_step(|event| match event.step % 7 {
                0 => Control::ScaleRate(0.9),
                _ => Control::Continue,
            })
        }),
        ("stopped by steps", || Trainer::new(Momentum::new(0.9)).steps(23)),
    ];
    let rows = rows(50, |row| row % 7 == 3);
    let (model, loss) = (model(), BinaryCrossEntropy::new());
    for (name, trainer) in settings {
        let pair = both!(rows, |data| {
            let trainer = trainer().learning_rate(0.05).batch(4).epochs(3);
            trainer.fit(&model, &loss, &data).unwrap()
        });
        assert_close(name, &pair, 1e-11);
    }
}

#[test]
fn weights_sums_and_what_is_held_out_are_the_same() {
    let (rows, unseen) = (rows(50, |_| false), rows(20, |row| row == 4));
    let weights = Array1::from_shape_fn(50, |row| (row % 4) as f64);
    let (model, loss) = (model(), BinaryCrossEntropy::new());
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let held_out = both!(unseen, |data| data.select(&Vec::from_iter(0..20)).unwrap());
        let largest = |predictions: downhill::ndarray::ArrayView2<'_, f64>| {
            predictions.iter().copied().fold(f64::MIN, f64::max)
        };
        let trainer = || Trainer::new(Adam::new()).learning_rate(0.05).batch(4).epochs(4);
        let (sparse, dense) = (
            Dataset::new(&rows.sparse, &rows.targets)
                .unwrap()
                .weighted(&weights)
                .unwrap(),
            Dataset::new(&rows.dense, &rows.targets)
                .unwrap()
                .weighted(&weights)
                .unwrap(),
        );
        let lazy = EmpiricalRisk::new(&model, &loss, &sparse)
            .validation(&held_out.0)
            .metric("largest", |predictions, _| largest(predictions))
            .reduction(reduction);
        let full = EmpiricalRisk::new(&model, &loss, &dense)
            .validation(&held_out.1)
            .metric("largest", |predictions, _| largest(predictions))
            .reduction(reduction);
        let pair = (
            trainer().minimize(lazy).unwrap(),
            trainer().minimize(full).unwrap(),
        );
        assert_eq!(pair.0.best.step, pair.1.best.step);
        assert_close(&format!("{reduction:?}"), &pair, 1e-11);
    }
}

#[test]
fn a_weight_may_be_late_by_many_steps() {
    let rows = rows(450, |_| false);
    let (model, loss) = (model(), BinaryCrossEntropy::new());
    let rules: [fn() -> Box<dyn Optimizer<f64>>; 4] = [
        || Box::new(Momentum::new(0.99).weight_decay(0.01)),
        || Box::new(AdamW::default()),
        || Box::new(Adam::new().amsgrad()),
        || Box::new(RmsProp::new().momentum(0.9)),
    ];
    for rule in rules {
        let pair = both!(rows, |data| {
            let trainer = Trainer::new(rule()).order(Order::Sequential).batch(1).epochs(2);
            trainer.learning_rate(0.01).fit(&model, &loss, &data).unwrap()
        });
        assert_close(rule().name(), &pair, 1e-10);
    }
}

#[test]
fn single_precision_is_as_close_as_it_can_be() {
    let rows = rows::<f32>(50, |_| false);
    let (model, loss) = (model(), BinaryCrossEntropy::new());
    let rules: [fn() -> Box<dyn Optimizer<f32>>; 3] = [
        || Box::new(Momentum::new(0.9).weight_decay(0.1)),
        || Box::new(Adagrad::new().decoupled_weight_decay(0.1)),
        || Box::new(Adam::new()),
    ];
    for rule in rules {
        let pair = both!(rows, |data| {
            let trainer = Trainer::new(rule()).learning_rate(0.05).batch(4).epochs(3);
            trainer.fit(&model, &loss, &data).unwrap()
        });
        assert_close(rule().name(), &pair, 1e-4);
    }
}

/// All rows of the second batch are empty, and in the second run all rows of all.
#[test]
fn rows_without_entries_train_the_intercept() {
    let (model, loss) = (model(), BinaryCrossEntropy::new());
    for is_empty in [|row: usize| (4..8).contains(&row), |_| true] {
        let rows = rows::<f64>(22, is_empty);
        for decay in [0.0, 0.1] {
            let pair = both!(rows, |data| {
                let trainer = Trainer::new(Adam::new().weight_decay(decay))
                    .order(Order::Sequential)
                    .batch(4)
                    .epochs(3);
                trainer.fit(&model, &loss, &data).unwrap()
            });
            assert_close("empty rows", &pair, 1e-12);
            assert_ne!(pair.0.params.as_slice()[COLUMNS], 0.0);
        }
    }
}

#[test]
fn steps_that_are_not_finite_are_left_out_or_gone_back_on_alike() {
    let rows = rows::<f64>(40, |_| false);
    let (model, loss) = (model(), BinaryCrossEntropy::new());
    for policy in [
        NonFinite::Skip { at_most: 3 },
        NonFinite::Back {
            factor: 0.5,
            at_most: 3,
        },
    ] {
        let trainer = || {
            let trainer = Trainer::new(Adam::new().weight_decay(0.01)).learning_rate(0.05);
            trainer.epochs(3).non_finite(policy)
        };
        // The entries of batch 13 are not numbers.
        let spoilt = |number, entry: f64| {
            if number == 13 && entry != 0.0 {
                f64::NAN
            } else {
                entry
            }
        };
        let labels = |number: u64| {
            let start = number as usize % 10 * 4;
            rows.targets.slice(s![start..start + 4]).to_owned()
        };
        let sparse = Stream::new(|number, (inputs, targets): &mut (Csr<f64>, Array1<f64>)| {
            *inputs = Csr::new(COLUMNS)?;
            for row in 0..4 {
                let (columns, values) = rows.sparse.row(number as usize % 10 * 4 + row);
                inputs.push(
                    columns
                        .iter()
                        .map(|&column| column as usize)
                        .zip(values.iter().map(|&value| spoilt(number, value))),
                )?;
            }
            *targets = labels(number);
            Ok(())
        });
        let dense = Stream::new(|number, (inputs, targets): &mut (Array2<f64>, Array1<f64>)| {
            let start = number as usize % 10 * 4;
            *inputs = rows
                .dense
                .slice(s![start..start + 4, ..])
                .mapv(|value| spoilt(number, value));
            *targets = labels(number);
            Ok(())
        });
        let pair = (
            trainer()
                .minimize(StreamRisk::new(&model, &loss, sparse, 10))
                .unwrap(),
            trainer()
                .minimize(StreamRisk::new(&model, &loss, dense, 10))
                .unwrap(),
        );
        assert_eq!(pair.0.steps, 30);
        assert_close(&format!("{policy:?}"), &pair, 1e-11);
    }
}
