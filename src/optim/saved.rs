//! A loop of one's own in a file: weights and memory together, so that it goes on to the same bits.

use std::{collections::VecDeque, path::Path};

use ndarray::{ArrayViewD, ArrayViewMutD};

use super::{Lbfgs, Optimizer, State, Stepper, lbfgs, stepper::numbered};
use crate::{
    Error, Layout, Memo, Params, Scalar,
    archive::{self, Archive, Entry, memory_name},
    model::check_layout,
};

/// What gives saved numbers their meaning.
fn settings<F: Scalar>(optimizer: &str, parameters: String) -> Memo {
    let mut memo = Memo::new();
    memo.put("scalar", std::any::type_name::<F>());
    memo.put("optimizer", optimizer);
    memo.put("parameters", parameters.as_str());
    memo
}

impl<F: Scalar> State<F> {
    /// Writes the weights and all memory as one file, whole or not at all: the checkpoint of a loop of one's own. Feature
    /// `checkpoint`.
    ///
    /// The weights stand under the names of their layout, as in the checkpoints of a trainer, so that
    /// [`Params::load`](crate::Params::load), PyTorch and NumPy read them. Where the state [keeps count](State::catching_up) of
    /// missed steps they are as they are; for readers that know nothing of it, let them [catch up](Optimizer::catch_up) first.
    ///
    /// ```
    /// use downhill::{Layout, optim::{Adam, Optimizer, State}};
    ///
    /// let mut layout = Layout::new();
    /// layout.add("w", 2)?;
    /// let adam = Adam::new();
    /// let (mut state, mut weights) = (State::<f64>::new(&adam, &layout, &[])?, [1.0, -2.0]);
    /// adam.step(&mut state, &mut weights, &[0.5, 0.25], 0.1.into())?;
    /// # let path = std::env::temp_dir().join(format!("downhill-state-{}.safetensors", std::process::id()));
    /// # let path = path.as_path();
    /// state.save(path, &weights)?; // "loop.safetensors"
    ///
    /// // Another day.
    /// let (mut again, mut same) = (State::<f64>::new(&adam, &layout, &[])?, [0.0; 2]);
    /// again.load(path, &mut same)?;
    /// assert_eq!((again, same), (state, weights));
    /// # let _ = std::fs::remove_file(path);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for weights of another length, [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, weights: &[F]) -> Result<(), Error> {
        self.check_len(weights.len())?;
        archive::check_free(self.layout())?;
        let mut memo = Memo::new();
        self.hand_over(&mut memo);
        let (mut copy, mut weights) = (self.clone(), weights.to_vec());
        let entries = entries(&mut copy, &mut weights);
        archive::save(path.as_ref(), self.settings(), memo, entries)
    }

    /// Reads what [`State::save`] wrote, into the weights and the memory of the same optimiser, layout and groups.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Malformed`] for a file that is missing, damaged or no such file, [`Error::Foreign`] for one
    /// of another loop, [`Error::ShapeMismatch`] for weights of another length. Then nothing has changed.
    pub fn load(&mut self, path: impl AsRef<Path>, weights: &mut [F]) -> Result<(), Error> {
        self.check_len(weights.len())?;
        let archive = Archive::open(path.as_ref())?;
        let memo = archive.agreeing(&self.settings())?;
        let mut fresh = self.clone();
        let take_back = fresh.take_back(&memo);
        take_back.map_err(|error| archive.blame(error))?;
        let mut values = weights.to_vec();
        archive::load(&archive, entries(&mut fresh, &mut values))?;
        *self = fresh;
        weights.copy_from_slice(&values);
        Ok(())
    }

    fn check_len(&self, weights: usize) -> Result<(), Error> {
        let len = self.layout().len();
        if weights != len {
            return Err(Error::shape("weights", &[weights], &[len]));
        }
        Ok(())
    }

    fn settings(&self) -> Memo {
        let mut memo = settings::<F>(&self.kind, self.layout().describe());
        memo.put("groups", self.describe_groups().as_str());
        memo.put("catching_up", self.is_catching_up().to_string().as_str());
        memo
    }
}

/// The weights and the buffers of a state.
fn entries<'a, F: Scalar>(state: &'a mut State<F>, weights: &'a mut [F]) -> Vec<Entry<'a, F>> {
    let mut all = tensors(&state.layout().clone(), weights);
    for (buffer, tensor, shape, values) in state.tensors_mut() {
        all.push((memory_name(buffer, tensor), shape, values));
    }
    all
}

/// The tensors of a layout.
fn tensors<'a, F>(layout: &Layout, mut weights: &'a mut [F]) -> Vec<Entry<'a, F>> {
    let mut all = Vec::new();
    for spec in layout.tensors() {
        if let Some(values) = weights.split_off_mut(..spec.range().len()) {
            all.push((spec.name().into(), spec.shape().to_vec(), values));
        }
    }
    all
}

impl<F: Scalar, O: Optimizer<F>> Stepper<F, O> {
    /// Writes the arrays, in the order of the steps, and all memory as one file, whole or not at all. Feature `checkpoint`.
    ///
    /// The arrays stand under the names `"0"`, `"1"` and so on.
    ///
    /// ```
    /// use downhill::optim::{Adam, Pair, Stepper};
    /// use downhill::ndarray::{Array1, array};
    ///
    /// let mut adam = Stepper::new(Adam::new());
    /// let mut weights = array![1.0, -2.0];
    /// adam.step(0.1, &mut [Pair::new(&mut weights, &array![0.5, 0.25])?])?;
    /// # let path = std::env::temp_dir().join(format!("downhill-stepper-{}.safetensors", std::process::id()));
    /// # let path = path.as_path();
    /// adam.save(path, &[weights.view().into_dyn()])?; // "loop.safetensors"
    ///
    /// // Another day.
    /// let (mut again, mut same) = (Stepper::new(Adam::new()), Array1::<f64>::zeros(2));
    /// again.load(path, &mut [same.view_mut().into_dyn()])?;
    /// assert_eq!((again.steps(), same), (1, weights));
    /// # let _ = std::fs::remove_file(path);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Foreign`] if these are not the arrays of the steps so far, [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, arrays: &[ArrayViewD<'_, F>]) -> Result<(), Error> {
        let state = self.state_of(arrays.iter().map(|array| array.shape()))?;
        let weights = Vec::from_iter(arrays.iter().flat_map(|array| array.iter()).copied());
        state.save(path, &weights)
    }

    /// Reads what [`Stepper::save`] wrote, into arrays of the same shapes, and the memory of the same optimiser.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Malformed`] for a file that is missing, damaged or no such file, [`Error::Foreign`] for one
    /// of another loop. Then nothing has changed.
    pub fn load(&mut self, path: impl AsRef<Path>, arrays: &mut [ArrayViewMutD<'_, F>]) -> Result<(), Error> {
        let mut state = self.state_of(arrays.iter().map(|array| array.shape()))?;
        let mut weights = vec![F::zero(); state.layout().len()];
        state.load(path, &mut weights)?;
        self.state = Some(state);
        let places = arrays.iter_mut().flat_map(|array| array.iter_mut());
        places.zip(weights).for_each(|(place, weight)| *place = weight);
        Ok(())
    }

    /// The memory for arrays of these shapes: that there is, or, before the first step, a new one.
    fn state_of<'s>(&self, shapes: impl Iterator<Item = &'s [usize]>) -> Result<State<F>, Error> {
        let layout = numbered(shapes)?;
        match &self.state {
            None => State::new(&self.optimizer, &layout, &[]),
            Some(state) => {
                check_layout("the arrays", &layout, state.layout())?;
                Ok(state.clone())
            }
        }
    }
}

impl<F: Scalar> Lbfgs<F> {
    /// Writes the parameters and all memory as one file, whole or not at all. Feature `checkpoint`.
    ///
    /// ```
    /// use downhill::{Function, Params, objective::functions::ROSENBROCK, optim::Lbfgs};
    ///
    /// let mut objective = Function::new(ROSENBROCK.start.to_vec(), ROSENBROCK.value_and_gradient);
    /// let (mut lbfgs, mut params) = (Lbfgs::new(), Params::from(ROSENBROCK.start.to_vec()));
    /// lbfgs.step(&mut objective, &mut params)?;
    /// # let path = std::env::temp_dir().join(format!("downhill-lbfgs-{}.safetensors", std::process::id()));
    /// # let path = path.as_path();
    /// lbfgs.save(path, &params)?; // "loop.safetensors"
    ///
    /// // Another day.
    /// let (mut again, mut same) = (Lbfgs::new(), Params::zeros(params.layout()));
    /// again.load(path, &mut same)?;
    /// assert_eq!(lbfgs.step(&mut objective, &mut params)?, again.step(&mut objective, &mut same)?);
    /// assert_eq!(params, same);
    /// # let _ = std::fs::remove_file(path);
    /// # Ok::<(), downhill::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, params: &Params<F>) -> Result<(), Error> {
        archive::check_free(params.layout())?;
        let (mut memory, mut params) = (self.memory.clone(), params.clone());
        let mut memo = Memo::new();
        memo.put("updates", [memory.updates]);
        memo.put("evaluations", [memory.evaluations]);
        memo.put("weights", [memory.direction.len() as u64]);
        memo.put("length", [memory.length]);
        memo.put("scaling", [memory.scaling.to_f64_exact()]);
        let inverses = memory.pairs.iter().map(|(_, _, inverse)| inverse.to_f64_exact());
        memo.put("inverses", Vec::from_iter(inverses));
        let settings = settings::<F>("lbfgs", params.layout().describe());
        archive::save(
            path.as_ref(),
            settings,
            memo,
            lbfgs_entries(&mut memory, &mut params),
        )
    }

    /// Reads what [`Lbfgs::save`] wrote; the settings are those of this one.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Malformed`] for a file that is missing, damaged or no such file, [`Error::Foreign`] for one
    /// of another loop or with more pairs than this one remembers. Then nothing has changed.
    pub fn load(&mut self, path: impl AsRef<Path>, params: &mut Params<F>) -> Result<(), Error> {
        let archive = Archive::open(path.as_ref())?;
        let memo = archive.agreeing(&settings::<F>("lbfgs", params.layout().describe()))?;
        let memory = self.memory_of(&memo, params.as_slice().len());
        let mut memory = memory.map_err(|error| archive.blame(error))?;
        let mut fresh = params.clone();
        archive::load(&archive, lbfgs_entries(&mut memory, &mut fresh))?;
        self.memory = memory;
        *params = fresh;
        Ok(())
    }

    /// The memory that a memo tells of, with zeros for the vectors.
    fn memory_of(&self, memo: &Memo, len: usize) -> Result<lbfgs::Memory<F>, Error> {
        let inverses = memo.numbers("inverses")?;
        if inverses.len() > self.history {
            return Err(Error::Foreign {
                argument: "history of Lbfgs".into(),
                given: format!("{} pairs", inverses.len()),
                expected: format!("at most {}", self.history),
            });
        }
        let weights = memo.count("weights")?;
        if weights != 0 && weights != len as u64 {
            let expected = format!("0 or {len}");
            return Err(Error::malformed(crate::memo::SAVED, "weights", weights, expected));
        }
        let zeros = || vec![F::zero(); if weights == 0 { 0 } else { len }];
        let pairs = inverses.iter().map(|&inverse| (zeros(), zeros(), F::of(inverse)));
        Ok(lbfgs::Memory {
            pairs: VecDeque::from_iter(pairs),
            direction: zeros(),
            last_gradient: zeros(),
            length: memo.number("length")?,
            scaling: F::of(memo.number("scaling")?),
            updates: memo.count("updates")?,
            evaluations: memo.count("evaluations")?,
        })
    }
}

fn lbfgs_entries<'a, F: Scalar>(
    memory: &'a mut lbfgs::Memory<F>,
    params: &'a mut Params<F>,
) -> Vec<Entry<'a, F>> {
    let layout = params.layout().clone();
    let mut all = tensors(&layout, params.as_mut_slice());
    let mut keep = |name: String, values: &'a mut Vec<F>| {
        all.push((
            memory_name("lbfgs", &name),
            vec![values.len()],
            values.as_mut_slice(),
        ));
    };
    keep("direction".into(), &mut memory.direction);
    keep("last_gradient".into(), &mut memory.last_gradient);
    for (number, (change, step, _)) in memory.pairs.iter_mut().enumerate() {
        keep(format!("{number}/change"), change);
        keep(format!("{number}/step"), step);
    }
    all
}
