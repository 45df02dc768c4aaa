//! Which terms of the sum a step sees: all, one, or a mini-batch.

use std::ops::Range;

use rand::{SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom};

use crate::{Error, error::check};

/// How many scattered rows before one is read its memory is asked for.
pub(crate) const AHEAD: usize = 16;

/// How many terms a step sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    /// All of them: gradient descent.
    Full,
    /// One: stochastic gradient descent.
    Single,
    /// This many, at least 1: mini-batch stochastic gradient descent.
    Mini(usize),
}

impl BatchSize {
    /// How many rows that is of `terms`.
    pub fn rows(self, terms: usize) -> usize {
        match self {
            BatchSize::Full => terms,
            BatchSize::Single => 1,
            BatchSize::Mini(rows) => rows.min(terms),
        }
    }
}

impl From<usize> for BatchSize {
    fn from(rows: usize) -> Self {
        BatchSize::Mini(rows)
    }
}

/// In which order an epoch goes through the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Shuffled anew at the start of every epoch, the first included.
    #[default]
    Shuffled,
    /// As they stand, at every epoch.
    Sequential,
}

/// The terms of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch<'a> {
    /// Neighbours: a view of the data, without a copy.
    Range(Range<usize>),
    /// Scattered rows, gathered into a buffer.
    Rows(&'a [usize]),
}

impl Batch<'_> {
    /// The number of terms.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Batch::Range(range) => range.len(),
            Batch::Rows(rows) => rows.len(),
        }
    }

    /// The index of one of its terms, counted from 0.
    #[inline]
    pub fn term(&self, number: usize) -> Option<usize> {
        match self {
            Batch::Range(range) => range
                .start
                .checked_add(number)
                .filter(|term| range.contains(term)),
            Batch::Rows(rows) => rows.get(number).copied(),
        }
    }

    /// Whether every term is one of so many.
    pub(crate) fn check(&self, terms: usize) -> Result<(), Error> {
        let outside = match self {
            Batch::Range(range) => Some(range.end).filter(|&end| end > terms || range.start > end),
            Batch::Rows(rows) => rows.iter().copied().find(|&row| row >= terms),
        };
        match outside {
            None => Ok(()),
            Some(row) => Err(Error::invalid("batch", row, format!("within the {terms} terms"))),
        }
    }

    /// Whether there is no term.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Cuts every epoch into batches.
///
/// The order of an epoch depends on the seed and the epoch's number alone, so a run can be continued in the middle of
/// any epoch without a saved permutation.
///
/// ```
/// use downhill::data::{BatchSize, Order, Sampler};
///
/// let mut sampler = Sampler::new(10, BatchSize::Mini(4), Order::Shuffled, false, 7)?;
/// assert_eq!(sampler.steps_per_epoch(), 3);
/// sampler.start_epoch(0);
/// let sizes: Vec<_> = (0..3).map(|step| sampler.batch(step).len()).collect();
/// assert_eq!(sizes, [4, 4, 2]);
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sampler {
    terms: usize,
    rows: usize,
    steps: usize,
    seed: u64,
    permutation: Vec<usize>,
}

impl Sampler {
    /// For `terms` terms in batches of `size`; `drop_last` leaves out a short last batch.
    ///
    /// # Errors
    /// [`Error::Empty`] without terms; [`Error::InvalidArgument`] for a batch of 0, or for one larger than the data
    /// when short batches are dropped.
    pub fn new(
        terms: usize,
        size: BatchSize,
        order: Order,
        drop_last: bool,
        seed: u64,
    ) -> Result<Self, Error> {
        if terms == 0 {
            return Err(Error::empty("data"));
        }
        if let BatchSize::Mini(rows) = size {
            check::require(rows > 0, "batch", rows, "at least 1")?;
            let too_large = drop_last && rows > terms;
            check::require(
                !too_large,
                "batch",
                rows,
                &format!("at most the {terms} rows, if short ones are dropped"),
            )?;
        }
        let rows = size.rows(terms);
        let steps = if drop_last {
            terms / rows
        } else {
            terms.div_ceil(rows)
        };
        // In a batch of everything the order does not matter, and neighbours need no copy.
        let shuffled = order == Order::Shuffled && rows < terms;
        let permutation = if shuffled {
            (0..terms).collect()
        } else {
            Vec::new()
        };
        Ok(Self {
            terms,
            rows,
            steps,
            seed,
            permutation,
        })
    }

    /// The number of batches in an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.steps
    }

    /// The number of rows in every batch but the last.
    pub fn batch_rows(&self) -> usize {
        self.rows
    }

    /// Puts the terms in the order of this epoch, counted from 0.
    pub fn start_epoch(&mut self, epoch: u64) {
        if self.permutation.is_empty() {
            return;
        }
        for (i, row) in self.permutation.iter_mut().enumerate() {
            *row = i;
        }
        let mut rng = ChaCha12Rng::seed_from_u64(self.seed);
        rng.set_stream(epoch);
        self.permutation.shuffle(&mut rng);
    }

    /// The batch of a step of this epoch, counted from 0. Past the last step of an epoch it is empty.
    #[inline]
    pub fn batch(&self, step: usize) -> Batch<'_> {
        let start = step.saturating_mul(self.rows).min(self.terms);
        let end = start.saturating_add(self.rows).min(self.terms);
        match self.permutation.get(start..end) {
            Some(&[row]) => Batch::Range(row..row + 1),
            Some(rows) if !rows.is_empty() => Batch::Rows(rows),
            _ => Batch::Range(start..end),
        }
    }

    /// All terms from a step of this epoch on.
    pub(crate) fn rest(&self, step: usize) -> Batch<'_> {
        let start = step.saturating_mul(self.rows).min(self.terms);
        match self.permutation.get(start..) {
            Some(rows) if !rows.is_empty() => Batch::Rows(rows),
            _ => Batch::Range(start..self.terms),
        }
    }

    /// Scattered rows of later steps, to be asked for while this one is made: as many as it sees, up to a few, some rows
    /// ahead.
    #[inline]
    pub(crate) fn ahead(&self, step: usize) -> &[usize] {
        let next = step.saturating_add(1).saturating_mul(self.rows);
        let start = next.saturating_add(AHEAD.saturating_sub(self.rows));
        let end = next.saturating_add(AHEAD).min(self.permutation.len());
        self.permutation.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scattered_row_is_asked_for_once_before_its_step() -> Result<(), Error> {
        for rows in [1, 3, AHEAD, 20] {
            let mut sampler = Sampler::new(100, rows.into(), Order::Shuffled, false, 7)?;
            sampler.start_epoch(0);
            let asked: Vec<_> = (0..sampler.steps_per_epoch())
                .map(|step| sampler.ahead(step))
                .collect();
            let expected: Vec<_> = match rows {
                0..=AHEAD => sampler.permutation[AHEAD..].to_vec(),
                // The first few of each batch; gathering asks for the others.
                _ => sampler
                    .permutation
                    .chunks(rows)
                    .skip(1)
                    .flat_map(|batch| &batch[..AHEAD])
                    .copied()
                    .collect(),
            };
            assert_eq!(asked.concat(), expected, "batches of {rows}");
        }
        let sampler = Sampler::new(100, BatchSize::Single, Order::Sequential, false, 7)?;
        assert!(sampler.ahead(0).is_empty());
        Ok(())
    }
}
