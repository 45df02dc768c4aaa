//! What every optimiser promises, checked for each one in a single list.

use downhill::optim::*;
use downhill::prelude::*;
use proptest::prelude::*;

mod exports;
#[macro_use]
mod optimizers;

use exports::{exported, methods};
use optimizers::everything;

/// A new rule joins the lists, and with that the tests below, or is named here as no rule.
#[test]
fn no_rule_is_missing_from_the_lists() {
    let lists = include_str!("optimizers/mod.rs").replace(char::is_whitespace, "");
    let interfaces = [
        "lbfgs",
        "lookahead",
        "missed",
        "moving_average",
        "rates",
        "rule",
        "slots",
        "state",
        "stepper",
        "wrappers",
    ];
    let rules = exported(include_str!("../src/optim/mod.rs"), &interfaces);
    assert!(rules.len() > 35, "{rules:?}");
    for rule in rules {
        let listed = lists.contains(&format!("new({rule}::")) || lists.contains(&format!("new({rule})"));
        let other = match rule {
            // The same rule with another batch.
            "Sgd" => true,
            "MuonScale" | "Tensor" | "TensorBuffer" | "TensorRule" | "TensorRuleExt" => true,
            // Made by methods that are in the lists.
            "TensorLookahead" | "TensorDecay" => true,
            "step_tensors" | "step_tensor_pairs" => true,
            _ => false,
        };
        assert!(listed != other, "{rule} is in no list, or is said to be no rule");
    }
    let wrappers = methods(include_str!("../src/optim/wrappers.rs"), "pub trait RuleExt");
    assert!(wrappers.len() > 5, "{wrappers:?}");
    for wrapper in wrappers {
        assert!(lists.contains(&format!(".{wrapper}(")), "{wrapper} is in no list");
    }
}

fn state<F: Scalar>(optimizer: &dyn Optimizer<F>, sizes: &[usize], groups: &[Group]) -> State<F> {
    let mut layout = Layout::new();
    for (number, &size) in sizes.iter().enumerate() {
        layout.add(&format!("tensor{number}"), size).unwrap();
    }
    State::new(optimizer, &layout, groups).unwrap()
}

/// Arrays of one's own move to the same bits as the tensors of a model, where sums over all of them decide a step too; and
/// the average is to be had.
#[test]
fn a_stepper_moves_arrays_as_one_vector() {
    use downhill::ndarray::{Array1, Array2};
    let mut layout = Layout::new();
    layout.add("0", (3, 4)).unwrap();
    layout.add("1", 5).unwrap();
    for (optimizer, own) in everything().zip(everything()) {
        let name = optimizer.name();
        let mut state = State::new(&optimizer, &layout, &[]).unwrap();
        let mut whole = Vec::from_iter((0..17).map(|i| f64::from(i * 7 % 11) / 5.0 - 0.9));
        let mut matrix = Array2::from_shape_vec((3, 4), whole[..12].to_vec()).unwrap();
        let mut vector = Array1::from(whole[12..].to_vec());
        let mut stepper = Stepper::new(own);
        for step in 0..7 {
            let gradient =
                Vec::from_iter((0..17).map(|i| whole[i] + f64::from((i as i32 * 5 + step) % 7) / 3.0 - 0.8));
            optimizer
                .step(&mut state, &mut whole, &gradient, 0.01.into())
                .unwrap();
            let matrix_gradient = Array2::from_shape_vec((3, 4), gradient[..12].to_vec()).unwrap();
            let vector_gradient = Array1::from(gradient[12..].to_vec());
            let mut pairs = [
                Pair::new(&mut matrix, &matrix_gradient).unwrap(),
                Pair::new(&mut vector, &vector_gradient).unwrap(),
            ];
            stepper.step(0.01, &mut pairs).unwrap();
            assert!(matrix.iter().chain(&vector).eq(&whole), "{name}, step {step}");
        }
        assert_eq!(stepper.state(), Some(&state), "{name}");
        let mut expected = whole.clone();
        optimizer.average(&state, &whole, &mut expected).unwrap();
        let (mut first, mut second) = (Array2::zeros((3, 4)), Array1::zeros(5));
        let mut pairs = [
            Pair::new(&mut first, &matrix).unwrap(),
            Pair::new(&mut second, &vector).unwrap(),
        ];
        stepper.average(&mut pairs).unwrap();
        assert!(first.iter().chain(&second).eq(&expected), "{name}");
    }
}

/// A matrix of 6 weights, a vector of 5 and a single one without an axis.
fn matrix<F: Scalar>(optimizer: &dyn Optimizer<F>, groups: &[Group]) -> State<F> {
    let mut layout = Layout::new();
    layout.add("matrix", (2, 3)).unwrap();
    layout.add("vector", 5).unwrap();
    layout.add("scalar", ()).unwrap();
    State::new(optimizer, &layout, groups).unwrap()
}

/// The weights after a step along each of these gradients.
fn walk<F: Scalar>(
    optimizer: &dyn Optimizer<F>,
    state: &mut State<F>,
    mut weights: Vec<F>,
    gradients: &[Vec<F>],
    rate: f64,
) -> Vec<F> {
    for gradient in gradients {
        optimizer
            .step(state, &mut weights, gradient, rate.into())
            .unwrap();
    }
    weights
}

/// From no axis to four, and some of no weights at all.
const SHAPES: [&[usize]; 12] = [
    &[],
    &[1],
    &[3],
    &[0],
    &[1, 1],
    &[2, 3],
    &[0, 3],
    &[2, 0],
    &[2, 3, 2],
    &[2, 0, 2],
    &[2, 1, 3, 2],
    &[0, 0, 0, 0],
];

/// Where the gradient is not zero every weight moves, whatever the shape of its tensor.
#[test]
fn tensors_of_every_shape_move() {
    let mut layout = Layout::new();
    for (number, shape) in SHAPES.into_iter().enumerate() {
        layout.add(&format!("tensor{number}"), shape).unwrap();
    }
    for optimizer in everything() {
        let mut state = State::new(&optimizer, &layout, &[]).unwrap();
        let start = Vec::from_iter((0..layout.len()).map(|i| 0.4 + f64::from(i as u32 * 5 % 7) / 9.0));
        let gradients = Vec::from_iter((0..4).map(|step| {
            Vec::from_iter((0..layout.len()).map(|i| 0.3 + f64::from((i as u32 * 7 + step) % 11) / 8.0))
        }));
        let end = walk(&optimizer, &mut state, start.clone(), &gradients, 0.01);
        for tensor in layout.tensors() {
            let pairs = end[tensor.range()].iter().zip(&start[tensor.range()]);
            let moved = pairs
                .filter(|(end, start)| end.is_finite() && end != start)
                .count();
            let shape = tensor.shape();
            assert_eq!(moved, tensor.range().len(), "{} {shape:?}", optimizer.name());
        }
    }
}

fn vector() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-2.0..2.0_f64, 12)
}

fn gradients() -> impl Strategy<Value = Vec<Vec<f64>>> {
    prop::collection::vec(vector(), 1..8)
}

/// A rule reads what it says and nothing else: what it reads moves the weights, what it does not read is refused.
#[test]
fn hyperparameters_are_read_or_refused() {
    let gradients = Vec::from_iter(
        (0..25).map(|t| Vec::from_iter((0..12).map(|i| f64::from(i * 13 + t * t * 7).sin() + 0.2))),
    );
    let run = |optimizer: &dyn Optimizer<f64>, rates: Rates| -> Result<Vec<f64>, Error> {
        let (mut weights, mut memory) = (vec![0.5; 12], matrix(optimizer, &[]));
        for gradient in &gradients {
            optimizer.step(&mut memory, &mut weights, gradient, rates)?;
        }
        Ok(weights)
    };
    let mut read = 0;
    for optimizer in everything() {
        let (name, plain) = (optimizer.name(), Rates::from(0.01));
        let own = run(&*optimizer, plain).unwrap();
        for (which, rates) in [
            (Hyperparameter::Momentum, plain.momentum(0.35)),
            (Hyperparameter::Beta2, plain.beta2(0.35)),
            (Hyperparameter::WeightDecay, plain.weight_decay(0.35)),
        ] {
            assert_eq!(rates.get(which), Some(0.35));
            match run(&*optimizer, rates) {
                Ok(set) => assert!(optimizer.reads(which) && set != own, "{name}: {which:?}"),
                Err(error) => {
                    let expected = Error::NotRead {
                        hyperparameter: which.name(),
                        optimizer: name.into(),
                    };
                    assert_eq!((optimizer.reads(which), error), (false, expected));
                }
            }
            read += usize::from(optimizer.reads(which));
        }
    }
    assert!(read > 50, "{read} are read");
}

/// What climbs does not descend.
fn descends(optimizer: &dyn Optimizer<f64>) -> bool {
    let (mut weights, mut memory) = ([1.0], state(optimizer, &[1], &[]));
    for _ in 0..3 {
        optimizer
            .step(&mut memory, &mut weights, &[1.0], 0.01.into())
            .unwrap();
    }
    weights[0] <= 1.0
}

/// Around a tensor rule lookahead and decay do what they do around an element-wise one: here around plain descent in
/// both forms.
#[test]
fn around_a_tensor_rule_is_around_a_rule() {
    #[derive(Debug)]
    struct Descent;
    impl<F: Scalar> TensorRule<F> for Descent {
        fn name(&self) -> &'static str {
            "descent"
        }
        fn default_rate(&self) -> f64 {
            0.1
        }
        fn buffers(&self, _: &[usize]) -> Vec<TensorBuffer> {
            vec![]
        }
        fn update(&self, now: Moment, mut tensor: Tensor<'_, F>) {
            let rate = F::of(now.learning_rate);
            let (weights, gradients, _) = tensor.split();
            weights
                .iter_mut()
                .zip(gradients)
                .for_each(|(w, g)| *w -= rate * g);
        }
    }
    let by_tensor = TensorRuleExt::lookahead(TensorRuleExt::decoupled_weight_decay(Descent, 0.3))
        .every(3)
        .share(0.4);
    let by_weight = RuleExt::lookahead(RuleExt::decoupled_weight_decay(GradientDescent, 0.3))
        .every(3)
        .share(0.4);
    let start = Vec::from_iter((0..12).map(|i| f64::from(i * 5 % 7) - 2.0));
    let gradients = Vec::from_iter(
        (0..11).map(|t| Vec::from_iter((0..12).map(|i| f64::from((i * 3 + t * 7) % 11) - 4.0))),
    );
    let groups = [Group::new("matrix").rate(0.5).decay(0.0)];
    let a = walk(
        &by_tensor,
        &mut matrix(&by_tensor, &groups),
        start.clone(),
        &gradients,
        0.05,
    );
    let b = walk(
        &by_weight,
        &mut matrix(&by_weight, &groups),
        start.clone(),
        &gradients,
        0.05,
    );
    assert_eq!(a, b);
    // Slow weights that follow all the way at every step change nothing, sums over all weights included.
    let (plain, followed) = (Prodigy::new(), Prodigy::new().lookahead().every(1).share(1.0));
    let a = walk(&plain, &mut matrix(&plain, &[]), start.clone(), &gradients, 1.0);
    let b = walk(&followed, &mut matrix(&followed, &[]), start, &gradients, 1.0);
    let near = a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-14);
    assert!(near, "{a:?} is not {b:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn without_a_gradient_nothing_moves(start in vector(), steps in 1..5_usize) {
        // Fromage shrinks all weights a little at each step.
        let still = by_tensor!(f64).into_iter().filter(|optimizer| optimizer.name() != "fromage");
        for optimizer in all!(f64).into_iter().chain(signs!(f64)).chain(still) {
            let still = vec![vec![0.0; 12]; steps];
            for mut state in [state(&*optimizer, &[12], &[]), matrix(&*optimizer, &[])] {
                let end = walk(&*optimizer, &mut state, start.clone(), &still, 0.1);
                // Schedule-free rules make the weight anew from its average.
                let near = end.iter().zip(&start).all(|(a, b)| (a - b).abs() < 1e-15);
                prop_assert!(near, "{}: {end:?}", optimizer.name());
            }
        }
    }

    #[test]
    fn single_precision_agrees_with_double(start in vector(), gradients in gradients()) {
        let cast = |values: &[f64]| values.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let exact = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        // Gradients are not small: where one is rounding, an adaptive rule makes a step of it.
        let gradients: Vec<Vec<f64>> = gradients.iter().map(|g| g.iter().map(|x| x + x.signum()).collect()).collect();
        let double = all!(f64).into_iter().chain(decaying!(f64)).chain(signs!(f64)).chain(restless!(f64)).chain(by_tensor!(f64));
        let single = all!(f32).into_iter().chain(decaying!(f32)).chain(signs!(f32)).chain(restless!(f32)).chain(by_tensor!(f32));
        let pairs = double.zip(single);
        for (double, single) in pairs {
            let narrow: Vec<Vec<f32>> = gradients.iter().map(|g| cast(g)).collect();
            let wide: Vec<Vec<f64>> = narrow.iter().map(|g| exact(g)).collect();
            let ours = walk(&*single, &mut matrix(&*single, &[]), cast(&start), &narrow, 0.01);
            let theirs = walk(&*double, &mut matrix(&*double, &[]), exact(&cast(&start)), &wide, 0.01);
            for (a, b) in ours.iter().zip(&theirs) {
                prop_assert!((f64::from(*a) - b).abs() < 2e-5, "{}: {a} is not {b}", double.name());
            }
        }
    }

    #[test]
    fn tensors_may_be_cut_anywhere(start in vector(), gradients in gradients(), cut in 1..11_usize) {
        for optimizer in all!(f64).into_iter().chain(decaying!(f64)).chain(signs!(f64)).chain(restless!(f64)) {
            let whole = walk(&*optimizer, &mut state(&*optimizer, &[12], &[]), start.clone(), &gradients, 0.1);
            // A group of its own keeps the second tensor a pass of its own.
            let groups = [Group::new("tensor1").rate(0.5)];
            let mut parts = state(&*optimizer, &[cut, 12 - cut], &groups);
            let parts = walk(&*optimizer, &mut parts, start.clone(), &gradients, 0.1);
            prop_assert_eq!(&whole[..cut], &parts[..cut], "{}", optimizer.name());
            let mut halved = state(&*optimizer, &[12], &[]);
            let halved = walk(&*optimizer, &mut halved, start.clone(), &gradients, 0.05);
            prop_assert_eq!(&halved[cut..], &parts[cut..], "{}", optimizer.name());
        }
    }

    #[test]
    fn a_copied_state_continues_to_the_same_bits(start in vector(), before in gradients(), after in gradients()) {
        for optimizer in everything() {
            let mut first = matrix(&*optimizer, &[]);
            let middle = walk(&*optimizer, &mut first, start.clone(), &before, 0.1);
            let mut second = first.clone();
            let a = walk(&*optimizer, &mut first, middle.clone(), &after, 0.1);
            let b = walk(&*optimizer, &mut second, middle, &after, 0.1);
            prop_assert_eq!(a, b);
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn what_is_frozen_stays_memory_included(start in vector(), gradients in gradients()) {
        for optimizer in everything() {
            let mut frozen = matrix(&*optimizer, &[Group::new("matrix").frozen()]);
            let fresh = frozen.clone();
            let end = walk(&*optimizer, &mut frozen, start.clone(), &gradients, 0.1);
            prop_assert_eq!(&end[..6], &start[..6]);
            for ((_, now), (_, then)) in frozen.buffers().zip(fresh.buffers()) {
                prop_assert_eq!(&now[..6], &then[..6]);
            }
            prop_assert_eq!(frozen.tensor_buffers().next(), fresh.tensor_buffers().next());
            prop_assert_eq!(frozen.steps(), gradients.len() as u64);
        }
    }

    #[test]
    fn a_scaled_gradient_is_a_gradient_scaled_by_hand(start in vector(), gradients in gradients(), scale in 0.1..2.0_f64) {
        for optimizer in all!(f64).into_iter().chain(decaying!(f64)).chain(signs!(f64)).chain(restless!(f64)) {
            let scaled: Vec<Vec<f64>> = gradients.iter().map(|g| g.iter().map(|x| scale * x).collect()).collect();
            let by_hand = walk(&*optimizer, &mut state(&*optimizer, &[12], &[]), start.clone(), &scaled, 0.1);
            let (mut by_rates, mut memory) = (start.clone(), state(&*optimizer, &[12], &[]));
            for gradient in &gradients {
                let rates = downhill::optim::Rates::from(0.1).gradient_scale(scale);
                optimizer.step(&mut memory, &mut by_rates, gradient, rates).unwrap();
            }
            prop_assert_eq!(by_hand, by_rates, "{}", optimizer.name());
        }
    }

    /// Each wrapper does what can be done by hand around the plain rule.
    #[test]
    fn wrappers_are_what_they_say(start in vector(), gradients in gradients(), decay in 0.0..0.5_f64) {
        fn compare<R>(plain: R, start: &[f64], gradients: &[Vec<f64>], decay: f64) -> Result<(), TestCaseError>
        where
            R: downhill::optim::Rule<f32> + downhill::optim::Rule<f64> + Copy,
        {
            let rate = 0.1;
            let by_hand = |before: &dyn Fn(&mut f64, &mut f64)| {
                let (mut weights, mut memory) = (start.to_vec(), state::<f64>(&plain, &[12], &[]));
                for gradient in gradients {
                    let mut gradient = gradient.clone();
                    weights.iter_mut().zip(&mut gradient).for_each(|(w, g)| before(w, g));
                    Optimizer::step(&plain, &mut memory, &mut weights, &gradient, rate.into()).unwrap();
                }
                weights
            };
            let wrapped = |rule: &dyn Optimizer<f64>| walk(rule, &mut state(rule, &[12], &[]), start.to_vec(), gradients, rate);
            prop_assert_eq!(wrapped(&plain.weight_decay(decay)), by_hand(&|w, g| *g += decay * *w));
            prop_assert_eq!(wrapped(&plain.decoupled_weight_decay(decay)), by_hand(&|w, _| *w *= 1.0 - rate * decay));
            prop_assert_eq!(wrapped(&plain.clip_value(0.7).weight_decay(decay)), by_hand(&|w, g| *g = (*g + decay * *w).clamp(-0.7, 0.7)));
            prop_assert_eq!(wrapped(&plain.weight_decay(decay).clip_value(0.7)), by_hand(&|w, g| *g = g.clamp(-0.7, 0.7) + decay * *w));
            prop_assert_eq!(wrapped(&plain.maximize()), by_hand(&|_, g| *g = -*g));
            prop_assert_eq!(wrapped(&plain.weight_decay(decay).maximize()), by_hand(&|w, g| *g = -*g + decay * *w));
            Ok(())
        }
        compare(GradientDescent, &start, &gradients, decay)?;
        compare(Momentum::new(0.9).nesterov(), &start, &gradients, decay)?;
        compare(Adagrad::new(), &start, &gradients, decay)?;
        compare(RmsProp::new().centred().momentum(0.5), &start, &gradients, decay)?;
        compare(Adam::new().amsgrad(), &start, &gradients, decay)?;

        /// Around every other rule all of them at once.
        macro_rules! nested {
            ($($plain:expr),* $(,)?) => {$(
                let plain = $plain;
                let (mut by_hand, mut memory) = (start.clone(), state::<f64>(&plain, &[12], &[]));
                for gradient in &gradients {
                    let mut gradient = gradient.clone();
                    for (w, g) in by_hand.iter_mut().zip(&mut gradient) {
                        *g = (-*g).clamp(-0.7, 0.7) + decay * *w;
                        *w *= 1.0 - 0.1 * decay;
                    }
                    Optimizer::step(&plain, &mut memory, &mut by_hand, &gradient, 0.1.into()).unwrap();
                    for w in &mut by_hand {
                        *w = w.clamp(-1.5, 1.5);
                    }
                }
                let rule = plain.decoupled_weight_decay(decay).weight_decay(decay).clip_value(0.7).maximize().bounded(-1.5, 1.5);
                let wrapped = walk(&rule, &mut state(&rule, &[12], &[]), start.clone(), &gradients, 0.1);
                prop_assert_eq!(wrapped, by_hand, "{}", Optimizer::<f64>::name(&plain));
            )*};
        }
        nested![
            Adamax::new(), NAdam::new(), RAdam::new(), Adadelta::new(), Rprop::new(), Asgd::new(), Lion::new(), Yogi::new(),
            AdaBelief::new(), AdaBound::new(), Adan::new(), Qhm::new(), QhAdam::new(), SignSgd::new(), Signum::new(),
            AdEmaMix::new(), Adopt::new(), Madgrad::new(), FtrlProximal::new(), Sophia::new(), ScheduleFree::sgd(),
            ScheduleFree::adamw(),
        ];
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// On a convex quadratic, with a rate that suits it, every optimiser ends far below its start.
    #[test]
    fn every_optimizer_descends(start in vector(), curvatures in prop::collection::vec(0.5..2.0_f64, 12)) {
        let value = |w: &[f64]| w.iter().zip(&curvatures).map(|(w, c)| 0.5 * c * w * w).sum::<f64>();
        prop_assume!(value(&start) > 0.1);
        for optimizer in everything().filter(|optimizer| descends(&**optimizer)) {
            let rate = match optimizer.name() {
                "adagrad" | "ftrl-proximal" | "sm3" => 0.5,
                "adadelta" | "prodigy" | "dadapt-adamw" => 1.0,
                // Adafactor's is relative to the root mean square of the tensor, which is small where few weights are not 0.
                "adafactor" | "qhm" => 0.1,
                "sign-sgd" | "signum" | "lion" | "fromage" | "lars" | "adopt" | "sophia" => 0.005,
                _ => 0.02,
            };
            let (mut weights, mut memory) = (start.clone(), matrix(&*optimizer, &[]));
            for step in 0..2000 {
                let gradient: Vec<f64> = weights.iter().zip(&curvatures).map(|(w, c)| c * w).collect();
                // Half way the rate begins to fall, for those that never stand still.
                let rate = if step < 1000 { rate } else { rate * (2000 - step) as f64 / 1000.0 };
                optimizer.step(&mut memory, &mut weights, &gradient, rate.into()).unwrap();
            }
            prop_assert!(value(&weights) < 0.05 * value(&start), "{}: {} from {}", optimizer.name(), value(&weights), value(&start));
        }
    }
}
