//! What a learning-rate range test saw.

use super::LrFinder;

/// What an [`LrFinder`] saw: losses by learning rate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LrCurve {
    /// The learning rate of each update, rising.
    pub rates: Vec<f64>,
    /// The loss of the batch of each update, before it.
    pub losses: Vec<f64>,
    /// The moving average of the losses, by which the suggestions are made.
    pub smoothed: Vec<f64>,
    /// Whether the loss exploded before the highest rate was reached.
    pub diverged: bool,
    /// Whether the test was ended from outside, by an [`Interrupt`](crate::train::Interrupt).
    pub interrupted: bool,
    /// By what it was made.
    pub(crate) finder: LrFinder,
}

impl LrCurve {
    /// The rate at which the average loss falls fastest from one step to the next; `None` if it never falls. It is a rate
    /// for the peak of a cycle; one that stays there for a whole training is often too high.
    pub fn steepest(&self) -> Option<f64> {
        let (rates, losses) = self.settled();
        let falls = losses.windows(2).map(|pair| pair[1] - pair[0]);
        let (steepest, fall) = falls.enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        (fall < 0.0).then(|| rates.get(steepest).copied()).flatten()
    }

    /// The rate in the middle of the longest valley, fastai's default: with the longest falling sequence of L averages (not
    /// necessarily neighbours) that ends at step e, that of step `e − L + ⌊L/3⌋ + ⌊L/6⌋`; `None` if the average never falls.
    /// It is a rate for a whole training.
    pub fn valley(&self) -> Option<f64> {
        let (rates, losses) = self.settled();
        // The length of the longest falling sequence that ends at each step.
        let mut lengths: Vec<usize> = Vec::new();
        for (i, loss) in losses.iter().enumerate() {
            let before = losses.iter().zip(&lengths).take(i);
            let longest = before
                .filter(|(earlier, _)| loss < *earlier)
                .map(|(_, &length)| length);
            lengths.push(1 + longest.max().unwrap_or(0));
        }
        let longest = lengths.iter().copied().max().filter(|&longest| longest > 1)?;
        let end = lengths.iter().position(|&length| length == longest)?;
        let middle = (end + longest / 3 + longest / 6).saturating_sub(longest);
        rates.get(middle).copied()
    }

    /// The number of steps at the beginning whose average is of too few losses to say anything: a tenth.
    pub(super) fn unsettled(&self) -> usize {
        (self.finder.steps / 10) as usize
    }

    /// Rates and averages of the other steps.
    fn settled(&self) -> (&[f64], &[f64]) {
        let from = self.unsettled().min(self.rates.len());
        (&self.rates[from..], &self.smoothed[from..])
    }
}
