//! Every loss: its gradient, extreme predictions, weights, and what it refuses.

use downhill::data::Samples;
use downhill::loss::*;
use downhill::ndarray::{Array1, Array2, array};
use downhill::objective::Penalized;
use downhill::prelude::*;
use proptest::prelude::*;

/// Compares the gradient with central differences, and a weight of 2 with a row counted twice.
fn check<Y: Samples, L: Loss<f64, Y>>(
    name: &str,
    loss: &L,
    predictions: &Array2<f64>,
    targets: &Y,
) -> Result<(), TestCaseError> {
    let targets = targets.view();
    loss.check(predictions.ncols(), &targets).unwrap();
    let value = |predictions: &Array2<f64>, weights: Option<&Array1<f64>>, gradient: &mut Array2<f64>| {
        let weights = weights.map(|weights| weights.view());
        loss.value_and_gradient(predictions.view(), &targets, weights, 1.0, gradient.view_mut())
    };
    let mut gradient = Array2::from_elem(predictions.raw_dim(), f64::NAN);
    let mut unused = gradient.clone();
    let whole = value(predictions, None, &mut gradient);
    prop_assert!(whole.is_finite(), "{name}");
    for (place, &slope) in gradient.indexed_iter() {
        let h = 1e-5;
        let mut moved = predictions.clone();
        moved[place] += h;
        let above = value(&moved, None, &mut unused);
        moved[place] -= 2.0 * h;
        let below = value(&moved, None, &mut unused);
        let numeric = (above - below) / (2.0 * h);
        prop_assert!(
            (numeric - slope).abs() <= 1e-6 * slope.abs().max(1.0),
            "{name} at {place:?}: {slope} is not {numeric}"
        );
    }
    let rows = predictions.nrows();
    let twice = Array1::from_elem(rows, 2.0);
    let mut doubled = gradient.clone();
    let weighted = value(predictions, Some(&twice), &mut doubled);
    prop_assert!(
        (weighted - 2.0 * whole).abs() <= 1e-12 * whole.abs().max(1.0),
        "{name}"
    );
    prop_assert!(
        (doubled - 2.0 * &gradient).iter().all(|d| d.abs() < 1e-12),
        "{name}"
    );
    // Nothing that is not a number is ever hidden.
    let mut bad = predictions.clone();
    bad[[0, 0]] = f64::NAN;
    prop_assert!(value(&bad, None, &mut unused).is_nan(), "{name} hides a NaN");
    Ok(())
}

/// Away from kinks, where a difference would straddle two slopes.
fn off(values: Vec<f64>) -> Array1<f64> {
    values
        .into_iter()
        .map(|x| (x * 16.0).round() / 16.0 + 0.01)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn gradients_are_derivatives(
        p in prop::collection::vec(-3.0..3.0_f64, 12),
        y in prop::collection::vec(0.1..1.0_f64, 4),
        signs in prop::collection::vec(prop::bool::ANY, 4),
        labels in prop::collection::vec(0..3_usize, 4),
    ) {
        let p = off(p);
        let column = Array2::from_shape_vec((4, 1), p.to_vec()[..4].to_vec()).unwrap();
        let pairs = Array2::from_shape_vec((4, 2), p.to_vec()[..8].to_vec()).unwrap();
        let rows = Array2::from_shape_vec((4, 3), p.to_vec()).unwrap();
        let numbers = Array1::from(y.clone());
        let signs: Array1<f64> = signs.into_iter().map(|up| if up { 1.0 } else { -1.0 }).collect();
        let labels = Array1::from(labels);
        check("mse", &MeanSquaredError, &column, &numbers)?;
        check("mae", &MeanAbsoluteError, &column, &numbers)?;
        check("huber", &Huber::new(0.7), &column, &numbers)?;
        check("smooth l1", &SmoothL1::new(0.6), &column, &numbers)?;
        check("quantile", &Quantile::new(0.8), &column, &numbers)?;
        check("log cosh", &LogCosh, &column, &numbers)?;
        check("poisson", &PoissonNll::new(), &column, &numbers)?;
        check("poisson rate", &PoissonNll::of_rates(1e-8).full(), &column.mapv(|p| p.abs() + 0.5), &numbers)?;
        check("tweedie", &Tweedie::new(1.5), &column, &numbers)?;
        check("tweedie 1", &Tweedie::new(1.0), &column, &numbers)?;
        check("gamma", &Tweedie::gamma(), &column, &numbers)?;
        check("bce", &BinaryCrossEntropy::new().positive_weight(3.0), &column, &numbers)?;
        check("focal", &Focal::new(2.0).alpha(0.25), &column, &numbers)?;
        check("hinge", &Hinge, &column, &signs)?;
        check("squared hinge", &SquaredHinge, &column, &signs)?;
        check("soft margin", &SoftMargin, &column, &signs)?;
        check("hinge embedding", &HingeEmbedding::new(1.0), &column, &signs)?;
        check("margin ranking", &MarginRanking::new(0.53), &pairs, &signs)?;
        let mut spread = pairs.clone();
        spread.column_mut(1).mapv_inplace(|v| v.abs() + 0.5);
        check("gaussian", &GaussianNll::new().full(), &spread, &numbers)?;
        check("crps", &GaussianCrps, &pairs, &numbers)?;
        check("softmax", &SoftmaxCrossEntropy, &rows, &labels)?;
        let options = SoftmaxCrossEntropy.label_smoothing(0.2).class_weights([0.5, 1.0, 2.0]);
        check("cross-entropy", &options, &rows, &labels)?;
        let soft = Array2::from_shape_fn((4, 3), |(row, class)| y[row] * [0.2, 0.3, 0.5][class]);
        check("soft targets", &options, &rows, &soft)?;
        check("bce by output", &BinaryCrossEntropy::new().positive_weights([0.5, 1.0, 3.0]), &rows, &soft)?;
        check("kl", &KlDivergence::new(), &rows, &soft)?;
        check("kl of logs", &KlDivergence::of_log_targets(), &rows, &soft.mapv(f64::ln))?;
        check("nll", &NegativeLogLikelihood::new().class_weights([1.0, 2.0, 3.0]), &rows, &labels.mapv(|_| 0))?;
        check("multi-margin", &MultiMargin::new(1.03).squared(), &rows, &labels)?;
    }
}

#[test]
fn extreme_predictions_stay_finite() {
    let far = array![[1e4], [-1e4], [0.0], [700.0]];
    let one = Array1::from(vec![1.0; 4]);
    let fine = |name: &str, (value, gradient): (f64, Array2<f64>)| {
        assert!(
            value.is_finite() && gradient.iter().all(|g| g.is_finite()),
            "{name}: {value} {gradient}"
        );
    };
    macro_rules! all {
        ($($loss:expr),*) => {
            $(for targets in [one.clone(), one.mapv(|y| -y), one.mapv(|y| 0.0 * y)] {
                let targets = targets.view().to_owned();
                if Loss::<f64, Array1<f64>>::check(&$loss, 1, &targets.view()).is_ok() {
                    fine(stringify!($loss), value_and_gradient(&$loss, far.view(), &targets, Reduction::Mean).unwrap());
                }
            })*
        };
    }
    all!(
        MeanSquaredError,
        MeanAbsoluteError,
        Huber::new(1.0),
        SmoothL1::new(1.0),
        Quantile::new(0.1),
        LogCosh,
        BinaryCrossEntropy::new(),
        Focal::new(2.0),
        Focal::new(0.5).alpha(0.9),
        Hinge,
        SquaredHinge,
        SoftMargin,
        HingeEmbedding::new(1.0)
    );
    let logits = array![[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]];
    let labels = array![0, 2];
    fine(
        "softmax",
        value_and_gradient(&SoftmaxCrossEntropy, logits.view(), &labels, Reduction::Mean).unwrap(),
    );
    let options = SoftmaxCrossEntropy
        .label_smoothing(0.1)
        .class_weights([1.0, 2.0, 3.0]);
    fine(
        "cross-entropy",
        value_and_gradient(&options, logits.view(), &labels, Reduction::Mean).unwrap(),
    );
    let soft = array![[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]];
    fine(
        "soft targets",
        value_and_gradient(&SoftmaxCrossEntropy, logits.view(), &soft, Reduction::Mean).unwrap(),
    );
}

#[test]
fn each_minimum_is_what_the_loss_says() {
    // One constant prediction for these targets: the mean, the median, a quantile, the log of the mean.
    let targets = array![1.0, 2.0, 3.0, 10.0, 4.0];
    let inputs = Array2::ones((5, 1));
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Linear::without_intercept(1, 1).unwrap();
    macro_rules! minimum {
        ($loss:expr, $expected:expr, $tolerance:expr) => {
            let run = Trainer::new(GradientDescent)
                .learning_rate(StepDecay::new(0.2, Span::Epochs(200)).factor(0.3))
                .epochs(2000)
                .fit(&model, &$loss, &data)
                .unwrap();
            let found: f64 = run.params.as_slice()[0];
            assert!(
                (found - $expected).abs() < $tolerance,
                "{}: {found}",
                stringify!($loss)
            );
        };
    }
    minimum!(MeanSquaredError, 4.0, 1e-6);
    minimum!(MeanAbsoluteError, 3.0, 1e-3);
    minimum!(Quantile::new(0.3), 2.0, 1e-3);
    minimum!(PoissonNll::new(), 4.0_f64.ln(), 1e-6);
    minimum!(Tweedie::new(1.5), 4.0_f64.ln(), 1e-6);
    minimum!(Tweedie::gamma(), 4.0_f64.ln(), 1e-6);
}

#[test]
fn ignored_labels_and_penalties_count_as_they_should() {
    let logits: Array2<f64> = array![[1.0, -1.0], [5.0, 2.0], [0.3, 0.1]];
    let some = value_and_gradient(
        &SoftmaxCrossEntropy.ignore(99),
        logits.view(),
        &array![0, 99, 1],
        Reduction::Mean,
    )
    .unwrap();
    let rest = array![[1.0, -1.0], [0.3, 0.1]];
    let only = value_and_gradient(&SoftmaxCrossEntropy, rest.view(), &array![0, 1], Reduction::Mean).unwrap();
    assert!((some.0 - only.0).abs() < 1e-15);
    assert_eq!(some.1.row(1), array![0.0, 0.0]);

    let function = Function::new(vec![3.0, -4.0, 0.0], |_: &[f64], g: &mut [f64]| {
        g.fill(0.0);
        1.0
    });
    let mut penalized = Penalized::new(function).l1(2.0).l2(0.5);
    let params = Params::from(vec![3.0, -4.0, 0.0]);
    let mut gradient = Gradient::zeros(params.layout());
    let batch = downhill::data::Batch::Range(0..1);
    let value = penalized
        .value_and_gradient(&params, &batch, &mut gradient)
        .unwrap();
    assert_eq!(value, 1.0 + 2.0 * 7.0 + 0.25 * 25.0);
    assert_eq!(gradient.as_slice(), [3.5, -4.0, 0.0]);
    let error = penalized
        .on("nothing")
        .value_and_gradient(&params, &batch, &mut gradient)
        .unwrap_err();
    assert!(error.to_string().contains("nothing"));
}

#[test]
fn illegal_settings_and_targets_are_named() {
    let message = |result: Result<(), Error>| result.unwrap_err().to_string();
    let vector = |loss: &dyn Loss<f64, Array1<f64>>, outputs: usize, target: f64| {
        message(loss.check(outputs, &array![target].view()))
    };
    let labels =
        |loss: &dyn Loss<f64, Array1<usize>>, label: usize| message(loss.check(2, &array![label].view()));
    for (message, part) in [
        (vector(&SmoothL1::new(-1.0), 1, 0.0), "beta of SmoothL1 is -1"),
        (vector(&Quantile::new(1.0), 1, 0.0), "quantile is 1"),
        (vector(&PoissonNll::new(), 1, -1.0), "target is -1"),
        (
            vector(&PoissonNll::of_rates(0.0), 1, 1.0),
            "epsilon of PoissonNll is 0",
        ),
        (vector(&Tweedie::new(2.5), 1, 1.0), "power of Tweedie is 2.5"),
        (
            vector(&Tweedie::gamma(), 1, 0.0),
            "target is 0, but must be above 0",
        ),
        (vector(&Focal::new(-1.0), 1, 0.5), "gamma of Focal is -1"),
        (vector(&Focal::new(1.0).alpha(2.0), 1, 0.5), "alpha of Focal is 2"),
        (vector(&Hinge, 1, 0.0), "target is 0, but must be 1 or -1"),
        (
            vector(&HingeEmbedding::new(f64::NAN), 1, 1.0),
            "margin of HingeEmbedding is NaN",
        ),
        (
            vector(&MarginRanking::new(f64::NAN), 2, 1.0),
            "margin of MarginRanking is NaN",
        ),
        (vector(&MarginRanking::new(1.0), 2, 0.5), "target is 0.5"),
        (
            vector(&GaussianNll::new(), 1, 0.0),
            "outputs of the model has shape [1], but [2]",
        ),
        (
            vector(&GaussianNll::new().epsilon(0.0), 2, 0.0),
            "epsilon of GaussianNll is 0",
        ),
        (
            labels(&SoftmaxCrossEntropy.label_smoothing(1.5), 0),
            "label_smoothing is 1.5",
        ),
        (
            labels(&SoftmaxCrossEntropy.class_weights([1.0]), 0),
            "class_weights has shape [1], but [2]",
        ),
        (
            labels(&SoftmaxCrossEntropy.class_weights([1.0, -1.0]), 0),
            "class weight is -1",
        ),
        (labels(&SoftmaxCrossEntropy.ignore(9), 7), "label 7"),
        (labels(&NegativeLogLikelihood::new(), 2), "label 2"),
        (
            labels(&MultiMargin::new(f64::INFINITY), 0),
            "margin of MultiMargin is inf",
        ),
    ] {
        assert!(message.contains(part), "{message} does not say {part}");
    }
    let soft = Loss::<f64, Array2<f64>>::check(&SoftmaxCrossEntropy, 2, &array![[0.5, 1.5]].view());
    assert!(message(soft).contains("target is 1.5"));
}

#[test]
fn a_variance_that_is_no_number_is_not_held_at_the_least_one() {
    let predictions = array![[0.5, f64::NAN]];
    let (value, _) = value_and_gradient(
        &GaussianNll::new(),
        predictions.view(),
        &array![1.0],
        Reduction::Mean,
    )
    .unwrap();
    assert!(value.is_nan());
}
