//! Batches one after the other, from anywhere.

use super::prefetch::Prefetch;
use crate::Error;

/// What goes wrong in a source of batches.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Fills a batch by its number.
pub(super) type Source<'a, B> = Box<dyn FnMut(u64, &mut B) -> Result<(), Failure> + Send + 'a>;

/// A stream of batches, for a [`StreamRisk`](crate::objective::StreamRisk): data that do not fit into memory, or have no
/// end.
///
/// ```
/// use downhill::data::Stream;
///
/// // Batches of one's own making, from their number.
/// let mut squares = Stream::new(|number, batch: &mut Vec<u64>| {
///     batch.clear();
///     batch.push(number * number);
///     Ok(())
/// })
/// .prefetch(2);
/// assert_eq!(squares.batch(0)?, &[0]);
/// assert_eq!(squares.batch(1)?, &[1]);
/// assert_eq!(squares.batch(7)?, &[49]);
///
/// // Any iterator.
/// let mut letters = Stream::from_iterator(["a", "b"].into_iter().map(Ok));
/// assert_eq!(letters.batch(1)?, &"b");
/// assert!(letters.batch(2).is_err());
/// # Ok::<(), downhill::Error>(())
/// ```
pub struct Stream<'a, B> {
    made: Made<'a, B>,
    current: B,
    /// The number of the batch that is held.
    number: Option<u64>,
}

enum Made<'a, B> {
    WhenNeeded(Source<'a, B>),
    Ahead(Prefetch<B>),
}

impl<B> std::fmt::Debug for Stream<'_, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("number", &self.number)
            .field("prefetches", &matches!(self.made, Made::Ahead(_)))
            .finish_non_exhaustive()
    }
}

impl<'a, B: Default + Send + 'static> Stream<'a, B> {
    /// From a function that replaces the contents of a batch by those of the batch with a number. Each batch is made when
    /// it is needed.
    ///
    /// Numbers start at 0 and grow by one, except where a run begins in the middle or looks twice at a batch. What is handed
    /// in was one of the earlier batches, or is empty: reuse its memory. **The contents may depend on the number alone**: then
    /// a run has the same bits with and without prefetching, and can be continued from any step. Where batches are random,
    /// seed the generator with the number.
    pub fn new(fill: impl FnMut(u64, &mut B) -> Result<(), Failure> + Send + 'a) -> Self {
        Self {
            made: Made::WhenNeeded(Box::new(fill)),
            current: B::default(),
            number: None,
        }
    }

    /// From an iterator. It cannot go back: a run that is continued skips what it has had, and one that looks twice at a
    /// batch of several (accumulation within sharpness-aware steps) ends with an error.
    ///
    /// # Errors
    /// The iterator's own; and [`Error::Stream`] where it ends.
    pub fn from_iterator<I>(batches: I) -> Self
    where
        I: IntoIterator<Item = Result<B, Failure>, IntoIter: Send + 'a>,
    {
        let (mut rest, mut next) = (batches.into_iter(), 0);
        Self::new(move |number, batch| {
            if number < next {
                return Err(format!("an iterator cannot go back, and is at batch {next}").into());
            }
            while next <= number {
                let item = rest.next().ok_or("the iterator has ended")?;
                next += 1;
                *batch = item?;
            }
            Ok(())
        })
    }

    /// The batch with this number, counted from 0.
    ///
    /// # Errors
    /// What the source reports: an [`Error`] as it is, everything else as [`Error::Stream`]; this also where the thread of a
    /// prefetching stream has panicked.
    pub fn batch(&mut self, number: u64) -> Result<&B, Error> {
        if self.number != Some(number) {
            self.number = None;
            match &mut self.made {
                Made::WhenNeeded(fill) => {
                    fill(number, &mut self.current).map_err(|failure| Error::stream(number, failure))?;
                }
                Made::Ahead(thread) => thread.take(number, &mut self.current)?,
            }
            self.number = Some(number);
        }
        Ok(&self.current)
    }

    /// The batch that was asked for last; empty before.
    pub(crate) fn current(&self) -> &B {
        &self.current
    }
}

impl<B: Default + Send + 'static> Stream<'static, B> {
    /// Makes up to `ahead` batches, at least 1, in a thread of its own while the run computes. The batches are the same; so
    /// are the bits. The memory of `ahead + 2` batches goes round.
    ///
    /// When the stream is dropped the thread ends with the batch that it is making; it is not waited for.
    #[must_use]
    pub fn prefetch(self, ahead: usize) -> Self {
        let made = match self.made {
            Made::WhenNeeded(fill) => Made::Ahead(Prefetch::new(fill, ahead)),
            thread => thread,
        };
        Self { made, ..self }
    }
}
