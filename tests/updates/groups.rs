//! What surrounds the rule keeps to the groups: frozen tensors stay and count for nothing, rates have their factors.

use downhill::optim::Sgd;
use downhill::prelude::*;
use downhill::train::Constraint;
use downhill::transform::{GradientTransform, Noise};

use crate::assert_near;

/// Two tensors of two weights each, `"kept"` and `"free"`.
struct Two {
    start: [f64; 4],
    /// The slope of every weight.
    slope: [f64; 4],
}

impl Objective<f64> for Two {
    fn start(&self, _: &mut dyn downhill::rand::Rng) -> Params<f64> {
        let mut layout = Layout::new();
        layout.add("kept", 2).unwrap();
        layout.add("free", 2).unwrap();
        let mut params = Params::zeros(&layout);
        params.as_mut_slice().copy_from_slice(&self.start);
        params
    }

    fn value_and_gradient(
        &mut self,
        params: &Params<f64>,
        _: &downhill::data::Batch<'_>,
        gradient: &mut Gradient<f64>,
    ) -> Result<f64, Error> {
        // Half squares around the slopes as seen from 0, so that the second look of a sharp step sees where it stands.
        let pairs = params.as_slice().iter().zip(&self.slope);
        gradient
            .as_mut_slice()
            .iter_mut()
            .zip(pairs.clone())
            .for_each(|(g, (w, slope))| *g = w + slope);
        Ok(pairs
            .map(|(w, slope)| 0.5 * w * w + slope * w)
            .filter(|v| v.is_finite())
            .sum())
    }
}

fn run(trainer: Trainer<'_, f64>, two: Two) -> Run<f64> {
    let trainer = trainer.group(Group::new("kept").frozen());
    trainer.learning_rate(0.1).steps(1).minimize(two).unwrap()
}

#[test]
fn constraints_leave_frozen_tensors_alone() {
    let two = || Two {
        start: [-3.0, 4.0, -3.0, 4.0],
        slope: [0.0; 4],
    };
    for constraint in [
        Constraint::NonNegative,
        Constraint::Simplex { sum: 1.0 },
        Constraint::L2Ball(1.0),
        Constraint::L1(2.0),
        Constraint::GroupLasso(2.0),
    ] {
        let run = run(Trainer::new(Sgd).constrain("*", constraint), two());
        assert_eq!(run.params.as_slice()[..2], [-3.0, 4.0], "{constraint:?}");
        assert_ne!(run.params.as_slice()[2..], [-2.7, 3.6], "{constraint:?}");
    }
}

/// A proximal step is as long as the rate of its tensor says.
#[test]
fn penalties_follow_the_rate_of_their_group() {
    let two = Two {
        start: [2.0; 4],
        slope: [-2.0; 4],
    };
    let run = Trainer::new(Sgd)
        .learning_rate(0.1)
        .group(Group::new("free").rate(3.0))
        .constrain("*", Constraint::L1(1.0))
        .steps(1)
        .minimize(two)
        .unwrap();
    assert_near(run.params.as_slice(), &[1.9, 1.9, 1.7, 1.7], 1e-15);
}

/// Without a part in the norm: the gradient that moves is (3, 4), of norm 5, whatever that of the frozen tensor is.
#[test]
fn frozen_tensors_count_in_no_norm_and_in_nothing_that_is_not_finite() {
    for frozen in [0.0, 1e6, f64::NAN, f64::INFINITY] {
        let two = || Two {
            start: [0.0; 4],
            slope: [frozen, frozen, 3.0, 4.0],
        };
        let mut seen = Vec::new();
        let listener = |event: &downhill::train::StepEvent<'_, f64>| {
            seen.push((event.gradient.as_slice().to_vec(), event.gradient_norm));
        };
        let clip = downhill::transform::ClipNorm::new(1.0).exact();
        let clipped = run(Trainer::new(Sgd).clip_norm(clip).on_step(listener), two());
        assert_eq!(clipped.stop, StopReason::Finished);
        assert_near(clipped.params.as_slice(), &[0.0, 0.0, -0.06, -0.08], 1e-15);
        assert_eq!(seen, [(vec![0.0, 0.0, 3.0, 4.0], Some(5.0))]);

        // The second look is 0.5 further along (0.6, 0.8), where the gradient is (3.3, 4.4).
        let sharp = run(Trainer::new(Sgd).sharpness_aware(0.5), two());
        assert_eq!(sharp.stop, StopReason::Finished);
        assert_near(sharp.params.as_slice(), &[0.0, 0.0, -0.33, -0.44], 1e-12);
    }
}

/// Nor does what a transform puts there.
#[test]
fn noise_on_frozen_tensors_is_none() {
    #[derive(Debug)]
    struct Free;
    impl GradientTransform<f64> for Free {
        fn apply(&mut self, gradient: &mut Gradient<f64>, _: &Params<f64>, _: u64) {
            gradient.as_mut_slice()[2..].copy_from_slice(&[3.0, 4.0]);
        }
    }
    let mut norm = None;
    let listener = |event: &downhill::train::StepEvent<'_, f64>| norm = event.gradient_norm;
    let trainer = Trainer::new(Sgd).transform(Noise::new(9.0)).transform(Free);
    let two = Two {
        start: [0.0; 4],
        slope: [0.0; 4],
    };
    run(trainer.clip_norm(1.0).on_step(listener), two);
    assert_eq!(norm, Some(5.0));
}
