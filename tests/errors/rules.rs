//! The settings of every update rule: each is checked, by its name.

use downhill::optim::*;
use downhill::prelude::*;

use crate::refused;

/// Every rule whose settings are numbers, with a setting that is none, for each of them.
macro_rules! none {
    ($($rule:expr => $($setting:ident)*;)*) => {{
        let all: Vec<(Box<dyn Optimizer<f64>>, &str)> = vec![
            $($((Box::new($rule.$setting(f64::NAN)), stringify!($setting)),)*)*
        ];
        all
    }};
}

fn validate(rule: &dyn Optimizer<f64>) -> Result<State<f64>, Error> {
    let mut layout = Layout::new();
    layout.add("x", (2, 3))?;
    State::new(rule, &layout, &[])
}

#[test]
fn no_setting_may_be_nan() {
    for (rule, setting) in none! {
        AdaBelief::new() => beta1 beta2 epsilon epsilon_root;
        AdaBound::new() => beta1 beta2 epsilon final_factor gamma;
        Adadelta::new() => rho epsilon;
        Adafactor::new() => decay_power epsilon1 epsilon2 clip weight_decay;
        Adagrad::new() => epsilon rate_decay initial_accumulator;
        Adam::new() => beta1 beta2 epsilon epsilon_root;
        Adamax::new() => beta1 beta2 epsilon;
        Adan::new() => beta1 beta2 beta3 epsilon epsilon_root;
        AdEmaMix::new() => beta1 beta2 beta3 alpha epsilon epsilon_root;
        Adopt::new() => beta1 beta2 epsilon;
        Asgd::new() => lambda alpha start;
        DAdapt::new() => beta1 beta2 epsilon initial weight_decay;
        Fromage::new() => min_norm;
        FtrlProximal::new() => l1 l2 beta;
        Lamb::new() => beta1 beta2 epsilon epsilon_root weight_decay;
        Lars::new() => momentum trust epsilon weight_decay;
        Lion::new() => beta1 beta2;
        Madgrad::new() => momentum epsilon;
        Momentum::new(0.9) => dampening;
        Muon::new() => momentum weight_decay epsilon;
        NAdam::new() => beta1 beta2 epsilon epsilon_root momentum_decay;
        NovoGrad::new() => beta1 beta2 epsilon epsilon_root weight_decay;
        Prodigy::new() => beta1 beta2 beta3 epsilon initial coefficient weight_decay;
        QhAdam::new() => beta1 beta2 nu1 nu2 epsilon;
        Qhm::new() => beta nu;
        RAdam::new() => beta1 beta2 epsilon epsilon_root threshold;
        RmsProp::new() => alpha epsilon momentum initial_mean_square;
        Rprop::new() => shrink grow shortest longest;
        ScheduleFree::adamw() => beta1 beta2 epsilon weight_decay power;
        ScheduleFree::sgd() => beta1 weight_decay power;
        Signum::new() => beta;
        Sm3::new() => momentum;
        Sophia::new() => beta1 beta2 gamma clip epsilon;
        Yogi::new() => beta1 beta2 epsilon;
    } {
        refused(validate(&*rule), "InvalidArgument", &[setting, "NaN"]);
    }
}

#[test]
fn ranges_end_where_the_docs_say() {
    let cases: Vec<(Box<dyn Optimizer<f64>>, &str, &str)> = vec![
        (Box::new(AdaBelief::new().beta1(1.0)), "beta1 is 1", "below 1"),
        (Box::new(AdaBound::new().gamma(0.0)), "gamma is 0", "above 0"),
        (
            Box::new(AdaBound::new().final_factor(0.0)),
            "final_factor is 0",
            "above 0",
        ),
        (
            Box::new(Adafactor::new().decay_power(0.5)),
            "decay_power is 0.5",
            "at most 0",
        ),
        (
            Box::new(Adafactor::new().epsilon1(0.0)),
            "epsilon1 is 0",
            "above 0",
        ),
        (Box::new(Adafactor::new().clip(0.0)), "clip is 0", "above 0"),
        (Box::new(Fromage::new().min_norm(0.0)), "min_norm is 0", "above 0"),
        (Box::new(Lars::new().trust(0.0)), "trust is 0", "above 0"),
        (
            Box::new(Muon::new().iterations(0)),
            "iterations is 0",
            "at least 1",
        ),
        (
            Box::new(Muon::new().coefficients([1.0, f64::INFINITY, 1.0])),
            "coefficients is inf",
            "finite",
        ),
        (
            Box::new(Prodigy::new().coefficient(0.0)),
            "coefficient is 0",
            "above 0",
        ),
        (Box::new(DAdapt::new().initial(0.0)), "initial is 0", "above 0"),
        (Box::new(QhAdam::new().nu2(1.5)), "nu2 is 1.5", "from 0 to 1"),
        (Box::new(Rprop::new().shrink(1.0)), "shrink is 1", "below 1"),
        (Box::new(Rprop::new().grow(1.0)), "grow is 1", "above 1"),
        (
            Box::new(Rprop::new().longest(1e-9)),
            "shortest is 0.000001",
            "at most longest",
        ),
        (Box::new(ScheduleFree::sgd().beta1(0.0)), "beta1 is 0", "above 0"),
        (Box::new(Sophia::new().clip(0.0)), "clip is 0", "above 0"),
        (
            Box::new(GradientDescent.clip_value(0.0)),
            "limit of clip_value is 0",
            "above 0",
        ),
        (
            Box::new(GradientDescent.bounded(1.0, -1.0)),
            "low of bounded is 1",
            "at most high, -1",
        ),
        (
            Box::new(GradientDescent.bounded(f64::NAN, 1.0)),
            "low of bounded is NaN",
            "at most high",
        ),
        (
            Box::new(GradientDescent.l1(-1.0)),
            "strength of l1 is -1",
            "at least 0",
        ),
    ];
    for (rule, given, expected) in cases {
        refused(validate(&*rule), "InvalidArgument", &[given, expected]);
    }
}

/// The first and last values that the docs allow are legal.
#[test]
fn ends_of_ranges_are_legal() {
    let legal: Vec<Box<dyn Optimizer<f64>>> = vec![
        Box::new(Adam::new().beta1(0.0).beta2(0.0).epsilon(0.0)),
        Box::new(Adafactor::new().decay_power(0.0).epsilon2(0.0)),
        Box::new(Momentum::new(0.0)),
        Box::new(QhAdam::new().nu1(0.0).nu2(1.0)),
        Box::new(Rprop::new().shortest(1.0).longest(1.0)),
        Box::new(Sophia::new().clip(f64::INFINITY)),
        Box::new(GradientDescent.bounded(f64::NEG_INFINITY, f64::INFINITY)),
    ];
    for rule in legal {
        assert!(validate(&*rule).is_ok(), "{}", rule.name());
    }
}
