//! Every case of clipping and of averaged parameters.

use downhill::optim::State;
use downhill::prelude::*;
use downhill::train::{Average, Averager};
use downhill::transform::{AdaptiveClip, ClipNorm, GradientTransform, Norm};
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

/// Each tensor's gradient, clipped by the size of its weights.
fn clipped_by_unit(case: &Value) {
    let h = &case["hyperparameters"];
    let tensors = case["tensors"].as_array().unwrap();
    let mut layout = Layout::new();
    for (name, tensor) in tensors.iter().enumerate() {
        let shape: Vec<usize> = numbers(&tensor["shape"])
            .iter()
            .map(|&len| len as usize)
            .collect();
        layout.add(&format!("tensor{name}"), shape.as_slice()).unwrap();
    }
    let all = |key: &str| {
        tensors
            .iter()
            .flat_map(|tensor| numbers(&tensor[key]))
            .collect::<Vec<f64>>()
    };
    let (mut params, mut gradient) = (Params::zeros(&layout), Gradient::zeros(&layout));
    params.as_mut_slice().copy_from_slice(&all("weights"));
    gradient.as_mut_slice().copy_from_slice(&all("gradient"));
    let mut clip = AdaptiveClip::new(number(&h["clipping"])).epsilon(number(&h["eps"]));
    clip.apply(&mut gradient, &params, 1);
    assert_all(gradient.as_slice(), &all("clipped"), text(&case["name"]));
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
    let mut ran = [0; 5];
    let all = cases("clipping");
    for case in &all {
        let family = match text(&case["source"]) {
            "torch.nn.utils.clip_grad_norm_" => {
                clipped(case, false);
                0
            }
            "optax.clip_by_global_norm" => {
                clipped(case, true);
                1
            }
            "torch.optim.swa_utils.AveragedModel" => {
                averaged(case);
                2
            }
            "torch.nn.utils.clip_grad_value_" => {
                clipped_by_value(case);
                3
            }
            "optax.adaptive_grad_clip" => {
                clipped_by_unit(case);
                4
            }
            other => panic!("no test for {other}"),
        };
        ran[family] += 1;
    }
    println!(
        "clipping: {} by norm, {} by Optax's, {} averages, {} by value, {} by unit",
        ran[0], ran[1], ran[2], ran[3], ran[4]
    );
    assert!(!all.is_empty() && ran.iter().sum::<usize>() == all.len());
}
