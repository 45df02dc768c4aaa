//! Test functions of two variables, with their gradients and minima.

/// A test function of two variables.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TestFunction {
    /// What it is called.
    pub name: &'static str,
    /// A customary point to start from.
    pub start: [f64; 2],
    /// Where the minimum is; `None` where the function is unbounded below.
    pub minimum: Option<[f64; 2]>,
    /// The value at a point; the gradient is written into the second argument.
    pub value_and_gradient: fn(&[f64], &mut [f64]) -> f64,
}

/// Rosenbrock's curved valley, `(1 − x)² + 100 (y − x²)²`; minimum 0 at (1, 1).
///
/// Source: H. H. Rosenbrock, *An Automatic Method for Finding the Greatest or Least Value of a Function* (1960).
pub const ROSENBROCK: TestFunction = TestFunction {
    name: "Rosenbrock",
    start: [-1.2, 1.0],
    minimum: Some([1.0, 1.0]),
    value_and_gradient: |p, g| {
        let (a, b) = (1.0 - p[0], p[1] - p[0] * p[0]);
        g[0] = -2.0 * a - 400.0 * p[0] * b;
        g[1] = 200.0 * b;
        a * a + 100.0 * b * b
    },
};

/// Beale's plateau, `Σ (cₙ − x + x yⁿ)²` with c = 1.5, 2.25, 2.625; minimum 0 at (3, 0.5).
///
/// Source: E. M. L. Beale, *On an Iterative Method for Finding a Local Minimum of a Function* (1958).
pub const BEALE: TestFunction = TestFunction {
    name: "Beale",
    start: [1.0, 1.5],
    minimum: Some([3.0, 0.5]),
    value_and_gradient: |p, g| {
        let (x, y) = (p[0], p[1]);
        let mut value = 0.0;
        (g[0], g[1]) = (0.0, 0.0);
        for (n, c) in [(1, 1.5), (2, 2.25), (3, 2.625)] {
            let residual = c - x + x * y.powi(n);
            value += residual * residual;
            g[0] += 2.0 * residual * (y.powi(n) - 1.0);
            g[1] += 2.0 * residual * f64::from(n) * x * y.powi(n - 1);
        }
        value
    },
};

/// A saddle, `x²/2 − y²/2`: flat at the origin, unbounded below.
pub const SADDLE: TestFunction = TestFunction {
    name: "Saddle",
    start: [1.5, 0.01],
    minimum: None,
    value_and_gradient: |p, g| {
        (g[0], g[1]) = (p[0], -p[1]);
        0.5 * (p[0] * p[0] - p[1] * p[1])
    },
};

/// An ill-conditioned bowl, `x²/2 + 25 y²`: fifty times steeper across than along; minimum 0 at the origin.
pub const BOWL: TestFunction = TestFunction {
    name: "Bowl",
    start: [-4.0, 1.5],
    minimum: Some([0.0, 0.0]),
    value_and_gradient: |p, g| {
        (g[0], g[1]) = (p[0], 50.0 * p[1]);
        0.5 * p[0] * p[0] + 25.0 * p[1] * p[1]
    },
};
