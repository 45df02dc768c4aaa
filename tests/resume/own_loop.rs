//! Loops of one's own, saved at every step and continued.

use std::{fs, path::Path};

use downhill::{
    ndarray::{Array1, Array2, array},
    objective::functions::ROSENBROCK,
    optim::{Adagrad, Lbfgs, Optimizer, Pair, State, Stepper},
    prelude::*,
};

use super::{Folder, optimizers};

const STEPS: usize = 6;

fn layout() -> Layout {
    let mut layout = Layout::new();
    layout.add("weight", (3, 2)).unwrap();
    layout.add("bias", 2).unwrap();
    layout
}

/// Some gradient that depends on the weights.
fn gradient(weights: &[f64]) -> Vec<f64> {
    Vec::from_iter(
        weights
            .iter()
            .enumerate()
            .map(|(i, w)| (i as f64 + 1.0) * w.sin() - 0.1),
    )
}

fn groups() -> Vec<Group> {
    vec![Group::new("bias").rate(0.5)]
}

#[test]
fn a_state_of_every_optimizer() {
    let folder = Folder::new();
    let path = folder.path().join("loop.safetensors");
    for optimizer in optimizers::everything() {
        let fresh = || State::<f64>::new(&optimizer, &layout(), &groups()).unwrap();
        let step = |state: &mut State<f64>, weights: &mut [f64]| {
            let gradient = gradient(weights);
            let rate = optimizer.default_rate().min(0.1);
            optimizer.step(state, weights, &gradient, rate.into()).unwrap();
        };
        let (mut state, mut weights) = (fresh(), [0.5, -0.25, 1.0, 2.0, -1.5, 0.75, 0.1, -0.2]);
        for at in 0..STEPS {
            state.save(&path, &weights).unwrap();
            let (mut again, mut same) = (fresh(), [0.0; 8]);
            again.load(&path, &mut same).unwrap();
            assert_eq!(
                (&again, &same),
                (&state, &weights),
                "{} at {at}",
                optimizer.name()
            );
            step(&mut again, &mut same);
            step(&mut state, &mut weights);
            assert_eq!(
                (&again, &same),
                (&state, &weights),
                "{} after {at}",
                optimizer.name()
            );
        }
    }
}

/// The weights have their own names, for whoever reads them.
#[test]
fn the_weights_are_parameters() {
    let folder = Folder::new();
    let path = folder.path().join("loop.safetensors");
    let state = State::<f64>::new(&Adam::new(), &layout(), &[]).unwrap();
    let weights = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    state.save(&path, &weights).unwrap();
    let mut params = Params::<f64>::zeros(&layout());
    params.load(&path).unwrap();
    assert_eq!(params.as_slice(), weights);
}

#[test]
fn a_stepper() {
    let folder = Folder::new();
    let path = folder.path().join("loop.safetensors");
    let step = |stepper: &mut Stepper<f64, Adam>, weight: &mut Array2<f64>, bias: &mut Array1<f64>| {
        let (g, h) = (weight.mapv(f64::sin), bias.mapv(f64::cos));
        let pairs = &mut [Pair::new(weight, &g).unwrap(), Pair::new(bias, &h).unwrap()];
        stepper.step(0.1, pairs).unwrap();
    };
    let (mut stepper, mut weight, mut bias) = (
        Stepper::new(Adam::new()),
        array![[1.0, -2.0], [0.5, 3.0]],
        array![0.25],
    );
    for at in 0..STEPS {
        stepper
            .save(&path, &[weight.view().into_dyn(), bias.view().into_dyn()])
            .unwrap();
        let (mut again, mut same, mut other) =
            (Stepper::new(Adam::new()), Array2::zeros((2, 2)), Array1::zeros(1));
        again
            .load(
                &path,
                &mut [same.view_mut().into_dyn(), other.view_mut().into_dyn()],
            )
            .unwrap();
        assert_eq!(again.steps(), at as u64);
        step(&mut again, &mut same, &mut other);
        step(&mut stepper, &mut weight, &mut bias);
        assert_eq!((&same, &other), (&weight, &bias), "after {at}");
    }
}

#[test]
fn lbfgs() {
    let folder = Folder::new();
    let path = folder.path().join("loop.safetensors");
    let new = || Lbfgs::new().updates(3).history(4).strong_wolfe();
    let mut objective = Function::new(ROSENBROCK.start.to_vec(), ROSENBROCK.value_and_gradient);
    let (mut lbfgs, mut params) = (new(), Params::from(ROSENBROCK.start.to_vec()));
    for at in 0..STEPS {
        lbfgs.save(&path, &params).unwrap();
        let (mut again, mut same) = (new(), Params::zeros(params.layout()));
        again.load(&path, &mut same).unwrap();
        let values = (
            again.step(&mut objective, &mut same),
            lbfgs.step(&mut objective, &mut params),
        );
        assert_eq!(values.0, values.1);
        assert_eq!(
            (&same, again.evaluations_made()),
            (&params, lbfgs.evaluations_made()),
            "after {at}"
        );
    }
    let fewer = Lbfgs::new()
        .history(1)
        .load(&path, &mut params.clone())
        .unwrap_err();
    assert!(fewer.to_string().contains("4 pairs"), "{fewer}");
}

/// Of another loop, or no such file at all; and what was there stays.
#[test]
fn a_foreign_file_is_refused() {
    let folder = Folder::new();
    let path = folder.path().join("loop.safetensors");
    let adam = Adam::new();
    let mut state = State::<f64>::new(&adam, &layout(), &[]).unwrap();
    let mut weights = [1.0; 8];
    let gradient = gradient(&weights);
    adam.step(&mut state, &mut weights, &gradient, 0.1.into())
        .unwrap();
    state.save(&path, &weights).unwrap();

    let foreign = |error: Error| assert!(matches!(error, Error::Foreign { .. }), "{error}");
    let mut other = State::<f64>::new(&Adagrad::new(), &layout(), &[]).unwrap();
    foreign(other.load(&path, &mut weights.clone()).unwrap_err());
    let mut grouped = State::<f64>::new(&adam, &layout(), &groups()).unwrap();
    foreign(grouped.load(&path, &mut weights.clone()).unwrap_err());
    let mut single = State::<f32>::new(&adam, &layout(), &[]).unwrap();
    foreign(single.load(&path, &mut [0.0; 8]).unwrap_err());
    foreign(
        Lbfgs::new()
            .load(&path, &mut Params::<f64>::zeros(&layout()))
            .unwrap_err(),
    );
    let mut one = Array1::<f64>::zeros(8);
    let mut stepper = Stepper::new(Adam::new());
    foreign(stepper.load(&path, &mut [one.view_mut().into_dyn()]).unwrap_err());
    assert_eq!(stepper.steps(), 0);
    assert!(matches!(
        state.load(&path, &mut [0.0; 3]),
        Err(Error::ShapeMismatch { .. })
    ));
    assert!(matches!(
        state.save(&path, &[0.0; 3]),
        Err(Error::ShapeMismatch { .. })
    ));

    let before = (state.clone(), weights);
    let mut bytes = fs::read(&path).unwrap();
    for spoil in [0, 100, bytes.len() - 1] {
        bytes[spoil] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let error = state.load(&path, &mut weights).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        bytes[spoil] ^= 1;
    }
    let nowhere = state.load(Path::new("/no/such/file"), &mut weights).unwrap_err();
    assert!(matches!(nowhere, Error::Io { .. }), "{nowhere}");
    assert_eq!((state, weights), before);
}
