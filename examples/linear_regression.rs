//! A plane through noisy points: `cargo run --release --example linear_regression`.

use downhill::{
    ndarray::{Array1, Array2, array},
    prelude::*,
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
};

fn main() -> Result<(), Error> {
    // 500 points near the plane y = 2 a − 3 b + 1.
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let inputs = Array2::from_shape_simple_fn((500, 2), || rng.random_range(-1.0..1.0));
    let noise = Array1::from_shape_simple_fn(500, || rng.random_range(-0.2..0.2));
    let targets = inputs.dot(&array![2.0, -3.0]) + 1.0 + noise;

    let (train, validation) = Dataset::new(&inputs, &targets)?.split(0.8, 7)?;

    // Fitted with batches of 16 rows; the rate halves every 20 epochs.
    let model = Linear::new(2, 1)?;
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &train).validation(&validation);
    let run = Trainer::new(MiniBatchSgd::new(16))
        .learning_rate(StepDecay::new(0.1, Span::Epochs(20)).factor(0.5))
        .epochs(80)
        .seed(7)
        .minimize(risk)?;

    let best = &run.best.params;
    println!("        true    found");
    println!("a     {:6.3}   {:6.3}", 2.0, best.get("weight")?[[0, 0]]);
    println!("b     {:6.3}   {:6.3}", -3.0, best.get("weight")?[[1, 0]]);
    println!("1     {:6.3}   {:6.3}", 1.0, best.get("bias")?[[0]]);
    println!();
    println!(
        "validation loss {:.5} after {} steps",
        run.best.value, run.best.step
    );
    println!("(the noise alone: {:.5})", 0.2_f64.powi(2) / 3.0);
    Ok(())
}
