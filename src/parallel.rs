//! Work shared by the cores (feature `rayon`), with results that do not depend on how many there are.
//!
//! Work is halved again and again at places that its size alone decides, and sums are added in the order of the halving. In a
//! build without the feature, on one core and on many the same pieces are computed and added in the same order.

/// Work on fewer numbers than this is left to one core: waking the others costs more.
pub(crate) const SHARED: usize = 1 << 19;

/// How many of them one core takes at a time.
pub(crate) const PIECE: usize = 1 << 15;

/// Folds a slice: `of` its pieces, `with` what came of two neighbours.
#[inline]
pub(crate) fn fold<F: Sync, T: Send>(
    values: &[F],
    of: impl Fn(&[F]) -> T + Sync,
    with: impl Fn(T, T) -> T + Sync,
) -> T {
    if values.len() <= SHARED {
        return of(values);
    }
    fold_pieces(values, &of, &with)
}

fn fold_pieces<F: Sync, T: Send>(
    values: &[F],
    of: &(impl Fn(&[F]) -> T + Sync),
    with: &(impl Fn(T, T) -> T + Sync),
) -> T {
    match middle(values.len(), PIECE) {
        None => of(values),
        Some(at) => {
            let (left, right) = values.split_at(at);
            let (left, right) = join(|| fold_pieces(left, of, with), || fold_pieces(right, of, with));
            with(left, right)
        }
    }
}

/// Where work of this length is cut in two, a multiple of `piece`; `None` if it is one piece.
#[inline]
pub(crate) fn middle(len: usize, piece: usize) -> Option<usize> {
    (len > piece).then(|| len.div_ceil(2).next_multiple_of(piece))
}

/// Does both, side by side if there is more than one thread.
#[cfg(feature = "rayon")]
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    match rayon::current_num_threads() {
        1 => (a(), b()),
        _ => rayon::join(a, b),
    }
}

/// Does both, one after the other.
#[cfg(not(feature = "rayon"))]
pub(crate) fn join<A, B>(a: impl FnOnce() -> A, b: impl FnOnce() -> B) -> (A, B) {
    (a(), b())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces into which a length is cut, from left to right.
    fn pieces(len: usize, piece: usize) -> Vec<usize> {
        match middle(len, piece) {
            None => vec![len],
            Some(at) => [pieces(at, piece), pieces(len - at, piece)].concat(),
        }
    }

    #[test]
    fn every_piece_but_the_last_is_whole() {
        for (len, expected) in [
            (0, vec![0]),
            (1, vec![1]),
            (8, vec![8]),
            (9, vec![8, 1]),
            (17, vec![8, 8, 1]),
            (40, vec![8; 5]),
        ] {
            assert_eq!(pieces(len, 8), expected);
        }
    }

    #[test]
    fn both_are_done() {
        assert_eq!(join(|| 1, || "two"), (1, "two"));
    }
}
