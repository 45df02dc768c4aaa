//! How long Muon's steps are.

/// How long the orthogonal step of a matrix is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MuonScale {
    /// `√max(1, rows / columns)`, as its author does. PyTorch's default.
    #[default]
    Original,
    /// `0.2 √max(rows, columns)`, so that a rate that suits AdamW suits Muon.
    MatchAdamW,
    /// `√(rows / columns)`: steps of the same spectral norm, relative to what a layer passes on.
    Spectral,
}

impl MuonScale {
    pub(super) fn factor(self, rows: f64, columns: f64) -> f64 {
        match self {
            MuonScale::Original => (rows / columns).max(1.0).sqrt(),
            MuonScale::MatchAdamW => 0.2 * rows.max(columns).sqrt(),
            MuonScale::Spectral => (rows / columns).sqrt(),
        }
    }
}
