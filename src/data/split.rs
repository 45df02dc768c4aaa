//! Parts of a data set: for training, validation and testing, and for cross-validation.

use std::collections::BTreeMap;

use rand::{SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};

use crate::{Error, error::check};

/// Divides rows into parts, at random: plainly, stratified by class, in whole groups, or both.
///
/// Every row is in exactly one part. The same seed gives the same parts.
///
/// - Plainly, each part has its share of the rows, to within one.
/// - [`stratified`](Split::stratified): each part has its share of *each class*, to within one.
/// - [`grouped`](Split::grouped): rows of one group (one patient, one author) are never in two parts; the largest groups are
///   dealt first, each to the part that lacks most.
/// - Both: whole groups, each to the part that lacks most of its classes.
///
/// ```
/// use downhill::{Dataset, data::Split};
/// use downhill::ndarray::{Array1, Array2};
///
/// let inputs = Array2::from_shape_fn((100, 2), |(row, column)| (row + column) as f64);
/// let labels = Array1::from_shape_fn(100, |row| usize::from(row % 10 == 0));
/// let data: Dataset<f64, _, _> = Dataset::new(&inputs, &labels)?;
///
/// let [train, validation, test] = Split::new(100).stratified(&labels).seed(7).parts([0.6, 0.2, 0.2])?;
/// let test = data.select(&test)?;
/// assert_eq!((train.len(), validation.len(), test.len()), (60, 20, 20));
/// assert_eq!(test.targets().sum(), 2); // a tenth of the rows are of class 1, here as everywhere
///
/// // Of each author everything is in one part.
/// let authors = Array1::from_shape_fn(100, |row| row / 5);
/// let [train, test] = Split::new(100).grouped(&authors).parts([0.8, 0.2])?;
/// assert_eq!((train.len(), test.len()), (80, 20));
/// assert!(test.iter().all(|&row| train.iter().all(|&other| authors[row] != authors[other])));
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Split {
    rows: usize,
    seed: u64,
    classes: Option<Vec<usize>>,
    groups: Option<Vec<usize>>,
}

/// The rows to train on and the rows to validate on, of one round of cross-validation; in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// All rows of the other parts.
    pub train: Vec<usize>,
    /// The rows of this part.
    pub validation: Vec<usize>,
}

/// Rows that stay together, and the number of them in each class.
struct Bundle {
    rows: Vec<usize>,
    classes: BTreeMap<usize, usize>,
}

impl Split {
    /// Of so many rows.
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            seed: 0,
            classes: None,
            groups: None,
        }
    }

    /// Sets the seed of the order in which rows are dealt. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Gives each part its share of each class; the class of each row, in order.
    pub fn stratified<K: Ord>(mut self, classes: impl IntoIterator<Item = K>) -> Self {
        self.classes = Some(numbered(classes));
        self
    }

    /// Keeps the rows of a group together; the group of each row, in order.
    pub fn grouped<K: Ord>(mut self, groups: impl IntoIterator<Item = K>) -> Self {
        self.groups = Some(numbered(groups));
        self
    }

    /// The rows of each part, in ascending order. The shares are in proportion: `[0.6, 0.2, 0.2]` or `[3.0, 1.0, 1.0]`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] unless there is one class and one group for each row; [`Error::InvalidArgument`] for a share
    /// that is not finite and above 0, or if a part would be empty.
    pub fn parts<const N: usize>(&self, shares: [f64; N]) -> Result<[Vec<usize>; N], Error> {
        let mut parts = self.deal(&shares)?.into_iter();
        Ok(std::array::from_fn(|_| parts.next().unwrap_or_default()))
    }

    /// k folds for cross-validation: each row is validated on once.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] unless there are at least two folds, and at least as many rows (and groups) as folds; and as
    /// [`Split::parts`].
    pub fn folds(&self, k: usize) -> Result<Vec<Fold>, Error> {
        check::require(k >= 2, "folds", k, "at least 2")?;
        let at_most = format!("at most the number of rows, {}", self.rows);
        check::require(k <= self.rows, "folds", k, &at_most)?;
        let parts = self.deal(&vec![1.0; k])?;
        let mut part_of = vec![0; self.rows];
        for (number, part) in parts.iter().enumerate() {
            for &row in part {
                part_of[row] = number;
            }
        }
        let fold = |(number, validation)| Fold {
            train: (0..self.rows).filter(|&row| part_of[row] != number).collect(),
            validation,
        };
        Ok(parts.into_iter().enumerate().map(fold).collect())
    }

    /// Deals whole bundles, the largest first, each to the part that lacks most of what is in it. Where bundles are single
    /// rows, that comes to within one row of every share.
    fn deal(&self, shares: &[f64]) -> Result<Vec<Vec<usize>>, Error> {
        for &share in shares {
            check::positive("a share", share)?;
        }
        let whole: f64 = shares.iter().sum();
        let bundles = self.bundles()?;
        let mut totals: BTreeMap<usize, usize> = BTreeMap::new();
        for (class, count) in bundles.iter().flat_map(|bundle| &bundle.classes) {
            *totals.entry(*class).or_default() += count;
        }
        // What each part lacks of each class, and of rows altogether.
        let of_part = |share: &f64| {
            let quota = |(&class, &count): (&usize, &usize)| (class, count as f64 * share / whole);
            totals.iter().map(quota).collect::<BTreeMap<_, _>>()
        };
        let mut lacking: Vec<BTreeMap<usize, f64>> = shares.iter().map(of_part).collect();
        let mut room: Vec<f64> = shares
            .iter()
            .map(|share| self.rows as f64 * share / whole)
            .collect();
        let mut parts = vec![Vec::new(); shares.len()];
        for bundle in bundles {
            let need = |part: usize| {
                let of_class = |(class, &count): (&usize, &usize)| {
                    let lacks = lacking[part].get(class).copied().unwrap_or(0.0);
                    urgency(lacks, count as f64) / totals.get(class).map_or(1.0, |&total| total as f64)
                };
                (bundle.classes.iter().map(of_class).sum::<f64>(), room[part])
            };
            let order = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
            let needs = (0..parts.len()).map(|part| (part, need(part)));
            // The first of equals: `max_by` takes the last.
            let Some((part, _)) = needs.rev().max_by(|a, b| order(&a.1, &b.1)) else {
                break;
            };
            for (class, &count) in &bundle.classes {
                if let Some(lacks) = lacking[part].get_mut(class) {
                    *lacks -= count as f64;
                }
            }
            room[part] -= bundle.rows.len() as f64;
            parts[part].extend(bundle.rows);
        }
        if let Some(empty) = parts.iter().position(Vec::is_empty) {
            let given = format!("{shares:?}, by which part {empty} of {} rows is empty", self.rows);
            return Err(Error::invalid("shares", given, "such that every part has a row"));
        }
        for part in &mut parts {
            part.sort_unstable();
        }
        Ok(parts)
    }

    /// The groups, or single rows, in random order and then by size.
    fn bundles(&self) -> Result<Vec<Bundle>, Error> {
        for (argument, given) in [("classes", &self.classes), ("groups", &self.groups)] {
            if let Some(given) = given.as_ref().filter(|given| given.len() != self.rows) {
                return Err(Error::shape(argument, &[given.len()], &[self.rows]));
            }
        }
        let class_of = |row: usize| self.classes.as_ref().map_or(0, |classes| classes[row]);
        let group_of = |row: usize| self.groups.as_ref().map_or(row, |groups| groups[row]);
        let mut bundles: BTreeMap<usize, Bundle> = BTreeMap::new();
        for row in 0..self.rows {
            let bundle = bundles.entry(group_of(row)).or_insert_with(|| Bundle {
                rows: Vec::new(),
                classes: BTreeMap::new(),
            });
            bundle.rows.push(row);
            *bundle.classes.entry(class_of(row)).or_default() += 1;
        }
        let mut bundles: Vec<Bundle> = bundles.into_values().collect();
        bundles.shuffle(&mut ChaCha12Rng::seed_from_u64(self.seed));
        bundles.sort_by_key(|bundle| std::cmp::Reverse(bundle.rows.len()));
        Ok(bundles)
    }
}

/// How much a part needs some rows of a class of which it lacks so many. It needs all that fit in, and does not need what is
/// too much; between the two, where it could have them or not, the size of the parts decides.
fn urgency(lacks: f64, rows: f64) -> f64 {
    const ROUNDING: f64 = 1e-9;
    if lacks > ROUNDING && lacks < rows - ROUNDING {
        0.0
    } else {
        rows * lacks
    }
}

/// Equal keys get equal numbers, in the order of the keys.
fn numbered<K: Ord>(keys: impl IntoIterator<Item = K>) -> Vec<usize> {
    let keys: Vec<K> = keys.into_iter().collect();
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].cmp(&keys[b]));
    let mut numbers = vec![0; keys.len()];
    let mut number = 0;
    for (place, &row) in order.iter().enumerate() {
        if place > 0 && keys[order[place - 1]] != keys[row] {
            number += 1;
        }
        numbers[row] = number;
    }
    numbers
}
