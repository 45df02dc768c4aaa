//! What must agree between a checkpoint and the run that goes on from it.

use downhill::{
    Memo,
    data::Order,
    ndarray::Array2,
    optim::{Lamb, Lars, NAdam, Sgd, State, Yogi},
    prelude::*,
    train::{Average, Callback, Checkpoints, EarlyStopping, Watch},
    transform::{Centralize, Noise},
};

use super::Folder;

fn fit<F: Scalar>(trainer: Trainer<'_, F>, rows: usize, outputs: usize) -> Result<Run<F>, Error> {
    let inputs = Array2::from_shape_fn((rows, 2), |(row, column)| F::of((row + column) as f64 / 9.0));
    let targets = Array2::from_shape_fn((rows, outputs), |(row, _)| F::of(row as f64));
    let data: Dataset<F, _, _> = Dataset::new(&inputs, &targets)?;
    let model = Linear::new(2, outputs)?;
    trainer.minimize(EmpiricalRisk::new(&model, &MeanSquaredError, &data).metric("zero", |_, _| 0.0))
}

fn trainer<F: Scalar>() -> Trainer<'static, F>
where
    Adam: Optimizer<F>,
{
    Trainer::new(Adam::new()).learning_rate(0.01).batch(4).epochs(2)
}

#[test]
fn another_run_is_refused_and_the_error_says_why() {
    let folder = Folder::new();
    fit::<f64>(trainer().checkpoint(Checkpoints::new(folder.path())), 9, 1).unwrap();
    let resume = |trainer: Trainer<'static, f64>, rows, outputs| {
        fit(trainer.resume(folder.path()).epochs(3), rows, outputs).map(|run| run.steps)
    };
    assert_eq!(resume(trainer(), 9, 1), Ok(9));
    assert_eq!(
        resume(trainer().learning_rate(0.5).on_step(|_| ()).clip_norm(1.0), 9, 1),
        Ok(9)
    );
    let with = |optimizer: Box<dyn Optimizer<f64>>| Trainer::new(optimizer).learning_rate(0.01).epochs(2);
    let cases = [
        ("optimizer", with(Box::new(Momentum::new(0.9))).batch(4), 9, 1),
        ("optimizer", with(Box::new(Sgd)), 9, 1),
        ("groups", trainer().group(Group::new("bias").rate(0.5)), 9, 1),
        ("groups", trainer().group(Group::new("bias").frozen()), 9, 1),
        ("terms", trainer(), 10, 1),
        ("parameters", trainer(), 9, 2),
        ("batch", trainer().batch(3), 9, 1),
        ("drop_last", trainer().drop_last(), 9, 1),
        ("accumulate", trainer().accumulate(2), 9, 1),
        ("order", trainer().order(Order::Sequential), 9, 1),
        ("seed", trainer().seed(1), 9, 1),
        (
            "learning_rate",
            trainer().learning_rate(StepDecay::new(0.01, Span::Epochs(1))),
            9,
            1,
        ),
        (
            "learning_rate",
            trainer().learning_rate(ReduceOnPlateau::new(0.01)),
            9,
            1,
        ),
        ("momentum", trainer().momentum(0.9), 9, 1),
        ("transforms", trainer().transform(Centralize), 9, 1),
        ("average", trainer().average(Average::uniform()), 9, 1),
        ("best_by", trainer().best_by(Watch::highest("zero")), 9, 1),
    ];
    for (name, trainer, rows, outputs) in cases {
        match resume(trainer, rows, outputs) {
            Err(Error::Foreign {
                argument,
                given,
                expected,
            }) => {
                assert!(argument.contains("step-000000000006.safetensors"), "{argument}");
                assert_ne!(given, expected);
                let several = [
                    "optimizer",
                    "parameters",
                    "groups",
                    "terms",
                    "objective",
                    "batch",
                    "order",
                    "steps_per_epoch",
                ];
                let named = |name: &str| argument.ends_with(&format!("({name})"));
                assert!(
                    named(name) || several.contains(&name) && several.iter().any(|name| named(name)),
                    "{name}: {argument}"
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let other_scalar = fit::<f32>(trainer().resume(folder.path()), 9, 1).unwrap_err();
    assert!(
        matches!(&other_scalar, Error::Foreign { argument, given, expected }
        if argument.ends_with("(scalar)") && given == "f64" && expected == "f32"),
        "{other_scalar}"
    );
}

/// A rule around another remembers what that one does too; so the other is a part of what must agree.
#[test]
fn another_rule_within_a_rule_is_refused() {
    type Rule = fn() -> Box<dyn Optimizer<f64>>;
    let pairs: [(Rule, Rule, &str); 4] = [
        (
            || Box::new(Adam::new().lookahead()),
            || Box::new(Yogi::new().lookahead()),
            "lookahead around yogi",
        ),
        (
            || Box::new(Adam::new().lookahead().weight_decay(0.1).clip_value(1.0)),
            || Box::new(NAdam::new().lookahead().weight_decay(0.1).clip_value(1.0)),
            "lookahead around nadam",
        ),
        (
            || Box::new(Adam::new().weight_decay(0.1)),
            || Box::new(Yogi::new().weight_decay(0.1)),
            "yogi",
        ),
        (
            || Box::new(Lamb::new().lookahead().decoupled_weight_decay(0.1)),
            || Box::new(Lars::new().lookahead().decoupled_weight_decay(0.1)),
            "lookahead around lars",
        ),
    ];
    for (one, other, kind) in pairs {
        let folder = Folder::new();
        let with = |rule: Rule| Trainer::new(rule()).learning_rate(0.01).batch(4).epochs(2);
        fit(with(one).checkpoint(Checkpoints::new(folder.path())), 9, 1).unwrap();
        assert!(fit(with(one).resume(folder.path()), 9, 1).is_ok());
        let refused = fit(with(other).resume(folder.path()), 9, 1).unwrap_err();
        assert!(
            matches!(&refused, Error::Foreign { argument, expected, .. }
                if argument.ends_with("(optimizer)") && expected == kind),
            "{refused}"
        );
        // In a loop of one's own likewise.
        let (one, other) = (one(), other());
        let state = |rule: &dyn Optimizer<f64>| {
            State::<f64>::new(rule, Params::from(vec![1.0]).layout(), &[]).unwrap()
        };
        let path = folder.path().join("loop.safetensors");
        state(&*one).save(&path, &[1.0]).unwrap();
        let refused = state(&*other).load(&path, &mut [1.0]).unwrap_err();
        assert!(matches!(&refused, Error::Foreign { .. }), "{refused}");
    }
}

#[test]
fn what_callbacks_and_transforms_remember_needs_its_owner() {
    let folder = Folder::new();
    let watched = trainer()
        .callback(EarlyStopping::new())
        .transform(Noise::new(0.1).seed(1));
    fit::<f64>(watched.checkpoint(Checkpoints::new(folder.path())), 9, 1).unwrap();
    let resume = |trainer: Trainer<'static, f64>| {
        fit(trainer.resume(folder.path()).epochs(3), 9, 1).map(|run| run.steps)
    };
    let noisy = |seed| trainer().transform(Noise::new(0.1).seed(seed));
    assert_eq!(resume(noisy(1).callback(EarlyStopping::new())), Ok(9));
    // Another that is new begins as it is.
    assert_eq!(
        resume(
            noisy(1)
                .callback(EarlyStopping::new())
                .callback(EarlyStopping::new())
        ),
        Ok(9)
    );
    let lost = resume(noisy(1)).unwrap_err();
    assert!(
        matches!(&lost, Error::Foreign { given, .. } if given == "EarlyStopping"),
        "{lost}"
    );
    let other = resume(noisy(2).callback(EarlyStopping::new())).unwrap_err();
    assert!(
        matches!(&other, Error::Foreign { given, .. } if given == "the seed 1"),
        "{other}"
    );

    /// Says it is the other, and expects something else.
    struct Impostor;

    impl Callback<f64> for Impostor {
        fn kind(&self) -> String {
            "EarlyStopping".into()
        }

        fn load(&mut self, memo: &Memo) -> Result<(), Error> {
            memo.number("something").map(drop)
        }
    }

    let refused = resume(noisy(1).callback(Impostor)).unwrap_err();
    assert!(
        matches!(&refused, Error::Malformed { source_name, place, .. }
        if source_name.ends_with(".safetensors") && place == "something"),
        "{refused}"
    );
}

/// What was compared with another metric, or the other way round, says nothing about this one.
#[test]
fn what_is_remembered_of_a_metric_is_of_no_other() {
    type Make = fn(Option<Watch>) -> Trainer<'static, f64>;
    let owners: [(&str, Make); 2] = [
        ("EarlyStopping", |watch| {
            let stopping = EarlyStopping::new().restore_best(false);
            trainer().callback(match watch {
                Some(watch) => stopping.watch(watch),
                None => stopping,
            })
        }),
        ("ReduceOnPlateau", |watch| {
            let plateau = ReduceOnPlateau::new(0.01);
            trainer().learning_rate(match watch {
                Some(watch) => plateau.watch(watch),
                None => plateau,
            })
        }),
    ];
    let watches = [
        None,
        Some(Watch::lowest("zero")),
        Some(Watch::highest("zero")),
        Some(Watch::highest("loss")),
    ];
    for (owner, with) in owners {
        for saved in &watches {
            let folder = Folder::new();
            let checkpoints = Checkpoints::new(folder.path());
            fit(with(saved.clone()).checkpoint(checkpoints), 9, 1).unwrap();
            for other in &watches {
                let resumed = fit(with(other.clone()).resume(folder.path()).epochs(3), 9, 1);
                if other == saved {
                    assert_eq!(resumed.unwrap().steps, 9);
                    continue;
                }
                let refused = resumed.unwrap_err();
                assert!(
                    matches!(&refused, Error::Foreign { argument, given, expected }
                        if argument.contains(owner) && given != expected),
                    "{refused}"
                );
            }
        }
    }
}

#[test]
fn bad_settings_and_a_folder_of_another_run_are_refused() {
    let folder = Folder::new();
    let attempt = |checkpoints: Checkpoints| fit::<f64>(trainer().checkpoint(checkpoints), 9, 1);
    let checkpoints = || Checkpoints::new(folder.path()).every(Span::Steps(1)).keep(10);
    for bad in [
        checkpoints().keep(0),
        checkpoints().every(Span::Steps(0)),
        checkpoints().every(Span::Epochs(0)),
    ] {
        assert!(matches!(attempt(bad), Err(Error::InvalidArgument { .. })));
    }
    attempt(checkpoints()).unwrap();
    let names = folder.names();
    let mixed = attempt(checkpoints()).unwrap_err();
    assert!(
        mixed.to_string().contains("without checkpoints, or resumed from"),
        "{mixed}"
    );
    let back = fit::<f64>(trainer().resume(folder.file(2)).checkpoint(checkpoints()), 9, 1).unwrap_err();
    assert!(back.to_string().contains("later than step 2"), "{back}");
    assert_eq!(folder.names(), names);

    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(
        attempt(Checkpoints::new(&file)),
        Err(Error::Io { action: "made", .. })
    ));
    let named = Function::new(
        Params::from_vec("run/x", vec![1.0]),
        |_: &[f64], _: &mut [f64]| 0.0,
    );
    let refused = Trainer::new(Adam::new())
        .steps(1)
        .checkpoint(Checkpoints::new(&file))
        .minimize(named);
    assert!(matches!(refused, Err(Error::InvalidArgument { given, .. }) if given == "run/x"));
}

/// The losses that the history and early stopping compare would be others.
#[test]
fn another_loss_is_another_run() {
    let folder = Folder::new();
    let (inputs, targets) = (Array2::<f64>::ones((8, 2)), Array2::<f64>::ones((8, 1)));
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(2, 1).unwrap();
    let huber = |delta: f64, trainer: Trainer<'static, f64>| trainer.fit(&model, &Huber::new(delta), &data);
    huber(1.0, trainer().checkpoint(Checkpoints::new(folder.path()))).unwrap();
    let refused = huber(2.0, trainer().epochs(3).resume(folder.path())).unwrap_err();
    assert!(
        matches!(&refused, Error::Foreign { argument, .. } if argument.ends_with("(objective)")),
        "{refused}"
    );
    let (_, on) = (
        refused,
        huber(1.0, trainer().epochs(3).resume(folder.path())).unwrap(),
    );
    assert_eq!(on.epochs, 3);
}
