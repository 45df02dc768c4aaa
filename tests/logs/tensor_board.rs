//! Event files of TensorBoard.

use downhill::train::TensorBoard;

use super::{events::points, *};

#[test]
fn event_files_hold_every_point() {
    let base = Folder::new();
    let folder = base.join("runs/a");
    let mut losses = Vec::new();
    let run = fit(trainer()
        .epochs(200)
        .callback(TensorBoard::new(&folder).steps(2).norms(3))
        .on_step(|event| losses.push((event.step, event.loss as f32))))
    .unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let points = points(&folder);
    let tags: Vec<&str> = points.keys().map(String::as_str).collect();
    let expected = [
        "epoch",
        "gradient_norm/bias",
        "gradient_norm/weight",
        "learning_rate",
        "loss",
        "seconds",
        "step/learning_rate",
        "step/loss",
        "update_ratio/bias",
        "update_ratio/weight",
        "validation_loss",
        "weight_norm/bias",
        "weight_norm/weight",
    ];
    assert_eq!(tags, expected);
    let history = |name: &str| -> Vec<(u64, f32)> {
        run.history
            .iter()
            .map(|record| (record.step, record.get(name).unwrap() as f32))
            .collect()
    };
    assert_eq!(points["loss"], history("loss"));
    assert_eq!(points["validation_loss"], history("validation_loss"));
    losses.retain(|(step, _)| step % 2 == 0);
    assert_eq!(points["step/loss"], losses);
    assert_eq!(points["weight_norm/bias"].len(), 400 / 3);
}

/// A run that is begun anew in the same folder is the only one there, as often as it is.
#[test]
fn event_files_of_a_run_begun_anew_replace_the_earlier_points() {
    let folder = Folder::new();
    for (session, epochs) in [5, 9, 2, 3].into_iter().enumerate() {
        let board = TensorBoard::new(&*folder).steps(1);
        let run = fit(trainer().epochs(epochs).callback(board)).unwrap();
        assert_eq!(fs::read_dir(&*folder).unwrap().count(), session + 1);
        let points = points(&folder);
        let losses = run.history.iter().map(|record| (record.step, record.loss as f32));
        assert_eq!(points["loss"], Vec::from_iter(losses), "session {session}");
        assert_eq!(points["step/loss"].len() as u64, run.steps, "session {session}");
    }
}

#[test]
fn event_files_are_refused_before_the_first_step() {
    let folder = Folder::new();
    let board = || TensorBoard::new(folder.join("a"));
    refused(
        trainer().callback(board().steps(0)),
        &["steps of TensorBoard", "at least 1"],
    );
    refused(
        trainer().callback(board().norms(0)),
        &["norms of TensorBoard", "at least 1"],
    );
    fs::write(folder.join("file"), "").unwrap();
    refused(
        trainer().callback(TensorBoard::new(folder.join("file/a"))),
        &["file/a", "created"],
    );
    assert!(!folder.join("a").exists());
}
