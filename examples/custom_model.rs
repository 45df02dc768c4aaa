//! A model and a loss of one's own: `cargo run --release --example custom_model`.
//!
//! An exponential decay, `y = a exp(b x) + c`, fitted to points of which some are far off.

use downhill::{
    Handle,
    data::Batch,
    loss::Pointwise,
    ndarray::{Array1, Array2, ArrayView2, Ix1, s},
    objective::check_gradient,
    prelude::*,
    rand::{Rng, RngExt, SeedableRng, rngs::ChaCha12Rng},
};

/// `ŷ = a exp(b x) + c`.
struct Exponential {
    layout: Layout,
    curve: Handle<Ix1>,
    offset: Handle<Ix1>,
}

impl Exponential {
    fn new() -> Result<Self, Error> {
        let mut layout = Layout::new();
        let curve = layout.add("curve", 2)?; // a and b
        let offset = layout.add("offset", 1)?; // c
        Ok(Self {
            layout,
            curve,
            offset,
        })
    }
}

impl<F: Scalar> Model<F> for Exponential {
    /// The predictions, one row each.
    type Scratch = Array2<F>;

    fn layout(&self) -> Layout {
        self.layout.clone()
    }

    fn outputs(&self) -> usize {
        1
    }

    fn check(&self, inputs: &ArrayView2<'_, F>) -> Result<(), Error> {
        match inputs.ncols() {
            1 => Ok(()),
            columns => Err(Error::ShapeMismatch {
                argument: "inputs (columns)".into(),
                given: vec![columns],
                expected: vec![1],
            }),
        }
    }

    fn initialize(&self, params: &mut Params<F>, _: &mut dyn Rng) {
        params.view_mut(&self.curve)[0] = F::one();
    }

    fn scratch(&self, rows: usize) -> Array2<F> {
        Array2::zeros((rows, 1))
    }

    fn predict<'s>(
        &self,
        params: &Params<F>,
        inputs: &ArrayView2<'_, F>,
        scratch: &'s mut Array2<F>,
    ) -> ArrayView2<'s, F> {
        let (curve, offset) = (params.view(&self.curve), params.view(&self.offset));
        // A batch may have fewer rows than there is room for.
        let mut predictions = scratch.slice_mut(s![..inputs.nrows(), ..]);
        predictions.zip_mut_with(inputs, |y, &x| *y = curve[0] * (curve[1] * x).exp() + offset[0]);
        scratch.slice(s![..inputs.nrows(), ..])
    }

    fn backward(
        &self,
        params: &Params<F>,
        inputs: &ArrayView2<'_, F>,
        output_gradient: ArrayView2<'_, F>,
        _: &mut Array2<F>,
        gradient: &mut Gradient<F>,
    ) {
        let curve = params.view(&self.curve);
        for (&x, &g) in inputs.iter().zip(&output_gradient) {
            let power = (curve[1] * x).exp();
            gradient.view_mut(&self.curve)[0] += g * power;
            gradient.view_mut(&self.curve)[1] += g * curve[0] * x * power;
            gradient.view_mut(&self.offset)[0] += g;
        }
    }
}

/// `log cosh(p − y)`: a parabola near 0, a straight line far away.
#[derive(Debug)]
struct LogCosh;

impl<F: Scalar> Pointwise<F> for LogCosh {
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        // |e| + log(1 + exp(−2 |e|)) − log 2: the cosh itself would overflow.
        let error = prediction - target;
        let size = error.abs();
        let value = size + (F::of(-2.0) * size).exp().ln_1p() - F::of(std::f64::consts::LN_2);
        (value, error.tanh())
    }
}

fn main() -> Result<(), Error> {
    // y = 3 exp(−1.5 x) + 0.5, with noise; every twentieth point is 5 too high.
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let inputs = Array2::from_shape_simple_fn((400, 1), || rng.random_range(0.0..3.0));
    let targets: Array1<f64> = (inputs.iter().enumerate())
        .map(|(row, x)| {
            let outlier = if row % 20 == 0 { 5.0 } else { 0.0 };
            3.0 * f64::exp(-1.5 * x) + 0.5 + rng.random_range(-0.1..0.1) + outlier
        })
        .collect();
    let data = Dataset::new(&inputs, &targets)?;
    let model = Exponential::new()?;

    // Is the gradient right? Away from the start, where nothing is zero.
    let mut point = Params::zeros(&model.layout);
    point.as_mut_slice().copy_from_slice(&[2.0, -0.7, 0.3]);
    let mut risk = EmpiricalRisk::new(&model, &LogCosh, &data);
    let report = check_gradient(&mut risk, &point, &Batch::Range(0..data.len()), 1e-6)?;
    let (tensor, element) = &report.at;
    println!(
        "gradient: largest error {:.0e}, at {tensor}[{element}]",
        report.largest_error
    );
    println!(
        "          {:.9} as written, {:.9} measured",
        report.analytic, report.numeric
    );

    println!();
    println!("                       a        b        c");
    println!("true             {:8.3} {:8.3} {:8.3}", 3.0, -1.5, 0.5);
    show("log-cosh", &fit(&model, &LogCosh, &data)?);
    show("squared error", &fit(&model, &MeanSquaredError, &data)?);
    Ok(())
}

fn fit<L: Loss<f64, Array1<f64>>>(
    model: &Exponential,
    loss: &L,
    data: &Dataset<'_, f64, Array2<f64>, Array1<f64>>,
) -> Result<Run<f64>, Error> {
    Trainer::new(Adam::new())
        .learning_rate(StepDecay::new(0.05, Span::Epochs(100)).factor(0.3))
        .epochs(400)
        .seed(7)
        .fit(model, loss, data)
}

fn show(name: &str, run: &Run<f64>) {
    let numbers: String = (run.best.params.as_slice().iter())
        .map(|number| format!(" {number:8.3}"))
        .collect();
    println!("{name:16}{numbers}");
}
