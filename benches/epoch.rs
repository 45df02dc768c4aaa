//! Measures a epoch.

fn main() {}
