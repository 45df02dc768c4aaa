//! No trainer, no model: `cargo run --release --example own_loop`.
//!
//! A network of two layers, written out over plain arrays, learns to tell two rings apart.

use downhill::{
    Error,
    ndarray::{Array1, Array2, Axis},
    optim::{Adam, Pair, Stepper},
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
};

const HIDDEN: usize = 16;

fn main() -> Result<(), Error> {
    // Points in a disc; those in its outer half are of class 1.
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let inputs = Array2::from_shape_simple_fn((400, 2), || rng.random_range(-1.5..1.5));
    let labels: Array1<f64> = inputs
        .rows()
        .into_iter()
        .map(|p| f64::from(p.dot(&p) > 1.0))
        .collect();
    let labels = labels.insert_axis(Axis(1));

    let mut weight1 = Array2::from_shape_simple_fn((2, HIDDEN), || rng.random_range(-1.0..1.0));
    let mut bias1 = Array1::zeros(HIDDEN);
    let mut weight2 = Array2::from_shape_simple_fn((HIDDEN, 1), || rng.random_range(-0.5..0.5));
    let mut bias2 = Array1::zeros(1);

    let mut adam = Stepper::new(Adam::new());
    for epoch in 0..=500 {
        // Forwards.
        let hidden = (inputs.dot(&weight1) + &bias1).mapv(f64::tanh);
        let probability = (hidden.dot(&weight2) + &bias2).mapv(|logit| 1.0 / (1.0 + f64::exp(-logit)));

        if epoch % 100 == 0 {
            let right = probability
                .iter()
                .zip(&labels)
                .filter(|(p, y)| (**p > 0.5) == (**y > 0.5));
            let right = right.count() as f64 / labels.len() as f64;
            println!("epoch {epoch:3}: {:5.1} % right", 100.0 * right);
        }

        // Backwards: cross-entropy through the sigmoid is a difference.
        let output = (probability - &labels) / labels.len() as f64;
        let inner = output.dot(&weight2.t()) * hidden.mapv(|h| 1.0 - h * h);
        let weight2_gradient = hidden.t().dot(&output);
        let weight1_gradient = inputs.t().dot(&inner);
        // A product may come out column by column; a step needs rows.
        let weight2_gradient = weight2_gradient.as_standard_layout();
        let weight1_gradient = weight1_gradient.as_standard_layout();

        adam.step(
            0.03,
            &mut [
                Pair::new(&mut weight1, &weight1_gradient)?,
                Pair::new(&mut bias1, &inner.sum_axis(Axis(0)))?,
                Pair::new(&mut weight2, &weight2_gradient)?,
                Pair::new(&mut bias2, &output.sum_axis(Axis(0)))?,
            ],
        )?;
    }
    Ok(())
}
