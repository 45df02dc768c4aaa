//! Schedules, runs, checks of gradients, averages.

use downhill::data::Batch;
use downhill::ndarray::array;
use downhill::objective::check_gradient;
use downhill::prelude::*;
use downhill::schedule::{Amplitude, Threshold};
use downhill::train::{Average, Averager, Watch};

use crate::refused;

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

#[test]
fn measuring() {
    let (inputs, labels) = (array![[-1.0], [1.0]], array![0, 1]);
    let data: Dataset<f64, _, _> = Dataset::new(&inputs, &labels).unwrap();
    let model = Linear::new(1, 2).unwrap();
    let mut risk = EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &data);
    let params = Trainer::new(Adam::new())
        .epochs(1)
        .minimize(&mut risk)
        .unwrap()
        .params;
    refused(
        risk.measure(&Params::from(vec![1.0]), &data),
        "Foreign",
        &["params"],
    );
    let wide = array![[-1.0, 0.0], [1.0, 0.0]];
    let wide = Dataset::new(&wide, &labels).unwrap();
    refused(risk.measure(&params, &wide), "ShapeMismatch", &["inputs"]);
    let unknown = array![0, 7];
    let unknown = Dataset::new(&inputs, &unknown).unwrap();
    refused(risk.measure(&params, &unknown), "LabelOutOfRange", &["7"]);
}

#[test]
fn a_metric_has_a_name_of_its_own() {
    let (inputs, targets) = (array![[0.0], [1.0]], array![0.0, 1.0]);
    let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(1, 1).unwrap();
    for (names, given) in [
        (["loss", "other"], "\"loss\""),
        (["other", "step"], "\"step\""),
        (["twice", "twice"], "\"twice\""),
        (["", "other"], "\"\""),
        (["two\nlines", "other"], "lines"),
    ] {
        let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data);
        let risk = names
            .iter()
            .fold(risk, |risk, name| risk.metric(*name, |_, _| 0.0));
        let run = Trainer::new(GradientDescent).epochs(1).minimize(risk);
        refused(
            run,
            "InvalidArgument",
            &["the name of a metric", given, "weight_decay"],
        );
    }
}
