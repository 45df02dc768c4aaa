//! Every optimiser, in one list that drives the tests.

use downhill::optim::*;

/// Every optimiser, in the options that change its memory or its formula.
macro_rules! all {
    ($scalar:ty) => {{
        let all: Vec<Box<dyn Optimizer<$scalar>>> = vec![
            Box::new(GradientDescent),
            Box::new(MiniBatchSgd::new(3)),
            Box::new(Momentum::new(0.9)),
            Box::new(Momentum::new(0.9).nesterov()),
            Box::new(Momentum::new(0.8).dampening(0.3)),
            Box::new(Adagrad::new()),
            Box::new(Adagrad::new().rate_decay(0.1).initial_accumulator(0.5)),
            Box::new(RmsProp::new()),
            Box::new(RmsProp::new().centred()),
            Box::new(RmsProp::new().momentum(0.9)),
            Box::new(RmsProp::new().centred().momentum(0.9)),
            Box::new(Adam::new()),
            Box::new(Adam::new().amsgrad()),
            Box::new(Adam::new().lookahead()),
            Box::new(Adamax::new()),
            Box::new(NAdam::new()),
            Box::new(RAdam::new()),
            Box::new(Adadelta::new()),
            Box::new(AdaBelief::new()),
            Box::new(AdaBound::new()),
            Box::new(AdaBound::new().amsbound()),
            Box::new(Adan::new()),
            Box::new(Qhm::new()),
            Box::new(QhAdam::new()),
            Box::new(AdEmaMix::new().beta3(0.99)),
            Box::new(Madgrad::new()),
            Box::new(ScheduleFree::sgd()),
            Box::new(ScheduleFree::adamw()),
        ];
        all
    }};
}

/// Those whose step depends on a sign, so that the last bit of a sum may decide it.
macro_rules! signs {
    ($scalar:ty) => {{
        let all: Vec<Box<dyn Optimizer<$scalar>>> = vec![
            Box::new(SignSgd::new()),
            Box::new(Signum::new()),
            Box::new(Lion::new()),
            Box::new(Rprop::new()),
            Box::new(Adopt::new()),
            Box::new(Sophia::new()),
        ];
        all
    }};
}

/// Those that move or forget weights even without a gradient.
macro_rules! restless {
    ($scalar:ty) => {{
        let all: Vec<Box<dyn Optimizer<$scalar>>> = vec![
            Box::new(Asgd::new()),
            Box::new(Yogi::new()),
            Box::new(FtrlProximal::new()),
            Box::new(Adam::new().clip_value(0.5)),
            Box::new(GradientDescent.bounded(-1.0, 1.0)),
            Box::new(Momentum::new(0.5).l1(0.01)),
        ];
        all
    }};
}

/// Those that work tensor by tensor.
macro_rules! by_tensor {
    ($scalar:ty) => {{
        let all: Vec<Box<dyn Optimizer<$scalar>>> = vec![
            Box::new(Lamb::new()),
            Box::new(Lars::new().trust(0.1)),
            Box::new(NovoGrad::new()),
            Box::new(Fromage::new()),
            Box::new(Sm3::new()),
            Box::new(Adafactor::new()),
            Box::new(Muon::new().weight_decay(0.0)),
            Box::new(Prodigy::new()),
            Box::new(DAdapt::new()),
            Box::new(Lamb::new().lookahead()),
        ];
        all
    }};
}

/// The same with a weight decay, which moves weights whose gradient is zero.
macro_rules! decaying {
    ($scalar:ty) => {{
        let all: Vec<Box<dyn Optimizer<$scalar>>> = vec![
            Box::new(Momentum::new(0.9).weight_decay(0.1)),
            Box::new(Adam::new().weight_decay(0.1).maximize()),
            Box::new(AdamW::default()),
            Box::new(RmsProp::new().decoupled_weight_decay(0.1)),
        ];
        all
    }};
}

/// All of them.
pub(crate) fn everything() -> impl Iterator<Item = Box<dyn Optimizer<f64>>> {
    all!(f64)
        .into_iter()
        .chain(decaying!(f64))
        .chain(signs!(f64))
        .chain(restless!(f64))
        .chain(by_tensor!(f64))
}
