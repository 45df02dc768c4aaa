//! The formula for one weight.

use super::{Buffer, Missed, Optimizer, Pair, Rates, State, Untouched, driver, touched};
use crate::{Error, Gradient, Scalar, data::BatchSize, group::Factors};

/// What is constant over one step for the weights of one group.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Moment {
    /// The number of this step, counted from 1.
    pub step: u64,
    /// The learning rate η, the group's factor included.
    pub learning_rate: f64,
    /// The momentum a schedule sets for this step, if one does.
    pub momentum: Option<f64>,
    /// The `beta2` a schedule sets for this step, if one does.
    pub beta2: Option<f64>,
    /// The weight decay a schedule sets for this step, if one does.
    pub weight_decay: Option<f64>,
    /// By what the group multiplies the weight decay.
    pub decay_factor: f64,
    /// What the rule remembers from step to step beside its slots; see [`Rule::remember`].
    pub memory: Memory,
}

/// Some numbers that a rule remembers from step to step, all 0 at first.
pub type Memory = [f64; 4];

impl Moment {
    pub(super) fn new(step: u64, rates: Rates, factors: Factors, memory: Memory) -> Self {
        Self {
            step,
            learning_rate: rates.learning_rate * factors.rate,
            momentum: rates.momentum,
            beta2: rates.beta2,
            weight_decay: rates.weight_decay,
            decay_factor: factors.decay,
            memory,
        }
    }

    /// A weight decay for this step and group: the scheduled one, or this.
    #[inline]
    pub fn decay(&self, own: f64) -> f64 {
        self.weight_decay.unwrap_or(own) * self.decay_factor
    }

    /// `1 − βᵗ`: by this a moving average that started at zero is divided.
    ///
    /// Where βᵗ is too small to change the 1 the power is not computed.
    #[inline]
    pub fn correction(&self, beta: f64) -> f64 {
        let step = self.step as f64;
        // βᵗ ≤ e^(−t (1 − β)), and e⁻³⁸ is below half the distance from 1 to the number before it.
        if step * (1.0 - beta) > 38.0 {
            return 1.0;
        }
        1.0 - beta.powf(step)
    }
}

/// An element-wise optimiser: how one weight moves. Everything else follows from it: vectorised passes over all
/// weights, groups, composition with weight decay, saved state.
///
/// `update` is called for every weight and should be `#[inline(always)]`, without a branch that depends on the data
/// where it can be helped, so that the compiler vectorises it.
///
/// Sign descent, moving every weight by the learning rate against the sign of its gradient:
///
/// ```
/// use downhill::{Scalar, optim::{Buffer, Moment, Rule}};
///
/// struct SignDescent;
///
/// impl<F: Scalar> Rule<F> for SignDescent {
///     type Slots = [F; 0];       // no memory
///     type Coefficients = F;     // the learning rate
///     fn name(&self) -> &'static str { "sign-descent" }
///     fn default_rate(&self) -> f64 { 1e-3 }
///     fn buffers(&self) -> Vec<Buffer> { vec![] }
///     fn coefficients(&self, now: Moment) -> F { F::of(now.learning_rate) }
///     #[inline(always)]
///     fn update(rate: &F, weight: &mut F, gradient: F, _: &mut [F; 0]) {
///         *weight -= *rate * gradient.signum();
///     }
/// }
/// ```
pub trait Rule<F: Scalar>: Send + Sync {
    /// The memory of one weight: `[F; N]`, or a pair of such for a rule around a rule.
    type Slots: Slots<F>;
    /// What is computed once a step (in `f64`, then cast).
    type Coefficients: Copy + Sync;

    /// Whether a step with a gradient of zero changes neither the weight nor its slots, whatever the coefficients: then
    /// weights that a sparse gradient does not touch have nothing to catch up on. Default: no.
    const RESTS: bool = false;

    /// See [`Optimizer::name`].
    fn name(&self) -> &'static str;

    /// See [`Optimizer::default_rate`].
    fn default_rate(&self) -> f64;

    /// The names and starting values of the slots, in their order; as many as [`Rule::Slots`] has.
    fn buffers(&self) -> Vec<Buffer>;

    /// See [`Optimizer::batch`].
    fn batch(&self) -> Option<BatchSize> {
        None
    }

    /// See [`Optimizer::validate`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] naming the hyperparameter.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What is remembered from now on, given the moment with what was remembered before: called once a step, before
    /// [`Rule::coefficients`], with factors 1 whatever the groups. For what depends on all steps so far, such as a product
    /// of momenta. Default: nothing.
    fn remember(&self, now: Moment) -> Memory {
        now.memory
    }

    /// The constants of one step.
    fn coefficients(&self, now: Moment) -> Self::Coefficients;

    /// Whether the rule averages weights, so that [`Rule::average`] and not the weight itself is what is to be evaluated.
    fn averages(&self) -> bool {
        false
    }

    /// The averaged weight. Default: the weight itself.
    fn average(&self, weight: F, slots: &Self::Slots) -> F {
        let _ = slots;
        weight
    }

    /// Moves one weight.
    fn update(coefficients: &Self::Coefficients, weight: &mut F, gradient: F, slots: &mut Self::Slots);

    /// Makes the steps that a weight has missed since a sparse gradient last touched it: the gradient was zero in each.
    /// Default: one after the other. A rule with a closed form costs less.
    fn skip(missed: Missed<'_, Self::Coefficients>, weight: &mut F, slots: &mut Self::Slots) {
        for coefficients in missed.steps() {
            Self::update(&coefficients, weight, F::zero(), slots);
        }
    }

    /// η, if with these coefficients a step is `w ← w − η g` and nothing else. Default: it is not.
    fn plain_rate(coefficients: &Self::Coefficients) -> Option<F> {
        let _ = coefficients;
        None
    }
}

impl<F: Scalar, R: Rule<F>> Optimizer<F> for R {
    fn name(&self) -> &'static str {
        Rule::name(self)
    }

    fn buffers(&self) -> Vec<Buffer> {
        Rule::buffers(self)
    }

    fn default_rate(&self) -> f64 {
        Rule::default_rate(self)
    }

    fn batch(&self) -> Option<BatchSize> {
        Rule::batch(self)
    }

    fn validate(&self) -> Result<(), Error> {
        Rule::validate(self)
    }

    fn step(
        &self,
        state: &mut State<F>,
        weights: &mut [F],
        gradient: &[F],
        rates: Rates,
    ) -> Result<(), Error> {
        driver::step(self, state, weights, gradient, rates)
    }

    fn step_pairs(&self, state: &mut State<F>, pairs: &mut [Pair<'_, F>], rates: Rates) -> Result<(), Error> {
        driver::step_pairs(self, state, pairs, rates)
    }

    fn untouched(&self) -> Untouched {
        if R::RESTS {
            Untouched::Rest
        } else {
            Untouched::Move
        }
    }

    fn step_touched(
        &self,
        state: &mut State<F>,
        weights: &mut [F],
        gradient: &Gradient<F>,
        rates: Rates,
    ) -> Result<(), Error> {
        touched::step(self, state, weights, gradient, rates)
    }

    fn catch_up(
        &self,
        state: &mut State<F>,
        weights: &mut [F],
        touched: Option<&Gradient<F>>,
    ) -> Result<(), Error> {
        touched::catch_up(self, state, weights, touched)
    }

    fn averages(&self) -> bool {
        Rule::averages(self)
    }

    fn average(&self, state: &State<F>, weights: &[F], average: &mut [F]) -> Result<(), Error> {
        driver::average(self, state, weights, average)
    }
}

/// The memory of one weight, kept in one separate buffer a slot.
///
/// Implemented for `[F; N]` and for pairs; a rule chooses one, and never implements it.
pub trait Slots<F>: Copy + sealed::Sealed {
    /// How many numbers there are.
    const COUNT: usize;
    #[doc(hidden)]
    type Streams<'a>: Send
    where
        F: 'a;
    #[doc(hidden)]
    fn streams<'a>(buffers: &mut dyn Iterator<Item = &'a mut [F]>) -> Option<Self::Streams<'a>>;
    #[doc(hidden)]
    fn collect(values: &mut dyn Iterator<Item = F>) -> Option<Self>;
    #[doc(hidden)]
    fn load(streams: &Self::Streams<'_>, index: usize) -> Self;
    #[doc(hidden)]
    fn store(self, streams: &mut Self::Streams<'_>, index: usize);
    #[doc(hidden)]
    fn trim<'a>(streams: Self::Streams<'a>, len: usize) -> Option<Self::Streams<'a>>
    where
        F: 'a;
    #[doc(hidden)]
    fn split<'a>(streams: Self::Streams<'a>, at: usize) -> (Self::Streams<'a>, Self::Streams<'a>)
    where
        F: 'a;
}

mod sealed {
    pub trait Sealed {}
    impl<F, const N: usize> Sealed for [F; N] {}
    impl<A: Sealed, B: Sealed> Sealed for (A, B) {}
}

impl<F: Copy + Send, const N: usize> Slots<F> for [F; N] {
    const COUNT: usize = N;
    type Streams<'a>
        = [&'a mut [F]; N]
    where
        F: 'a;

    fn streams<'a>(buffers: &mut dyn Iterator<Item = &'a mut [F]>) -> Option<[&'a mut [F]; N]> {
        let mut complete = true;
        let streams = std::array::from_fn(|_| {
            buffers.next().unwrap_or_else(|| {
                complete = false;
                &mut []
            })
        });
        complete.then_some(streams)
    }

    fn collect(values: &mut dyn Iterator<Item = F>) -> Option<Self> {
        let values: Vec<F> = values.take(N).collect();
        values.try_into().ok()
    }

    #[inline(always)]
    fn load(streams: &[&mut [F]; N], index: usize) -> Self {
        std::array::from_fn(|slot| streams[slot][index])
    }

    #[inline(always)]
    fn store(self, streams: &mut [&mut [F]; N], index: usize) {
        for slot in 0..N {
            streams[slot][index] = self[slot];
        }
    }

    #[inline(always)]
    fn trim<'a>(streams: [&'a mut [F]; N], len: usize) -> Option<[&'a mut [F]; N]>
    where
        F: 'a,
    {
        if streams.iter().any(|stream| stream.len() < len) {
            return None;
        }
        Some(streams.map(|stream| &mut stream[..len]))
    }

    fn split<'a>(streams: [&'a mut [F]; N], at: usize) -> ([&'a mut [F]; N], [&'a mut [F]; N])
    where
        F: 'a,
    {
        let mut tails = std::array::from_fn(|_| <&mut [F]>::default());
        let mut slots = tails.iter_mut();
        let heads = streams.map(|stream| {
            let (head, tail) = stream.split_at_mut(at.min(stream.len()));
            if let Some(slot) = slots.next() {
                *slot = tail;
            }
            head
        });
        (heads, tails)
    }
}

impl<F: Copy + Send, A: Slots<F>, B: Slots<F>> Slots<F> for (A, B) {
    const COUNT: usize = A::COUNT + B::COUNT;
    type Streams<'a>
        = (A::Streams<'a>, B::Streams<'a>)
    where
        F: 'a;

    fn streams<'a>(buffers: &mut dyn Iterator<Item = &'a mut [F]>) -> Option<Self::Streams<'a>> {
        Some((A::streams(buffers)?, B::streams(buffers)?))
    }

    fn collect(values: &mut dyn Iterator<Item = F>) -> Option<Self> {
        Some((A::collect(values)?, B::collect(values)?))
    }

    #[inline(always)]
    fn load(streams: &Self::Streams<'_>, index: usize) -> Self {
        (A::load(&streams.0, index), B::load(&streams.1, index))
    }

    #[inline(always)]
    fn store(self, streams: &mut Self::Streams<'_>, index: usize) {
        self.0.store(&mut streams.0, index);
        self.1.store(&mut streams.1, index);
    }

    #[inline(always)]
    fn trim<'a>(streams: Self::Streams<'a>, len: usize) -> Option<Self::Streams<'a>>
    where
        F: 'a,
    {
        Some((A::trim(streams.0, len)?, B::trim(streams.1, len)?))
    }

    fn split<'a>(streams: Self::Streams<'a>, at: usize) -> (Self::Streams<'a>, Self::Streams<'a>)
    where
        F: 'a,
    {
        let (a, b) = (A::split(streams.0, at), B::split(streams.1, at));
        ((a.0, b.0), (a.1, b.1))
    }
}

/// Whether a rule has an optional memory: decided in its type ([`On`] or [`Off`]), so that what is off costs neither
/// memory nor time.
pub trait Switch: Copy + Send + Sync + 'static {
    /// The memory: `[F; 1]` or `[F; 0]`.
    type Slot<F: Scalar>: Slots<F>;
    /// Whether it is on.
    const ON: bool;
    /// The memory, where there is one.
    fn slot<F: Scalar>(slot: &mut Self::Slot<F>) -> Option<&mut F>;
}

/// The option is on. See [`Switch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct On;

/// The option is off. See [`Switch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Off;

impl Switch for On {
    type Slot<F: Scalar> = [F; 1];
    const ON: bool = true;

    #[inline(always)]
    fn slot<F: Scalar>(slot: &mut [F; 1]) -> Option<&mut F> {
        Some(&mut slot[0])
    }
}

impl Switch for Off {
    type Slot<F: Scalar> = [F; 0];
    const ON: bool = false;

    #[inline(always)]
    fn slot<F: Scalar>(_: &mut [F; 0]) -> Option<&mut F> {
        None
    }
}
