//! When a run is evaluated, and who hears of it.

use std::cell::{Cell, RefCell};

use downhill::{
    ndarray::{Array1, Array2, ArrayView1, ArrayView2, array},
    prelude::*,
    train::{Average, Control, EarlyStopping, Interrupt, Record, Watch},
};

fn data(rows: usize) -> (Array2<f64>, Array1<f64>) {
    let inputs = Array2::from_shape_fn((rows, 2), |(i, j)| ((i * 5 + j * 7) % 11) as f64 / 5.0 - 1.0);
    let targets = inputs.dot(&array![1.0, -2.0]) + 0.3;
    (inputs, targets)
}

/// Seven rows in batches of two: four steps an epoch. The validation set has five other rows.
fn fit(trainer: Trainer<'_, f64>) -> Run<f64> {
    try_fit(trainer).unwrap()
}

fn try_fit(trainer: Trainer<'_, f64>) -> Result<Run<f64>, Error> {
    let (inputs, targets) = data(12);
    let whole: Dataset<f64, _, _> = Dataset::new(&inputs, &targets)?;
    let rows = |range: std::ops::Range<usize>| whole.select(&Vec::from_iter(range));
    let (train, validation) = (rows(0..7)?, rows(7..12)?);
    let model = Linear::new(2, 1)?;
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &train)
        .validation(&validation)
        .metric("first", |predictions, _| predictions[[0, 0]]);
    trainer.batch(2).minimize(risk)
}

/// The validation loss by hand.
fn loss_at(params: &Params<f64>) -> f64 {
    let (inputs, targets) = data(12);
    let (weight, bias) = (params.get("weight").unwrap(), params.get("bias").unwrap());
    let squares = (7..12).map(|row| {
        let x = inputs.row(row);
        (x[0] * weight[[0, 0]] + x[1] * weight[[1, 0]] + bias[0] - targets[row]).powi(2)
    });
    squares.sum::<f64>() / 5.0
}

/// Epoch, step, and whether it was evaluated.
fn table(records: &[Record]) -> Vec<(u64, u64, bool)> {
    let row = |record: &Record| {
        assert_eq!(record.validation_loss.is_some(), !record.metrics.is_empty());
        (record.epoch, record.step, record.validation_loss.is_some())
    };
    records.iter().map(row).collect()
}

#[test]
fn within_epochs_every_so_many_steps() {
    let (events, losses) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let run = fit(Trainer::new(Adam::new())
        .learning_rate(0.1)
        .epochs(3)
        .evaluate_every(Span::Steps(3))
        .on_step(|event| losses.borrow_mut().push(event.loss))
        .on_evaluation(|event| {
            let record = event.record;
            let expected = loss_at(event.params);
            assert!((record.validation_loss.unwrap() / expected - 1.0).abs() < 1e-12);
            let text = format!("evaluation {} {} {}", record.epoch, record.step, event.ends_epoch);
            events
                .borrow_mut()
                .push((text, event.is_best, record.validation_loss));
        })
        .on_epoch(|event| {
            let text = format!("epoch {} {}", event.record.epoch, event.record.step);
            events
                .borrow_mut()
                .push((text, event.is_best, event.record.validation_loss));
        }));
    let events = events.into_inner();
    let names: Vec<&str> = events.iter().map(|(text, _, _)| text.as_str()).collect();
    assert_eq!(
        names,
        [
            "evaluation 0 3 false",
            "epoch 1 4",
            "evaluation 1 6 false",
            "epoch 2 8",
            "evaluation 2 9 false",
            "evaluation 3 12 true",
            "epoch 3 12",
        ]
    );
    // What ends an epoch is heard of twice, and is the best both times or neither.
    assert_eq!((events[5].1, events[5].2), (events[6].1, events[6].2));
    let rows = [
        (0, 3, true),
        (1, 4, false),
        (1, 6, true),
        (2, 8, false),
        (2, 9, true),
        (3, 12, true),
    ];
    assert_eq!(table(&run.history), rows);

    // The training loss is that of the epoch so far: two rows a batch, one in the last.
    let losses = losses.into_inner();
    let mean = |range: std::ops::Range<usize>| {
        let weight = |step: usize| if step % 4 == 3 { 1.0 } else { 2.0 };
        let sum: f64 = range.clone().map(|step| weight(step) * losses[step]).sum();
        sum / range.map(weight).sum::<f64>()
    };
    let expected = [
        mean(0..3),
        mean(0..4),
        mean(4..6),
        mean(4..8),
        mean(8..9),
        mean(8..12),
    ];
    for (record, expected) in run.history.iter().zip(expected) {
        assert!((record.loss / expected - 1.0).abs() < 1e-12, "{record:?}");
    }

    // The best is the best of the evaluations.
    let evaluated = run
        .history
        .iter()
        .filter_map(|record| Some((record.step, record.validation_loss?)));
    let (step, loss) = evaluated.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!((run.best.step, run.best.value), (step, loss));
    assert!((loss_at(&run.best.params) / loss - 1.0).abs() < 1e-12);
}

#[test]
fn every_so_many_epochs_and_at_the_end() {
    let checks = Cell::new(0);
    let run = fit(Trainer::new(Adam::new())
        .epochs(5)
        .evaluate_every(Span::Epochs(2))
        .on_evaluation(|_| checks.set(checks.get() + 1)));
    let rows = [
        (1, 4, false),
        (2, 8, true),
        (3, 12, false),
        (4, 16, true),
        (5, 20, true),
    ];
    assert_eq!(table(&run.history), rows);
    // Nobody else hears of the last, which a run that goes on does not make.
    assert_eq!(checks.get(), 2);
    let last = run.history[4].validation_loss.unwrap();
    assert!((loss_at(&run.params) / last - 1.0).abs() < 1e-12);
    assert_eq!((run.best.step, run.best.value), (20, last));
}

#[test]
fn a_run_that_ends_within_an_epoch_is_evaluated_there() {
    let trainer = || Trainer::new(Adam::new()).learning_rate(0.01);
    for (average, steps) in [(false, 6), (true, 6), (false, 2)] {
        let trainer = match average {
            true => trainer().average(Average::uniform()),
            false => trainer(),
        };
        let run = fit(trainer.steps(steps));
        let last = run.history.last().unwrap();
        assert_eq!((last.epoch, last.step), (steps / 4, steps));
        let point = run.average.as_ref().unwrap_or(&run.params);
        assert!((loss_at(point) / last.validation_loss.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!((run.best.step, run.best.epoch), (steps, steps / 4));
        assert_eq!(run.best.params, *point);
    }
    // Stopped by a callback; or at an evaluation, where there is nothing more to find out.
    let run = fit(trainer().epochs(9).on_step(|event| match event.step {
        5 => Control::stop("here"),
        _ => Control::Continue,
    }));
    assert_eq!(table(&run.history), [(1, 4, true), (1, 5, true)]);
    let run = fit(trainer()
        .epochs(9)
        .evaluate_every(Span::Steps(3))
        .on_evaluation(|event| match event.record.step {
            6 => Control::stop("here"),
            _ => Control::Continue,
        }));
    assert_eq!(run.stop, StopReason::Callback("here".into()));
    assert_eq!(table(&run.history), [(0, 3, true), (1, 4, false), (1, 6, true)]);
    // Who interrupts a run does not want to wait.
    let interrupt = Interrupt::new();
    let run = fit(trainer().epochs(9).interrupt(&interrupt).on_step(|event| {
        if event.step == 5 {
            interrupt.raise();
        }
    }));
    assert_eq!(run.stop, StopReason::Interrupted);
    assert_eq!(table(&run.history), [(1, 4, true)]);
}

/// Of metrics with these values, one an evaluation.
fn fit_with_metric(trainer: Trainer<'_, f64>, values: &[f64]) -> Run<f64> {
    let (inputs, targets) = data(8);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let number = Cell::new(0);
    let metric = |_: ArrayView2<'_, f64>, _: &ArrayView1<'_, f64>| {
        number.set(number.get() + 1);
        values[number.get() - 1]
    };
    let model = Linear::new(2, 1).unwrap();
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).metric("score", metric);
    trainer.batch(2).minimize(risk).unwrap()
}

#[test]
fn whoever_follows_a_metric_hears_of_every_evaluation_and_of_nothing_else() {
    let score = || Watch::highest("score");
    let trainer = || Trainer::new(Adam::new()).epochs(4).best_by(score());
    // Three bad checks in a row, in the second epoch.
    let values = [0.1, 0.2, 0.5, 0.4, 0.3, 0.2, 0.9];
    let run = fit_with_metric(
        trainer()
            .evaluate_every(Span::Steps(1))
            .callback(EarlyStopping::new().patience(2)),
        &values,
    );
    assert_eq!((run.steps, run.best.step), (6, 3));
    assert_eq!(run.params, run.best.params);
    // The first epoch, of four evaluations, is not looked at.
    let run = fit_with_metric(
        trainer()
            .evaluate_every(Span::Steps(1))
            .callback(EarlyStopping::new().patience(0).start_from_epoch(1)),
        &values,
    );
    assert_eq!(run.steps, 6);
    // Every other epoch: the second check is the first bad one.
    let run = fit_with_metric(
        trainer()
            .evaluate_every(Span::Epochs(2))
            .callback(EarlyStopping::new().patience(0)),
        &[0.5, 0.4],
    );
    assert!(matches!(run.stop, StopReason::NoImprovement { checks: 1, .. }));
    assert_eq!((run.epochs, run.best.epoch), (4, 2));
    // A rate falls within an epoch, at the step after the check.
    let rates = RefCell::new(Vec::new());
    let plateau = ReduceOnPlateau::new(0.8).patience(0).factor(0.5).watch(score());
    fit_with_metric(
        trainer()
            .epochs(1)
            .evaluate_every(Span::Steps(1))
            .learning_rate(plateau)
            .on_step(|event| rates.borrow_mut().push(event.rates.learning_rate)),
        &values,
    );
    assert_eq!(rates.into_inner(), [0.8, 0.8, 0.8, 0.8]);
    let rates = RefCell::new(Vec::new());
    let plateau = ReduceOnPlateau::new(0.8).patience(0).factor(0.5).watch(score());
    fit_with_metric(
        trainer()
            .epochs(2)
            .evaluate_every(Span::Steps(1))
            .learning_rate(plateau)
            .on_step(|event| rates.borrow_mut().push(event.rates.learning_rate)),
        &[0.1, 0.2, 0.5, 0.4, 0.3, 0.6, 0.9, 0.8],
    );
    assert_eq!(rates.into_inner(), [0.8, 0.8, 0.8, 0.8, 0.4, 0.2, 0.2, 0.2]);
}

#[test]
fn no_time_at_all_is_refused() {
    for span in [Span::Steps(0), Span::Epochs(0)] {
        let refused = try_fit(Trainer::new(Adam::new()).epochs(1).evaluate_every(span)).unwrap_err();
        assert!(refused.to_string().contains("evaluate_every"), "{refused}");
    }
}

/// Its epoch is one step, and it is evaluated as often as that says.
#[test]
fn of_an_objective_of_one_term() {
    struct Bowl;

    impl Objective<f64> for Bowl {
        fn start(&self, _: &mut dyn downhill::rand::Rng) -> Params<f64> {
            Params::from_vec("w", vec![8.0])
        }

        fn value_and_gradient(
            &mut self,
            params: &Params<f64>,
            _: &downhill::data::Batch<'_>,
            gradient: &mut downhill::Gradient<f64>,
        ) -> Result<f64, Error> {
            let w = params.as_slice()[0];
            gradient.as_mut_slice()[0] = w;
            Ok(w * w / 2.0)
        }

        fn has_validation(&self) -> bool {
            true
        }

        fn evaluate(&mut self, params: &Params<f64>, record: &mut Record) -> Result<(), Error> {
            record.validation_loss = Some(params.as_slice()[0]);
            Ok(())
        }
    }

    let run = Trainer::new(GradientDescent)
        .learning_rate(0.5)
        .steps(6)
        .evaluate_every(Span::Steps(2))
        .minimize(Bowl)
        .unwrap();
    let known = |step: f64| {
        if step % 2.0 == 0.0 {
            8.0 / 2_f64.powf(step)
        } else {
            f64::NAN
        }
    };
    let expected: Vec<f64> = run.history.column("step").into_iter().map(known).collect();
    assert_eq!(
        format!("{:?}", run.history.column("validation_loss")),
        format!("{expected:?}")
    );
    assert_eq!((run.best.step, run.best.value), (6, 0.125));
}
