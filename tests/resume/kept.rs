//! Which files are written and kept in the course of a run, and who hears of them.

use std::{cell::RefCell, time::Duration};

use downhill::{
    prelude::*,
    train::{Callback, CheckpointEvent, Control, ProgressLines},
};

use super::{Folder, bits, every_step::minimize, files::trainer};

pub(crate) type Heard = (u64, Option<Error>, Option<Error>);

/// Hears of checkpoints.
pub(crate) struct Listener<'a>(pub(crate) &'a RefCell<Vec<Heard>>);

impl Callback<f64> for Listener<'_> {
    fn on_checkpoint(&mut self, event: &CheckpointEvent<'_>) -> Control {
        let news = (event.step, event.error.cloned(), event.unremoved.cloned());
        self.0.borrow_mut().push(news);
        Control::Continue
    }
}

fn into(folder: &Folder, background: bool) -> Checkpoints {
    let checkpoints = Checkpoints::new(folder.path());
    if background {
        checkpoints.in_background()
    } else {
        checkpoints
    }
}

#[test]
fn the_last_and_the_best_are_kept() {
    let folder = Folder::new();
    let checkpoints = Checkpoints::new(folder.path())
        .every(Span::Steps(2))
        .keep(3)
        .best();
    let run = minimize(trainer().checkpoint(checkpoints));
    let names = [
        "best",
        "step-000000000006",
        "step-000000000008",
        "step-000000000009",
    ];
    assert_eq!(folder.names(), names.map(|name| format!("{name}.safetensors")));
    let mut best = Params::zeros(run.params.layout());
    best.load(folder.path().join("best.safetensors")).unwrap();
    assert_eq!(best, run.best.params);
    let mut last = Params::zeros(run.params.layout());
    last.load(folder.file(9)).unwrap();
    assert_eq!(last, run.params);
}

#[test]
fn written_in_the_background_the_run_is_the_same() {
    let folder = Folder::new();
    let expected = minimize(trainer());
    let checkpoints = || {
        Checkpoints::new(folder.path())
            .every(Span::Steps(1))
            .keep(100)
            .in_background()
    };
    let run = minimize(trainer().checkpoint(checkpoints()).steps(5));
    assert_eq!(run.unsaved, None);
    let run = minimize(trainer().checkpoint(checkpoints()).resume(folder.path()));
    assert_eq!(run.resumed.as_ref().map(|from| from.step), Some(5));
    assert_eq!(bits(&run), bits(&expected));
    assert!(folder.file(9).exists());
}

/// The new checkpoint is good; that an old one stays is no reason to say that there is none.
#[test]
fn an_old_file_that_cannot_be_removed_is_said_to_be_that() {
    for background in [false, true] {
        let folder = Folder::new();
        let checkpoints = into(&folder, background).every(Span::Steps(1)).keep(2);
        let (mut lines, told) = (Vec::new(), RefCell::new(Vec::new()));
        // What stands there for step 0, of which there is no checkpoint, is no file.
        let run = minimize(
            trainer()
                .callback(ProgressLines::every(Span::Steps(100)).to(&mut lines))
                .callback(Listener(&told))
                .on_step(|event| {
                    if event.step == 1 {
                        std::fs::create_dir(folder.file(0)).unwrap();
                    }
                })
                .checkpoint(checkpoints),
        );
        assert_eq!((run.unsaved, run.steps), (None, 9));
        let told = told.into_inner();
        assert!(told.iter().all(|(_, error, _)| error.is_none()), "{told:?}");
        let unremoved: Vec<_> = told
            .iter()
            .filter_map(|(step, _, error)| Some((*step, error.clone()?)))
            .collect();
        assert!(unremoved.iter().all(|(step, error)| *step > 1
            && matches!(
                error,
                Error::Io {
                    action: "removed",
                    ..
                }
            )));
        // In the background those in between may be left out.
        assert!(
            unremoved.len() == 8 || background && !unremoved.is_empty(),
            "{unremoved:?}"
        );
        let lines = String::from_utf8(lines).unwrap();
        assert!(
            lines.contains("checkpoint at step 9, but ") && !lines.contains("no checkpoint"),
            "{lines}"
        );
        assert!(folder.file(9).exists());
        if !background {
            assert_eq!(minimize(trainer().resume(folder.file(8))).params, run.params);
        }
    }
}

/// In the background one may be left out, but of each that is written there is word, and the last is always.
#[test]
fn every_checkpoint_is_told_of() {
    for background in [false, true] {
        let folder = Folder::new();
        let told = RefCell::new(Vec::new());
        let checkpoints = into(&folder, background).every(Span::Steps(2)).keep(100);
        minimize(trainer().checkpoint(checkpoints).callback(Listener(&told)));
        let told = told.into_inner();
        assert_eq!(told.last(), Some(&(9, None, None)));
        let names = Vec::from_iter(told.iter().map(|(step, ..)| folder.file(*step)));
        assert_eq!(names.len(), folder.names().len());
        assert!(names.iter().all(|path| path.exists()));
        assert!(background || told.len() == 5, "{told:?}");
    }
}

/// Who cannot do without may end the run.
#[test]
fn a_callback_may_stop_a_run_whose_checkpoint_failed() {
    struct Strict;

    impl Callback<f64> for Strict {
        fn on_checkpoint(&mut self, event: &CheckpointEvent<'_>) -> Control {
            match event.error {
                Some(error) => Control::Stop(StopReason::Failed(error.clone())),
                None => Control::Continue,
            }
        }
    }

    let folder = Folder::new();
    let blocked = folder.path().join("sub");
    let run = minimize(
        trainer()
            .checkpoint(Checkpoints::new(&blocked).every(Span::Steps(2)))
            .callback(Strict)
            .on_step(|event| {
                // A file where the folder was.
                if event.step == 4 {
                    std::fs::remove_dir_all(&blocked).unwrap();
                    std::fs::write(&blocked, "").unwrap();
                }
            }),
    );
    assert!(
        matches!(run.stop, StopReason::Failed(Error::Io { .. })),
        "{:?}",
        run.stop
    );
    assert_eq!((run.steps, run.unsaved.is_some()), (4, true));
}

#[test]
fn by_the_clock() {
    let files = |checkpoints: &dyn Fn(Checkpoints) -> Checkpoints| {
        let folder = Folder::new();
        minimize(trainer().checkpoint(checkpoints(Checkpoints::new(folder.path()).keep(100))));
        folder.names().len()
    };
    assert_eq!(files(&|checkpoints| checkpoints.every(Duration::ZERO)), 9);
    assert_eq!(
        files(&|checkpoints| checkpoints.every(Duration::from_secs(3600))),
        1
    );
    // A function's epoch is a step: a file for each would cost more than the run.
    let folder = Folder::new();
    let bowl = Function::new(vec![3.0], |w: &[f64], g: &mut [f64]| {
        g[0] = w[0];
        w[0] * w[0] / 2.0
    });
    let checkpoints = Checkpoints::new(folder.path()).keep(1000);
    let run = Trainer::new(Adam::new())
        .steps(500)
        .checkpoint(checkpoints)
        .minimize(bowl)
        .unwrap();
    assert_eq!(run.unsaved, None);
    assert!(folder.names().len() < 100 && folder.file(500).exists());
}

/// The value of the last point is known only when the run ends.
#[test]
fn the_best_of_a_function_may_be_its_last_point() {
    let bowl = |_: ()| {
        Function::new(vec![3.0, -2.0], |w: &[f64], g: &mut [f64]| {
            g.copy_from_slice(w);
            w.iter().map(|w| w * w / 2.0).sum()
        })
    };
    let folder = Folder::new();
    let trainer = || Trainer::new(GradientDescent).learning_rate(0.1);
    let checkpoints = || Checkpoints::new(folder.path()).every(Span::Steps(4)).best();
    let run = trainer()
        .steps(8)
        .checkpoint(checkpoints())
        .minimize(bowl(()))
        .unwrap();
    assert_eq!((run.best.step, run.unsaved), (8, None));
    let mut best = Params::zeros(run.params.layout());
    best.load(folder.path().join("best.safetensors")).unwrap();
    assert_eq!(best, run.best.params);
    let on = trainer()
        .steps(12)
        .resume(folder.path())
        .minimize(bowl(()))
        .unwrap();
    assert_eq!(bits(&on), bits(&trainer().steps(12).minimize(bowl(())).unwrap()));
}

/// Weights that are no longer finite would be of no use to anyone.
#[test]
fn a_run_that_overflows_keeps_the_checkpoint_before() {
    let folder = Folder::new();
    let explode = || {
        Function::new(vec![1.0], |w: &[f64], g: &mut [f64]| {
            g[0] = if w[0] < 0.0 { -f64::MAX } else { 1.0 };
            w[0]
        })
    };
    let trainer = |rate: f64| Trainer::new(GradientDescent).learning_rate(rate).steps(9);
    let checkpoints = Checkpoints::new(folder.path()).every(Span::Steps(1)).keep(1);
    let run = trainer(2.0).checkpoint(checkpoints).minimize(explode()).unwrap();
    assert!(matches!(run.stop, StopReason::NonFinite { .. }), "{:?}", run.stop);
    let mut params = Params::<f64>::zeros(run.params.layout());
    params.load(folder.file(1)).unwrap();
    assert_eq!(params.as_slice(), [-1.0]);
    let on = Trainer::new(GradientDescent)
        .learning_rate(0.0)
        .steps(3)
        .resume(folder.path());
    assert_eq!(
        on.minimize(explode()).unwrap().resumed.map(|from| from.step),
        Some(1)
    );
}

/// A step is refused where the gradient is not finite; so the run does not end with such a point as its best.
#[test]
fn the_last_point_is_the_best_only_if_a_run_could_go_on_from_it() {
    let edge = Function::new(vec![3.0], |w: &[f64], g: &mut [f64]| {
        g[0] = if w[0] < 1.5 { f64::NAN } else { 1.0 };
        w[0]
    });
    let run = Trainer::new(GradientDescent)
        .learning_rate(1.0)
        .steps(2)
        .minimize(edge)
        .unwrap();
    assert_eq!(
        (run.params.as_slice(), run.best.params.as_slice()),
        (&[1.0][..], &[2.0][..])
    );
    // All the steps of its epoch had been made when the run was stopped within it.
    let bowl = || {
        Function::new(vec![3.0], |w: &[f64], g: &mut [f64]| {
            g[0] = w[0];
            w[0] * w[0] / 2.0
        })
    };
    let folder = Folder::new();
    let trainer = || Trainer::new(GradientDescent).learning_rate(0.1).steps(4);
    let stopped = trainer()
        .on_step(|event| {
            if event.step == 4 {
                Control::stop("enough")
            } else {
                Control::Continue
            }
        })
        .checkpoint(Checkpoints::new(folder.path()));
    let stopped = stopped.minimize(bowl()).unwrap();
    assert_eq!((stopped.epochs, stopped.best.epoch), (3, 4));
    let on = trainer().resume(folder.path()).minimize(bowl()).unwrap();
    assert_eq!(bits(&on), bits(&trainer().minimize(bowl()).unwrap()));
}
