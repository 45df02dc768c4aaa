//! Every trajectory of every rule.

use downhill::optim::{
    AdEmaMix, AdaBelief, Adadelta, Adafactor, Adamax, Adan, Adopt, Asgd, DAdapt, Fromage, Lamb, Lars, Lion,
    Madgrad, Muon, MuonScale, NAdam, NovoGrad, Optimizer, Prodigy, RAdam, Rates, Rprop, ScheduleFree,
    SignSgd, Signum, Sm3, Sophia, State, Yogi,
};
use downhill::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::{
    json::{cases, flag, number, numbers, text},
    problems,
};

/// L-BFGS has a loop and a test of its own.
const ELSEWHERE: &str = "torch.optim.LBFGS";

/// A rule with the decay and the direction of a case.
fn finish<F: Scalar, R>(rule: R, h: &Value) -> Box<dyn Optimizer<F>>
where
    R: downhill::optim::Rule<f32> + downhill::optim::Rule<f64> + downhill::optim::Rule<F> + 'static,
{
    let decay = h.get("weight_decay").and_then(Value::as_f64).unwrap_or(0.0);
    // PyTorch's decay is coupled, as is Optax's in front of two rules; all others are decoupled.
    let coupled = h.get("maximize").is_some() || ["madgrad", "adadelta"].contains(&name(&rule));
    let decoupled = h.get("decoupled_weight_decay").map_or(!coupled, flag);
    match (decoupled, h.get("maximize").is_some_and(flag)) {
        (false, false) => Box::new(rule.weight_decay(decay)),
        (false, true) => Box::new(rule.weight_decay(decay).maximize()),
        (true, false) => Box::new(rule.decoupled_weight_decay(decay)),
        (true, true) => Box::new(rule.decoupled_weight_decay(decay).maximize()),
    }
}

fn name<R: downhill::optim::Rule<f64>>(rule: &R) -> &'static str {
    downhill::optim::Rule::name(rule)
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
        "optax.rmsprop" => {
            let rule = RmsProp::optax()
                .alpha(number(&h["decay"]))
                .epsilon(number(&h["eps"]))
                .initial_mean_square(number(&h["initial_scale"]));
            let outside = RmsProp::new()
                .rate_inside()
                .alpha(number(&h["decay"]))
                .epsilon(number(&h["eps"]))
                .initial_mean_square(number(&h["initial_scale"]));
            let rule = if flag(&h["eps_in_sqrt"]) { rule } else { outside };
            match (flag(&h["centered"]), h["momentum"].as_f64()) {
                (false, None) => finish(rule, h),
                (true, None) => finish(rule.centred(), h),
                (false, Some(momentum)) => finish(rule.momentum(momentum), h),
                (true, Some(momentum)) => finish(rule.centred().momentum(momentum), h),
            }
        }
        "optax.adam" | "optax.adamw" | "optax.amsgrad" => {
            let rule = Adam::optax()
                .beta1(number(&h["b1"]))
                .beta2(number(&h["b2"]))
                .epsilon(number(&h["eps"]))
                .epsilon_root(number(&h["eps_root"]));
            if source == "optax.amsgrad" {
                finish(rule.amsgrad(), h)
            } else {
                finish(rule, h)
            }
        }
        "optax.lookahead" => {
            let rule = Adam::optax().lookahead().every(number(&h["sync_period"]) as u64);
            finish(rule.share(number(&h["slow_step_size"])), h)
        }
        "keras.SGD" => {
            let rule = Momentum::new(number(&h["momentum"])).rate_inside();
            finish(
                if flag(&h["nesterov"]) {
                    rule.nesterov()
                } else {
                    rule
                },
                h,
            )
        }
        "keras.Adam" => {
            let rule = Adam::keras()
                .beta1(number(&h["beta_1"]))
                .beta2(number(&h["beta_2"]))
                .epsilon(number(&h["epsilon"]));
            if flag(&h["amsgrad"]) {
                finish(rule.amsgrad(), h)
            } else {
                finish(rule, h)
            }
        }
        "keras.RMSprop" => {
            let rule = RmsProp::keras()
                .alpha(number(&h["rho"]))
                .epsilon(number(&h["epsilon"]));
            let momentum = number(&h["momentum"]);
            match (flag(&h["centered"]), momentum > 0.0) {
                (false, false) => finish(rule, h),
                (true, false) => finish(rule.centred(), h),
                (false, true) => finish(rule.momentum(momentum), h),
                (true, true) => finish(rule.centred().momentum(momentum), h),
            }
        }
        "keras.Adagrad" => {
            let rule = Adagrad::keras().epsilon(number(&h["epsilon"]));
            finish(
                rule.initial_accumulator(number(&h["initial_accumulator_value"])),
                h,
            )
        }
        "optax.adagrad" => {
            let rule = Adagrad::optax().epsilon(number(&h["eps"]));
            finish(
                rule.initial_accumulator(number(&h["initial_accumulator_value"])),
                h,
            )
        }
        _ => newer(source, h),
    }
}

/// The rules whose settings are all numbers.
fn newer<F: Scalar>(source: &str, h: &Value) -> Box<dyn Optimizer<F>> {
    let get = |key: &str| number(&h[key]);
    let is_on = |key: &str| h.get(key).is_some_and(flag);
    let pair = |key: &str| {
        let values = numbers(&h[key]);
        (values[0], values[1])
    };
    match source {
        "torch.optim.Adamax" => {
            let (beta1, beta2) = pair("betas");
            finish(Adamax::new().beta1(beta1).beta2(beta2).epsilon(get("eps")), h)
        }
        "torch.optim.NAdam" => {
            let (beta1, beta2) = pair("betas");
            let rule = NAdam::new().beta1(beta1).beta2(beta2).epsilon(get("eps"));
            finish(rule.momentum_decay(get("momentum_decay")), h)
        }
        "torch.optim.RAdam" => {
            let (beta1, beta2) = pair("betas");
            finish(RAdam::new().beta1(beta1).beta2(beta2).epsilon(get("eps")), h)
        }
        "optax.adamax" => finish(
            Adamax::new()
                .beta1(get("b1"))
                .beta2(get("b2"))
                .epsilon(get("eps")),
            h,
        ),
        "torch.optim.Adadelta" | "optax.adadelta" => {
            finish(Adadelta::new().rho(get("rho")).epsilon(get("eps")), h)
        }
        "torch.optim.Rprop" => {
            let ((shrink, grow), (shortest, longest)) = (pair("etas"), pair("step_sizes"));
            finish(
                Rprop::new()
                    .shrink(shrink)
                    .grow(grow)
                    .shortest(shortest)
                    .longest(longest),
                h,
            )
        }
        "torch.optim.ASGD" => finish(
            Asgd::new()
                .lambda(get("lambd"))
                .alpha(get("alpha"))
                .start(get("t0")),
            h,
        ),
        "optax.lion" => finish(Lion::new().beta1(get("b1")).beta2(get("b2")), h),
        "optax.yogi" => finish(
            Yogi::new().beta1(get("b1")).beta2(get("b2")).epsilon(get("eps")),
            h,
        ),
        "optax.adabelief" => {
            let rule = AdaBelief::new()
                .beta1(get("b1"))
                .beta2(get("b2"))
                .epsilon(get("eps"));
            let rule = rule.epsilon_root(get("eps_root"));
            finish(if is_on("nesterov") { rule.nesterov() } else { rule }, h)
        }
        "optax.nadam" => {
            let rule = NAdam::optax().beta1(get("b1")).beta2(get("b2"));
            finish(rule.epsilon(get("eps")).epsilon_root(get("eps_root")), h)
        }
        "optax.radam" => {
            let rule = RAdam::optax().beta1(get("b1")).beta2(get("b2"));
            finish(
                rule.epsilon(get("eps"))
                    .epsilon_root(get("eps_root"))
                    .threshold(get("threshold")),
                h,
            )
        }
        "optax.adan" => {
            let rule = Adan::new().beta1(get("b1")).beta2(get("b2")).beta3(get("b3"));
            finish(rule.epsilon(get("eps")).epsilon_root(get("eps_root")), h)
        }
        "optax.signum" => finish(Signum::new().beta(get("beta")), h),
        "optax.sign_sgd" => finish(SignSgd::new(), h),
        "optax.contrib.adopt" => {
            let rule = Adopt::new().beta1(get("b1")).beta2(get("b2")).epsilon(get("eps"));
            let rule = if is_on("nesterov") { rule.nesterov() } else { rule };
            finish(
                if is_on("use_clipping") {
                    rule
                } else {
                    rule.unclipped()
                },
                h,
            )
        }
        "optax.contrib.ademamix" => {
            let rule = AdEmaMix::new().beta1(get("b1")).beta2(get("b2")).beta3(get("b3"));
            finish(
                rule.alpha(get("alpha"))
                    .epsilon(get("eps"))
                    .epsilon_root(get("eps_root")),
                h,
            )
        }
        "optax.contrib.sophia" => finish(sophia(h), h),
        "optax.contrib.madgrad" => finish(Madgrad::new().momentum(get("momentum")).epsilon(get("eps")), h),
        "optax.contrib.schedule_free_sgd" => Box::new(free(ScheduleFree::sgd(), h)),
        "optax.contrib.schedule_free_adamw" => Box::new(free(
            ScheduleFree::adamw().beta2(get("b2")).epsilon(get("eps")),
            h,
        )),
        _ => panic!("no optimiser for {source}"),
    }
}

/// Those that work tensor by tensor.
fn by_tensor<F: Scalar>(source: &str, h: &Value) -> Option<Box<dyn Optimizer<F>>>
where
    Lamb: Optimizer<F>,
    Lars: Optimizer<F>,
    NovoGrad: Optimizer<F>,
    Sm3: Optimizer<F>,
    Fromage: Optimizer<F>,
    Adafactor: Optimizer<F>,
    Muon: Optimizer<F>,
    Prodigy: Optimizer<F>,
    DAdapt: Optimizer<F>,
{
    let get = |key: &str| number(&h[key]);
    Some(match source {
        "optax.lamb" => {
            let rule = Lamb::new().beta1(get("b1")).beta2(get("b2")).epsilon(get("eps"));
            let rule = rule.epsilon_root(get("eps_root"));
            Box::new(rule.weight_decay(get("weight_decay")))
        }
        "optax.lars" => {
            let rule = Lars::new()
                .momentum(get("momentum"))
                .trust(get("trust_coefficient"))
                .epsilon(get("eps"));
            let rule = rule.weight_decay(get("weight_decay"));
            Box::new(if flag(&h["nesterov"]) {
                rule.nesterov()
            } else {
                rule
            })
        }
        "optax.novograd" => {
            let rule = NovoGrad::new()
                .beta1(get("b1"))
                .beta2(get("b2"))
                .epsilon(get("eps"));
            let rule = rule.epsilon_root(get("eps_root"));
            Box::new(rule.weight_decay(get("weight_decay")))
        }
        "optax.sm3" => Box::new(Sm3::new().momentum(get("momentum"))),
        "optax.fromage" => Box::new(Fromage::new().min_norm(get("min_norm"))),
        "torch.optim.Adafactor" => {
            let rule = Adafactor::new().decay_power(get("beta2_decay")).clip(get("d"));
            let rule = rule
                .epsilon2(number(&h["eps"][1]))
                .weight_decay(get("weight_decay"));
            Box::new(
                h["eps"][0]
                    .as_f64()
                    .map_or(rule, |epsilon| rule.epsilon1(epsilon)),
            )
        }
        "torch.optim.Muon" => {
            let rule = Muon::new()
                .momentum(get("momentum"))
                .nesterov(flag(&h["nesterov"]))
                .epsilon(get("eps"));
            let scale = match h["adjust_lr_fn"].as_str() {
                Some("match_rms_adamw") => MuonScale::MatchAdamW,
                Some("spectral_unclamped") => MuonScale::Spectral,
                _ => MuonScale::Original,
            };
            let coefficients = numbers(&h["ns_coefficients"]);
            let rule = rule.coefficients([coefficients[0], coefficients[1], coefficients[2]]);
            Box::new(
                rule.weight_decay(get("weight_decay"))
                    .iterations(get("ns_steps") as u32)
                    .scale(scale),
            )
        }
        "optax.contrib.prodigy" => {
            let betas = numbers(&h["betas"]);
            let rule = Prodigy::new()
                .beta1(betas[0])
                .beta2(betas[1])
                .epsilon(get("eps"))
                .initial(get("estim_lr0"));
            let rule = rule
                .coefficient(get("estim_lr_coef"))
                .weight_decay(get("weight_decay"));
            let rule = h["beta3"].as_f64().map_or(rule, |beta3| rule.beta3(beta3));
            Box::new(if flag(&h["safeguard_warmup"]) {
                rule.safeguard_warm_up()
            } else {
                rule
            })
        }
        "optax.contrib.dadapt_adamw" => {
            let betas = numbers(&h["betas"]);
            let rule = DAdapt::new().beta1(betas[0]).beta2(betas[1]).epsilon(get("eps"));
            Box::new(rule.initial(get("estim_lr0")).weight_decay(get("weight_decay")))
        }
        _ => return None,
    })
}

fn sophia(h: &Value) -> Sophia {
    let get = |key: &str| number(&h[key]);
    let rule = Sophia::new()
        .beta1(get("b1"))
        .beta2(get("b2"))
        .epsilon(get("eps"));
    rule.gamma(get("gamma"))
        .clip(h["clip_threshold"].as_f64().unwrap_or(f64::INFINITY))
}

fn free<A>(rule: ScheduleFree<A>, h: &Value) -> ScheduleFree<A> {
    let or_zero = |key: &str| h[key].as_f64().unwrap_or(0.0);
    rule.beta1(number(&h["b1"]))
        .weight_decay(or_zero("weight_decay"))
        .power(number(&h["weight_lr_power"]))
        .warm_up(or_zero("warmup_steps") as u64)
}

/// The lengths of nested arrays.
fn shape(value: &Value) -> Vec<usize> {
    match value.as_array() {
        Some(rows) => [vec![rows.len()], rows.first().map_or(vec![], shape)].concat(),
        None => vec![],
    }
}

/// Runs a case and gives its largest deviation.
fn run<F: Scalar>(case: &Value, optimizer: Box<dyn Optimizer<F>>) -> f64 {
    let h = &case["hyperparameters"];
    let mut weights: Vec<F> = numbers(&case["x0"]).into_iter().map(F::of).collect();
    let mut layout = Layout::new();
    layout.add("x", shape(&case["x0"]).as_slice()).unwrap();
    let mut state = State::new(&*optimizer, &layout, &[]).unwrap();
    let estimates = case.get("estimated_lr").map(numbers);
    let gradient = problems::gradient(&case["problem"]);
    let recorded: Vec<usize> = numbers(&case["recorded_steps"])
        .into_iter()
        .map(|step| step as usize)
        .collect();
    let trajectory = case["trajectory"].as_array().unwrap();
    let averages = case.get("average_trajectory").or(case.get("eval_trajectory"));
    let constant = h.get("lr").or(h.get("learning_rate")).map(number);
    // What works tensor by tensor climbs by a negative scale.
    let climbs = optimizer.tensor_buffers(&[1]).is_some() && h.get("maximize").is_some_and(flag);
    let scale = if climbs { -1.0 } else { 1.0 };
    let tolerance = number(&case["suggested_tolerance"]);
    let mut largest = vec![1.0_f64; weights.len()];
    let mut worst = 0.0_f64;
    for update in 1..=number(&case["steps"]) as usize {
        let point: Vec<f64> = weights.iter().map(|w| w.to_f64_exact()).collect();
        let g: Vec<F> = gradient(&point, update).into_iter().map(F::of).collect();
        let rate = constant.unwrap_or_else(|| number(&case["learning_rates"][update - 1]));
        let rates = Rates::from(rate).gradient_scale(scale);
        optimizer.step(&mut state, &mut weights, &g, rates).unwrap();
        // Sophia is told of the curvature where the gradient was taken, every few steps.
        if let Some(interval) = h.get("update_interval").map(number)
            && (update - 1).is_multiple_of(interval as usize)
        {
            let diagonal = problems::curvature(&case["problem"], &point);
            let diagonal: Vec<F> = diagonal.into_iter().map(F::of).collect();
            sophia(h).curve(&mut state, &diagonal).unwrap();
        }
        let Some(place) = recorded.iter().position(|&step| step == update) else {
            continue;
        };
        let mut compare = |mine: &[F], reference: &Value, what: &str| {
            for (i, reference) in numbers(reference).into_iter().enumerate() {
                largest[i] = largest[i].max(reference.abs());
                let deviation = (mine[i].to_f64_exact() - reference).abs() / largest[i];
                let name = text(&case["name"]);
                assert!(
                    deviation <= tolerance,
                    "{name}, {what} after update {update}, coordinate {i}: off by {deviation:e}"
                );
                worst = worst.max(deviation);
            }
        };
        compare(&weights, &trajectory[place], "weights");
        if let Some(estimates) = &estimates {
            let deviation = (state.memory()[0] / estimates[place] - 1.0).abs();
            assert!(
                deviation <= tolerance,
                "{}: the estimate is off by {deviation:e}",
                text(&case["name"])
            );
        }
        if let Some(averages) = averages {
            assert!(optimizer.averages());
            let mut average = weights.clone();
            optimizer.average(&state, &weights, &mut average).unwrap();
            compare(&average, &averages[place], "average");
        }
    }
    worst
}

/// Of each source: its cases in f64 and in f32, and the largest deviations of both.
pub(crate) fn families() -> BTreeMap<String, [(usize, f64); 2]> {
    let mut families = BTreeMap::new();
    for case in cases("optimizers") {
        let (source, h) = (text(&case["source"]), &case["hyperparameters"]);
        let family = families.entry(source.to_string()).or_insert([(0, 0.0_f64); 2]);
        if source == ELSEWHERE {
            continue;
        }
        let (place, deviation) = if case["dtype"] == "f32" {
            (1, run::<f32>(&case, optimizer(source, h)))
        } else {
            (
                0,
                run::<f64>(
                    &case,
                    by_tensor(source, h).unwrap_or_else(|| optimizer(source, h)),
                ),
            )
        };
        family[place].0 += 1;
        family[place].1 = family[place].1.max(deviation);
    }
    families
}

#[test]
fn every_trajectory_is_the_reference() {
    let mut ran = 0;
    for (source, [(double, worst), (single, worst_single)]) in families() {
        if source == ELSEWHERE {
            continue;
        }
        println!(
            "{source}: {double} cases in f64, off by {worst:.1e}; {single} in f32, off by {worst_single:.1e}"
        );
        ran += double + single;
    }
    println!("{ran} trajectories");
    let all = cases("optimizers");
    let here = all.iter().filter(|case| case["source"] != ELSEWHERE).count();
    assert!(ran == here && ran > 0, "{ran} of {here} cases ran");
}
