//! What surrounds the rule: accumulation, transforms, clipping, sharpness, constraints, averages, scheduled settings.

mod averages;
mod constraints;
mod groups;
mod shapes;
mod windows;

use downhill::data::Order;
use downhill::ndarray::{Array1, Array2};
use downhill::optim::{Adam, AdamW, RuleExt};
use downhill::prelude::*;
use downhill::train::{Average, Constraint, StepEvent};
use downhill::transform::{
    AdaptiveClip, Centralize, ClipNorm, ClipTensorNorm, ClipValue, GradientTransform, Maximize, Noise, Norm,
    WeightDecay,
};
fn data(rows: usize) -> (Array2<f64>, Array1<f64>) {
    let inputs = Array2::from_shape_fn((rows, 3), |(i, j)| ((i * 5 + j * 7) % 11) as f64 / 5.0 - 1.0);
    let targets = inputs.dot(&Array1::from(vec![1.0, -2.0, 0.5])) + 0.3;
    (inputs, targets)
}

fn fit(trainer: Trainer<'_, f64>, rows: usize) -> Run<f64> {
    let (inputs, targets) = data(rows);
    let data = Dataset::new(&inputs, &targets).unwrap();
    trainer
        .order(Order::Sequential)
        .epochs(3)
        .fit(&Linear::new(3, 1).unwrap(), &MeanSquaredError, &data)
        .unwrap()
}

fn square(start: Vec<f64>) -> Function<f64, impl FnMut(&[f64], &mut [f64]) -> f64> {
    Function::new(start, |w: &[f64], g: &mut [f64]| {
        g.iter_mut().zip(w).for_each(|(g, w)| *g = 2.0 * w);
        w.iter().map(|w| w * w).sum()
    })
}

#[track_caller]
fn assert_near(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    assert!(
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance),
        "{a:?} is not {b:?}"
    );
}

#[test]
fn clipping_by_norm_bounds_each_step_and_reports_the_norm() {
    let mut norms = Vec::new();
    let listener = |event: &StepEvent<'_, f64>| {
        norms.push(event.gradient_norm.unwrap());
    };
    let run = Trainer::new(GradientDescent)
        .learning_rate(0.1)
        .clip_norm(ClipNorm::new(1.0).exact())
        .on_step(listener)
        .steps(2)
        .minimize(square(vec![3.0, 4.0]))
        .unwrap();
    // The gradient is (6, 8), of norm 10: the step is 0.1 long, along (0.6, 0.8).
    assert_near(run.params.as_slice(), &[2.88, 3.84], 1e-14);
    assert_near(&norms, &[10.0, 9.8], 1e-13);
}

#[test]
fn clipping_where_it_stands_is_clipping_in_the_rule() {
    #[derive(Debug)]
    struct InPlace;
    impl GradientTransform<f64> for InPlace {
        fn apply(&mut self, gradient: &mut Gradient<f64>, _: &Params<f64>, _: u64) {
            ClipNorm::new(0.3).clip(gradient.as_mut_slice());
        }
    }
    let by_rule = fit(Trainer::new(AdamW::default()).batch(4).clip_norm(0.3), 20);
    let by_hand = fit(Trainer::new(AdamW::default()).batch(4).transform(InPlace), 20);
    assert_near(by_rule.params.as_slice(), by_hand.params.as_slice(), 1e-14);
}

fn tensors() -> (Params<f64>, Gradient<f64>) {
    let mut layout = Layout::new();
    layout.add("weight", (2, 3)).unwrap();
    layout.add("bias", 3).unwrap();
    let (mut params, mut gradient) = (Params::zeros(&layout), Gradient::zeros(&layout));
    params
        .as_mut_slice()
        .copy_from_slice(&[3.0, 0.0, 1.0, 4.0, 0.0, 0.0, 0.0, 0.0, 2.0]);
    gradient
        .as_mut_slice()
        .copy_from_slice(&[1.0, 2.0, 3.0, 5.0, -2.0, 4.0, 3.0, 4.0, 0.0]);
    (params, gradient)
}

#[test]
fn transforms_act_on_units_and_tensors() {
    let (params, mut g) = tensors();
    Centralize.apply(&mut g, &params, 1);
    assert_eq!(g.as_slice(), [-2.0, 2.0, -0.5, 2.0, -2.0, 0.5, 3.0, 4.0, 0.0]);

    let (params, mut g) = tensors();
    ClipTensorNorm(ClipNorm::new(2.5).exact()).apply(&mut g, &params, 1);
    assert_near(&g.as_slice()[6..], &[1.5, 2.0, 0.0], 1e-15);
    assert_near(&[Norm::L2.of(&g.as_slice()[..6])], &[2.5], 1e-15);

    let (params, mut g) = tensors();
    AdaptiveClip::new(0.1).epsilon(0.1).apply(&mut g, &params, 1);
    let unit = |k: usize| Norm::L2.of(&[g.as_slice()[k], g.as_slice()[k + 3]]);
    // The units' weights have the norms 5, 0 and 1, the bias 2; all gradients are larger than a tenth of that.
    assert_near(
        &[unit(0), unit(1), unit(2), Norm::L2.of(&g.as_slice()[6..])],
        &[0.5, 0.01, 0.1, 0.2],
        1e-15,
    );
}

/// Around a rule and in front of one they are the same.
#[test]
fn transforms_of_values_are_wrappers_of_rules() {
    let new = |optimizer: Box<dyn Optimizer<f64>>| Trainer::new(optimizer).learning_rate(0.1).batch(4);
    let inside = fit(
        new(Box::new(Adam::new().weight_decay(0.3).clip_value(0.2).maximize())),
        20,
    );
    let outside = fit(
        new(Box::new(Adam::new()))
            .transform(Maximize)
            .transform(ClipValue(0.2))
            .transform(WeightDecay(0.3)),
        20,
    );
    assert_eq!(inside.params, outside.params);
}

#[test]
fn noise_has_its_variance_and_depends_on_seed_and_step_only() {
    let mut layout = Layout::new();
    layout.add("w", 100_001).unwrap();
    let params = Params::<f64>::zeros(&layout);
    let draw = |seed, step| {
        let mut gradient = Gradient::zeros(&layout);
        Noise::new(0.5)
            .gamma(1.0)
            .seed(seed)
            .apply(&mut gradient, &params, step);
        gradient.as_slice().to_vec()
    };
    assert_eq!(draw(1, 4), draw(1, 4));
    assert_ne!(draw(1, 4), draw(2, 4));
    assert_ne!(draw(1, 4), draw(1, 5));
    let values = draw(3, 4);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
    // At the fourth step 0.5 / 4; the standard error of a variance of 100,001 numbers is 0.45%.
    assert!(
        mean.abs() < 5e-3 && (variance / 0.125 - 1.0).abs() < 0.02,
        "{mean} {variance}"
    );
}

#[test]
fn sharpness_aware_steps_follow_the_gradient_near_by() {
    let run = Trainer::new(GradientDescent)
        .learning_rate(0.1)
        .sharpness_aware(0.5)
        .steps(1)
        .minimize(square(vec![3.0, 4.0]))
        .unwrap();
    // 0.5 further along (0.6, 0.8): the gradient there is (6.6, 8.8).
    assert_near(run.params.as_slice(), &[2.34, 3.12], 1e-12);
}

#[test]
fn scheduled_settings_are_in_force_and_in_the_history() {
    let by_schedule = Trainer::new(AdamW::default())
        .learning_rate(0.1)
        .momentum(0.5)
        .beta2(0.75)
        .weight_decay(StepDecay::new(0.5, Span::Steps(2)))
        .steps(4)
        .minimize(square(vec![3.0, 4.0]))
        .unwrap();
    assert_eq!(by_schedule.history[3].momentum, Some(0.5));
    assert_eq!(by_schedule.history[3].beta2, Some(0.75));
    assert_eq!(by_schedule.history[1].weight_decay, Some(0.5));
    assert_near(&[by_schedule.history[3].weight_decay.unwrap()], &[0.05], 1e-15);
    let own = |decay| Adam::new().beta1(0.5).beta2(0.75).decoupled_weight_decay(decay);
    let by_hand = Trainer::new(own(0.5))
        .learning_rate(0.1)
        .steps(2)
        .minimize(square(vec![3.0, 4.0]))
        .unwrap();
    let first = Trainer::new(own(0.5))
        .learning_rate(0.1)
        .momentum(0.5)
        .steps(4)
        .weight_decay(0.5)
        .minimize(square(vec![3.0, 4.0]))
        .unwrap();
    assert_ne!(first.params, by_schedule.params);
    let two = Trainer::new(AdamW::default())
        .learning_rate(0.1)
        .momentum(0.5)
        .beta2(0.75)
        .weight_decay(0.5)
        .steps(2)
        .minimize(square(vec![3.0, 4.0]))
        .unwrap();
    assert_eq!(two.params, by_hand.params);
}

#[test]
fn illegal_settings_are_named() {
    let message = |trainer: Trainer<'_, f64>| {
        trainer
            .steps(1)
            .minimize(square(vec![1.0]))
            .unwrap_err()
            .to_string()
    };
    let new = || Trainer::new(GradientDescent);
    for (trainer, part) in [
        (new().accumulate(0), "accumulate is 0"),
        (new().clip_norm(-1.0), "max of ClipNorm is -1"),
        (
            new().clip_norm(ClipNorm::new(1.0).norm(Norm::P(0.0))),
            "p of Norm::P is 0",
        ),
        (new().sharpness_aware(0.0), "radius of sharpness_aware is 0"),
        (
            new().transform(AdaptiveClip::new(f64::NAN)),
            "share of AdaptiveClip is NaN",
        ),
        (new().transform(Noise::new(-1.0)), "eta of Noise is -1"),
        (new().transform(ClipValue(0.0)), "limit of ClipValue is 0"),
        (
            new().transform(WeightDecay(-1.0)),
            "strength of WeightDecay is -1",
        ),
        (new().constrain("y", Constraint::NonNegative), "\"y\""),
        (
            new().constrain("x", Constraint::Box { low: 1.0, high: 0.0 }),
            "low of Constraint::Box is 1",
        ),
        (
            new().constrain("x", Constraint::Simplex { sum: 0.0 }),
            "sum of Constraint::Simplex is 0",
        ),
        (
            new().constrain("x", Constraint::L1(f64::INFINITY)),
            "strength of the penalty is inf",
        ),
        (
            new().average(Average::exponential(1.5)),
            "decay of Average is 1.5",
        ),
        (
            new().average(Average::uniform().every(0)),
            "every of Average is 0",
        ),
        (Trainer::new(Momentum::new(0.9)).momentum(1.5), "momentum is 1.5"),
        (
            Trainer::new(AdamW::default()).weight_decay(-0.5),
            "weight_decay is -0.5",
        ),
    ] {
        let message = message(trainer);
        assert!(message.contains(part), "{message} does not say {part}");
    }
}

/// Slow and fast weights by hand, around momentum.
#[test]
fn lookahead_is_its_formula() {
    let (mut fast, mut slow, mut velocity) = (3.0, 3.0, 0.0);
    for step in 1..=7 {
        velocity = 0.9 * velocity + 2.0 * fast;
        fast -= 0.05 * velocity;
        if step % 3 == 0 {
            slow += 0.25 * (fast - slow);
            fast = slow;
        }
    }
    let rule = Momentum::new(0.9).lookahead().every(3).share(0.25);
    let run = Trainer::new(rule)
        .learning_rate(0.05)
        .steps(7)
        .minimize(square(vec![3.0]))
        .unwrap();
    assert_near(run.params.as_slice(), &[fast], 1e-14);
}
