//! Gradient noise.

use rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

use super::GradientTransform;
use crate::{Error, Gradient, Memo, Params, Scalar, error::check};

/// Adds to every gradient at step t a normal number of variance `η / (1 + t)^γ`, t counted from 0. `optax.add_noise`.
///
/// The numbers depend on the seed and the step alone.
///
/// Source: A. Neelakantan et al., arXiv 1511.06807 (2015).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Noise {
    eta: f64,
    gamma: f64,
    seed: u64,
}

impl Noise {
    /// With η, at least 0 (the paper's: 0.01, 0.3 or 1), and γ 0.55.
    pub fn new(eta: f64) -> Self {
        Self {
            eta,
            gamma: 0.55,
            seed: 0,
        }
    }

    /// Sets γ, how fast the noise fades, at least 0. Default: 0.55.
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// Sets the seed. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl<F: Scalar> GradientTransform<F> for Noise {
    fn validate(&self) -> Result<(), Error> {
        check::non_negative("eta of Noise", self.eta)?;
        check::non_negative("gamma of Noise", self.gamma)
    }

    fn save(&self, memo: &mut Memo) {
        memo.put("seed", [self.seed]);
    }

    /// Its state is the step; another seed is refused, because it would be other noise.
    fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        let seed = memo.count("seed")?;
        if seed == self.seed {
            return Ok(());
        }
        Err(Error::Foreign {
            argument: "the saved state of Noise".into(),
            given: format!("the seed {seed}"),
            expected: format!("the seed {}", self.seed),
        })
    }

    fn apply(&mut self, gradient: &mut Gradient<F>, _: &Params<F>, step: u64) {
        let deviation = (self.eta / (step as f64).powf(self.gamma)).sqrt();
        let mut random = ChaCha12Rng::seed_from_u64(self.seed);
        random.set_stream(step);
        // Box and Muller: two uniform numbers make two normal ones.
        for pair in gradient.as_mut_slice().chunks_mut(2) {
            let radius = deviation * (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
            let (sine, cosine) = (std::f64::consts::TAU * random.random::<f64>()).sin_cos();
            for (g, part) in pair.iter_mut().zip([cosine, sine]) {
                *g += F::of(radius * part);
            }
        }
    }
}
