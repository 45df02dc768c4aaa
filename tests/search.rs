//! Searches: what is tried, that threads change nothing, and that an interrupted one continues.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, path::PathBuf};

use downhill::ndarray::Array1;
use downhill::tune::{Results, Search, Setting, Space, Trial};
use downhill::{Error, Function, Trainer, optim::Momentum, train::Interrupt};

fn space() -> Space {
    Space::new()
        .log_uniform("learning_rate", 1e-4, 1.0)
        .uniform("momentum", 0.5, 0.9)
        .choice("kind", ["plain", "nesterov"])
}

/// The loss after some training: the same for the same trial.
fn train(trial: &Trial) -> Result<f64, Error> {
    let bowl = Function::new(vec![-4.0, 1.5], |w: &[f64], g: &mut [f64]| {
        (g[0], g[1]) = (w[0], 20.0 * w[1]);
        0.5 * w[0] * w[0] + 10.0 * w[1] * w[1]
    });
    let mut optimizer = Momentum::new(trial.number("momentum")?);
    if trial.text("kind")? == "nesterov" {
        optimizer = optimizer.nesterov();
    }
    let run = Trainer::new(optimizer)
        .learning_rate(trial.number("learning_rate")?)
        .steps(trial.budget().unwrap_or(50))
        .minimize(bowl)?;
    Ok(run.best.value)
}

/// What does not depend on the clock.
fn scores(results: &Results) -> Vec<(Trial, u64)> {
    let all = results.evaluations().iter();
    all.map(|evaluation| (evaluation.trial.clone(), evaluation.score.to_bits()))
        .collect()
}

/// A file of its own for each test, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("downhill-search-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        Self(path)
    }

    fn read(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_grid_is_every_combination() {
    let space = Space::new()
        .choice("rate", Array1::geomspace(0.01, 1.0, 3).unwrap())
        .choice("hidden", [8, 16]);
    let results = Search::grid(space)
        .minimize(|trial| {
            assert_eq!(trial.budget(), None);
            Ok(trial.number("rate")? * trial.count("hidden")? as f64)
        })
        .unwrap();
    let tried: Vec<f64> = results
        .evaluations()
        .iter()
        .map(|evaluation| evaluation.score)
        .collect();
    for (score, expected) in tried.iter().zip([0.08, 0.16, 0.8, 1.6, 8.0, 16.0]) {
        assert!((score - expected).abs() < 1e-12, "{tried:?}");
    }
    assert_eq!(tried.len(), 6);
    assert_eq!(results.best().map(|best| best.trial.index()), Some(0));
}

#[test]
fn the_same_seed_gives_the_same_whatever_the_number_of_threads() {
    for search in [Search::random(space(), 23), Search::halving(space(), 23, 5)] {
        let search = search.seed(11);
        let alone = search.clone().threads(1).minimize(train).unwrap();
        for threads in [2, 3, 8] {
            let together = search.clone().threads(threads).minimize(train).unwrap();
            assert_eq!(scores(&alone), scores(&together));
        }
        assert_ne!(scores(&alone), scores(&search.seed(12).minimize(train).unwrap()));
    }
}

#[test]
fn draws_stay_within_bounds_and_the_first_trials_stay_when_more_follow() {
    let run = |trials| {
        Search::random(space(), trials)
            .minimize(|trial| trial.number("learning_rate"))
            .unwrap()
    };
    let results = run(400);
    let mut magnitudes = [0; 4];
    for evaluation in results.evaluations() {
        let trial = &evaluation.trial;
        let (rate, momentum) = (
            trial.number("learning_rate").unwrap(),
            trial.number("momentum").unwrap(),
        );
        assert!((1e-4..1.0).contains(&rate) && (0.5..0.9).contains(&momentum));
        magnitudes[(rate.log10() + 4.0) as usize] += 1;
    }
    // A quarter in each order of magnitude: 100, give or take four standard deviations of 8.7.
    assert!(
        magnitudes.iter().all(|count| (65..=135).contains(count)),
        "{magnitudes:?}"
    );
    assert_eq!(scores(&run(7)), scores(&results)[..7]);
}

#[test]
fn whole_numbers_of_a_range_all_come_up_both_ends_included() {
    let space = Space::new()
        .integers("layers", -1..=2)
        .log_integers("batch", 1..=8);
    let results = Search::random(space, 4000).minimize(|_| Ok(0.0)).unwrap();
    let share = |name: &str, value: i64| {
        let is = |trial: &Trial| trial.number(name).unwrap() == value as f64;
        let all = results.evaluations();
        all.iter().filter(|evaluation| is(&evaluation.trial)).count() as f64 / all.len() as f64
    };
    // Within four standard deviations of what is likely.
    let near =
        |share: f64, likely: f64| (share - likely).abs() < 4.0 * (likely * (1.0 - likely) / 4000.0).sqrt();
    for layers in -1..=2 {
        assert!(near(share("layers", layers), 0.25), "{layers}");
    }
    for batch in 1..=8 {
        let likely = ((batch + 1) as f64 / batch as f64).ln() / 9_f64.ln();
        assert!(
            near(share("batch", batch), likely),
            "{batch}: {} {likely}",
            share("batch", batch)
        );
    }
    let first = &results.evaluations()[0].trial;
    assert!(first.count("batch").is_ok_and(|batch| (1..=8).contains(&batch)));
}

#[test]
fn halving_spends_more_on_fewer() {
    let results = Search::halving(space(), 20, 2)
        .factor(3)
        .maximize(|trial| Ok(trial.index() as f64))
        .unwrap();
    let tried: Vec<(usize, Option<u64>)> = results
        .evaluations()
        .iter()
        .map(|evaluation| (evaluation.trial.index(), evaluation.trial.budget()))
        .collect();
    let mut expected: Vec<_> = (0..20).map(|trial| (trial, Some(2))).collect();
    expected.extend((14..20).map(|trial| (trial, Some(6))));
    expected.extend([(18, Some(18)), (19, Some(18)), (19, Some(54))]);
    assert_eq!(tried, expected);
    let ranked: Vec<usize> = results
        .ranked()
        .iter()
        .map(|evaluation| evaluation.trial.index())
        .collect();
    assert_eq!(ranked, (0..20).rev().collect::<Vec<_>>());
}

#[test]
fn a_score_that_is_no_number_is_the_worst() {
    let score = |trial: &Trial| {
        Ok(match trial.index() {
            0 | 3 => f64::NAN,
            1 => f64::INFINITY,
            index => index as f64,
        })
    };
    let results = Search::random(space(), 5).minimize(score).unwrap();
    let ranked: Vec<usize> = results
        .ranked()
        .iter()
        .map(|evaluation| evaluation.trial.index())
        .collect();
    assert_eq!(ranked, [2, 4, 1, 0, 3]);
    assert!(
        Search::random(space(), 2)
            .minimize(|_| Ok(f64::NAN))
            .unwrap()
            .best()
            .is_none()
    );
}

#[test]
fn an_interrupted_search_continues_to_the_same_results() {
    let scratch = Scratch::new("resume.csv");
    for search in [
        Search::random(space(), 12).seed(3),
        Search::halving(space(), 12, 4).seed(3),
    ] {
        let whole = search.minimize(train).unwrap();
        let journalled = search.clone().journal(&scratch.0);
        // It fails in the middle; what was done is kept.
        let interrupted = journalled
            .clone()
            .threads(1)
            .minimize(|trial| match trial.index() {
                7 => Err(Error::Empty {
                    argument: "power".into(),
                }),
                _ => train(trial),
            });
        assert_eq!(
            interrupted,
            Err(Error::Empty {
                argument: "power".into()
            })
        );
        // A process killed while it writes leaves half a line.
        let text = scratch.read();
        assert_eq!(text.lines().count(), 1 + 7);
        fs::write(&scratch.0, format!("{text}7,4,0.01,0.5")).unwrap();

        let calls = AtomicUsize::new(0);
        let counted = |trial: &Trial| {
            calls.fetch_add(1, Ordering::Relaxed);
            train(trial)
        };
        let continued = journalled.minimize(counted).unwrap();
        assert_eq!(scores(&continued), scores(&whole));
        assert_eq!(calls.load(Ordering::Relaxed), whole.evaluations().len() - 7);
        // And once more: everything is there.
        calls.store(0, Ordering::Relaxed);
        assert_eq!(scores(&journalled.minimize(counted).unwrap()), scores(&whole));
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        fs::remove_file(&scratch.0).unwrap();
    }
    // With more trials only those are run.
    Search::random(space(), 5)
        .journal(&scratch.0)
        .minimize(train)
        .unwrap();
    let calls = AtomicUsize::new(0);
    let more = Search::random(space(), 9).journal(&scratch.0).minimize(|trial| {
        calls.fetch_add(1, Ordering::Relaxed);
        train(trial)
    });
    assert_eq!(
        scores(&more.unwrap()),
        scores(&Search::random(space(), 9).minimize(train).unwrap())
    );
    assert_eq!(calls.load(Ordering::Relaxed), 4);
}

#[test]
fn the_journal_of_something_else_is_refused_and_left_alone() {
    let scratch = Scratch::new("foreign.csv");
    let search = || Search::random(space(), 3).journal(&scratch.0);
    search().minimize(train).unwrap();
    let own = scratch.read();
    let refused = |search: Search, parts: &[&str]| {
        let before = scratch.read();
        let error = search.minimize(train).expect_err("accepted");
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
        for part in parts {
            assert!(error.to_string().contains(part), "{error} does not say {part:?}");
        }
        assert_eq!(scratch.read(), before);
    };
    refused(
        search().seed(1),
        &["line 2", "settings", "trial 0 of this search"],
    );
    let other = Search::random(Space::new().uniform("x", 0.0, 1.0), 3).journal(&scratch.0);
    refused(other, &["line 1", "learning_rate", "x"]);
    for (bad, parts) in [
        ("nothing\n", &["line 5", "nothing", "a trial"][..]),
        ("first,,1,1,1,1,1\n", &["line 5", "the number of a trial"]),
        ("0,many,1,1,1,1,1\n", &["line 5", "a budget"]),
        ("0,,1,1,1,good,1\n", &["line 5", "a number as the score"]),
        ("0,,1,1,1,1,long\n", &["line 5", "seconds"]),
    ] {
        fs::write(&scratch.0, format!("{own}{bad}")).unwrap();
        refused(search(), parts);
    }
    fs::write(&scratch.0, "somebody's only line, not yet ended").unwrap();
    refused(search(), &["line 1", "somebody's"]);
    // A folder where a file is expected.
    let error = Search::random(space(), 1)
        .journal(std::env::temp_dir())
        .minimize(train)
        .unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
}

#[test]
fn the_first_failing_trial_is_the_one_that_is_reported() {
    for threads in [1, 2, 8] {
        let found = Search::random(space(), 40)
            .threads(threads)
            .minimize(|trial| match trial.index() {
                5.. => Err(Error::Empty {
                    argument: trial.index().to_string(),
                }),
                _ => Ok(0.0),
            });
        assert_eq!(found, Err(Error::Empty { argument: "5".into() }));
    }
}

#[test]
fn results_are_a_table_with_the_best_first() {
    let results = Search::random(space(), 3)
        .maximize(|trial| Ok([0.5, 12345678.25, 0.000012345][trial.index()]))
        .unwrap();
    let table = results.to_string();
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "trial",
            "learning_rate",
            "momentum",
            "kind",
            "score",
            "(highest",
            "is",
            "best)",
            "seconds"
        ]
    );
    let scores: Vec<(&str, &str)> = lines[1..].iter().map(|line| (line[0], line[4])).collect();
    assert_eq!(scores, [("1", "1.235e7"), ("0", "0.5000"), ("2", "1.234e-5")]);
    let widths: Vec<usize> = table.lines().map(|line| line.chars().count()).collect();
    assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
}

#[test]
fn illegal_searches_are_refused() {
    let refused = |search: Search, parts: &[&str]| {
        let error = search.minimize(|_| Ok(0.0)).expect_err("accepted").to_string();
        for part in parts {
            assert!(error.contains(part), "{error} does not say {part:?}");
        }
    };
    let random = |space: Space| Search::random(space, 2);
    let uniform = |low, high| Space::new().uniform("x", low, high);
    refused(random(Space::new()), &["space is empty"]);
    refused(random(uniform(1.0, 1.0)), &["bounds of x", "1 and 1", "below"]);
    refused(random(uniform(f64::NAN, 1.0)), &["bounds of x", "NaN"]);
    refused(random(uniform(0.0, f64::INFINITY)), &["bounds of x", "inf"]);
    refused(
        random(Space::new().log_uniform("x", 0.0, 1.0)),
        &["low of x", "0", "above 0"],
    );
    refused(
        random(uniform(0.0, 1.0).choice("x", [1])),
        &["name in Space", "different"],
    );
    refused(random(Space::new().uniform("a,b", 0.0, 1.0)), &["a,b", "comma"]);
    refused(
        random(Space::new().choice("x", ["a\nb"])),
        &["choice of x", "line break"],
    );
    refused(
        random(Space::new().choice("x", [f64::NAN])),
        &["choice of x", "NaN"],
    );
    refused(
        random(Space::new().choice("x", Vec::<f64>::new())),
        &["choice of x is empty"],
    );
    refused(
        Search::grid(uniform(0.0, 1.0)),
        &["x of a grid", "a range", "a choice"],
    );
    let integers = |range| random(Space::new().integers("n", range));
    refused(
        integers(3..=3),
        &["range of n", "3..=3", "the first below the second"],
    );
    refused(integers(0..=i64::MAX), &["range of n", "whole numbers"]);
    let by_magnitude = random(Space::new().log_integers("n", 0..=4));
    refused(by_magnitude, &["range of n", "0..=4", "from 1"]);
    refused(
        Search::grid(Space::new().integers("n", 1..=3)),
        &["n of a grid", "a range", "a choice"],
    );
    refused(Search::random(space(), 0), &["trials", "0", "at least 1"]);
    refused(Search::halving(space(), 4, 0), &["first budget", "at least 1"]);
    refused(
        Search::halving(space(), 4, 1).factor(1),
        &["factor", "at least 2"],
    );
    refused(Search::random(space(), 1).threads(0), &["threads", "at least 1"]);

    let asked = |ask: fn(&Trial) -> Result<(), Error>| {
        Search::random(space(), 1)
            .minimize(|trial| ask(trial).map(|()| 0.0))
            .unwrap_err()
            .to_string()
    };
    assert!(asked(|trial| trial.number("kind").map(|_| ())).contains("a number"));
    assert!(asked(|trial| trial.text("momentum").map(|_| ())).contains("a text"));
    assert!(asked(|trial| trial.count("momentum").map(|_| ())).contains("whole number"));
    assert!(asked(|trial| trial.number("lr").map(|_| ())).contains("learning_rate, momentum, kind"));
    assert_eq!(Setting::from(0.1).to_string(), "0.1");
}

#[test]
fn a_raised_flag_ends_a_search_that_can_be_continued() {
    let whole = Search::halving(space(), 9, 10)
        .threads(1)
        .minimize(train)
        .unwrap();
    assert!(whole.is_complete());
    for stop in [1, 5, 11] {
        let scratch = Scratch::new("raised");
        let search = Search::halving(space(), 9, 10).journal(&scratch.0);
        let (flag, begun) = (Interrupt::new(), AtomicUsize::new(0));
        let cut_short = search.clone().threads(1).interrupt(&flag).minimize(|trial| {
            if begun.fetch_add(1, Ordering::Relaxed) == stop {
                flag.raise();
                return Ok(f64::MIN); // of a run that ended too early
            }
            train(trial)
        });
        let cut_short = cut_short.unwrap();
        assert_eq!((cut_short.is_complete(), begun.into_inner()), (false, stop + 1));
        assert_eq!(scores(&cut_short), scores(&whole)[..stop]);
        assert_eq!(scores(&search.minimize(train).unwrap()), scores(&whole));
    }
}
