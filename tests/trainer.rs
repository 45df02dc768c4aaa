//! What the loop promises.

use std::cell::RefCell;
use std::time::Duration;

use downhill::data::Order;
use downhill::ndarray::{Array1, Array2, array};
use downhill::prelude::*;
use downhill::train::{Callback, Control, EpochEvent, StepEvent, Watch};

fn data(rows: usize) -> (Array2<f64>, Array1<f64>) {
    let inputs = Array2::from_shape_fn((rows, 2), |(i, j)| ((i * 5 + j * 7) % 11) as f64 / 5.0 - 1.0);
    let targets = inputs.dot(&array![1.0, -2.0]) + 0.3;
    (inputs, targets)
}

fn fit(trainer: Trainer<'_, f64>, rows: usize) -> Run<f64> {
    let (inputs, targets) = data(rows);
    let data = Dataset::new(&inputs, &targets).unwrap();
    trainer
        .fit(&Linear::new(2, 1).unwrap(), &MeanSquaredError, &data)
        .unwrap()
}

fn square(start: f64) -> Function<f64, impl FnMut(&[f64], &mut [f64]) -> f64> {
    Function::new(vec![start], |w: &[f64], g: &mut [f64]| {
        g[0] = 2.0 * w[0];
        w[0] * w[0]
    })
}

#[test]
fn a_run_ends_where_it_is_told() {
    let run = fit(Trainer::new(Adam::new()).batch(4).epochs(3), 10);
    assert_eq!(
        (run.stop, run.steps, run.epochs, run.history.len()),
        (StopReason::Finished, 9, 3, 3)
    );
    let run = fit(Trainer::new(Adam::new()).batch(4).steps(7), 10);
    assert_eq!(
        (run.stop, run.steps, run.epochs, run.history.len()),
        (StopReason::Finished, 7, 2, 2)
    );
    // Whichever comes first.
    let run = fit(Trainer::new(Adam::new()).batch(4).steps(7).epochs(1), 10);
    assert_eq!((run.steps, run.epochs), (3, 1));
    let run = fit(Trainer::new(Adam::new()).batch(4).drop_last().epochs(3), 10);
    assert_eq!(run.steps, 6);
    let run = fit(
        Trainer::new(Adam::new()).time_limit(Duration::from_millis(20)),
        10,
    );
    assert_eq!(run.stop, StopReason::TimeLimit);
    assert!(run.steps > 0);
}

#[test]
fn callbacks_stop_a_run_and_see_all_of_it() {
    #[derive(Default)]
    struct Seen {
        steps: Vec<u64>,
        epochs: Vec<u64>,
        ended: u64,
    }
    struct Witness<'a>(&'a RefCell<Seen>);
    impl Callback<f64> for Witness<'_> {
        fn on_step(&mut self, event: &StepEvent<'_, f64>) -> Control {
            self.0.borrow_mut().steps.push(event.step);
            Control::Continue
        }
        fn on_epoch(&mut self, event: &EpochEvent<'_, f64>) -> Control {
            self.0.borrow_mut().epochs.push(event.record.epoch);
            if event.record.epoch == 2 {
                Control::stop("seen enough")
            } else {
                Control::Continue
            }
        }
        fn on_end(&mut self, run: &mut Run<f64>) {
            assert_eq!(run.steps, 6);
            self.0.borrow_mut().ended += 1;
        }
    }
    let seen = RefCell::default();
    let run = fit(
        Trainer::new(Adam::new())
            .batch(4)
            .epochs(9)
            .callback(Witness(&seen)),
        10,
    );
    assert_eq!(run.stop, StopReason::Callback("seen enough".into()));
    let seen = seen.into_inner();
    assert_eq!(
        (seen.steps, seen.epochs, seen.ended),
        ((1..=6).collect(), vec![1, 2], 1)
    );

    let stop = |event: &StepEvent<'_, f64>| {
        if event.step == 5 {
            Control::stop("five")
        } else {
            Control::Continue
        }
    };
    let run = fit(Trainer::new(Adam::new()).batch(4).epochs(9).on_step(stop), 10);
    assert_eq!((run.stop, run.steps), (StopReason::Callback("five".into()), 5));
}

/// Values and gradients that turn bad at the fourth look.
fn turning(value: f64, slope: f64) -> Function<f64, impl FnMut(&[f64], &mut [f64]) -> f64> {
    let mut looks = 0;
    Function::new(vec![8.0], move |w: &[f64], g: &mut [f64]| {
        looks += 1;
        let bad = looks == 4;
        g[0] = if bad { slope } else { w[0] };
        if bad { value } else { w[0] * w[0] / 2.0 }
    })
}

#[test]
fn what_is_not_finite_ends_the_run_before_the_update() {
    for (objective, what) in [
        (turning(f64::NAN, 1.0), "loss"),
        (turning(f64::INFINITY, 1.0), "loss"),
        (turning(1.0, f64::NAN), "gradient"),
        (turning(1.0, f64::NEG_INFINITY), "gradient"),
    ] {
        let run = Trainer::new(GradientDescent)
            .learning_rate(0.5)
            .steps(100)
            .minimize(objective)
            .unwrap();
        assert_eq!(run.stop, StopReason::NonFinite { what, step: 3 });
        assert_eq!(run.params.as_slice(), [1.0]);
        assert_eq!(
            (run.best.value, run.best.step, run.best.params.as_slice()),
            (2.0, 2, &[2.0][..])
        );
    }
    // An update that itself overflows: what is given back is finite.
    let run = Trainer::new(GradientDescent)
        .learning_rate(1e300)
        .steps(100)
        .minimize(square(1e10))
        .unwrap();
    assert!(run.params.is_finite() && run.best.value.is_finite());
}

#[test]
fn the_best_point_of_a_function_is_exact() {
    // From 1 with rate 1.25 the point goes to −1.5, 2.25, …: the best is the start.
    let run = Trainer::new(GradientDescent)
        .learning_rate(1.25)
        .steps(10)
        .minimize(square(1.0))
        .unwrap();
    assert_eq!(
        (run.best.value, run.best.step, run.best.params.as_slice()),
        (1.0, 0, &[1.0][..])
    );
    // From 1 with rate 0.25 every step halves: the best is the last point, which no step has looked at.
    let run = Trainer::new(GradientDescent)
        .learning_rate(0.25)
        .steps(3)
        .minimize(square(1.0))
        .unwrap();
    assert_eq!((run.best.value, run.best.step), (1.0 / 64.0, 3));
    assert_eq!(run.best.params, run.params);
}

#[test]
fn the_best_is_chosen_by_what_was_asked_for() {
    let (inputs, targets) = data(20);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(2, 1).unwrap();
    let count = RefCell::new(0);
    // A metric that peaks after the third epoch.
    let peak = |_: downhill::ndarray::ArrayView2<'_, f64>, _: &downhill::ndarray::ArrayView1<'_, f64>| {
        *count.borrow_mut() += 1;
        -f64::from(i32::abs(*count.borrow() - 3))
    };
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).metric("peak", peak);
    let run = Trainer::new(Adam::new())
        .batch(10)
        .epochs(6)
        .best_by(Watch::highest("peak"))
        .minimize(risk)
        .unwrap();
    assert_eq!((run.best.value, run.best.step), (0.0, 6));
    assert_eq!(run.history[2].get("peak"), Some(0.0));
    assert_eq!(run.history[5].get("peak"), Some(-3.0));
    assert_eq!(run.history[5].get("nothing"), None);
}

#[test]
fn the_history_holds_what_happened() {
    // One weight, two rows in order, batches of one: p = w x, loss (p − y)², by hand.
    let (inputs, targets) = (array![[1.0], [2.0]], array![1.0, 0.0]);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::without_intercept(1, 1).unwrap();
    let run = Trainer::new(Sgd)
        .learning_rate(StepDecay::new(0.25, Span::Epochs(1)).factor(0.5))
        .order(Order::Sequential)
        .epochs(2)
        .minimize(EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data))
        .unwrap();
    // w: 0 → 0.5 (g = −2) → −0.5 (g = 4); then with half the rate → −0.125 (g = −3) → 0 (g = −1).
    assert_eq!(run.params.as_slice(), [0.0]);
    let [first, second] = &run.history[..] else {
        panic!("two epochs")
    };
    assert_eq!(
        (first.epoch, first.step, first.loss, first.learning_rate),
        (1, 2, 1.0, 0.25)
    );
    assert_eq!(
        (second.epoch, second.step, second.loss, second.learning_rate),
        (2, 4, (2.25 + 0.0625) / 2.0, 0.125)
    );
    assert_eq!(
        (first.validation_loss, second.validation_loss),
        (Some((2.25 + 1.0) / 2.0), Some(0.5))
    );
    assert!(first.seconds >= 0.0 && second.seconds >= first.seconds);
}

#[test]
fn the_history_of_a_long_run_is_thinned_evenly() {
    let run = Trainer::new(GradientDescent)
        .learning_rate(1e-3)
        .steps(10_000)
        .minimize(square(1.0))
        .unwrap();
    assert!(run.history.len() < 4096 && run.history.len() > 1000);
    let spacing = run.history[0].step;
    assert!(
        run.history
            .iter()
            .enumerate()
            .all(|(i, record)| record.step == spacing * (i as u64 + 1))
    );
}

#[test]
fn schedules_are_asked_at_every_batch() {
    let seen = RefCell::new(Vec::new());
    let listener = |event: &StepEvent<'_, f64>| {
        seen.borrow_mut()
            .push((event.rates.learning_rate, event.rates.momentum));
    };
    let schedule = Cyclical::new(0.0, 0.5, Span::Steps(2)).momentum(0.5, 1.0 - 0.25);
    fit(
        Trainer::new(Momentum::new(0.9))
            .learning_rate(schedule)
            .batch(2)
            .epochs(1)
            .on_step(listener),
        10,
    );
    let expected = [(0.0, 0.75), (0.25, 0.625), (0.5, 0.5), (0.25, 0.625), (0.0, 0.75)];
    assert_eq!(
        seen.into_inner(),
        expected.map(|(rate, momentum)| (rate, Some(momentum)))
    );
}

#[test]
fn a_plateau_lowers_the_rate_of_a_fit() {
    // At the minimum from the start: nothing improves.
    let (inputs, targets) = (array![[1.0], [1.0]], array![1.0, -1.0]);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let run = Trainer::new(GradientDescent)
        .learning_rate(ReduceOnPlateau::new(0.1).factor(0.5).patience(2))
        .epochs(8)
        .fit(&Linear::new(1, 1).unwrap(), &MeanSquaredError, &data)
        .unwrap();
    let rates: Vec<f64> = run.history.iter().map(|record| record.learning_rate).collect();
    assert_eq!(rates, [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025]);
}

#[test]
fn weights_count_rows() {
    let (inputs, targets) = data(3);
    let weights = array![1.0, 2.0, 0.0];
    let weighted = Dataset::new(&inputs, &targets)
        .unwrap()
        .weighted(&weights)
        .unwrap();
    let repeated = Dataset::new(&inputs, &targets)
        .unwrap()
        .select(&[0, 1, 1])
        .unwrap();
    let model = Linear::new(2, 1).unwrap();
    let train = |data: &Dataset<'_, f64, _, _>| {
        Trainer::new(GradientDescent)
            .learning_rate(0.1)
            .epochs(5)
            .fit(&model, &MeanSquaredError, data)
            .unwrap()
    };
    let (a, b) = (train(&weighted), train(&repeated));
    for (a, b) in a.params.as_slice().iter().zip(b.params.as_slice()) {
        assert!((a - b).abs() < 1e-14);
    }
    assert!((a.history[4].loss - b.history[4].loss).abs() < 1e-14);
}

#[test]
fn a_sum_is_as_many_means() {
    let (inputs, targets) = data(12);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(2, 1).unwrap();
    let train = |reduction, rate| {
        let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).reduction(reduction);
        Trainer::new(MiniBatchSgd::new(4))
            .learning_rate(rate)
            .epochs(3)
            .minimize(risk)
            .unwrap()
    };
    let (mean, sum) = (train(Reduction::Mean, 0.1), train(Reduction::Sum, 0.025));
    for (a, b) in mean.params.as_slice().iter().zip(sum.params.as_slice()) {
        assert!((a - b).abs() < 1e-14);
    }
    assert!((12.0 * mean.history[0].loss - sum.history[0].loss).abs() < 1e-13);
}

/// 10 rows in batches of 4: the mean of the epoch weighs the last batch, of 2 rows, by its own size.
#[test]
fn a_short_batch_counts_by_its_size() {
    let (inputs, targets) = data(10);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(2, 1).unwrap();
    let run = Trainer::new(MiniBatchSgd::new(4))
        .learning_rate(0.0)
        .epochs(1)
        .fit(&model, &MeanSquaredError, &data)
        .unwrap();
    let whole = targets.mapv(|y| y * y).mean().unwrap();
    assert!(
        (run.history[0].loss - whole).abs() < 1e-15,
        "at zero weights the loss is the mean of y²"
    );
}

#[test]
fn groups_move_at_their_own_rate_or_stay() {
    let (inputs, targets) = data(10);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Mlp::new(&[2, 3, 1]).unwrap();
    let train = |group: Option<Group>, steps| {
        let mut trainer = Trainer::new(GradientDescent)
            .learning_rate(0.1)
            .steps(steps)
            .seed(3);
        if let Some(group) = group {
            trainer = trainer.group(group);
        }
        trainer.fit(&model, &MeanSquaredError, &data).unwrap().params
    };
    let start = {
        let mut params = Params::zeros(&Model::<f64>::layout(&model));
        let plain = train(Some(Group::new("*").frozen()), 1);
        params.as_mut_slice().copy_from_slice(plain.as_slice());
        params
    };
    let frozen = train(Some(Group::new("layer1/*").frozen()), 3);
    assert_eq!(
        frozen.get("layer1/weight").unwrap(),
        start.get("layer1/weight").unwrap()
    );
    assert_ne!(
        frozen.get("layer2/weight").unwrap(),
        start.get("layer2/weight").unwrap()
    );
    let (plain, double) = (train(None, 1), train(Some(Group::new("*/bias").rate(2.0)), 1));
    for name in ["layer1/bias", "layer2/bias"] {
        let (plain, double) = (plain.get(name).unwrap(), double.get(name).unwrap());
        for (plain, double) in plain.iter().zip(double) {
            assert!((2.0 * plain - double).abs() < 1e-15);
        }
    }
    assert_eq!(
        plain.get("layer1/weight").unwrap(),
        double.get("layer1/weight").unwrap()
    );
}
