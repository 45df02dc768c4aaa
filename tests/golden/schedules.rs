//! Every case of every schedule, inside the trainer.

use std::cell::RefCell;
use std::collections::BTreeMap;

use downhill::data::Batch;
use downhill::prelude::*;
use downhill::rand::Rng;
use downhill::schedule::{
    Amplitude, CosineRestarts, Decay, OneCycle, Piecewise, Ramp, ScheduleExt, Threshold, from_fn, preview,
};
use downhill::train::{Record, Watch};
use serde_json::Value;

use crate::json::{assert_close, cases, flag, number, numbers, text};

/// An objective that stands still and reports a given metric after each step.
struct Reporter {
    metrics: Vec<f64>,
}

impl Objective<f64> for Reporter {
    fn start(&self, _: &mut dyn Rng) -> Params<f64> {
        Params::from(vec![0.0])
    }

    fn value_and_gradient(
        &mut self,
        _: &Params<f64>,
        _: &Batch<'_>,
        g: &mut Gradient<f64>,
    ) -> Result<f64, Error> {
        g.clear();
        Ok(0.0)
    }

    fn metrics(&self) -> Vec<String> {
        vec!["reported".into()]
    }

    fn evaluate(&mut self, _: &Params<f64>, record: &mut Record) -> Result<(), Error> {
        record.metrics[0].1 = self.metrics.get(record.step as usize - 1).copied().unwrap_or(0.0);
        Ok(())
    }
}

/// The rates and momenta of a run of so many steps.
fn run(schedule: impl LrSchedule, steps: u64, metrics: Vec<f64>) -> Vec<(f64, Option<f64>)> {
    let rates = RefCell::new(Vec::new());
    let listener = |event: &downhill::train::StepEvent<'_, f64>| {
        rates
            .borrow_mut()
            .push((event.rates.learning_rate, event.rates.momentum));
    };
    let trainer = Trainer::new(Momentum::new(0.9))
        .learning_rate(schedule)
        .steps(steps)
        .on_step(listener);
    trainer.minimize(Reporter { metrics }).unwrap();
    rates.into_inner()
}

fn plateau(case: &Value) -> ReduceOnPlateau {
    let h = &case["hyperparameters"];
    let margin = number(&h["threshold"]);
    ReduceOnPlateau::new(number(&case["base_lr"]))
        .factor(number(&h["factor"]))
        .patience(number(&h["patience"]) as u64)
        .cooldown(number(&h["cooldown"]) as u64)
        .minimum(number(&h["min_lr"]))
        .epsilon(number(&h["eps"]))
        .threshold(if h["threshold_mode"] == "rel" {
            Threshold::Signed(margin)
        } else {
            Threshold::Absolute(margin)
        })
        .watch(if h["mode"] == "min" {
            Watch::lowest("reported")
        } else {
            Watch::highest("reported")
        })
}

/// Plateaus in the conventions of Optax and of Keras.
fn plateau_elsewhere(case: &Value) -> ReduceOnPlateau {
    let h = &case["hyperparameters"];
    let get = |key: &str| number(&h[key]);
    let (base, patience, cooldown) = (
        number(&case["base_lr"]),
        get("patience") as u64,
        get("cooldown") as u64,
    );
    let plateau = if case["source"] == "optax.contrib.reduce_on_plateau" {
        ReduceOnPlateau::optax(base, patience)
            .cooldown(cooldown)
            .threshold(Threshold::Both(get("rtol"), get("atol")))
            .minimum(base * get("min_scale"))
    } else {
        ReduceOnPlateau::keras(base, patience, cooldown)
            .threshold(Threshold::Absolute(get("min_delta")))
            .minimum(get("min_lr"))
    };
    plateau.factor(get("factor")).watch(Watch::lowest("reported"))
}

/// The schedule of a case or of a part of one, and whether it sets the momentum.
pub(crate) fn schedule(source: &str, h: &Value, base: f64, case: &Value) -> Box<dyn LrSchedule> {
    let get = |key: &str| number(&h[key]);
    let by_epoch = case.get("steps_per_epoch").is_some() || case["schedule"]["per"] == "epoch";
    let span = if by_epoch { Span::Epochs } else { Span::Steps };
    let steps = |key: &str| span(number(&h[key]) as u64);
    match source.rsplit('.').next().unwrap() {
        "StepLR" => Box::new(StepDecay::new(base, steps("step_size")).factor(get("gamma"))),
        "MultiStepLR" => {
            let times: Vec<_> = numbers(&h["milestones"])
                .into_iter()
                .map(|k| span(k as u64))
                .collect();
            Box::new(Piecewise::multi_step(base, get("gamma"), &times))
        }
        "ConstantLR" => Box::new(Piecewise::new(base * get("factor")).at(steps("total_iters"), base)),
        "LinearLR" => Box::new(Ramp::linear(
            base * get("start_factor"),
            base * get("end_factor"),
            steps("total_iters"),
        )),
        "ExponentialLR" => Box::new(Decay::exponential(base, get("gamma"), span(1))),
        "PolynomialLR" => Box::new(Ramp::polynomial(base, 0.0, steps("total_iters"), get("power"))),
        "CosineAnnealingLR" => Box::new(Ramp::cosine(base, get("eta_min"), steps("T_max")).periodic()),
        "CosineAnnealingWarmRestarts" => {
            Box::new(CosineRestarts::new(base, get("eta_min"), steps("T_0")).growth(get("T_mult")))
        }
        "CyclicLR" => {
            let mut schedule = Cyclical::new(get("base_lr"), get("max_lr"), steps("step_size_up")).amplitude(
                match text(&h["mode"]) {
                    "triangular" => Amplitude::Constant,
                    "triangular2" => Amplitude::Halving,
                    _ => Amplitude::Exponential(get("gamma")),
                },
            );
            if !h["step_size_down"].is_null() {
                schedule = schedule.down(steps("step_size_down"));
            }
            if flag(&h["cycle_momentum"]) {
                schedule = schedule.momentum(get("base_momentum"), get("max_momentum"));
            }
            Box::new(schedule)
        }
        "OneCycleLR" => {
            let total = h["total_steps"]
                .as_u64()
                .unwrap_or_else(|| (get("epochs") * get("steps_per_epoch")) as u64);
            let mut schedule = OneCycle::new(get("max_lr"), Span::Steps(total))
                .rise(get("pct_start"))
                .divisor(get("div_factor"))
                .final_divisor(get("final_div_factor"));
            if text(&h["anneal_strategy"]) == "linear" {
                schedule = schedule.linear();
            }
            if flag(&h["three_phase"]) {
                schedule = schedule.three_phases();
            }
            if flag(&h["cycle_momentum"]) {
                schedule = schedule.momentum(get("base_momentum"), get("max_momentum"));
            }
            Box::new(schedule)
        }
        "SWALR" if text(&h["anneal_strategy"]) == "linear" => {
            Box::new(Ramp::linear(base, get("swa_lr"), steps("anneal_epochs")))
        }
        "SWALR" => Box::new(Ramp::cosine(base, get("swa_lr"), steps("anneal_epochs"))),
        "ReduceLROnPlateau" if source.starts_with("torch") => Box::new(plateau(case)),
        "ReduceLROnPlateau" | "reduce_on_plateau" => Box::new(plateau_elsewhere(case)),
        "LambdaLR" if text(&case["name"]) == "lambda_warmup_linear" => {
            Box::new(base.warm_up(steps("warmup")))
        }
        "LambdaLR" => Box::new(Decay::inverse_root(base, steps("warmup"))),
        "MultiplicativeLR" => Box::new(from_fn({
            let factor = get("factor");
            move |progress| (0..progress.step).fold(base, |rate, _| rate * factor)
        })),
        "SequentialLR" => {
            let parts = components(case, base);
            let mut times = numbers(&case["milestones"]).into_iter().map(|k| k as u64);
            let mut parts = parts.into_iter();
            let mut whole = parts.next().unwrap();
            for part in parts {
                whole = Box::new(whole.then(Span::Steps(times.next().unwrap()), part));
            }
            whole
        }
        "ChainedScheduler" => {
            let mut parts = components(case, 1.0).into_iter();
            let first = parts.next().unwrap();
            Box::new(
                parts
                    .fold(first, |whole, part| Box::new(whole.times(part)))
                    .scaled(base),
            )
        }
        "warmup_cosine_decay_schedule" => {
            let (warm, peak) = (steps("warmup_steps"), get("peak_value"));
            let rest = Span::Steps((get("decay_steps") - get("warmup_steps")) as u64);
            let cosine = Ramp::cosine(peak, get("end_value"), rest).power(get("exponent"));
            Box::new(Ramp::linear(get("init_value"), peak, warm).then(warm, cosine))
        }
        "exponential_decay" => exponential(get("init_value"), h),
        "warmup_exponential_decay_schedule" => {
            let (warm, peak) = (steps("warmup_steps"), get("peak_value"));
            Box::new(Ramp::linear(get("init_value"), peak, warm).then(warm, exponential(peak, h)))
        }
        "linear_schedule" => {
            let ramp = Ramp::linear(get("init_value"), get("end_value"), steps("transition_steps"));
            Box::new(ramp.delayed(steps("transition_begin")))
        }
        "polynomial_schedule" => {
            let ramp = Ramp::polynomial(
                get("init_value"),
                get("end_value"),
                steps("transition_steps"),
                get("power"),
            );
            Box::new(ramp.delayed(steps("transition_begin")))
        }
        "cosine_decay_schedule" => {
            let base = get("init_value");
            Box::new(Ramp::cosine(base, get("alpha") * base, steps("decay_steps")).power(get("exponent")))
        }
        "piecewise_constant_schedule" => {
            let mut rate = get("init_value");
            let pieces = numbers(&h["boundaries"]).into_iter().zip(numbers(&h["scales"]));
            let mut pieces: Vec<_> = pieces.collect();
            pieces.sort_by(|a, b| a.0.total_cmp(&b.0));
            Box::new(
                pieces
                    .into_iter()
                    .fold(Piecewise::new(rate), |schedule, (time, scale)| {
                        rate *= scale;
                        schedule.at(Span::Steps(time as u64), rate)
                    }),
            )
        }
        "InverseTimeDecay" => Box::new(Decay::inverse_time(
            get("initial_learning_rate"),
            get("decay_rate"),
            steps("decay_steps"),
        )),
        // At a boundary itself Keras still has the rate before.
        "PiecewiseConstantDecay" => {
            let (times, rates) = (numbers(&h["boundaries"]), numbers(&h["values"]));
            let pieces = times.into_iter().zip(&rates[1..]);
            Box::new(pieces.fold(Piecewise::new(rates[0]), |schedule, (time, &rate)| {
                schedule.at(Span::Steps(time as u64 + 1), rate)
            }))
        }
        "cosine_onecycle_schedule" => Box::new(
            OneCycle::optax(get("peak_value"), steps("transition_steps"))
                .rise(get("pct_start"))
                .divisor(get("div_factor"))
                .final_divisor(get("final_div_factor")),
        ),
        "linear_onecycle_schedule" => Box::new(
            OneCycle::optax(get("peak_value"), steps("transition_steps"))
                .rise(get("pct_start"))
                .back(get("pct_final"))
                .divisor(get("div_factor"))
                .final_divisor(get("final_div_factor"))
                .linear(),
        ),
        other => panic!("no schedule for {other}"),
    }
}

/// Optax's exponential decay from this rate.
fn exponential(base: f64, h: &Value) -> Box<dyn LrSchedule> {
    let (rate, span) = (
        number(&h["decay_rate"]),
        Span::Steps(number(&h["transition_steps"]) as u64),
    );
    let schedule: Box<dyn LrSchedule> = match flag(&h["staircase"]) {
        true => Box::new(StepDecay::new(base, span).factor(rate)),
        false => Box::new(Decay::exponential(base, rate, span)),
    };
    let delayed = schedule.delayed(Span::Steps(number(&h["transition_begin"]) as u64));
    match h["end_value"].as_f64() {
        Some(end) if rate < 1.0 => Box::new(delayed.at_least(end)),
        Some(end) => Box::new(delayed.at_most(end)),
        None => Box::new(delayed),
    }
}

fn components(case: &Value, base: f64) -> Vec<Box<dyn LrSchedule>> {
    let parts = case["components"].as_array().unwrap();
    parts
        .iter()
        .map(|part| schedule(text(&part["source"]), &part["hyperparameters"], base, case))
        .collect()
}

#[test]
fn every_schedule_is_the_reference() {
    let mut families = BTreeMap::<String, usize>::new();
    let all = cases("schedules");
    for case in &all {
        let (name, source, h) = (
            text(&case["name"]),
            text(&case["source"]),
            &case["hyperparameters"],
        );
        let base = case.get("base_lr").map_or(f64::NAN, number);
        let metrics = case.get("metrics").map_or(vec![], numbers);
        let (schedule, steps) = (schedule(source, h, base, case), number(&case["steps"]) as u64);
        let mine = match case.get("steps_per_epoch").map(number) {
            None => run(schedule, steps, metrics),
            Some(length) => {
                let rates = preview(schedule.by_epoch(), steps, length as u64).unwrap();
                rates.into_iter().map(|rate| (rate, None)).collect()
            }
        };
        *families.entry(source.into()).or_default() += 1;
        let rates = numbers(&case["lr"]);
        assert_eq!(mine.len(), rates.len(), "{name}");
        for ((rate, _), reference) in mine.iter().zip(rates) {
            assert_close(*rate, reference, 1e-12, name);
        }
        if let Some(momenta) = case.get("momentum").filter(|_| h["cycle_momentum"] == true) {
            for ((_, momentum), reference) in mine.iter().zip(numbers(momenta)) {
                assert_close(momentum.unwrap(), reference, 1e-12, name);
            }
        }
    }
    for (source, count) in &families {
        println!("{source}: {count} cases");
    }
    assert!(!all.is_empty() && families.values().sum::<usize>() == all.len());
}
