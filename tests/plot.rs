//! Pictures: that they hold what they are of, and are well-formed.
#![cfg(feature = "plot")]

mod folder;

use folder::Folder;

use downhill::metrics::Confusion;
use downhill::ndarray::{Array2, array};
use downhill::objective::{Landscape, functions::BEALE};
use downhill::plot::{self, Chart, Contours, Picture, Sheet};
use downhill::prelude::*;
use downhill::train::History;
use downhill::tune::{LrFinder, Search, Space};

/// The elements of an SVG by name, with their attributes; every tag must be closed.
fn elements(svg: &str) -> Vec<(String, String)> {
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed in order");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes in pairs: {tag}");
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if !tag.ends_with('/') {
            open.push(name.into());
        }
        found.push((name.to_string(), attributes.to_string()));
    }
    assert!(open.is_empty(), "left open: {open:?}");
    found
}

/// The points of the lines of a picture in this colour.
fn points(svg: &str, colour: &str) -> Vec<usize> {
    let lines = elements(svg).into_iter().filter(|(name, _)| name == "polyline");
    lines
        .filter(|(_, attributes)| attributes.contains(colour))
        .map(|(_, attributes)| {
            let from = attributes.find("points=\"").unwrap() + 8;
            attributes[from..]
                .split('"')
                .next()
                .unwrap()
                .split_whitespace()
                .count()
        })
        .collect()
}

const BLUE: &str = "#0072B2";
const VERMILION: &str = "#D55E00";

fn run(seed: u64) -> History {
    let inputs = Array2::from_shape_fn((40, 2), |(i, j)| ((i * 5 + j * 7) % 11) as f64 / 5.0 - 1.0);
    let targets = inputs.dot(&array![1.0, -2.0]) + 0.3;
    let data = Dataset::new(&inputs, &targets).unwrap();
    let model = Mlp::new(&[2, 3, 1]).unwrap();
    let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data);
    Trainer::new(Adam::new())
        .learning_rate(0.01)
        .seed(seed)
        .epochs(25)
        .minimize(risk)
        .unwrap()
        .history
}

#[test]
fn learning_curves_have_a_point_for_each_epoch() {
    let svg = plot::learning_curves(&run(0)).svg().unwrap();
    // Training and validation, and the learning rate beneath.
    let blue = points(&svg, BLUE);
    assert!(blue.contains(&25), "{blue:?}");
    assert!(points(&svg, VERMILION).contains(&25));
    for text in ["Loss", "training", "validation", "Learning rate", "epoch"] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(svg, plot::learning_curves(&run(0)).svg().unwrap());
}

#[test]
fn a_history_of_nothing_or_of_no_numbers_is_an_empty_frame() {
    elements(&plot::learning_curves(&[]).svg().unwrap());
    let chart = Chart::new("")
        .line("a", [(0.0, f64::NAN), (1.0, f64::INFINITY)])
        .log_y();
    assert_eq!(points(&chart.svg().unwrap(), BLUE), Vec::<usize>::new());
}

#[test]
fn lines_break_where_there_is_no_number() {
    let y = |x: i32| if x == 4 { f64::NAN } else { f64::from(x * x) };
    let chart = Chart::new("").line("a", (0..12).map(|x| (f64::from(x), y(x))));
    assert_eq!(points(&chart.svg().unwrap(), BLUE), [4, 7]);
    // On a logarithmic axis, also at what is not above 0.
    assert_eq!(points(&chart.log_y().svg().unwrap(), BLUE), [3, 7]);
}

#[test]
fn names_are_escaped() {
    let svg = Chart::new("a < b & c")
        .line("\"x\" > 'y'", [(0.0, 0.0), (1.0, 1.0)])
        .svg()
        .unwrap();
    elements(&svg);
    assert!(svg.contains("a &lt; b &amp; c"), "{svg}");
}

#[test]
fn a_comparison_has_a_line_and_a_band_for_each_kind() {
    let kinds = [
        ("one", vec![run(0), run(1), run(2)]),
        ("other", vec![run(3), run(4), run(5)]),
    ];
    let svg = plot::comparison("validation_loss", kinds).svg().unwrap();
    let bands = elements(&svg)
        .iter()
        .filter(|(name, _)| name == "polygon")
        .count();
    assert_eq!(bands, 2);
    assert!(points(&svg, BLUE).contains(&25) && points(&svg, VERMILION).contains(&25));
    assert!(svg.contains("Validation loss") && svg.contains("mean and range of 3 runs"));
}

#[test]
fn a_confusion_matrix_has_a_cell_for_each_pair() {
    let mut confusion = Confusion::new(3);
    let scores = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    confusion
        .update(scores.view(), &array![0, 1, 2, 2].view(), None)
        .unwrap();
    let svg = confusion.picture().names(["ant", "bee", "cat"]).svg().unwrap();
    let filled = elements(&svg)
        .iter()
        .filter(|(name, attributes)| name == "rect" && attributes.contains("fill=\"#"))
        .count();
    // The ground and nine cells.
    assert_eq!(filled, 10);
    for text in ["Accuracy 75.0% of 4", "ant", "bee", "cat", "label", "prediction"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn contours_close_and_paths_are_cut_off_at_the_border() {
    let cone = |x: f64, y: f64| x.hypot(y);
    let contours = Contours::new("Cone", [-2.0, 2.0, -2.0, 2.0], cone).levels([1.0]);
    let circle = elements(&contours.svg().unwrap());
    let line = circle.iter().rfind(|(name, _)| name == "polyline").unwrap();
    let from = line.1.find("points=\"").unwrap() + 8;
    let pixels: Vec<&str> = line.1[from..]
        .split('"')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    assert!(pixels.len() > 30 && pixels.first() == pixels.last());
    // Out of view after three steps.
    let way = [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (5.0, 5.0), (6.0, 6.0)];
    let svg = contours
        .path("path", way)
        .path("other", [(0.0, 0.0), (0.5, 0.0)])
        .svg()
        .unwrap();
    // The stroke in the legend, and the way: three points and where it leaves.
    assert_eq!(points(&svg, BLUE), [2, 4]);
}

#[test]
fn several_pictures_stand_on_one_sheet() {
    let chart = |name: &str| Chart::new(name).line("", [(0.0, 0.0), (1.0, 1.0)]);
    let sheet = Sheet::new()
        .row([chart("one"), chart("two").sized(300, 500)])
        .row([chart("three")]);
    assert_eq!(sheet.size(), (1020, 940));
    let svg = sheet.svg().unwrap();
    assert!(["one", "two", "three"].iter().all(|name| svg.contains(name)));
    assert!(svg.contains("width=\"1020\""));
}

#[test]
fn searches_and_range_tests_are_drawn() {
    let space = Space::new()
        .log_uniform("rate", 1e-3, 1.0)
        .choice("kind", ["a", "b"]);
    let results = Search::random(space, 30)
        .minimize(|trial| trial.number("rate"))
        .unwrap();
    let svg = results.picture().svg().unwrap();
    // A dot for each of thirty trials and one for the best in two panels; and four in legends.
    let dots = elements(&svg).iter().filter(|(name, _)| name == "circle").count();
    assert_eq!(dots, 2 * 31 + 4);
    assert!(svg.contains("score (lowest is best)"));
    // Ticks by orders of magnitude where the range was one, whatever the trials; and each value of a choice.
    let space = Space::new()
        .log_uniform("rate", 0.2, 0.9)
        .integers("layers", 1..=4)
        .choice("width", [8, 24, 512]);
    let svg = Search::random(space, 20)
        .maximize(|trial| Ok(trial.index() as f64))
        .unwrap()
        .picture()
        .svg()
        .unwrap();
    let has = |text: &str| svg.lines().any(|line| line == text);
    assert!(has("0.5") && !has("0.4") && !has("0.6"));
    assert!(
        ["1", "2", "3", "4", "8", "24", "512"]
            .iter()
            .all(|tick| has(tick)),
        "{svg}"
    );
    assert!(svg.contains("score (highest is best)"));
    let curve = LrFinder::new(1e-4, 10.0)
        .find(
            Trainer::new(GradientDescent),
            Function::new(BEALE.start.to_vec(), BEALE.value_and_gradient),
        )
        .unwrap();
    let svg = curve.picture().svg().unwrap();
    assert!(svg.contains("steepest: ") && svg.contains("valley: "), "{svg}");
}

#[test]
fn a_landscape_is_the_loss_on_a_plane() {
    let bowl = || {
        Function::new(vec![1.0, 0.0, 0.0], |w: &[f64], g: &mut [f64]| {
            g.copy_from_slice(w);
            0.5 * w.iter().map(|x| x * x).sum::<f64>()
        })
    };
    let centre = Params::from(vec![3.0, 0.0, 4.0]);
    let plane = Landscape::around(&centre)
        .points(9)
        .radius(0.5)
        .seed(3)
        .random(bowl())
        .unwrap();
    assert_eq!((plane.x[0], plane.x[8], plane.values.dim()), (-0.5, 0.5, (9, 9)));
    assert_eq!(plane.values[[4, 4]], 12.5);
    // Along a line the loss is a parabola whose curvature is the square of the direction's length, that of the weights.
    let second = plane.values[[0, 4]] - 2.0 * plane.values[[4, 4]] + plane.values[[8, 4]];
    assert!((second / 0.25 - 25.0).abs() < 1e-9, "{second}");

    // A way in the plane of the first two weights: nothing is outside its components.
    let centre = Params::from(vec![0.0, 0.0, 0.0]);
    let way: Vec<Params<f64>> = (0..6)
        .map(|i| Params::from(vec![4.0 - 0.8 * f64::from(i), f64::from(i % 2), 0.0]))
        .collect();
    let plane = Landscape::around(&centre)
        .points(5)
        .principal(bowl(), &way)
        .unwrap();
    let explained = plane.explained.unwrap();
    assert!((explained[0] + explained[1] - 1.0).abs() < 1e-12 && explained[0] > explained[1]);
    for ((x, y), params) in plane.path.iter().zip(&way) {
        assert!((x.hypot(*y) - params.norm()).abs() < 1e-12);
    }
    for ((i, j), value) in plane.values.indexed_iter() {
        assert!((value - 0.5 * (plane.x[i].powi(2) + plane.y[j].powi(2))).abs() < 1e-12);
    }
    elements(&plane.picture().svg().unwrap());

    let refused = |result: Result<downhill::objective::Plane, Error>, part: &str| {
        let error = result.expect_err("accepted").to_string();
        assert!(error.contains(part), "{error} does not say {part:?}");
    };
    let around = || Landscape::around(&centre);
    refused(around().radius(0.0).random(bowl()), "radius of Landscape");
    refused(around().points(1).random(bowl()), "points of Landscape");
    refused(around().principal(bowl(), &way[..1]), "two dimensions");
    refused(around().principal(bowl(), &[]), "two dimensions");
    let other = Params::from(vec![1.0]);
    refused(Landscape::around(&other).random(bowl()), "was made for");
    refused(around().principal(bowl(), &[other]), "path");
}

#[test]
fn filters_are_as_long_as_the_weights() {
    let model = Mlp::new(&[2, 3, 1]).unwrap();
    let layout = downhill::Model::<f64>::layout(&model);
    let mut centre = Params::<f64>::zeros(&layout);
    // The second hidden unit is dead: nothing leads to it, and nothing may.
    centre
        .set("layer1/weight", array![[3.0, 0.0, 1.0], [4.0, 0.0, 0.0]].view())
        .unwrap();
    centre.set("layer1/bias", array![7.0, 7.0, 7.0].view()).unwrap();
    centre
        .set("layer2/weight", array![[1.0], [2.0], [2.0]].view())
        .unwrap();
    /// Not a loss, but one number of the parameters at each call.
    struct Probe(Layout, fn(&[f64]) -> f64);
    impl Objective<f64> for Probe {
        fn start(&self, _: &mut dyn downhill::rand::Rng) -> Params<f64> {
            Params::zeros(&self.0)
        }
        fn value_and_gradient(
            &mut self,
            params: &Params<f64>,
            _: &downhill::data::Batch<'_>,
            _: &mut downhill::Gradient<f64>,
        ) -> Result<f64, Error> {
            Ok((self.1)(params.as_slice()))
        }
    }
    let at = |of: fn(&[f64]) -> f64| {
        let plane = Landscape::around(&centre)
            .points(3)
            .random(Probe(layout.clone(), of))
            .unwrap();
        plane.values[[2, 1]] - plane.values[[1, 1]]
    };
    // layer1/weight is rows of inputs: units stand side by side.
    let unit = [at(|w| w[0]), at(|w| w[3])];
    assert!((unit[0].hypot(unit[1]) - 5.0).abs() < 1e-12);
    assert_eq!((at(|w| w[1]), at(|w| w[4])), (0.0, 0.0));
    assert!((at(|w| w[2]).hypot(at(|w| w[5])) - 1.0).abs() < 1e-12);
    // Biases stay.
    assert_eq!((at(|w| w[6]), at(|w| w[7]), at(|w| w[8])), (0.0, 0.0, 0.0));
    let last: f64 = [at(|w| w[9]), at(|w| w[10]), at(|w| w[11])]
        .iter()
        .map(|x| x * x)
        .sum();
    assert!((last.sqrt() - 3.0).abs() < 1e-12);
}

#[test]
fn a_picture_goes_into_a_file_or_nowhere() {
    let folder = Folder::new();
    let history = run(0);
    history.plot(folder.join("deep/run.SVG")).unwrap();
    assert!(
        std::fs::read_to_string(folder.join("deep/run.SVG"))
            .unwrap()
            .starts_with("<svg")
    );
    let error = history.plot(folder.join("run.jpeg")).unwrap_err();
    assert!(
        error.to_string().contains(".svg") && error.to_string().contains("run.jpeg"),
        "{error}"
    );
    assert!(matches!(
        history.plot(folder.join("deep/run.SVG/x.svg")),
        Err(Error::Io { .. })
    ));
    if cfg!(feature = "png") {
        history.plot(folder.join("run.png")).unwrap();
        assert!(
            std::fs::read(folder.join("run.png"))
                .unwrap()
                .starts_with(b"\x89PNG")
        );
    } else {
        let error = history.plot(folder.join("run.png")).unwrap_err();
        assert!(error.to_string().contains("the feature \"png\""), "{error}");
    }
}

#[cfg(feature = "png")]
mod png {
    use super::*;
    use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

    fn decoded(picture: &impl Picture, scale: f64) -> Pixmap {
        Pixmap::decode_png(&picture.png(scale).unwrap()).unwrap()
    }

    fn colours(pixmap: &Pixmap) -> std::collections::BTreeMap<[u8; 3], usize> {
        let mut colours = std::collections::BTreeMap::new();
        let rgb = |point: &PremultipliedColorU8| [point.red(), point.green(), point.blue()];
        for point in pixmap.pixels() {
            assert_eq!(point.alpha(), 255);
            *colours.entry(rgb(point)).or_insert(0) += 1;
        }
        colours
    }

    #[test]
    fn a_png_shows_what_the_svg_does() {
        let sheet = plot::learning_curves(&run(0));
        let (width, height) = sheet.size();
        let pixmap = decoded(&sheet, 2.0);
        assert_eq!((pixmap.width(), pixmap.height()), (2 * width, 2 * height));
        let colours = colours(&pixmap);
        // White ground, and both lines in their colours.
        let points = |colour: [u8; 3]| colours.get(&colour).copied().unwrap_or(0);
        assert!(points([255; 3]) > (width * height * 3) as usize);
        assert!(
            points([0, 114, 178]) > 500 && points([213, 94, 0]) > 500,
            "{colours:?}"
        );
    }

    #[test]
    fn text_is_drawn_where_there_is_no_font() {
        let chart = |title: &str| Chart::new(title).x("step").line("", [(0.0, 0.0), (1.0, 1.0)]);
        let dark = |title: &str| {
            let pixmap = decoded(&chart(title), 1.0);
            // The title's line; a blank title keeps its place.
            let rows = pixmap.pixels().iter().take(720 * 30);
            rows.filter(|point| point.red() < 100).count()
        };
        assert_eq!(dark(" "), 0);
        let (one, three) = (dark("m"), dark("mmm"));
        assert!(one > 10 && (2 * one..5 * one).contains(&three), "{one} {three}");
        // Superscripts of the ticks, minus signs, Greek and Cyrillic letters have glyphs of their own: no two are alike.
        let special =
            ["10⁻⁵", "10⁻⁴", "−2", "+2", "±σ", "±δ", "ж", "я"].map(|title| decoded(&chart(title), 1.0));
        for (place, pixmap) in special.iter().enumerate() {
            assert!(
                special[..place].iter().all(|other| other.data() != pixmap.data()),
                "{place}"
            );
        }
    }

    #[test]
    fn other_fonts_become_the_one_there_is() {
        use downhill::plot::plotters::{element::Text, style::IntoFont};
        struct Times(&'static str);
        impl Picture for Times {
            fn size(&self) -> (u32, u32) {
                (60, 30)
            }
            fn draw(&self, area: &plot::Area<'_>) -> Result<(), Error> {
                Ok(area.draw(&Text::new("text", (5, 5), (self.0, 16).into_font()))?)
            }
        }
        let drawn = decoded(&Times("sans-serif"), 1.0);
        assert!(colours(&drawn).len() > 5);
        assert_eq!(drawn.data(), decoded(&Times("Some Font"), 1.0).data());
        assert_eq!(drawn.data(), decoded(&Times("monospace"), 1.0).data());
    }

    #[test]
    fn scales_that_give_no_picture_are_refused() {
        let chart = Chart::new("").line("", [(0.0, 0.0), (1.0, 1.0)]);
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-4, 1e3, 1e300] {
            let error = chart.png(scale).unwrap_err();
            assert!(error.to_string().starts_with("scale is"), "{error}");
        }
    }
}
