//! The numbers are PyTorch's: every golden case of the optimisers, schedules and losses that are there, and whole
//! training runs.

mod clipping;
mod json;
mod lbfgs;
mod losses;
mod optimizers;
mod problems;
mod schedules;
mod table;
mod training;
