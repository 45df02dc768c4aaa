//! Every loss that is there, value and gradient, mean and sum.

use downhill::loss::Loss;
use downhill::ndarray::{Array1, Array2, ArrayView1};
use downhill::prelude::*;
use serde_json::Value;

use crate::json::{assert_close, cases, number, numbers, text};

/// Label smoothing, class weights, ignored labels and soft targets are options that the crate does not have yet.
const LATER: [&str; 5] = ["smoothing", "class_weights", "ignore", "soft", "nll"];

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
    let divisor = match text(&case["reduction"]) {
        // PyTorch's Huber and BCE divide a weighted sum by the number of rows; ours is the weighted mean everywhere.
        "mean" if name.starts_with("huber_weighted") || name.starts_with("bce_logits_weighted") => {
            logits.len() as f64
        }
        "mean" => loss.total_weight(logits.ncols(), &targets, weights),
        _ => 1.0,
    };
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

#[test]
fn every_loss_is_the_reference() {
    let (mut ran, mut later) = (0, 0);
    for case in cases("losses") {
        let (name, source) = (text(&case["name"]), text(&case["source"]));
        let function = source.rsplit('.').next().unwrap();
        let known = [
            "mse_loss",
            "l1_loss",
            "huber_loss",
            "binary_cross_entropy_with_logits",
            "cross_entropy",
        ];
        if !known.contains(&function) || LATER.iter().any(|option| name.contains(option)) {
            later += 1;
            continue;
        }
        let input = numbers(&case["input"]);
        let rows = case["input"].as_array().unwrap().len();
        let logits = Array2::from_shape_vec((rows, input.len() / rows), input).unwrap();
        let weights = case.get("weight").map(|weight| Array1::from(numbers(weight)));
        let weights = weights.as_ref().map(|weights| weights.view());
        let targets = Array1::from(numbers(&case["target"]));
        match function {
            "mse_loss" => check(&MeanSquaredError, &case, &logits, &targets, weights),
            "l1_loss" => check(&MeanAbsoluteError, &case, &logits, &targets, weights),
            "huber_loss" => check(
                &Huber::new(number(&case["options"]["delta"])),
                &case,
                &logits,
                &targets,
                weights,
            ),
            "cross_entropy" => {
                check(
                    &SoftmaxCrossEntropy,
                    &case,
                    &logits,
                    &targets.mapv(|label| label as usize),
                    weights,
                );
            }
            _ => {
                let positive = case.get("pos_weight").map_or(1.0, |weight| numbers(weight)[0]);
                let loss = BinaryCrossEntropy::new().positive_weight(positive);
                check(&loss, &case, &logits, &targets, weights);
            }
        }
        ran += 1;
    }
    println!("losses: {ran} cases, {later} of losses and options to come");
    assert_eq!(ran, 28);
}
