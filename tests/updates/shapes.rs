//! Tensors without an axis and without weights are tensors like others.

use downhill::prelude::*;
use downhill::train::Constraint;
use downhill::transform::{
    AdaptiveClip, Centralize, ClipNorm, ClipTensorNorm, ClipValue, GradientTransform, Maximize, Noise,
    WeightDecay,
};

/// What a transform makes of the gradient 3, −4, 5, … of tensors of these shapes, whose weights are 1.
fn transformed(transform: &mut dyn GradientTransform<f64>, shapes: &[&[usize]]) -> Vec<f64> {
    let mut layout = Layout::new();
    for (number, &shape) in shapes.iter().enumerate() {
        layout.add(&format!("tensor{number}"), shape).unwrap();
    }
    let (mut params, mut gradient) = (Params::zeros(&layout), Gradient::zeros(&layout));
    params.as_mut_slice().fill(1.0);
    for (i, g) in gradient.as_mut_slice().iter_mut().enumerate() {
        *g = (3.0 + i as f64) * if i % 2 == 0 { 1.0 } else { -1.0 };
    }
    transform.apply(&mut gradient, &params, 1);
    gradient.as_slice().to_vec()
}

#[test]
fn a_transform_takes_a_single_weight_for_a_vector_of_one() {
    let transforms: [fn() -> Box<dyn GradientTransform<f64>>; 7] = [
        || Box::new(AdaptiveClip::new(0.1)),
        || Box::new(Centralize),
        || Box::new(ClipTensorNorm(ClipNorm::new(0.5))),
        || Box::new(ClipValue(0.5)),
        || Box::new(Maximize),
        || Box::new(WeightDecay(0.1)),
        || Box::new(Noise::new(0.1)),
    ];
    for make in transforms {
        let single = transformed(&mut *make(), &[&[], &[0], &[2, 0], &[2, 3], &[0, 3, 2], &[]]);
        let vectors = transformed(&mut *make(), &[&[1], &[2, 3], &[1]]);
        assert!(single.iter().all(|g| g.is_finite()), "{:?}: {single:?}", make());
        assert_eq!(single, vectors, "{:?}", make());
    }
}

#[test]
fn a_constraint_holds_for_one_weight_and_for_none() {
    let constraints = [
        (Constraint::NonNegative, 2.0, 0.0),
        (Constraint::Box { low: -0.5, high: 1.0 }, 1.0, -0.5),
        (Constraint::Simplex { sum: 1.5 }, 1.5, 1.5),
        (Constraint::L1Ball(0.5), 0.5, -0.5),
        (Constraint::L2Ball(0.5), 0.5, -0.5),
        (Constraint::MaxBall(0.5), 0.5, -0.5),
        (Constraint::L1(1.0), 1.75, -1.75),
        (Constraint::ElasticNet { l1: 1.0, l2: 3.0 }, 1.0, -1.0),
        (Constraint::GroupLasso(1.0), 1.75, -1.75),
    ];
    for (constraint, above, below) in constraints {
        for (start, end) in [(2.0, above), (-2.0, below)] {
            let mut weight: [f64; 1] = [start];
            constraint.apply(&mut weight, 1, 0.25);
            assert!(
                (weight[0] - end).abs() < 1e-15,
                "{constraint:?}: {start} to {weight:?}"
            );
        }
        for rows in [0, 1, 3] {
            constraint.apply::<f64>(&mut [], rows, 0.25);
        }
    }
}
