//! Steps that weights have missed, and what they were made with.

use super::{Memory, Moment, MovingAverage, Rates};
#[cfg(feature = "checkpoint")]
use crate::{Error, Memo};
use crate::{Scalar, group::Factors};

/// Which steps which weights have missed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ledger {
    /// The last step that each weight has made, counted from `base`.
    pub(super) made: Vec<u32>,
    /// The last step that every weight had made when the ledger was opened.
    pub(super) base: u64,
    /// What steps were made with; one entry where it changed.
    pub(super) entries: Vec<Entry>,
    /// With so many entries it is time that every weight catches up.
    limit: usize,
}

/// What steps were made with, from one on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    /// The first of these steps, counted from the ledger's base.
    pub(super) step: u32,
    /// Grows when more than the learning rate has changed.
    pub(super) era: u32,
    pub(super) rates: Rates,
    pub(super) memory: Memory,
}

impl Ledger {
    pub(super) fn new(weights: usize, base: u64) -> Self {
        // One entry for many weights: to catch up all of them now and then costs no more than the steps between.
        let limit = (weights / 64).max(1024);
        Self {
            made: vec![0; weights],
            base,
            entries: Vec::with_capacity(limit),
            limit,
        }
    }

    /// The number of a step, counted from the base.
    #[inline]
    pub(super) fn number(&self, step: u64) -> u32 {
        (step - self.base) as u32
    }

    /// Whether there is no room for a further step.
    #[inline]
    pub(super) fn is_full(&self, step: u64) -> bool {
        self.entries.len() >= self.limit || step - self.base >= i32::MAX as u64
    }

    /// Notes what a step is made with.
    #[inline]
    pub(super) fn note(&mut self, step: u64, rates: Rates, memory: Memory) {
        let rates = rates.gradient_scale(1.0);
        let era = match self.entries.last() {
            Some(last) if last.rates == rates && last.memory == memory => return,
            Some(last) => {
                let same = last.memory == memory
                    && last.rates
                        == Rates {
                            learning_rate: last.rates.learning_rate,
                            ..rates
                        };
                last.era + u32::from(!same)
            }
            None => 0,
        };
        self.entries.push(Entry {
            step: self.number(step),
            era,
            rates,
            memory,
        });
    }

    /// Every weight has made this step and all before it.
    pub(super) fn close(&mut self, step: u64) {
        self.made.fill(0);
        self.base = step;
        self.entries.clear();
    }
}

#[cfg(feature = "checkpoint")]
impl Ledger {
    /// Hands it over: for each entry its step and era; its rates (NaN for none) and its memory.
    pub(super) fn save(&self, memo: &mut Memo) {
        let optional = |rate: Option<f64>| rate.unwrap_or(f64::NAN);
        memo.put(
            "made",
            Vec::from_iter(self.made.iter().map(|&step| u64::from(step))),
        );
        memo.put("base", [self.base]);
        let steps = self.entries.iter().flat_map(|entry| [entry.step, entry.era]);
        memo.put("entries", Vec::from_iter(steps.map(u64::from)));
        let rates = self.entries.iter().flat_map(|Entry { rates, memory, .. }| {
            let others = [rates.momentum, rates.beta2, rates.weight_decay].map(optional);
            [rates.learning_rate].into_iter().chain(others).chain(*memory)
        });
        memo.put("rates", Vec::from_iter(rates));
    }

    /// Takes it back, when so many steps have been made.
    pub(super) fn load(&mut self, memo: &Memo, steps: u64) -> Result<(), Error> {
        let refuse = |name: &str, given: String, expected: String| {
            Err(Error::malformed(
                crate::memo::SAVED,
                format!("missed/{name}"),
                given,
                expected,
            ))
        };
        let base = memo.count("base")?;
        let last = steps
            .checked_sub(base)
            .and_then(|steps| u32::try_from(steps).ok());
        let Some(last) = last else {
            return refuse("base", base.to_string(), format!("at most {steps}"));
        };
        let step = |&step: &u64| u32::try_from(step).ok().filter(|&step| step <= last);
        let made: Option<Vec<u32>> = memo.counts("made")?.iter().map(step).collect();
        let entries: Option<Vec<u32>> = memo.counts("entries")?.iter().map(step).collect();
        let (Some(made), Some(entries)) = (made, entries) else {
            return refuse("made", "a later step".into(), format!("at most {last}"));
        };
        let ((entries, _), (rates, _)) = (entries.as_chunks::<2>(), memo.numbers("rates")?.as_chunks::<8>());
        if made.len() != self.made.len() || entries.len() != rates.len() {
            let given = format!(
                "{} weights, {} and {} entries",
                made.len(),
                entries.len(),
                rates.len()
            );
            return refuse(
                "made",
                given,
                format!("{} weights, as many entries", self.made.len()),
            );
        }
        let optional = |rate: f64| Some(rate).filter(|rate| !rate.is_nan());
        self.entries.clear();
        for (&[step, era], &[learning_rate, momentum, beta2, weight_decay, ref memory @ ..]) in
            entries.iter().zip(rates)
        {
            let mut rates = Rates::from(learning_rate);
            rates.momentum = optional(momentum);
            rates.beta2 = optional(beta2);
            rates.weight_decay = optional(weight_decay);
            let memory = *memory;
            self.entries.push(Entry {
                step,
                era,
                rates,
                memory,
            });
        }
        (self.made, self.base) = (made, base);
        Ok(())
    }
}

/// The steps that one weight has missed, with the coefficients `C` of its rule in each; for [`Rule::skip`](super::Rule::skip).
pub struct Missed<'a, C> {
    /// The first of them and the one after the last, counted from the ledger's base.
    first: u32,
    end: u32,
    /// From the one in force at the first on.
    entries: &'a [Entry],
    coefficients: &'a dyn Fn(u32, &Entry) -> C,
}

impl<C> std::fmt::Debug for Missed<'_, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Missed").field("len", &self.len()).finish()
    }
}

impl<'a, C> Missed<'a, C> {
    /// Those between the last step that a weight has made and one that it is about to make.
    pub(super) fn between(
        made: u32,
        end: u32,
        entries: &'a [Entry],
        coefficients: &'a dyn Fn(u32, &Entry) -> C,
    ) -> Self {
        Self {
            first: made + 1,
            end,
            entries,
            coefficients,
        }
        .trimmed()
    }

    /// Without the entries that are over before the first step.
    fn trimmed(mut self) -> Self {
        let over = self.entries.partition_point(|entry| entry.step <= self.first);
        self.entries = &self.entries[over.saturating_sub(1)..];
        self
    }

    /// How many they are.
    pub fn len(&self) -> u64 {
        u64::from(self.end.saturating_sub(self.first))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The coefficients of each step in turn.
    pub fn steps(&self) -> impl Iterator<Item = C> + use<'a, C> {
        let coefficients = self.coefficients;
        self.ranges()
            .flat_map(move |(first, end, entry)| (first..end).map(move |step| coefficients(step, entry)))
    }

    /// Stretches of steps with the same rates: the coefficients of the first, and how many steps. For a rule whose coefficients
    /// depend on the rates only, not on the number of the step.
    pub fn stretches(&self) -> impl Iterator<Item = (C, i32)> + use<'a, C> {
        let coefficients = self.coefficients;
        self.ranges()
            .map(move |(first, end, entry)| (coefficients(first, entry), (end - first) as i32))
    }

    /// The same, longer where nothing but the learning rate changes: for a rule that reads it not.
    pub(super) fn eras(&self) -> impl Iterator<Item = (C, i32)> + use<'a, C> {
        let coefficients = self.coefficients;
        let mut ranges = self.ranges().peekable();
        std::iter::from_fn(move || {
            let (first, mut end, entry) = ranges.next()?;
            while let Some((_, later, _)) = ranges.next_if(|(_, _, next)| next.era == entry.era) {
                end = later;
            }
            Some((coefficients(first, entry), (end - first) as i32))
        })
    }

    /// The coefficients of the first step, if in all of them nothing but the learning rate and the number of the step
    /// has changed.
    pub fn steady(&self) -> Option<C> {
        let count = self.entries.partition_point(|entry| entry.step < self.end);
        let (first, last) = (self.entries.first()?, self.entries[..count].last()?);
        (first.era == last.era && !self.is_empty()).then(|| (self.coefficients)(self.first, first))
    }

    /// Hands on the same steps with other coefficients: those of the rule inside, from a rule around it.
    pub fn inner<D, T>(&self, inner: impl Fn(C) -> D, then: impl FnOnce(Missed<'_, D>) -> T) -> T {
        let coefficients = |step: u32, entry: &Entry| inner((self.coefficients)(step, entry));
        then(Missed {
            first: self.first,
            end: self.end,
            entries: self.entries,
            coefficients: &coefficients,
        })
    }

    /// Makes the steps one after the other for as long as the weight moves: until what it moves by, which shrinks by `shrinks`
    /// from step to step, is below rounding. Gives how many steps are left.
    fn while_moving<F: Scalar>(&self, shrinks: F, mut step: impl FnMut(C)) -> i32 {
        let negligible = F::epsilon() / F::of(1024.0);
        let (mut share, mut moving) = (F::one(), 0);
        for coefficients in self.steps() {
            step(coefficients);
            moving += 1;
            share *= shrinks;
            if share < negligible {
                break;
            }
        }
        self.after(moving).len() as i32
    }

    /// Fades a memory that moves the weight, `v ← β v` in each step, and has the weight `moved` by the sum of what it was, stretch by
    /// stretch; where nothing but the learning rate changes, only until what is left of it is below rounding.
    pub(super) fn fade_velocity<F: Scalar>(
        &self,
        velocity: &mut F,
        momentum: impl Fn(&C) -> F,
        mut moved: impl FnMut(C, F),
    ) {
        let negligible = velocity.abs() * F::epsilon() / F::of(1024.0);
        let steady = self.steady().map(|c| momentum(&c));
        let mut made = 0;
        for (coefficients, times) in self.stretches() {
            match steady {
                _ if *velocity == F::zero() => return,
                Some(momentum) if velocity.abs() < negligible => {
                    fade(velocity, momentum, self.after(made).len() as i32);
                    return;
                }
                _ => {}
            }
            let sum = fade(velocity, momentum(&coefficients), times);
            moved(coefficients, sum);
            made += times as u64;
        }
    }

    /// Makes the steps of a rule that divides one moving average by the root of another. The first fades faster than that root,
    /// so that after some hundred steps the weight stands still; from there on both fade in closed form.
    pub(super) fn fade_moments<F: Scalar, S>(
        &self,
        slots: &mut S,
        moments: impl Fn(&mut S) -> &mut [F; 2],
        means: impl Fn(&C) -> [MovingAverage<F>; 2],
        mut step: impl FnMut(&C, &mut S),
    ) {
        let Some([first, second]) = self.steady().map(|c| means(&c)) else {
            return self.steps().for_each(|c| step(&c, slots));
        };
        let rest = if moments(slots)[0] == F::zero() {
            self.len() as i32
        } else {
            self.while_moving(first.kept / second.kept.sqrt(), |c| step(&c, slots))
        };
        let [moment, square] = moments(slots);
        fade(moment, first.kept, rest);
        fade(square, second.kept, rest);
    }

    /// All but the first so many.
    #[must_use]
    pub fn after(&self, steps: u64) -> Self {
        Self {
            first: u64::from(self.first)
                .saturating_add(steps)
                .min(u64::from(self.end)) as u32,
            ..*self
        }
        .trimmed()
    }

    /// Steps from and to which an entry is in force.
    fn ranges(&self) -> impl Iterator<Item = (u32, u32, &'a Entry)> + use<'a, C> {
        let (from, to) = (self.first, self.end);
        let ends = self.entries.iter().skip(1).map(|entry| entry.step);
        self.entries
            .iter()
            .zip(ends.chain(std::iter::once(u32::MAX)))
            .map(move |(entry, end)| (entry.step.max(from), end.min(to), entry))
            .take_while(|(first, end, _)| first < end)
    }
}

/// The coefficients of a step that is over.
pub(super) fn moment(ledger_base: u64, step: u32, entry: &Entry, factors: Factors) -> Moment {
    Moment::new(ledger_base + u64::from(step), &entry.rates, factors, entry.memory)
}

/// Multiplies a fading memory `n` times by `β`, and gives the sum of what it was after each time,
/// `β v + β² v + … + βⁿ v = v β (1 − βⁿ) / (1 − β)`.
#[inline]
pub(super) fn fade<F: Scalar>(memory: &mut F, beta: F, times: i32) -> F {
    let start = *memory;
    if start == F::zero() || beta == F::zero() {
        *memory = F::zero();
        return F::zero();
    }
    let kept = beta.powi(times);
    *memory = start * kept;
    if times == 1 {
        return *memory;
    }
    // What does not fade, or rounds to that.
    if beta == F::one() {
        return start * F::of(f64::from(times));
    }
    start * beta * (F::one() - kept) / (F::one() - beta)
}
