//! A plane through noisy points: the shortest training there is.

use downhill::ndarray::{Array1, Array2, array};
use downhill::prelude::*;
use downhill::rand::{RngExt, SeedableRng, rngs::ChaCha12Rng};

fn main() -> Result<(), Error> {
    // 500 points on y = 2 a − 3 b + 1, give or take 0.1.
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let inputs = Array2::from_shape_simple_fn((500, 2), || rng.random_range(-1.0..1.0));
    let noise = Array1::from_shape_simple_fn(500, || rng.random_range(-0.1..0.1));
    let targets: Array1<f64> = inputs.dot(&array![2.0, -3.0]) + 1.0 + noise;
    let (training, validation) = Dataset::new(&inputs, &targets)?.split(0.8, 7)?;

    let model = Linear::new(2, 1)?;
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &training).validation(&validation);
    let run = Trainer::new(MiniBatchSgd::new(16))
        .learning_rate(0.05)
        .epochs(40)
        .seed(7)
        .minimize(risk)?;

    for record in run.history.iter().step_by(8) {
        println!("epoch {:2}   training loss {:.5}", record.epoch, record.loss);
    }
    println!(
        "\nweights {:.3}   (in truth 2 and −3)",
        run.params.get("weight")?.flatten()
    );
    println!("bias    {:.3}   (in truth 1)", run.params.get("bias")?);
    println!(
        "validation loss {:.5}   (the noise alone has 0.00333)",
        run.best.value
    );
    Ok(())
}
