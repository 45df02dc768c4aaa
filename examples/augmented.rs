//! A stream without end: digits that are shifted at random, anew in every batch: `cargo run --release --example augmented`.
//!
//! A network is trained twice with the same number of steps: on the images as they are, and on a stream of batches made in a
//! thread of its own, in which each image is moved by up to a pixel and its brightness changed. Then both read test images as
//! they are, and test images moved by a pixel.

#[path = "shared/digits.rs"]
mod digits;

use downhill::{
    data::Stream,
    metrics,
    ndarray::{Array1, Array2},
    objective::StreamRisk,
    prelude::*,
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
};

const SIDE: usize = 8;
const BATCH: usize = 32;
const STEPS_PER_EPOCH: usize = 45;
const EPOCHS: u64 = 60;

type Batch = (Array2<f32>, Array1<usize>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (pixels, labels) = digits::load()?;
    let all: Dataset<f32, _, _> = Dataset::new(&pixels, &labels)?;
    let (training, test) = all.split(0.8, 0)?;
    let (images, shown) = (training.inputs().to_owned(), training.targets().to_owned());
    let mut moved = Array2::zeros(test.inputs().raw_dim());
    for (from, mut to) in test.inputs().outer_iter().zip(moved.outer_iter_mut()) {
        shift(
            from.as_slice().unwrap_or_default(),
            to.as_slice_mut().unwrap_or_default(),
            1,
            0,
        );
    }
    let test_labels = test.targets().to_owned();
    let moved: Dataset<f32, _, _> = Dataset::new(&moved, &test_labels)?;

    let model = Mlp::new(&[SIDE * SIDE, 128, 10])?;
    let trainer = || {
        Trainer::new(Adam::new())
            .learning_rate(2e-3)
            .epochs(EPOCHS)
            .seed(1)
    };
    let plain = trainer()
        .batch(BATCH)
        .fit(&model, &SoftmaxCrossEntropy, &training)?;
    let stream = StreamRisk::new(
        &model,
        &SoftmaxCrossEntropy,
        augmented(images, shown),
        STEPS_PER_EPOCH,
    );
    let augmented = trainer().minimize(stream)?;

    let mut risk =
        EmpiricalRisk::new(&model, &SoftmaxCrossEntropy, &training).metric("accuracy", metrics::accuracy);
    println!("trained on              steps   test images   moved by a pixel");
    for (name, run) in [
        ("images as they are", &plain),
        ("a stream of moved ones", &augmented),
    ] {
        let mut accuracy = |data: &Dataset<'_, f32, Array2<f32>, Array1<usize>>| -> Result<f64, Error> {
            Ok(risk
                .measure(&run.params, data)?
                .get("accuracy")
                .unwrap_or(f64::NAN))
        };
        let (as_they_are, moved) = (accuracy(&test)?, accuracy(&moved)?);
        println!("{name:22} {:6} {as_they_are:13.3} {moved:18.3}", run.steps);
    }
    Ok(())
}

/// Batches of images drawn at random, each moved and made brighter or darker. What a batch holds depends on its number alone, so
/// that a run has the same bits with and without the thread, and can be continued anywhere.
fn augmented(images: Array2<f32>, labels: Array1<usize>) -> Stream<'static, Batch> {
    Stream::new(move |number, batch: &mut Batch| {
        let mut random = ChaCha12Rng::seed_from_u64(number);
        if batch.1.len() != BATCH {
            *batch = (Array2::zeros((BATCH, SIDE * SIDE)), Array1::zeros(BATCH));
        }
        for (mut to, label) in batch.0.outer_iter_mut().zip(&mut batch.1) {
            let row = random.random_range(0..labels.len());
            *label = labels[row];
            let (from, to) = (images.row(row), to.as_slice_mut().unwrap_or_default());
            let [across, down] = [(); 2].map(|()| random.random_range(-1..=1_i16).into());
            shift(from.as_slice().unwrap_or_default(), to, across, down);
            let brightness = random.random_range(0.8..1.2);
            to.iter_mut().for_each(|pixel| *pixel *= brightness);
        }
        Ok(())
    })
    .prefetch(4)
}

/// The image moved to the right and down, with black where nothing was.
fn shift(from: &[f32], to: &mut [f32], across: isize, down: isize) {
    for (i, pixel) in to.iter_mut().enumerate() {
        let source = (
            (i / SIDE).checked_add_signed(-down),
            (i % SIDE).checked_add_signed(-across),
        );
        *pixel = match source {
            (Some(row), Some(column)) if row < SIDE && column < SIDE => from[row * SIDE + column],
            _ => 0.0,
        };
    }
}
