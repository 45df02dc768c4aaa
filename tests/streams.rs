//! Batches that come one after the other: the same bits as from memory, failures as typed errors, and no thread left behind.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use downhill::{
    data::{Failure, Order, Stream},
    loss::SoftmaxCrossEntropy,
    ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s},
    objective::StreamRisk,
    prelude::*,
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
};

const ROWS: usize = 30;
const BATCH: usize = 8;
const BATCHES: usize = ROWS.div_ceil(BATCH);

type Batch = (Array2<f64>, Array1<f64>);

fn data() -> Batch {
    let mut random = ChaCha12Rng::seed_from_u64(5);
    let inputs = Array2::from_shape_simple_fn((ROWS, 3), || random.random_range(-1.0..1.0));
    let targets = inputs.map_axis(Axis(1), |row| row.sum() + random.random_range(-0.1..0.1));
    (inputs, targets)
}

/// The batches of the data in order, over and over.
fn source() -> impl FnMut(u64, &mut Batch) -> Result<(), Failure> + Send {
    let (inputs, targets) = data();
    move |number, batch| {
        let start = number as usize % BATCHES * BATCH;
        let rows = start..(start + BATCH).min(ROWS);
        batch.0 = inputs.slice(s![rows.clone(), ..]).to_owned();
        batch.1 = targets.slice(s![rows]).to_owned();
        Ok(())
    }
}

fn mlp() -> Mlp {
    Mlp::new(&[3, 5, 1]).unwrap()
}

fn trainer() -> Trainer<'static, f64> {
    Trainer::new(Adam::new()).learning_rate(0.01).epochs(4).seed(3)
}

fn in_memory(trainer: Trainer<'_, f64>) -> Run<f64> {
    let (inputs, targets) = data();
    let data = Dataset::new(&inputs, &targets).unwrap();
    trainer
        .batch(BATCH)
        .order(Order::Sequential)
        .fit(&mlp(), &MeanSquaredError, &data)
        .unwrap()
}

fn streamed(trainer: Trainer<'_, f64>, stream: Stream<'_, Batch>) -> Result<Run<f64>, Error> {
    trainer.minimize(StreamRisk::new(&mlp(), &MeanSquaredError, stream, BATCHES))
}

fn assert_same(a: &Run<f64>, b: &Run<f64>) {
    assert_eq!(a.params.as_slice(), b.params.as_slice());
    assert_eq!(
        (a.steps, a.best.value, a.best.step),
        (b.steps, b.best.value, b.best.step)
    );
    let losses = |run: &Run<f64>| run.history.iter().map(|record| record.loss).collect::<Vec<_>>();
    assert_eq!(losses(a), losses(b));
}

#[test]
fn a_stream_gives_the_bits_of_memory() {
    let expected = in_memory(trainer());
    assert_same(&expected, &streamed(trainer(), Stream::new(source())).unwrap());
    for ahead in [0, 1, 2, 7] {
        let stream = Stream::new(source()).prefetch(ahead);
        assert_same(&expected, &streamed(trainer(), stream).unwrap());
    }
    let mut fill = source();
    let iterator = (0..).map(move |number| {
        let mut batch = Batch::default();
        fill(number, &mut batch).map(|()| batch)
    });
    assert_same(
        &expected,
        &streamed(trainer(), Stream::from_iterator(iterator)).unwrap(),
    );
}

#[test]
fn accumulated_and_sharpness_aware_steps_look_again_at_the_same_batches() {
    let around = || trainer().accumulate(3).sharpness_aware(0.05);
    let stream = Stream::new(source()).prefetch(2);
    assert_same(&in_memory(around()), &streamed(around(), stream).unwrap());
}

#[test]
fn an_epoch_of_one_batch_is_not_taken_for_a_function() {
    let model = mlp();
    let epochs_of = |batches, epochs| {
        let risk = StreamRisk::new(&model, &MeanSquaredError, Stream::new(source()), batches);
        trainer().epochs(epochs).minimize(risk).unwrap()
    };
    let run = epochs_of(1, 12);
    assert_eq!((run.steps, run.history.len()), (12, 12));
    assert_eq!(run.params.as_slice(), epochs_of(BATCHES, 3).params.as_slice());
}

fn largest_error(predictions: ArrayView2<f64>, targets: &ArrayView1<f64>) -> f64 {
    let pairs = predictions.iter().zip(targets);
    pairs.map(|(p, y)| (p - y).abs()).fold(0.0, f64::max)
}

#[test]
fn validation_and_metrics_are_evaluated() {
    let (inputs, targets) = data();
    let held_out = Dataset::new(&inputs, &targets).unwrap();
    let model = mlp();
    let own = EmpiricalRisk::new(&model, &MeanSquaredError, &held_out).metric("error", largest_error);
    let risk = StreamRisk::new(&model, &MeanSquaredError, Stream::new(source()), BATCHES).validation(own);
    let run = trainer().minimize(risk).unwrap();
    let both = EmpiricalRisk::new(&model, &MeanSquaredError, &held_out)
        .validation(&held_out)
        .metric("error", largest_error);
    let expected = trainer()
        .batch(BATCH)
        .order(Order::Sequential)
        .minimize(both)
        .unwrap();
    let seen = |run: &Run<f64>| {
        let records = run.history.iter();
        records
            .map(|record| (record.validation_loss, record.get("error")))
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(&run), seen(&expected));
    assert!(run.history.iter().all(|record| record.get("error").is_some()));
}

/// A source that fails at batch 5, ahead or not.
fn failing(
    how: impl Fn() -> Result<(), Failure> + Send + 'static,
    ahead: Option<usize>,
) -> Stream<'static, Batch> {
    let mut fill = source();
    let stream = Stream::new(move |number, batch: &mut Batch| {
        if number == 5 {
            how()?;
        }
        fill(number, batch)
    });
    match ahead {
        Some(ahead) => stream.prefetch(ahead),
        None => stream,
    }
}

/// Why a run ended that could not go on.
fn failure(run: Result<Run<f64>, Error>) -> Error {
    let run = run.unwrap();
    assert_eq!(run.steps, 5, "the batches before are not lost");
    match run.stop {
        StopReason::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_of_the_source_ends_the_run() {
    let own = Error::Empty {
        argument: "the store".into(),
    };
    for ahead in [None, Some(1), Some(3)] {
        let given = own.clone();
        let stream = failing(move || Err(given.clone().into()), ahead);
        assert_eq!(failure(streamed(trainer(), stream)), own);
        let error = failure(streamed(trainer(), failing(|| Err("no such tape".into()), ahead)));
        assert_eq!(error.to_string(), "batch 5 of the stream: no such tape");
    }
}

/// Nothing is lost where nothing has been done.
#[test]
fn an_error_before_the_first_step_reaches_the_caller() {
    let stream = Stream::new(|_, _: &mut Batch| Err("no tapes".into()));
    let error = streamed(trainer(), stream).unwrap_err();
    assert_eq!(error.to_string(), "batch 0 of the stream: no tapes");
}

#[test]
fn a_source_that_has_failed_can_be_asked_again() {
    let mut failures = 0;
    let mut stream = Stream::new(move |number, batch: &mut u64| {
        failures += u64::from(number == 2);
        *batch = number;
        if failures == 1 { Err("busy".into()) } else { Ok(()) }
    })
    .prefetch(2);
    assert_eq!(stream.batch(0), Ok(&0));
    assert_eq!(stream.batch(1), Ok(&1));
    assert!(stream.batch(2).is_err());
    assert_eq!(stream.batch(2), Ok(&2));
}

#[test]
fn a_panic_of_the_source_reaches_the_caller() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let error = failure(streamed(
        trainer(),
        failing(|| panic!("tape {} torn", 9), Some(2)),
    ));
    let mut stream = failing(|| panic!("torn"), Some(2));
    let first = stream.batch(5).unwrap_err();
    let again = stream.batch(0).unwrap_err();
    std::panic::set_hook(hook);
    assert_eq!(
        error.to_string(),
        "batch 5 of the stream: the source has panicked: tape 9 torn"
    );
    assert_eq!(
        first.to_string(),
        "batch 5 of the stream: the source has panicked: torn"
    );
    assert_eq!(
        again.to_string(),
        "batch 0 of the stream: the source has panicked before, or no thread could be started for it"
    );
}

#[test]
fn an_iterator_ends_and_cannot_go_back() {
    let letters = || Stream::from_iterator(["a", "b", "c"].map(Ok));
    for mut stream in [letters(), letters().prefetch(2)] {
        assert_eq!(stream.batch(1), Ok(&"b"));
        let back = stream.batch(0).unwrap_err().to_string();
        assert!(back.contains("cannot go back"), "{back}");
        let end = stream.batch(3).unwrap_err().to_string();
        assert_eq!(end, "batch 3 of the stream: the iterator has ended");
    }
}

/// What a thread has made already is passed over, and the iterator need not go back for it.
#[test]
fn batches_ahead_are_passed_over() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let numbers = (0..).map(move |number: u64| {
        counter.store(number as usize + 1, Ordering::SeqCst);
        Ok(number)
    });
    let mut stream = Stream::from_iterator(numbers).prefetch(4);
    for (asked, waiting) in [(0, 5), (2, 7), (6, 11), (30, 35), (31, 36)] {
        assert_eq!(stream.batch(asked), Ok(&asked));
        while made.load(Ordering::SeqCst) < waiting {
            std::thread::yield_now();
        }
    }
}

#[test]
fn batches_are_found_by_number_in_any_order() {
    let squares = || {
        Stream::new(|number, batch: &mut u64| {
            *batch = number * number;
            Ok(())
        })
    };
    for mut stream in [squares(), squares().prefetch(1), squares().prefetch(4)] {
        for number in [0, 1, 2, 2, 0, 9, 10, 3] {
            assert_eq!(stream.batch(number), Ok(&(number * number)));
        }
    }
}

#[test]
fn a_thread_makes_only_so_many_ahead_and_ends_with_its_stream() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let mut stream = Stream::new(move |number, batch: &mut u64| {
        counter.fetch_add(1, Ordering::SeqCst);
        *batch = number;
        Ok(())
    })
    .prefetch(3);
    for number in 0..50 {
        assert_eq!(stream.batch(number), Ok(&number));
        let ahead = made.load(Ordering::SeqCst) - (number as usize + 1);
        assert!(ahead <= 3, "{ahead} ahead");
    }
    drop(stream);
    for _ in 0..10_000 {
        if Arc::strong_count(&made) == 1 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("the thread still holds the source");
}

#[test]
fn a_stream_whose_source_waits_for_ever_can_be_dropped() {
    let (send, receive) = std::sync::mpsc::channel();
    let mut stream = Stream::from_iterator(receive.into_iter().map(Ok)).prefetch(4);
    send.send(7).unwrap();
    assert_eq!(stream.batch(0), Ok(&7));
    drop(stream);
    drop(send);
}

#[test]
fn memory_goes_round() {
    let mut stream = Stream::new(|number, batch: &mut Vec<u64>| {
        batch.clear();
        batch.extend(number..number + 100);
        Ok(())
    })
    .prefetch(2);
    let mut seen: Vec<usize> = (0..200)
        .map(|number| stream.batch(number).unwrap().as_ptr() as usize)
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() <= 4, "{} buffers", seen.len());
}

#[test]
fn what_does_not_fit_is_refused() {
    let error = |edit: fn(&mut Batch)| {
        let mut fill = source();
        let stream = Stream::new(move |number, batch: &mut Batch| {
            fill(number, batch)?;
            edit(batch);
            Ok(())
        });
        streamed(trainer(), stream).unwrap_err()
    };
    let columns = error(|batch| batch.0 = Array2::zeros((8, 2)));
    assert!(
        matches!(columns, Error::ShapeMismatch { given, expected, .. } if (&given[..], &expected[..]) == (&[2], &[3]))
    );
    let rows = error(|batch| batch.1 = Array1::zeros(7));
    assert!(matches!(rows, Error::ShapeMismatch { argument, .. } if argument == "targets (rows)"));
    let nothing = error(|batch| *batch = (Array2::zeros((0, 3)), Array1::zeros(0)));
    assert!(matches!(nothing, Error::Empty { .. }));

    let model = Linear::new(3, 2).unwrap();
    let stream = Stream::new(|_, batch: &mut (Array2<f64>, Array1<usize>)| {
        *batch = (Array2::zeros((2, 3)), Array1::from(vec![1, 2]));
        Ok(())
    });
    let risk = StreamRisk::new(&model, &SoftmaxCrossEntropy, stream, 2);
    let label = Trainer::new(Adam::new()).epochs(1).minimize(risk).unwrap_err();
    assert!(matches!(label, Error::LabelOutOfRange { row: 1, given: 2, .. }));

    let batch = streamed(trainer().batch(8), Stream::new(source())).unwrap_err();
    assert!(matches!(batch, Error::InvalidArgument { argument, .. } if argument == "batch"));
    let epoch = StreamRisk::new(&model, &MeanSquaredError, Stream::new(source()), 0);
    assert!(Trainer::new(Adam::new()).epochs(1).minimize(epoch).is_err());
}

#[test]
fn a_nan_in_a_batch_ends_the_run_with_the_last_good_parameters() {
    let mut fill = source();
    let stream = Stream::new(move |number, batch: &mut Batch| {
        fill(number, batch)?;
        if number == 6 {
            batch.0[[0, 0]] = f64::NAN;
        }
        Ok(())
    });
    let run = streamed(trainer(), stream).unwrap();
    assert!(
        matches!(run.stop, StopReason::NonFinite { step: 6, .. }),
        "{:?}",
        run.stop
    );
    let until = streamed(trainer().steps(6), Stream::new(source())).unwrap();
    assert_eq!(run.params.as_slice(), until.params.as_slice());
}

#[cfg(feature = "sparse")]
mod sparse {
    use super::*;
    use downhill::{
        data::{Csr, Samples},
        objective::Penalized,
    };

    const COLUMNS: usize = 1000;

    fn rows() -> (Csr<f64>, Array1<f64>) {
        let mut random = ChaCha12Rng::seed_from_u64(8);
        let mut inputs = Csr::new(COLUMNS).unwrap();
        for _ in 0..ROWS {
            let entries: [_; 4] =
                std::array::from_fn(|_| (random.random_range(0..COLUMNS), random.random_range(-1.0..1.0)));
            inputs.push(entries).unwrap();
        }
        let targets = Array1::from_shape_fn(ROWS, |row| (row % 2) as f64);
        (inputs, targets)
    }

    fn stream() -> Stream<'static, (Csr<f64>, Array1<f64>)> {
        let (inputs, targets) = rows();
        Stream::new(move |number, batch: &mut (Csr<f64>, Array1<f64>)| {
            let start = number as usize % BATCHES * BATCH;
            let rows: Vec<_> = (start..(start + BATCH).min(ROWS)).collect();
            batch.0.gather(&inputs.view(), &rows);
            batch.1.gather(&targets.view(), &rows);
            Ok(())
        })
    }

    #[test]
    fn a_penalty_makes_steps_dense() {
        let (model, loss) = (Linear::new(COLUMNS, 1).unwrap(), BinaryCrossEntropy::new());
        let risk = Penalized::new(StreamRisk::new(&model, &loss, stream(), BATCHES)).l2(0.1);
        let run = Trainer::new(Adagrad::new())
            .epochs(1)
            .on_step(|event| assert_eq!(event.gradient.touched(), COLUMNS + 1))
            .minimize(risk)
            .unwrap();
        assert_eq!(run.steps, BATCHES as u64);
    }

    #[test]
    fn a_sparse_batch_that_does_not_fit_is_refused_before_it_is_touched() {
        let model = Linear::new(COLUMNS / 2, 1).unwrap();
        let risk = StreamRisk::new(&model, &MeanSquaredError, stream(), BATCHES);
        let error = Trainer::new(Adam::new()).epochs(1).minimize(risk).unwrap_err();
        assert!(matches!(error, Error::ShapeMismatch { .. }), "{error}");
    }
}
