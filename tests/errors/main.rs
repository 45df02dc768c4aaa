//! Bad input is refused with an error that names the argument, what was given and what was expected.

use downhill::data::{Batch, Order, Sampler};
use downhill::loss::{self, Loss};
use downhill::model;
use downhill::ndarray::{Array1, Array2, array};
use downhill::objective::check_gradient;
use downhill::optim::{Optimizer, Pair, Rates, State, Stepper};
use downhill::prelude::*;
use downhill::schedule::{Amplitude, Threshold};
use downhill::train::{Average, Averager, Watch};

/// Asserts that a call failed, with the variant that is named, and that the message has each of these parts.
#[track_caller]
fn refused<T>(result: Result<T, Error>, variant: &str, parts: &[&str]) {
    let Err(error) = result else {
        panic!("accepted, though {parts:?}")
    };
    assert!(
        format!("{error:?}").starts_with(variant),
        "{error:?} is not {variant}"
    );
    for part in parts {
        assert!(error.to_string().contains(part), "{error} does not say {part:?}");
    }
}

#[test]
fn layouts_and_params() {
    let mut layout = Layout::new();
    layout.add("a", (2, 3)).unwrap();
    refused(layout.add("a", 1), "DuplicateParameter", &["\"a\""]);
    refused(
        layout.add("huge", (usize::MAX, 2)),
        "InvalidArgument",
        &["huge", &usize::MAX.to_string(), "memory"],
    );
    let mut params = Params::<f64>::zeros(&layout);
    refused(params.get("b"), "UnknownParameter", &["\"b\"", "a"]);
    refused(params.get_mut("b"), "UnknownParameter", &["\"b\""]);
    refused(
        params.set("b", array![1.0].view()),
        "UnknownParameter",
        &["\"b\""],
    );
    refused(
        params.set("a", array![1.0].view()),
        "ShapeMismatch",
        &["a ", "[1]", "[2, 3]"],
    );
}

#[test]
fn data_sets() {
    let (x, y) = (array![[1.0], [2.0]], array![1.0, 2.0]);
    let data = || Dataset::<f64, _, _>::new(&x, &y).unwrap();
    let weighted = |weights: Array1<f64>| {
        let data = Dataset::<f64, _, _>::new(&x, &y).unwrap();
        data.weighted(&weights).map(|_| ())
    };
    refused(
        Dataset::<f64, _, _>::new(&x, &array![1.0]),
        "ShapeMismatch",
        &["targets", "[1]", "[2]"],
    );
    refused(
        Dataset::<f64, _, _>::new(&Array2::<f64>::zeros((0, 1)), &Array1::<f64>::zeros(0)),
        "Empty",
        &["inputs"],
    );
    refused(
        Dataset::<f64, _, _>::new(&array![[1.0], [f64::NAN]], &y),
        "NotFinite",
        &["inputs", "NaN", "1"],
    );
    refused(
        Dataset::<f64, _, _>::new(&x, &array![f64::INFINITY, 0.0]),
        "NotFinite",
        &["targets", "inf", "0"],
    );
    refused(
        Dataset::<f64, Array2<f64>, Array1<f64>>::from_views(x.view(), array![1.0].view()),
        "ShapeMismatch",
        &["targets"],
    );
    refused(weighted(array![1.0]), "ShapeMismatch", &["weights", "[1]", "[2]"]);
    refused(weighted(array![1.0, -2.0]), "InvalidArgument", &["weight", "-2"]);
    refused(
        weighted(array![f64::NAN, 1.0]),
        "InvalidArgument",
        &["weight", "NaN"],
    );
    refused(weighted(array![0.0, 0.0]), "InvalidArgument", &["weight", "0"]);
    refused(data().select(&[]), "Empty", &["rows"]);
    refused(data().select(&[0, 2]), "InvalidArgument", &["row", "2"]);
    for fraction in [0.0, 1.0, -0.5, f64::NAN, 0.1] {
        refused(
            data().split(fraction, 0),
            "InvalidArgument",
            &["fraction", &fraction.to_string()],
        );
    }
    refused(
        Sampler::new(0, BatchSize::Single, Order::Shuffled, false, 0),
        "Empty",
        &["data"],
    );
    refused(
        Sampler::new(5, BatchSize::Mini(0), Order::Shuffled, false, 0),
        "InvalidArgument",
        &["batch is 0", "1"],
    );
    refused(
        Sampler::new(5, BatchSize::Mini(6), Order::Shuffled, true, 0),
        "InvalidArgument",
        &["batch is 6", "5 rows"],
    );
}

#[test]
fn models_and_losses() {
    refused(Linear::new(0, 1), "InvalidArgument", &["inputs is 0"]);
    refused(
        Linear::without_intercept(1, 0),
        "InvalidArgument",
        &["outputs is 0"],
    );
    refused(Mlp::new(&[3]), "InvalidArgument", &["sizes", "[3]", "two"]);
    refused(Mlp::new(&[3, 0, 1]), "InvalidArgument", &["sizes", "[3, 0, 1]"]);
    let line = Linear::new(2, 1).unwrap();
    let params = Params::<f64>::zeros(line.layout());
    refused(
        model::predict(&line, &params, &array![[1.0]]),
        "ShapeMismatch",
        &["inputs", "[1]", "[2]"],
    );
    refused(
        model::predict(&line, &Params::from(vec![1.0]), &array![[1.0, 2.0]]),
        "Foreign",
        &["params", "weight"],
    );
    let logits = array![[0.5, 1.0]];
    let evaluate = |labels: &Array1<usize>| {
        loss::value_and_gradient(&SoftmaxCrossEntropy, logits.view(), labels, Reduction::Mean)
    };
    refused(
        evaluate(&array![2]),
        "LabelOutOfRange",
        &["label 2", "row 0", "2 outputs", "0 to 1"],
    );
    refused(
        evaluate(&array![0, 1]),
        "ShapeMismatch",
        &["targets", "[2]", "[1]"],
    );
    let two = array![[1.0, 0.0]];
    let wrong = Loss::<f64, Array2<f64>>::check(&MeanSquaredError, 3, &two.view());
    refused(wrong, "ShapeMismatch", &["targets", "[2]", "[3]"]);
    refused(
        Loss::<f64, Array1<f64>>::check(&MeanSquaredError, 2, &array![1.0].view()),
        "ShapeMismatch",
        &["targets"],
    );
    refused(
        Loss::<f64, Array1<f64>>::check(&BinaryCrossEntropy::new(), 1, &array![1.5].view()),
        "InvalidArgument",
        &["target", "1.5", "0 to 1"],
    );
    refused(
        Loss::<f64, Array1<f64>>::check(&Huber::new(0.0), 1, &array![1.5].view()),
        "InvalidArgument",
        &["delta", "0"],
    );
    let negative = BinaryCrossEntropy::new().positive_weight(-1.0);
    refused(
        Loss::<f64, Array1<f64>>::check(&negative, 1, &array![1.0].view()),
        "InvalidArgument",
        &["positive_weight", "-1"],
    );
}

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
    refused(
        Stepper::new(Adam::new().beta1(1.0)).step(0.1, &mut [Pair::new(&mut a, &g).unwrap()]),
        "InvalidArgument",
        &["beta1"],
    );
}

#[test]
fn schedules() {
    let cycle = |base, max| Cyclical::new(base, max, Span::Steps(2));
    let plateau = || ReduceOnPlateau::new(0.1);
    let cases: Vec<(Box<dyn LrSchedule>, &str, &str)> = vec![
        (Box::new(-0.1), "learning_rate", "-0.1"),
        (Box::new(f64::NAN), "learning_rate", "NaN"),
        (
            Box::new(StepDecay::new(-0.1, Span::Steps(1))),
            "StepDecay",
            "-0.1",
        ),
        (
            Box::new(StepDecay::new(0.1, Span::Epochs(0))),
            "StepDecay",
            "Epochs(0)",
        ),
        (
            Box::new(StepDecay::new(0.1, Span::Steps(1)).factor(-1.0)),
            "factor",
            "-1",
        ),
        (Box::new(cycle(-1.0, 1.0)), "base", "-1"),
        (Box::new(cycle(0.0, f64::INFINITY)), "max", "inf"),
        (
            Box::new(Cyclical::new(0.0, 1.0, Span::Steps(0))),
            "up",
            "Steps(0)",
        ),
        (
            Box::new(cycle(0.0, 1.0).down(Span::Epochs(0))),
            "down",
            "Epochs(0)",
        ),
        (
            Box::new(cycle(0.0, 1.0).amplitude(Amplitude::Exponential(-0.5))),
            "amplitude",
            "-0.5",
        ),
        (Box::new(cycle(0.0, 1.0).momentum(0.9, 1.0)), "momentum", "1"),
        (Box::new(cycle(0.0, 1.0).momentum(0.9, 0.8)), "momentum", "0.9"),
        (Box::new(plateau().factor(1.0)), "factor", "1"),
        (Box::new(plateau().factor(-0.1)), "factor", "-0.1"),
        (Box::new(plateau().minimum(-1.0)), "minimum", "-1"),
        (Box::new(plateau().epsilon(f64::NAN)), "epsilon", "NaN"),
        (
            Box::new(plateau().threshold(Threshold::Relative(-1.0))),
            "threshold",
            "-1",
        ),
        (Box::new(ReduceOnPlateau::new(-5.0)), "learning_rate", "-5"),
    ];
    for (schedule, name, given) in cases {
        let function = Function::new(vec![1.0], |_: &[f64], _: &mut [f64]| 0.0);
        let result = Trainer::new(GradientDescent)
            .learning_rate(schedule)
            .steps(1)
            .minimize(function);
        refused(result, "InvalidArgument", &[name, given]);
    }
}

#[test]
fn runs() {
    let function = || Function::new(vec![1.0], |_: &[f64], _: &mut [f64]| 0.0);
    let run = |trainer: Trainer<'_, f64>| trainer.minimize(function());
    let new = || Trainer::new(Adam::new());
    refused(
        run(new()),
        "InvalidArgument",
        &["epochs, steps and time_limit", "not given"],
    );
    refused(run(new().epochs(0)), "InvalidArgument", &["epochs is 0"]);
    refused(run(new().steps(0)), "InvalidArgument", &["steps is 0"]);
    refused(run(new().steps(1).batch(0)), "InvalidArgument", &["batch is 0"]);
    refused(
        run(Trainer::new(Sgd).steps(1).batch(8)),
        "InvalidArgument",
        &["batch", "Mini(8)", "\"sgd\"", "Single"],
    );
    refused(
        run(new().steps(1).best_by(Watch::lowest("accuracy"))),
        "InvalidArgument",
        &["watch", "accuracy", "loss"],
    );
    let watching = ReduceOnPlateau::new(0.1).watch(Watch::highest("f1"));
    refused(
        run(new().steps(1).learning_rate(watching)),
        "InvalidArgument",
        &["watch", "f1", "loss"],
    );
    refused(
        run(new().steps(1).start_from(Params::from(vec![1.0, 2.0]))),
        "Foreign",
        &["start_from", "[2]", "[1]"],
    );
    refused(
        run(new().steps(1).start_from(Params::from(vec![f64::NAN]))),
        "NotFinite",
        &["start", "NaN", "position 0"],
    );
    refused(
        run(new().steps(1).group(Group::new("bias"))),
        "UnknownParameter",
        &["\"bias\"", "x"],
    );
    let nothing = Function::new(vec![], |_: &[f64], _: &mut [f64]| 0.0);
    refused(new().steps(1).minimize(nothing), "Empty", &["start"]);

    let (x, y, labels) = (array![[1.0], [2.0]], array![1.0, 2.0], array![0_usize, 2]);
    let (numbers, classes) = (Dataset::new(&x, &y).unwrap(), Dataset::new(&x, &labels).unwrap());
    let model = Linear::new(2, 1).unwrap();
    refused(
        new().epochs(1).fit(&model, &MeanSquaredError, &numbers),
        "ShapeMismatch",
        &["inputs", "[1]", "[2]"],
    );
    let model = Linear::new(1, 2).unwrap();
    refused(
        new().epochs(1).fit(&model, &SoftmaxCrossEntropy, &classes),
        "LabelOutOfRange",
        &["label 2", "row 1", "2 outputs"],
    );
    refused(
        new().epochs(1).fit(&model, &MeanSquaredError, &numbers),
        "ShapeMismatch",
        &["targets"],
    );
    // The validation set is checked like the training set, before the first step.
    let fine = array![0_usize, 1];
    let training = Dataset::<f64, _, _>::new(&x, &fine).unwrap();
    let risk = EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &training).validation(&classes);
    refused(new().epochs(1).minimize(risk), "LabelOutOfRange", &["label 2"]);
}

#[test]
fn gradient_checks_and_averages() {
    let mut function = Function::new(vec![1.0], |_: &[f64], g: &mut [f64]| {
        g[0] = 0.0;
        0.0
    });
    let (params, one) = (Params::from(vec![1.0]), Batch::Range(0..1));
    refused(
        check_gradient(&mut function, &params, &one, 0.0),
        "InvalidArgument",
        &["step", "0"],
    );
    refused(
        check_gradient(&mut function, &Params::from(vec![1.0, 2.0]), &one, 1e-6),
        "Foreign",
        &["params", "[2]", "[1]"],
    );
    refused(
        check_gradient(&mut function, &params, &Batch::Range(0..2), 1e-6),
        "InvalidArgument",
        &["batch", "2", "1 terms"],
    );
    let (x, y) = (array![[1.0], [2.0]], array![1.0, 2.0]);
    let (data, model) = (Dataset::new(&x, &y).unwrap(), Linear::new(1, 1).unwrap());
    let mut risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data);
    let params = Params::zeros(model.layout());
    let rows = Batch::Rows(&[0, 5]);
    refused(
        check_gradient(&mut risk, &params, &rows, 1e-6),
        "InvalidArgument",
        &["batch", "5", "2 terms"],
    );
    let mut gradient = Gradient::zeros(params.layout());
    refused(
        risk.value_and_gradient(&params, &rows, &mut gradient),
        "InvalidArgument",
        &["batch", "5"],
    );
    let mut averager = Averager::new(Average::uniform(), &params).unwrap();
    refused(
        averager.update(&Params::from(vec![1.0])),
        "Foreign",
        &["params", "x [1]", "weight [1, 1]"],
    );
}
