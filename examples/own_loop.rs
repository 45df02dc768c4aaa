//! No trainer: an optimiser over one's own arrays, in one's own loop, as `torch.optim` is.
//!
//! A network of two layers learns exclusive or.

use downhill::ndarray::{Array1, Array2, Axis, array};
use downhill::optim::{Adam, Pair, Stepper};
use downhill::rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

fn main() -> Result<(), downhill::Error> {
    let inputs = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let targets = array![[0.0], [1.0], [1.0], [0.0]];
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let mut random = |shape| Array2::<f64>::from_shape_simple_fn(shape, || rng.random_range(-1.0..1.0));
    let (mut w1, mut w2) = (random((2, 8)), random((8, 1)));
    let (mut b1, mut b2) = (Array1::<f64>::zeros(8), Array1::<f64>::zeros(1));

    let mut adam = Stepper::new(Adam::new());
    for step in 1..=1000 {
        // Forwards …
        let hidden = (inputs.dot(&w1) + &b1).mapv(f64::tanh);
        let error = hidden.dot(&w2) + &b2 - &targets;
        // … and backwards, through the mean of the squared errors.
        let output_gradient = &error * (2.0 / 4.0);
        let hidden_gradient = output_gradient.dot(&w2.t()) * (1.0 - &hidden * &hidden);
        let (g1, g2) = (inputs.t().dot(&hidden_gradient), hidden.t().dot(&output_gradient));
        let (h1, h2) = (
            hidden_gradient.sum_axis(Axis(0)),
            output_gradient.sum_axis(Axis(0)),
        );

        // The products of transposed arrays may be in column order; an optimiser wants rows.
        let (g1, g2) = (g1.as_standard_layout(), g2.as_standard_layout());
        adam.step(
            0.02,
            &mut [
                Pair::new(&mut w1, &g1)?,
                Pair::new(&mut b1, &h1)?,
                Pair::new(&mut w2, &g2)?,
                Pair::new(&mut b2, &h2)?,
            ],
        )?;
        if step % 200 == 0 {
            println!(
                "step {step:4}   loss {:.2e}",
                error.mapv(|e| e * e).mean().unwrap_or(f64::NAN)
            );
        }
    }
    let outputs = (inputs.dot(&w1) + &b1).mapv(f64::tanh).dot(&w2) + &b2;
    println!("\n0 xor 0, 0 xor 1, 1 xor 0, 1 xor 1: {:.2}", outputs.flatten());
    Ok(())
}
