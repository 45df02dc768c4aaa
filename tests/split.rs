//! Parts of data sets: partitions, strata, groups; standardised columns; cross-validation.

use std::collections::BTreeSet;

use downhill::data::{Fold, Split, Standardizer};
use downhill::ndarray::{Array1, Array2, array};
use downhill::prelude::*;
use downhill::tune::cross_validate;
use proptest::prelude::*;

/// Every row in exactly one part, each part in order and not empty.
fn assert_partition(parts: &[Vec<usize>], rows: usize) {
    let mut all: Vec<usize> = parts.concat();
    all.sort_unstable();
    assert_eq!(all, (0..rows).collect::<Vec<_>>());
    assert!(parts.iter().all(|part| !part.is_empty() && part.is_sorted()));
}

fn in_class(part: &[usize], classes: &[u8], class: u8) -> usize {
    part.iter().filter(|&&row| classes[row] == class).count()
}

fn validations(folds: Vec<Fold>) -> Vec<Vec<usize>> {
    folds.into_iter().map(|fold| fold.validation).collect()
}

proptest! {
    #[test]
    fn parts_have_their_share(rows in 10_usize..200, a in 1.0..5.0, b in 1.0..5.0, c in 1.0..5.0, seed: u64) {
        let parts = Split::new(rows).seed(seed).parts([a, b, c]).unwrap();
        assert_partition(&parts, rows);
        for (part, share) in parts.iter().zip([a, b, c]) {
            let quota = rows as f64 * share / (a + b + c);
            prop_assert!((part.len() as f64 - quota).abs() < 1.0, "{} of {quota}", part.len());
        }
        prop_assert_eq!(&parts, &Split::new(rows).seed(seed).parts([a, b, c]).unwrap());
    }

    #[test]
    fn strata_have_their_share(classes in prop::collection::vec(0_u8..5, 30..200), a in 1.0..5.0, b in 1.0..5.0, seed: u64) {
        let rows = classes.len();
        let parts = Split::new(rows).stratified(&classes).seed(seed).parts([a, b]).unwrap();
        assert_partition(&parts, rows);
        for class in 0..5 {
            let all = classes.iter().filter(|&&other| other == class).count();
            for (part, share) in parts.iter().zip([a, b]) {
                let (count, quota) = (in_class(part, &classes, class), all as f64 * share / (a + b));
                prop_assert!((count as f64 - quota).abs() < 1.0, "{count} of {quota}");
            }
        }
    }

    #[test]
    fn folds_cover_everything_once(classes in prop::collection::vec(0_u8..4, 20..120), k in 2_usize..8, seed: u64) {
        let rows = classes.len();
        let folds = Split::new(rows).stratified(&classes).seed(seed).folds(k).unwrap();
        for fold in &folds {
            assert_partition(&[fold.train.clone(), fold.validation.clone()], rows);
        }
        let parts = validations(folds);
        assert_partition(&parts, rows);
        for class in 0..4 {
            let counts: Vec<usize> = parts.iter().map(|part| in_class(part, &classes, class)).collect();
            let (low, high) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            prop_assert!(high - low <= 1, "{counts:?}");
        }
    }

    #[test]
    fn groups_stay_together(groups in prop::collection::vec(0_u8..12, 40..120), stratified: bool, seed: u64) {
        let rows = groups.len();
        let kinds = groups.iter().collect::<BTreeSet<_>>().len();
        prop_assume!(kinds >= 4);
        let mut split = Split::new(rows).grouped(&groups).seed(seed);
        if stratified {
            split = split.stratified(groups.iter().enumerate().map(|(row, group)| (row + usize::from(*group)) % 3));
        }
        let parts = validations(split.folds(4).unwrap());
        assert_partition(&parts, rows);
        let names = |part: &Vec<usize>| part.iter().map(|&row| groups[row]).collect::<BTreeSet<_>>();
        let together: usize = parts.iter().map(|part| names(part).len()).sum();
        prop_assert_eq!(together, kinds);
    }

    #[test]
    fn standardised_columns_have_mean_0_and_variance_1(values in prop::collection::vec(-1e3..1e3_f64, 12..60), shift in -1e6..1e6_f64) {
        let rows = values.len() / 3;
        let mut inputs = Array2::from_shape_vec((rows, 3), values[..3 * rows].to_vec()).unwrap();
        inputs.column_mut(1).fill(shift);
        let targets = Array1::<f64>::zeros(rows);
        let data = Dataset::new(&inputs, &targets).unwrap();
        let standardizer = Standardizer::fit(&data).unwrap();
        let standard = standardizer.transform(inputs.view()).unwrap();
        for (column, variance) in [(0, 1.0), (1, 0.0), (2, 1.0)] {
            let column = standard.column(column);
            prop_assert!(column.mean().unwrap().abs() < 1e-9);
            prop_assert!((column.var(0.0) - variance).abs() < 1e-9, "{}", column.var(0.0));
        }
        let back = standardizer.restore(standard.view()).unwrap();
        for (a, b) in back.iter().zip(&inputs) {
            prop_assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0));
        }
    }
}

#[test]
fn a_constant_column_is_exactly_0_however_many_rows_there_are() {
    for rows in [3, 10_000, 300_000] {
        for value in [1.0_f32, 0.1, -7e5] {
            let mut inputs = Array2::from_elem((rows, 2), value);
            // A row that does not count may differ.
            inputs[[0, 0]] = 5.0;
            inputs
                .column_mut(1)
                .iter_mut()
                .enumerate()
                .for_each(|(row, x)| *x = (row % 7) as f32);
            let targets = Array1::<f32>::zeros(rows);
            let mut weights = Array1::from_elem(rows, 0.3);
            weights[0] = 0.0;
            let data = Dataset::new(&inputs, &targets)
                .unwrap()
                .weighted(&weights)
                .unwrap();
            let standardizer = Standardizer::fit(&data).unwrap();
            assert_eq!(
                (standardizer.mean()[0], standardizer.deviation()[0]),
                (f64::from(value), 1.0),
                "{rows}"
            );
            let next = array![[value + 0.5, 0.0]];
            let moved = standardizer.transform(next.view()).unwrap()[[0, 0]];
            assert!((moved - 0.5).abs() < 0.07, "{moved}");
        }
    }
}

#[test]
fn many_small_classes_do_not_all_fall_into_one_part() {
    // Each class alone could go anywhere; together they must come to the shares.
    let parts = Split::new(100).stratified(0..100).parts([1.0, 1.0, 2.0]).unwrap();
    assert_eq!(parts.map(|part| part.len()), [25, 25, 50]);
}

#[test]
fn another_seed_gives_other_parts_and_keys_may_be_anything() {
    let names = ["ann", "bob", "cid", "ann", "bob", "cid", "dan", "dan"];
    let parts = |seed| Split::new(8).grouped(names).seed(seed).parts([0.5, 0.5]).unwrap();
    assert!((1..20).any(|seed| parts(seed) != parts(0)));
    assert!((0..20).all(|seed| parts(seed).iter().all(|part| part.len() == 4)));
}

#[test]
fn groups_are_spread_by_class_where_both_are_asked_for() {
    // Twelve groups of four rows, half of them of class 0 and half of class 1.
    let groups: Vec<usize> = (0..48).map(|row| row / 4).collect();
    let classes: Vec<u8> = groups.iter().map(|group| u8::from(*group >= 6)).collect();
    let folds = Split::new(48)
        .grouped(&groups)
        .stratified(&classes)
        .seed(5)
        .folds(3)
        .unwrap();
    for part in validations(folds) {
        assert_eq!(
            (in_class(&part, &classes, 0), in_class(&part, &classes, 1)),
            (8, 8)
        );
    }
}

#[test]
fn weights_count_when_columns_are_standardised() {
    let (inputs, targets, weights) = (
        array![[0.0_f32], [4.0]],
        array![0.0_f32, 1.0],
        array![3.0_f32, 1.0],
    );
    let data = Dataset::new(&inputs, &targets)
        .unwrap()
        .weighted(&weights)
        .unwrap();
    let standardizer = Standardizer::fit(&data).unwrap();
    assert_eq!(
        (standardizer.mean()[0], standardizer.deviation()[0]),
        (1.0, 3.0_f64.sqrt())
    );
    let standard = standardizer.apply(&data).unwrap();
    assert_eq!(standard.weights(), Some(weights.view()));
    assert_eq!(standard.targets(), targets);
}

#[test]
fn scores_come_in_the_order_of_the_folds() {
    let inputs = Array2::from_shape_fn((10, 1), |(row, _)| row as f64);
    let targets = Array1::<f64>::zeros(10);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let folds = Split::new(10).folds(5).unwrap();
    let scores = cross_validate(&data, &folds, |fold, train, validation| {
        assert_eq!((train.len(), validation.len()), (8, 2));
        let rows = folds[fold].validation.iter().map(|&row| row as f64);
        assert_eq!(validation.inputs().sum(), rows.sum::<f64>());
        Ok(validation.inputs().sum())
    })
    .unwrap();
    let expected: Vec<f64> = folds
        .iter()
        .map(|fold| fold.validation.iter().sum::<usize>() as f64)
        .collect();
    assert_eq!(scores.values, expected);
    assert_eq!(scores.mean(), 9.0);
    let squares: f64 = expected.iter().map(|x| (x - 9.0).powi(2)).sum();
    assert!((scores.deviation() - (squares / 4.0).sqrt()).abs() < 1e-12);
    assert!(scores.to_string().starts_with("9.0000 ± "));
    let failing = |_: usize,
                   _: &Dataset<'static, f64, Array2<f64>, Array1<f64>>,
                   validation: &Dataset<'static, f64, Array2<f64>, Array1<f64>>| {
        Err(Error::Empty {
            argument: format!("{:?}", validation.inputs()[[0, 0]]),
        })
    };
    let first = folds[0].validation[0] as f64;
    assert_eq!(
        cross_validate(&data, &folds, failing),
        Err(Error::Empty {
            argument: format!("{first:?}")
        })
    );
}

#[test]
fn what_cannot_be_split_is_refused() {
    let says = |error: Error, parts: &[&str]| {
        for part in parts {
            assert!(error.to_string().contains(part), "{error} does not say {part:?}");
        }
    };
    let split = Split::new(10);
    says(
        split.parts([0.5, 0.0]).unwrap_err(),
        &["a share", "is 0", "above 0"],
    );
    says(split.parts([0.5, f64::NAN]).unwrap_err(), &["a share", "NaN"]);
    says(
        split.parts([1.0, 0.001]).unwrap_err(),
        &["shares", "part 1 of 10 rows is empty"],
    );
    says(split.folds(1).unwrap_err(), &["folds is 1", "at least 2"]);
    says(split.folds(11).unwrap_err(), &["folds is 11", "at most", "10"]);
    says(
        split.clone().stratified([0, 1]).folds(2).unwrap_err(),
        &["classes", "[2]", "[10]"],
    );
    says(
        split.clone().grouped([0, 1]).folds(2).unwrap_err(),
        &["groups", "[2]", "[10]"],
    );
    says(
        split.grouped([0; 10]).folds(2).unwrap_err(),
        &["part 1 of 10 rows is empty"],
    );
    says(
        Split::new(0).parts([1.0]).unwrap_err(),
        &["part 0 of 0 rows is empty"],
    );

    let new = |mean: Array1<f64>, deviation: Array1<f64>| Standardizer::new(mean, deviation).unwrap_err();
    says(new(array![0.0], array![1.0, 1.0]), &["deviation", "[2]", "[1]"]);
    says(new(array![0.0], array![0.0]), &["a deviation is 0", "above 0"]);
    says(new(array![f64::NAN], array![1.0]), &["mean", "NaN", "position 0"]);
    let standardizer = Standardizer::new(array![0.0], array![1e-300]).unwrap();
    let wide = array![[1.0, 2.0]];
    says(
        standardizer.transform(wide.view()).unwrap_err(),
        &["inputs (columns)", "[2]", "[1]"],
    );
    says(
        standardizer.restore(wide.view()).unwrap_err(),
        &["inputs (columns)", "[2]", "[1]"],
    );
    let (inputs, targets) = (array![[1e30]], array![0.0]);
    let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets).unwrap();
    says(standardizer.apply(&data).unwrap_err(), &["inputs", "inf"]);
    let (inputs, targets) = (array![[f64::MAX], [-f64::MAX]], array![0.0, 0.0]);
    let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets).unwrap();
    says(Standardizer::fit(&data).unwrap_err(), &["deviation", "inf"]);
    says(
        cross_validate(&data, &[], |_, _, _| Ok(0.0)).unwrap_err(),
        &["folds is empty"],
    );
}
