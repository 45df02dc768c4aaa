//! Parameters, data, models and losses.

use downhill::data::{Order, Sampler};
use downhill::loss::{self, Loss};
use downhill::model;
use downhill::ndarray::{Array1, Array2, array};
use downhill::objective::Penalized;
use downhill::prelude::*;

use crate::refused;

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
        Dataset::<f64, Array2<f64>, Array1<f64>>::new(x.view(), array![1.0].view()),
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
    let by_output = BinaryCrossEntropy::new().positive_weights([1.0, -2.0]);
    for (outputs, variant, parts) in [
        (2, "InvalidArgument", ["positive_weight", "-2"]),
        (3, "ShapeMismatch", ["positive_weights", "[2]"]),
    ] {
        let targets = Array2::ones((1, outputs));
        refused(
            Loss::<f64>::check(&by_output, outputs, &targets.view()),
            variant,
            &parts,
        );
    }
}

type Flat = Function<f64, fn(&[f64], &mut [f64]) -> f64>;

fn function() -> Penalized<Flat> {
    Penalized::new(Function::new(vec![1.0], |_, _| 0.0))
}

#[test]
fn penalties() {
    for (penalized, name) in [
        (function().l1(-1.0), "l1 of Penalized is -1"),
        (function().l2(f64::NAN), "l2 of Penalized is NaN"),
    ] {
        refused(
            Trainer::new(GradientDescent).steps(1).minimize(penalized),
            "InvalidArgument",
            &[name],
        );
    }
}
