//! An optimiser of one's own: `cargo run --release --example custom_optimizer`.
//!
//! Lion (X. Chen et al., *Symbolic Discovery of Optimization Algorithms*, arXiv 2302.06675): every weight moves by the
//! learning rate, against the sign of a momentum.

use downhill::{
    ndarray::{Array1, Array2},
    optim::{Buffer, Hyperparameter, Moment, MovingAverage, Rule},
    prelude::*,
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
};

/// `c ← β₁ m + (1 − β₁) g`, `w ← w − η sign(c)`, `m ← β₂ m + (1 − β₂) g`.
#[derive(Debug)]
struct Lion {
    beta1: f64,
    beta2: f64,
}

impl<F: Scalar> Rule<F> for Lion {
    type Slots = [F; 1]; // m
    type Coefficients = (F, [MovingAverage<F>; 2]); // η; β₁ and β₂

    fn name(&self) -> &'static str {
        "lion"
    }

    fn default_rate(&self) -> f64 {
        1e-4
    }

    fn buffers(&self) -> Vec<Buffer> {
        vec![Buffer::zeros("momentum")]
    }

    /// So that both may follow a schedule.
    fn reads(&self, hyperparameter: Hyperparameter) -> bool {
        matches!(hyperparameter, Hyperparameter::Momentum | Hyperparameter::Beta2)
    }

    fn coefficients(&self, now: Moment) -> Self::Coefficients {
        let betas = [now.momentum(self.beta1), now.beta2(self.beta2)];
        (F::of(now.learning_rate), betas.map(MovingAverage::new))
    }

    #[inline(always)]
    fn update(
        (rate, [mix, keep]): &Self::Coefficients,
        weight: &mut F,
        gradient: F,
        [momentum]: &mut [F; 1],
    ) {
        let mut mixed = *momentum;
        mix.add(&mut mixed, gradient);
        // Unlike `signum`, 0 for 0.
        let sign = if mixed == F::zero() { mixed } else { mixed.signum() };
        *weight -= *rate * sign;
        keep.add(momentum, gradient);
    }
}

const LION: Lion = Lion {
    beta1: 0.9,
    beta2: 0.99,
};

fn main() -> Result<(), Error> {
    // Two classes; of twenty inputs only the first three matter.
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let inputs = Array2::from_shape_simple_fn((600, 20), || rng.random_range(-1.0..1.0));
    let targets: Array1<f64> = (inputs.rows().into_iter())
        .map(|x| {
            let noise = rng.random_range(-2.0..2.0);
            f64::from(2.0 * x[0] - x[1] + 0.5 * x[2] + noise > 0.0)
        })
        .collect();
    let (train, validation) = Dataset::new(&inputs, &targets)?.split(0.2, 7)?;

    println!("                       validation loss   norm of the weights");
    let report = |name: &str, trainer: Trainer<'_, f64>| -> Result<(), Error> {
        let model = Linear::new(20, 1)?;
        let loss = BinaryCrossEntropy::new();
        let risk = EmpiricalRisk::new(&model, &loss, &train).validation(&validation);
        let run = trainer
            .learning_rate(StepDecay::new(0.01, Span::Epochs(50)).factor(0.3))
            .epochs(200)
            .minimize(risk)?;
        let last = run.history.last().and_then(|record| record.validation_loss);
        println!(
            "{name:23}{:15.4}{:22.3}",
            last.unwrap_or(f64::NAN),
            run.params.norm()
        );
        Ok(())
    };
    report("Lion", Trainer::new(LION))?;
    report(
        "Lion with weight decay",
        Trainer::new(LION.decoupled_weight_decay(0.5)),
    )?;
    report("Adam", Trainer::new(Adam::new()))
}
