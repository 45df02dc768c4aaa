//! Several batches in one update.

use downhill::data::Order;
use downhill::loss::{CrossEntropy, Reduction};
use downhill::ndarray::{Array1, Array2};
use downhill::objective::Penalized;
use downhill::prelude::*;

use crate::{assert_near, data, fit};

/// Batches of 2 in windows of 4 are batches of 8, also where the last window holds one batch and a short one.
#[test]
fn accumulated_batches_are_one_large_batch() {
    for rows in [24, 27, 19] {
        let small = fit(
            Trainer::new(Momentum::new(0.9))
                .learning_rate(0.05)
                .batch(2)
                .accumulate(4),
            rows,
        );
        let large = fit(
            Trainer::new(Momentum::new(0.9)).learning_rate(0.05).batch(8),
            rows,
        );
        assert_eq!(small.steps, large.steps);
        assert_near(small.params.as_slice(), large.params.as_slice(), 1e-13);
        for (a, b) in small.history.iter().zip(&large.history) {
            assert_near(&[a.loss], &[b.loss], 1e-13);
        }
    }
}

#[test]
fn schedules_count_updates_not_micro_batches() {
    let run = fit(
        Trainer::new(GradientDescent)
            .batch(BatchSize::Full)
            .learning_rate(StepDecay::new(0.1, Span::Epochs(1)).factor(0.5)),
        16,
    );
    let accumulated = fit(
        Trainer::new(MiniBatchSgd::new(4))
            .accumulate(4)
            .learning_rate(StepDecay::new(0.1, Span::Epochs(1)).factor(0.5)),
        16,
    );
    assert_eq!(accumulated.steps, 3);
    assert_near(run.params.as_slice(), accumulated.params.as_slice(), 1e-13);
}

/// Three classes of different weight, with a label that does not count in every fifth row and in all of the first four.
fn labelled(rows: usize) -> (Array2<f64>, Array1<usize>, CrossEntropy) {
    let (inputs, _) = data(rows);
    let label = |row: usize| {
        if row < 4 || row % 5 == 3 {
            99
        } else {
            row * row % 3
        }
    };
    let loss = SoftmaxCrossEntropy.class_weights([0.2, 1.0, 3.0]).ignore(99);
    (inputs, Array1::from_shape_fn(rows, label), loss)
}

/// With class weights and an ignored label a batch weighs what its labels weigh, not its rows.
#[test]
fn a_batch_weighs_what_its_labels_weigh() {
    let (inputs, labels, loss) = labelled(27);
    let weights = Array1::from_shape_fn(27, |row| 0.5 + (row % 4) as f64);
    let model = Linear::new(3, 3).unwrap();
    let plain = Dataset::new(&inputs, &labels).unwrap();
    let weighted = Dataset::new(&inputs, &labels)
        .unwrap()
        .weighted(&weights)
        .unwrap();
    for data in [&plain, &weighted] {
        let train = |trainer: Trainer<'_, f64>| {
            let trainer = trainer.learning_rate(0.05).order(Order::Sequential).epochs(3);
            trainer.fit(&model, &loss, data).unwrap()
        };
        let small = train(Trainer::new(Momentum::new(0.9)).batch(2).accumulate(4));
        let large = train(Trainer::new(Momentum::new(0.9)).batch(8));
        assert_near(small.params.as_slice(), large.params.as_slice(), 1e-13);
        // At rate 0 the loss of an epoch is that of the whole, however it is cut; a batch that counts nothing included.
        let losses = [2, 27].map(|batch| {
            let still = Trainer::new(MiniBatchSgd::new(batch)).learning_rate(0.0);
            let still = still.order(Order::Sequential).epochs(1);
            still.fit(&model, &loss, data).unwrap().history[0].loss
        });
        assert_near(&losses[..1], &losses[1..], 1e-14);
        for (a, b) in small.history.iter().zip(&large.history) {
            assert_near(&[a.loss], &[b.loss], 1e-13);
        }
    }
}

/// Of a sum each batch bears its share of the penalty, of a mean all of it: in both, batches add up to a large one.
#[test]
fn a_penalty_is_added_once() {
    let (inputs, targets) = data(19);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::new(3, 1).unwrap();
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let train = |trainer: Trainer<'_, f64>| {
            let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).reduction(reduction);
            let trainer = trainer.learning_rate(1e-3).order(Order::Sequential).epochs(3);
            trainer.minimize(Penalized::new(risk).l1(2.0).l2(30.0)).unwrap()
        };
        let small = train(Trainer::new(Momentum::new(0.9)).batch(2).accumulate(4));
        let large = train(Trainer::new(Momentum::new(0.9)).batch(8));
        assert_near(small.params.as_slice(), large.params.as_slice(), 1e-13);
        let whole = train(Trainer::new(Momentum::new(0.9)).batch(BatchSize::Full));
        let cut = train(Trainer::new(Momentum::new(0.9)).batch(2).accumulate(10));
        assert_near(whole.params.as_slice(), cut.params.as_slice(), 1e-13);
        for (a, b) in whole.history.iter().zip(&cut.history) {
            assert_near(&[a.loss], &[b.loss], 1e-10);
        }
    }
}
