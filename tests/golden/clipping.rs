//! Every case of clipping and of averaged parameters.

use downhill::optim::State;
use downhill::prelude::*;
use downhill::train::{Average, Averager};
use downhill::transform::{ClipNorm, Norm};
use serde_json::Value;

use crate::json::{assert_close, cases, number, numbers, text};

fn assert_all(mine: &[f64], reference: &[f64], name: &str) {
    assert_eq!(mine.len(), reference.len(), "{name}");
    for (&mine, &reference) in mine.iter().zip(reference) {
        if reference.is_nan() {
            assert!(mine.is_nan(), "{name}");
        } else {
            assert_close(mine, reference, 1e-12, name);
        }
    }
}

fn clipped(case: &Value, optax: bool) {
    let h = &case["hyperparameters"];
    let mut clip = ClipNorm::new(number(&h["max_norm"]));
    if optax {
        clip = clip.exact();
    }
    if let Some(order) = h.get("norm_type") {
        clip = clip.norm(match number(order) {
            1.0 => Norm::L1,
            2.0 => Norm::L2,
            f64::INFINITY => Norm::Max,
            p => Norm::P(p),
        });
    }
    let mut gradient = numbers(&case["gradients"]);
    let norm = clip.clip(&mut gradient);
    assert_all(&[norm], &[number(&case["total_norm"])], text(&case["name"]));
    assert_all(&gradient, &numbers(&case["clipped"]), text(&case["name"]));
}

/// A step of gradient descent from 0 with rate 1 is the clipped gradient, the other way.
fn clipped_by_value(case: &Value) {
    let rule = GradientDescent.clip_value(number(&case["hyperparameters"]["clip_value"]));
    let gradient = numbers(&case["gradients"]);
    let mut weights = vec![0.0; gradient.len()];
    let mut state = State::new(&rule, Params::from(weights.clone()).layout(), &[]).unwrap();
    rule.step(&mut state, &mut weights, &gradient, 1.0.into())
        .unwrap();
    let clipped: Vec<f64> = weights.iter().map(|w| -w).collect();
    assert_all(&clipped, &numbers(&case["clipped"]), text(&case["name"]));
}

fn averaged(case: &Value) {
    let name = text(&case["name"]);
    let average = match text(&case["kind"]) {
        "ema" => Average::exponential(number(&case["hyperparameters"]["decay"])),
        _ => Average::uniform(),
    };
    let points: Vec<Vec<f64>> = case["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .collect();
    let averages: Vec<Vec<f64>> = case["averages"].as_array().unwrap().iter().map(numbers).collect();
    let mut running = Averager::new(average, &Params::from(vec![0.0; points[0].len()])).unwrap();
    assert!(points.len() == averages.len() && points.len() > 3);
    for (point, average) in points.into_iter().zip(averages) {
        running.update(&Params::from(point)).unwrap();
        assert_all(running.params().as_slice(), &average, name);
    }
}

#[test]
fn every_clipping_and_average_is_the_reference() {
    let mut ran = [0; 4];
    for case in cases("clipping") {
        let family = match text(&case["source"]) {
            "torch.nn.utils.clip_grad_norm_" => {
                clipped(&case, false);
                0
            }
            "optax.clip_by_global_norm" => {
                clipped(&case, true);
                1
            }
            "torch.optim.swa_utils.AveragedModel" => {
                averaged(&case);
                2
            }
            "torch.nn.utils.clip_grad_value_" => {
                clipped_by_value(&case);
                3
            }
            other => panic!("no test for {other}"),
        };
        ran[family] += 1;
    }
    println!(
        "clipping: {} by norm, {} by Optax's, {} averages, {} by value",
        ran[0], ran[1], ran[2], ran[3]
    );
    assert_eq!(ran, [10, 2, 5, 3]);
}
