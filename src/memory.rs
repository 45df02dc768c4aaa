//! Memory for long vectors: huge pages where the system has them (feature `huge-pages`, Linux).
//!
//! A step over ten million weights walks through 160 MB. In pages of 4 kB the processor spends a good part of that time on
//! looking pages up; see `docs/benchmarks.md` for what the larger ones save.

use crate::Scalar;

/// So many zeros.
pub(crate) fn zeros<F: Scalar>(len: usize) -> Vec<F> {
    // The system gives fresh zeros without touching them, so the advice comes in time.
    let mut values = vec![F::zero(); len];
    prefer_huge_pages(values.as_mut_ptr(), len);
    values
}

/// A copy of `values`.
pub(crate) fn copy<F: Clone>(values: &[F]) -> Vec<F> {
    let mut copy = Vec::with_capacity(values.len());
    prefer_huge_pages(copy.as_mut_ptr(), values.len());
    copy.extend_from_slice(values);
    copy
}

/// Asks for huge pages under `len` elements from `start`, which may be uninitialised.
#[cfg(all(feature = "huge-pages", target_os = "linux", not(miri)))]
#[allow(unsafe_code, reason = "a system call")]
fn prefer_huge_pages<F>(start: *mut F, len: usize) {
    const PAGE: usize = 2 << 20;
    let bytes = len * size_of::<F>();
    let start = start.cast::<u8>();
    let skipped = start.align_offset(PAGE);
    let whole = bytes.saturating_sub(skipped) / PAGE * PAGE;
    if whole > 0 {
        // SAFETY: the range lies within memory that the caller owns, and this advice changes neither its contents nor its
        // address. Where it cannot be followed nothing happens, so the result is of no interest.
        unsafe { libc::madvise(start.wrapping_add(skipped).cast(), whole, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(all(feature = "huge-pages", target_os = "linux", not(miri))))]
fn prefer_huge_pages<F>(_: *mut F, _: usize) {}
