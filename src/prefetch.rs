//! Asking for memory before it is needed.

use std::ops::Range;

/// How many bytes come with one request.
const LINE: usize = 64;

/// Asks for a part of what stands `ahead` elements after the start of `values`, whether or not that is still within an
/// array: nothing is read, and an address that belongs to nobody is passed over.
#[inline(always)]
pub(crate) fn span<T>(values: &[T], ahead: usize, part: Range<usize>) {
    let start = values.as_ptr().wrapping_add(ahead);
    for i in part.step_by((LINE / size_of::<T>()).max(1)) {
        line(start.wrapping_add(i));
    }
}

/// Asks for a row, or for the start of a long one, from where the processor goes on by itself.
#[inline]
pub(crate) fn row<T>(values: &[T]) {
    const LONG: usize = 8 * 1024;
    let fetched = values.len().min(LONG / size_of::<T>().max(1));
    span(values, 0, 0..fetched);
    // The end lies in a line of its own where the start is not that of a line.
    if let Some(last) = values[..fetched].last() {
        line(last);
    }
}

/// Asks for the line of an address, into the second-level cache.
#[inline(always)]
#[allow(
    unsafe_code,
    reason = "a hint to the processor, which the standard library hands over as a raw pointer"
)]
fn line<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
