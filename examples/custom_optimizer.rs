//! A new rule, Lion, in about fifteen lines; then with weight decay around it.
//!
//! Lion moves each weight by the sign of a blend of momentum and gradient (Chen et al., arXiv 2302.06675).

use downhill::objective::functions::BOWL;
use downhill::optim::{Buffer, Moment, Rule};
use downhill::prelude::*;

#[derive(Clone, Copy)]
struct Lion {
    beta1: f64,
    beta2: f64,
}

impl<F: Scalar> Rule<F> for Lion {
    type Slots = [F; 1];
    type Coefficients = [F; 3];

    fn name(&self) -> &'static str {
        "lion"
    }

    fn default_rate(&self) -> f64 {
        1e-4
    }

    fn buffers(&self) -> Vec<Buffer> {
        vec![Buffer::zeros("momentum")]
    }

    fn coefficients(&self, now: Moment) -> [F; 3] {
        [now.learning_rate, self.beta1, self.beta2].map(F::of)
    }

    #[inline(always)]
    fn update([rate, beta1, beta2]: &[F; 3], weight: &mut F, gradient: F, [momentum]: &mut [F; 1]) {
        let blend = |beta: F, old: F| beta * old + (F::one() - beta) * gradient;
        let direction = blend(*beta1, *momentum);
        // The sign of 0 is 0 here, unlike `signum`.
        *weight -= if direction == F::zero() {
            F::zero()
        } else {
            *rate * direction.signum()
        };
        *momentum = blend(*beta2, *momentum);
    }
}

fn main() -> Result<(), Error> {
    let lion = Lion {
        beta1: 0.9,
        beta2: 0.99,
    };
    let schedule = || StepDecay::new(0.02, Span::Steps(400)).factor(0.2);
    println!("an ill-conditioned bowl from {:?}, 2,000 steps:\n", BOWL.start);
    let optimizers: [(&str, Box<dyn Optimizer<f64>>); 3] = [
        ("lion", Box::new(lion)),
        (
            "lion with decoupled weight decay",
            Box::new(lion.decoupled_weight_decay(0.1)),
        ),
        ("momentum", Box::new(Momentum::new(0.9))),
    ];
    for (name, optimizer) in optimizers {
        let bowl = Function::new(BOWL.start.to_vec(), BOWL.value_and_gradient);
        let run = Trainer::new(optimizer)
            .learning_rate(schedule())
            .steps(2000)
            .minimize(bowl)?;
        println!("{name:34} ends {:.1e} from the minimum", run.params.norm());
    }
    Ok(())
}
