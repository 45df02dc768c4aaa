//! Projections and proximal steps, against their definitions; norms.

use downhill::optim::{Asgd, RuleExt, ScheduleFree};
use downhill::prelude::*;
use downhill::train::{Average, Constraint};
use downhill::transform::Norm;
use proptest::prelude::*;

use crate::square;

/// The point of the set nearest to `w`, among many points of it, is no nearer than the projection.
fn is_nearest(w: &[f64], projected: &[f64], others: &[Vec<f64>]) -> bool {
    let distance = |p: &[f64]| p.iter().zip(w).map(|(p, w)| (p - w).powi(2)).sum::<f64>();
    others
        .iter()
        .all(|other| distance(projected) <= distance(other) + 1e-9)
}

proptest! {
    #[test]
    fn projections_are_in_the_set_and_nearest(
        w in prop::collection::vec(-3.0..3.0_f64, 1..8),
        others in prop::collection::vec(prop::collection::vec(-1.0..1.0_f64, 8), 50),
        radius in 0.1..2.0_f64,
    ) {
        let l1 = |p: &[f64]| Norm::L1.of(p);
        type Inside = fn(&[f64], f64) -> bool;
        type Member<'a> = &'a dyn Fn(&[f64]) -> Vec<f64>;
        let sets: [(Constraint, Inside, Member<'_>); 5] = [
            (Constraint::NonNegative, |p, _| p.iter().all(|&x| x >= 0.0), &|p| p.iter().map(|x| x.abs()).collect()),
            (Constraint::Simplex { sum: radius }, |p, r| p.iter().all(|&x| x >= 0.0) && (p.iter().sum::<f64>() - r).abs() < 1e-9,
                &|p| p.iter().map(|x| x.abs() * radius / l1(p)).collect()),
            (Constraint::L1Ball(radius), |p, r| Norm::L1.of(p) <= r + 1e-9, &|p| p.iter().map(|x| x * radius / l1(p)).collect()),
            (Constraint::L2Ball(radius), |p, r| Norm::L2.of(p) <= r + 1e-9, &|p| p.iter().map(|x| x * radius / Norm::L2.of(p)).collect()),
            (Constraint::MaxBall(radius), |p, r| Norm::Max.of(p) <= r + 1e-9, &|p| p.iter().map(|x| x * radius).collect()),
        ];
        for (set, inside, member) in sets {
            let mut projected = w.clone();
            set.apply(&mut projected, w.len(), 0.1);
            prop_assert!(inside(&projected, radius), "{set:?}: {projected:?}");
            let members: Vec<_> = others.iter().map(|o| member(&o[..w.len()])).collect();
            prop_assert!(is_nearest(&w, &projected, &members), "{set:?}: {w:?} to {projected:?}");
            let mut again = projected.clone();
            set.apply(&mut again, w.len(), 0.1);
            prop_assert!(again.iter().zip(&projected).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    /// A proximal step minimises `η R(v) + ½ ‖v − w‖²`.
    #[test]
    fn proximal_steps_are_minima(
        w in prop::collection::vec(-3.0..3.0_f64, 6),
        others in prop::collection::vec(prop::collection::vec(-3.0..3.0_f64, 6), 50),
        rate in 0.01..1.0_f64,
        strength in 0.0..2.0_f64,
    ) {
        type Penalty<'a> = &'a dyn Fn(&[f64]) -> f64;
        let penalties: [(Constraint, Penalty<'_>); 3] = [
            (Constraint::L1(strength), &|v| strength * Norm::L1.of(v)),
            (Constraint::ElasticNet { l1: strength, l2: 0.7 }, &|v| strength * Norm::L1.of(v) + 0.35 * v.iter().map(|x| x * x).sum::<f64>()),
            (Constraint::GroupLasso(strength), &|v| strength * v.chunks(2).map(|row| Norm::L2.of(row)).sum::<f64>()),
        ];
        for (constraint, penalty) in penalties {
            let mut moved = w.clone();
            constraint.apply(&mut moved, 3, rate);
            let value = |v: &[f64]| rate * penalty(v) + 0.5 * v.iter().zip(&w).map(|(v, w)| (v - w).powi(2)).sum::<f64>();
            // Among points all around the result, and far from it.
            for other in &others {
                let near: Vec<f64> = moved.iter().zip(other).map(|(m, o)| m + 1e-3 * o).collect();
                prop_assert!(value(&moved) <= value(&near) + 1e-12, "{constraint:?}");
                prop_assert!(value(&moved) <= value(other) + 1e-12, "{constraint:?}");
            }
        }
    }

    #[test]
    fn norms_neither_overflow_nor_underflow(values in prop::collection::vec(-1.0..1.0_f32, 1..3000), power in -36..37_i32) {
        let scaled: Vec<f32> = values.iter().map(|x| x * 10_f32.powi(power)).collect();
        let exact = scaled.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let norm = Norm::L2.of(&scaled);
        prop_assert!((norm - exact).abs() <= 1e-6 * exact, "{norm} is not {exact}");
    }
}

/// What has gone astray is not put back into a set as if nothing had happened.
#[test]
fn a_nan_stays_one() {
    for constraint in [
        Constraint::NonNegative,
        Constraint::Box { low: 0.0, high: 1.0 },
        Constraint::MaxBall(1.0),
        Constraint::Simplex { sum: 1.0 },
        Constraint::L1Ball(1.0),
        Constraint::L2Ball(1.0),
        Constraint::L1(1.0),
        Constraint::ElasticNet { l1: 1.0, l2: 1.0 },
        Constraint::GroupLasso(1.0),
    ] {
        let mut values = [0.5, f64::NAN, 2.0];
        constraint.apply(&mut values, 3, 0.1);
        assert!(values[1].is_nan(), "{constraint:?}: {values:?}");
    }
}

/// At rate 0 a penalty is none.
#[test]
fn without_a_rate_a_penalty_does_nothing() {
    let penalties = [
        Constraint::L1(1.0),
        Constraint::ElasticNet { l1: 1.0, l2: 1.0 },
        Constraint::GroupLasso(1.0),
    ];
    for penalty in penalties {
        let mut values = [0.5, -3.0, 0.0, 2.0];
        penalty.apply(&mut values, 2, 0.0);
        assert_eq!(values, [0.5, -3.0, 0.0, 2.0], "{penalty:?}");
    }
}

/// The minimum is outside, and so is the start: the best point is not.
#[test]
fn the_start_is_put_into_the_set() {
    let run = Trainer::new(GradientDescent)
        .learning_rate(0.1)
        .constrain("x", Constraint::Box { low: 1.0, high: 5.0 })
        .steps(3)
        .minimize(square(vec![0.0, 9.0]))
        .unwrap();
    assert_eq!(run.best.params.as_slice(), [1.0, 2.56]);
    // A penalty is no set: the first point stays.
    let run = Trainer::new(GradientDescent)
        .learning_rate(10.0)
        .constrain("x", Constraint::L1(0.01))
        .steps(1)
        .minimize(square(vec![1.0]))
        .unwrap();
    assert_eq!(run.best.params.as_slice(), [1.0]);
}

/// Averages of rules look beyond the set; what is evaluated is in it.
#[test]
fn averages_stay_in_the_set() {
    type Make = fn() -> Box<dyn Optimizer<f64>>;
    let optimizers: [Make; 4] = [
        || Box::new(Asgd::new().start(1.0)),
        || Box::new(ScheduleFree::sgd()),
        || Box::new(ScheduleFree::adamw()),
        || Box::new(GradientDescent),
    ];
    for optimizer in optimizers {
        let name = optimizer().name();
        let trainer = Trainer::new(optimizer())
            .learning_rate(0.3)
            .constrain("x", Constraint::Simplex { sum: 1.0 })
            .steps(7);
        let trainer = match optimizer().averages() {
            true => trainer,
            false => trainer.average(Average::uniform()),
        };
        let average = trainer
            .minimize(square(vec![2.0, -1.0, 0.3]))
            .unwrap()
            .average
            .unwrap();
        let weights = average.as_slice();
        assert!(weights.iter().all(|&w| w >= 0.0), "{name}: {weights:?}");
        assert!(
            (weights.iter().sum::<f64>() - 1.0).abs() < 1e-12,
            "{name}: {weights:?}"
        );
    }
    let bounded: [Box<dyn Optimizer<f64>>; 2] = [
        Box::new(ScheduleFree::sgd().bounded(0.5, 4.0)),
        Box::new(Asgd::new().bounded(0.5, 4.0)),
    ];
    for optimizer in bounded {
        let run = Trainer::new(optimizer)
            .learning_rate(0.9)
            .steps(3)
            .minimize(square(vec![3.0]))
            .unwrap();
        assert!(run.average.unwrap().as_slice()[0] >= 0.5);
    }
}
