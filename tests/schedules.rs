//! What every schedule promises.

use downhill::prelude::*;
use downhill::schedule::{
    Amplitude, CosineRestarts, Decay, Demon, OneCycle, Piecewise, Progress, Ramp, ScheduleExt, Threshold,
    from_fn, preview,
};
use downhill::train::Watch;
use proptest::prelude::*;

mod exports;

use exports::{exported, methods};

/// A new schedule joins the list, and with that the tests below, or is named here as none.
#[test]
fn no_schedule_is_missing_from_the_list() {
    let this = include_str!("schedules.rs");
    let list = this
        .split("\nfn all(")
        .nth(1)
        .unwrap()
        .split("\n}")
        .next()
        .unwrap();
    let list = list.replace(char::is_whitespace, "");
    let schedules = exported(include_str!("../src/schedule/mod.rs"), &["combine"]);
    assert!(schedules.len() > 8, "{schedules:?}");
    for schedule in schedules {
        let other = ["Amplitude", "NanPolicy", "Threshold"].contains(&schedule);
        let listed = list.contains(&format!("new({schedule}::"));
        assert!(
            listed != other,
            "{schedule} is not in the list, or is said to be none"
        );
    }
    let combinators = methods(
        include_str!("../src/schedule/combine.rs"),
        "pub trait ScheduleExt",
    );
    assert!(combinators.len() > 8, "{combinators:?}");
    for combinator in combinators {
        assert!(
            list.contains(&format!(".{combinator}(")),
            "{combinator} is not in the list"
        );
    }
}

/// Every schedule, with its lengths in this unit.
fn all(span: impl Fn(u64) -> Span) -> Vec<(&'static str, Box<dyn LrSchedule>)> {
    vec![
        ("a number", Box::new(0.1)),
        ("step decay", Box::new(StepDecay::new(0.1, span(3)).factor(0.5))),
        (
            "piecewise",
            Box::new(Piecewise::new(0.1).at(span(2), 0.05).at(span(7), 0.01)),
        ),
        (
            "multi-step",
            Box::new(Piecewise::multi_step(0.1, 0.5, &[span(2), span(2), span(9)])),
        ),
        ("linear", Box::new(Ramp::linear(0.0, 0.1, span(5)))),
        ("cosine", Box::new(Ramp::cosine(0.1, 0.01, span(5)))),
        ("polynomial", Box::new(Ramp::polynomial(0.1, 0.0, span(5), 2.0))),
        (
            "exponential ramp",
            Box::new(Ramp::exponential(1e-6, 1.0, span(5))),
        ),
        ("exponential", Box::new(Decay::exponential(0.1, 0.9, span(2)))),
        ("inverse time", Box::new(Decay::inverse_time(0.1, 0.5, span(2)))),
        ("inverse root", Box::new(Decay::inverse_root(0.1, span(4)))),
        (
            "cyclical",
            Box::new(
                Cyclical::new(0.01, 0.1, span(3))
                    .down(span(2))
                    .amplitude(Amplitude::Halving),
            ),
        ),
        (
            "restarts",
            Box::new(CosineRestarts::new(0.1, 0.0, span(3)).growth(1.5)),
        ),
        (
            "one cycle",
            Box::new(OneCycle::new(0.1, span(10)).three_phases().momentum(0.8, 0.9)),
        ),
        (
            "optax's one cycle",
            Box::new(OneCycle::optax(0.1, span(10)).linear()),
        ),
        ("demon", Box::new(Demon::new(0.9, span(10)))),
        ("warm-up", Box::new(StepDecay::new(0.1, span(3)).warm_up(span(4)))),
        (
            "sequence",
            Box::new(
                Ramp::linear(0.0, 0.1, span(2))
                    .then(span(2), 0.1.then(span(3), Ramp::cosine(0.1, 0.0, span(4)))),
            ),
        ),
        (
            "product",
            Box::new(
                Decay::exponential(0.1, 0.9, span(2))
                    .times(Ramp::linear(0.5, 1.0, span(3)))
                    .scaled(2.0),
            ),
        ),
        (
            "bounds",
            Box::new(Cyclical::new(0.0, 0.2, span(3)).at_least(0.05).at_most(0.15)),
        ),
        (
            "delayed",
            Box::new(Ramp::cosine(0.1, 0.0, span(5)).delayed(span(3))),
        ),
        (
            "repeated",
            Box::new(Ramp::cosine(0.1, 0.0, span(5)).repeated(span(4))),
        ),
        (
            "by epoch",
            Box::new(
                Ramp::cosine(0.1, 0.0, span(5))
                    .with_momentum(Demon::new(0.9, span(5)))
                    .by_epoch(),
            ),
        ),
        ("momentum", Box::new(0.1.with_momentum(Demon::new(0.9, span(5))))),
        (
            "plateau",
            Box::new(ReduceOnPlateau::new(Cyclical::new(0.01, 0.1, span(2)))),
        ),
    ]
}

proptest! {
    #[test]
    fn rates_are_finite_and_never_negative(step: u64, small in 0..200_u64, steps_per_epoch in 1..1_000_000_u64) {
        for (name, mut schedule) in all(Span::Steps).into_iter().chain(all(Span::Epochs)) {
            prop_assert!(schedule.validate().is_ok(), "{name}");
            for step in [step, small, u64::MAX, 0] {
                let now = Progress { step, steps_per_epoch };
                let rate = schedule.rate(&now);
                prop_assert!(rate.is_finite() && rate >= 0.0, "{name} at {step}: {rate}");
                let momentum = schedule.momentum(&now);
                prop_assert!(momentum.is_none_or(|m| (0.0..1.0).contains(&m)), "{name} at {step}: {momentum:?}");
            }
        }
    }

    #[test]
    fn epochs_are_as_many_steps(steps_per_epoch in 1..50_u64, step in 0..1000_u64) {
        let now = Progress { step, steps_per_epoch };
        for ((name, mut epochs), (_, mut steps)) in all(Span::Epochs).into_iter().zip(all(|n| Span::Steps(n * steps_per_epoch))) {
            prop_assert_eq!(epochs.rate(&now), steps.rate(&now), "{}", name);
        }
    }

    #[test]
    fn combinations_are_arithmetic(step in 0..100_u64) {
        let now = Progress { step, steps_per_epoch: 7 };
        let rate = |mut schedule: Box<dyn LrSchedule>, step| schedule.rate(&Progress { step, ..now });
        let a = || Decay::exponential(0.5, 0.8, Span::Steps(3));
        let b = || Cyclical::new(0.1, 0.4, Span::Steps(4));
        let (x, y) = (rate(Box::new(a()), step), rate(Box::new(b()), step));
        prop_assert_eq!(a().times(b()).rate(&now), x * y);
        prop_assert_eq!(a().scaled(3.0).rate(&now), 3.0 * x);
        prop_assert_eq!(a().at_least(b()).rate(&now), x.max(y));
        prop_assert_eq!(a().at_most(b()).rate(&now), x.min(y));
        prop_assert_eq!(a().by_epoch().rate(&now), rate(Box::new(a()), step - step % 7));
        let expected = if step < 21 { x } else { rate(Box::new(b()), step - 21) };
        prop_assert_eq!(a().then(Span::Epochs(3), b()).rate(&now), expected);
        prop_assert_eq!(a().delayed(Span::Steps(5)).rate(&now), rate(Box::new(a()), step.saturating_sub(5)));
        prop_assert_eq!(b().repeated(Span::Steps(5)).rate(&now), rate(Box::new(b()), step % 5));
    }
}

#[test]
fn past_their_end_schedules_hold_their_last_value() {
    let ended = [
        "piecewise",
        "linear",
        "cosine",
        "polynomial",
        "exponential ramp",
        "one cycle",
        "optax's one cycle",
        "demon",
        "sequence",
        "delayed",
    ];
    for (name, mut schedule) in all(Span::Steps) {
        if ended.contains(&name) {
            let mut at = |step| {
                schedule.rate(&Progress {
                    step,
                    steps_per_epoch: 1,
                })
            };
            assert_eq!(at(10), at(u64::MAX), "{name}");
        }
    }
}

/// The paper's formula: `βₜ = β (1 − t/T) / ((1 − β) + β (1 − t/T))`.
#[test]
fn demon_is_its_formula() {
    for (beta, length) in [(0.9, 10), (0.99, 7), (0.5, 1), (0.0, 4)] {
        let betas = preview(Demon::new(beta, Span::Steps(length)), length + 3, 1).unwrap();
        for (step, mine) in betas.into_iter().enumerate() {
            let left = (1.0 - step as f64 / length as f64).max(0.0);
            let reference = beta * left / (1.0 - beta + beta * left);
            assert!(
                (mine - reference).abs() < 1e-15,
                "{beta} over {length} at {step}: {mine}"
            );
        }
    }
    let halfway = preview(Demon::new(0.9, Span::Epochs(2)), 4, 3).unwrap()[3];
    assert!((halfway - 0.45 / 0.55).abs() < 1e-15, "{halfway}");
}

/// A rise over more than half of the cycle leaves no room for the third phase: the rate holds where the cycle ends.
#[test]
fn a_cycle_cut_short_holds_its_last_value() {
    let cycle = OneCycle::new(0.1, Span::Steps(10)).rise(0.8).three_phases();
    let rates = preview(cycle, 30, 1).unwrap();
    assert!(rates[9] > 0.01 && rates[9] < 0.1, "{}", rates[9]);
    assert!(
        rates[10..].iter().all(|rate| *rate == rates[9]),
        "{:?}",
        &rates[9..]
    );
}

#[test]
fn previews_are_what_a_run_uses() {
    for (name, schedule) in all(Span::Steps) {
        if schedule.follows_metric() {
            assert!(
                preview(schedule, 10, 1)
                    .unwrap_err()
                    .to_string()
                    .contains("metric"),
                "{name}"
            );
            continue;
        }
        let expected = preview(schedule, 12, 1).unwrap();
        let (_, schedule) = all(Span::Steps)
            .into_iter()
            .find(|(other, _)| *other == name)
            .unwrap();
        let function = Function::new(vec![1.0], |_: &[f64], g: &mut [f64]| {
            g[0] = 0.0;
            0.0
        });
        let run = Trainer::new(Momentum::new(0.5))
            .learning_rate(schedule)
            .steps(12)
            .minimize(function)
            .unwrap();
        let used: Vec<f64> = run.history.iter().map(|record| record.learning_rate).collect();
        assert_eq!(used, expected, "{name}");
    }
    assert!(
        preview(0.1, 3, 0)
            .unwrap_err()
            .to_string()
            .contains("steps_per_epoch")
    );
    assert!(preview(from_fn(|_| 0.5), 3, 1).unwrap() == [0.5; 3]);
}

/// The rates of a run whose loss is given.
fn follow(schedule: impl LrSchedule, losses: &[f64]) -> Vec<f64> {
    let mut values = losses.iter();
    let function = Function::new(vec![1.0], |_: &[f64], g: &mut [f64]| {
        g[0] = 0.0;
        values.next().copied().unwrap_or(0.0)
    });
    let steps = losses.len() as u64;
    let run = Trainer::new(GradientDescent)
        .learning_rate(schedule)
        .steps(steps)
        .minimize(function)
        .unwrap();
    run.history.iter().map(|record| record.learning_rate).collect()
}

#[test]
fn each_framework_has_its_own_patience() {
    let flat = [1.0; 8];
    let rates = |schedule: ReduceOnPlateau| follow(schedule.factor(0.5), &flat);
    // The first check is the best; the bad ones begin with the second.
    assert_eq!(
        rates(ReduceOnPlateau::new(1.0).patience(2)),
        [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]
    );
    assert_eq!(
        rates(ReduceOnPlateau::keras(1.0, 2, 0)),
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125]
    );
    assert_eq!(
        rates(ReduceOnPlateau::optax(1.0, 2)),
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125]
    );
    // Keras passes over one check less of a cooldown of 2.
    assert_eq!(
        rates(ReduceOnPlateau::keras(1.0, 2, 2)),
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]
    );
    // Keras's improvement is absolute: 5e-5 less of 1e-4 is none.
    let falling: Vec<f64> = (0..4).map(|i| 1e-4 - 1e-5 * f64::from(i)).collect();
    assert_eq!(
        follow(ReduceOnPlateau::keras(1.0, 2, 0).factor(0.5), &falling),
        [1.0, 1.0, 1.0, 0.5]
    );
    assert_eq!(
        follow(ReduceOnPlateau::optax(1.0, 2).factor(0.5), &falling),
        [1.0; 4]
    );
    // A share of a negative best lies above it in Optax.
    assert_eq!(
        follow(ReduceOnPlateau::optax(1.0, 2).factor(0.5), &[-1.0; 4]),
        [1.0; 4]
    );
}

#[test]
fn a_single_lucky_check_does_not_fool_a_median() {
    // A loss that falls steadily, but for one stroke of luck at the third check.
    let losses = [10.0, 9.0, 1.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0];
    let plain = ReduceOnPlateau::new(1.0).patience(2).factor(0.5);
    assert_eq!(follow(plain.clone(), &losses)[6..], [0.5, 0.5, 0.5]);
    assert_eq!(follow(plain.clone().smoothed(3), &losses), [1.0; 9]);
    // Nor does luck at the very first, when there is nothing yet to compare it with.
    let losses = [1.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0];
    assert_eq!(follow(plain.clone(), &losses)[4..], [0.5, 0.5, 0.5, 0.25, 0.25]);
    assert_eq!(follow(plain.smoothed(3), &losses), [1.0; 9]);
}

#[test]
fn a_delayed_plateau_does_not_hear_of_the_delay() {
    let plateau = || ReduceOnPlateau::new(1.0).patience(1).factor(0.5);
    // The first that it hears of is the third check, the best; two bad ones more are one too many.
    assert_eq!(
        follow(plateau().delayed(Span::Steps(2)), &[1.0; 6]),
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.5]
    );
    assert_eq!(
        follow(plateau().repeated(Span::Steps(2)), &[1.0; 6]),
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
    );
}

#[test]
fn a_plateau_after_a_warm_up_does_not_hear_of_it() {
    // Flat from the first: the two epochs of warm-up do not count.
    let schedule = ReduceOnPlateau::new(1.0)
        .patience(1)
        .factor(0.5)
        .warm_up(Span::Steps(2));
    assert_eq!(follow(schedule, &[1.0; 6]), [0.5, 1.0, 1.0, 1.0, 1.0, 0.5]);
    // In a sequence the plateau is the second part, and its own watch is checked when a run is built.
    let unknown = ReduceOnPlateau::new(0.1).watch(Watch::lowest("nothing"));
    let function = Function::new(vec![1.0], |_: &[f64], _: &mut [f64]| 0.0);
    let error = Trainer::new(GradientDescent)
        .learning_rate(0.1.then(Span::Steps(1), unknown))
        .steps(1)
        .minimize(function);
    assert!(error.unwrap_err().to_string().contains("nothing"));
}

/// A share of a negative best: with PyTorch's signed one a worse metric counts as an improvement.
#[test]
fn a_relative_threshold_knows_the_sign() {
    let metrics = [-1.0, -0.95, -1.0, -1.05, -1.2, -1.2, -1.2, -1.2];
    let plateau = |threshold| {
        ReduceOnPlateau::new(0.1)
            .patience(1)
            .factor(0.5)
            .threshold(threshold)
    };
    // Bad checks from −0.95 to −1.05 outlast the patience of 1, −1.2 improves by a tenth, and two more of it are bad.
    let expected = [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025];
    assert_eq!(follow(plateau(Threshold::Relative(0.1)), &metrics), expected);
    assert_eq!(follow(plateau(Threshold::Signed(0.1)), &metrics), [0.1; 8]);
}

#[test]
fn illegal_settings_are_named() {
    for (schedule, parts) in [
        (
            Box::new(Ramp::linear(-1.0, 0.1, Span::Steps(1))) as Box<dyn LrSchedule>,
            ["from of Ramp", "-1"],
        ),
        (
            Box::new(Ramp::cosine(0.1, f64::NAN, Span::Steps(1))),
            ["to of Ramp", "NaN"],
        ),
        (
            Box::new(Ramp::cosine(0.1, 0.0, Span::Steps(0))),
            ["span of Ramp", "Steps(0)"],
        ),
        (
            Box::new(Ramp::polynomial(0.1, 0.0, Span::Steps(1), 0.0)),
            ["power of Ramp", "0"],
        ),
        (
            Box::new(Ramp::linear(0.1, 0.0, Span::Steps(1)).periodic()),
            ["periodic of Ramp", "Linear"],
        ),
        (
            Box::new(Ramp::exponential(0.1, 0.0, Span::Steps(1))),
            ["to of Ramp", "above 0"],
        ),
        (
            Box::new(Decay::exponential(0.1, -0.5, Span::Steps(1))),
            ["gamma of Decay", "-0.5"],
        ),
        (
            Box::new(Decay::inverse_time(0.1, -1.0, Span::Steps(1))),
            ["gamma of Decay", "-1"],
        ),
        (
            Box::new(Decay::inverse_root(0.1, Span::Epochs(0))),
            ["span of Decay", "Epochs(0)"],
        ),
        (
            Box::new(Piecewise::new(0.1).at(Span::Steps(1), -0.5)),
            ["rate of Piecewise", "-0.5"],
        ),
        (
            Box::new(CosineRestarts::new(0.1, 0.0, Span::Steps(1)).growth(0.5)),
            ["growth of CosineRestarts", "0.5"],
        ),
        (
            Box::new(OneCycle::new(0.1, Span::Steps(9)).rise(1.5)),
            ["rise of OneCycle", "1.5"],
        ),
        (
            Box::new(OneCycle::new(0.1, Span::Steps(9)).rise(0.5).back(0.4)),
            ["back of OneCycle", "at least rise"],
        ),
        (
            Box::new(OneCycle::new(0.1, Span::Steps(9)).divisor(0.0)),
            ["divisor of OneCycle", "0"],
        ),
        (
            Box::new(Demon::new(1.0, Span::Steps(9))),
            ["initial of Demon", "1"],
        ),
        (Box::new(0.1.scaled(-1.0)), ["learning_rate", "-1"]),
        (
            Box::new(0.1.repeated(Span::Steps(0))),
            ["span of repeated", "Steps(0)"],
        ),
        (Box::new(0.1.with_momentum(-0.5)), ["momentum", "-0.5"]),
        (Box::new(ReduceOnPlateau::new(0.1).smoothed(0)), ["smoothed", "0"]),
        (Box::new(ReduceOnPlateau::new(0.1).smoothed(4)), ["smoothed", "4"]),
    ] {
        let message = schedule.validate().unwrap_err().to_string();
        assert!(
            parts.iter().all(|part| message.contains(part)),
            "{message} does not say {parts:?}"
        );
    }
}

#[test]
fn pieces_may_be_given_in_any_order() {
    let ordered = Piecewise::new(0.5)
        .at(Span::Steps(1), 0.25)
        .at(Span::Epochs(1), 0.125);
    let reversed = Piecewise::new(0.5)
        .at(Span::Epochs(1), 0.125)
        .at(Span::Steps(1), 0.25);
    assert_eq!(preview(ordered, 4, 2).unwrap(), preview(reversed, 4, 2).unwrap());
    let times = [Span::Epochs(2), Span::Steps(1), Span::Steps(1)];
    let steps = preview(Piecewise::multi_step(1.0, 0.5, &times), 5, 2).unwrap();
    assert_eq!(steps, [1.0, 0.25, 0.25, 0.25, 0.125]);
}
