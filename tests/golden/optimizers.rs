//! Every trajectory of every rule.

use downhill::optim::{
    AdEmaMix, AdaBelief, Adadelta, Adafactor, Adamax, Adan, Adopt, Asgd, DAdapt, Fromage, Lamb, Lars, Lion,
    Madgrad, Muon, MuonScale, NAdam, NovoGrad, Optimizer, Prodigy, RAdam, Rates, Rprop, Rule, ScheduleFree,
    SignSgd, Signum, Sm3, Sophia, State, Switch, Yogi,
};
use downhill::prelude::*;
use downhill::transform::{GradientTransform, Maximize};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::{
    json::{cases, flag, number, numbers, text},
    problems,
};

/// L-BFGS has a loop and a test of its own.
const ELSEWHERE: &str = "torch.optim.LBFGS";

/// A rule with the coupled decay of a case, as PyTorch has it.
fn coupled<F: Scalar, R: RuleExt + Rule<F> + 'static>(rule: R, h: &Value) -> Box<dyn Optimizer<F>> {
    Box::new(rule.weight_decay(h["weight_decay"].as_f64().unwrap_or(0.0)))
}

/// A rule with the decoupled decay of a case, as AdamW and Optax have it.
fn decoupled<F: Scalar, R: RuleExt + Rule<F> + 'static>(rule: R, h: &Value) -> Box<dyn Optimizer<F>> {
    Box::new(rule.decoupled_weight_decay(h["weight_decay"].as_f64().unwrap_or(0.0)))
}

/// A rule with the decay that the case asks for.
fn either<F: Scalar, R: RuleExt + Rule<F> + 'static>(rule: R, h: &Value) -> Box<dyn Optimizer<F>> {
    if h["decoupled_weight_decay"] == true {
        decoupled(rule, h)
    } else {
        coupled(rule, h)
    }
}

pub(crate) fn optimizer(source: &str, h: &Value) -> Box<dyn Optimizer<f64>> {
    classic(source, h)
        .or_else(|| conventions(source, h))
        .or_else(|| by_tensor(source, h))
        .unwrap_or_else(|| newer(source, h))
}

/// The rules of which there are cases in f32 too, as PyTorch has them.
fn classic<F: Scalar>(source: &str, h: &Value) -> Option<Box<dyn Optimizer<F>>> {
    Some(match source {
        "torch.optim.SGD" if number(&h["momentum"]) == 0.0 => coupled(GradientDescent, h),
        "torch.optim.SGD" => {
            let rule = Momentum::new(number(&h["momentum"])).dampening(number(&h["dampening"]));
            coupled(
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
            coupled(
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
                (false, false) => coupled(rule, h),
                (true, false) => coupled(rule.centred(), h),
                (false, true) => coupled(rule.momentum(momentum), h),
                (true, true) => coupled(rule.centred().momentum(momentum), h),
            }
        }
        "torch.optim.Adam" | "torch.optim.AdamW" => {
            let betas = numbers(&h["betas"]);
            let rule = Adam::new()
                .beta1(betas[0])
                .beta2(betas[1])
                .epsilon(number(&h["eps"]));
            if flag(&h["amsgrad"]) {
                either(rule.amsgrad(), h)
            } else {
                either(rule, h)
            }
        }
        _ => return None,
    })
}

/// The same rules as Optax and Keras have them.
fn conventions(source: &str, h: &Value) -> Option<Box<dyn Optimizer<f64>>> {
    Some(match source {
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
                (false, None) => decoupled(rule, h),
                (true, None) => decoupled(rule.centred(), h),
                (false, Some(momentum)) => decoupled(rule.momentum(momentum), h),
                (true, Some(momentum)) => decoupled(rule.centred().momentum(momentum), h),
            }
        }
        "optax.adam" | "optax.adamw" | "optax.amsgrad" => {
            let rule = Adam::optax()
                .beta1(number(&h["b1"]))
                .beta2(number(&h["b2"]))
                .epsilon(number(&h["eps"]))
                .epsilon_root(number(&h["eps_root"]));
            if source == "optax.amsgrad" {
                decoupled(rule.amsgrad(), h)
            } else {
                decoupled(rule, h)
            }
        }
        "optax.lookahead" => {
            let rule = Adam::optax().lookahead().every(number(&h["sync_period"]) as u64);
            decoupled(rule.share(number(&h["slow_step_size"])), h)
        }
        "keras.SGD" => {
            let rule = Momentum::new(number(&h["momentum"])).rate_inside();
            decoupled(
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
                decoupled(rule.amsgrad(), h)
            } else {
                decoupled(rule, h)
            }
        }
        "keras.Adamax" => {
            let rule = Adamax::keras()
                .beta1(number(&h["beta_1"]))
                .beta2(number(&h["beta_2"]))
                .epsilon(number(&h["epsilon"]));
            decoupled(rule, h)
        }
        "keras.RMSprop" => {
            let rule = RmsProp::keras()
                .alpha(number(&h["rho"]))
                .epsilon(number(&h["epsilon"]));
            let momentum = number(&h["momentum"]);
            match (flag(&h["centered"]), momentum > 0.0) {
                (false, false) => decoupled(rule, h),
                (true, false) => decoupled(rule.centred(), h),
                (false, true) => decoupled(rule.momentum(momentum), h),
                (true, true) => decoupled(rule.centred().momentum(momentum), h),
            }
        }
        "keras.Adagrad" => {
            let rule = Adagrad::keras().epsilon(number(&h["epsilon"]));
            decoupled(
                rule.initial_accumulator(number(&h["initial_accumulator_value"])),
                h,
            )
        }
        "optax.adagrad" => {
            let rule = Adagrad::optax().epsilon(number(&h["eps"]));
            decoupled(
                rule.initial_accumulator(number(&h["initial_accumulator_value"])),
                h,
            )
        }
        _ => return None,
    })
}

/// The rules whose settings are all numbers.
fn newer(source: &str, h: &Value) -> Box<dyn Optimizer<f64>> {
    let get = |key: &str| number(&h[key]);
    let is_on = |key: &str| h.get(key).is_some_and(flag);
    let pair = |key: &str| {
        let values = numbers(&h[key]);
        (values[0], values[1])
    };
    match source {
        "torch.optim.Adamax" => {
            let (beta1, beta2) = pair("betas");
            coupled(Adamax::new().beta1(beta1).beta2(beta2).epsilon(get("eps")), h)
        }
        "torch.optim.NAdam" => {
            let (beta1, beta2) = pair("betas");
            let rule = NAdam::new().beta1(beta1).beta2(beta2).epsilon(get("eps"));
            either(rule.momentum_decay(get("momentum_decay")), h)
        }
        "torch.optim.RAdam" => {
            let (beta1, beta2) = pair("betas");
            either(RAdam::new().beta1(beta1).beta2(beta2).epsilon(get("eps")), h)
        }
        "optax.adamax" => decoupled(
            Adamax::new()
                .beta1(get("b1"))
                .beta2(get("b2"))
                .epsilon(get("eps")),
            h,
        ),
        "torch.optim.Adadelta" | "optax.adadelta" => {
            coupled(Adadelta::new().rho(get("rho")).epsilon(get("eps")), h)
        }
        "torch.optim.Rprop" => {
            let ((shrink, grow), (shortest, longest)) = (pair("etas"), pair("step_sizes"));
            coupled(
                Rprop::new()
                    .shrink(shrink)
                    .grow(grow)
                    .shortest(shortest)
                    .longest(longest),
                h,
            )
        }
        "torch.optim.ASGD" => coupled(
            Asgd::new()
                .lambda(get("lambd"))
                .alpha(get("alpha"))
                .start(get("t0")),
            h,
        ),
        "optax.lion" => decoupled(Lion::new().beta1(get("b1")).beta2(get("b2")), h),
        "optax.yogi" => decoupled(
            Yogi::new().beta1(get("b1")).beta2(get("b2")).epsilon(get("eps")),
            h,
        ),
        "optax.adabelief" => {
            let rule = AdaBelief::new()
                .beta1(get("b1"))
                .beta2(get("b2"))
                .epsilon(get("eps"));
            let rule = rule.epsilon_root(get("eps_root"));
            decoupled(if is_on("nesterov") { rule.nesterov() } else { rule }, h)
        }
        "optax.nadam" => {
            let rule = NAdam::optax().beta1(get("b1")).beta2(get("b2"));
            decoupled(rule.epsilon(get("eps")).epsilon_root(get("eps_root")), h)
        }
        "optax.radam" => {
            let rule = RAdam::optax().beta1(get("b1")).beta2(get("b2"));
            decoupled(
                rule.epsilon(get("eps"))
                    .epsilon_root(get("eps_root"))
                    .threshold(get("threshold")),
                h,
            )
        }
        "optax.adan" => {
            let rule = Adan::new().beta1(get("b1")).beta2(get("b2")).beta3(get("b3"));
            decoupled(rule.epsilon(get("eps")).epsilon_root(get("eps_root")), h)
        }
        "optax.signum" => decoupled(Signum::new().beta(get("beta")), h),
        "optax.sign_sgd" => decoupled(SignSgd::new(), h),
        "optax.contrib.adopt" => {
            let rule = Adopt::new().beta1(get("b1")).beta2(get("b2")).epsilon(get("eps"));
            let rule = if is_on("nesterov") { rule.nesterov() } else { rule };
            decoupled(
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
            decoupled(
                rule.alpha(get("alpha"))
                    .epsilon(get("eps"))
                    .epsilon_root(get("eps_root")),
                h,
            )
        }
        "optax.contrib.sophia" => decoupled(sophia(h), h),
        "optax.contrib.madgrad" => coupled(Madgrad::new().momentum(get("momentum")).epsilon(get("eps")), h),
        "optax.contrib.schedule_free_sgd" => Box::new(free(ScheduleFree::sgd(), h)),
        "optax.contrib.schedule_free_adamw" => Box::new(free(
            ScheduleFree::adamw().beta2(get("b2")).epsilon(get("eps")),
            h,
        )),
        _ => panic!("no optimiser for {source}"),
    }
}

/// Those that work tensor by tensor.
fn by_tensor(source: &str, h: &Value) -> Option<Box<dyn Optimizer<f64>>> {
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

fn free<A: Switch>(rule: ScheduleFree<A>, h: &Value) -> ScheduleFree<A> {
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
    let group = case
        .get("factor")
        .map(|factor| Group::new("x").rate(number(factor)));
    let mut state = State::new(&*optimizer, &layout, group.as_slice()).unwrap();
    let (mut g, unread) = (Gradient::zeros(&layout), Params::zeros(&layout));
    let estimates = case.get("estimated_lr").map(numbers);
    let gradient = problems::gradient(&case["problem"]);
    let recorded: Vec<usize> = numbers(&case["recorded_steps"])
        .into_iter()
        .map(|step| step as usize)
        .collect();
    let trajectory = case["trajectory"].as_array().unwrap();
    let averages = case.get("average_trajectory").or(case.get("eval_trajectory"));
    let constant = h.get("lr").or(h.get("learning_rate")).map(number);
    let tolerance = number(&case["suggested_tolerance"]);
    let mut largest = vec![1.0_f64; weights.len()];
    let mut worst = 0.0_f64;
    for update in 1..=number(&case["steps"]) as usize {
        let point: Vec<f64> = weights.iter().map(|w| w.to_f64_exact()).collect();
        let slopes = gradient(&point, update).into_iter().map(F::of);
        g.as_mut_slice()
            .iter_mut()
            .zip(slopes)
            .for_each(|(g, slope)| *g = slope);
        if h.get("maximize").is_some_and(flag) {
            Maximize.apply(&mut g, &unread, update as u64);
        }
        let rate = constant.unwrap_or_else(|| number(&case["learning_rates"][update - 1]));
        let mut rates = Rates::from(rate);
        rates.momentum = case.get("momenta").map(|momenta| number(&momenta[update - 1]));
        optimizer
            .step(&mut state, &mut weights, g.as_slice(), rates)
            .unwrap();
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
            let rule = classic(source, h).unwrap_or_else(|| panic!("no rule in f32 for {source}"));
            (1, run::<f32>(&case, rule))
        } else {
            (0, run::<f64>(&case, optimizer(source, h)))
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
