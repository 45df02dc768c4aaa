//! Every case of every loss, value and gradient, by mean and sum.

use downhill::loss::{
    Focal, GaussianCrps, GaussianNll, Hinge, HingeEmbedding, KlDivergence, LogCosh, Loss, MarginRanking,
    MultiMargin, NegativeLogLikelihood, PoissonNll, SmoothL1, SoftMargin, SquaredHinge, Tweedie,
};
use downhill::ndarray::{Array1, Array2, ArrayView1};
use downhill::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::json::{assert_close, cases, flag, number, numbers, text};

fn check<Y: downhill::data::Samples, L: Loss<f64, Y>>(
    loss: &L,
    case: &Value,
    logits: &Array2<f64>,
    targets: &Y,
    weights: Option<ArrayView1<'_, f64>>,
) {
    let name = text(&case["name"]);
    let targets = targets.view();
    loss.check(logits.ncols(), &targets).unwrap();
    // PyTorch's Huber loss and BCE divide a weighted sum by the number of rows; its others by the weights.
    let by_number = case.get("weight").is_some() && (name.starts_with("huber") || name.starts_with("bce"));
    let reduction = match text(&case["reduction"]) {
        "batchmean" => Reduction::BatchMean,
        "mean" if by_number => Reduction::UnweightedMean,
        "mean" => Reduction::Mean,
        _ => Reduction::Sum,
    };
    let divisor: f64 = reduction.divisor(loss, logits.ncols(), &targets, weights);
    let mut gradient = Array2::zeros(logits.raw_dim());
    let value = loss.value_and_gradient(
        logits.view(),
        &targets,
        weights,
        1.0 / divisor,
        gradient.view_mut(),
    );
    assert_close(value / divisor, number(&case["value"]), 1e-12, name);
    for (mine, reference) in gradient.iter().zip(numbers(&case["grad"])) {
        assert_close(*mine, reference, 1e-12, name);
    }
}

/// The predictions and targets of a case, by whatever names it has for them.
fn first<'a>(case: &'a Value, names: &[&str]) -> &'a Value {
    names.iter().find_map(|name| case.get(*name)).unwrap()
}

fn matrix(value: &Value) -> Array2<f64> {
    let values = numbers(value);
    let rows = value.as_array().unwrap().len();
    Array2::from_shape_vec((rows, values.len() / rows), values).unwrap()
}

/// A loss of two outputs: they stand in the columns of the predictions, and so do the gradients.
fn check_two<L: Loss<f64, Array1<f64>>>(loss: &L, case: &Value, second: &str, gradient: &str) {
    let (a, b) = (numbers(first(case, &["input", "input1"])), numbers(&case[second]));
    let predictions = Array2::from_shape_fn(
        (a.len(), 2),
        |(row, column)| if column == 0 { a[row] } else { b[row] },
    );
    let mut whole = case.clone();
    let (da, db) = (numbers(&case["grad"]), numbers(&case[gradient]));
    whole["grad"] = da.iter().zip(&db).flat_map(|(a, b)| [*a, *b]).collect();
    check(
        loss,
        &whole,
        &predictions,
        &Array1::from(numbers(&case["target"])),
        None,
    );
}

#[test]
fn every_loss_is_the_reference() {
    let mut families = BTreeMap::<String, usize>::new();
    let all = cases("losses");
    for case in &all {
        let source = text(&case["source"]);
        *families.entry(source.into()).or_default() += 1;
        let option = |key: &str| case["options"].get(key).and_then(Value::as_f64);
        let on = |key: &str| case["options"].get(key).is_some_and(flag);
        let predictions = matrix(first(
            case,
            &["input", "input1", "predictor_outputs", "predictions", "logits"],
        ));
        let targets = case
            .get("target")
            .or(case.get("targets"))
            .or(case.get("labels"))
            .unwrap();
        let vector = Array1::from(numbers(targets));
        let weights = case.get("weight").map(numbers);
        let row_weights = weights.clone().map(Array1::from);
        let row_weights = row_weights.as_ref().map(|weights| weights.view());
        // A label below 0 is one that is ignored.
        let label = |label: f64| if label < 0.0 { usize::MAX } else { label as usize };
        let labels = vector.mapv(label);
        match source.rsplit('.').next().unwrap() {
            "mse_loss" => check(&MeanSquaredError, case, &predictions, &vector, row_weights),
            "l1_loss" => check(&MeanAbsoluteError, case, &predictions, &vector, row_weights),
            "smooth_l1_loss" => check(
                &SmoothL1::new(option("beta").unwrap()),
                case,
                &predictions,
                &vector,
                None,
            ),
            "huber_loss" => check(
                &Huber::new(option("delta").unwrap()),
                case,
                &predictions,
                &vector,
                row_weights,
            ),
            "binary_cross_entropy_with_logits" => {
                let positive = case.get("pos_weight").map_or(vec![1.0], numbers);
                let loss = BinaryCrossEntropy::new();
                match positive[..] {
                    [positive] => {
                        let loss = loss.positive_weight(positive);
                        check(&loss, case, &predictions, &vector, row_weights);
                    }
                    _ => {
                        let loss = loss.positive_weights(positive);
                        check(&loss, case, &predictions, &matrix(targets), row_weights);
                    }
                }
            }
            "cross_entropy" => {
                let mut loss = SoftmaxCrossEntropy.label_smoothing(option("label_smoothing").unwrap_or(0.0));
                if let Some(weights) = weights {
                    loss = loss.class_weights(weights);
                }
                if let Some(ignored) = option("ignore_index") {
                    loss = loss.ignore(label(ignored));
                }
                if targets[0].is_array() {
                    check(&loss, case, &predictions, &matrix(targets), None);
                } else {
                    check(&loss, case, &predictions, &labels, None);
                }
                if loss == SoftmaxCrossEntropy.label_smoothing(0.0) && targets[0].is_number() {
                    check(&SoftmaxCrossEntropy, case, &predictions, &labels, None);
                }
            }
            "nll_loss" => {
                let mut loss = NegativeLogLikelihood::new();
                if let Some(weights) = weights {
                    loss = loss.class_weights(weights);
                }
                if let Some(ignored) = option("ignore_index") {
                    loss = loss.ignore(label(ignored));
                }
                check(&loss, case, &predictions, &labels, None);
            }
            "kl_div" => {
                let loss = if on("log_target") {
                    KlDivergence::of_log_targets()
                } else {
                    KlDivergence::new()
                };
                check(&loss, case, &predictions, &matrix(targets), None);
            }
            "poisson_nll_loss" => {
                let loss = if on("log_input") {
                    PoissonNll::new()
                } else {
                    PoissonNll::of_rates(option("eps").unwrap())
                };
                check(
                    &if on("full") { loss.full() } else { loss },
                    case,
                    &predictions,
                    &vector,
                    None,
                );
            }
            "gaussian_nll_loss" => {
                let loss = GaussianNll::new().epsilon(option("eps").unwrap());
                check_two(
                    &if on("full") { loss.full() } else { loss },
                    case,
                    "var",
                    "grad_var",
                );
            }
            "margin_ranking_loss" => {
                check_two(
                    &MarginRanking::new(option("margin").unwrap()),
                    case,
                    "input2",
                    "grad_input2",
                );
            }
            "soft_margin_loss" => check(&SoftMargin, case, &predictions, &vector, None),
            "hinge_embedding_loss" => {
                check(
                    &HingeEmbedding::new(option("margin").unwrap()),
                    case,
                    &predictions,
                    &vector,
                    None,
                );
            }
            "multi_margin_loss" => {
                let mut loss = MultiMargin::new(option("margin").unwrap());
                if option("p") == Some(2.0) {
                    loss = loss.squared();
                }
                if let Some(weights) = weights {
                    loss = loss.class_weights(weights);
                }
                check(&loss, case, &predictions, &labels, None);
            }
            "hinge_loss" => check(&Hinge, case, &predictions, &vector, None),
            "squared_hinge" => check(&SquaredHinge, case, &predictions, &vector, None),
            "HalfTweedieLoss" => {
                let loss = Tweedie::new(option("power").unwrap());
                check(&loss, case, &predictions, &vector, None);
            }
            "crps" => check_two(&GaussianCrps, case, "log_deviation", "grad_log_deviation"),
            "log_cosh" => check(&LogCosh, case, &predictions, &vector, None),
            "sigmoid_focal_loss" => {
                let loss = Focal::new(option("gamma").unwrap());
                let loss = option("alpha").map_or(loss, |alpha| loss.alpha(alpha));
                check(&loss, case, &predictions, &vector, None);
            }
            other => panic!("no loss for {other}"),
        }
    }
    for (source, count) in &families {
        println!("{source}: {count} cases");
    }
    assert!(!all.is_empty() && families.values().sum::<usize>() == all.len());
}
