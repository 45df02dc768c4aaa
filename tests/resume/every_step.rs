//! Stopped at every step, with every optimiser, every schedule, and everything that may surround a step.

use downhill::{
    Gradient, Memo,
    ndarray::Array2,
    optim::Hyperparameter,
    prelude::*,
    schedule::*,
    train::{
        Average, Callback, Checkpoints, Constraint, Control, EarlyStopping, EpochEvent, NonFinite, StepEvent,
        Watch,
    },
    transform::{GradientTransform, Noise},
};

use super::{Folder, bits, optimizers};

/// Each of three steps: seven rows in batches of three.
const EPOCHS: u64 = 3;

/// Ends the run at its eighth step, by what it remembers, and then at once.
#[derive(Default)]
struct Patience {
    steps: u64,
    losses: f64,
}

impl Callback<f64> for Patience {
    fn on_step(&mut self, event: &StepEvent<'_, f64>) -> Control {
        self.steps += 1;
        self.losses += event.loss;
        if self.steps < 8 {
            return Control::Continue;
        }
        Control::stop(format!("{} steps, losses {:?}", self.steps, self.losses))
    }

    fn save(&self, memo: &mut Memo) {
        memo.put("steps", [self.steps]);
        memo.put("losses", [self.losses]);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        (self.steps, self.losses) = (memo.count("steps")?, memo.number("losses")?);
        Ok(())
    }
}

/// Ends the run after so many epochs, by what it remembers.
struct Epochs(u64);

impl Callback<f64> for Epochs {
    fn on_epoch(&mut self, _: &EpochEvent<'_, f64>) -> Control {
        self.0 -= 1;
        if self.0 == 0 {
            Control::stop("enough")
        } else {
            Control::Continue
        }
    }

    fn save(&self, memo: &mut Memo) {
        memo.put("left", [self.0]);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        self.0 = memo.count("left")?;
        Ok(())
    }
}

/// Spoils the gradient of every other step but the first.
#[derive(Debug)]
struct Spoilt;

impl GradientTransform<f64> for Spoilt {
    fn apply(&mut self, gradient: &mut Gradient<f64>, _: &Params<f64>, step: u64) {
        if step.is_multiple_of(2) {
            gradient.as_mut_slice().fill(f64::NAN);
        }
    }
}

/// All kinds of schedules, and what combines them; those that follow a metric act within three epochs.
fn schedules() -> Vec<fn(f64) -> Box<dyn LrSchedule>> {
    fn plateau<S: LrSchedule>(schedule: S) -> ReduceOnPlateau<S> {
        ReduceOnPlateau::new(schedule)
            .patience(0)
            .factor(0.5)
            .threshold(Threshold::Absolute(0.5))
    }
    vec![
        |rate| Box::new(rate),
        |rate| Box::new(StepDecay::new(rate, Span::Steps(2)).factor(0.5)),
        |rate| Box::new(Piecewise::new(rate).at(Span::Steps(4), rate / 2.0)),
        |rate| Box::new(Ramp::cosine(rate, 0.0, Span::Epochs(2))),
        |rate| Box::new(Decay::inverse_root(rate, Span::Steps(3))),
        |rate| Box::new(Cyclical::new(rate / 2.0, rate, Span::Steps(2)).momentum(0.8, 0.9)),
        |rate| Box::new(CosineRestarts::new(rate, 0.0, Span::Steps(2)).growth(2.0)),
        |rate| Box::new(OneCycle::new(rate, Span::Epochs(EPOCHS))),
        |rate| Box::new(rate.with_momentum(Demon::new(0.9, Span::Epochs(EPOCHS)))),
        |rate| Box::new(from_fn(move |progress| rate / (1 + progress.step) as f64)),
        |rate| Box::new(plateau(rate)),
        |rate| {
            Box::new(
                plateau(Cyclical::new(rate / 2.0, rate, Span::Steps(2)))
                    .smoothed(3)
                    .cooldown(1),
            )
        },
        |rate| Box::new(plateau(rate).warm_up(Span::Steps(4))),
        |rate| Box::new(rate.then(Span::Steps(4), plateau(rate))),
        |rate| Box::new(plateau(rate).times(plateau(rate))),
        |rate| Box::new(plateau(rate).at_least(rate / 4.0).repeated(Span::Steps(2))),
        |rate| Box::new(plateau(rate).delayed(Span::Steps(2)).with_momentum(0.5)),
    ]
}

/// Everything that may surround a step or a run.
fn surroundings() -> Vec<fn(Trainer<'static, f64>) -> Trainer<'static, f64>> {
    vec![
        |trainer| trainer,
        |trainer| trainer.callback(Patience::default()),
        |trainer| {
            trainer
                .callback(Epochs(2))
                .on_step(|_| Control::Continue)
                .callback(Epochs(3))
        },
        |trainer| trainer.average(Average::exponential(0.9).warm_up().after(2).every(2)),
        |trainer| {
            trainer
                .average(Average::uniform())
                .best_by(Watch::highest("first"))
        },
        |trainer| trainer.transform(Noise::new(0.1).seed(3)).clip_norm(0.5),
        |trainer| trainer.accumulate(2),
        |trainer| {
            trainer
                .sharpness_aware(0.05)
                .constrain("bias", Constraint::Box { low: -0.1, high: 0.1 })
        },
        |trainer| {
            trainer
                .momentum(ReduceOnPlateau::new(0.5).patience(0))
                .weight_decay(0.1)
                .beta2(Ramp::linear(0.9, 0.99, Span::Steps(5)))
        },
        |trainer| trainer.group(Group::new("bias").rate(0.5)).drop_last().steps(7),
        |trainer| trainer.order(downhill::data::Order::Sequential),
        |trainer| {
            trainer
                .evaluate_every(Span::Steps(2))
                .callback(EarlyStopping::new().patience(2).start_from_epoch(1))
        },
        |trainer| {
            trainer
                .evaluate_every(Span::Steps(4))
                .average(Average::uniform())
                .on_evaluation(|event| Control::ScaleRate(if event.ends_epoch { 0.5 } else { 0.75 }))
        },
        |trainer| trainer.evaluate_every(Span::Epochs(2)),
        |trainer| trainer.callback(EarlyStopping::new().patience(0).min_delta(1.0)),
        |trainer| {
            trainer
                .on_epoch(|_| Control::ScaleRate(0.5))
                .callback(EarlyStopping::new().restore_best(false))
        },
        |trainer| {
            trainer
                .transform(Spoilt)
                .clip_norm(0.5)
                .non_finite(NonFinite::Skip { at_most: 1 })
                .average(Average::uniform())
        },
        |trainer| {
            let policy = NonFinite::Back {
                factor: 0.5,
                at_most: 3,
            };
            trainer
                .transform(Spoilt)
                .clip_norm(0.5)
                .non_finite(policy)
                .average(Average::exponential(0.9))
        },
    ]
}

type Surround = fn(Trainer<'static, f64>) -> Trainer<'static, f64>;
type Schedule = fn(f64) -> Box<dyn LrSchedule>;

/// Seven rows, a model with a matrix and a vector, a validation set and a metric.
pub(crate) fn minimize(trainer: Trainer<'_, f64>) -> Run<f64> {
    try_minimize(trainer).unwrap()
}

pub(crate) fn try_minimize(trainer: Trainer<'_, f64>) -> Result<Run<f64>, Error> {
    let inputs = Array2::from_shape_fn((10, 3), |(row, column)| {
        ((row * (3 + 2 * column) + column) % 7) as f64 / 3.0 - 1.0
    });
    let targets = Array2::from_shape_fn((10, 2), |(row, column)| {
        ((row * row + 3 * column) % 5) as f64 / 2.0 - 1.0
    });
    let whole: Dataset<f64, _, _> = Dataset::new(&inputs, &targets).unwrap();
    let rows = |range: std::ops::Range<usize>| whole.select(&Vec::from_iter(range)).unwrap();
    let (train, validation) = (rows(0..7), rows(7..10));
    let model = Linear::new(3, 2).unwrap();
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &train)
        .validation(&validation)
        .metric("first", |predictions, _| predictions[[0, 0]]);
    trainer.minimize(risk)
}

/// Stops a run of an optimiser at every step and continues it.
fn check(name: &str, number: usize, schedule: Schedule, surround: Surround) {
    let trainer = || {
        let optimizer = optimizers::everything().nth(number).unwrap();
        let rate = optimizer.default_rate().min(0.1);
        let own_batch = optimizer.batch().is_some();
        let trainer = surround(
            Trainer::new(optimizer)
                .learning_rate(schedule(rate))
                .epochs(EPOCHS)
                .seed(5),
        );
        if own_batch { trainer } else { trainer.batch(3) }
    };
    // What the optimiser does not read is refused; see `errors`.
    match try_minimize(trainer()) {
        Err(Error::NotRead { .. }) => {}
        _ => continued_from_every_step(name, trainer, minimize),
    }
}

/// Stops a run at every step and continues it; all must end as the one that never stopped.
pub(crate) fn continued_from_every_step(
    name: &str,
    trainer: impl Fn() -> Trainer<'static, f64>,
    minimize: impl Fn(Trainer<'static, f64>) -> Run<f64>,
) {
    continued_from_every(1, name, trainer, minimize);
}

/// Stops a run after every so many steps, and at its end, and continues it.
pub(crate) fn continued_from_every(
    every: u64,
    name: &str,
    trainer: impl Fn() -> Trainer<'static, f64>,
    minimize: impl Fn(Trainer<'static, f64>) -> Run<f64>,
) {
    let folder = Folder::new();
    let expected = minimize(trainer());
    assert!(expected.steps > 1, "{name}: {:?}", expected.stop);
    let checkpoints = Checkpoints::new(folder.path())
        .every(Span::Steps(every))
        .keep(100);
    let watched = minimize(trainer().checkpoint(checkpoints));
    assert_eq!(watched.unsaved, None);
    assert_eq!(
        bits(&watched),
        bits(&expected),
        "{name}: writing checkpoints changed the run"
    );
    assert_eq!(folder.names().len() as u64, expected.steps.div_ceil(every));
    let (multiples, last) = (1..=expected.steps / every, expected.steps);
    let steps = multiples.map(|number| number * every);
    for step in steps.chain((!last.is_multiple_of(every)).then_some(last)) {
        // The last file was written at the end; a run that a callback has ended there goes on.
        if step == expected.steps && expected.stop != StopReason::Finished {
            continue;
        }
        let resumed = minimize(trainer().resume(folder.file(step)));
        assert_eq!(resumed.resumed.as_ref().map(|from| from.step), Some(step));
        assert_eq!(
            bits(&resumed),
            bits(&expected),
            "{name}: continued from step {step}"
        );
    }
}

#[test]
fn spoilt_steps_are_left_out() {
    // The last two surroundings: every other step of nine goes by without an update, or leads back until that is too often.
    let run = |number: usize| {
        let around = surroundings()[surroundings().len() - number];
        minimize(around(Trainer::new(Adam::new()).batch(3).epochs(EPOCHS)))
    };
    let (skipping, going_back) = (run(2), run(1));
    assert_eq!((skipping.skipped, skipping.steps), (4, 9));
    assert_eq!(skipping.stop, StopReason::Finished);
    assert_eq!((going_back.skipped, going_back.steps), (3, 7));
    assert!(matches!(
        going_back.stop,
        StopReason::NonFinite {
            what: "gradient",
            step: 7
        }
    ));
}

#[test]
fn with_every_optimizer_and_every_schedule() {
    let (schedules, surroundings) = (schedules(), surroundings());
    for (number, optimizer) in optimizers::everything().enumerate() {
        for (which, &schedule) in schedules.iter().enumerate() {
            let around = (number + which) % surroundings.len();
            let name = format!(
                "optimiser {number} ({}), schedule {which}, surroundings {around}",
                optimizer.name()
            );
            check(&name, number, schedule, surroundings[around]);
        }
    }
}

#[test]
fn with_everything_around_a_step_and_every_schedule() {
    // AdamW: it reads whatever can be scheduled.
    let (adam, _) = optimizers::everything()
        .enumerate()
        .filter(|(_, it)| it.name() == "adam" && it.reads(Hyperparameter::WeightDecay))
        .last()
        .unwrap();
    for (which, &schedule) in schedules().iter().enumerate() {
        for (around, &surround) in surroundings().iter().enumerate() {
            check(
                &format!("Adam, schedule {which}, surroundings {around}"),
                adam,
                schedule,
                surround,
            );
        }
    }
}

/// A function's epoch is one step, each point has an exact value, and the history is thinned.
#[test]
fn of_a_function() {
    let bowl = || {
        Function::new(vec![3.0_f32, -2.0], |w: &[f32], g: &mut [f32]| {
            (g[0], g[1]) = (w[0], 10.0 * w[1]);
            0.5 * w[0] * w[0] + 5.0 * w[1] * w[1]
        })
    };
    let trainer = || Trainer::new(Momentum::new(0.9)).learning_rate(0.15);
    let folder = Folder::new();
    let facts = |run: &Run<f32>| {
        let records = run
            .history
            .iter()
            .map(|record| (record.epoch, record.step, record.loss));
        (
            run.params.clone(),
            run.best.clone(),
            Vec::from_iter(records),
            run.stop.clone(),
            run.steps,
            run.epochs,
        )
    };
    let checkpoints = Checkpoints::new(folder.path()).every(Span::Steps(611)).keep(100);
    let expected = trainer()
        .steps(6000)
        .checkpoint(checkpoints)
        .minimize(bowl())
        .unwrap();
    assert!(expected.history.len() < 4096 && expected.best.step < 6000);
    for step in [611, 1222, 3666, 4277, 5499, 6000] {
        let resumed = trainer()
            .steps(6000)
            .resume(folder.file(step))
            .minimize(bowl())
            .unwrap();
        assert_eq!(facts(&resumed), facts(&expected), "continued from step {step}");
    }
}

/// The last epoch is not in the thinned history, and is evaluated only at the end: by the run that goes on from there too.
#[test]
fn of_a_thinned_history_with_evaluations() {
    let (inputs, targets) = (Array2::from_elem((1, 1), 1.0), Array2::from_elem((1, 1), 3.0));
    let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(1, 1).unwrap();
    let trainer = || {
        Trainer::new(GradientDescent)
            .learning_rate(1e-4)
            .epochs(8301)
            .evaluate_every(Span::Epochs(1000))
    };
    let minimize = |trainer: Trainer<'_, f64>| {
        let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data);
        trainer.minimize(risk).unwrap()
    };
    let folder = Folder::new();
    let checkpoints = Checkpoints::new(folder.path()).every(Span::Steps(2767));
    let expected = minimize(trainer().checkpoint(checkpoints.keep(100)));
    assert!(expected.history.len() < 4096);
    for step in [2767, 5534, 8301] {
        let resumed = minimize(trainer().resume(folder.file(step)));
        assert_eq!(bits(&resumed), bits(&expected), "continued from step {step}");
    }
}

/// Ended by a callback at a step after which an evaluation was due, within an epoch and at its end.
#[test]
fn an_evaluation_that_was_due_is_made_by_the_run_that_goes_on() {
    for (every, at) in [(4, 4), (2, 8), (3, 6), (6, 6)] {
        let folder = Folder::new();
        let trainer = || {
            Trainer::new(Adam::new())
                .learning_rate(
                    ReduceOnPlateau::new(0.1)
                        .patience(0)
                        .threshold(Threshold::Absolute(0.5)),
                )
                .batch(3)
                .epochs(EPOCHS)
                .evaluate_every(Span::Steps(every))
        };
        let expected = minimize(trainer());
        let stopped = trainer()
            .on_step(move |event| match event.step == at {
                true => Control::stop("here"),
                false => Control::Continue,
            })
            .checkpoint(Checkpoints::new(folder.path()));
        assert_eq!(minimize(stopped).steps, at);
        let continued = minimize(trainer().resume(folder.path()));
        assert_eq!(bits(&continued), bits(&expected), "every {every}, at {at}");
    }
}

/// Steps, epochs and a flag end a run in the middle; more steps or epochs go on from there.
#[test]
fn a_finished_run_can_be_extended() {
    let folder = Folder::new();
    let trainer = || Trainer::new(Adam::new()).learning_rate(0.1).batch(3);
    let expected = minimize(trainer().epochs(6));
    let checkpoints = || Checkpoints::new(folder.path()).every(Span::Epochs(2));
    let mut last = 0;
    for trainer in [
        trainer().steps(4),
        trainer().epochs(2),
        trainer().steps(8),
        trainer().steps(9),
        trainer().epochs(6).on_step(|event| match event.step {
            12 => Control::stop("at the end of an epoch"),
            _ => Control::Continue,
        }),
        trainer().epochs(6),
    ] {
        let run = minimize(trainer.resume_or_start(folder.path()).checkpoint(checkpoints()));
        assert_eq!(run.unsaved, None);
        assert_eq!(run.resumed.map_or(0, |from| from.step), last);
        last = run.steps;
        if run.steps == expected.steps {
            assert_eq!(run.history.len(), expected.history.len());
            assert_eq!(
                (run.params, run.best),
                (expected.params.clone(), expected.best.clone())
            );
        }
    }
    assert_eq!(last, expected.steps);
}
