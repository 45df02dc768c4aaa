//! Every trajectory of L-BFGS, with its evaluations and iterations.

use downhill::optim::Lbfgs;
use downhill::prelude::*;

use crate::{
    json::{assert_close, cases, number, numbers, text},
    problems,
};

/// The number of cases, and the largest deviation.
pub(crate) fn run() -> (usize, f64) {
    let mut ran = 0;
    let mut worst = 0.0_f64;
    let all = cases("optimizers");
    for case in all.iter().filter(|case| case["source"] == "torch.optim.LBFGS") {
        let (name, h, problem) = (text(&case["name"]), &case["hyperparameters"], &case["problem"]);
        let whole = |key: &str| number(&h[key]) as u64;
        let mut lbfgs = Lbfgs::new()
            .learning_rate(number(&h["lr"]))
            .updates(whole("max_iter"))
            .evaluations(whole("max_eval"))
            .tolerance_gradient(number(&h["tolerance_grad"]))
            .tolerance_change(number(&h["tolerance_change"]))
            .history(whole("history_size") as usize);
        if h["line_search_fn"] == "strong_wolfe" {
            lbfgs = lbfgs.strong_wolfe();
        }
        let gradient = problems::gradient(problem);
        let start = numbers(&case["x0"]);
        assert_close(
            problems::value(problem, &start),
            number(&case["value_at_x0"]),
            1e-12,
            name,
        );
        let mut objective = Function::new(start.clone(), |x: &[f64], g: &mut [f64]| {
            g.copy_from_slice(&gradient(x, 1));
            problems::value(problem, x)
        });
        let mut params = Params::from(start);
        let tolerance = number(&case["suggested_tolerance"]);
        let (losses, evaluations, iterations) = (
            numbers(&case["loss_at_start_of_step"]),
            numbers(&case["closure_evaluations"]),
            numbers(&case["iterations"]),
        );
        let recorded = numbers(&case["recorded_steps"]);
        let mut largest = vec![1.0_f64; params.as_slice().len()];
        for step in 0..number(&case["steps"]) as usize {
            let loss = lbfgs.step(&mut objective, &mut params).unwrap();
            let Some(place) = recorded.iter().position(|&at| at as usize == step + 1) else {
                continue;
            };
            assert_close(loss, losses[place], tolerance, name);
            assert_eq!(
                lbfgs.evaluations_made() as f64,
                evaluations[place],
                "{name}, evaluations at step {step}"
            );
            assert_eq!(
                lbfgs.updates_made() as f64,
                iterations[place],
                "{name}, iterations at step {step}"
            );
            for (i, reference) in numbers(&case["trajectory"][place]).into_iter().enumerate() {
                largest[i] = largest[i].max(reference.abs());
                let deviation = (params.as_slice()[i] - reference).abs() / largest[i];
                assert!(
                    deviation <= tolerance,
                    "{name}, step {step}, coordinate {i}: off by {deviation:e}"
                );
                worst = worst.max(deviation);
            }
        }
        ran += 1;
    }
    (ran, worst)
}

#[test]
fn every_trajectory_of_lbfgs_is_the_reference() {
    let (ran, worst) = run();
    println!("torch.optim.LBFGS: {ran} cases in f64, off by {worst:.1e}");
    assert!(ran > 0);
}
