//! The step over the weights that a sparse gradient touches, and what the others make up for later.

use pulp::NullaryFnOnce;

use super::{Missed, Rates, Rule, Slots, State, driver, missed, rule::Moment};
use crate::{Error, Gradient, Scalar, gradient::Touched, group::Segment};

/// So many scattered weights are brought together, moved side by side, and put back.
const BLOCK: usize = 64;

/// So many of them in one go: what the widest registers hold.
const LANES: usize = 16;

#[inline]
pub(super) fn step<F: Scalar, R: Rule<F>>(
    rule: &R,
    state: &mut State<F>,
    weights: &mut [F],
    gradient: &Gradient<F>,
    rates: &Rates,
) -> Result<(), Error> {
    match gradient.tensors() {
        None => driver::step(rule, state, weights, gradient.as_slice(), rates),
        Some(tensors) => step_sparse(rule, state, weights, gradient, tensors, rates),
    }
}

#[inline(never)]
fn step_sparse<F: Scalar, R: Rule<F>>(
    rule: &R,
    state: &mut State<F>,
    weights: &mut [F],
    gradient: &Gradient<F>,
    tensors: &[Touched<F>],
    rates: &Rates,
) -> Result<(), Error> {
    let len = gradient.layout().len();
    driver::open(rule, state, weights, len, Some(gradient), rates)?;
    let State {
        segments,
        buffers,
        step,
        memory,
        missed,
        ..
    } = state;
    if let Some(ledger) = missed {
        ledger.note(*step, *rates, *memory);
        let now = ledger.number(*step);
        tensors
            .iter()
            .for_each(|touched| mark(&mut ledger.made, touched, now));
    }
    for segment in segments.iter() {
        let Some(factors) = segment.factors else { continue };
        let coefficients = rule.coefficients(Moment::new(*step, rates, factors, *memory));
        for touched in of_segment(tensors, segment) {
            let range = touched.range();
            let mut slices = buffers
                .iter_mut()
                .filter_map(|(_, buffer)| buffer.get_mut(range.clone()));
            let Some(streams) = R::Slots::streams(&mut slices) else {
                return Err(driver::other_buffers(rule.name(), buffers.len(), R::Slots::COUNT));
            };
            driver::dispatch(Pass::<F, R> {
                coefficients: &coefficients,
                scale: F::of(rates.gradient_scale),
                weights: &mut weights[range],
                touched,
                streams,
            });
        }
    }
    Ok(())
}

/// The tensors of a segment of which something is touched.
fn of_segment<'a, F: Scalar>(
    tensors: &'a [Touched<F>],
    segment: &Segment,
) -> impl Iterator<Item = &'a Touched<F>> {
    let range = segment.range.clone();
    tensors
        .iter()
        .filter(move |touched| range.contains(&touched.range().start) && !touched.is_empty())
}

/// The rows touched of a tensor, or all of it: as ranges of its elements.
fn stretches<F: Scalar>(touched: &Touched<F>) -> impl Iterator<Item = std::ops::Range<usize>> {
    let width = touched.width();
    let whole = touched.is_whole().then(|| 0..touched.range().len());
    let rows = touched.rows().iter().map(move |&row| {
        let start = row as usize * width;
        start..start + width
    });
    whole.into_iter().chain(rows)
}

struct Pass<'a, F: Scalar, R: Rule<F>> {
    coefficients: &'a R::Coefficients,
    scale: F,
    /// All weights of the tensor.
    weights: &'a mut [F],
    touched: &'a Touched<F>,
    streams: <R::Slots as Slots<F>>::Streams<'a>,
}

impl<F: Scalar, R: Rule<F>> NullaryFnOnce for Pass<'_, F, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let len = self.weights.len();
        let Some(mut streams) = R::Slots::trim(self.streams, len) else {
            return;
        };
        let (coefficients, scale, touched) = (*self.coefficients, self.scale, self.touched);
        let weights = &mut self.weights[..len];
        if touched.width() > 1 || touched.is_whole() {
            let mut values = touched.values().iter();
            for i in stretches(touched).flatten() {
                let Some(&gradient) = values.next() else { return };
                let mut slots = R::Slots::load(&streams, i);
                R::update(&coefficients, &mut weights[i], scale * gradient, &mut slots);
                slots.store(&mut streams, i);
            }
            return;
        }
        if R::Slots::COUNT == 0 {
            for (&row, &gradient) in touched.rows().iter().zip(touched.values()) {
                let mut slots = R::Slots::load(&streams, 0);
                R::update(
                    &coefficients,
                    &mut weights[row as usize],
                    scale * gradient,
                    &mut slots,
                );
            }
            return;
        }
        // Roots and divisions are slow one by one. Brought together, a block of weights moves at the width of the registers,
        // the last one filled up with what is thrown away.
        let Some(&first) = touched.rows().first() else {
            return;
        };
        let mut near = [F::zero(); BLOCK];
        let mut slopes = [F::zero(); BLOCK];
        let mut memory = [R::Slots::load(&streams, first as usize); BLOCK];
        let blocks = touched.rows().chunks(BLOCK).zip(touched.values().chunks(BLOCK));
        for (rows, gradients) in blocks {
            slopes[..gradients.len()].copy_from_slice(gradients);
            for ((&row, weight), slots) in rows.iter().zip(&mut near).zip(&mut memory) {
                *weight = weights[row as usize];
                *slots = R::Slots::load(&streams, row as usize);
            }
            let (near_lanes, _) = near.as_chunks_mut::<LANES>();
            let (memory_lanes, _) = memory.as_chunks_mut::<LANES>();
            let (slope_lanes, _) = slopes.as_chunks::<LANES>();
            let lanes = near_lanes.iter_mut().zip(memory_lanes).zip(slope_lanes);
            for ((near, memory), slopes) in lanes.take(rows.len().div_ceil(LANES)) {
                for i in 0..LANES {
                    R::update(&coefficients, &mut near[i], scale * slopes[i], &mut memory[i]);
                }
            }
            for ((&row, &weight), &slots) in rows.iter().zip(&near).zip(&memory) {
                weights[row as usize] = weight;
                slots.store(&mut streams, row as usize);
            }
        }
    }
}

/// The weights touched have made a step.
fn mark<F: Scalar>(made: &mut [u32], touched: &Touched<F>, now: u32) {
    let made = &mut made[touched.range()];
    for range in stretches(touched) {
        made[range].fill(now);
    }
}

/// Makes the steps that the touched weights have missed, or all weights.
pub(super) fn catch_up<F: Scalar, R: Rule<F>>(
    rule: &R,
    state: &mut State<F>,
    weights: &mut [F],
    touched: Option<&Gradient<F>>,
) -> Result<(), Error> {
    driver::check(rule, state, weights.len(), weights.len(), &Rates::from(0.0))?;
    let State {
        segments,
        buffers,
        step,
        missed,
        ..
    } = state;
    let Some(ledger) = missed else { return Ok(()) };
    let now = ledger.number(*step);
    let tensors = touched
        .filter(|_| !ledger.is_full(*step))
        .and_then(Gradient::tensors);
    for segment in segments.iter() {
        let Some(factors) = segment.factors else { continue };
        let base = ledger.base;
        let coefficients =
            |step, entry: &missed::Entry| rule.coefficients(missed::moment(base, step, entry, factors));
        let mut late = Late::<F, R> {
            coefficients: &coefficients,
            now,
            entries: &ledger.entries,
        };
        let mut catch = |range: std::ops::Range<usize>,
                         ranges: &mut dyn Iterator<Item = std::ops::Range<usize>>| {
            let mut slices = buffers
                .iter_mut()
                .filter_map(|(_, buffer)| buffer.get_mut(range.clone()));
            let streams = R::Slots::streams(&mut slices);
            let (weights, made) = (&mut weights[range.clone()], &mut ledger.made[range.clone()]);
            if let Some(mut streams) = streams {
                for range in ranges {
                    late.catch_up(range, weights, made, &mut streams);
                }
            }
        };
        match tensors {
            None => catch(
                segment.range.clone(),
                &mut std::iter::once(0..segment.range.len()),
            ),
            Some(tensors) => {
                for touched in of_segment(tensors, segment) {
                    catch(touched.range(), &mut stretches(touched));
                }
            }
        }
    }
    if tensors.is_none() {
        ledger.close(*step);
    }
    Ok(())
}

/// Weights that are late, and what they have missed.
struct Late<'a, F: Scalar, R: Rule<F>> {
    coefficients: &'a dyn Fn(u32, &missed::Entry) -> R::Coefficients,
    now: u32,
    entries: &'a [missed::Entry],
}

impl<F: Scalar, R: Rule<F>> Late<'_, F, R> {
    fn catch_up(
        &mut self,
        range: std::ops::Range<usize>,
        weights: &mut [F],
        made: &mut [u32],
        streams: &mut <R::Slots as Slots<F>>::Streams<'_>,
    ) {
        for i in range {
            if made[i] < self.now {
                let missed = Missed::between(made[i], self.now + 1, self.entries, self.coefficients);
                let mut slots = R::Slots::load(streams, i);
                R::skip(missed, &mut weights[i], &mut slots);
                slots.store(streams, i);
                made[i] = self.now;
            }
        }
    }
}
