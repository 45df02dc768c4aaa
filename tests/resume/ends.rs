//! What is done at the end of a session, and at the beginning of the next, changes nothing.

use std::cell::{Cell, RefCell};

use downhill::{
    Memo,
    data::Batch,
    loss::Reduction,
    ndarray::Array2,
    prelude::*,
    rand::Rng,
    train::{Average, Callback, Checkpoints, Control, EpochStartEvent, Interrupt},
};

use super::{Folder, bits, every_step::minimize};

fn trainer() -> Trainer<'static, f64> {
    Trainer::new(Adam::new()).learning_rate(0.1).batch(3).seed(5)
}

/// A bowl whose gradient depends on how often it has been asked, and which remembers that.
#[derive(Default)]
struct Asked(u64);

impl Objective<f64> for Asked {
    fn start(&self, _: &mut dyn Rng) -> Params<f64> {
        Params::from(vec![2.0, -1.0])
    }

    fn value_and_gradient(
        &mut self,
        params: &Params<f64>,
        _: &Batch<'_>,
        gradient: &mut Gradient<f64>,
    ) -> Result<f64, Error> {
        self.0 += 1;
        for (g, x) in gradient.as_mut_slice().iter_mut().zip(params.as_slice()) {
            *g = x * (1.0 + (self.0 % 5) as f64);
        }
        Ok(params.norm())
    }

    fn save(&self, memo: &mut Memo) {
        memo.put("asked", [self.0]);
    }

    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        self.0 = memo.count("asked")?;
        Ok(())
    }
}

#[test]
fn an_objective_that_remembers_goes_on_as_if_nobody_had_looked_at_the_end() {
    let folder = Folder::new();
    let expected = trainer().steps(20).minimize(Asked::default()).unwrap();
    let checkpoints = Checkpoints::new(folder.path()).every(Span::Steps(100));
    trainer()
        .steps(10)
        .checkpoint(checkpoints)
        .minimize(Asked::default())
        .unwrap();
    let resumed = trainer()
        .steps(20)
        .resume(folder.file(10))
        .minimize(Asked::default())
        .unwrap();
    assert_eq!(bits(&resumed), bits(&expected));
}

#[test]
fn the_file_of_the_best_holds_the_best_also_where_a_run_ends_within_an_epoch() {
    let checkpoints = |folder: &Folder| Checkpoints::new(folder.path()).every(Span::Steps(100)).best();
    let mut last = 0;
    for steps in [1, 2, 4, 8, 10] {
        let folder = Folder::new();
        let run = minimize(trainer().steps(steps).checkpoint(checkpoints(&folder)));
        let mut best = Params::zeros(run.params.layout());
        best.load(folder.path().join("best.safetensors")).unwrap();
        assert_eq!((best, run.unsaved), (run.best.params, None), "{steps} steps");
        last += u64::from(run.best.step == steps);
    }
    assert!(last > 0, "no run is best at its end");
}

#[test]
fn before_any_point_has_been_judged_there_is_no_best() {
    let folder = Folder::new();
    let flag = Interrupt::new();
    let raised = flag.clone();
    let run = minimize(
        trainer()
            .steps(5)
            .interrupt(&flag)
            .on_step(move |_| raised.raise())
            .checkpoint(Checkpoints::new(folder.path()).best()),
    );
    assert_eq!(
        (run.stop, run.best.value),
        (StopReason::Interrupted, f64::INFINITY)
    );
    assert_eq!(folder.names(), ["step-000000000001.safetensors"]);
}

/// Seven rows, each of which costs 1: the sum over an epoch is 7, however much of it has been seen.
#[test]
fn sums_are_compared_over_whole_epochs() {
    let (inputs, targets) = (Array2::<f64>::zeros((7, 1)), Array2::<f64>::ones((7, 1)));
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::without_intercept(1, 1).unwrap();
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).reduction(Reduction::Sum);
    let run = trainer()
        .evaluate_every(Span::Steps(1))
        .epochs(2)
        .minimize(risk)
        .unwrap();
    let losses = Vec::from_iter(run.history.iter().map(|record| record.loss));
    assert_eq!(losses, [7.0; 6]);
}

#[test]
fn early_stopping_within_an_epoch_is_over_in_the_next_session_too() {
    let folder = Folder::new();
    let stopping = || {
        EarlyStopping::new()
            .watch(Watch::highest("first"))
            .patience(2)
            .min_delta(downhill::schedule::Threshold::Absolute(1e9))
    };
    let stopping = || {
        trainer()
            .epochs(10)
            .evaluate_every(Span::Steps(1))
            .callback(stopping())
    };
    let first =
        minimize(stopping().checkpoint(Checkpoints::new(folder.path()).every(Span::Steps(1)).keep(9)));
    assert!(
        matches!(first.stop, StopReason::NoImprovement { .. }),
        "{:?}",
        first.stop
    );
    assert!(!first.steps.is_multiple_of(3), "{}", first.steps);
    let again = minimize(stopping().resume(folder.file(first.steps)));
    assert_eq!((again.steps, &again.stop), (first.steps, &first.stop));
}

#[test]
fn evaluations_may_become_more_frequent() {
    let folder = Folder::new();
    minimize(
        trainer()
            .evaluate_every(Span::Epochs(4))
            .steps(6)
            .checkpoint(Checkpoints::new(folder.path())),
    );
    let run = minimize(
        trainer()
            .evaluate_every(Span::Steps(3))
            .epochs(5)
            .resume(folder.file(6)),
    );
    let evaluated = run
        .history
        .iter()
        .filter(|record| record.validation_loss.is_some());
    assert_eq!(Vec::from_iter(evaluated.map(|record| record.step)), [9, 12, 15]);
}

/// Halves the rate at the start of every epoch.
struct Halving;

impl Callback<f64> for Halving {
    fn on_epoch_start(&mut self, _: &EpochStartEvent<'_, f64>) -> Control {
        Control::ScaleRate(0.5)
    }
}

/// Ends the run at the start of an epoch, once.
struct Ending<'a>(&'a Cell<bool>);

impl Callback<f64> for Ending<'_> {
    fn on_epoch_start(&mut self, event: &EpochStartEvent<'_, f64>) -> Control {
        match event.epoch == 2 && !self.0.replace(true) {
            true => Control::stop("for now"),
            false => Control::Continue,
        }
    }
}

#[test]
fn an_epoch_begins_once() {
    let folder = Folder::new();
    let ended = Cell::new(false);
    let trainer = || trainer().epochs(4).callback(Halving);
    let first = minimize(
        trainer()
            .callback(Ending(&ended))
            .checkpoint(Checkpoints::new(folder.path()).every(Span::Steps(100))),
    );
    assert_eq!((first.steps, ended.get()), (6, true));
    let resumed = minimize(trainer().callback(Ending(&ended)).resume(folder.file(6)));
    assert_eq!(bits(&resumed), bits(&minimize(trainer())));
}

#[test]
fn callbacks_see_the_average_of_the_epoch_whether_it_is_evaluated_or_not() {
    let seen = |every: u64| {
        let all = RefCell::new(Vec::new());
        minimize(
            trainer()
                .epochs(4)
                .average(Average::uniform())
                .evaluate_every(Span::Epochs(every))
                .on_epoch(|event| all.borrow_mut().push(event.params.clone())),
        );
        all.into_inner()
    };
    assert_eq!(seen(1), seen(3));
}
