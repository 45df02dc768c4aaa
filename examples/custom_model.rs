//! One's own model and one's own loss: an exponential decay through measurements with outliers.

use downhill::data::Batch;
use downhill::loss::Pointwise;
use downhill::ndarray::{Array1, Array2, ArrayView2, Ix1, s};
use downhill::objective::check_gradient;
use downhill::rand::{Rng, RngExt, SeedableRng, rngs::ChaCha12Rng};
use downhill::{Handle, prelude::*};

/// `ŷ = a e^(−b x) + c`, with the three numbers in one tensor.
struct Decay {
    layout: Layout,
    abc: Handle<Ix1>,
}

impl Decay {
    fn new() -> Result<Self, Error> {
        let mut layout = Layout::new();
        let abc = layout.add("abc", 3)?;
        Ok(Self { layout, abc })
    }
}

impl<F: Scalar> Model<F> for Decay {
    /// Room for the predictions; nothing else needs to be kept.
    type Scratch = Array2<F>;

    fn layout(&self) -> Layout {
        self.layout.clone()
    }

    fn outputs(&self) -> usize {
        1
    }

    fn check(&self, inputs: &ArrayView2<'_, F>) -> Result<(), Error> {
        if inputs.ncols() == 1 {
            return Ok(());
        }
        let (given, expected) = (inputs.shape().to_vec(), vec![inputs.nrows(), 1]);
        Err(Error::ShapeMismatch {
            argument: "inputs".into(),
            given,
            expected,
        })
    }

    fn initialize(&self, params: &mut Params<F>, _: &mut dyn Rng) {
        params.view_mut(&self.abc).fill(F::of(0.5));
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
        let abc = params.view(&self.abc);
        let mut predictions = scratch.slice_mut(s![..inputs.nrows(), ..]);
        predictions.zip_mut_with(inputs, |y, &x| *y = abc[0] * (-abc[1] * x).exp() + abc[2]);
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
        let abc = params.view(&self.abc);
        let mut gradient = gradient.view_mut(&self.abc);
        for (&x, &d) in inputs.iter().zip(output_gradient) {
            let power = (-abc[1] * x).exp();
            gradient[0] += d * power;
            gradient[1] -= d * abc[0] * x * power;
            gradient[2] += d;
        }
    }
}

/// `log cosh(p − y)`: quadratic near 0, linear far out, so that outliers pull little.
struct LogCosh;

impl<F: Scalar> Pointwise<F> for LogCosh {
    fn value_and_slope(&self, prediction: F, target: F) -> (F, F) {
        let error = (prediction - target).abs();
        // |d| + log(1 + e^(−2|d|)) − log 2, which does not overflow.
        let value = error + (-(error + error)).exp().ln_1p() - F::of(std::f64::consts::LN_2);
        (value, (prediction - target).tanh())
    }
}

fn main() -> Result<(), Error> {
    // 3 e^(−1.5 x) + 0.5, with noise, and every twentieth measurement far off.
    let mut rng = ChaCha12Rng::seed_from_u64(3);
    let inputs = Array2::from_shape_fn((200, 1), |(row, _)| 0.02 * row as f64);
    let targets = Array1::from_shape_fn(200, |row| {
        let outlier = if row % 20 == 0 { 4.0 } else { 0.0 };
        3.0 * (-1.5 * inputs[[row, 0]]).exp() + 0.5 + rng.random_range(-0.05..0.05) + outlier
    });
    let data = Dataset::new(&inputs, &targets)?;
    let model = Decay::new()?;

    // A gradient written by hand is worth a check.
    let mut risk = EmpiricalRisk::new(&model, &LogCosh, &data);
    let report = check_gradient(
        &mut risk,
        &Params::from_vec("abc", vec![2.0, 1.0, 0.3]),
        &Batch::Range(0..200),
        1e-6,
    )?;
    println!(
        "gradient: off by {:.0e} from central differences at the worst",
        report.largest_error
    );

    let fit = |run: Run<f64>| run.params.get("abc").map(|abc| println!("found {abc:.2}"));
    println!("\nwith log cosh, where the truth is [3.00, 1.50, 0.50]:");
    fit(Trainer::new(Adam::new())
        .learning_rate(0.02)
        .epochs(300)
        .fit(&model, &LogCosh, &data)?)?;
    println!("with squared errors, which the outliers pull:");
    fit(Trainer::new(Adam::new())
        .learning_rate(0.02)
        .epochs(300)
        .fit(&model, &MeanSquaredError, &data)?)?;
    Ok(())
}
