//! The one loop over weights: every element-wise optimiser runs through it.

use pulp::{Arch, NullaryFnOnce};

use super::{Pair, Rates, Rule, Slots, State, rule::Moment, stepper, touched};
use crate::{
    Error, Gradient, Scalar,
    group::Factors,
    parallel::{self, PIECE, SHARED},
};

/// Up to this many weights a step is shorter than the look-up of the processor's features, and than the wait of a wide load
/// for the narrow stores with which a gradient of this size has just been written.
const TINY: usize = 16;

/// What the widest registers load best: a cache line.
const LINE: usize = 64;

#[inline]
pub(super) fn step<F: Scalar, R: Rule<F>>(
    rule: &R,
    state: &mut State<F>,
    weights: &mut [F],
    gradient: &[F],
    rates: &Rates,
) -> Result<(), Error> {
    open(rule, state, weights, gradient.len(), None, rates)?;
    let State {
        segments,
        buffers,
        step,
        memory,
        missed,
        ..
    } = state;
    if let Some(ledger) = missed {
        ledger.close(*step);
    }
    for segment in segments.iter() {
        let Some(factors) = segment.factors else { continue };
        let range = segment.range.clone();
        let coefficients = rule.coefficients(Moment::new(*step, rates, factors, *memory));
        let mut slices = buffers
            .iter_mut()
            .filter_map(|(_, buffer)| buffer.get_mut(range.clone()));
        let Some(streams) = R::Slots::streams(&mut slices) else {
            return Err(other_buffers(rule.name(), state.buffers.len(), R::Slots::COUNT));
        };
        let pass = Pass::<F, R> {
            coefficients: &coefficients,
            scale: F::of(rates.gradient_scale),
            weights: &mut weights[range.clone()],
            gradient: &gradient[range],
            streams,
        };
        pass.run();
    }
    Ok(())
}

/// [`step`] over arrays that lie each in a place of its own.
pub(super) fn step_pairs<F: Scalar, R: Rule<F>>(
    rule: &R,
    state: &mut State<F>,
    pairs: &mut [Pair<'_, F>],
    rates: &Rates,
) -> Result<(), Error> {
    if state.missed.is_some() {
        return stepper::step_gathered(rule, state, pairs, *rates);
    }
    stepper::check(state, pairs)?;
    let len = state.layout().len();
    check(rule, state, len, len, rates)?;
    count(rule, state, rates);
    for segment in &state.segments {
        let Some(factors) = segment.factors else { continue };
        let coefficients = rule.coefficients(Moment::new(state.step, rates, factors, state.memory));
        let mut end = 0;
        for pair in pairs.iter_mut() {
            let range = end..end + pair.weights.len();
            end = range.end;
            if !segment.range.contains(&range.start) {
                continue;
            }
            let mut slices = state
                .buffers
                .iter_mut()
                .filter_map(|(_, buffer)| buffer.get_mut(range.clone()));
            let Some(streams) = R::Slots::streams(&mut slices) else {
                return Err(other_buffers(rule.name(), state.buffers.len(), R::Slots::COUNT));
            };
            let pass = Pass::<F, R> {
                coefficients: &coefficients,
                scale: F::of(rates.gradient_scale),
                weights: pair.weights,
                gradient: pair.gradient,
                streams,
            };
            pass.run();
        }
    }
    Ok(())
}

/// Opens a step: what does not belong together is refused before anything is changed, the weights that a sparse gradient
/// touches (or all) make the steps that they have missed, and the step is counted.
#[inline(always)]
pub(super) fn open<F: Scalar, R: Rule<F>>(
    rule: &R,
    state: &mut State<F>,
    weights: &mut [F],
    gradient: usize,
    touched: Option<&Gradient<F>>,
    rates: &Rates,
) -> Result<(), Error> {
    check(rule, state, weights.len(), gradient, rates)?;
    if state.missed.is_some() {
        touched::catch_up(rule, state, weights, touched)?;
    }
    count(rule, state, rates);
    Ok(())
}

/// Counts a step, and lets the rule remember it.
#[inline]
fn count<F: Scalar, R: Rule<F>>(rule: &R, state: &mut State<F>, rates: &Rates) {
    state.step += 1;
    let now = Moment::new(state.step, rates, Factors::default(), state.memory);
    state.memory = rule.remember(now);
}

/// Refuses what does not belong together.
#[inline(always)]
pub(super) fn check<F: Scalar, R: Rule<F>>(
    rule: &R,
    state: &State<F>,
    weights: usize,
    gradient: usize,
    rates: &Rates,
) -> Result<(), Error> {
    state.check(rule.name(), weights, gradient, rates)?;
    rates.check_read(rule.name(), |it| rule.reads(it))?;
    if state.buffers.len() != R::Slots::COUNT {
        return Err(other_buffers(rule.name(), state.buffers.len(), R::Slots::COUNT));
    }
    Ok(())
}

/// η, if the step after `ahead` further ones is `w ← w − η g` for every weight and changes no memory.
pub(super) fn descent_rate<F: Scalar, R: Rule<F>>(
    rule: &R,
    state: &State<F>,
    ahead: u64,
    rates: &Rates,
) -> Option<F> {
    let [segment] = state.segments.as_slice() else {
        return None;
    };
    if R::Slots::COUNT != 0 || state.missed.is_some() || rates.gradient_scale != 1.0 {
        return None;
    }
    let len = state.layout().len();
    check(rule, state, len, len, rates).ok()?;
    let at = |factors| Moment::new(state.step + ahead + 1, rates, factors, state.memory);
    let kept = rule.remember(at(Factors::default())) == state.memory;
    R::plain_rate(&rule.coefficients(at(segment.factors?))).filter(|_| kept)
}

/// The averaged weights of the whole state, frozen ones as they are.
pub(super) fn average<F: Scalar, R: Rule<F>>(
    rule: &R,
    state: &State<F>,
    weights: &[F],
    average: &mut [F],
) -> Result<(), Error> {
    state.check_average(rule.name(), weights.len(), average.len())?;
    average.copy_from_slice(weights);
    if !rule.averages() || state.step == 0 {
        return Ok(());
    }
    for segment in state.segments.iter().filter(|segment| segment.factors.is_some()) {
        for (i, average) in segment.range.clone().zip(&mut average[segment.range.clone()]) {
            let mut values = state.buffers.iter().map(|(_, buffer)| buffer[i]);
            let Some(slots) = R::Slots::collect(&mut values) else {
                return Err(other_buffers(rule.name(), state.buffers.len(), R::Slots::COUNT));
            };
            *average = rule.average(*average, &slots);
        }
    }
    Ok(())
}

#[cold]
pub(super) fn other_buffers(name: &str, given: usize, expected: usize) -> Error {
    Error::Foreign {
        argument: "state".into(),
        given: format!("{given} buffers"),
        expected: format!("the rule {name:?}, which has {expected} slots"),
    }
}

/// Makes a pass with the widest instructions of the processor; in a build with debug assertions with those of the target, to
/// the same bits: a copy of every pass for every set of instructions is most of what a test of many rules compiles.
#[inline(never)]
pub(super) fn dispatch(pass: impl NullaryFnOnce<Output = ()>) {
    if cfg!(debug_assertions) {
        pass.call();
    } else {
        Arch::new().dispatch(pass);
    }
}

struct Pass<'a, F: Scalar, R: Rule<F>> {
    coefficients: &'a R::Coefficients,
    scale: F,
    weights: &'a mut [F],
    gradient: &'a [F],
    streams: <R::Slots as Slots<F>>::Streams<'a>,
}

impl<F: Scalar, R: Rule<F>> Pass<'_, F, R> {
    #[inline]
    fn run(self) {
        match self.weights.len() {
            len if len <= TINY && !cfg!(debug_assertions) => self.call(),
            len if len * (1 + R::Slots::COUNT) <= SHARED => dispatch(self),
            _ => self.share(),
        }
    }

    /// From the start of a cache line on, in pieces on all cores. Large vectors stand alike in their memory pages, so that
    /// what is aligned for the weights is so for all.
    fn share(self) {
        let start = self.weights.as_ptr().align_offset(LINE).min(self.weights.len());
        let (head, rest) = self.split(start);
        head.call();
        rest.pieces();
    }

    fn pieces(self) {
        match parallel::middle(self.weights.len(), PIECE) {
            None => dispatch(self),
            Some(at) => {
                let (left, right) = self.split(at);
                parallel::join(|| left.pieces(), || right.pieces());
            }
        }
    }

    fn split(self, at: usize) -> (Self, Self) {
        let (weights, rest_of_weights) = self.weights.split_at_mut(at);
        let (gradient, rest_of_gradient) = self.gradient.split_at(at);
        let (streams, rest_of_streams) = R::Slots::split(self.streams, at);
        let left = Self {
            weights,
            gradient,
            streams,
            ..self
        };
        let right = Self {
            weights: rest_of_weights,
            gradient: rest_of_gradient,
            streams: rest_of_streams,
            ..left
        };
        (left, right)
    }
}

impl<F: Scalar, R: Rule<F>> NullaryFnOnce for Pass<'_, F, R> {
    type Output = ();

    /// All slices are cut to one length first, so that the loop has no bounds check and is vectorised for the
    /// instruction set it is dispatched to.
    #[inline(always)]
    fn call(self) {
        let len = self.weights.len();
        let (coefficients, scale) = (*self.coefficients, self.scale);
        let (weights, gradient) = (&mut self.weights[..len], &self.gradient[..len]);
        let Some(mut streams) = R::Slots::trim(self.streams, len) else {
            return;
        };
        for i in 0..len {
            let mut slots = R::Slots::load(&streams, i);
            R::update(&coefficients, &mut weights[i], scale * gradient[i], &mut slots);
            slots.store(&mut streams, i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{AdamW, RmsProp, Rprop};

    /// The weights and slots after some steps, made with the widest instructions or as the compiler has them.
    fn walk<R: Rule<f64>>(rule: &R, widest: bool) -> Vec<u64> {
        let mut weights: Vec<f64> = (0..1003).map(|i| f64::from(i).sin()).collect();
        let mut buffers: Vec<Vec<f64>> =
            Vec::from_iter(rule.buffers().iter().map(|slot| vec![slot.initial; 1003]));
        for step in 1..=5 {
            let gradient: Vec<f64> = weights.iter().map(|w| (7.0 * w).cos() / step as f64).collect();
            let mut slices = buffers.iter_mut().map(Vec::as_mut_slice);
            let pass = Pass::<f64, R> {
                coefficients: &rule.coefficients(Moment::new(
                    step,
                    &0.1.into(),
                    Factors::default(),
                    [0.0; 4],
                )),
                scale: 0.7,
                weights: &mut weights,
                gradient: &gradient,
                streams: R::Slots::streams(&mut slices).unwrap(),
            };
            match widest {
                true => Arch::new().dispatch(pass),
                false => pass.call(),
            }
        }
        let all = weights.into_iter().chain(buffers.into_iter().flatten());
        all.map(f64::to_bits).collect()
    }

    #[test]
    fn the_bits_are_those_of_any_instructions() {
        fn same<R: Rule<f64>>(rule: R) {
            assert!(walk(&rule, true) == walk(&rule, false), "{}", rule.name());
        }
        same(AdamW::default());
        same(RmsProp::new().centred().momentum(0.9));
        same(Rprop::new());
    }
}
