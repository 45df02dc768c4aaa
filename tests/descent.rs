//! Plain descent on one row after another, made in one go where nobody listens: to the bits of steps made one by one.

use std::sync::atomic::{AtomicUsize, Ordering};

use downhill::data::Order;
use downhill::loss::{Pointwise, Reduction};
use downhill::model::{Descent, Model};
use downhill::ndarray::{Array1, Array2, ArrayView2};
use downhill::optim::{Buffer, Moment, Optimizer, Rule};
use downhill::prelude::*;
use downhill::schedule::{Decay, from_fn};
use downhill::train::{Average, NonFinite};

/// Everything of a run but the time it took.
fn bits<F: Scalar>(run: &Run<F>) -> String {
    let weights = |params: &Params<F>| {
        let values = params.as_slice().iter();
        Vec::from_iter(values.map(|w| w.to_f64_exact().to_bits()))
    };
    let mut records = run.history.to_vec();
    records.iter_mut().for_each(|record| record.seconds = 0.0);
    format!(
        "{:?}\nbest {:?}, {:?} at {}\n{:?} after {} steps, {} left out, {} epochs\n{records:#?}",
        weights(&run.params),
        weights(&run.best.params),
        run.best.value,
        run.best.step,
        run.stop,
        run.steps,
        run.skipped,
        run.epochs,
    )
}

/// A run that nobody listens to, and one that makes every step by itself because somebody does.
fn assert_same<F: Scalar>(what: &str, run: impl Fn(Trainer<'_, F>) -> Run<F>)
where
    Sgd: Optimizer<F>,
{
    let (alone, heard) = (run(Trainer::new(Sgd)), run(Trainer::new(Sgd).on_step(|_| {})));
    assert_eq!(bits(&alone), bits(&heard), "{what}");
}

/// Rows of numbers between −1 and 1, with a target of 0 or 1 each.
fn rows<F: Scalar>(rows: usize, columns: usize) -> (Array2<F>, Array1<F>) {
    let number = |(i, j): (usize, usize)| F::of(((i * 37 + j * 101) % 257) as f64 / 128.0 - 1.0);
    let inputs = Array2::from_shape_fn((rows, columns), number);
    let targets = inputs.map_axis(downhill::ndarray::Axis(1), |row| {
        if row.sum() > F::zero() {
            F::one()
        } else {
            F::zero()
        }
    });
    (inputs, targets)
}

fn dense<F: Scalar>()
where
    Sgd: Optimizer<F>,
{
    for columns in [1, 3, 16, 50, 100] {
        let (inputs, targets) = rows::<F>(203, columns);
        let data = Dataset::new(&inputs, &targets).unwrap();
        for model in [Linear::new(columns, 1), Linear::without_intercept(columns, 1)] {
            let (model, loss) = (model.unwrap(), BinaryCrossEntropy::new());
            for order in [Order::Sequential, Order::Shuffled] {
                let rate = || Decay::inverse_time(0.1, 0.01, Span::Steps(1));
                assert_same::<F>(&format!("{columns} columns, {order:?}"), |trainer| {
                    let trainer = trainer.order(order).learning_rate(rate()).steps(500);
                    trainer.fit(&model, &loss, &data).unwrap()
                });
            }
            assert_same::<F>("a sum, with a metric", |trainer| {
                let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data)
                    .reduction(Reduction::Sum)
                    .metric("mean", |predictions, _| predictions.sum().to_f64_exact());
                trainer.learning_rate(0.001).epochs(2).minimize(risk).unwrap()
            });
        }
    }
}

#[test]
fn rows_one_after_another_come_to_the_bits_of_steps_one_by_one() {
    dense::<f32>();
    dense::<f64>();
}

/// A linear model that counts how it is asked.
struct Counting {
    inner: Linear,
    in_one_go: AtomicUsize,
    by_themselves: AtomicUsize,
}

impl Model<f64> for Counting {
    type Scratch = <Linear as Model<f64>>::Scratch;

    fn layout(&self) -> Layout {
        Model::<f64, Array2<f64>>::layout(&self.inner)
    }

    fn outputs(&self) -> usize {
        Model::<f64, Array2<f64>>::outputs(&self.inner)
    }

    fn check(&self, inputs: &ArrayView2<'_, f64>) -> Result<(), Error> {
        Model::<f64, Array2<f64>>::check(&self.inner, inputs)
    }

    fn scratch(&self, rows: usize) -> Self::Scratch {
        Model::<f64, Array2<f64>>::scratch(&self.inner, rows)
    }

    fn predict<'s>(
        &self,
        params: &Params<f64>,
        inputs: &ArrayView2<'_, f64>,
        scratch: &'s mut Self::Scratch,
    ) -> ArrayView2<'s, f64> {
        Model::<f64, Array2<f64>>::predict(&self.inner, params, inputs, scratch)
    }

    fn descend(
        &self,
        params: &mut Params<f64>,
        inputs: &ArrayView2<'_, f64>,
        descent: Descent<'_, f64>,
    ) -> Option<usize> {
        let made = Model::<f64, Array2<f64>>::descend(&self.inner, params, inputs, descent);
        self.in_one_go.fetch_add(made.unwrap_or(0), Ordering::Relaxed);
        made
    }

    fn backward(
        &self,
        params: &Params<f64>,
        inputs: &ArrayView2<'_, f64>,
        output_gradient: ArrayView2<'_, f64>,
        scratch: &mut Self::Scratch,
        gradient: &mut Gradient<f64>,
    ) {
        self.by_themselves.fetch_add(1, Ordering::Relaxed);
        Model::<f64, Array2<f64>>::backward(&self.inner, params, inputs, output_gradient, scratch, gradient);
    }
}

/// A rule of one's own that is plain descent, as it says.
#[derive(Debug)]
struct Own;

impl<F: Scalar> Rule<F> for Own {
    type Slots = [F; 0];
    type Coefficients = F;

    fn name(&self) -> &'static str {
        "own"
    }

    fn default_rate(&self) -> f64 {
        0.1
    }

    fn buffers(&self) -> Vec<Buffer> {
        Vec::new()
    }

    fn coefficients(&self, now: Moment) -> F {
        F::of(now.learning_rate)
    }

    fn update(rate: &F, weight: &mut F, gradient: F, _: &mut [F; 0]) {
        *weight -= *rate * gradient;
    }

    fn plain_rate(rate: &F) -> Option<F> {
        Some(*rate)
    }
}

type Settings<'a> = Box<dyn Fn() -> Trainer<'a, f64>>;

/// Which runs make many steps in one go, and which do not; whatever they do, to the same bits as where somebody listens.
#[test]
fn where_nothing_is_due_between_steps_many_are_made_in_one_go() {
    let (inputs, targets) = rows::<f64>(150, 4);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let sgd = || Trainer::new(Sgd).batch(1);
    let validated = |trainer: Trainer<'_, f64>, model: &Counting| {
        let loss = BinaryCrossEntropy::new();
        let risk = EmpiricalRisk::new(model, &loss, &data).validation(&data);
        trainer.epochs(3).seed(5).minimize(risk).unwrap()
    };
    let watch = || Watch::lowest("validation_loss");
    let all: Vec<(&str, bool, Settings<'_>)> = vec![
        ("plain", true, Box::new(sgd)),
        (
            "mini-batches of one",
            true,
            Box::new(|| Trainer::new(MiniBatchSgd::new(1))),
        ),
        (
            "a rule of one's own",
            true,
            Box::new(|| Trainer::new(Own).batch(1)),
        ),
        (
            "a group of everything",
            true,
            Box::new(move || sgd().group(Group::new("*").rate(2.0))),
        ),
        (
            "a function of the step",
            true,
            Box::new(move || sgd().learning_rate(from_fn(|now| 0.1 / (1 + now.step) as f64))),
        ),
        (
            "early stopping",
            true,
            Box::new(move || sgd().callback(EarlyStopping::new().watch(watch()).patience(1))),
        ),
        (
            "a closure for epochs",
            true,
            Box::new(move || sgd().on_epoch(|_| {})),
        ),
        (
            "evaluations within epochs",
            true,
            Box::new(move || sgd().evaluate_every(Span::Steps(7))),
        ),
        ("a step budget", true, Box::new(move || sgd().steps(131))),
        (
            "a closure for steps",
            false,
            Box::new(move || sgd().on_step(|_| {})),
        ),
        (
            "a plateau",
            false,
            Box::new(move || sgd().learning_rate(ReduceOnPlateau::new(0.1))),
        ),
        (
            "a schedule of momentum",
            false,
            Box::new(|| Trainer::new(Momentum::new(0.9)).batch(1).momentum(0.5)),
        ),
        (
            "momentum",
            false,
            Box::new(|| Trainer::new(Momentum::new(0.0)).batch(1)),
        ),
        ("decay", false, Box::new(|| Trainer::new(Sgd.weight_decay(0.1)))),
        (
            "decay by schedule",
            false,
            Box::new(|| Trainer::new(Sgd.weight_decay(0.1)).weight_decay(0.2)),
        ),
        ("bounds", false, Box::new(|| Trainer::new(Sgd.bounded(-0.1, 0.1)))),
        ("climbing", false, Box::new(|| Trainer::new(Sgd.maximize()))),
        ("lookahead", false, Box::new(|| Trainer::new(Sgd.lookahead()))),
        ("clipping", false, Box::new(move || sgd().clip_norm(0.1))),
        ("accumulation", false, Box::new(move || sgd().accumulate(2))),
        (
            "an average",
            false,
            Box::new(move || sgd().average(Average::uniform())),
        ),
        (
            "two groups",
            false,
            Box::new(move || sgd().group(Group::new("bias").rate(2.0))),
        ),
        (
            "larger batches",
            false,
            Box::new(|| Trainer::new(MiniBatchSgd::new(2))),
        ),
    ];
    for (what, expected, settings) in all {
        let model = || Counting {
            inner: Linear::new(4, 1).unwrap(),
            in_one_go: AtomicUsize::new(0),
            by_themselves: AtomicUsize::new(0),
        };
        let alone = model();
        let run = validated(settings(), &alone);
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let (in_one_go, others) = (count(&alone.in_one_go), count(&alone.by_themselves));
        assert_eq!(
            in_one_go == run.steps as usize,
            expected,
            "{what}: {in_one_go} of {}",
            run.steps
        );
        assert_eq!(
            in_one_go > 0,
            others == 0,
            "{what}: {in_one_go} in one go, {others} by themselves"
        );
        assert_eq!(
            bits(&run),
            bits(&validated(settings().on_step(|_| {}), &model())),
            "{what}"
        );
    }
}

/// What it does not reach: weights of rows, several outputs, columns that do not lie end to end.
#[test]
fn what_is_not_plain_is_made_step_by_step() {
    let (inputs, targets) = rows::<f64>(150, 4);
    let weights = Array1::from_shape_fn(150, |row| (row % 3) as f64);
    let (model, loss) = (Linear::new(4, 1).unwrap(), BinaryCrossEntropy::new());
    let weighted = Dataset::new(&inputs, &targets)
        .unwrap()
        .weighted(&weights)
        .unwrap();
    let turned = inputs.t().as_standard_layout().into_owned();
    let strided = Dataset::new(turned.t(), targets.view()).unwrap();
    for data in [&weighted, &strided] {
        assert_same::<f64>("weights and columns", |trainer| {
            trainer
                .learning_rate(0.1)
                .epochs(2)
                .fit(&model, &loss, data)
                .unwrap()
        });
    }
    let labels = targets.mapv(|target| target as usize);
    let classes = Dataset::new(&inputs, &labels).unwrap();
    assert_same::<f64>("two outputs", |trainer| {
        let model = Linear::new(4, 2).unwrap();
        trainer
            .learning_rate(0.1)
            .epochs(2)
            .fit(&model, &SoftmaxCrossEntropy, &classes)
            .unwrap()
    });
}

/// Turns bad where the target says so: in its value, or in its slope.
#[derive(Debug)]
struct Spoilt;

impl<F: Scalar> Pointwise<F> for Spoilt {
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let error = prediction - target.min(F::one());
        match target.to_f64_exact() {
            7.0 => (F::nan(), error),
            8.0 => (error * error, F::infinity()),
            // Finite itself, but not what comes of it.
            9.0 => (error * error, F::max_value()),
            _ => (error * error, error + error),
        }
    }
}

#[test]
fn what_is_not_finite_is_met_as_it_is_step_by_step() {
    let (mut inputs, mut targets) = rows::<f64>(300, 20);
    inputs.row_mut(140).fill(3.0);
    for (bad, row, what) in [(7.0, 70, "loss"), (8.0, 70, "gradient"), (9.0, 140, "gradient")] {
        targets[70] = if row == 70 { bad } else { 0.0 };
        targets[140] = bad;
        let data = Dataset::new(&inputs, &targets).unwrap();
        let model = Linear::new(20, 1).unwrap();
        let run = |trainer: Trainer<'_, f64>| {
            let trainer = trainer.order(Order::Sequential).learning_rate(0.01).epochs(2);
            trainer.fit(&model, &Spoilt, &data).unwrap()
        };
        let stopped = run(Trainer::new(Sgd));
        assert_eq!(stopped.stop, StopReason::NonFinite { what, step: row });
        for policy in [
            NonFinite::Stop,
            NonFinite::Skip { at_most: 1 },
            NonFinite::Back {
                factor: 0.5,
                at_most: 3,
            },
        ] {
            assert_same(&format!("{policy:?}"), |trainer| run(trainer.non_finite(policy)));
        }
    }
}

/// A loss of one's own that knows nothing of single rows, and a model that knows nothing of descent.
#[test]
fn own_losses_and_models_need_nothing_further() {
    let (inputs, targets) = rows::<f64>(150, 4);
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Mlp::new(&[4, 3, 1]).unwrap();
    assert!(Model::<f64>::outputs(&model) == 1);
    assert_same::<f64>("a network", |trainer| {
        let trainer = trainer.learning_rate(0.1).epochs(2);
        trainer.fit(&model, &BinaryCrossEntropy::new(), &data).unwrap()
    });
}

#[cfg(feature = "sparse")]
#[test]
fn sparse_rows_come_to_the_same_bits() {
    use downhill::data::Csr;
    let mut inputs = Csr::<f32>::new(1000).unwrap();
    for row in 0..300_usize {
        let entries = (0..row % 23).map(|i| ((row * 37 + i * i * i) % 1000, 0.3 + i as f32 / 20.0));
        inputs.push(entries).unwrap();
    }
    let targets = Array1::from_shape_fn(300, |row| (row % 2) as f32);
    let data = Dataset::new(&inputs, &targets).unwrap();
    for model in [Linear::new(1000, 1), Linear::without_intercept(1000, 1)] {
        let model = model.unwrap();
        for order in [Order::Sequential, Order::Shuffled] {
            assert_same::<f32>("sparse", |trainer| {
                let trainer = trainer.order(order).learning_rate(0.5).epochs(3);
                trainer.fit(&model, &BinaryCrossEntropy::new(), &data).unwrap()
            });
        }
    }
}
