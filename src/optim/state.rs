//! What a run remembers.

use super::{Memory, Optimizer, Rates, missed::Ledger};
#[cfg(feature = "checkpoint")]
use crate::Memo;
use crate::{
    Error, Factors, Group, Layout, Scalar,
    group::{self, Segment},
    memory,
};

/// One memory that an optimiser keeps for every weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buffer {
    /// A name, unique in the optimiser: `"velocity"`, `"first_moment"`.
    pub name: &'static str,
    /// The value before the first step.
    pub initial: f64,
}

impl Buffer {
    /// A buffer that starts at zero.
    pub fn zeros(name: &'static str) -> Self {
        Self { name, initial: 0.0 }
    }

    /// The buffer as it is before the first step.
    fn memory<F: Scalar>(&self, len: usize) -> Vec<F> {
        let mut values = memory::zeros(len);
        if self.initial != 0.0 {
            values.fill(F::of(self.initial));
        }
        values
    }
}

/// How a tensor is treated (`None`: frozen), and its buffers.
type TensorMemory<F> = (Option<Factors>, Vec<(&'static str, Vec<F>)>);

/// All memory of one run of an optimiser: named buffers in the layout of the parameters, and the number of steps.
/// It is complete before the first step, and nothing is allocated afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct State<F> {
    pub(super) optimizer: &'static str,
    /// What kind of optimiser that is.
    pub(super) kind: String,
    layout: Layout,
    pub(super) segments: Vec<Segment>,
    pub(super) buffers: Vec<(&'static str, Vec<F>)>,
    /// For optimisers that work tensor by tensor: how each is treated, and its memory.
    pub(super) tensors: Vec<TensorMemory<F>>,
    pub(super) step: u64,
    pub(super) memory: Memory,
    /// Which steps which weights have missed, where they are to catch up.
    pub(super) missed: Option<Ledger>,
}

impl<F: Scalar> State<F> {
    /// The memory of `optimizer` for weights in `layout`, treated as `groups` say.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if a hyperparameter of the optimiser or of a group is illegal,
    /// [`Error::UnknownParameter`] if a group matches nothing.
    pub fn new<O: Optimizer<F> + ?Sized>(
        optimizer: &O,
        layout: &Layout,
        groups: &[Group],
    ) -> Result<Self, Error> {
        optimizer.validate()?;
        let buffers = optimizer.buffers();
        let segments = group::resolve(layout, groups)?;
        let mut tensors = Vec::new();
        for tensor in layout.tensors() {
            let Some(buffers) = optimizer.tensor_buffers(tensor.shape()) else {
                break;
            };
            let start = tensor.range().start;
            let segment = segments.iter().find(|segment| segment.range.contains(&start));
            let memory = buffers
                .iter()
                .map(|b| (b.name, vec![F::of(b.initial); b.len]))
                .collect();
            tensors.push((segment.and_then(|segment| segment.factors), memory));
        }
        Ok(Self {
            tensors,
            segments,
            optimizer: optimizer.name(),
            kind: optimizer.kind(),
            layout: layout.clone(),
            buffers: buffers.iter().map(|b| (b.name, b.memory(layout.len()))).collect(),
            step: 0,
            memory: Memory::default(),
            missed: None,
        })
    }

    /// Keeps count of the steps that weights miss because a sparse gradient does not touch them, so that they can
    /// [catch up](Optimizer::catch_up): one number of 32 bits a weight. To be set before the first step.
    #[must_use]
    pub fn catching_up(mut self) -> Self {
        self.missed = Some(Ledger::new(self.layout.len(), self.step));
        self
    }

    /// Whether the steps are counted that weights miss.
    #[inline]
    pub fn is_catching_up(&self) -> bool {
        self.missed.is_some()
    }

    /// How many steps have been made.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Counts steps that the caller has made: see [`Optimizer::descent_rate`].
    pub(crate) fn count(&mut self, steps: u64) {
        self.step += steps;
    }

    /// What the rule remembers beside its buffers.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// The memory of each tensor in turn, for optimisers that work tensor by tensor.
    pub fn tensor_buffers(&self) -> impl Iterator<Item = &[(&'static str, Vec<F>)]> {
        self.tensors.iter().map(|(_, buffers)| buffers.as_slice())
    }

    /// The layout of the weights.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The buffers with their names, each as long as the layout.
    pub fn buffers(&self) -> impl Iterator<Item = (&'static str, &[F])> {
        self.buffers
            .iter()
            .map(|(name, values)| (*name, values.as_slice()))
    }

    /// Every buffer with its name, cut into tensors with their names and shapes.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn tensors_mut(&mut self) -> Vec<(&'static str, &str, Vec<usize>, &mut [F])> {
        let mut all = Vec::new();
        for (name, buffer) in &mut self.buffers {
            let mut rest = buffer.as_mut_slice();
            for spec in self.layout.tensors() {
                if let Some(values) = rest.split_off_mut(..spec.range().len()) {
                    all.push((*name, spec.name(), spec.shape().to_vec(), values));
                }
            }
        }
        for ((_, buffers), spec) in self.tensors.iter_mut().zip(self.layout.tensors()) {
            for (name, values) in buffers {
                all.push((*name, spec.name(), vec![values.len()], values.as_mut_slice()));
            }
        }
        all
    }

    /// Hands over everything but the buffers.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn hand_over(&self, memo: &mut Memo) {
        memo.put("step", [self.step]);
        memo.put("memory", self.memory);
        if let Some(ledger) = &self.missed {
            let mut part = Memo::new();
            ledger.save(&mut part);
            memo.put_part("missed", part);
        }
    }

    /// Takes back what [`State::hand_over`] gave.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn take_back(&mut self, memo: &Memo) -> Result<(), Error> {
        let (step, memory) = (memo.count("step")?, memo.array("memory")?);
        if let Some(ledger) = &mut self.missed {
            ledger.load(&memo.part("missed"), step)?;
        }
        (self.step, self.memory) = (step, memory);
        Ok(())
    }

    /// How the weights are treated, stretch by stretch.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// How the weights are treated: which of them, by what factors.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn describe_groups(&self) -> String {
        let segments = self.segments.iter().map(|segment| match segment.factors {
            Some(Factors { rate, decay }) => format!("{:?} rate {rate} decay {decay}", segment.range),
            None => format!("{:?} frozen", segment.range),
        });
        Vec::from_iter(segments).join(", ")
    }

    /// Refuses what does not belong together, before anything is changed.
    #[inline(always)]
    pub(super) fn check(
        &self,
        optimizer: &str,
        weights: usize,
        gradient: usize,
        rates: &Rates,
    ) -> Result<(), Error> {
        let len = self.layout.len();
        // One and the same name is the rule, and needs no look at its letters.
        let same = std::ptr::eq(self.optimizer, optimizer) || self.optimizer == optimizer;
        if weights == len && gradient == len && same && rates.legal() {
            return Ok(());
        }
        self.refuse(optimizer, weights, gradient, rates)
    }

    /// Whether these weights can be averaged into as many places.
    pub(super) fn check_average(&self, optimizer: &str, weights: usize, average: usize) -> Result<(), Error> {
        self.check(optimizer, weights, weights, &Rates::from(0.0))?;
        if average != weights {
            return Err(Error::shape("average", &[average], &[weights]));
        }
        Ok(())
    }

    #[cold]
    fn refuse(&self, optimizer: &str, weights: usize, gradient: usize, rates: &Rates) -> Result<(), Error> {
        let len = self.layout.len();
        if self.optimizer != optimizer {
            return Err(Error::Foreign {
                argument: "state".into(),
                given: format!("the optimiser {:?}", self.optimizer),
                expected: format!("{optimizer:?}"),
            });
        }
        if weights != len {
            return Err(Error::shape("weights", &[weights], &[len]));
        }
        if gradient != len {
            return Err(Error::shape("gradient", &[gradient], &[len]));
        }
        rates.refuse()
    }
}
