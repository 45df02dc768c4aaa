//! Whole training runs: batches, losses, rates and parameters; and the counter-example to Adam.

use downhill::data::{Batch, Samples};
use downhill::ndarray::{Array1, Array2};
use downhill::optim::{Optimizer, Rates, State};
use downhill::prelude::*;
use downhill::schedule::{OneCycle, Progress};
use downhill::train::{Average, Averager};
use downhill::transform::ClipNorm;
use serde_json::Value;

use crate::{
    json::{assert_close, cases, number, numbers, text},
    optimizers::optimizer,
};

fn case(name: &str) -> Value {
    cases("training")
        .into_iter()
        .find(|case| case["name"] == name)
        .unwrap()
}

/// Sets the parameters of one of our models from a golden record, by pairs of names.
fn assign(params: &mut Params<f64>, values: &Value, names: &[(&str, &str)]) {
    for (ours, theirs) in names {
        let mut tensor = params.get_mut(ours).unwrap();
        for (mine, reference) in tensor.iter_mut().zip(numbers(&values[*theirs])) {
            *mine = reference;
        }
    }
}

fn replay<Y: Samples, M: Model<f64>, L: Loss<f64, Y>>(
    case: &Value,
    model: &M,
    loss: &L,
    targets: &Y,
    groups: &[Group],
    mut schedule: impl LrSchedule,
    names: &[(&str, &str)],
) {
    let name = text(&case["name"]);
    let rows = case["X"].as_array().unwrap().len();
    let values = numbers(&case["X"]);
    let inputs = Array2::from_shape_vec((rows, values.len() / rows), values).unwrap();
    let data = Dataset::new(&inputs, targets).unwrap();
    let mut risk = EmpiricalRisk::new(model, loss, &data);
    risk.prepare(rows).unwrap();
    let mut params = Params::zeros(&model.layout());
    assign(&mut params, &case["initial_parameters"], names);
    let group = &case["optimizer"]["groups"][0];
    let rule = optimizer(text(&case["optimizer"]["source"]), &group["hyperparameters"]);
    let mut state = State::new(&*rule, params.layout(), groups).unwrap();
    let mut gradient = Gradient::zeros(params.layout());
    let losses = numbers(&case["loss_before_update"]);
    let clip = case["clip_grad_norm"].as_f64().map(ClipNorm::new);
    let decay = case["ema_decay"].as_f64().map(Average::exponential);
    let mut average = decay.map(|average| Averager::new(average, &params).unwrap());
    let mut step = 0;
    for (epoch, batches) in case["batches"].as_array().unwrap().iter().enumerate() {
        let batches = batches.as_array().unwrap();
        for batch in batches {
            let rows: Vec<usize> = numbers(batch).into_iter().map(|row| row as usize).collect();
            let value = risk
                .value_and_gradient(&params, &Batch::Rows(&rows), &mut gradient)
                .unwrap();
            assert_close(value, losses[step], 1e-12, name);
            let now = Progress {
                step: step as u64,
                steps_per_epoch: batches.len() as u64,
            };
            let rate = schedule.rate(&now);
            assert_close(rate, number(&case["lr_of_update"][step][0]), 1e-12, name);
            let mut rates = Rates::from(rate);
            rates.momentum = schedule.momentum(&now);
            if let Some(clip) = &clip {
                let norm = clip.measure(gradient.as_slice());
                assert_close(
                    norm,
                    number(&case["gradient_norm_before_clipping"][step]),
                    1e-12,
                    name,
                );
                rates.gradient_scale = clip.factor(norm);
            }
            rule.step(&mut state, params.as_mut_slice(), gradient.as_slice(), rates)
                .unwrap();
            if let Some(average) = &mut average {
                average.update(&params).unwrap();
            }
            step += 1;
        }
        let mut pairs = vec![(&params, &case["parameters_after_epoch"][epoch])];
        pairs.extend(
            average
                .as_ref()
                .map(|average| (average.params(), &case["ema_after_epoch"][epoch])),
        );
        for (params, reference) in pairs {
            for (ours, theirs) in names {
                for (mine, reference) in params.get(ours).unwrap().iter().zip(numbers(&reference[*theirs])) {
                    assert_close(*mine, reference, 1e-12, name);
                }
            }
        }
    }
    assert_eq!(step, losses.len());
}

#[test]
fn linear_regression_with_momentum_and_step_decay() {
    let case = case("linear_regression_sgd_momentum_step_lr");
    let targets = Array1::from(numbers(&case["y"]));
    let schedule = StepDecay::new(0.05, Span::Epochs(1)).factor(0.5);
    let names = [("weight", "w"), ("bias", "b")];
    replay(
        &case,
        &Linear::new(3, 1).unwrap(),
        &MeanSquaredError,
        &targets,
        &[],
        schedule,
        &names,
    );
}

#[test]
fn softmax_regression_with_adam() {
    let case = case("softmax_regression_adam");
    let targets = Array1::from(numbers(&case["y"])).mapv(|label| label as usize);
    let names = [("weight", "W"), ("bias", "b")];
    replay(
        &case,
        &Linear::new(4, 3).unwrap(),
        &SoftmaxCrossEntropy,
        &targets,
        &[],
        0.05,
        &names,
    );
}

#[test]
fn perceptron_with_rmsprop_and_groups() {
    let case = case("mlp_rmsprop_parameter_groups");
    let targets = Array1::from(numbers(&case["y"]));
    let model = Mlp::new(&[2, 5, 1]).unwrap().activation(Activation::Tanh);
    let groups = [Group::new("*/bias").rate(2.0).decay(0.0)];
    let names = [
        ("layer1/weight", "W1"),
        ("layer1/bias", "b1"),
        ("layer2/weight", "W2"),
        ("layer2/bias", "b2"),
    ];
    replay(&case, &model, &MeanSquaredError, &targets, &groups, 0.01, &names);
}

#[test]
fn perceptron_with_adamw_groups_clipping_one_cycle_and_average() {
    let case = case("mlp_adamw_groups_clipping_one_cycle_ema");
    let targets = Array1::from(numbers(&case["y"]));
    let model = Mlp::new(&[2, 5, 1]).unwrap().activation(Activation::Tanh);
    let groups = [Group::new("*/bias").decay(0.0)];
    let names = [
        ("layer1/weight", "W1"),
        ("layer1/bias", "b1"),
        ("layer2/weight", "W2"),
        ("layer2/bias", "b2"),
    ];
    let h = &case["schedule"]["hyperparameters"];
    let get = |key: &str| number(&h[key]);
    let schedule = OneCycle::new(get("max_lr"), Span::Steps(get("total_steps") as u64))
        .rise(get("pct_start"))
        .divisor(get("div_factor"))
        .final_divisor(get("final_div_factor"));
    replay(
        &case,
        &model,
        &MeanSquaredError,
        &targets,
        &groups,
        schedule,
        &names,
    );
}

/// Reddi, Kale and Kumar (2018): Adam ends at the wrong end of [−1, 1], AMSGrad at the right one.
#[test]
fn adam_goes_astray_where_amsgrad_does_not() {
    for name in ["reddi_C_3", "reddi_C_5"] {
        let case = case(name);
        let h = &case["hyperparameters"];
        let (c, alpha) = (number(&h["C"]), number(&h["alpha"]));
        let adam = Adam::new()
            .beta1(0.0)
            .beta2(number(&h["beta2"]))
            .epsilon(number(&h["eps"]));
        let rules: [(&str, Box<dyn Optimizer<f64>>); 2] =
            [("adam", Box::new(adam)), ("amsgrad", Box::new(adam.amsgrad()))];
        for (key, rule) in rules {
            let recorded = numbers(&case["recorded_steps"]);
            let reference = numbers(&case[key]["x"]);
            let mut x = [number(&case["x0"])];
            let mut layout = Layout::new();
            layout.add("x", 1).unwrap();
            let mut state = State::new(&*rule, &layout, &[]).unwrap();
            for step in 1..=number(&case["steps"]) as usize {
                let gradient = if step % 3 == 1 { c } else { -1.0 };
                rule.step(
                    &mut state,
                    &mut x,
                    &[gradient],
                    (alpha / (step as f64).sqrt()).into(),
                )
                .unwrap();
                x[0] = x[0].clamp(-1.0, 1.0);
                if let Some(place) = recorded.iter().position(|&at| at as usize == step) {
                    assert_close(x[0], reference[place], 1e-12, name);
                }
            }
            assert!(
                if key == "adam" { x[0] > 0.99 } else { x[0] < -0.99 },
                "{name}: {key} ends at {}",
                x[0]
            );
        }
    }
}
