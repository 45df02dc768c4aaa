//! Every case of StepLR, CyclicLR and ReduceLROnPlateau, inside the trainer.

use std::cell::RefCell;
use std::ops::ControlFlow;

use downhill::data::Batch;
use downhill::prelude::*;
use downhill::rand::Rng;
use downhill::schedule::{Amplitude, Threshold};
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
        ControlFlow::Continue(())
    };
    let trainer = Trainer::new(GradientDescent)
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
            Threshold::Relative(margin)
        } else {
            Threshold::Absolute(margin)
        })
        .watch(if h["mode"] == "min" {
            Watch::lowest("reported")
        } else {
            Watch::highest("reported")
        })
}

#[test]
fn every_schedule_is_the_reference() {
    let (mut step, mut cyclic, mut plateaus) = (0, 0, 0);
    for case in cases("schedules") {
        let (name, h, steps) = (
            text(&case["name"]),
            &case["hyperparameters"],
            number(&case["steps"]) as u64,
        );
        let mine = match text(&case["source"]).rsplit('.').next().unwrap() {
            "StepLR" => {
                step += 1;
                let every = Span::Steps(number(&h["step_size"]) as u64);
                run(
                    StepDecay::new(number(&case["base_lr"]), every).factor(number(&h["gamma"])),
                    steps,
                    vec![],
                )
            }
            "CyclicLR" => {
                cyclic += 1;
                let span = |key: &str| Span::Steps(number(&h[key]) as u64);
                let mut schedule =
                    Cyclical::new(number(&h["base_lr"]), number(&h["max_lr"]), span("step_size_up"))
                        .amplitude(match text(&h["mode"]) {
                            "triangular" => Amplitude::Constant,
                            "triangular2" => Amplitude::Halving,
                            _ => Amplitude::Exponential(number(&h["gamma"])),
                        });
                if !h["step_size_down"].is_null() {
                    schedule = schedule.down(span("step_size_down"));
                }
                if flag(&h["cycle_momentum"]) {
                    schedule = schedule.momentum(number(&h["base_momentum"]), number(&h["max_momentum"]));
                }
                run(schedule, steps, vec![])
            }
            "ReduceLROnPlateau" => {
                plateaus += 1;
                run(plateau(&case), steps, numbers(&case["metrics"]))
            }
            _ => continue,
        };
        if name == "plateau_negative_metric_rel" {
            // PyTorch takes −0.95 for an improvement on −1. Here it is not: bad checks −0.95 to −1.05 outlast the
            // patience of 1, −1.2 improves by a tenth, and two more checks of it are bad.
            let rates: Vec<_> = mine.iter().map(|(rate, _)| *rate).collect();
            assert_eq!(rates, [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025]);
            continue;
        }
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
    println!("schedules: {step} of StepLR, {cyclic} of CyclicLR, {plateaus} of ReduceLROnPlateau");
    assert_eq!((step, cyclic, plateaus), (2, 5, 12));
}
