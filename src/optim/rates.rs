//! What is set for one step.

use crate::{Error, error::check};

/// What can be set for a step beside the learning rate, where the optimiser [reads](super::Optimizer::reads) it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hyperparameter {
    /// The momentum β; in the Adam family `beta1`.
    Momentum,
    /// `beta2` of the Adam family.
    Beta2,
    /// The strength λ of the weight decay, of the rule's own or around it.
    WeightDecay,
}

impl Hyperparameter {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Momentum, Self::Beta2, Self::WeightDecay];

    /// What it is called in [`Rates`], in a history and in errors.
    pub fn name(self) -> &'static str {
        match self {
            Hyperparameter::Momentum => "momentum",
            Hyperparameter::Beta2 => "beta2",
            Hyperparameter::WeightDecay => "weight_decay",
        }
    }

    /// Refuses it where it is set, but not read.
    pub(crate) fn check_read(self, optimizer: &str, read: bool) -> Result<(), Error> {
        if read {
            return Ok(());
        }
        Err(Error::NotRead {
            hyperparameter: self.name(),
            optimizer: optimizer.into(),
        })
    }
}

/// What is set for one step: the learning rate, and whatever else a schedule or a clipping of the gradient decides.
///
/// A number is one, and settings are added: `Rates::from(0.1).momentum(0.95)`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Rates {
    /// The learning rate η.
    pub learning_rate: f64,
    /// Replaces the momentum β (in the Adam family: `beta1`) for this step.
    pub momentum: Option<f64>,
    /// Replaces `beta2` of the Adam family for this step.
    pub beta2: Option<f64>,
    /// Replaces the strength λ of a weight decay around the rule for this step.
    pub weight_decay: Option<f64>,
    /// Multiplies the gradient as the rule reads it, so that clipping by a norm costs no pass of its own. Default: 1.
    pub gradient_scale: f64,
}

impl Rates {
    /// Replaces the momentum (in the Adam family: `beta1`).
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = Some(momentum);
        self
    }

    /// Replaces `beta2`.
    #[must_use]
    pub fn beta2(mut self, beta2: f64) -> Self {
        self.beta2 = Some(beta2);
        self
    }

    /// Replaces the strength of the weight decay.
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = Some(decay);
        self
    }

    /// Multiplies the gradient.
    #[must_use]
    pub fn gradient_scale(mut self, scale: f64) -> Self {
        self.gradient_scale = scale;
        self
    }

    /// What is set of this hyperparameter, if anything is.
    pub fn get(&self, hyperparameter: Hyperparameter) -> Option<f64> {
        match hyperparameter {
            Hyperparameter::Momentum => self.momentum,
            Hyperparameter::Beta2 => self.beta2,
            Hyperparameter::WeightDecay => self.weight_decay,
        }
    }

    /// Sets a hyperparameter.
    pub(crate) fn set(&mut self, hyperparameter: Hyperparameter, value: f64) {
        *match hyperparameter {
            Hyperparameter::Momentum => &mut self.momentum,
            Hyperparameter::Beta2 => &mut self.beta2,
            Hyperparameter::WeightDecay => &mut self.weight_decay,
        } = Some(value);
    }

    /// Refuses what is set, but not read.
    #[inline]
    pub(super) fn check_read(
        &self,
        optimizer: &str,
        reads: impl Fn(Hyperparameter) -> bool,
    ) -> Result<(), Error> {
        if (self.momentum, self.beta2, self.weight_decay) == (None, None, None) {
            return Ok(());
        }
        let mut set = Hyperparameter::ALL
            .into_iter()
            .filter(|&it| self.get(it).is_some());
        set.try_for_each(|it| it.check_read(optimizer, reads(it)))
    }

    #[inline]
    pub(super) fn legal(&self) -> bool {
        let finite = 0.0..f64::INFINITY;
        let fraction = |value: Option<f64>| value.is_none_or(|x| (0.0..1.0).contains(&x));
        finite.contains(&self.learning_rate)
            && finite.contains(&self.gradient_scale.abs())
            && fraction(self.momentum)
            && fraction(self.beta2)
            && self.weight_decay.is_none_or(|x| finite.contains(&x))
    }

    #[cold]
    pub(super) fn refuse(&self) -> Result<(), Error> {
        check::non_negative("learning_rate", self.learning_rate)?;
        check::below_one("momentum", self.momentum.unwrap_or(0.0))?;
        check::below_one("beta2", self.beta2.unwrap_or(0.0))?;
        check::non_negative("weight_decay", self.weight_decay.unwrap_or(0.0))?;
        check::require(
            self.gradient_scale.is_finite(),
            "gradient_scale",
            self.gradient_scale,
            "finite",
        )
    }
}

impl From<f64> for Rates {
    fn from(learning_rate: f64) -> Self {
        Self {
            learning_rate,
            momentum: None,
            beta2: None,
            weight_decay: None,
            gradient_scale: 1.0,
        }
    }
}
