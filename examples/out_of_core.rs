//! Logistic regression on a file that need not fit into memory: mapped, and as a stream that a thread of its own reads ahead.
//!
//! `cargo run --release --features npy --example out_of_core -- --megabytes 1024`, with less memory than that if you like:
//! `systemd-run --user --scope -p MemoryMax=256M -p MemorySwapMax=0 …`.

use std::{
    error::Error,
    fs::File,
    io::{BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use downhill::{
    data::{MappedNpy, Order, Samples, Stream},
    ndarray::{Array1, Array2, Ix1, Ix2},
    objective::StreamRisk,
    prelude::*,
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
};

const COLUMNS: usize = 100;
const BATCH: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let (megabytes, folder) = options()?;
    let rows = (megabytes << 20) / (4 * COLUMNS);
    let paths = (
        folder.join("out_of_core_inputs.npy"),
        folder.join("out_of_core_labels.npy"),
    );
    write(&paths.0, &paths.1, rows)?;
    println!("{rows} rows of {COLUMNS} columns, {megabytes} MiB");

    let model = Linear::new(COLUMNS, 1)?;
    let loss = BinaryCrossEntropy::new();

    // Mapped: an array like any other. Nothing is read before the first step.
    let (inputs, labels) = (MappedNpy::open(&paths.0)?, MappedNpy::open(&paths.1)?);
    let data: Dataset<f32, Array2<f32>, Array1<f32>> =
        Dataset::assume_finite(inputs.view()?, labels.view()?)?;
    let start = Instant::now();
    let mapped = trainer()
        .batch(BATCH)
        .order(Order::Sequential)
        .fit(&model, &loss, &data)?;
    report("mapped", &mapped, start);

    // The same file as a stream: a thread copies the next batches while this one computes.
    let (inputs, labels) = (MappedNpy::open(&paths.0)?, MappedNpy::open(&paths.1)?);
    let batches = rows.div_ceil(BATCH);
    let stream = Stream::new(move |number, (x, y): &mut (Array2<f32>, Array1<f32>)| {
        let first = number as usize % batches * BATCH;
        let wanted: Vec<usize> = (first..(first + BATCH).min(rows)).collect();
        x.gather(&inputs.view::<f32, Ix2>()?, &wanted);
        y.gather(&labels.view::<f32, Ix1>()?, &wanted);
        Ok(())
    });
    let start = Instant::now();
    let streamed = trainer().minimize(StreamRisk::new(&model, &loss, stream.prefetch(4), batches))?;
    report("streamed", &streamed, start);

    println!(
        "the same bits: {}",
        mapped.params.as_slice() == streamed.params.as_slice()
    );
    std::fs::remove_file(paths.0)?;
    std::fs::remove_file(paths.1)?;
    Ok(())
}

fn trainer() -> Trainer<'static, f32> {
    Trainer::new(Adam::new()).epochs(1)
}

fn report(how: &str, run: &Run<f32>, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let loss = run.history.last().map_or(f64::NAN, |record| record.loss);
    println!("{how:9} {} steps, loss {loss:.4}, {seconds:.2} s", run.steps);
    // Linux tells how much of the memory is the program's own, and how much is pages of files, which can be dropped.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status
        .lines()
        .filter(|line| line.starts_with("RssAnon") || line.starts_with("RssFile"))
    {
        println!("          {line}");
    }
}

/// Writes inputs and labels row by row, in NumPy's format.
fn write(inputs: &Path, labels: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let truth = Array1::from_shape_simple_fn(COLUMNS, || random.random_range(-1.0..1.0));
    let mut file = BufWriter::new(zeros(inputs, (rows, COLUMNS))?);
    let mut targets = Array1::zeros(rows);
    for target in &mut targets {
        let row = Array1::from_shape_simple_fn(COLUMNS, || random.random_range(-1.0_f32..1.0));
        let margin: f32 = row.dot(&truth);
        *target = f32::from(random.random_range(0.0..1.0) < 1.0 / (1.0 + (-margin).exp()));
        for x in row {
            file.write_all(&x.to_ne_bytes())?;
        }
    }
    file.flush()?;
    ndarray_npy::write_npy(labels, &targets)?;
    Ok(())
}

/// A file of zeros, at the place of the first of them.
fn zeros(path: &Path, shape: (usize, usize)) -> Result<File, Box<dyn Error>> {
    let mut file = File::create(path)?;
    ndarray_npy::write_zeroed_npy::<f32, _>(&file, shape)?;
    file.seek(SeekFrom::End(-4 * (shape.0 * shape.1) as i64))?;
    Ok(file)
}

fn options() -> Result<(usize, PathBuf), lexopt::Error> {
    use lexopt::prelude::*;
    let (mut megabytes, mut folder) = (32, std::env::temp_dir());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("megabytes") => megabytes = arguments.value()?.parse()?,
            Long("folder") => folder = arguments.value()?.into(),
            other => return Err(other.unexpected()),
        }
    }
    Ok((megabytes, folder))
}
