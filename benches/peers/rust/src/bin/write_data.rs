//! Writes the data that every peer reads: `write-data FOLDER [--quick]`.

use std::{
    error::Error,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use downhill::{
    model::{Mlp, Model},
    ndarray::{Array1, Array2},
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng, seq::SliceRandom},
    Params,
};
use ndarray_npy::write_npy;
use rand_distr::{Distribution, StandardNormal, Zipf};

const SPARSE_COLUMNS: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = PathBuf::from(arguments.first().ok_or("usage: write-data FOLDER [--quick]")?);
    let divisor = if arguments.iter().any(|a| a == "--quick") { 20 } else { 1 };
    std::fs::create_dir_all(&folder)?;
    vectors(&folder, 10_000_000 / divisor)?;
    logistic(&folder, 100_000 / divisor, 100)?;
    network(&folder, 60_000 / divisor)?;
    sparse(&folder, 200_000 / divisor)
}

fn uniform(random: &mut ChaCha12Rng) -> f32 {
    random.random_range(-1.0..1.0)
}

/// Weights and a gradient: the first so many of them are the smaller vectors.
fn vectors(folder: &Path, len: usize) -> Result<(), Box<dyn Error>> {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    for name in ["weights.npy", "gradient.npy"] {
        write_npy(folder.join(name), &Array1::from_shape_simple_fn(len, || uniform(&mut random)))?;
    }
    Ok(())
}

/// Inputs uniform on [−1, 1), labels drawn from a logistic model, so that the best weights are finite.
fn logistic(folder: &Path, rows: usize, columns: usize) -> Result<(), Box<dyn Error>> {
    let mut random = ChaCha12Rng::seed_from_u64(2);
    let truth = Array1::from_shape_simple_fn(columns, || uniform(&mut random));
    let inputs = Array2::from_shape_simple_fn((rows, columns), || uniform(&mut random));
    let labels = inputs.dot(&truth).mapv(|margin| label(margin, &mut random));
    write_npy(folder.join("logistic_inputs.npy"), &inputs)?;
    write_npy(folder.join("logistic_labels.npy"), &labels)?;
    Ok(())
}

fn label(margin: f32, random: &mut ChaCha12Rng) -> f32 {
    f32::from(random.random_range(0.0..1.0) < 1.0 / (1.0 + (-margin).exp()))
}

/// Ten classes by a random linear teacher with noise, and the weights from which all networks start.
fn network(folder: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    let mut random = ChaCha12Rng::seed_from_u64(3);
    let teacher = Array2::from_shape_simple_fn((784, 10), || uniform(&mut random));
    let inputs = Array2::from_shape_simple_fn((rows, 784), || uniform(&mut random));
    let scores = inputs.dot(&teacher);
    let labels: Array1<u8> = scores
        .outer_iter()
        .map(|row| {
            let noisy = row.iter().map(|&s| s + 5.0 * uniform(&mut random)).enumerate();
            noisy.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(class, _)| class as u8)
        })
        .collect();
    write_npy(folder.join("network_inputs.npy"), &inputs)?;
    write_npy(folder.join("network_labels.npy"), &labels)?;
    let model = Mlp::new(&[784, 128, 10])?;
    let mut start = Params::<f32>::zeros(&Model::<f32>::layout(&model));
    Model::<f32>::initialize(&model, &mut start, &mut random);
    write_npy(folder.join("network_start.npy"), &Array1::from(start.as_slice().to_vec()))?;
    Ok(())
}

/// Rows of 50 to 100 distinct columns, drawn from Zipf's law with exponent 1.05 and then permuted; each row has norm 1.
/// The same in CSR (three arrays) and as text for Vowpal Wabbit.
fn sparse(folder: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    let mut random = ChaCha12Rng::seed_from_u64(4);
    let mut columns: Vec<i32> = (0..SPARSE_COLUMNS as i32).collect();
    columns.shuffle(&mut random);
    let truth: Vec<f32> = (0..SPARSE_COLUMNS)
        .map(|_| Distribution::<f32>::sample(&StandardNormal, &mut random))
        .collect();
    let rank = Zipf::new(SPARSE_COLUMNS as f64, 1.05)?;
    let (mut starts, mut indices, mut values, mut labels) = (vec![0_i64], Vec::new(), Vec::new(), Vec::new());
    let mut text = BufWriter::new(File::create(folder.join("sparse.vw"))?);
    let mut row = Vec::new();
    for _ in 0..rows {
        let length = random.random_range(50..=100);
        row.clear();
        while row.len() < length {
            let column = columns[rank.sample(&mut random) as usize - 1];
            if !row.contains(&column) {
                row.push(column);
            }
        }
        row.sort_unstable();
        let value = 1.0 / (length as f32).sqrt();
        let margin: f32 = 2.0 * row.iter().map(|&column| value * truth[column as usize]).sum::<f32>();
        let label = label(margin, &mut random);
        write!(text, "{} |", 2.0 * label - 1.0)?;
        for column in &row {
            write!(text, " {column}:{value}")?;
        }
        writeln!(text)?;
        indices.extend_from_slice(&row);
        values.extend(row.iter().map(|_| value));
        starts.push(indices.len() as i64);
        labels.push(label);
    }
    text.flush()?;
    write_npy(folder.join("sparse_starts.npy"), &Array1::from(starts))?;
    write_npy(folder.join("sparse_indices.npy"), &Array1::from(indices))?;
    write_npy(folder.join("sparse_values.npy"), &Array1::from(values))?;
    write_npy(folder.join("sparse_labels.npy"), &Array1::from(labels))?;
    Ok(())
}
