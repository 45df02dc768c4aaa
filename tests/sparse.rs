//! Sparse inputs give what dense ones give, at the price of their entries.
#![cfg(feature = "sparse")]

use approx::assert_relative_eq;
use downhill::data::{Batch, Csr, FeatureHasher, Order, Samples, Stream};
use downhill::model;
use downhill::ndarray::{Array1, Array2, array};
use downhill::objective::{Objective, StreamRisk};
use downhill::optim::{
    Adamax, Adan, Adopt, Asgd, FtrlProximal, Lamb, Lazy, Lion, Madgrad, NAdam, Optimizer, Rprop,
    ScheduleFree, SignSgd, State, Untouched, Yogi,
};
use downhill::prelude::*;
use downhill::rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};
use downhill::schedule::Decay;
use downhill::train::{Average, Constraint};
use proptest::prelude::*;

const COLUMNS: usize = 40;

/// Rows with a few entries each, the first columns in most of them and the last in hardly any.
fn data(rows: usize) -> (Csr<f64>, Array2<f64>, Array1<f64>, Array1<usize>) {
    let mut random = ChaCha12Rng::seed_from_u64(5);
    let mut sparse = Csr::new(COLUMNS).unwrap();
    for _ in 0..rows {
        let entries: Vec<_> = (0..5)
            .map(|_| {
                let column = (COLUMNS as f64 * random.random::<f64>().powi(3)) as usize;
                (column, random.random_range(-1.0..1.0))
            })
            .collect();
        sparse.push(entries).unwrap();
    }
    let dense = sparse.to_dense();
    let sums: Vec<f64> = dense.outer_iter().map(|row| row.sum()).collect();
    let targets = sums.iter().map(|&sum| f64::from(sum > 0.0)).collect();
    let labels = sums.iter().map(|sum| (sum.abs() * 2.0) as usize % 3).collect();
    (sparse, dense, targets, labels)
}

type Rule = fn() -> Box<dyn Optimizer<f64>>;

fn rules() -> Vec<(&'static str, Rule)> {
    vec![
        ("descent", || Box::new(MiniBatchSgd::new(4))),
        ("descent, L2", || Box::new(MiniBatchSgd::new(4).weight_decay(0.1))),
        ("descent, decay", || {
            Box::new(MiniBatchSgd::new(4).decoupled_weight_decay(0.1))
        }),
        ("descent, L1", || Box::new(MiniBatchSgd::new(4).l1(0.01))),
        ("sign", || Box::new(SignSgd::new())),
        ("momentum", || Box::new(Momentum::new(0.9).dampening(0.1))),
        ("nesterov", || Box::new(Momentum::new(0.8).nesterov())),
        ("momentum, L2", || Box::new(Momentum::new(0.9).weight_decay(0.05))),
        ("momentum, bounded", || {
            Box::new(Momentum::new(0.9).bounded(-0.2, 0.2))
        }),
        ("adagrad", || Box::new(Adagrad::new().rate_decay(0.01))),
        ("adagrad, decay", || {
            Box::new(Adagrad::new().decoupled_weight_decay(0.1))
        }),
        ("rmsprop", || Box::new(RmsProp::new())),
        ("rmsprop, all", || {
            Box::new(RmsProp::new().centred().momentum(0.7))
        }),
        ("rmsprop, keras", || Box::new(RmsProp::keras().momentum(0.7))),
        ("adam", || Box::new(Adam::new())),
        ("adam, quick", || Box::new(Adam::new().beta1(0.3).beta2(0.5))),
        ("adam, no first moment", || Box::new(Adam::new().beta1(0.0))),
        ("amsgrad", || Box::new(Adam::new().amsgrad())),
        ("amsgrad, optax", || Box::new(Adam::optax().amsgrad())),
        ("adamw", || Box::new(Adam::new().decoupled_weight_decay(0.1))),
        ("momentum, clipped", || {
            Box::new(Momentum::new(0.9).clip_value(0.05))
        }),
        ("adam, clipped, no decay", || {
            Box::new(
                Adam::new()
                    .weight_decay(0.0)
                    .clip_value(0.01)
                    .decoupled_weight_decay(0.0),
            )
        }),
        ("descent, bounded", || {
            Box::new(MiniBatchSgd::new(4).bounded(-0.1, 0.1))
        }),
        ("nadam", || Box::new(NAdam::new())),
        ("adamax", || Box::new(Adamax::new())),
        ("yogi", || Box::new(Yogi::new())),
        ("lion", || Box::new(Lion::new())),
        ("ftrl", || Box::new(FtrlProximal::new())),
        ("lookahead", || Box::new(Adam::new().lookahead().every(4))),
        ("tensor by tensor", || Box::new(Lamb::new())),
    ]
}

fn assert_close(what: &str, a: &Params<f64>, b: &Params<f64>) {
    for (i, (a, b)) in a.as_slice().iter().zip(b.as_slice()).enumerate() {
        assert!(
            (a - b).abs() <= 1e-11 * b.abs().max(1.0),
            "{what}: weight {i} is {a}, not {b}"
        );
    }
}

#[test]
fn every_rule_gives_what_it_gives_on_dense_inputs() {
    let (sparse, dense, targets, labels) = data(60);
    for (name, rule) in rules() {
        for schedule in [0.0, 0.02] {
            let trainer = || {
                let trainer =
                    Trainer::new(rule()).learning_rate(Decay::inverse_time(0.05, schedule, Span::Steps(1)));
                let trainer = trainer.epochs(3).clip_norm(0.5);
                if rule().batch().is_none() {
                    trainer.batch(4)
                } else {
                    trainer
                }
            };
            let logistic = Linear::new(COLUMNS, 1).unwrap();
            let loss = BinaryCrossEntropy::new();
            let a = trainer()
                .fit(&logistic, &loss, &Dataset::new(&sparse, &targets).unwrap())
                .unwrap();
            let b = trainer()
                .fit(&logistic, &loss, &Dataset::new(&dense, &targets).unwrap())
                .unwrap();
            assert_close(name, &a.params, &b.params);
            assert_relative_eq!(a.history[2].loss, b.history[2].loss, max_relative = 1e-11);
            let softmax = Linear::without_intercept(COLUMNS, 3).unwrap();
            let a = trainer()
                .fit(
                    &softmax,
                    &SoftmaxCrossEntropy,
                    &Dataset::new(&sparse, &labels).unwrap(),
                )
                .unwrap();
            let b = trainer()
                .fit(
                    &softmax,
                    &SoftmaxCrossEntropy,
                    &Dataset::new(&dense, &labels).unwrap(),
                )
                .unwrap();
            assert_close(name, &a.params, &b.params);
        }
    }
}

/// A run on the sparse inputs and one on the dense, with the same settings.
fn both(trainer: impl Fn() -> Trainer<'static, f64>) -> (Run<f64>, Run<f64>) {
    let (sparse, dense, targets, _) = data(50);
    let (model, loss) = (Linear::new(COLUMNS, 1).unwrap(), BinaryCrossEntropy::new());
    (
        trainer()
            .fit(&model, &loss, &Dataset::new(&sparse, &targets).unwrap())
            .unwrap(),
        trainer()
            .fit(&model, &loss, &Dataset::new(&dense, &targets).unwrap())
            .unwrap(),
    )
}

type Make = Box<dyn Fn() -> Trainer<'static, f64>>;

#[test]
fn whatever_surrounds_the_rule_sees_all_weights() {
    let adam = || Trainer::new(Adam::new()).learning_rate(0.05).batch(4).epochs(2);
    let trainers: Vec<(&str, Make)> = vec![
        (
            "average",
            Box::new(move || adam().average(Average::exponential(0.9))),
        ),
        (
            "constraint",
            Box::new(move || adam().constrain("weight", Constraint::NonNegative)),
        ),
        ("accumulation", Box::new(move || adam().accumulate(3))),
        ("sharpness", Box::new(move || adam().sharpness_aware(0.05))),
        (
            "group",
            Box::new(move || adam().group(Group::new("weight").rate(0.3))),
        ),
        (
            "frozen",
            Box::new(move || adam().group(Group::new("bias").frozen())),
        ),
        (
            "momentum by schedule",
            Box::new(move || adam().momentum(Decay::exponential(0.9, 0.99, Span::Steps(1)))),
        ),
        ("in the middle", Box::new(move || adam().steps(17))),
        (
            "one row",
            Box::new(|| Trainer::new(Sgd.weight_decay(0.1)).epochs(2)),
        ),
        (
            "all rows",
            Box::new(|| Trainer::new(GradientDescent.l1(0.01)).epochs(20)),
        ),
    ];
    for (name, trainer) in trainers {
        let (a, b) = both(trainer);
        assert_close(name, &a.params, &b.params);
        assert_close(name, &a.best.params, &b.best.params);
        if let (Some(a), Some(b)) = (&a.average, &b.average) {
            assert_close(name, a, b);
        }
    }
}

/// More steps than the ledger has room for, and a rate that never stays the same.
#[test]
fn a_full_ledger_is_closed_in_time() {
    let (a, b) = both(|| {
        Trainer::new(Adam::new())
            .learning_rate(Decay::inverse_time(0.05, 0.001, Span::Steps(1)))
            .batch(1)
            .epochs(50)
    });
    assert_eq!(a.steps, 2500);
    assert_close("adam", &a.params, &b.params);
}

#[test]
fn touched_only_moves_only_what_is_touched() {
    let mut layout = Layout::new();
    let weight = layout.add("weight", (3, 2)).unwrap();
    let bias = layout.add("bias", 2).unwrap();
    let (adam, mut state) = (Adam::new(), State::new(&Adam::new(), &layout, &[]).unwrap());
    let mut weights = vec![1.0; 8];
    let mut gradient = Gradient::<f64>::sparse(&layout);
    gradient.row_mut(&weight, 1).copy_from_slice(&[0.5, -0.5]);
    gradient.view_mut(&bias).fill(1.0);
    assert!(gradient.is_sparse());
    assert_eq!(gradient.touched(), 4);
    adam.step_touched(&mut state, &mut weights, &gradient, 0.1.into())
        .unwrap();
    gradient.clear();
    gradient.row_mut(&weight, 2)[0] = 1.0;
    adam.step_touched(&mut state, &mut weights, &gradient, 0.1.into())
        .unwrap();
    let moved: Vec<bool> = weights.iter().map(|&w| w != 1.0).collect();
    assert_eq!(moved, [false, false, true, true, true, false, true, true]);
    // The first two moved by one step of Adam, which is the learning rate; the second step left them where they were.
    assert_relative_eq!(weights[2], 0.9, max_relative = 1e-6);
    assert_relative_eq!(weights[3], 1.1, max_relative = 1e-6);
}

#[test]
fn a_trainer_that_is_lazy_by_touch_leaves_rare_weights_alone() {
    let (sparse, dense, targets, _) = data(50);
    let (model, loss) = (
        Linear::without_intercept(COLUMNS, 1).unwrap(),
        BinaryCrossEntropy::new(),
    );
    let data = Dataset::new(&sparse, &targets).unwrap();
    let trainer = || {
        Trainer::new(Momentum::new(0.9))
            .batch(1)
            .order(Order::Sequential)
            .steps(2)
    };
    let touched = trainer().lazy(Lazy::Touched).fit(&model, &loss, &data).unwrap();
    let exact = trainer().fit(&model, &loss, &data).unwrap();
    for column in 0..COLUMNS {
        let (first, second) = (dense[[0, column]] != 0.0, dense[[1, column]] != 0.0);
        let (a, b) = (touched.params.as_slice()[column], exact.params.as_slice()[column]);
        assert_eq!(a != 0.0, first || second);
        // A weight of the first row only has rolled on in the second step.
        assert_eq!(a != b, first && !second, "column {column}: {a}, {b}");
    }
}

/// The rows four at a time, over and over.
fn stream(rows: usize) -> Stream<'static, (Csr<f64>, Array1<f64>)> {
    let (inputs, _, targets, _) = data(rows);
    Stream::new(move |number, batch: &mut (Csr<f64>, Array1<f64>)| {
        let start = number as usize * 4 % rows;
        let chosen: Vec<usize> = (start..(start + 4).min(rows)).collect();
        batch.0.gather(&inputs.view(), &chosen);
        batch.1.gather(&targets.view(), &chosen);
        Ok(())
    })
}

#[test]
fn a_stream_of_sparse_rows_has_the_bits_of_memory() {
    let (inputs, _, targets, _) = data(40);
    let (model, loss) = (Linear::new(COLUMNS, 1).unwrap(), BinaryCrossEntropy::new());
    let data = Dataset::new(&inputs, &targets).unwrap();
    for lazy in [Lazy::Exact, Lazy::Touched] {
        let kept =
            |rule: &dyn Optimizer<f64>| lazy == Lazy::Exact || rule.untouched() != Untouched::MoveFromFirst;
        for (name, rule) in rules().into_iter().filter(|(_, rule)| kept(&*rule())) {
            let trainer = || Trainer::new(rule()).lazy(lazy).learning_rate(0.05).epochs(3);
            let memory = trainer().order(Order::Sequential);
            let memory = if rule().batch().is_none() {
                memory.batch(4)
            } else {
                memory
            };
            let memory = memory.fit(&model, &loss, &data).unwrap();
            let streamed = trainer()
                .minimize(StreamRisk::new(&model, &loss, stream(40), 10))
                .unwrap();
            assert_eq!(memory.params, streamed.params, "{name}, {lazy:?}");
        }
    }
}

#[test]
fn a_stream_of_sparse_rows_touches_only_theirs() {
    let (model, loss) = (
        Linear::without_intercept(COLUMNS, 1).unwrap(),
        BinaryCrossEntropy::new(),
    );
    let mut risk = StreamRisk::new(&model, &loss, stream(40), 10);
    let mut gradient = Gradient::<f64>::sparse(model.layout());
    assert!(risk.is_sparse());
    risk.touch(&Batch::Range(0..1), &mut gradient).unwrap();
    let touched = gradient.touched();
    assert!((1..=20).contains(&touched), "{touched}");
    risk.value_and_gradient(&Params::zeros(model.layout()), &Batch::Range(0..1), &mut gradient)
        .unwrap();
    assert_eq!(gradient.touched(), touched);
    assert!(risk.touch(&Batch::Range(0..2), &mut gradient).is_err());
}

#[test]
fn a_gradient_reads_the_same_sparse_or_dense() {
    let mut layout = Layout::new();
    let weight = layout.add("weight", (10, 2)).unwrap();
    layout.add("nothing", 0).unwrap();
    let bias = layout.add("bias", 3).unwrap();
    let (mut sparse, mut dense) = (Gradient::<f64>::sparse(&layout), Gradient::zeros(&layout));
    let mut random = ChaCha12Rng::seed_from_u64(3);
    for _ in 0..50 {
        for gradient in [&mut sparse, &mut dense] {
            gradient.clear();
        }
        for _ in 0..random.random_range(0..8) {
            let (row, value) = (random.random_range(0..10), random.random_range(-1.0..1.0));
            sparse.row_mut(&weight, row)[1] += value;
            dense.row_mut(&weight, row)[1] += value;
        }
        assert_eq!(sparse, dense);
        if random.random() {
            sparse.view_mut(&bias)[2] += 1.0;
            dense.view_mut(&bias)[2] += 1.0;
        }
        if random.random() {
            // All rows at once, after some by themselves.
            sparse.view_mut(&weight)[[3, 0]] += 2.0;
            dense.view_mut(&weight)[[3, 0]] += 2.0;
            sparse.row_mut(&weight, 4)[0] -= 1.0;
            dense.row_mut(&weight, 4)[0] -= 1.0;
        }
        assert_eq!(sparse, dense);
        assert_relative_eq!(sparse.norm(), dense.norm(), max_relative = 1e-14);
    }
    sparse.clear();
    sparse.row_mut(&weight, 7)[0] = f64::NAN;
    assert!(!sparse.is_finite() && sparse.norm().is_nan());
    // Changed as a whole, it is dense from then on.
    sparse.as_mut_slice()[0] = 1.0;
    assert!(!sparse.is_sparse());
    assert_eq!(sparse.touched(), 23);
    assert!(sparse.view(&weight)[[7, 0]].is_nan());
}

#[test]
fn rules_know_whether_weights_rest() {
    let untouched = |rule: Box<dyn Optimizer<f64>>| rule.untouched();
    assert_eq!(untouched(Box::new(Sgd)), Untouched::Rest);
    assert_eq!(
        untouched(Box::new(Adagrad::new().clip_value(1.0).maximize())),
        Untouched::Rest
    );
    assert_eq!(untouched(Box::new(Sgd.weight_decay(0.1))), Untouched::Move);
    assert_eq!(untouched(Box::new(Adam::new())), Untouched::Move);
    assert_eq!(untouched(Box::new(Lamb::new())), Untouched::Needed);
}

/// What begins with the first step cannot begin later: weights first touched then would start from 0.
#[test]
fn rules_that_begin_with_the_first_step_are_refused_where_weights_miss_it() {
    let mut inputs = Csr::<f64>::new(3).unwrap();
    for column in [0, 2] {
        inputs.push([(column, 1.0)]).unwrap();
    }
    let targets = downhill::ndarray::array![5.0, -5.0];
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(3, 1).unwrap();
    let train = |rule: Box<dyn Optimizer<f64>>, lazy| {
        let trainer = Trainer::new(rule).lazy(lazy).batch(1).epochs(1);
        trainer.fit(&model, &MeanSquaredError, &data).map(|run| run.steps)
    };
    type Make = fn() -> Box<dyn Optimizer<f64>>;
    let rules: [Make; 9] = [
        || Box::new(Rprop::new()),
        || Box::new(Adopt::new()),
        || Box::new(Madgrad::new()),
        || Box::new(ScheduleFree::sgd()),
        || Box::new(ScheduleFree::adamw()),
        || Box::new(Asgd::new()),
        || Box::new(Adan::new()),
        || Box::new(Sgd.lookahead()),
        || {
            Box::new(
                Rprop::new()
                    .clip_value(1.0)
                    .weight_decay(0.1)
                    .maximize()
                    .l1(0.1)
                    .bounded(-1.0, 1.0),
            )
        },
    ];
    for rule in rules {
        assert_eq!(rule().untouched(), Untouched::MoveFromFirst);
        assert_eq!(train(rule(), Lazy::Exact), Ok(2));
        let message = train(rule(), Lazy::Touched).unwrap_err().to_string();
        assert!(
            message.contains("lazy is Lazy::Touched") && message.contains("Lazy::Exact"),
            "{message}"
        );
    }
    assert_eq!(train(Box::new(Adam::new()), Lazy::Touched), Ok(2));
}

#[test]
fn rows_are_sorted_and_added_up() {
    let mut matrix = Csr::new(5).unwrap();
    matrix.push([(4, 1.0), (0, 2.0), (4, 0.5)]).unwrap();
    matrix.push([]).unwrap();
    assert_eq!(matrix.row(0), (&[0, 4][..], &[2.0, 1.5][..]));
    assert_eq!((matrix.rows(), matrix.columns(), matrix.entries()), (2, 5, 2));
    let error = matrix.push([(1, 1.0), (5, 1.0)]).unwrap_err();
    assert_eq!(error.to_string(), "a column is 5, but must be below 5");
    assert_eq!(matrix.rows(), 2);
    assert!(matches!(
        Csr::<f32>::new(usize::MAX),
        Err(Error::InvalidArgument { .. })
    ));
    for columns in [0, 1 << 31] {
        let error = FeatureHasher::new(columns).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("columns is {columns}, but must be from 1 to 2147483647")
        );
    }
}

#[test]
fn sprs_comes_and_goes() {
    let (matrix, ..) = data(20);
    let sprs = matrix.to_sprs();
    assert_eq!(Csr::try_from(&sprs).unwrap(), matrix);
    assert_eq!(Csr::try_from(&sprs.to_csc()).unwrap(), matrix);
    assert_eq!(Csr::from_dense(&matrix.to_dense()).unwrap(), matrix);
    let empty = Csr::<f64>::new(7).unwrap();
    assert_eq!(Csr::try_from(&empty.to_sprs()).unwrap(), empty);
    let no_targets = Array1::<f64>::zeros(0);
    assert!(matches!(
        Dataset::<f64, _, _>::new(&empty, &no_targets),
        Err(Error::Empty { .. })
    ));
}

#[test]
fn bad_input_is_refused() {
    let (mut matrix, _, targets, _) = data(3);
    let model = Linear::new(COLUMNS + 1, 1).unwrap();
    let error = {
        let data = Dataset::new(&matrix, &targets).unwrap();
        Trainer::new(Sgd)
            .epochs(1)
            .fit(&model, &MeanSquaredError, &data)
            .unwrap_err()
    };
    assert_eq!(
        error,
        Error::ShapeMismatch {
            argument: "inputs (columns)".into(),
            given: vec![40],
            expected: vec![41]
        }
    );
    assert!(matches!(
        Dataset::<f64, _, _>::new(&matrix, &array![1.0]),
        Err(Error::ShapeMismatch { .. })
    ));
    matrix.push([(2, f64::NAN)]).unwrap();
    let targets = Array1::<f64>::zeros(4);
    let error = Dataset::<f64, _, _>::new(&matrix, &targets).unwrap_err();
    assert!(matches!(error, Error::NotFinite { position, .. } if position == matrix.entries() - 1));
}

proptest! {
    #[test]
    fn rows_can_be_sliced_and_gathered(
        rows in prop::collection::vec(prop::collection::btree_map(0_usize..30, -9_i32..9, 0..6), 1..12),
        seed: u64,
    ) {
        let mut matrix = Csr::<f32>::new(30).unwrap();
        for row in &rows {
            matrix.push(row.iter().map(|(&column, &value)| (column, value as f32))).unwrap();
        }
        let dense = matrix.to_dense();
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let chosen: Vec<usize> = (0..7).map(|_| random.random_range(0..rows.len())).collect();
        let (mut some, mut some_dense) = (Csr::default(), Array2::default((0, 0)));
        some.gather(&matrix.view(), &chosen);
        some_dense.gather(&dense.view(), &chosen);
        prop_assert_eq!(some.to_dense(), some_dense.clone());
        // A part of the gathered rows predicts what the dense part predicts.
        let model = Linear::new(30, 2).unwrap();
        let mut params = Params::<f32>::zeros(model.layout());
        for (i, weight) in params.as_mut_slice().iter_mut().enumerate() {
            *weight = (i % 7) as f32;
        }
        prop_assert_eq!(
            model::predict(&model, &params, &some).unwrap(),
            model::predict(&model, &params, &some_dense).unwrap()
        );
        let part = Csr::slice(&some.view(), 2..5);
        prop_assert_eq!(Csr::count(&part), 3);
        prop_assert_eq!(part.iter().map(|(_, values)| values.len()).sum::<usize>(),
            chosen[2..5].iter().map(|&row| rows[row].len()).sum::<usize>());
    }
}
