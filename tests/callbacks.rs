//! What watches a run: histories, logs, early stopping, and what happens when numbers go bad.

mod folder;

use std::cell::{Cell, RefCell};
use std::fs;

use folder::Folder;

use downhill::Memo;
use downhill::ndarray::{Array1, Array2, ArrayView1, ArrayView2, array};
use downhill::prelude::*;
use downhill::schedule::Threshold;
use downhill::train::{
    Average, Callback, Control, EarlyStopping, EpochEvent, EpochStartEvent, NonFinite, SkipEvent, StartEvent,
    StepEvent, Verdict, Watch,
};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, proptest};

fn data(rows: usize) -> (Array2<f64>, Array1<f64>) {
    let inputs = Array2::from_shape_fn((rows, 2), |(i, j)| ((i * 5 + j * 7) % 11) as f64 / 5.0 - 1.0);
    let targets = inputs.dot(&array![1.0, -2.0]) + 0.3;
    (inputs, targets)
}

/// A run whose metric, called `name`, has these values.
fn fit_with_metric(trainer: Trainer<'_, f64>, name: &str, values: &[f64]) -> Result<Run<f64>, Error> {
    let (inputs, targets) = data(8);
    let data = Dataset::new(&inputs, &targets)?;
    let epoch = Cell::new(0);
    let metric = |_: ArrayView2<'_, f64>, _: &ArrayView1<'_, f64>| {
        epoch.set(epoch.get() + 1);
        values[epoch.get() - 1]
    };
    let model = Linear::new(2, 1)?;
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data);
    trainer.minimize(risk.validation(&data).metric(name, metric))
}

/// A run of so many epochs over a plane, two steps each.
fn fit(trainer: Trainer<'_, f64>) -> Result<Run<f64>, Error> {
    let (inputs, targets) = data(8);
    let data = Dataset::new(&inputs, &targets)?;
    trainer
        .batch(4)
        .fit(&Linear::new(2, 1)?, &MeanSquaredError, &data)
}

/// Asserts that a run is refused before its first step, with an error that has each of these parts.
#[track_caller]
fn refused(trainer: Trainer<'_, f64>, parts: &[&str]) {
    let stepped = Cell::new(false);
    let error = fit(trainer.epochs(1).on_step(|_| stepped.set(true))).unwrap_err();
    for part in parts {
        assert!(error.to_string().contains(part), "{error} does not say {part:?}");
    }
    assert!(!stepped.get());
}

#[test]
fn a_history_is_a_table_that_reads_back_to_the_bit() {
    let name = "a \"good\", or bad, score";
    let values = [0.1, f64::NAN, f64::NEG_INFINITY, 1e-300, -0.0];
    let rule = Adam::new().decoupled_weight_decay(0.1);
    let trainer = Trainer::new(rule).batch(4).epochs(5).weight_decay(0.5);
    let run = fit_with_metric(trainer, name, &values).unwrap();
    let names = [
        "epoch",
        "step",
        "loss",
        "validation_loss",
        name,
        "learning_rate",
        "weight_decay",
        "seconds",
    ];
    assert_eq!(run.history.names(), names);
    assert_eq!(run.history.column("step"), [2.0, 4.0, 6.0, 8.0, 10.0]);
    assert!(run.history.column("nothing").iter().all(|x| x.is_nan()));

    let folder = Folder::new();
    let path = folder.join("history.csv");
    run.history.csv(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    let quoted = "\"a \"\"good\"\", or bad, score\"";
    assert_eq!(lines.next(), Some(&*names.join(",").replace(name, quoted)));
    for (row, line) in lines.enumerate() {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let expected: Vec<f64> = names.iter().map(|name| run.history.column(name)[row]).collect();
        let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&cells), bits(&expected));
    }
    let nowhere = run.history.csv(path.join("in/a/file")).unwrap_err();
    assert!(
        matches!(
            nowhere,
            Error::Io {
                action: "written",
                ..
            }
        ),
        "{nowhere:?}"
    );
}

/// Writes down every event.
struct Witness<'a>(&'a RefCell<Vec<String>>, u64);

impl Callback<f64> for Witness<'_> {
    fn on_start(&mut self, event: &StartEvent<'_, f64>) -> Result<(), Error> {
        let StartEvent {
            optimizer,
            seed,
            step,
            steps_per_epoch,
            epochs,
            best_by,
            ..
        } = event;
        let best_by = best_by.name();
        let text = format!("start {optimizer} {seed} {step} {steps_per_epoch} {epochs:?} {best_by}");
        self.0.borrow_mut().push(text);
        Ok(())
    }
    fn on_epoch_start(&mut self, event: &EpochStartEvent<'_, f64>) -> Control {
        self.0.borrow_mut().push(format!("epoch {} begins", event.epoch));
        Control::Continue
    }
    fn on_step(&mut self, event: &StepEvent<'_, f64>) -> Control {
        self.0.borrow_mut().push(format!("step {}", event.step));
        if event.step == self.1 {
            Control::stop(format!("{} seen", self.1))
        } else {
            Control::Continue
        }
    }
    fn on_epoch(&mut self, event: &EpochEvent<'_, f64>) -> Control {
        self.0.borrow_mut().push(format!("epoch {}", event.record.epoch));
        Control::Continue
    }
    fn on_end(&mut self, run: &mut Run<f64>) {
        self.0.borrow_mut().push(format!("end {}", run.steps));
    }
}

#[test]
fn every_callback_is_told_of_everything_and_the_first_to_stop_gives_the_reason() {
    let (first, second) = (RefCell::default(), RefCell::default());
    let run = fit(Trainer::new(Adam::new())
        .epochs(9)
        .seed(3)
        .callback(Witness(&first, 3))
        .callback(Witness(&second, 3))
        .on_step(|event| match event.step {
            3 => Control::stop("too late"),
            _ => Control::Continue,
        }));
    assert_eq!(run.unwrap().stop, StopReason::Callback("3 seen".into()));
    let expected = [
        "start adam 3 0 2 Some(9) loss",
        "epoch 0 begins",
        "step 1",
        "step 2",
        "epoch 1",
        "epoch 1 begins",
        "step 3",
        "end 3",
    ];
    assert_eq!(first.into_inner(), expected);
    assert_eq!(second.into_inner(), expected);
}

#[test]
fn callbacks_change_the_rate() {
    let rates = RefCell::new(Vec::new());
    let run = fit(Trainer::new(Adam::new())
        .learning_rate(StepDecay::new(0.8, Span::Epochs(2)).factor(0.5))
        .epochs(4)
        .on_step(|event| rates.borrow_mut().push(event.rates.learning_rate))
        .on_step(|event| match event.step {
            3 => Control::ScaleRate(0.5),
            _ => Control::Continue,
        })
        .on_epoch(|event| match event.record.epoch {
            3 => Control::ScaleRate(0.25),
            _ => Control::Continue,
        }))
    .unwrap();
    assert_eq!(rates.into_inner(), [0.8, 0.8, 0.8, 0.4, 0.2, 0.2, 0.05, 0.05]);
    assert_eq!(run.history.column("learning_rate"), [0.8, 0.4, 0.2, 0.05]);
    for factor in [-1.0, f64::NAN, f64::INFINITY] {
        let run = fit(Trainer::new(Adam::new())
            .epochs(4)
            .on_step(move |_| Control::ScaleRate(factor)))
        .unwrap();
        let StopReason::Failed(error) = run.stop else {
            panic!("{:?}", run.stop)
        };
        assert!(error.to_string().contains(&factor.to_string()) && run.steps == 1);
    }
}

/// The number of checks until a verdict of `Stop`, and the best of them.
fn checks(mut stopping: EarlyStopping, metrics: &[f64]) -> (Option<usize>, Option<f64>) {
    let mut best = None;
    for (i, &metric) in metrics.iter().enumerate() {
        match stopping.check(metric) {
            Verdict::Best => best = Some(metric),
            Verdict::Wait => {}
            Verdict::Stop => return (Some(i + 1), best),
        }
    }
    (None, best)
}

#[test]
fn early_stopping_by_hand() {
    let new = EarlyStopping::new;
    let falling = [4.0, 3.0, 3.0, 3.5, 2.0, 2.5, 2.5, 2.5];
    assert_eq!(checks(new().patience(0), &falling), (Some(3), Some(3.0)));
    assert_eq!(checks(new().patience(1), &falling), (Some(4), Some(3.0)));
    assert_eq!(checks(new().patience(2), &falling), (Some(8), Some(2.0)));
    assert_eq!(checks(new().patience(3), &falling), (None, Some(2.0)));
    // Keras: `wait >= patience`.
    assert_eq!(checks(EarlyStopping::keras(2), &falling), (Some(4), Some(3.0)));
    assert_eq!(checks(EarlyStopping::keras(1), &falling), (Some(3), Some(3.0)));
    let highest = || new().watch(Watch::highest("accuracy")).patience(0);
    assert_eq!(checks(highest(), &[0.5, 0.7, 0.6]), (Some(3), Some(0.7)));
    assert_eq!(
        checks(highest().min_delta(0.25), &[0.5, 0.7]),
        (Some(2), Some(0.5))
    );
    assert_eq!(
        checks(highest().min_delta(Threshold::Relative(0.5)), &[-1.0, -0.6, -0.5]),
        (Some(2), Some(-1.0))
    );
    // Improvements that stay behind the baseline use up patience, but none of them ends the run; as in Keras.
    let baseline = || new().baseline(1.0).patience(2);
    assert_eq!(
        checks(baseline(), &[5.0, 4.0, 3.0, 3.5, 0.5]),
        (Some(4), Some(3.0))
    );
    assert_eq!(checks(baseline(), &[5.0, 4.0, 3.0, 0.5, 0.6]), (None, Some(0.5)));
    // The baseline too must be passed by min_delta.
    let delta = || baseline().patience(0).min_delta(0.2);
    assert_eq!(checks(delta(), &[0.9, 0.95]), (Some(2), Some(0.9)));
    assert_eq!(checks(delta(), &[0.7, 0.4, 0.95]), (Some(3), Some(0.4)));
    assert_eq!(
        checks(baseline(), &[5.0, 4.0, 0.5, 0.6, 0.7, 0.8]),
        (Some(6), Some(0.5))
    );
    let late = new().start_from_epoch(3).patience(0);
    assert_eq!(
        checks(late, &[1.0, 2.0, 3.0, 9.0, 8.0, 8.0]),
        (Some(6), Some(8.0))
    );
    // A NaN is no improvement, first or later.
    assert_eq!(
        checks(new().patience(1), &[f64::NAN, f64::NAN, 1.0]),
        (Some(2), None)
    );
    assert_eq!(
        checks(new().patience(1), &[1.0, f64::NAN, 0.5, 0.6]),
        (None, Some(0.5))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// It stops where the last lowest value lies more than `patience` checks back; and a state that was saved and loaded
    /// in the middle says the same.
    #[test]
    fn early_stopping_counts_from_the_last_lowest(
        metrics in prop::collection::vec(0_u8..20, 1..40), patience in 0_u64..6, middle in any::<prop::sample::Index>(),
    ) {
        let metrics: Vec<f64> = metrics.into_iter().map(f64::from).collect();
        let expected = (0..metrics.len()).find(|&i| {
            let lowest = metrics[..=i].iter().copied().fold(f64::INFINITY, f64::min);
            let last = metrics.iter().position(|&m| m == lowest).unwrap();
            (i - last) as u64 > patience
        });
        let new = || EarlyStopping::new().patience(patience);
        prop_assert_eq!(checks(new(), &metrics).0, expected.map(|i| i + 1));

        let (mut whole, mut loaded) = (new(), new());
        let middle = middle.index(metrics.len());
        for &metric in &metrics[..middle] {
            let _ = whole.check(metric);
        }
        let mut memo = Memo::new();
        Callback::<f64>::save(&whole, &mut memo);
        Callback::<f64>::load(&mut loaded, &memo).unwrap();
        prop_assert_eq!(&loaded, &whole);
        for &metric in &metrics[middle..] {
            prop_assert_eq!(loaded.check(metric), whole.check(metric));
        }
    }
}

#[test]
fn early_stopping_ends_a_run_and_gives_back_the_best() {
    let metrics = [0.5, 0.9, 0.6, 0.8, 0.7, 0.9];
    let stopping = || EarlyStopping::new().watch(Watch::highest("score")).patience(2);
    let trainer = || Trainer::new(Adam::new()).epochs(6).batch(4);
    let run = fit_with_metric(trainer().callback(stopping()), "score", &metrics).unwrap();
    let reason = StopReason::NoImprovement {
        metric: "score".into(),
        checks: 3,
    };
    assert_eq!((run.stop, run.epochs, run.best.step), (reason, 5, 4));
    assert_eq!(run.params, run.best.params);
    let two = fit_with_metric(trainer().epochs(2), "score", &metrics).unwrap();
    assert_eq!(run.params, two.params);

    // Left as they are on request; and a metric that is another than that of the best point is then no contradiction.
    let last = stopping().restore_best(false);
    let run = fit_with_metric(
        trainer().best_by(Watch::lowest("loss")).callback(last),
        "score",
        &metrics,
    );
    let five = fit_with_metric(trainer().epochs(5), "score", &metrics).unwrap();
    assert_eq!(run.unwrap().params, five.params);

    // Without a metric of its own it follows the trainer's.
    let follower = EarlyStopping::new().patience(2);
    let run = fit_with_metric(
        trainer().best_by(Watch::highest("score")).callback(follower),
        "score",
        &metrics,
    )
    .unwrap();
    assert_eq!((run.epochs, run.best.value), (5, 0.9));
}

#[test]
fn early_stopping_of_a_function_gives_back_its_best_point() {
    // From 1 with rate 1.25 the point goes to −1.5, 2.25, …
    let square = Function::new(vec![1.0], |w: &[f64], g: &mut [f64]| {
        g[0] = 2.0 * w[0];
        w[0] * w[0]
    });
    let trainer = Trainer::new(GradientDescent).learning_rate(1.25).steps(100);
    let stopping = EarlyStopping::new().watch(Watch::lowest("loss")).patience(3);
    let run = trainer.callback(stopping).minimize(square).unwrap();
    assert_eq!((run.steps, run.params.as_slice()), (5, &[1.0][..]));
}

#[test]
fn early_stopping_is_refused_before_the_first_step() {
    let trainer = || Trainer::new(Adam::new());
    let new = EarlyStopping::new;
    refused(trainer().callback(new().min_delta(-1.0)), &["min_delta", "-1"]);
    refused(
        trainer().callback(new().min_delta(f64::NAN)),
        &["min_delta", "NaN"],
    );
    refused(
        trainer().callback(new().baseline(f64::NAN)),
        &["baseline", "NaN", "finite"],
    );
    let missing = || new().watch(Watch::lowest("score"));
    refused(trainer().callback(missing()), &["score", "one of loss"]);
    refused(
        trainer().callback(missing().restore_best(false)),
        &["score", "one of loss"],
    );
    let by_loss = new().watch(Watch::lowest("loss"));
    refused(
        trainer().callback(by_loss).best_by(Watch::highest("loss")),
        &["best_by", "lowest", "highest"],
    );
}

/// Half the square, whose value or slope is NaN at these looks.
fn turning(
    bad: &'static [u64],
    value: f64,
    slope: f64,
) -> Function<f64, impl FnMut(&[f64], &mut [f64]) -> f64> {
    let mut looks = 0;
    Function::new(vec![8.0], move |w: &[f64], g: &mut [f64]| {
        looks += 1;
        let bad = bad.contains(&looks);
        g[0] = if bad { slope } else { w[0] };
        if bad { value } else { w[0] * w[0] / 2.0 }
    })
}

#[test]
fn a_step_that_is_not_finite_is_left_out() {
    let trainer = |at_most| {
        Trainer::new(GradientDescent)
            .learning_rate(0.5)
            .steps(10)
            .non_finite(NonFinite::Skip { at_most })
    };
    for (value, slope) in [(f64::NAN, 1.0), (1.0, f64::NEG_INFINITY)] {
        let run = trainer(2).minimize(turning(&[2, 3, 5], value, slope)).unwrap();
        assert_eq!((run.stop, run.steps, run.skipped), (StopReason::Finished, 10, 3));
        assert_eq!(run.params.as_slice(), [8.0 / 128.0]);
        let run = trainer(1).minimize(turning(&[2, 3, 5], value, slope)).unwrap();
        assert!(matches!(run.stop, StopReason::NonFinite { step: 2, .. }));
        assert_eq!((run.skipped, run.params.as_slice()), (1, &[4.0][..]));
    }
    // Never finite: it ends.
    let run = trainer(4).minimize(turning(&[1, 2, 3, 4, 5, 6, 7], f64::NAN, 0.0));
    assert_eq!(run.unwrap().steps, 4);
    // The mean of the epoch is that of the batches that counted; schedules go on.
    let (inputs, mut targets) = data(8);
    targets[2] = 1e200;
    let data = Dataset::new(&inputs, &targets).unwrap();
    let run = Trainer::new(MiniBatchSgd::new(2))
        .learning_rate(StepDecay::new(0.1, Span::Steps(1)).factor(0.5))
        .order(downhill::data::Order::Sequential)
        .epochs(1)
        .non_finite(NonFinite::Skip { at_most: 1 })
        .fit(&Linear::new(2, 1).unwrap(), &MeanSquaredError, &data)
        .unwrap();
    assert_eq!((run.steps, run.skipped), (4, 1));
    assert!(run.history[0].loss.is_finite());
    assert_eq!(run.history[0].learning_rate, 0.1 / 8.0);
}

/// Every step is heard of, as made or as left out; a callback may end the run at either.
#[test]
fn callbacks_hear_of_steps_that_are_left_out() {
    struct Heard<'a>(&'a RefCell<Vec<(u64, &'static str, bool)>>, u64);
    impl Callback<f64> for Heard<'_> {
        fn on_step(&mut self, event: &StepEvent<'_, f64>) -> Control {
            self.0.borrow_mut().push((event.step, "made", false));
            Control::Continue
        }

        fn on_skip(&mut self, event: &SkipEvent<'_, f64>) -> Control {
            self.0
                .borrow_mut()
                .push((event.step, event.what, event.went_back));
            if event.step < self.1 {
                Control::Continue
            } else {
                Control::stop("enough")
            }
        }
    }
    let heard = RefCell::new(Vec::new());
    let run = |policy, until| {
        heard.borrow_mut().clear();
        Trainer::new(GradientDescent)
            .learning_rate(0.5)
            .steps(5)
            .non_finite(policy)
            .callback(Heard(&heard, until))
            .minimize(turning(&[2, 4], 1.0, f64::NAN))
            .unwrap()
    };
    let skip = NonFinite::Skip { at_most: 1 };
    let made = |step| (step, "made", false);
    run(skip, 9);
    let left_out = |step| (step, "gradient", false);
    assert_eq!(
        *heard.borrow(),
        [made(1), left_out(2), made(3), left_out(4), made(5)]
    );
    let stopped = run(skip, 2);
    assert_eq!(
        (stopped.stop, stopped.steps),
        (StopReason::Callback("enough".into()), 2)
    );
    let back = NonFinite::Back {
        factor: 0.5,
        at_most: 1,
    };
    run(back, 9);
    assert_eq!(*heard.borrow(), [made(1), (2, "gradient", true), made(3)]);
}

#[test]
fn a_run_goes_back_to_its_best_at_a_lower_rate() {
    let trainer = |at_most| {
        Trainer::new(Momentum::new(0.5))
            .learning_rate(0.5)
            .steps(4)
            .non_finite(NonFinite::Back {
                factor: 0.25,
                at_most,
            })
    };
    let run = trainer(1).minimize(turning(&[2], f64::NAN, 0.0)).unwrap();
    // 8 → 4; bad: back to the best, whose value is known (8); then −1/8 of a fresh momentum: 7; v = 0.5·8 + 7 = 11.
    assert_eq!((run.stop, run.steps, run.skipped), (StopReason::Finished, 4, 1));
    assert_eq!(run.params.as_slice(), [7.0 - 11.0 / 8.0]);
    assert_eq!(run.history.column("learning_rate"), [0.5, 0.125, 0.125, 0.125]);
    let run = trainer(1).minimize(turning(&[2, 4], f64::NAN, 0.0)).unwrap();
    assert!(matches!(
        run.stop,
        StopReason::NonFinite {
            what: "loss",
            step: 3
        }
    ));
    // The average begins anew.
    let run = trainer(1)
        .average(Average::uniform())
        .minimize(turning(&[2], f64::NAN, 0.0))
        .unwrap();
    let average = run.average.unwrap();
    assert_eq!(average.as_slice(), [(7.0 + 7.0 - 11.0 / 8.0) / 2.0]);
}

#[test]
fn policies_are_refused_before_the_first_step() {
    let with = |policy| Trainer::new(Adam::new()).non_finite(policy);
    refused(
        with(NonFinite::Skip { at_most: 0 }),
        &["at_most", "0", "at least 1"],
    );
    refused(
        with(NonFinite::Back {
            factor: 0.5,
            at_most: 0,
        }),
        &["at_most", "at least 1"],
    );
    for factor in [0.0, 1.5, f64::NAN] {
        refused(
            with(NonFinite::Back { factor, at_most: 1 }),
            &["factor", &factor.to_string(), "above 0"],
        );
    }
}

/// A program that is killed and started again must not train on when the run has ended.
#[cfg(feature = "checkpoint")]
#[test]
fn a_run_that_stopped_early_has_ended_when_it_is_started_again() {
    use downhill::train::Checkpoints;
    let folder = Folder::new();
    let (inputs, targets) = data(40);
    let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets).unwrap();
    let resumed = RefCell::new(Vec::new());
    let run = |patience| {
        Trainer::new(Adam::new())
            .learning_rate(0.5)
            .epochs(500)
            .on_start(|event| resumed.borrow_mut().push(event.resumed))
            .callback(EarlyStopping::new().patience(patience))
            .checkpoint(Checkpoints::new(&*folder))
            .resume_or_start(&*folder)
            .fit(&Linear::new(2, 1).unwrap(), &MeanSquaredError, &data)
            .unwrap()
    };
    let first = run(2);
    assert!(matches!(first.stop, StopReason::NoImprovement { checks: 3, .. }));
    assert_eq!(first.best.epoch + 3, first.epochs);
    let again = run(2);
    assert_eq!(*resumed.borrow(), [false, true]);
    assert_eq!((again.steps, &again.stop), (first.steps, &first.stop));
    assert_eq!(
        (again.params, again.best),
        (first.params.clone(), first.best.clone())
    );
    // More patience goes on.
    assert!(run(6).steps > first.steps);
}

/// A list of callbacks made elsewhere: each does what it does unboxed, and saves under its own kind.
#[test]
fn boxed_callbacks_are_callbacks() {
    let callbacks: Vec<Box<dyn Callback<f64>>> = vec![
        Box::new(
            EarlyStopping::new()
                .watch(Watch::lowest("loss"))
                .patience(2)
                .min_delta(Threshold::Absolute(1e3)),
        ),
        Box::new(downhill::train::ProgressLines::every(Span::Epochs(1)).to(std::io::sink())),
    ];
    assert_eq!(
        callbacks
            .iter()
            .map(|callback| callback.kind())
            .collect::<Vec<_>>(),
        ["EarlyStopping", "ProgressLines<'_>"]
    );
    let trainer = Trainer::new(Adam::new()).epochs(20);
    let run = fit(callbacks.into_iter().fold(trainer, Trainer::callback)).unwrap();
    assert!(
        matches!(run.stop, StopReason::NoImprovement { .. }),
        "{:?}",
        run.stop
    );
    assert_eq!(run.epochs, 4);
}
