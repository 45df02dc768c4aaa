//! Every trajectory of SGD, Adagrad, RMSprop, Adam and AdamW.

use downhill::optim::{Optimizer, State};
use downhill::prelude::*;
use serde_json::Value;

use crate::{
    json::{cases, flag, number, numbers, text},
    problems,
};

const SOURCES: [&str; 5] = [
    "torch.optim.SGD",
    "torch.optim.Adagrad",
    "torch.optim.RMSprop",
    "torch.optim.Adam",
    "torch.optim.AdamW",
];

/// A rule with the decay and the direction of a case.
fn finish<F: Scalar, R>(rule: R, h: &Value) -> Box<dyn Optimizer<F>>
where
    R: downhill::optim::Rule<f32> + downhill::optim::Rule<f64> + downhill::optim::Rule<F> + 'static,
{
    let decay = number(&h["weight_decay"]);
    let decoupled = h.get("decoupled_weight_decay").is_some_and(flag);
    match (decoupled, flag(&h["maximize"])) {
        (false, false) => Box::new(rule.weight_decay(decay)),
        (false, true) => Box::new(rule.weight_decay(decay).maximize()),
        (true, false) => Box::new(rule.decoupled_weight_decay(decay)),
        (true, true) => Box::new(rule.decoupled_weight_decay(decay).maximize()),
    }
}

pub(crate) fn optimizer<F: Scalar>(source: &str, h: &Value) -> Box<dyn Optimizer<F>>
where
    Box<dyn Optimizer<F>>: Sized,
{
    match source {
        "torch.optim.SGD" if number(&h["momentum"]) == 0.0 => finish(GradientDescent, h),
        "torch.optim.SGD" => {
            let rule = Momentum::new(number(&h["momentum"])).dampening(number(&h["dampening"]));
            finish(
                if flag(&h["nesterov"]) {
                    rule.nesterov()
                } else {
                    rule
                },
                h,
            )
        }
        "torch.optim.Adagrad" => {
            let rule = Adagrad::new()
                .epsilon(number(&h["eps"]))
                .rate_decay(number(&h["lr_decay"]));
            finish(
                rule.initial_accumulator(number(&h["initial_accumulator_value"])),
                h,
            )
        }
        "torch.optim.RMSprop" => {
            let rule = RmsProp::new()
                .alpha(number(&h["alpha"]))
                .epsilon(number(&h["eps"]));
            let momentum = number(&h["momentum"]);
            match (flag(&h["centered"]), momentum > 0.0) {
                (false, false) => finish(rule, h),
                (true, false) => finish(rule.centred(), h),
                (false, true) => finish(rule.momentum(momentum), h),
                (true, true) => finish(rule.centred().momentum(momentum), h),
            }
        }
        "torch.optim.Adam" | "torch.optim.AdamW" => {
            let betas = numbers(&h["betas"]);
            let rule = Adam::new()
                .beta1(betas[0])
                .beta2(betas[1])
                .epsilon(number(&h["eps"]));
            if flag(&h["amsgrad"]) {
                finish(rule.amsgrad(), h)
            } else {
                finish(rule, h)
            }
        }
        _ => panic!("no optimiser for {source}"),
    }
}

/// Runs a case and gives its largest deviation.
fn run<F: Scalar>(case: &Value) -> f64 {
    let h = &case["hyperparameters"];
    let optimizer = optimizer::<F>(text(&case["source"]), h);
    let mut weights: Vec<F> = numbers(&case["x0"]).into_iter().map(F::of).collect();
    let mut layout = Layout::new();
    layout.add("x", weights.len()).unwrap();
    let mut state = State::new(&*optimizer, &layout, &[]).unwrap();
    let gradient = problems::gradient(&case["problem"]);
    let recorded: Vec<usize> = numbers(&case["recorded_steps"])
        .into_iter()
        .map(|step| step as usize)
        .collect();
    let trajectory = case["trajectory"].as_array().unwrap();
    let tolerance = number(&case["suggested_tolerance"]);
    let mut largest = vec![1.0_f64; weights.len()];
    let mut worst = 0.0_f64;
    for update in 1..=number(&case["steps"]) as usize {
        let point: Vec<f64> = weights.iter().map(|w| w.to_f64_exact()).collect();
        let g: Vec<F> = gradient(&point, update).into_iter().map(F::of).collect();
        optimizer
            .step(&mut state, &mut weights, &g, number(&h["lr"]).into())
            .unwrap();
        let Some(place) = recorded.iter().position(|&step| step == update) else {
            continue;
        };
        for (i, reference) in numbers(&trajectory[place]).into_iter().enumerate() {
            largest[i] = largest[i].max(reference.abs());
            let deviation = (weights[i].to_f64_exact() - reference).abs() / largest[i];
            let name = text(&case["name"]);
            assert!(
                deviation <= tolerance,
                "{name}, update {update}, coordinate {i}: off by {deviation:e}"
            );
            worst = worst.max(deviation);
        }
    }
    worst
}

#[test]
fn every_trajectory_is_the_reference() {
    let all = cases("optimizers");
    for source in SOURCES {
        let family: Vec<_> = all.iter().filter(|case| case["source"] == source).collect();
        let (single, double): (Vec<&Value>, Vec<&Value>) =
            family.iter().partition(|case| case["dtype"] == "f32");
        assert!(double.len() >= 12, "{source}: {} cases", double.len());
        let worst = double.iter().map(|case| run::<f64>(case)).fold(0.0, f64::max);
        let worst_single = single.iter().map(|case| run::<f32>(case)).fold(0.0, f64::max);
        println!(
            "{source}: {} cases in f64, off by {worst:.1e}; {} in f32, off by {worst_single:.1e}",
            double.len(),
            single.len()
        );
    }
}
