//! Named features without a dictionary.

use crate::{Error, Scalar, error::check};

/// Gives every named feature a column by hashing its name, and a sign: the hashing trick.
///
/// No dictionary is kept, so names may appear at any time and in any number. Two names may share a column; with their signs
/// drawn too, what they add to a product of rows cancels on average. Column and sign are those of scikit-learn's
/// `FeatureHasher`: 32-bit MurmurHash3 `h` of the name's UTF-8, column `|h| mod columns`, sign that of `h`.
///
/// ```
/// use downhill::data::{Csr, FeatureHasher};
///
/// let hasher = FeatureHasher::new(1 << 10)?;
/// let mut inputs = Csr::<f32>::new(hasher.columns())?;
/// inputs.push(["the", "cat", "sat", "on", "the", "mat"].map(|word| hasher.entry(word, 1.0)))?;
/// assert_eq!(inputs.entries(), 5);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: K. Weinberger et al., *Feature Hashing for Large Scale Multitask Learning*, arXiv 0902.2206 (2009).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureHasher {
    columns: usize,
    signed: bool,
}

impl FeatureHasher {
    /// Into so many columns, from 1 to 2³¹ − 1; a power of two is usual.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for another number.
    pub fn new(columns: usize) -> Result<Self, Error> {
        let legal = columns > 0 && i32::try_from(columns).is_ok();
        check::require(legal, "columns", columns, "from 1 to 2147483647")?;
        Ok(Self {
            columns,
            signed: true,
        })
    }

    /// Leaves out the signs, so that counts stay positive.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The column of a feature, and its value with the sign that goes with the name: an entry for
    /// [`Csr::push`](super::Csr::push).
    pub fn entry<F: Scalar>(&self, name: impl AsRef<[u8]>, value: F) -> (usize, F) {
        let hash = murmur3(name.as_ref()) as i32;
        let column = hash.unsigned_abs() as usize % self.columns;
        let negative = self.signed && hash < 0;
        (column, if negative { -value } else { value })
    }
}

/// MurmurHash3 for 32 bits, seed 0. Source: A. Appleby, *SMHasher* (public domain).
fn murmur3(bytes: &[u8]) -> u32 {
    let scrambled = |word: u32| {
        word.wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593)
    };
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = 0_u32;
    for &word in words {
        hash ^= scrambled(u32::from_le_bytes(word));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    hash ^= scrambled(u32::from_le_bytes(last));
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}
