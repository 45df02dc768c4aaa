//! Gradient-based optimisation over [`ndarray`]: the rules of `torch.optim` with its numbers, learning-rate schedules,
//! and a training loop, for models of one's own.
//!
//! ```
//! use downhill::prelude::*;
//! use downhill::ndarray::array;
//!
//! // y = 2x + 1
//! let inputs = array![[0.0], [1.0], [2.0], [3.0]];
//! let targets = array![1.0, 3.0, 5.0, 7.0];
//! let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets)?;
//!
//! let run = Trainer::new(Adam::new())
//!     .learning_rate(0.1)
//!     .epochs(500)
//!     .fit(&Linear::new(1, 1)?, &MeanSquaredError, &data)?;
//!
//! assert!(run.history.last().is_some_and(|record| record.loss < 1e-6));
//! # Ok::<(), downhill::Error>(())
//! ```
//!
//! # By task
//!
//! | you want to | see |
//! |---|---|
//! | train a model on data | [`Trainer::fit`], [`model`], [`loss`] |
//! | watch a validation set and metrics | [`EmpiricalRisk`], [`metrics`] |
//! | predict with trained parameters | [`model::predict`] |
//! | know loss and metrics on a test set | [`EmpiricalRisk::measure`] |
//! | minimise a function | [`Trainer::minimize`], [`Function`] |
//! | use an optimiser in your own loop | [`optim::Stepper`] |
//! | write a model, loss, optimiser, schedule | [`Model`], [`Loss`] or [`loss::Pointwise`], [`optim::Rule`], [`LrSchedule`] |
//! | clip, transform or average what a run does | [`transform`], [`train::Average`], [`train::Constraint`] |
//! | see or stop a run | [`train::Callback`] |
//! | stop a run and continue it, or put parameters into a file | [`train::Checkpoints`], [`Params::save`] |
//! | check a gradient | [`objective::check_gradient`] |
//! | find a learning rate, search hyperparameters, cross-validate | [`tune`] |
//! | draw what happened | [`plot`] |
//! | train on more than fits into memory | [`objective::StreamRisk`], [`data::Stream`], `data::MappedNpy` |
//! | split and standardise data | [`data::Split`], [`data::Standardizer`] |
//!
//! # How it fits together
//!
//! Everything that is minimised is the mean or the sum of terms, an [`Objective`]. A [`data::Sampler`] decides which terms a
//! step sees, an [`Optimizer`] how the weights then move, an [`LrSchedule`] how far; the [`Trainer`] turns the crank. All
//! weights of a model live in one contiguous buffer, [`Params`], with a [`Layout`] of named tensors over it. An update rule is
//! written once, for one weight ([`optim::Rule`]), and runs vectorised over all of them.
//!
//! # Features
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `checkpoint` | on | [`Params::save`], [`Trainer::checkpoint`](Trainer::checkpoint): parameters and runs in files |
//! | `faer` | on | matrix products by faer, faster than ndarray's own; without it the crate builds sooner |
//! | `huge-pages` | on | long vectors in huge pages, on Linux |
//! | `interrupt` | off | [`Trainer::interruptible`](Trainer::interruptible): Ctrl-C ends a run at its next step |
//! | `plot` | on | pictures as SVG: [`plot`], `History::plot` and its like |
//! | `png` | off | the same pictures as PNG, by the ending of the name |
//! | `npy` | off | `data::MappedNpy`: NumPy's files, mapped into memory |
//! | `sparse` | off | [`data`]: sparse inputs (`Csr`), files of svmlight and libsvm (`SvmLight`), feature hashing (`FeatureHasher`) |
//! | `progress` | on | [`Trainer::progress_bar`] |
//! | `rayon` | on | large steps and batches on all cores, with the same bits on any number of them |
//! | `tensorboard` | off | `train::TensorBoard`: event files |
//! | `tracing` | off | `train::Tracing`: events of the crate `tracing` |

// In the library itself nothing that bad input reaches may panic; tests and examples may unwrap.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "checkpoint")]
mod archive;
mod error;
mod gradient;
mod group;
mod linalg;
mod math;
mod memo;
mod memory;
mod parallel;
mod params;
mod prefetch;
mod replace;
mod scalar;

pub mod data;
pub mod loss;
pub mod metrics;
pub mod model;
pub mod objective;
pub mod optim;
#[cfg(feature = "plot")]
pub mod plot;
pub mod schedule;
pub mod train;
pub mod transform;
pub mod tune;

pub use data::{BatchSize, Dataset};
pub use error::Error;
pub use gradient::Gradient;
pub use group::{Factors, Group};
pub use loss::Loss;
pub use memo::{Memo, Value};
pub use model::Model;
pub use ndarray;
pub use objective::{EmpiricalRisk, Function, Objective};
pub use optim::Optimizer;
pub use params::{Handle, Layout, Params, TensorSpec};
pub use rand;
pub use scalar::Scalar;
pub use schedule::LrSchedule;
pub use train::{Run, StopReason, Trainer};

/// What most programs need: `use downhill::prelude::*;`.
pub mod prelude {
    pub use crate::{
        BatchSize, Dataset, EmpiricalRisk, Error, Function, Gradient, Group, Layout, Loss, LrSchedule, Model,
        Objective, Optimizer, Params, Run, Scalar, StopReason, Trainer,
        loss::{
            BinaryCrossEntropy, Huber, MeanAbsoluteError, MeanSquaredError, Reduction, SoftmaxCrossEntropy,
        },
        model::{Activation, Linear, Mlp},
        optim::{
            Adagrad, Adam, AdamW, GradientDescent, MiniBatchSgd, Momentum, RmsProp, RuleExt, Sgd,
            TensorRuleExt,
        },
        schedule::{Cyclical, OneCycle, Ramp, ReduceOnPlateau, ScheduleExt, Span, StepDecay},
        train::{EarlyStopping, Watch},
    };

    #[cfg(feature = "checkpoint")]
    pub use crate::train::Checkpoints;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
