//! Stopped at every step, with inputs that are no array in memory: batches of a stream, and sparse rows.

use downhill::{
    data::{Failure, Stream},
    ndarray::{Array1, Array2},
    objective::StreamRisk,
    prelude::*,
};

use super::every_step::continued_from_every_step;

/// Each batch is another, whatever the epoch: a continued run must ask for the one that would have come.
#[test]
fn of_a_stream() {
    type Batch = (Array2<f64>, Array1<f64>);
    let source = |number: u64, batch: &mut Batch| -> Result<(), Failure> {
        let entry = |row: usize, column: usize| ((number as usize * 5 + row * 3 + column) as f64).sin();
        batch.0 = Array2::from_shape_fn((4, 3), |(row, column)| entry(row, column));
        batch.1 = Array1::from_shape_fn(4, |row| entry(row, 7));
        Ok(())
    };
    let model = Mlp::new(&[3, 4, 1]).unwrap();
    for ahead in [0, 2] {
        continued_from_every_step(
            &format!("{ahead} batches ahead"),
            || Trainer::new(Adam::new()).learning_rate(0.05).epochs(3).seed(5),
            |trainer| {
                let stream = Stream::new(source).prefetch(ahead);
                trainer
                    .minimize(StreamRisk::new(&model, &MeanSquaredError, stream, 3))
                    .unwrap()
            },
        );
    }
}

/// Weights that a batch does not touch are in arrears with their steps when the run stops.
#[cfg(feature = "sparse")]
#[test]
fn of_sparse_rows() {
    use downhill::{
        data::Csr,
        optim::{Lazy, Untouched},
        train::Checkpoints,
    };

    use super::{Folder, optimizers};

    const COLUMNS: usize = 12;
    let mut inputs = Csr::new(COLUMNS).unwrap();
    for row in 0..9 {
        let entry = |column: usize| (column, ((row + 3 * column) as f64).cos());
        // The first column stands in all rows, each of the others in few.
        inputs
            .push(vec![entry(0), entry(1 + row % (COLUMNS - 1))])
            .unwrap();
    }
    let targets = Array1::from_shape_fn(9, |row| (row % 2) as f64);
    let data: Dataset<f64, _, _> = Dataset::new(&inputs, &targets).unwrap();
    let (model, loss) = (Linear::new(COLUMNS, 1).unwrap(), BinaryCrossEntropy::new());
    // Under their own names a checkpoint has the weights that the run would give back there, whatever steps they have missed.
    let folder = Folder::new();
    let trainer = || {
        Trainer::new(Momentum::new(0.9))
            .learning_rate(0.1)
            .batch(2)
            .epochs(3)
    };
    let checkpoints = Checkpoints::new(folder.path()).every(Span::Steps(1)).keep(100);
    trainer()
        .checkpoint(checkpoints)
        .fit(&model, &loss, &data)
        .unwrap();
    for step in 1..15 {
        let there = trainer().steps(step).fit(&model, &loss, &data).unwrap();
        let mut saved = Params::<f64>::zeros(there.params.layout());
        saved.load(folder.file(step)).unwrap();
        assert_eq!(saved, there.params, "at step {step}");
    }
    let schedules: [fn(f64) -> Box<dyn LrSchedule>; 2] = [
        |rate| Box::new(rate),
        |rate| Box::new(Ramp::cosine(rate, 0.0, Span::Epochs(4))),
    ];
    for (number, optimizer) in optimizers::everything().enumerate() {
        if optimizer.batch().is_some() {
            continue;
        }
        // Some rules cannot leave weights untouched: their first step begins the memory of all.
        let kinds = match optimizer.untouched() {
            Untouched::MoveFromFirst => &[Lazy::Exact][..],
            _ => &[Lazy::Exact, Lazy::Touched],
        };
        for &lazy in kinds {
            for (which, schedule) in schedules.iter().enumerate() {
                continued_from_every_step(
                    &format!(
                        "optimiser {number} ({}), {lazy:?}, schedule {which}",
                        optimizer.name()
                    ),
                    || {
                        let optimizer = optimizers::everything().nth(number).unwrap();
                        let rate = optimizer.default_rate().min(0.1);
                        Trainer::new(optimizer)
                            .learning_rate(schedule(rate))
                            .lazy(lazy)
                            .evaluate_every(Span::Steps(if which == 0 { 3 } else { 5 }))
                            .batch(2)
                            .epochs(3)
                            .seed(5)
                    },
                    |trainer| trainer.fit(&model, &loss, &data).unwrap(),
                );
            }
        }
    }
}
