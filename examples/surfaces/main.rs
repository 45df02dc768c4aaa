//! Seven optimisers on four surfaces: `cargo run --release --example surfaces`.
//!
//! Prints how far from the minimum each one ends, and draws the paths into `surfaces.svg`, in `target/examples-out/` or
//! in the folder given as the first argument.

use std::{env, error::Error, path::PathBuf};

use downhill::{
    BatchSize, Gradient, Objective, Optimizer, Params, Trainer,
    data::Batch,
    objective::functions::{BEALE, BOWL, ROSENBROCK, SADDLE, TestFunction},
    optim::{Adagrad, Adam, GradientDescent, MiniBatchSgd, Momentum, RmsProp, Sgd},
    plot::{Contours, Picture, Sheet},
    rand::{Rng, RngExt, SeedableRng, rngs::ChaCha12Rng},
};

type Point = (f64, f64);
type Outcome = Result<(), Box<dyn Error>>;

/// A test function with what a run on it needs.
struct Surface {
    function: TestFunction,
    /// The part that is drawn: from x to x, from y to y.
    view: [f64; 4],
    steps: u64,
    /// How much the terms differ.
    noise: f64,
    /// The learning rate of each optimiser, in the order of `optimizers`.
    rates: [f64; 7],
}

const SURFACES: [Surface; 4] = [
    Surface {
        function: ROSENBROCK,
        view: [-1.6, 1.6, -0.6, 1.8],
        steps: 5000,
        noise: 10.0,
        rates: [1e-3, 1e-3, 1e-3, 3e-4, 0.3, 2e-3, 0.02],
    },
    Surface {
        function: BEALE,
        view: [0.0, 4.0, -1.0, 2.0],
        steps: 1000,
        noise: 2.0,
        rates: [0.01, 0.01, 0.01, 1e-3, 0.5, 0.01, 0.05],
    },
    Surface {
        function: SADDLE,
        view: [-2.0, 2.0, -1.6, 1.6],
        steps: 60,
        noise: 0.5,
        rates: [0.1, 0.1, 0.1, 0.02, 0.2, 0.02, 0.05],
    },
    Surface {
        function: BOWL,
        view: [-4.6, 1.4, -2.0, 2.0],
        steps: 200,
        noise: 2.0,
        rates: [0.03, 0.03, 0.03, 5e-3, 1.0, 0.05, 0.2],
    },
];

/// A name, and the optimiser.
type Entry = (&'static str, Box<dyn Optimizer<f64>>);

fn optimizers() -> [Entry; 7] {
    [
        ("Gradient descent", Box::new(GradientDescent)),
        ("SGD", Box::new(Sgd)),
        ("Mini-batch SGD", Box::new(MiniBatchSgd::new(8))),
        ("Momentum", Box::new(Momentum::new(0.9))),
        ("Adagrad", Box::new(Adagrad::new())),
        ("RMSProp", Box::new(RmsProp::new())),
        ("Adam", Box::new(Adam::new())),
    ]
}

/// The mean of many terms, each of which is the function on a slope of its own: over all terms the slopes cancel. So
/// gradient descent sees the function itself, and SGD only a noisy view of it, as it does of a data set.
struct Noisy {
    function: TestFunction,
    slopes: Vec<[f64; 2]>,
}

impl Noisy {
    fn new(function: TestFunction, noise: f64) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(7);
        let mut slope = || rng.random_range(-noise..noise);
        let slopes = (0..64)
            .map(|_| [slope(), slope()])
            .flat_map(|[x, y]| [[x, y], [-x, -y]])
            .collect();
        Self { function, slopes }
    }
}

impl Objective<f64> for Noisy {
    fn terms(&self) -> usize {
        self.slopes.len()
    }

    fn start(&self, _: &mut dyn Rng) -> Params<f64> {
        Params::from(self.function.start.to_vec())
    }

    fn value_and_gradient(
        &mut self,
        params: &Params<f64>,
        batch: &Batch<'_>,
        gradient: &mut Gradient<f64>,
    ) -> Result<f64, downhill::Error> {
        let (point, gradient) = (params.as_slice(), gradient.as_mut_slice());
        let mut value = (self.function.value_and_gradient)(point, gradient);
        let mut add = |slope: &[f64; 2]| {
            for i in 0..2 {
                let share = slope[i] / batch.len() as f64;
                value += share * point[i];
                gradient[i] += share;
            }
        };
        match batch {
            Batch::Range(range) => self.slopes[range.clone()].iter().for_each(&mut add),
            Batch::Rows(rows) => rows.iter().for_each(|&row| add(&self.slopes[row])),
        }
        Ok(value)
    }
}

fn main() -> Outcome {
    let folder = env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/examples-out"), PathBuf::from);
    let path = folder.join("surfaces.svg");

    let mut paths = Vec::new();
    for surface in &SURFACES {
        let mut of_surface = Vec::new();
        for ((_, optimizer), rate) in optimizers().into_iter().zip(surface.rates) {
            of_surface.push(descend(surface, optimizer, rate)?);
        }
        paths.push(of_surface);
    }

    print_table(&paths);
    let panels: Vec<Contours> = SURFACES
        .iter()
        .zip(&paths)
        .map(|(surface, paths)| panel(surface, paths))
        .collect();
    let legend = panels.first().map(Contours::legend);
    let sheet = panels
        .chunks(2)
        .fold(Sheet::new(), |sheet, row| sheet.row(row.to_vec()));
    sheet.row(legend).save(&path)?;
    println!("\ndrawn: {}", path.display());
    Ok(())
}

/// The points that an optimiser passes.
fn descend(
    surface: &Surface,
    optimizer: Box<dyn Optimizer<f64>>,
    rate: f64,
) -> Result<Vec<Point>, downhill::Error> {
    let [x, y] = surface.function.start;
    let mut path = vec![(x, y)];
    // What is not defined by a batch of its own sees all terms.
    let batch = optimizer.batch().unwrap_or(BatchSize::Full);
    Trainer::new(optimizer)
        .learning_rate(rate)
        .batch(batch)
        .steps(surface.steps)
        .seed(7)
        .on_step(|event| {
            let point = event.params.as_slice();
            path.push((point[0], point[1]));
        })
        .minimize(Noisy::new(surface.function, surface.noise))?;
    Ok(path)
}

fn print_table(paths: &[Vec<Vec<Point>>]) {
    println!("Distance to the minimum at the end; on the saddle, |y|: how far it has escaped.\n");
    print!("{:18}", "");
    for Surface { function, steps, .. } in &SURFACES {
        print!("{:>24}", format!("{}, {steps} steps", function.name));
    }
    println!();
    for (i, (name, ..)) in optimizers().iter().enumerate() {
        print!("{name:18}");
        for (surface, paths) in SURFACES.iter().zip(paths) {
            let (x, y) = paths[i].last().copied().unwrap_or((f64::NAN, f64::NAN));
            let far = match surface.function.minimum {
                Some([a, b]) => (x - a).hypot(y - b),
                None => y.abs(),
            };
            print!("{:>24}", format!("{far:.1e} (rate {})", surface.rates[i]));
        }
        println!();
    }
}

fn panel(surface: &Surface, paths: &[Vec<Point>]) -> Contours {
    let Surface {
        function,
        view,
        steps,
        ..
    } = surface;
    // Heights above the minimum, in steps of half a decade; on the saddle, both ways from 0.
    let above: Vec<f64> = (-2..=8).map(|i| 10_f64.powf(f64::from(i) / 2.0)).collect();
    let below = above
        .iter()
        .map(|level| -level)
        .filter(|_| function.minimum.is_none());
    let height = |x, y| (function.value_and_gradient)(&[x, y], &mut [0.0; 2]);
    let mut panel = Contours::new(format!("{}, {steps} steps", function.name), *view, height)
        .levels(below.chain(above.iter().copied()))
        .start(function.start.into())
        .without_legend();
    for ((name, _), path) in optimizers().iter().zip(paths) {
        panel = panel.path(*name, path.iter().copied());
    }
    match function.minimum {
        Some(minimum) => panel.minimum(minimum.into()),
        None => panel,
    }
}
