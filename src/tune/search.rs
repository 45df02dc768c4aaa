//! Grid search, random search, successive halving.

use std::{path::PathBuf, time::Instant};

use super::{Evaluation, Results, Space, Trial, journal::Journal, workers};
use crate::{
    Error,
    error::check,
    train::{Goal, Interrupt},
};

/// A search for hyperparameters: try some, look, try others, automated (J. Hare's *Grad Student Descent*).
///
/// | kind | tries |
/// |---|---|
/// | [`Search::grid`] | every combination of choices |
/// | [`Search::random`] | so many random combinations; better than a grid where few hyperparameters matter |
/// | [`Search::halving`] | many combinations a little, and the best of them longer and longer |
///
/// A closure builds whatever is to be tried, trains it, and gives its score. [`minimize`](Search::minimize) looks for the
/// lowest, such as a validation loss, [`maximize`](Search::maximize) for the highest, such as an accuracy. Trials run side
/// by side. What is tried depends on the seed alone, so the same seed gives the same trials and, where the closure looks at
/// nothing but its trial, the same scores, whatever the number of threads. With a [`journal`](Search::journal) a search
/// that was interrupted continues where it was, and one that is repeated with more trials only adds those.
///
/// | setting | default |
/// |---|---|
/// | [`seed`](Search::seed) | 0 |
/// | [`threads`](Search::threads) | one a core |
/// | [`factor`](Search::factor) of halving | 3 |
///
/// ```
/// use downhill::{objective::functions::ROSENBROCK, prelude::*, tune::{Search, Space}};
///
/// let space = Space::new().log_uniform("learning_rate", 1e-4, 1.0).choice("beta1", [0.5, 0.9]);
/// let results = Search::random(space, 20).seed(7).minimize(|trial| {
///     let valley = Function::new(ROSENBROCK.start.to_vec(), ROSENBROCK.value_and_gradient);
///     let run = Trainer::new(Adam::new().beta1(trial.number("beta1")?))
///         .learning_rate(trial.number("learning_rate")?)
///         .steps(500)
///         .minimize(valley)?;
///     Ok(run.best.value)
/// })?;
/// println!("{results}");
/// assert!(results.best().is_some_and(|best| best.score < 0.1));
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Sources: J. Bergstra and Y. Bengio, *Random Search for Hyper-Parameter Optimization* (2012); K. Jamieson and
/// A. Talwalkar, *Non-stochastic Best Arm Identification and Hyperparameter Optimization*, arXiv 1502.07943 (2016).
#[derive(Debug, Clone)]
#[must_use]
pub struct Search {
    space: Space,
    plan: Plan,
    seed: u64,
    threads: Option<usize>,
    journal: Option<PathBuf>,
    interrupt: Option<Interrupt>,
}

#[derive(Debug, Clone, PartialEq)]
enum Plan {
    Grid,
    Random {
        trials: usize,
    },
    Halving {
        trials: usize,
        first: u64,
        factor: usize,
    },
}

impl Search {
    /// Every combination; the space must be of choices only.
    pub fn grid(space: Space) -> Self {
        Self::new(space, Plan::Grid)
    }

    /// So many random combinations, at least 1.
    pub fn random(space: Space, trials: usize) -> Self {
        Self::new(space, Plan::Random { trials })
    }

    /// So many random combinations, at least 1, on a budget of `first`, at least 1; the best third of them, from scratch, on
    /// three times as much; and so on until one is left. [`Search::factor`] makes it another share.
    pub fn halving(space: Space, trials: usize, first: u64) -> Self {
        let factor = 3;
        Self::new(
            space,
            Plan::Halving {
                trials,
                first,
                factor,
            },
        )
    }

    fn new(space: Space, plan: Plan) -> Self {
        Self {
            space,
            plan,
            seed: 0,
            threads: None,
            journal: None,
            interrupt: None,
        }
    }

    /// Sets the seed of the random combinations. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many trials run side by side, at least 1. Default: one a core.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Sets by which factor trials become fewer and budgets larger in halving, at least 2. Default: 3.
    pub fn factor(mut self, by: usize) -> Self {
        if let Plan::Halving { factor, .. } = &mut self.plan {
            *factor = by;
        }
        self
    }

    /// Keeps every score in a file, as a table with commas, from the moment it is there; trials that stand in the file are
    /// not run again. It belongs to one search: with another seed or space it is refused.
    pub fn journal(mut self, path: impl Into<PathBuf>) -> Self {
        self.journal = Some(path.into());
        self
    }

    /// Begins no further trial once a flag is raised, and leaves out those that it may have cut short; the results are then
    /// not [complete](Results::is_complete), and with a journal the search can be continued. Give the same flag to the
    /// trainers ([`Trainer::interrupt`](crate::Trainer::interrupt)), so that Ctrl-C, say, need not wait for them.
    pub fn interrupt(mut self, interrupt: &Interrupt) -> Self {
        self.interrupt = Some(interrupt.clone());
        self
    }

    /// Runs all trials that are not in the journal, and gives the scores of all. The lowest is the best, NaN the worst.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] or [`Error::Empty`] for an illegal setting; [`Error::Io`] and [`Error::Malformed`] if the
    /// journal cannot be read or written, or is of another search; and the closure's, of the first trial that has one. Trials
    /// that were done before it are in the journal.
    pub fn minimize(&self, score: impl Fn(&Trial) -> Result<f64, Error> + Sync) -> Result<Results, Error> {
        self.run(score, Goal::Lowest)
    }

    /// The same where the highest score is the best.
    ///
    /// # Errors
    /// As [`Search::minimize`].
    pub fn maximize(&self, score: impl Fn(&Trial) -> Result<f64, Error> + Sync) -> Result<Results, Error> {
        self.run(score, Goal::Highest)
    }

    fn run(&self, score: impl Fn(&Trial) -> Result<f64, Error> + Sync, goal: Goal) -> Result<Results, Error> {
        self.space.validate()?;
        let threads = self.threads.unwrap_or_else(workers::cores);
        check::require(threads > 0, "threads", threads, "at least 1")?;
        let mut trials = self.trials()?;
        let names: Vec<&str> = self.space.names().collect();
        let journal = match &self.journal {
            Some(path) => Some(Journal::open(path, &names, &trials)?),
            None => None,
        };
        let evaluate = |trial: &Trial| {
            if let Some(known) = journal.as_ref().and_then(|journal| journal.find(trial)) {
                return Ok(Some(known));
            }
            let is_raised = || self.interrupt.as_ref().is_some_and(Interrupt::is_raised);
            if is_raised() {
                return Ok(None);
            }
            let started = Instant::now();
            let score = score(trial)?;
            if is_raised() {
                return Ok(None);
            }
            let evaluation = Evaluation {
                trial: trial.clone(),
                score,
                seconds: started.elapsed().as_secs_f64(),
            };
            if let Some(journal) = &journal {
                journal.add(&evaluation)?;
            }
            Ok(Some(evaluation))
        };
        let mut evaluations = Vec::new();
        let complete = loop {
            let begun = trials.len();
            let rung = workers::map(&trials, threads, evaluate)?;
            let rung: Vec<Evaluation> = rung.into_iter().flatten().collect();
            trials = self.survivors(&rung, goal);
            let complete = rung.len() == begun;
            evaluations.extend(rung);
            if !complete || trials.is_empty() {
                break complete;
            }
        };
        Ok(Results::new(self.space.clone(), goal, evaluations, complete))
    }

    /// What is tried first.
    fn trials(&self) -> Result<Vec<Trial>, Error> {
        let (trials, budget) = match self.plan {
            Plan::Grid => {
                let numbered = self.space.grid()?.into_iter().enumerate();
                let trial = |(index, settings)| Trial {
                    index,
                    budget: None,
                    settings,
                };
                return Ok(numbered.map(trial).collect());
            }
            Plan::Random { trials } => (trials, None),
            Plan::Halving {
                trials,
                first,
                factor,
            } => {
                check::require(first > 0, "first budget", first, "at least 1")?;
                check::require(factor >= 2, "factor", factor, "at least 2")?;
                (trials, Some(first))
            }
        };
        check::require(trials > 0, "trials", trials, "at least 1")?;
        let trial = |index| Trial {
            index,
            budget,
            settings: self.space.draw(self.seed, index),
        };
        Ok((0..trials).map(trial).collect())
    }

    /// What is tried again on a larger budget: the best, in the order of their numbers.
    fn survivors(&self, rung: &[Evaluation], goal: Goal) -> Vec<Trial> {
        let Plan::Halving { factor, .. } = self.plan else {
            return Vec::new();
        };
        if rung.len() <= 1 {
            return Vec::new();
        }
        let mut ranked: Vec<&Evaluation> = rung.iter().collect();
        ranked.sort_by(|a, b| a.rank(b, goal));
        ranked.truncate((rung.len() / factor).max(1));
        ranked.sort_by_key(|evaluation| evaluation.trial.index);
        let longer = |evaluation: &&Evaluation| {
            let budget = evaluation.trial.budget;
            evaluation
                .trial
                .with_budget(budget.map(|budget| budget.saturating_mul(factor as u64)))
        };
        ranked.iter().map(longer).collect()
    }
}
