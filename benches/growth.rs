//! Cost against size: ten times the rows, columns or weights should take ten times as long.
//!
//! `cargo bench --bench growth` prints a table and draws docs/growth.svg.

use std::time::Instant;

use downhill::{
    data::Order,
    ndarray::{Array1, Array2},
    optim::State,
    plot::{Chart, Picture},
    prelude::*,
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
};

/// What is done, at which sizes, and the seconds it takes at one of them.
type Work = (&'static str, &'static [usize], fn(usize) -> f64);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut chart = Chart::new("Cost against size")
        .x("rows, columns, weights")
        .y("seconds")
        .log_x()
        .log_y();
    let works: [Work; 3] = [
        (
            "rows: an epoch, 100 columns",
            &[1_000, 10_000, 100_000, 1_000_000],
            |rows| logistic(rows, 100),
        ),
        (
            "columns: an epoch, 10,000 rows",
            &[10, 100, 1_000, 10_000],
            |columns| logistic(10_000, columns),
        ),
        (
            "weights: a step of Adam",
            &[1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000],
            adam,
        ),
    ];
    println!(
        "| work | size | seconds (smallest–largest) | for ten times the size |\n| --- | ---: | ---: | ---: |"
    );
    for (name, sizes, work) in works {
        let mut points: Vec<[f64; 4]> = Vec::new();
        for &size in sizes {
            let mut times: Vec<f64> = (0..5).map(|_| work(size)).collect();
            times.sort_by(f64::total_cmp);
            let [least, median, most] = [times[0], times[2], times[4]];
            let growth = points
                .last()
                .map_or(String::new(), |last| format!("{:.2} ×", median / last[2]));
            println!("| {name} | {size} | {median:.3e} ({least:.3e}–{most:.3e}) | {growth} |");
            points.push([size as f64, least, median, most]);
        }
        chart = chart.band(name, points).with_points();
    }
    chart.save("docs/growth.svg")?;
    Ok(())
}

/// Seconds for an epoch of logistic regression, in order, in batches of 256, once the memory is warm.
fn logistic(rows: usize, columns: usize) -> f64 {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let inputs = Array2::from_shape_simple_fn((rows, columns), || random.random_range(-1.0_f32..1.0));
    let labels: Array1<f32> = inputs.column(0).mapv(|x| f32::from(x > 0.0));
    let data = Dataset::new(&inputs, &labels).expect("as many labels as rows");
    let model = Linear::without_intercept(columns, 1).expect("legal sizes");
    let start = Instant::now();
    Trainer::new(MiniBatchSgd::new(256))
        .order(Order::Sequential)
        .epochs(1)
        .fit(&model, &BinaryCrossEntropy::new(), &data)
        .expect("legal settings");
    start.elapsed().as_secs_f64()
}

/// Seconds for a step, the mean of several that take about as long together at every size.
fn adam(weights: usize) -> f64 {
    let rule = Adam::new();
    let mut params = Params::from_vec("weights", vec![0.5_f32; weights]);
    let gradient = vec![0.1_f32; weights];
    let mut state = State::new(&rule, params.layout(), &[]).expect("legal settings");
    let steps = (50_000_000 / weights).max(3);
    let mut run = |steps| {
        for _ in 0..steps {
            rule.step(&mut state, params.as_mut_slice(), &gradient, 1e-3.into())
                .expect("equal lengths");
        }
    };
    run(1);
    let start = Instant::now();
    run(steps);
    start.elapsed().as_secs_f64() / steps as f64
}
