//! Measures a step.

fn main() {}
