//! Averages of the parameters.

use downhill::optim::Adam;
use downhill::prelude::*;
use downhill::train::{Average, StepEvent};

use crate::{assert_near, data};

#[test]
fn averages_are_evaluated_and_kept() {
    let (inputs, targets) = data(30);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(3, 1).unwrap();
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data);
    let mut points = Vec::new();
    let listener = |event: &StepEvent<'_, f64>| {
        points.push(event.params.clone());
    };
    let run = Trainer::new(Adam::new())
        .learning_rate(0.05)
        .average(Average::uniform().after(2).every(3))
        .batch(10)
        .epochs(4)
        .on_step(listener)
        .minimize(risk)
        .unwrap();
    // Of twelve steps the first two are left out; the third, sixth, ninth and twelfth are taken.
    let taken: Vec<_> = points.iter().skip(2).step_by(3).collect();
    let average = run.average.unwrap();
    for (i, &mine) in average.as_slice().iter().enumerate() {
        let mean = taken.iter().map(|p| p.as_slice()[i]).sum::<f64>() / taken.len() as f64;
        assert_near(&[mine], &[mean], 1e-14);
    }
    // What was evaluated at the end of the last epoch is the average.
    let predictions = downhill::model::predict(&model, &average, &inputs).unwrap();
    let loss = predictions
        .column(0)
        .iter()
        .zip(&targets)
        .map(|(p, t)| (p - t).powi(2))
        .sum::<f64>()
        / 30.0;
    assert_near(&[run.history[3].validation_loss.unwrap()], &[loss], 1e-14);
    assert_ne!(average, run.params);
}

/// What averages by itself is evaluated by its average.
#[test]
fn an_averaging_optimizer_is_evaluated_by_its_average() {
    let (inputs, targets) = data(30);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(3, 1).unwrap();
    let optimizers: [Box<dyn Optimizer<f64>>; 2] = [
        Box::new(downhill::optim::ScheduleFree::adamw()),
        Box::new(downhill::optim::Asgd::new().start(3.0)),
    ];
    for optimizer in optimizers {
        let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data);
        let run = Trainer::new(optimizer)
            .learning_rate(0.05)
            .batch(10)
            .epochs(4)
            .minimize(risk)
            .unwrap();
        let average = run.average.unwrap();
        assert_ne!(average, run.params);
        let predictions = downhill::model::predict(&model, &average, &inputs).unwrap();
        let loss = predictions
            .column(0)
            .iter()
            .zip(&targets)
            .map(|(p, t)| (p - t).powi(2))
            .sum::<f64>()
            / 30.0;
        assert_near(&[run.history[3].validation_loss.unwrap()], &[loss], 1e-14);
    }
}

/// A moving average that warms up forgets early parameters soon: β is min(0.9, (1 + n) / (10 + n)).
#[test]
fn an_average_warms_up() {
    let mut running =
        downhill::train::Averager::new(Average::exponential(0.9).warm_up(), &Params::from(vec![0.0]))
            .unwrap();
    let mut average = 1.0;
    for n in 0..200 {
        let weight = 1.0 + f64::from(n);
        running.update(&Params::from(vec![weight])).unwrap();
        let kept = if n == 0 {
            0.0
        } else {
            0.9_f64.min((1.0 + f64::from(n)) / (10.0 + f64::from(n)))
        };
        average = kept * average + (1.0 - kept) * weight;
        assert_near(running.params().as_slice(), &[average], 1e-11);
    }
}

/// Where every point has a value of its own, the average has one too, and is the best if that is the lowest.
#[test]
fn the_average_of_a_full_batch_run_can_be_the_best() {
    let square = || crate::square(vec![1.0, -2.0]);
    // From side to side: every point has the value 5, the mean of two neighbours is the minimum.
    let there_and_back = || Trainer::new(GradientDescent).learning_rate(1.0);
    let run = there_and_back()
        .average(Average::uniform())
        .steps(4)
        .minimize(square())
        .unwrap();
    assert_eq!((run.best.value, run.best.step), (0.0, 4));
    assert_eq!(run.best.params.as_slice(), [0.0, 0.0]);
    // Of one step the average is the point itself, no better than the first.
    let run = there_and_back()
        .average(Average::uniform())
        .steps(1)
        .minimize(square())
        .unwrap();
    assert_eq!((run.best.value, run.best.step), (5.0, 0));
}
