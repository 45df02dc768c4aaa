//! Seven optimisers on four surfaces: `cargo run --release --example surfaces`.
//!
//! Prints how far from the minimum each one ends, and draws the paths into `surfaces.svg`, in `target/examples-out/` or
//! in the folder given as the first argument.

mod contour;

use std::{env, error::Error, fs, path::PathBuf};

use downhill::{
    BatchSize, Gradient, Objective, Optimizer, Params, Trainer,
    data::Batch,
    objective::functions::{BEALE, BOWL, ROSENBROCK, SADDLE, TestFunction},
    optim::{Adagrad, Adam, GradientDescent, MiniBatchSgd, Momentum, RmsProp, Sgd},
    rand::{Rng, RngExt, SeedableRng, rngs::ChaCha12Rng},
};
use plotters::{coord::Shift, prelude::*};

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

/// A name, the style of the line (broad where another will run over it), and the optimiser.
type Entry = (&'static str, ShapeStyle, Box<dyn Optimizer<f64>>);

/// In the colours of Okabe and Ito, which the colour-blind can tell apart.
fn optimizers() -> [Entry; 7] {
    let line = |r, g, b, width| RGBColor(r, g, b).stroke_width(width);
    [
        ("Gradient descent", line(0, 0, 0, 4), Box::new(GradientDescent)),
        ("SGD", line(230, 159, 0, 1), Box::new(Sgd)),
        (
            "Mini-batch SGD",
            line(86, 180, 233, 2),
            Box::new(MiniBatchSgd::new(8)),
        ),
        ("Momentum", line(0, 158, 115, 2), Box::new(Momentum::new(0.9))),
        ("Adagrad", line(204, 121, 167, 4), Box::new(Adagrad::new())),
        ("RMSProp", line(0, 114, 178, 2), Box::new(RmsProp::new())),
        ("Adam", line(213, 94, 0, 2), Box::new(Adam::new())),
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
    fs::create_dir_all(&folder)?;
    let path = folder.join("surfaces.svg");

    let mut paths = Vec::new();
    for surface in &SURFACES {
        let mut of_surface = Vec::new();
        for ((_, _, optimizer), rate) in optimizers().into_iter().zip(surface.rates) {
            of_surface.push(descend(surface, optimizer, rate)?);
        }
        paths.push(of_surface);
    }

    print_table(&paths);
    let root = SVGBackend::new(&path, (1000, 900)).into_drawing_area();
    root.fill(&WHITE)?;
    let (panels, legend) = root.split_vertically(830);
    for ((area, surface), paths) in panels.split_evenly((2, 2)).iter().zip(&SURFACES).zip(&paths) {
        draw_panel(area, surface, paths)?;
    }
    draw_legend(&legend)?;
    root.present()?;
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

fn draw_panel(area: &DrawingArea<SVGBackend<'_>, Shift>, surface: &Surface, paths: &[Vec<Point>]) -> Outcome {
    let Surface {
        function,
        view: [left, right, low, high],
        ..
    } = *surface;
    let mut chart = ChartBuilder::on(area)
        .caption(
            format!("{}, {} steps", function.name, surface.steps),
            ("sans-serif", 20),
        )
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(44)
        .build_cartesian_2d(left..right, low..high)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(7)
        .y_labels(7)
        .label_style(("sans-serif", 14))
        .draw()?;

    // Heights above the minimum, in steps of half a decade; on the saddle, both ways from 0.
    let height = |(x, y): Point| (function.value_and_gradient)(&[x, y], &mut [0.0; 2]);
    let levels: Vec<f64> = (-2..=8).map(|i| 10_f64.powf(f64::from(i) / 2.0)).collect();
    let below = levels
        .iter()
        .map(|level| -level)
        .filter(|_| function.minimum.is_none());
    for level in levels.iter().copied().chain(below) {
        for line in contour::lines(&height, surface.view, level) {
            chart.draw_series(LineSeries::new(line, RGBColor(205, 205, 205)))?;
        }
    }

    for (path, (_, style, _)) in paths.iter().zip(optimizers()) {
        chart.draw_series(LineSeries::new(visible(path, surface.view), style))?;
    }
    let [x, y] = function.start;
    chart.draw_series([Circle::new((x, y), 5, BLACK.filled())])?;
    if let Some([x, y]) = function.minimum {
        chart.draw_series([
            Cross::new((x, y), 7, WHITE.stroke_width(5)),
            Cross::new((x, y), 7, BLACK.stroke_width(2)),
        ])?;
    }
    Ok(())
}

/// A path until it leaves the view, without the points that nobody could tell from the last.
fn visible(path: &[Point], [left, right, low, high]: [f64; 4]) -> Vec<Point> {
    let inside = |&&(x, y): &&Point| x >= left && x <= right && y >= low && y <= high;
    let mut kept: Vec<Point> = Vec::new();
    for &(x, y) in path.iter().take_while(inside) {
        let far = |&(a, b): &Point| ((x - a) / (right - left)).hypot((y - b) / (high - low)) > 0.004;
        if kept.last().is_none_or(far) {
            kept.push((x, y));
        }
    }
    kept
}

fn draw_legend(area: &DrawingArea<SVGBackend<'_>, Shift>) -> Outcome {
    let text = ("sans-serif", 16).into_font();
    for (i, (name, style, _)) in optimizers().into_iter().enumerate() {
        let (x, y) = (60 + 230 * (i as i32 % 4), 14 + 26 * (i as i32 / 4));
        area.draw(&PathElement::new([(x, y), (x + 32, y)], style))?;
        area.draw(&Text::new(name, (x + 42, y - 8), text.clone()))?;
    }
    let (x, y) = (60 + 230 * 3, 40);
    area.draw(&Circle::new((x + 6, y), 5, BLACK.filled()))?;
    area.draw(&Text::new("start", (x + 18, y - 8), text.clone()))?;
    area.draw(&Cross::new((x + 86, y), 7, BLACK.stroke_width(2)))?;
    area.draw(&Text::new("minimum", (x + 100, y - 8), text))?;
    Ok(())
}
