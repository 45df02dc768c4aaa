//! What surrounds many runs: the range test.

use downhill::ndarray::{Array1, Array2, array};
use downhill::prelude::*;
use downhill::train::{Interrupt, Watch};
use downhill::tune::{LrCurve, LrFinder};

fn data(rows: usize) -> (Array2<f64>, Array1<f64>) {
    let inputs = Array2::from_shape_fn((rows, 2), |(i, j)| ((i * 5 + j * 7) % 11) as f64 / 5.0 - 1.0);
    let targets = inputs.dot(&array![1.0, -2.0]) + 0.3;
    (inputs, targets)
}

/// A function whose gradient is always −1: the weight is the sum of the rates so far, and the loss what the closure makes of it.
fn traveller(loss: impl Fn(f64) -> f64) -> Function<f64, impl FnMut(&[f64], &mut [f64]) -> f64> {
    Function::new(vec![0.0], move |w: &[f64], g: &mut [f64]| {
        g[0] = -1.0;
        loss(w[0])
    })
}

fn find(finder: LrFinder, loss: impl Fn(f64) -> f64) -> LrCurve {
    finder
        .smoothing(0.0)
        .find(Trainer::new(GradientDescent), traveller(loss))
        .unwrap()
}

#[test]
fn a_sweep_goes_from_low_to_high_by_the_same_factor_or_amount() {
    let curve = find(LrFinder::new(1e-4, 1.0).steps(13), |_| 1.0);
    assert_eq!((curve.rates.len(), curve.diverged), (13, false));
    for (i, rate) in curve.rates.iter().enumerate() {
        let expected = 1e-4 * 1e4_f64.powf(i as f64 / 12.0);
        assert!((rate / expected - 1.0).abs() < 1e-12);
    }
    let curve = find(LrFinder::new(0.5, 6.0).steps(12).linear(), |_| 1.0);
    for (i, rate) in curve.rates.iter().enumerate() {
        assert!((rate - (0.5 + 0.5 * i as f64)).abs() < 1e-12);
    }
    // A loss that stands still suggests nothing.
    assert_eq!((curve.steepest(), curve.valley()), (None, None));
}

#[test]
fn losses_are_averaged_with_correction() {
    let finder = LrFinder::new(1.0, 10.0).steps(10).smoothing(0.5).linear();
    let curve = finder
        .find(Trainer::new(GradientDescent), traveller(|w| 100.0 - w))
        .unwrap();
    // The rates are 1, 2, …: the losses 100, 99, 97, 94, …
    assert_eq!(&curve.losses[..4], [100.0, 99.0, 97.0, 94.0]);
    let averages = [
        100.0,
        (0.5 * 100.0 + 99.0) / 1.5,
        (0.25 * 100.0 + 0.5 * 99.0 + 97.0) / 1.75,
        (0.125 * 100.0 + 0.25 * 99.0 + 0.5 * 97.0 + 94.0) / 1.875,
    ];
    for (smoothed, average) in curve.smoothed.iter().zip(averages) {
        assert!((smoothed - average).abs() < 1e-12);
    }
}

#[test]
fn the_steepest_slope_and_the_middle_of_the_valley_are_suggested() {
    // Forty steps of rate 1 to 40 (linear), so that after step i the weight is i (i + 1) / 2; the loss is given by i.
    let by_step = |loss: fn(f64) -> f64| move |w: f64| loss(((8.0 * w + 1.0).sqrt() - 1.0) / 2.0);
    let finder = LrFinder::new(1.0, 40.0).steps(40).linear();
    // Flat to 10, down by 0.1 a step to 20, by 0.5 to 25, flat to 30, then up.
    let loss = |i: f64| {
        10.0 - 0.1 * (i - 10.0).clamp(0.0, 10.0) - 0.5 * (i - 20.0).clamp(0.0, 5.0) + (i - 30.0).max(0.0)
    };
    let curve = find(finder, by_step(loss));
    // The loss of update i (from 0) stands at weight i (i + 1) / 2, its rate is i + 1; the steepest falls are 20 to 25.
    let steepest = curve.steepest().unwrap();
    assert!((21.0..=25.0).contains(&steepest), "{steepest}");
    // The valley falls from 10 to 25: 16 losses that end at step 25, so it is step 25 − 16 + 5 + 2.
    let valley = curve.valley().unwrap();
    assert!((valley - 17.0).abs() < 1e-9, "{valley}");
}

#[test]
fn an_exploding_loss_ends_the_test() {
    let finder = LrFinder::new(1.0, 40.0).steps(40).linear();
    let curve = find(finder, |w| if w > 200.0 { 50.0 } else { 10.0 });
    assert!(curve.diverged && curve.rates.len() == 21, "{}", curve.rates.len());
    assert!(!find(finder.divergence(6.0), |w| if w > 200.0 { 50.0 } else { 10.0 }).diverged);
    // Also if it turns to NaN, or from a negative best upwards.
    let curve = find(finder, |w| if w > 200.0 { f64::NAN } else { 10.0 });
    assert!(curve.diverged && curve.rates.len() == 20, "{}", curve.rates.len());
    let curve = find(finder, |w| if w > 200.0 { 21.0 } else { -10.0 });
    assert!(curve.diverged && curve.rates.len() == 21);
    assert!(!find(finder, |w| if w > 200.0 { 19.0 } else { -10.0 }).diverged);
}

#[test]
fn nothing_remains_of_a_range_test() {
    let (inputs, targets) = data(60);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(2, 1).unwrap();
    let risk = || EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data);
    let trainer = || {
        Trainer::new(Adam::new())
            .batch(7)
            .seed(3)
            .epochs(4)
            .clip_norm(1.0)
            .best_by(Watch::lowest("validation_loss"))
            .on_epoch(|_| -> () { panic!("a range test is not watched") })
    };
    let plain = |risk| {
        Trainer::new(Adam::new())
            .batch(7)
            .seed(3)
            .epochs(4)
            .minimize(risk)
            .unwrap()
    };
    let before = plain(risk());
    let mut lent = risk();
    let curve = LrFinder::new(1e-6, 10.0)
        .steps(40)
        .find(trainer(), &mut lent)
        .unwrap();
    assert!(curve.rates.len() > 10);
    let again = LrFinder::new(1e-6, 10.0)
        .steps(40)
        .find(trainer(), risk())
        .unwrap();
    assert_eq!(curve, again);
    let after = plain(lent);
    assert_eq!(before.params, after.params);
    assert_eq!(before.best, after.best);
}

#[test]
fn an_objective_that_knows_its_place_is_put_back_there() {
    struct Stream(u64);
    impl Objective<f64> for Stream {
        fn start(&self, _: &mut dyn downhill::rand::Rng) -> Params<f64> {
            Params::from(vec![1.0])
        }
        fn value_and_gradient(
            &mut self,
            _: &Params<f64>,
            _: &downhill::data::Batch<'_>,
            gradient: &mut Gradient<f64>,
        ) -> Result<f64, Error> {
            self.0 += 1;
            gradient.as_mut_slice()[0] = 1.0;
            Ok(self.0 as f64)
        }
        fn save(&self, memo: &mut downhill::Memo) {
            memo.put("place", [self.0]);
        }
        fn load(&mut self, memo: &downhill::Memo) -> Result<(), Error> {
            self.0 = memo.count("place")?;
            Ok(())
        }
    }
    let mut stream = Stream(7);
    let curve = LrFinder::new(0.1, 1.0)
        .find(Trainer::new(GradientDescent), &mut stream)
        .unwrap();
    assert_eq!((curve.losses[0], stream.0), (8.0, 7));
}

#[test]
fn illegal_settings_of_a_range_test_are_refused() {
    let refused = |finder: LrFinder, parts: &[&str]| {
        let found = finder.find(Trainer::new(GradientDescent), traveller(|w| w));
        let error = found.expect_err("accepted");
        assert!(matches!(error, Error::InvalidArgument { .. }), "{error:?}");
        for part in parts {
            assert!(error.to_string().contains(part), "{error} does not say {part:?}");
        }
    };
    refused(LrFinder::new(0.0, 1.0), &["low of LrFinder", "is 0", "above 0"]);
    refused(
        LrFinder::new(0.1, f64::INFINITY),
        &["high of LrFinder", "inf", "finite"],
    );
    refused(LrFinder::new(0.1, 0.1), &["high of LrFinder", "above low, 0.1"]);
    refused(
        LrFinder::new(0.1, 1.0).steps(9),
        &["steps of LrFinder", "9", "at least 10"],
    );
    refused(LrFinder::new(0.1, 1.0).smoothing(1.0), &["smoothing", "below 1"]);
    refused(
        LrFinder::new(0.1, 1.0).divergence(1.0),
        &["divergence", "above 1"],
    );
    let endless = Trainer::new(GradientDescent).batch(0);
    let found = LrFinder::new(0.1, 1.0).find(endless, traveller(|w| w));
    assert!(found.is_err_and(|error| error.to_string().contains("batch")));
}

#[test]
fn an_interrupted_test_says_so() {
    let flag = Interrupt::new();
    let interrupted = LrFinder::new(1e-4, 1.0).find(
        Trainer::new(GradientDescent).interrupt(&flag),
        traveller(|w| {
            if w > 0.01 {
                flag.raise();
            }
            1.0
        }),
    );
    let curve = interrupted.unwrap();
    assert!(curve.interrupted && !curve.diverged && curve.rates.len() < 100);
    assert!(!find(LrFinder::new(1e-4, 1.0), |_| 1.0).interrupted);
}
