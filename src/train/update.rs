//! The gradient of one update: micro-batches added up, the sharpness-aware second look, transforms and clipping; and what
//! follows a step: constraints and the average.

use std::ops::Range;

use super::{Average, Averager, Constraint};
use crate::{
    Error, Gradient, Layout, Objective, Params, Scalar,
    data::Sampler,
    error::check,
    group::{self, Segment},
    loss::Reduction,
    optim::State,
    transform::{ClipNorm, GradientTransform},
};

/// What surrounds the update rule, as the user has set it.
pub(super) struct Settings<'a, F> {
    pub(super) accumulate: usize,
    pub(super) sharpness: Option<f64>,
    pub(super) transforms: Vec<Box<dyn GradientTransform<F> + 'a>>,
    pub(super) clip: Option<ClipNorm>,
    pub(super) constraints: Vec<(String, Constraint)>,
    pub(super) average: Option<Average>,
}

impl<F> Default for Settings<'_, F> {
    fn default() -> Self {
        Self {
            accumulate: 1,
            sharpness: None,
            transforms: Vec::new(),
            clip: None,
            constraints: Vec::new(),
            average: None,
        }
    }
}

impl<F> Settings<'_, F> {
    /// Whether nothing here needs the gradient or the weight of every parameter at every step.
    pub(super) fn is_sparse(&self) -> bool {
        self.accumulate == 1
            && self.sharpness.is_none()
            && self.transforms.is_empty()
            && self.constraints.is_empty()
            && self.average.is_none()
    }
}

/// The same, checked, with the memory it needs.
pub(super) struct Update<'a, F> {
    pub(super) settings: Settings<'a, F>,
    constrained: Vec<Constrained>,
    /// The weights that stay as they are: their gradient is none.
    frozen: Vec<Range<usize>>,
    pub(super) average: Option<Averager<F>>,
    pub(super) gradient: Gradient<F>,
    /// What the terms of the last update weigh in the mean over an epoch.
    pub(super) weight: f64,
    /// The sum over micro-batches, where there are several.
    sum: Option<Gradient<F>>,
    /// The parameters, while the second look is taken elsewhere.
    held: Option<Params<F>>,
}

/// What is known before the rule moves the weights.
pub(super) struct Seen {
    pub(super) value: f64,
    /// By what the rule is to multiply the gradient.
    pub(super) scale: f64,
    /// The norm before clipping.
    pub(super) norm: Option<f64>,
}

impl<'a, F: Scalar> Update<'a, F> {
    /// Checks the settings, and puts the parameters to start from where the constraints want them.
    pub(super) fn new(
        settings: Settings<'a, F>,
        start: &mut Params<F>,
        state: &State<F>,
        sparse: bool,
    ) -> Result<Self, Error> {
        check::require(settings.accumulate > 0, "accumulate", 0, "at least 1")?;
        if let Some(radius) = settings.sharpness {
            check::positive("radius of sharpness_aware", radius)?;
        }
        settings
            .transforms
            .iter()
            .try_for_each(|transform| transform.validate())?;
        settings.clip.iter().try_for_each(ClipNorm::validate)?;
        let constrained = constrained(start.layout(), state.segments(), &settings.constraints)?;
        constrain(&constrained, start, 0.0);
        let frozen = state.segments().iter().filter(|part| part.factors.is_none());
        let layout = start.layout();
        Ok(Self {
            constrained,
            frozen: frozen.map(|part| part.range.clone()).collect(),
            average: settings
                .average
                .map(|average| Averager::new(average, start))
                .transpose()?,
            gradient: if sparse {
                Gradient::sparse(layout)
            } else {
                Gradient::zeros(layout)
            },
            weight: 0.0,
            sum: (settings.accumulate > 1).then(|| Gradient::zeros(layout)),
            held: settings.sharpness.map(|_| start.clone()),
            settings,
        })
    }

    /// Whether the gradient of a batch is what the rule gets, and nothing follows the rule.
    pub(super) fn is_bare(&self) -> bool {
        self.settings.is_sparse() && self.settings.clip.is_none() && self.frozen.is_empty()
    }

    /// Begins the average anew.
    pub(super) fn restart(&mut self, params: &Params<F>) -> Result<(), Error> {
        let average = self
            .settings
            .average
            .map(|average| Averager::new(average, params));
        self.average = average.transpose()?;
        Ok(())
    }

    /// The number of updates in an epoch.
    pub(super) fn steps_per_epoch(&self, sampler: &Sampler) -> usize {
        sampler.steps_per_epoch().div_ceil(self.settings.accumulate)
    }

    /// The gradient of an update of this epoch, counted from 0, ready for the rule; or what of it is not finite.
    #[inline(always)]
    pub(super) fn look<O: Objective<F>>(
        &mut self,
        objective: &mut O,
        sampler: &Sampler,
        params: &mut Params<F>,
        number: usize,
        step: u64,
    ) -> Result<Result<Seen, &'static str>, Error> {
        let value = self.gradient_at(objective, sampler, params, number)?;
        if !value.is_finite() {
            return Ok(Err("loss"));
        }
        let seen = Seen {
            value,
            scale: 1.0,
            norm: None,
        };
        let clips = self.settings.clip.is_some();
        let bare = self.settings.sharpness.is_none() && self.settings.transforms.is_empty();
        // Nothing stands between the gradient and its norm: that shows as much, in a pass that is made anyway.
        let norm_shows = bare && clips;
        if !norm_shows && !self.gradient.is_finite() {
            return Ok(Err("gradient"));
        }
        if bare && !clips {
            return Ok(Ok(seen));
        }
        let shaped = self.shape(objective, sampler, params, number, step, seen)?;
        Ok(shaped.ok_or("gradient"))
    }

    /// The second look, the transforms and the clipping; nothing if that is not finite.
    fn shape<O: Objective<F>>(
        &mut self,
        objective: &mut O,
        sampler: &Sampler,
        params: &mut Params<F>,
        number: usize,
        step: u64,
        mut seen: Seen,
    ) -> Result<Option<Seen>, Error> {
        if let Some(radius) = self.settings.sharpness {
            self.second_look(objective, sampler, params, number, radius)?;
            if !self.gradient.is_finite() {
                return Ok(None);
            }
        }
        for transform in &mut self.settings.transforms {
            transform.apply(&mut self.gradient, params, step);
        }
        if !self.settings.transforms.is_empty() {
            self.forget_frozen();
        }
        if let Some(clip) = &self.settings.clip {
            let norm = self.gradient.measure(clip.measures());
            if !norm.is_finite() {
                return Ok(None);
            }
            seen.norm = Some(norm);
            seen.scale = clip.factor(norm);
        }
        Ok(Some(seen))
    }

    /// What does not move has no gradient: no part in a norm, none in what is not finite.
    fn forget_frozen(&mut self) {
        for range in &self.frozen {
            self.gradient.clear_tensors(range.clone());
        }
    }

    /// Value and gradient of an update.
    #[inline(always)]
    fn gradient_at<O: Objective<F>>(
        &mut self,
        objective: &mut O,
        sampler: &Sampler,
        params: &Params<F>,
        number: usize,
    ) -> Result<f64, Error> {
        let value = if self.sum.is_some() {
            self.gradient_of_several(objective, sampler, params, number)?
        } else {
            let batch = sampler.batch(number);
            objective.prefetch(sampler.ahead(number));
            let value = objective.value_and_gradient(params, &batch, &mut self.gradient)?;
            self.weight = objective.weight(&batch);
            value.to_f64_exact()
        };
        if !self.frozen.is_empty() {
            self.forget_frozen();
        }
        Ok(value)
    }

    /// The same over all micro-batches, frozen weights included.
    fn gradient_of_several<O: Objective<F>>(
        &mut self,
        objective: &mut O,
        sampler: &Sampler,
        params: &Params<F>,
        number: usize,
    ) -> Result<f64, Error> {
        let Some(sum) = &mut self.sum else {
            return Ok(0.0);
        };
        sum.clear();
        let window = self.settings.accumulate;
        let end = ((number + 1) * window).min(sampler.steps_per_epoch());
        let (mut total, mut weights) = (0.0, 0.0);
        for micro in number * window..end {
            let batch = sampler.batch(micro);
            objective.prefetch(sampler.ahead(micro));
            let value = objective.value_and_gradient(params, &batch, &mut self.gradient)?;
            let weight = objective.weight(&batch);
            let share = match objective.reduction() {
                Reduction::Sum => 1.0,
                _ => weight,
            };
            total += share * value.to_f64_exact();
            weights += weight;
            let share = F::of(share);
            for (sum, &g) in sum.as_mut_slice().iter_mut().zip(self.gradient.as_slice()) {
                *sum += share * g;
            }
        }
        let divisor = match objective.reduction() {
            Reduction::Sum => 1.0,
            _ if weights > 0.0 => weights,
            _ => 1.0,
        };
        let scale = F::of(1.0 / divisor);
        for (g, &sum) in self.gradient.as_mut_slice().iter_mut().zip(sum.as_slice()) {
            *g = scale * sum;
        }
        self.weight = weights;
        Ok(total / divisor)
    }

    /// Sharpness-aware minimisation: the gradient not here, but at the worst point near by.
    fn second_look<O: Objective<F>>(
        &mut self,
        objective: &mut O,
        sampler: &Sampler,
        params: &mut Params<F>,
        number: usize,
        radius: f64,
    ) -> Result<(), Error> {
        let scale = F::of(radius / (self.gradient.norm() + 1e-12));
        let Some(mut held) = self.held.take() else {
            return Ok(());
        };
        held.as_mut_slice().copy_from_slice(params.as_slice());
        for (weight, &g) in params.as_mut_slice().iter_mut().zip(self.gradient.as_slice()) {
            *weight += scale * g;
        }
        let result = self.gradient_at(objective, sampler, params, number);
        params.as_mut_slice().copy_from_slice(held.as_slice());
        self.held = Some(held);
        result.map(|_| ())
    }

    /// After the rule has moved the weights.
    #[inline]
    pub(super) fn follow(&mut self, params: &mut Params<F>, learning_rate: f64) -> Result<(), Error> {
        if !self.constrained.is_empty() {
            constrain(&self.constrained, params, learning_rate);
        }
        match &mut self.average {
            Some(average) => average.update(params),
            None => Ok(()),
        }
    }

    /// Puts an average of the weights where the constraints want it.
    pub(super) fn project(&self, average: &mut Params<F>) {
        constrain(&self.constrained, average, 0.0);
    }
}

/// A tensor that a constraint is on.
struct Constrained {
    range: Range<usize>,
    rows: usize,
    constraint: Constraint,
    /// By what its group multiplies the learning rate.
    rate: f64,
}

/// Puts tensors where their constraints want them after a step of this rate; at rate 0 penalties do nothing.
fn constrain<F: Scalar>(constrained: &[Constrained], params: &mut Params<F>, learning_rate: f64) {
    for on in constrained {
        if let Some(values) = params.as_mut_slice().get_mut(on.range.clone()) {
            on.constraint.apply(values, on.rows, on.rate * learning_rate);
        }
    }
}

/// The tensors that constraints are on, without those that are frozen.
fn constrained(
    layout: &Layout,
    segments: &[Segment],
    constraints: &[(String, Constraint)],
) -> Result<Vec<Constrained>, Error> {
    let mut found = Vec::new();
    for (pattern, constraint) in constraints {
        constraint.validate()?;
        let mut matching = layout
            .tensors()
            .iter()
            .filter(|tensor| group::matches(pattern, tensor.name()))
            .peekable();
        if matching.peek().is_none() {
            return Err(layout.unknown(pattern));
        }
        for tensor in matching {
            let range = tensor.range();
            let segment = segments.iter().find(|part| part.range.contains(&range.start));
            if let Some(factors) = segment.and_then(|segment| segment.factors) {
                found.push(Constrained {
                    range,
                    rows: tensor.shape().first().copied().unwrap_or(1),
                    constraint: *constraint,
                    rate: factors.rate,
                });
            }
        }
    }
    Ok(found)
}
