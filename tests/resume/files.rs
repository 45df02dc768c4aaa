//! The files themselves: what is refused, and that nothing is lost.

use std::cell::RefCell;

use downhill::{
    prelude::*,
    train::{Interrupt, ProgressLines},
};

use proptest::prelude::*;

use super::{
    Folder, bits,
    every_step::{minimize, try_minimize},
    kept::Listener,
};

pub(crate) fn trainer() -> Trainer<'static, f64> {
    Trainer::new(Adam::new()).learning_rate(0.1).batch(3).epochs(3)
}

fn try_resume(path: &std::path::Path) -> Result<Run<f64>, Error> {
    let start = Function::new(vec![0.0], |_: &[f64], g: &mut [f64]| {
        g[0] = 0.0;
        0.0
    });
    Trainer::new(Adam::new()).steps(1).resume(path).minimize(start)
}

/// A folder with checkpoints at steps 3, 6 and 9, and one at the end of the run.
fn folder() -> Folder {
    let folder = Folder::new();
    let run = minimize(trainer().checkpoint(Checkpoints::new(folder.path()).keep(5).best()));
    assert_eq!(run.unsaved, None);
    folder
}

#[test]
fn a_raised_flag_ends_the_run_with_everything_saved() {
    let folder = Folder::new();
    let interrupt = Interrupt::new();
    let raise = interrupt.clone();
    let interrupted = trainer().interrupt(&interrupt).on_step(move |event| {
        if event.step == 5 {
            raise.raise();
        }
    });
    let run = minimize(interrupted.checkpoint(Checkpoints::new(folder.path())));
    assert_eq!((&run.stop, run.steps), (&StopReason::Interrupted, 5));
    let run = minimize(trainer().resume(folder.path()));
    assert_eq!(bits(&run), bits(&minimize(trainer())));
}

#[test]
fn a_damaged_file_is_passed_over_if_asked() {
    let folder = folder();
    let expected = bits(&minimize(trainer()));
    let bytes = std::fs::read(folder.file(9)).unwrap();
    std::fs::write(folder.file(9), &bytes[..bytes.len() / 2]).unwrap();
    let refused = try_resume(folder.path()).unwrap_err();
    assert!(
        matches!(&refused, Error::Malformed { place, .. } if place == "the end"),
        "{refused}"
    );

    let again = || {
        trainer()
            .resume_or_start(folder.path())
            .checkpoint(Checkpoints::new(folder.path()).keep(5))
    };
    let run = minimize(again());
    assert_eq!(bits(&run), expected);
    let resumed = run.resumed.unwrap();
    assert_eq!(
        (resumed.path, resumed.step, resumed.skipped),
        (folder.file(6), 6, vec![refused])
    );
    assert_eq!(
        minimize(again()).resumed.map(|from| (from.step, from.skipped)),
        Some((9, vec![]))
    );

    for step in [3, 6, 9] {
        std::fs::write(folder.file(step), "nothing").unwrap();
    }
    let model = Function::new(vec![0.0], |_: &[f64], _: &mut [f64]| 0.0);
    let refused = Trainer::new(Adam::new())
        .steps(1)
        .resume_or_start(folder.path())
        .minimize(model);
    assert!(matches!(refused, Err(Error::Malformed { .. })));
    let fresh = minimize(trainer().resume_or_start(folder.path().join("none")));
    assert_eq!(fresh.resumed, None);
}

/// What cannot be read at the moment is no damaged file, which a run that goes on would put aside.
#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_not_passed_over() {
    let folder = folder();
    std::fs::create_dir(folder.file(12)).unwrap();
    let refused = try_minimize(trainer().resume_or_start(folder.path()));
    assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
}

/// Two batches at a time or three are as many steps of four batches, but not the same ones.
#[test]
fn another_accumulation_is_another_run() {
    let folder = Folder::new();
    let accumulating = |batches| trainer().epochs(1).accumulate(batches);
    minimize(accumulating(2).checkpoint(Checkpoints::new(folder.path()).every(Span::Steps(1))));
    for other in [accumulating(3), accumulating(2).drop_last()] {
        let refused = try_minimize(other.epochs(2).resume(folder.file(1))).unwrap_err();
        assert!(matches!(&refused, Error::Foreign { .. }), "{refused}");
    }
}

#[test]
fn a_damaged_file_does_not_count_as_one_that_is_kept() {
    let folder = folder();
    std::fs::write(folder.file(9), "nothing").unwrap();
    let again = || {
        let checkpoints = Checkpoints::new(folder.path()).every(Span::Steps(1)).keep(1);
        trainer().resume_or_start(folder.path()).checkpoint(checkpoints)
    };
    let run = minimize(again().steps(7));
    assert_eq!((run.unsaved, run.resumed.map(|from| from.step)), (None, Some(6)));
    // The damaged one is out of the way, whatever comes next.
    let names = [
        "best.safetensors",
        "step-000000000007.safetensors",
        "step-000000000009.refused",
    ];
    assert_eq!(folder.names(), names);
    let run = minimize(trainer().resume(folder.path()));
    assert_eq!(bits(&run), bits(&minimize(trainer())));
}

#[test]
fn a_folder_belongs_to_one_run() {
    let (first, second) = (folder(), folder());
    // Neither later nor earlier files of another run are mixed with those of this one.
    let begin = first.file(6);
    let mixed = Trainer::new(Adam::new()).learning_rate(0.1).batch(3).epochs(3);
    let mixed = mixed.resume(&begin).checkpoint(Checkpoints::new(second.path()));
    let refused = super::every_step::try_minimize(mixed).unwrap_err();
    assert!(refused.to_string().contains("step-000000000009"), "{refused}");
    for step in [3, 6, 9] {
        assert!(second.file(step).exists());
    }
    // Damaged files of the folder that is resumed from say nothing about the one that is written to.
    std::fs::write(first.file(9), "nothing").unwrap();
    for step in [3, 6] {
        std::fs::remove_file(second.file(step)).unwrap();
    }
    let mixed = trainer()
        .resume_or_start(first.path())
        .checkpoint(Checkpoints::new(second.path()));
    assert!(super::every_step::try_minimize(mixed).is_err());
    let empty = Folder::new();
    let run = minimize(
        trainer()
            .resume_or_start(first.path())
            .checkpoint(Checkpoints::new(empty.path())),
    );
    assert_eq!((run.unsaved, run.resumed.map(|from| from.step)), (None, Some(6)));
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let folder = folder();
    let missing = try_resume(&folder.path().join("missing.safetensors")).unwrap_err();
    assert!(matches!(
        missing,
        Error::Io {
            kind: std::io::ErrorKind::NotFound,
            ..
        }
    ));
    let empty = Folder::new();
    assert!(matches!(try_resume(empty.path()), Err(Error::Malformed { .. })));

    let header = r#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}  "#;
    let mut foreign = (header.len() as u64).to_le_bytes().to_vec();
    foreign.extend(header.as_bytes());
    foreign.extend(1.5_f64.to_le_bytes());
    let path = empty.path().join("foreign.safetensors");
    std::fs::write(&path, foreign).unwrap();
    assert!(matches!(try_resume(&path), Err(Error::Malformed { place, .. }) if place == "the first bytes"));
    // But its tensors are parameters like any other.
    let mut params = Params::from_vec("a", vec![0.0]);
    params.load(&path).unwrap();
    assert_eq!(params.as_slice(), [1.5]);
}

#[test]
fn every_truncation_is_refused() {
    let folder = folder();
    let bytes = std::fs::read(folder.file(9)).unwrap();
    for length in (0..bytes.len()).step_by(41).chain(0..200) {
        std::fs::write(folder.file(9), &bytes[..length]).unwrap();
        let refused = try_resume(&folder.file(9));
        assert!(
            matches!(refused, Err(Error::Malformed { .. })),
            "{length} bytes: {refused:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_change_of_a_bit_is_refused(flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4)) {
        let folder = folder();
        let path = folder.file(9);
        let mut bytes = std::fs::read(&path).unwrap();
        let before = bytes.clone();
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        prop_assume!(bytes != before);
        std::fs::write(&path, &bytes).unwrap();
        let refused = try_resume(&path);
        prop_assert!(matches!(refused, Err(Error::Malformed { .. })), "{:?}", refused);
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let folder = Folder::new();
        let path = folder.path().join("any.safetensors");
        let mut file = if header { (bytes.len() as u64 / 2).to_le_bytes().to_vec() } else { Vec::new() };
        file.extend(bytes);
        std::fs::write(&path, &file).unwrap();
        prop_assert!(try_resume(&path).is_err());
        prop_assert!(Params::from_vec("a", vec![0.0]).load(&path).is_err());
    }
}

#[test]
fn parameters_alone_are_no_run() {
    let folder = folder();
    let best = folder.path().join("best.safetensors");
    let mut params = minimize(trainer().steps(1)).params;
    params.load(&best).unwrap();
    let saved = folder.path().join("saved.safetensors");
    params.save(&saved).unwrap();
    for path in [best, saved] {
        let refused = super::every_step::try_minimize(trainer().resume(&path)).unwrap_err();
        assert!(
            matches!(&refused, Error::Malformed { place, .. } if place == "the saved settings"),
            "{refused}"
        );
        assert!(
            refused
                .to_string()
                .contains("parameters alone can be started from"),
            "{refused}"
        );
    }
    assert_eq!(minimize(trainer().start_from(params)).steps, 9);
}

/// The disk is full, as far as the file is concerned that is written next.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_loses_nothing() {
    let folder = folder();
    let expected = bits(&minimize(trainer().epochs(6)));
    let before = std::fs::read(folder.file(9)).unwrap();
    let full = |step: u64| {
        let partial = folder
            .path()
            .join(format!(".step-{step:012}.safetensors.partial"));
        std::os::unix::fs::symlink("/dev/full", partial).unwrap();
    };
    let longer = || {
        trainer()
            .epochs(6)
            .resume(folder.path())
            .checkpoint(Checkpoints::new(folder.path()).keep(9))
    };
    // At step 18 twice: when it is due, and at the end of the run.
    let (told, mut text) = (RefCell::default(), Vec::new());
    let lines = ProgressLines::every(Span::Epochs(9)).to(&mut text);
    let run = minimize(
        longer()
            .callback(Listener(&told))
            .callback(lines)
            .on_step(|event| {
                if matches!(event.step, 12 | 18) {
                    full(event.step);
                }
            }),
    );
    let told = told.into_inner().into_iter();
    let told = Vec::from_iter(told.map(|(step, error, _)| (step, error.is_none())));
    assert_eq!(told, [(12, false), (15, true), (18, false), (18, true)]);
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.starts_with("no checkpoint at step 12: ") && text.lines().count() == 2,
        "{text}"
    );
    assert_eq!(bits(&run), expected, "the run itself goes on");
    assert!(!folder.file(12).exists() && folder.file(15).exists());
    assert_eq!(std::fs::read(folder.file(9)).unwrap(), before);
    assert!(folder.names().iter().all(|name| !name.contains("partial")));
    assert_eq!(
        run.unsaved, None,
        "the last one was written at the second attempt"
    );

    let unsaved = trainer().epochs(6).steps(16).resume(folder.file(15));
    let elsewhere = Folder::new();
    let partial = elsewhere.path().join(".step-000000000016.safetensors.partial");
    let run = minimize(
        unsaved
            .checkpoint(Checkpoints::new(elsewhere.path()))
            .on_step(move |_| {
                std::os::unix::fs::symlink("/dev/full", &partial).unwrap();
            }),
    );
    assert!(
        matches!(
            run.unsaved,
            Some(Error::Io {
                kind: std::io::ErrorKind::StorageFull,
                ..
            })
        ),
        "{:?}",
        run.unsaved
    );
    assert_eq!(elsewhere.names(), Vec::<String>::new());
}

#[test]
fn parameters_alone_are_read_strictly() {
    let folder = Folder::new();
    let path = folder.path().join("model.safetensors");
    let mut layout = Layout::new();
    layout.add("größe/weight", (2, 3)).unwrap();
    layout.add("none", 0).unwrap();
    layout.add("scalar", ()).unwrap();
    let mut params = Params::<f32>::zeros(&layout);
    let odd = [
        1.5,
        -0.0,
        f32::NAN,
        f32::INFINITY,
        f32::MIN_POSITIVE / 2.0,
        f32::MAX,
        7.0,
    ];
    params.as_mut_slice().copy_from_slice(&odd);
    params.save(&path).unwrap();
    let mut read = Params::<f32>::zeros(&layout);
    read.load(&path).unwrap();
    let bits = |params: &Params<f32>| Vec::from_iter(params.as_slice().iter().map(|x| x.to_bits()));
    assert_eq!(bits(&read), bits(&params));

    let refuse = |tensors: &[(&str, &[usize])]| {
        let mut layout = Layout::new();
        for (name, shape) in tensors {
            layout.add(name, *shape).unwrap();
        }
        let mut other = Params::<f32>::zeros(&layout);
        let error = other.load(&path).unwrap_err();
        assert_eq!(other, Params::zeros(&layout), "changed by {error}");
        error
    };
    let all: [(&str, &[usize]); 3] = [("größe/weight", &[2, 3]), ("none", &[0]), ("scalar", &[])];
    assert!(matches!(refuse(&all[..2]), Error::UnknownParameter { given, .. } if given == "scalar"));
    assert!(
        matches!(refuse(&[all[0], all[1], all[2], ("more", &[1])]), Error::Malformed { place, .. } if place == "more")
    );
    let turned = refuse(&[("größe/weight", &[3, 2]), all[1], all[2]]);
    assert!(turned.to_string().contains("F32 [2, 3]"), "{turned}");
    let wider = Params::<f64>::zeros(&layout).load(&path).unwrap_err();
    assert!(wider.to_string().contains("F64 [2, 3]"), "{wider}");
    let nowhere = params.save(folder.path().join("none/model.safetensors"));
    assert!(matches!(
        nowhere,
        Err(Error::Io {
            action: "written",
            ..
        })
    ));
}
