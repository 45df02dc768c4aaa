//! Where frameworks differ, the named constructors follow their formulas, written out here step by step.

use downhill::optim::{Adam, NAdam, Optimizer, Rates, State};
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

#[test]
fn rmsprop_with_epsilon_inside_the_root_and_the_rate_inside_the_buffer() {
    for (rule, epsilon) in [(RmsProp::keras(), 1e-7), (RmsProp::optax(), 1e-8)] {
        let mut v = 0.0;
        check(rule, |_, rate, g, w| {
            v = 0.9 * v + 0.1 * g * g;
            w - rate * g / f64::sqrt(v + epsilon)
        });
        let (mut v, mut a, mut buffer) = (0.0, 0.0, 0.0);
        check(rule.centred().momentum(0.8).epsilon(0.01), |_, rate, g, w| {
            v = 0.9 * v + 0.1 * g * g;
            a = 0.9 * a + 0.1 * g;
            buffer = 0.8 * buffer + rate * g / f64::sqrt(v - a * a + 0.01);
            w - buffer
        });
    }
}

#[test]
fn momentum_with_the_rate_inside_the_velocity() {
    let mut velocity = 0.0;
    check(Momentum::new(0.9).rate_inside(), |_, rate, g, w| {
        velocity = 0.9 * velocity - rate * g;
        w + velocity
    });
    let mut velocity = 0.0;
    check(Momentum::new(0.9).nesterov().rate_inside(), |_, rate, g, w| {
        velocity = 0.9 * velocity - rate * g;
        w + 0.9 * velocity - rate * g
    });
}

#[test]
fn adam_with_epsilon_before_the_correction() {
    let (mut m, mut v, mut largest) = (0.0, 0.0, 0.0_f64);
    let mut moments = move |g: f64| {
        m = BETA1 * m + (1.0 - BETA1) * g;
        v = BETA2 * v + (1.0 - BETA2) * g * g;
        largest = largest.max(v);
        (m, v, largest)
    };
    let mut again = moments;
    let rate_at = |t: i32, rate: f64| rate * (1.0 - BETA2.powi(t)).sqrt() / (1.0 - BETA1.powi(t));
    check(Adam::keras().epsilon(0.01), |t, rate, g, w| {
        let (m, v, _) = moments(g);
        w - rate_at(t, rate) * m / (v.sqrt() + 0.01)
    });
    check(Adam::keras().epsilon(0.01).amsgrad(), |t, rate, g, w| {
        let (m, _, largest) = again(g);
        w - rate_at(t, rate) * m / (largest.sqrt() + 0.01)
    });
}

#[test]
fn amsgrad_of_the_corrected_moment() {
    let (mut m, mut v, mut largest) = (0.0, 0.0, 0.0_f64);
    check(Adam::optax().beta2(0.9).amsgrad(), |t, rate, g, w| {
        m = BETA1 * m + (1.0 - BETA1) * g;
        v = 0.9 * v + 0.1 * g * g;
        largest = largest.max(v / (1.0 - 0.9_f64.powi(t)));
        w - rate * m / (1.0 - BETA1.powi(t)) / (largest.sqrt() + 1e-8)
    });
    // Without AMSGrad it is PyTorch's.
    let (mut m, mut v) = (0.0, 0.0);
    check(Adam::optax(), |t, rate, g, w| {
        m = BETA1 * m + (1.0 - BETA1) * g;
        v = BETA2 * v + (1.0 - BETA2) * g * g;
        w - rate * m / (1.0 - BETA1.powi(t)) / ((v / (1.0 - BETA2.powi(t))).sqrt() + 1e-8)
    });
}

#[test]
fn adagrad_with_epsilon_inside_the_root() {
    let mut s = 0.1;
    check(Adagrad::keras().epsilon(0.01), |_, rate, g, w| {
        s += g * g;
        w - rate * g / f64::sqrt(s + 0.01)
    });
    assert_eq!(Adagrad::optax(), Adagrad::keras());
}

#[test]
fn nadam_with_a_constant_momentum() {
    let (mut m, mut v) = (0.0, 0.0);
    check(NAdam::optax(), |t, rate, g, w| {
        m = BETA1 * m + (1.0 - BETA1) * g;
        v = BETA2 * v + (1.0 - BETA2) * g * g;
        let ahead = BETA1 * m / (1.0 - BETA1.powi(t + 1)) + (1.0 - BETA1) * g / (1.0 - BETA1.powi(t));
        w - rate * ahead / ((v / (1.0 - BETA2.powi(t))).sqrt() + 1e-8)
    });
}
