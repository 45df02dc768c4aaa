//! A step allocates nothing after the first: counted by the allocator itself.
#![allow(unsafe_code, reason = "a global allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;

use downhill::data::Order;
use downhill::ndarray::{Array1, Array2, s};
use downhill::optim::{
    Adafactor, Adan, DAdapt, Fromage, Lamb, Lars, Muon, NovoGrad, Optimizer, Pair, Prodigy, ScheduleFree,
    Sm3, State, Stepper,
};
use downhill::prelude::*;
use downhill::schedule::Decay;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counter is a thread-local of a type without a
// destructor, so reading it allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Memory) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, memory) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

fn optimizers() -> Vec<Box<dyn Optimizer<f32>>> {
    vec![
        Box::new(GradientDescent),
        Box::new(Sgd),
        Box::new(MiniBatchSgd::new(8)),
        Box::new(Momentum::new(0.9)),
        Box::new(Adagrad::new()),
        Box::new(RmsProp::new()),
        Box::new(RmsProp::new().centred().momentum(0.9)),
        Box::new(Adam::new()),
        Box::new(Adam::new().amsgrad().weight_decay(0.1)),
        Box::new(Adam::new().decoupled_weight_decay(0.1)),
        Box::new(Adan::new().lookahead()),
        Box::new(ScheduleFree::adamw()),
        Box::new(Lamb::new()),
        Box::new(Lars::new()),
        Box::new(NovoGrad::new()),
        Box::new(Fromage::new()),
        Box::new(Sm3::new()),
        Box::new(Adafactor::new()),
        Box::new(Muon::new()),
        Box::new(Prodigy::new()),
        Box::new(DAdapt::new()),
    ]
}

#[test]
fn counting_counts() {
    let before = allocations();
    std::hint::black_box(vec![0_u8; 100]);
    assert_eq!(allocations() - before, 1);
}

#[test]
fn no_optimizer_allocates() {
    for optimizer in optimizers() {
        let mut layout = Layout::new();
        layout.add("a", (50, 20)).unwrap();
        layout.add("b", 10).unwrap();
        let mut state = State::new(&*optimizer, &layout, &[Group::new("b").rate(2.0)]).unwrap();
        // Muon's products are ndarray's in a lean build, which packs its operands into a buffer of its own.
        if optimizer.name() == "muon" && cfg!(not(feature = "faer")) {
            continue;
        }
        let (mut weights, gradient) = (vec![1.0; 1010], vec![0.5; 1010]);
        optimizer
            .step(&mut state, &mut weights, &gradient, 0.1.into())
            .unwrap();
        let before = allocations();
        for _ in 0..100 {
            optimizer
                .step(&mut state, &mut weights, &gradient, 0.1.into())
                .unwrap();
        }
        assert_eq!(allocations() - before, 0, "{}", optimizer.name());
    }
}

/// On all threads of a pool together. From outside a pool the handing-over of work costs a block of rayon's queue every 63 times.
#[test]
#[cfg(feature = "rayon")]
fn no_shared_step_allocates() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let count = || pool.broadcast(|_| allocations()).iter().sum::<u64>();
    let mut layout = Layout::new();
    layout.add("x", 600_000).unwrap();
    let mut state = State::new(&Momentum::new(0.9), &layout, &[]).unwrap();
    let mut weights = Params::zeros(&layout);
    let gradient = Gradient::<f32>::zeros(&layout);
    let mut step = |times| {
        for _ in 0..times {
            assert!(gradient.is_finite());
            let rates = downhill::optim::Rates::from(0.1).gradient_scale(1.0 + gradient.norm());
            Momentum::new(0.9)
                .step(&mut state, weights.as_mut_slice(), gradient.as_slice(), rates)
                .unwrap();
        }
    };
    pool.install(|| step(10));
    let before = count();
    pool.install(|| step(50));
    assert_eq!(count() - before, 0);
    step(10);
    let before = allocations();
    step(63);
    assert!(
        allocations() - before <= 4,
        "three times a step, and in {} blocks",
        allocations() - before
    );
}

/// Nor does the gradient of a batch in many parts, on all threads of a pool together.
#[test]
#[cfg(all(feature = "rayon", feature = "faer"))]
fn no_shared_gradient_allocates() {
    use downhill::data::Batch;
    let inputs = Array2::from_shape_fn((6000, 100), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
    let labels = Array1::from_shape_fn(6000, |i| i % 3);
    let data = Dataset::new(&inputs, &labels).unwrap();
    let network = Mlp::new(&[100, 16, 3]).unwrap();
    let pass = |rows, times, counted: &dyn Fn() -> u64| {
        let mut risk = EmpiricalRisk::new(&network, &SoftmaxCrossEntropy, &data);
        risk.prepare(rows).unwrap();
        let params = Params::zeros(&Model::<f32>::layout(&network));
        let mut gradient = Gradient::zeros(params.layout());
        let mut before = 0;
        for time in 0..times {
            if time == 2 {
                before = counted();
            }
            risk.value_and_gradient(&params, &Batch::Range(0..rows), &mut gradient)
                .unwrap();
        }
        counted() - before
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let count = || pool.broadcast(|_| allocations()).iter().sum::<u64>();
    // The first products of a thread make room for faer to pack its operands.
    pool.broadcast(|_| pass(500, 3, &allocations));
    pool.install(|| {
        let idle = count();
        let idle = count() - idle;
        assert_eq!(pass(6000, 20, &count), idle);
    });
}

#[test]
fn no_stepper_allocates() {
    let mut stepper = Stepper::new(Adam::new());
    let (mut weights, gradient) = (Array2::<f64>::ones((8, 8)), Array2::ones((8, 8)));
    stepper
        .step(0.1, &mut [Pair::new(&mut weights, &gradient).unwrap()])
        .unwrap();
    let before = allocations();
    for _ in 0..100 {
        stepper
            .step(0.1, &mut [Pair::new(&mut weights, &gradient).unwrap()])
            .unwrap();
    }
    assert_eq!(allocations() - before, 0);
}

/// Allocations from after step 3 to after step 100, with a rate that is never the same.
fn in_a_run_of<F: Scalar>(
    optimizer: impl Optimizer<F>,
    fit: impl FnOnce(Trainer<'_, F>) -> Result<Run<F>, Error>,
) -> u64 {
    let (mut at, mut total) = (0, 0);
    let listener = |event: &downhill::train::StepEvent<'_, F>| match event.step {
        3 => at = allocations(),
        100 => total = allocations() - at,
        _ => {}
    };
    let rate = Decay::inverse_time(0.01, 0.01, Span::Steps(1));
    let run = fit(Trainer::new(optimizer)
        .learning_rate(rate)
        .steps(100)
        .on_step(listener))
    .unwrap();
    assert_eq!(run.steps, 100);
    total
}

/// The same of Adam on batches of 8.
fn in_a_run(fit: impl FnOnce(Trainer<'_, f32>) -> Result<Run<f32>, Error>) -> u64 {
    in_a_run_of(Adam::new(), |trainer| fit(trainer.batch(8)))
}

#[test]
fn no_training_allocates() {
    let inputs = Array2::from_shape_fn((1000, 20), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
    let targets = Array1::from_shape_fn(1000, |i| (i % 2) as f32);
    let labels = Array1::from_shape_fn(1000, |i| i % 3);
    let binary = Dataset::new(&inputs, &targets).unwrap();
    let classes = Dataset::new(&inputs, &labels).unwrap();
    let line = Linear::new(20, 1).unwrap();
    assert_eq!(
        in_a_run(|trainer| trainer.fit(&line, &BinaryCrossEntropy::new(), &binary)),
        0,
        "logistic regression"
    );
    let network = Mlp::new(&[20, 16, 3]).unwrap();
    let network = in_a_run(|trainer| trainer.fit(&network, &SoftmaxCrossEntropy, &classes));
    // Without faer, ndarray's matrix product packs its operands into a buffer of its own: five products in each of 97 steps.
    let allowed = if cfg!(feature = "faer") { 0 } else { 5 * 97 };
    assert!(network <= allowed, "network: {network} allocations");
}

/// In double precision, row by row and in batches that leave a short one, with clipping.
#[test]
fn no_logistic_regression_allocates() {
    let inputs = Array2::from_shape_fn((1000, 20), |(i, j)| ((i * 7 + j * 3) % 11) as f64 / 11.0);
    let targets = Array1::from_shape_fn(1000, |i| (i % 2) as f64);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let (line, loss) = (Linear::new(20, 1).unwrap(), BinaryCrossEntropy::new());
    for batch in [1, 7, 8] {
        let counted = in_a_run_of(Momentum::new(0.9), |trainer| {
            trainer.clip_norm(0.1).batch(batch).fit(&line, &loss, &data)
        });
        assert_eq!(counted, 0, "batches of {batch}");
    }
    let single = in_a_run_of(Sgd, |trainer| trainer.fit(&line, &loss, &data));
    assert_eq!(single, 0, "rows");
}

/// Nor on inputs that do not lie end to end, such as a table without its first column.
#[test]
fn no_training_on_a_part_of_a_table_allocates() {
    let table = Array2::from_shape_fn((1000, 21), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
    let inputs = table.slice(s![.., 1..]);
    let labels = Array1::from_shape_fn(1000, |i| i % 3);
    let data: Dataset<'_, f32, Array2<f32>, Array1<usize>> = Dataset::new(inputs, labels.view()).unwrap();
    let network = Mlp::new(&[20, 16, 3]).unwrap();
    for order in [Order::Sequential, Order::Shuffled] {
        let counted = in_a_run(|trainer| trainer.order(order).fit(&network, &SoftmaxCrossEntropy, &data));
        let allowed = if cfg!(feature = "faer") { 0 } else { 5 * 97 };
        assert!(counted <= allowed, "{counted} allocations, {order:?}");
    }
}

/// Row by row, in batches whose rows share columns, and with steps to catch up on.
#[cfg(feature = "sparse")]
#[test]
fn no_sparse_training_allocates() {
    use downhill::{data::Csr, optim::Lazy};
    let mut inputs = Csr::new(5000).unwrap();
    for row in 0..1000 {
        inputs
            .push((0..5 + row % 23).map(|i| ((row * 37 + i * i * i) % 5000, 0.5)))
            .unwrap();
    }
    let targets = Array1::from_shape_fn(1000, |i| (i % 2) as f32);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let line = Linear::new(5000, 1).unwrap();
    let loss = BinaryCrossEntropy::new();
    for batch in [1, 8] {
        let rules: [(fn() -> Box<dyn Optimizer<f32>>, Lazy); 5] = [
            (|| Box::new(Adam::new()), Lazy::Exact),
            (|| Box::new(Adam::new()), Lazy::Touched),
            (|| Box::new(Adagrad::new()), Lazy::Exact),
            (|| Box::new(MiniBatchSgd::new(8)), Lazy::Exact),
            (|| Box::new(Momentum::new(0.9).weight_decay(0.1)), Lazy::Exact),
        ];
        for (rule, lazy) in rules {
            let own = rule().batch().is_some();
            let counted = in_a_run_of(rule(), |trainer| {
                let trainer = if own { trainer } else { trainer.batch(batch) };
                trainer.lazy(lazy).clip_norm(0.5).fit(&line, &loss, &data)
            });
            assert_eq!(counted, 0, "{} in batches of {batch}, {lazy:?}", rule().name());
        }
    }
}

/// Epochs are single steps here, and their records are kept: the rest allocates nothing.
#[test]
fn no_minimisation_allocates() {
    let square = |steps| {
        let function = Function::new(vec![1.0_f32; 10], |x: &[f32], g: &mut [f32]| {
            g.copy_from_slice(x);
            x.iter().map(|x| x * x).sum::<f32>() / 2.0
        });
        let before = allocations();
        Trainer::new(Adam::new()).steps(steps).minimize(function).unwrap();
        allocations() - before
    };
    // Between 10,000 and 14,000 steps the history is thinned to one record in four: its vector has its final size.
    assert_eq!(square(14_000), square(10_000));
}

/// Nor does the end of an epoch, of which 100 steps see several or are one each.
#[test]
fn no_epoch_allocates() {
    let inputs = Array2::from_shape_fn((96, 20), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
    let targets = Array1::from_shape_fn(96, |i| (i % 2) as f32);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let (line, loss) = (Linear::new(20, 1).unwrap(), BinaryCrossEntropy::new());
    let full = in_a_run_of(GradientDescent, |trainer| trainer.fit(&line, &loss, &data));
    assert_eq!(full, 0, "all rows a step");
    for batch in [1, 7, 32] {
        let several = in_a_run_of(Adam::new(), |trainer| {
            trainer.batch(batch).fit(&line, &loss, &data)
        });
        assert_eq!(several, 0, "batches of {batch}");
    }
    // Nobody listens: many steps are made in one go.
    let alone = |epochs| {
        let before = allocations();
        Trainer::new(Sgd).epochs(epochs).fit(&line, &loss, &data).unwrap();
        allocations() - before
    };
    assert_eq!(alone(2), alone(40));
}
