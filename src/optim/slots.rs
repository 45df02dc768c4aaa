//! The memory of one weight, and options that need more of it.

use crate::Scalar;

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
pub trait Switch: Copy + std::fmt::Debug + Send + Sync + 'static {
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
