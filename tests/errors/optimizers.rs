//! Optimisers, their steps, and the stepper.

use downhill::ndarray::{Array2, array};
use downhill::optim::{AdamW, Lamb, Optimizer, Pair, Rates, State, Stepper, TensorRuleExt};
use downhill::prelude::*;
use downhill::schedule::{OneCycle, ScheduleExt};

use crate::refused;

#[test]
fn hyperparameters() {
    let cases: Vec<(Box<dyn Optimizer<f64>>, &str, &str)> = vec![
        (Box::new(MiniBatchSgd::new(0)), "batch", "0"),
        (Box::new(Momentum::new(1.0)), "momentum", "1"),
        (Box::new(Momentum::new(-0.1)), "momentum", "-0.1"),
        (
            Box::new(Momentum::new(0.9).dampening(f64::NAN)),
            "dampening",
            "NaN",
        ),
        (
            Box::new(Momentum::new(0.9).dampening(0.1).nesterov()),
            "nesterov",
            "dampening 0.1",
        ),
        (Box::new(Momentum::new(0.0).nesterov()), "nesterov", "momentum 0"),
        (Box::new(Adagrad::new().epsilon(-1.0)), "epsilon", "-1"),
        (Box::new(Adagrad::new().rate_decay(-1.0)), "rate_decay", "-1"),
        (
            Box::new(Adagrad::new().initial_accumulator(f64::INFINITY)),
            "initial_accumulator",
            "inf",
        ),
        (Box::new(RmsProp::new().alpha(1.0)), "alpha", "1"),
        (Box::new(RmsProp::new().epsilon(-1e-8)), "epsilon", "-0.00000001"),
        (Box::new(RmsProp::new().momentum(1.5)), "momentum", "1.5"),
        (Box::new(Adam::new().beta1(1.0)), "beta1", "1"),
        (Box::new(Adam::new().beta2(f64::NAN)), "beta2", "NaN"),
        (Box::new(Adam::new().epsilon(f64::NAN)), "epsilon", "NaN"),
        (Box::new(Adam::new().weight_decay(-0.5)), "weight_decay", "-0.5"),
        (Box::new(Adam::new().beta1(2.0).maximize()), "beta1", "2"),
        (
            Box::new(GradientDescent.decoupled_weight_decay(f64::INFINITY)),
            "weight_decay",
            "inf",
        ),
        (Box::new(Adam::new().lookahead().every(0)), "every", "0"),
        (Box::new(Adam::new().lookahead().share(0.0)), "share", "0"),
        (Box::new(Lamb::new().lookahead().every(0)), "every", "0"),
        (Box::new(Lamb::new().lookahead().share(1.5)), "share", "1.5"),
        (
            Box::new(Lamb::new().decoupled_weight_decay(-0.1)),
            "weight_decay",
            "-0.1",
        ),
    ];
    let mut layout = Layout::new();
    layout.add("x", 2).unwrap();
    for (optimizer, name, given) in cases {
        refused(
            State::new(&*optimizer, &layout, &[]),
            "InvalidArgument",
            &[name, given],
        );
        let function = Function::new(vec![1.0], |_: &[f64], _: &mut [f64]| 0.0);
        refused(
            Trainer::new(optimizer).steps(1).minimize(function),
            "InvalidArgument",
            &[name, given],
        );
    }
    for (group, given) in [
        (Group::new("x").rate(-1.0), "-1"),
        (Group::new("x").decay(f64::NAN), "NaN"),
    ] {
        refused(
            State::<f64>::new(&Adam::new(), &layout, &[group]),
            "InvalidArgument",
            &["group", "\"x\"", given],
        );
    }
    refused(
        State::<f64>::new(&Adam::new(), &layout, &[Group::new("y*")]),
        "UnknownParameter",
        &["\"y*\"", "x"],
    );
}

/// What is scheduled and cannot be followed would stand in the history as if it were in force.
#[test]
fn hyperparameters_that_no_rule_reads() {
    fn trainer(rule: impl Optimizer<f64> + 'static) -> Trainer<'static, f64> {
        Trainer::new(rule)
    }
    let cycle = || Cyclical::new(0.01, 0.1, Span::Steps(2)).momentum(0.8, 0.9);
    let later = 0.1.then(
        Span::Steps(50),
        OneCycle::new(0.1, Span::Steps(50)).momentum(0.85, 0.95),
    );
    for (trainer, hyperparameter, optimizer) in [
        (
            trainer(GradientDescent).momentum(0.9),
            "momentum",
            "gradient-descent",
        ),
        (trainer(RmsProp::new()).momentum(0.9), "momentum", "rmsprop"),
        (trainer(Momentum::new(0.9)).beta2(0.99), "beta2", "momentum"),
        (trainer(Adam::new()).weight_decay(0.1), "weight_decay", "adam"),
        (trainer(Lamb::new().lookahead()).beta2(0.9).momentum(0.5), "", ""),
        (trainer(AdamW::default().maximize()).weight_decay(0.1), "", ""),
        (
            trainer(GradientDescent).learning_rate(cycle()),
            "momentum",
            "gradient-descent",
        ),
        (
            trainer(Adagrad::new()).learning_rate(cycle().warm_up(Span::Steps(9))),
            "momentum",
            "adagrad",
        ),
        (
            trainer(Adagrad::new()).learning_rate(later),
            "momentum",
            "adagrad",
        ),
        (
            trainer(Adagrad::new()).learning_rate(cycle().times(2.0).repeated(Span::Steps(4))),
            "momentum",
            "adagrad",
        ),
        (
            trainer(Adagrad::new()).learning_rate(ReduceOnPlateau::new(0.1.with_momentum(0.9))),
            "momentum",
            "adagrad",
        ),
        (trainer(Adam::new()).learning_rate(cycle()), "", ""),
    ] {
        let function = Function::new(vec![1.0], |w: &[f64], g: &mut [f64]| {
            g[0] = w[0];
            0.5 * w[0] * w[0]
        });
        let result = trainer.steps(2).minimize(function);
        match hyperparameter {
            "" => assert!(result.is_ok(), "{result:?}"),
            _ => refused(result, "NotRead", &[hyperparameter, optimizer]),
        }
    }
}

/// A step that is refused changes nothing.
#[test]
fn steps() {
    let mut layout = Layout::new();
    layout.add("x", 2).unwrap();
    let mut state = State::<f64>::new(&Adam::new(), &layout, &[]).unwrap();
    let fresh = state.clone();
    let mut weights = [1.0, 2.0];
    let good = Rates::from(0.1);
    refused(
        Adam::new().step(&mut state, &mut weights, &[1.0], good),
        "ShapeMismatch",
        &["gradient", "[1]", "[2]"],
    );
    refused(
        Adam::new().step(&mut state, &mut [1.0], &[1.0, 1.0], good),
        "ShapeMismatch",
        &["weights", "[1]", "[2]"],
    );
    refused(
        Momentum::new(0.9).step(&mut state, &mut weights, &[1.0, 1.0], good),
        "Foreign",
        &["state", "adam", "momentum"],
    );
    for (rates, parts) in [
        (Rates::from(-0.1), ["learning_rate", "-0.1"]),
        (Rates::from(f64::NAN), ["learning_rate", "NaN"]),
        (Rates::from(f64::INFINITY), ["learning_rate", "inf"]),
        (good.momentum(1.0), ["momentum", "1"]),
        (good.beta2(-0.5), ["beta2", "-0.5"]),
        (good.weight_decay(-1.0), ["weight_decay", "-1"]),
        (good.gradient_scale(f64::NAN), ["gradient_scale", "NaN"]),
    ] {
        refused(
            Adam::new().step(&mut state, &mut weights, &[1.0, 1.0], rates),
            "InvalidArgument",
            &parts,
        );
    }
    refused(
        Optimizer::average(&Adam::new(), &state, &weights, &mut [0.0]),
        "ShapeMismatch",
        &["average", "[1]", "[2]"],
    );
    refused(
        Optimizer::average(&Momentum::new(0.9), &state, &weights, &mut [0.0; 2]),
        "Foreign",
        &["state", "adam", "momentum"],
    );
    let none = Gradient::zeros(&Layout::new());
    refused(
        Adam::new().step_touched(&mut state, &mut weights, &none, good),
        "ShapeMismatch",
        &["gradient", "[0]", "[2]"],
    );
    assert_eq!(weights, [1.0, 2.0]);
    assert_eq!(state, fresh);
    let mut lookahead = State::<f64>::new(&Adam::new().lookahead(), &layout, &[]).unwrap();
    let other = Momentum::new(0.9).lookahead();
    refused(
        other.step(&mut lookahead, &mut weights, &[1.0, 1.0], good),
        "Foreign",
        &["state", "3 buffers", "2 slots"],
    );
}

#[test]
fn steppers() {
    let (mut a, g) = (array![1.0, 2.0], array![1.0, 1.0]);
    refused(
        Pair::new(&mut a, &array![1.0]),
        "ShapeMismatch",
        &["gradient", "[1]", "[2]"],
    );
    let (mut wide, wide_gradient) = (Array2::<f64>::zeros((2, 3)), Array2::<f64>::zeros((3, 2)));
    refused(
        Pair::new(&mut wide, &wide_gradient),
        "ShapeMismatch",
        &["gradient", "[3, 2]", "[2, 3]"],
    );
    let column_major = Array2::<f64>::zeros((3, 2)).reversed_axes();
    refused(
        Pair::new(&mut wide, &column_major),
        "InvalidArgument",
        &["gradient", "not contiguous", "row-major"],
    );
    let mut stepper = Stepper::new(Adam::new());
    refused(
        stepper.step(-1.0, &mut [Pair::new(&mut a, &g).unwrap()]),
        "InvalidArgument",
        &["learning_rate", "-1"],
    );
    stepper.step(0.1, &mut [Pair::new(&mut a, &g).unwrap()]).unwrap();
    let before = a.clone();
    refused(
        stepper.step(0.1, &mut []),
        "InvalidArgument",
        &["number of arrays", "0", "1"],
    );
    let (mut longer, longer_gradient) = (array![1.0, 2.0, 3.0], array![1.0, 1.0, 1.0]);
    let pair = Pair::new(&mut longer, &longer_gradient).unwrap();
    refused(
        stepper.step(0.1, &mut [pair]),
        "ShapeMismatch",
        &["weights", "[3]", "[2]"],
    );
    assert_eq!(a, before);
    let mut short = array![0.0];
    refused(
        stepper.average(&mut [Pair::new(&mut short, &array![1.0]).unwrap()]),
        "ShapeMismatch",
        &["weights", "[1]", "[2]"],
    );
    refused(
        Stepper::new(Adam::new().beta1(1.0)).step(0.1, &mut [Pair::new(&mut a, &g).unwrap()]),
        "InvalidArgument",
        &["beta1"],
    );
}
