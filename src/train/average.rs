//! Averages of the parameters over the steps of a run.

#[cfg(feature = "checkpoint")]
use crate::Memo;
use crate::{Error, Params, Scalar, error::check};

/// How parameters are averaged over steps.
///
/// The average is what is evaluated and kept as the best, and stands in [`Run::average`](super::Run::average). Where each step
/// sees the whole objective every point has a value of its own: then the best of them all, and of the last average, is kept.
///
/// | kind | after the n-th averaged step | as |
/// |---|---|---|
/// | [`Average::exponential`] | `a ← β a + (1 − β) w`, the first copies | `torch.optim.swa_utils` with `get_ema_multi_avg_fn(β)` |
/// | [`Average::uniform`] | `a ← a + (w − a) / n` | Polyak and Ruppert; stochastic weight averaging |
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, train::Average};
/// let square = Function::new(vec![1.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// // Steps from side to side and gets nowhere; the average of two neighbours is the minimum.
/// let run = Trainer::new(GradientDescent).learning_rate(1.0).average(Average::uniform()).steps(2).minimize(square)?;
/// assert_eq!(run.average.map(|average| average.as_slice().to_vec()), Some(vec![0.0]));
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Sources: B. Polyak and A. Juditsky (1992); P. Izmailov et al., *Averaging Weights Leads to Wider Optima and Better
/// Generalization*, arXiv 1803.05407 (2018).
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Average {
    decay: Option<f64>,
    warm_up: bool,
    start: u64,
    every: u64,
}

impl Average {
    /// The exponential moving average, β from 0 to 1; 0.999 is usual.
    pub fn exponential(decay: f64) -> Self {
        Self {
            decay: Some(decay),
            ..Self::uniform()
        }
    }

    /// The mean of all averaged steps.
    pub fn uniform() -> Self {
        Self {
            decay: None,
            warm_up: false,
            start: 0,
            every: 1,
        }
    }

    /// Lets β grow to its value: `min(β, (1 + n) / (10 + n))` with n the steps averaged so far, so that early parameters are
    /// soon forgotten.
    pub fn warm_up(mut self) -> Self {
        self.warm_up = true;
        self
    }

    /// Leaves out the first steps of a run. Default: none.
    pub fn after(mut self, steps: u64) -> Self {
        self.start = steps;
        self
    }

    /// Takes one step in so many, at least 1. Default: each.
    pub fn every(mut self, steps: u64) -> Self {
        self.every = steps;
        self
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        if let Some(decay) = self.decay {
            check::require(
                (0.0..=1.0).contains(&decay),
                "decay of Average",
                decay,
                "from 0 to 1",
            )?;
        }
        check::require(self.every > 0, "every of Average", 0, "at least 1")
    }
}

/// A running [`Average`], for a loop of one's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Averager<F> {
    average: Average,
    params: Params<F>,
    /// The number of steps seen, and of those in the average.
    seen: u64,
    taken: u64,
}

impl<F: Scalar> Averager<F> {
    /// Of parameters in this layout.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if a setting of `average` is illegal.
    pub fn new(average: Average, start: &Params<F>) -> Result<Self, Error> {
        average.validate()?;
        Ok(Self {
            average,
            params: start.clone(),
            seen: 0,
            taken: 0,
        })
    }

    /// Takes in the parameters after a step.
    ///
    /// # Errors
    /// [`Error::Foreign`] if they are laid out otherwise than those it was made for.
    pub fn update(&mut self, params: &Params<F>) -> Result<(), Error> {
        if params.layout() != self.params.layout() {
            return Err(Error::Foreign {
                argument: "params".into(),
                given: params.layout().describe(),
                expected: self.params.layout().describe(),
            });
        }
        self.seen += 1;
        // Until the averaging begins, the average is the parameters themselves.
        let begun = self.seen > self.average.start;
        if begun && !(self.seen - self.average.start - 1).is_multiple_of(self.average.every) {
            return Ok(());
        }
        let kept = if begun { self.kept() } else { 0.0 };
        self.taken += u64::from(begun);
        let (kept, fresh) = (F::of(kept), F::of(1.0 - kept));
        for (average, &weight) in self.params.as_mut_slice().iter_mut().zip(params.as_slice()) {
            *average = kept * *average + fresh * weight;
        }
        Ok(())
    }

    /// The share of the old average in the new one.
    fn kept(&self) -> f64 {
        let n = self.taken as f64;
        match self.average.decay {
            _ if self.taken == 0 => 0.0,
            None => n / (n + 1.0),
            Some(decay) if self.average.warm_up => decay.min((1.0 + n) / (10.0 + n)),
            Some(decay) => decay,
        }
    }

    #[cfg(feature = "checkpoint")]
    pub(super) fn params_mut(&mut self) -> &mut Params<F> {
        &mut self.params
    }

    /// Hands over everything but the parameters.
    #[cfg(feature = "checkpoint")]
    pub(super) fn save(&self, memo: &mut Memo) {
        memo.put("seen", [self.seen]);
        memo.put("taken", [self.taken]);
    }

    #[cfg(feature = "checkpoint")]
    pub(super) fn load(&mut self, memo: &Memo) -> Result<(), Error> {
        (self.seen, self.taken) = (memo.count("seen")?, memo.count("taken")?);
        Ok(())
    }

    /// The average so far.
    pub fn params(&self) -> &Params<F> {
        &self.params
    }
}
