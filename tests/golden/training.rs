//! Whole training runs: batches, losses, rates and parameters; and the counter-example to Adam.

use downhill::data::{Batch, Samples};
use downhill::ndarray::{Array1, Array2};
use downhill::optim::{Optimizer, Rates, State};
use downhill::prelude::*;
use downhill::schedule::{Progress, ScheduleExt};
use downhill::train::{Average, Averager};
use downhill::transform::ClipNorm;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::{
    json::{assert_close, cases, number, numbers, text},
    optimizers::optimizer,
    schedules::schedule,
};

/// Sets the parameters of one of our models from a golden record, by pairs of names.
fn assign(params: &mut Params<f64>, values: &Value, names: &[(&str, &str)]) {
    for (ours, theirs) in names {
        let mut tensor = params.get_mut(ours).unwrap();
        for (mine, reference) in tensor.iter_mut().zip(numbers(&values[*theirs])) {
            *mine = reference;
        }
    }
}

/// The groups of a case after the first, by what they multiply its rate and decay.
fn groups(case: &Value, names: &[(&str, &str)]) -> Vec<Group> {
    let groups = case["optimizer"]["groups"].as_array().unwrap();
    let of = |group: &Value, key: &str| number(&group["hyperparameters"][key]);
    let factor = |group: &Value, key: &str| match of(&groups[0], key) {
        0.0 => {
            assert_eq!(of(group, key), 0.0, "{key} is 0 in the first group");
            1.0
        }
        first => of(group, key) / first,
    };
    let group_of = |group: &Value, theirs: &Value| {
        let name = names.iter().find(|(_, name)| *theirs == *name).unwrap().0;
        Group::new(name)
            .rate(factor(group, "lr"))
            .decay(factor(group, "weight_decay"))
    };
    let rest = groups.iter().skip(1);
    rest.flat_map(|group| {
        let params = group["params"].as_array().unwrap();
        params.iter().map(|theirs| group_of(group, theirs))
    })
    .collect()
}

fn schedule_of(case: &Value) -> Box<dyn LrSchedule> {
    let base = number(&case["optimizer"]["groups"][0]["hyperparameters"]["lr"]);
    let given = &case["schedule"];
    if given.is_null() {
        return Box::new(base);
    }
    let schedule = schedule(text(&given["source"]), &given["hyperparameters"], base, case);
    match text(&given["per"]) {
        "epoch" => Box::new(schedule.by_epoch()),
        "batch" => schedule,
        per => panic!("{}: a schedule per {per}", case["name"]),
    }
}

/// Makes the run of a case, and compares every loss, rate and norm, and the parameters after every epoch.
fn replay<Y: Samples, M: Model<f64>, L: Loss<f64, Y>>(
    case: &Value,
    model: &M,
    loss: &L,
    targets: &Y,
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
    let (groups, mut schedule) = (groups(case, names), schedule_of(case));
    let mut state = State::new(&*rule, params.layout(), &groups).unwrap();
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

/// Reddi, Kale and Kumar (2018): Adam ends at the wrong end of [−1, 1], AMSGrad at the right one.
fn goes_astray(case: &Value) {
    let (name, h) = (text(&case["name"]), &case["hyperparameters"]);
    let (c, alpha) = (number(&h["C"]), number(&h["alpha"]));
    let adam = Adam::new()
        .beta1(number(&h["beta1"]))
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
            let rate = alpha / (step as f64).sqrt();
            rule.step(&mut state, &mut x, &[gradient], rate.into()).unwrap();
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

fn run(case: &Value) {
    let targets = || Array1::from(numbers(&case["y"]));
    // The rows and columns of a matrix of parameters.
    let shape = |key: &str| {
        let rows = case["initial_parameters"][key].as_array().unwrap();
        (rows.len(), numbers(&rows[0]).len())
    };
    match (text(&case["model"]), case["loss"].as_str()) {
        ("linear", Some("mse (mean)")) => {
            let model = Linear::new(shape("w").0, 1).unwrap();
            let names = [("weight", "w"), ("bias", "b")];
            replay(case, &model, &MeanSquaredError, &targets(), &names);
        }
        ("softmax", Some("cross_entropy (mean)")) => {
            let (features, classes) = shape("W");
            let model = Linear::new(features, classes).unwrap();
            let names = [("weight", "W"), ("bias", "b")];
            let labels = targets().mapv(|label| label as usize);
            replay(case, &model, &SoftmaxCrossEntropy, &labels, &names);
        }
        ("mlp", Some("mse (mean)")) => {
            let ((inputs, hidden), (_, outputs)) = (shape("W1"), shape("W2"));
            let model = Mlp::new(&[inputs, hidden, outputs]).unwrap();
            let names = [
                ("layer1/weight", "W1"),
                ("layer1/bias", "b1"),
                ("layer2/weight", "W2"),
                ("layer2/bias", "b2"),
            ];
            let model = model.activation(Activation::Tanh);
            replay(case, &model, &MeanSquaredError, &targets(), &names);
        }
        ("online_counterexample", None) => goes_astray(case),
        (model, loss) => panic!("{}: no model {model} with the loss {loss:?}", case["name"]),
    }
}

#[test]
fn every_training_run_is_the_reference() {
    let mut families = BTreeMap::<String, usize>::new();
    let all = cases("training");
    for case in &all {
        run(case);
        *families.entry(text(&case["model"]).into()).or_default() += 1;
    }
    for (model, count) in &families {
        println!("{model}: {count} runs");
    }
    assert!(!all.is_empty() && families.values().sum::<usize>() == all.len());
}
