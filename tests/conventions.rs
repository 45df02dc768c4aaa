//! Rules without golden cases follow their formulas, written out here step by step.

use downhill::optim::{
    AdaBound, Adagrad, Adam, Adamax, Adopt, DAdapt, FtrlProximal, Lbfgs, Optimizer, Prodigy, QhAdam, Qhm,
    Rates, Sophia, State,
};
use downhill::prelude::*;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;

/// Rates and gradients that change from step to step.
fn steps() -> impl Iterator<Item = (i32, f64, f64)> {
    (1..=12).map(|t| {
        (
            t,
            0.1 / f64::from(t).sqrt(),
            (f64::from(t) * 1.7).sin() * (1.0 + f64::from(t % 3)),
        )
    })
}

/// Compares a rule with its formula, given as a closure over step, rate, gradient and weight.
#[track_caller]
fn check(rule: impl Optimizer<f64>, mut formula: impl FnMut(i32, f64, f64, f64) -> f64) {
    let mut layout = Layout::new();
    layout.add("x", 1).unwrap();
    let mut state = State::new(&rule, &layout, &[]).unwrap();
    let (mut mine, mut reference) = ([0.7], 0.7);
    for (t, rate, gradient) in steps() {
        rule.step(&mut state, &mut mine, &[gradient], Rates::from(rate))
            .unwrap();
        reference = formula(t, rate, gradient, reference);
        assert!(
            (mine[0] - reference).abs() < 1e-13,
            "step {t}: {} is not {reference}",
            mine[0]
        );
    }
}

/// A preset brings the learning rate of its framework, too.
#[test]
fn default_rates_are_the_frameworks() {
    fn rate(optimizer: impl Optimizer<f64>) -> f64 {
        optimizer.default_rate()
    }
    assert_eq!(
        [
            rate(Adagrad::keras()),
            rate(Adamax::keras()),
            rate(Adam::keras()),
            rate(RmsProp::keras().centred())
        ],
        [1e-3; 4]
    );
    assert_eq!(
        [rate(Adagrad::new()), rate(Adagrad::optax()), rate(Adamax::new())],
        [1e-2, 1e-2, 2e-3]
    );
}

/// The estimate is a lower bound for the distance to the solution (of D-Adaptation a rough one), also where a group moves
/// more slowly.
#[test]
fn no_group_makes_an_estimate_too_large() {
    let mut layout = Layout::new();
    layout.add("slow", 3).unwrap();
    layout.add("fast", 2).unwrap();
    let solution = [1.0, -2.0, 0.5, 0.3, -0.1];
    let optimizers: [Box<dyn Optimizer<f64>>; 2] = [Box::new(Prodigy::new()), Box::new(DAdapt::new())];
    for optimizer in optimizers {
        let mut estimates = vec![];
        for factor in [1.0, 0.01, 0.0] {
            let groups = [Group::new("slow").rate(factor)];
            let mut state = State::new(&optimizer, &layout, &groups).unwrap();
            let mut weights = vec![0.0; 5];
            for _ in 0..1000 {
                let gradient = Vec::from_iter(weights.iter().zip(solution).map(|(w, s)| w - s));
                optimizer
                    .step(&mut state, &mut weights, &gradient, 1.0.into())
                    .unwrap();
            }
            estimates.push(state.memory()[0]);
            assert_eq!(weights[..3] == [0.0; 3], factor == 0.0);
            assert!(
                (weights[4] + 0.1).abs() < 0.05,
                "{} {weights:?}",
                optimizer.name()
            );
        }
        // The largest distance is 2, and 0.3 where the first three weights do not move.
        let [whole, slow, held] = estimates[..] else {
            panic!()
        };
        assert!(
            whole <= 2.4 && slow <= 2.4 && held <= 0.36,
            "{}: {estimates:?}",
            optimizer.name()
        );
    }
}

#[test]
fn adabound_and_amsbound() {
    for maximum in [false, true] {
        let (mut m, mut v, mut largest) = (0.0, 0.0, 0.0_f64);
        let formula = move |t: i32, rate: f64, g: f64, w: f64| {
            m = BETA1 * m + (1.0 - BETA1) * g;
            v = BETA2 * v + (1.0 - BETA2) * g * g;
            largest = largest.max(v);
            let second = if maximum { largest } else { v };
            let step = rate * (1.0 - BETA2.powi(t)).sqrt() / (1.0 - BETA1.powi(t)) / (second.sqrt() + 1e-8);
            let (last, along) = (rate * 2.0, 0.1 * f64::from(t));
            w - step.clamp(last * (1.0 - 1.0 / (along + 1.0)), last * (1.0 + 1.0 / along)) * m
        };
        let rule = AdaBound::new().final_factor(2.0).gamma(0.1);
        if maximum {
            check(rule.amsbound(), formula);
        } else {
            check(rule, formula);
        }
    }
}

#[test]
fn quasi_hyperbolic_momentum_and_adam() {
    let mut m = 0.0;
    check(Qhm::new().beta(0.8).nu(0.6), |_, rate, g, w| {
        m = 0.8 * m + 0.2 * g;
        w - rate * (0.4 * g + 0.6 * m)
    });
    let (mut m, mut v) = (0.0, 0.0);
    check(QhAdam::new().nu1(0.6).nu2(0.9), |t, rate, g, w| {
        m = 0.995 * m + 0.005 * g;
        v = BETA2 * v + (1.0 - BETA2) * g * g;
        let (m, v) = (m / (1.0 - 0.995_f64.powi(t)), v / (1.0 - BETA2.powi(t)));
        w - rate * (0.4 * g + 0.6 * m) / ((0.1 * g * g + 0.9 * v).sqrt() + 1e-8)
    });
}

#[test]
fn ftrl_proximal_has_true_zeros() {
    let (mut z, mut n) = (0.0, 0.0_f64);
    let mut zeros = 0;
    check(FtrlProximal::new().l1(12.0).l2(0.3).beta(0.5), |_, rate, g, w| {
        let sigma = ((n + g * g).sqrt() - n.sqrt()) / rate;
        z += g - sigma * w;
        n += g * g;
        if z.abs() <= 12.0 {
            zeros += 1;
            return 0.0;
        }
        -(z - z.signum() * 12.0) / ((0.5 + n.sqrt()) / rate + 0.3)
    });
    assert!(zeros > 0 && zeros < 12, "{zeros} zeros of 12");
    // A rate of 0 leaves the weight and the memory.
    let mut layout = Layout::new();
    layout.add("x", 1).unwrap();
    let mut state = State::<f64>::new(&FtrlProximal::new(), &layout, &[]).unwrap();
    let mut weights = [0.5];
    FtrlProximal::new()
        .step(&mut state, &mut weights, &[1.0], 0.0.into())
        .unwrap();
    assert_eq!(weights, [0.5]);
}

#[test]
fn wrappers_of_single_weights() {
    check(GradientDescent.clip_value(0.5), |_, rate, g, w| {
        w - rate * g.clamp(-0.5, 0.5)
    });
    check(GradientDescent.bounded(0.6, 0.75), |_, rate, g, w: f64| {
        (w - rate * g).clamp(0.6, 0.75)
    });
    check(GradientDescent.l1(2.0), |_, rate, g, w| {
        let moved = w - rate * g;
        moved.signum() * (moved.abs() - 2.0 * rate).max(0.0)
    });
    // As PyTorch's clip_grad_value_: infinities are clamped, a NaN stays one.
    for (gradient, expected) in [(f64::INFINITY, -1.0), (f64::NEG_INFINITY, 1.0), (0.25, -0.25)] {
        let mut layout = Layout::new();
        layout.add("x", 1).unwrap();
        let rule = GradientDescent.clip_value(1.0);
        let (mut state, mut weights) = (State::new(&rule, &layout, &[]).unwrap(), [0.0]);
        rule.step(&mut state, &mut weights, &[gradient], 1.0.into())
            .unwrap();
        assert_eq!(weights, [expected]);
        rule.step(&mut state, &mut weights, &[f64::NAN], 1.0.into())
            .unwrap();
        assert!(weights[0].is_nan());
    }
}

/// With curvature large enough that nothing is clipped; the golden cases are clipped throughout.
#[test]
fn sophia_divides_by_the_curvature_it_is_told() {
    let rule = Sophia::new().gamma(1.0).beta2(0.5);
    let mut layout = Layout::new();
    layout.add("x", 1).unwrap();
    let mut state = State::<f64>::new(&rule, &layout, &[]).unwrap();
    let (mut mine, mut reference, mut m, mut h) = ([0.7], 0.7, 0.0, 0.0);
    for (t, rate, gradient) in steps() {
        rule.step(&mut state, &mut mine, &[gradient], Rates::from(rate))
            .unwrap();
        m = 0.965 * m + 0.035 * gradient;
        let corrected = m / (1.0 - 0.965_f64.powi(t));
        reference -= rate * (corrected / f64::max(h, 1e-8)).clamp(-1.0, 1.0);
        assert!((mine[0] - reference).abs() < 1e-13, "step {t}");
        if t % 3 == 1 {
            rule.curve(&mut state, &[20.0 + f64::from(t)]).unwrap();
            h = 0.5 * h + 0.5 * (20.0 + f64::from(t));
        }
    }
    assert!(
        rule.curve(&mut state, &[1.0, 2.0])
            .unwrap_err()
            .to_string()
            .contains("diagonal")
    );
    let mut other = State::<f64>::new(&Adam::new(), &layout, &[]).unwrap();
    assert!(
        rule.curve(&mut other, &[1.0])
            .unwrap_err()
            .to_string()
            .contains("curvature")
    );
}

#[test]
fn lbfgs_refuses_what_it_cannot_use() {
    let square = || {
        Function::new(vec![3.0], |x: &[f64], g: &mut [f64]| {
            g[0] = 2.0 * x[0];
            x[0] * x[0]
        })
    };
    for (mut lbfgs, part) in [
        (Lbfgs::new().learning_rate(0.0), "learning_rate is 0"),
        (Lbfgs::new().updates(0), "updates is 0"),
        (Lbfgs::new().evaluations(0), "evaluations is 0"),
        (Lbfgs::new().history(0), "history is 0"),
        (Lbfgs::new().tolerance_gradient(-1.0), "tolerance_gradient is -1"),
        (Lbfgs::new().tolerance_change(f64::NAN), "tolerance_change is NaN"),
    ] {
        let message = lbfgs.minimize(square(), 1).unwrap_err().to_string();
        assert!(message.contains(part), "{message} does not say {part}");
    }
    let nan = Function::new(vec![3.0], |_: &[f64], _: &mut [f64]| f64::NAN);
    assert!(
        Lbfgs::new()
            .minimize(nan, 1)
            .unwrap_err()
            .to_string()
            .contains("NaN")
    );
    // In single precision too, and a second minimisation goes on from what is remembered.
    let narrow = Function::new(vec![3.0_f32, -1.0], |x: &[f32], g: &mut [f32]| {
        g.iter_mut()
            .zip(x)
            .zip([1.0, 50.0])
            .for_each(|((g, x), c)| *g = c * x);
        x.iter().zip([1.0, 50.0]).map(|(x, c)| 0.5 * c * x * x).sum()
    });
    let params = Lbfgs::new().strong_wolfe().minimize(narrow, 20).unwrap();
    assert!(params.norm() < 1e-4, "{params:?}");
}

/// A clipped step, or a variance held above zero, shows a NaN and does not make a number of it.
#[test]
fn a_nan_in_a_gradient_stays_one() {
    let rules: [Box<dyn Optimizer<f64>>; 4] = [
        Box::new(Adopt::new()),
        Box::new(Sophia::new()),
        Box::new(AdaBound::new()),
        Box::new(RmsProp::new().centred()),
    ];
    for rule in rules {
        let mut layout = Layout::new();
        layout.add("x", 1).unwrap();
        let mut state = State::new(&*rule, &layout, &[]).unwrap();
        let mut weights = [1.0];
        for (step, gradient) in [1.0, f64::NAN, 1.0].into_iter().enumerate() {
            rule.step(&mut state, &mut weights, &[gradient], Rates::from(0.1))
                .unwrap();
            assert_eq!(weights[0].is_nan(), step > 0, "{} at step {step}", rule.name());
        }
    }
}

#[test]
fn adamax_with_epsilon_after_the_maximum() {
    let (mut m, mut u) = (0.0, 0.0_f64);
    check(Adamax::keras().beta2(0.9).epsilon(0.01), |t, rate, g, w| {
        m = BETA1 * m + (1.0 - BETA1) * g;
        u = (0.9 * u).max(g.abs());
        w - rate / (1.0 - BETA1.powi(t)) * m / (u + 0.01)
    });
}
