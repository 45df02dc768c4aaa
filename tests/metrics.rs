//! Metrics against their definitions, in batches and with weights.

use downhill::metrics::*;
use downhill::ndarray::{Array1, Array2, Axis, array, s};
use proptest::prelude::*;
use serde_json::Value;
use std::ops::Range;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

proptest! {
    #[test]
    fn the_area_is_the_share_of_pairs_in_order(
        rows in prop::collection::vec((0..6_u8, prop::bool::ANY), 2..40),
    ) {
        prop_assume!(rows.iter().any(|row| row.1) && rows.iter().any(|row| !row.1));
        let scores = Array2::from_shape_fn((rows.len(), 1), |(i, _)| f64::from(rows[i].0));
        let targets = Array1::from_shape_fn(rows.len(), |i| f64::from(u8::from(rows[i].1)));
        let (mut won, mut pairs) = (0.0, 0.0);
        for (a, _) in rows.iter().filter(|row| row.1) {
            for (b, _) in rows.iter().filter(|row| !row.1) {
                pairs += 1.0;
                won += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
            }
        }
        prop_assert!(near(roc_auc(scores.view(), &targets.view()), won / pairs));
    }

    /// In two batches, and with whole weights, everything is as for all rows at once, repeated.
    #[test]
    fn batches_and_weights_are_rows(
        values in prop::collection::vec(-2.0..2.0_f64, 30),
        labels in prop::collection::vec(0..3_usize, 10),
        weights in prop::collection::vec(0..4_u8, 10),
        cut in 1..9_usize,
    ) {
        prop_assume!(weights.iter().any(|&w| w > 0));
        let logits = Array2::from_shape_vec((10, 3), values.clone()).unwrap();
        let labels = Array1::from(labels);
        let weight = Array1::from_shape_fn(10, |i| f64::from(weights[i]));
        let repeated: Vec<usize> = (0..10).flat_map(|i| vec![i; weights[i] as usize]).collect();
        let (many, many_labels) = (logits.select(Axis(0), &repeated), labels.select(Axis(0), &repeated));

        let (mut confusion, mut calibration) = (Confusion::new(3), Calibration::new(5).unwrap());
        for range in [0..cut, cut..10] {
            let part = (logits.slice(s![range.clone(), ..]), labels.slice(s![range.clone()]), weight.slice(s![range]));
            confusion.update(part.0, &part.1, Some(part.2)).unwrap();
            calibration.update(part.0, &part.1, Some(part.2)).unwrap();
        }
        let mut plain = Confusion::new(3);
        plain.update(many.view(), &many_labels.view(), None).unwrap();
        prop_assert_eq!(&confusion, &plain);
        prop_assert!(near(confusion.accuracy(), accuracy(many.view(), &many_labels.view())));
        prop_assert!(near(confusion.mean_f1(Averaging::Micro), confusion.accuracy()));
        let mut whole = Calibration::new(5).unwrap();
        whole.update(many.view(), &many_labels.view(), None).unwrap();
        prop_assert!(near(calibration.log_loss(), whole.log_loss()));
        prop_assert!((calibration.expected_error() - whole.expected_error()).abs() < 1e-12);

        let column = logits.slice(s![.., 0..1]);
        let targets = logits.column(1).to_owned();
        let mut errors = Errors::new();
        for range in [0..cut, cut..10] {
            let (p, y) = (column.slice(s![range.clone(), ..]), targets.slice(s![range.clone()]));
            errors.update(p, &y, Some(weight.slice(s![range]))).unwrap();
        }
        let pairs: Vec<(f64, f64)> = repeated.iter().map(|&i| (column[[i, 0]], targets[i])).collect();
        let n = pairs.len() as f64;
        let mean = pairs.iter().map(|(_, y)| y).sum::<f64>() / n;
        let squared = pairs.iter().map(|(p, y)| (p - y).powi(2)).sum::<f64>();
        let spread = pairs.iter().map(|(_, y)| (y - mean).powi(2)).sum::<f64>();
        prop_assert!(near(errors.root_mean_squared(), (squared / n).sqrt()));
        prop_assert!(near(errors.mean_absolute(), pairs.iter().map(|(p, y)| (p - y).abs()).sum::<f64>() / n));
        if spread > 1e-6 {
            prop_assert!((errors.r_squared() - (1.0 - squared / spread)).abs() < 1e-9 * (squared / spread).max(1.0));
        }
    }

    #[test]
    fn top_k_counts_what_is_among_the_k_largest(values in prop::collection::vec(0..5_u8, 12), labels in prop::collection::vec(0..4_usize, 3), k in 0..5_usize) {
        let logits = Array2::from_shape_fn((3, 4), |(i, j)| f64::from(values[4 * i + j]));
        let mut found = 0.0;
        for (row, &label) in labels.iter().enumerate() {
            let mut order: Vec<usize> = (0..4).collect();
            order.sort_by(|&a, &b| logits[[row, b]].total_cmp(&logits[[row, a]]));
            found += f64::from(u8::from(order[..k.min(4)].contains(&label)));
        }
        let labels = Array1::from(labels);
        prop_assert!(near(top_k(k)(logits.view(), &labels.view()), found / 3.0));

        // Row by row, with weights: as many rows of that kind.
        let mut top = TopK::new(k);
        let mut repeated = TopK::new(k);
        for row in 0..3 {
            let (logits, label) = (logits.slice(s![row..=row, ..]), labels.slice(s![row..=row]));
            top.update(logits, &label, Some(array![row as f64 + 1.0].view())).unwrap();
            (0..=row).for_each(|_| repeated.update(logits, &label, None).unwrap());
        }
        prop_assert!(near(top.accuracy(), repeated.accuracy()));
        prop_assert!(near(top_k(1)(logits.view(), &labels.view()), accuracy(logits.view(), &labels.view())));
    }
}

/// scikit-learn 1.9's `precision_recall_fscore_support([0,0,1,1,2,2], [0,1,1,1,0,1])`, by hand: class 2 is never predicted.
#[test]
fn precision_recall_and_f1_by_hand() {
    let predicted = [0, 1, 1, 1, 0, 1];
    let scores = Array2::from_shape_fn((6, 3), |(i, j)| f64::from(u8::from(predicted[i] == j)));
    let mut confusion = Confusion::new(3);
    confusion
        .update(scores.view(), &array![0, 0, 1, 1, 2, 2].view(), None)
        .unwrap();
    assert_eq!([0, 1, 2].map(|c| confusion.precision(c)), [0.5, 0.5, 0.0]);
    assert_eq!([0, 1, 2].map(|c| confusion.recall(c)), [0.5, 1.0, 0.0]);
    assert_eq!([0, 1, 2].map(|c| confusion.f1(c)), [0.5, 2.0 / 3.0, 0.0]);
    assert!(near(confusion.mean_precision(Averaging::Macro), 1.0 / 3.0));
    assert!(near(confusion.mean_recall(Averaging::Weighted), 0.5));
    assert!(near(confusion.mean_f1(Averaging::Macro), (0.5 + 2.0 / 3.0) / 3.0));
    assert_eq!(
        confusion.matrix(),
        array![[1.0, 1.0, 0.0], [0.0, 2.0, 0.0], [1.0, 1.0, 0.0]]
    );
    assert_eq!((confusion.precision(7), confusion.recall(7)), (0.0, 0.0));
}

/// Of rows with 90% confidence 3 of 4 are right, of those with 60% one of two: 4/6 · 0.15 + 2/6 · 0.1.
#[test]
fn the_calibration_error_is_the_gap_in_each_bin() {
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let logits = Array2::from_shape_fn((6, 2), |(i, j)| {
        if j == 1 {
            0.0
        } else {
            logit(if i < 4 { 0.9 } else { 0.6 })
        }
    });
    let mut calibration = Calibration::new(10).unwrap();
    calibration
        .update(logits.view(), &array![0, 0, 0, 1, 0, 1].view(), None)
        .unwrap();
    assert!(near(
        calibration.expected_error(),
        4.0 / 6.0 * 0.15 + 2.0 / 6.0 * 0.1
    ));
    let loss = -(3.0 * 0.9_f64.ln() + 0.1_f64.ln() + 0.6_f64.ln() + 0.4_f64.ln()) / 6.0;
    assert!(near(calibration.log_loss(), loss));
}

/// One logit is the second of two, the first of which is 0.
#[test]
fn one_column_is_two_classes() {
    let one = array![[0.3], [-2.0], [1.5], [0.0], [-0.1]];
    let mut two = Array2::zeros((5, 2));
    two.column_mut(1).assign(&one.column(0));
    let targets = array![1.0, 1.0, 0.0, 0.0, 1.0];
    let labels = labels(&targets.view());
    assert_eq!(labels, array![1, 1, 0, 0, 1]);
    let weights = array![1.0, 2.0, 3.0, 4.0, 5.0];
    let (mut a, mut b) = (Confusion::new(2), Confusion::new(2));
    a.update(one.view(), &labels.view(), Some(weights.view()))
        .unwrap();
    b.update(two.view(), &labels.view(), Some(weights.view()))
        .unwrap();
    assert_eq!(a, b);
    assert_eq!(a.matrix(), array![[4.0, 3.0], [7.0, 1.0]]);
    let (mut a, mut b) = (Calibration::new(7).unwrap(), Calibration::new(7).unwrap());
    a.update(one.view(), &labels.view(), None).unwrap();
    b.update(two.view(), &labels.view(), None).unwrap();
    assert_eq!(a, b);
    let loss = |p: f64, y: f64| (1.0 + p.exp()).ln() - y * p;
    let by_hand = one.iter().zip(&targets).map(|(&p, &y)| loss(p, y)).sum::<f64>() / 5.0;
    assert!(near(a.log_loss(), by_hand));
    let accuracies = [
        accuracy(one.view(), &labels.view()),
        binary_accuracy(one.view(), &targets.view()),
    ];
    assert_eq!(accuracies, [0.4; 2]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let scores = array![[1.0, 2.0], [2.0, 1.0]];
    let refused = |result: Result<(), downhill::Error>, part: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(part), "{message} does not say {part}");
    };
    let mut confusion = Confusion::new(2);
    refused(confusion.update(scores.view(), &array![0].view(), None), "labels");
    refused(
        confusion.update(scores.view(), &array![0, 2].view(), None),
        "label 2",
    );
    refused(
        confusion.update(array![[1.0, 2.0, 3.0]].view(), &array![0].view(), None),
        "scores",
    );
    refused(
        confusion.update(scores.view(), &array![0, 1].view(), Some(array![1.0].view())),
        "weights",
    );
    assert_eq!(confusion, Confusion::new(2));
    assert!(Calibration::new(0).unwrap_err().to_string().contains("bins is 0"));
    refused(
        Calibration::new(2)
            .unwrap()
            .update(scores.view(), &array![0, 5].view(), None),
        "label 5",
    );
    refused(
        RocAuc::new().update(scores.view(), &array![0.0, 1.0].view(), None),
        "predictions (columns)",
    );
    refused(
        Errors::new().update(array![[1.0]].view(), &array![0.0, 1.0].view(), None),
        "targets",
    );
    assert!(r_squared(scores.view(), &array![0.0, 1.0].view()).is_nan());
    assert!(roc_auc(array![[f64::NAN], [1.0]].view(), &array![0.0, 1.0].view()).is_nan());
    assert!(roc_auc(array![[0.5], [1.0]].view(), &array![1.0, 1.0].view()).is_nan());
}

/// scikit-learn's numbers, in two batches; without weights by the functions too.
#[test]
fn the_numbers_are_those_of_scikit_learn() {
    let file: Value = serde_json::from_str(include_str!("data/metrics/metrics.json")).unwrap();
    let mut compared = 0;
    for (number, case) in file["cases"].as_array().unwrap().iter().enumerate() {
        for (name, value) in ours(case) {
            let expected = numbers(&case["expected"][name]);
            assert_eq!(value.len(), expected.len(), "{name} of case {number}");
            for (value, expected) in value.into_iter().zip(expected) {
                assert!(
                    near(value, expected),
                    "{name} of case {number}: {value} is not {expected}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

/// All numbers of an array, of a matrix row by row, or a single one.
fn numbers(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(values) => values.iter().flat_map(numbers).collect(),
        None => vec![value.as_f64().unwrap()],
    }
}

/// The metrics of a golden case, by their names there.
fn ours(case: &Value) -> Vec<(&'static str, Vec<f64>)> {
    let array = |name: &str| Array1::from(numbers(&case[name]));
    let column = |name: &str| array(name).insert_axis(Axis(1));
    let weights = (!case["weights"].is_null()).then(|| array("weights"));
    // One more row than half of them.
    let batches = |rows: usize| [0..rows / 2 + 1, rows / 2 + 1..rows];
    let weigh = |range: &Range<usize>| weights.as_ref().map(|weights| weights.slice(s![range.clone()]));
    match case["kind"].as_str().unwrap() {
        "classes" => {
            let labels = array("labels").mapv(|label| label as usize);
            let logits = numbers(&case["logits"]);
            let classes = logits.len() / labels.len();
            let logits = Array2::from_shape_vec((labels.len(), classes), logits).unwrap();
            let bins = case["bins"].as_u64().unwrap() as usize;
            let (mut confusion, mut calibration) = (Confusion::new(classes), Calibration::new(bins).unwrap());
            for range in batches(labels.len()) {
                let batch = (
                    logits.slice(s![range.clone(), ..]),
                    labels.slice(s![range.clone()]),
                );
                confusion.update(batch.0, &batch.1, weigh(&range)).unwrap();
                calibration.update(batch.0, &batch.1, weigh(&range)).unwrap();
            }
            let by_class = |metric: &dyn Fn(usize) -> f64| (0..classes).map(metric).collect();
            let mut all = vec![
                ("accuracy", vec![confusion.accuracy()]),
                ("confusion", confusion.matrix().iter().copied().collect()),
                ("log_loss", vec![calibration.log_loss()]),
                (
                    "precision_by_class",
                    by_class(&|class| confusion.precision(class)),
                ),
                ("recall_by_class", by_class(&|class| confusion.recall(class))),
                ("f1_by_class", by_class(&|class| confusion.f1(class))),
                (
                    "precision_macro",
                    vec![confusion.mean_precision(Averaging::Macro)],
                ),
                ("recall_macro", vec![confusion.mean_recall(Averaging::Macro)]),
                ("f1_macro", vec![confusion.mean_f1(Averaging::Macro)]),
                (
                    "precision_micro",
                    vec![confusion.mean_precision(Averaging::Micro)],
                ),
                ("recall_micro", vec![confusion.mean_recall(Averaging::Micro)]),
                ("f1_micro", vec![confusion.mean_f1(Averaging::Micro)]),
                (
                    "precision_weighted",
                    vec![confusion.mean_precision(Averaging::Weighted)],
                ),
                (
                    "recall_weighted",
                    vec![confusion.mean_recall(Averaging::Weighted)],
                ),
                ("f1_weighted", vec![confusion.mean_f1(Averaging::Weighted)]),
            ];
            if case["expected"].get("calibration_error").is_some() {
                all.push(("calibration_error", vec![calibration.expected_error()]));
            }
            if weights.is_none() {
                all.push(("accuracy", vec![accuracy(logits.view(), &labels.view())]));
                all.push(("top_2", vec![top_k(2)(logits.view(), &labels.view())]));
            }
            all
        }
        "scores" => {
            let (scores, targets) = (column("scores"), array("targets"));
            let mut area = RocAuc::new();
            for range in batches(targets.len()) {
                let batch = (
                    scores.slice(s![range.clone(), ..]),
                    targets.slice(s![range.clone()]),
                );
                area.update(batch.0, &batch.1, weigh(&range)).unwrap();
            }
            let mut all = vec![("roc_auc", vec![area.value()])];
            if weights.is_none() {
                all.push(("roc_auc", vec![roc_auc(scores.view(), &targets.view())]));
            }
            all
        }
        _ => {
            let (predictions, targets) = (column("predictions"), array("targets"));
            let mut errors = Errors::new();
            for range in batches(targets.len()) {
                let batch = (
                    predictions.slice(s![range.clone(), ..]),
                    targets.slice(s![range.clone()]),
                );
                errors.update(batch.0, &batch.1, weigh(&range)).unwrap();
            }
            let mut all = vec![
                ("rmse", vec![errors.root_mean_squared()]),
                ("mae", vec![errors.mean_absolute()]),
                ("r_squared", vec![errors.r_squared()]),
            ];
            if weights.is_none() {
                let (p, y) = (predictions.view(), &targets.view());
                all.push(("rmse", vec![root_mean_squared_error(p, y)]));
                all.push(("mae", vec![mean_absolute_error(p, y)]));
                all.push(("r_squared", vec![r_squared(p, y)]));
            }
            all
        }
    }
}

#[test]
fn among_the_first_guesses_numbers_come_after_what_is_none() {
    let nan = f64::NAN;
    let logits = array![[nan, 1.0, 0.0], [nan, 0.0, 1.0], [0.0, 1.0, nan]];
    let labels = array![0, 2, 1];
    assert!(near(top_k(1)(logits.view(), &labels.view()), 0.0));
    assert!(near(top_k(2)(logits.view(), &labels.view()), 2.0 / 3.0));
    assert!(top_k(1)(logits.view(), &array![0, 1].view()).is_nan());
    let refused = TopK::new(1).update(logits.view(), &array![0, 3, 1].view(), None);
    assert!(
        matches!(refused, Err(downhill::Error::LabelOutOfRange { .. })),
        "{refused:?}"
    );
    assert!(TopK::new(1).accuracy().is_nan());
}
