//! argmin: gradient descent with a constant rate, which it calls Landweber's iteration.

use std::{error::Error, time::Instant};

use argmin::{
    core::{Executor, Gradient, State},
    solver::landweber::Landweber,
};
use downhill_peers::{Answer, Case, serve};

struct Rosenbrock;

impl Gradient for Rosenbrock {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        Ok(vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b])
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    serve(tiny)
}

fn tiny(case: &Case) -> Answer {
    if (case.work.as_str(), case.rule.as_str()) != ("tiny", "sgd") {
        return Ok(None);
    }
    let start = Instant::now();
    let result = Executor::new(Rosenbrock, Landweber::new(case.rate))
        .configure(|state| state.param(vec![-1.2, 1.0]).max_iters(case.steps))
        .timer(false)
        .run()?;
    let seconds = start.elapsed().as_secs_f64();
    let params = result.state().get_param().ok_or("no result")?;
    Ok(Some((seconds, params.clone())))
}
