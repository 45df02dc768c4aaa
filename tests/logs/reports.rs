//! Pages about runs.

use downhill::train::{Interrupt, Report};

use super::*;

#[test]
fn a_report_says_how_it_went() {
    let folder = Folder::new();
    let path = folder.join("new/run.html");
    let report = Report::new(&path)
        .title("1 < 2 & 3")
        .setting("data <x>", "made \"up\"");
    let run = fit(trainer().epochs(200).seed(11).callback(report)).unwrap();
    let page = fs::read_to_string(&path).unwrap();
    for part in [
        "<!DOCTYPE html>",
        "<h1>1 &lt; 2 &amp; 3</h1>",
        "<dt>data &lt;x&gt;<dd>made \"up\"",
        "<dt>stopped<dd>finished",
        &format!(
            "the lowest \"validation_loss\" {} at step {}",
            run.best.value, run.best.step
        ),
        &format!("<dt>optimiser<dd>{:?}", Momentum::new(0.9)),
        "<dt>loss<dd>MeanSquaredError",
        "<dt>evaluated every<dd>Epochs(1)",
        "<dt>learning rate<dd>0.1",
        "<dt>seed<dd>11",
        "<dt>rows in a batch<dd>4",
        "<td>weight<td>[2, 1]<td>",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(page.contains(part), "the page does not say {part:?}");
    }
    assert_eq!(page.matches("<svg").count(), 1);
    assert!(!page.contains("<script") && !page.contains("href=") && !page.contains("src="));
    // One epoch in four, and the best.
    let rows = page.matches("<tr><td>").count() + page.matches("<tr class=\"best\">").count();
    assert!((50 + 2..=51 + 2).contains(&rows), "{rows} rows");
    assert_eq!(page.matches("<tr class=\"best\">").count(), 1);
    let last = run.history.last().unwrap();
    assert!(page.contains(&format!("<td>{:.5}", last.learning_rate)));
}

#[test]
fn a_report_of_a_run_without_an_epoch_has_no_curves() {
    let folder = Folder::new();
    let path = folder.join("run.html");
    let interrupt = Interrupt::new();
    let stopped = trainer()
        .steps(9)
        .interrupt(&interrupt)
        .on_step(|_| interrupt.raise());
    fit(stopped.callback(Report::new(&path))).unwrap();
    let page = fs::read_to_string(&path).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("<svg"));
    assert!(page.contains("<dt>learning rate<dd>0.1"));
}

#[test]
fn a_report_says_what_followed_a_schedule() {
    let folder = Folder::new();
    let path = folder.join("run.html");
    let trainer = Trainer::new(Momentum::new(0.9).weight_decay(0.0))
        .learning_rate(
            OneCycle::new(0.1, Span::Steps(20))
                .divisor(10.0)
                .final_divisor(100.0)
                .rise(0.5)
                .linear(),
        )
        .momentum(Cyclical::new(0.75, 0.95, Span::Steps(2)))
        .weight_decay(0.25);
    let run = fit(trainer
        .steps(20)
        .callback(Report::new(&path))
        .on_step(|_| ())
        .on_epoch(|_| ()))
    .unwrap();
    let page = fs::read_to_string(&path).unwrap();
    let rates = run.history.column("learning_rate");
    let highest = rates.iter().copied().fold(0.0, f64::max);
    for part in [
        "<dt>learning rate<dd>OneCycle { ".to_string(),
        format!(
            "}}: {:.5} when first recorded, {highest:.5} at most, 1.000e-4 at last",
            rates[0]
        ),
        "<dt>momentum<dd>Cyclical { ".into(),
        "<dt>weight_decay<dd>0.25".into(),
        "<dt>callbacks<dd>Report, a closure at each step, a closure at each epoch\n".into(),
    ] {
        assert!(page.contains(&part), "the page does not say {part:?}");
    }
}

#[test]
fn until_the_end_of_a_run_what_was_there_before_a_report_stays() {
    let folder = Folder::new();
    let (new, old) = (folder.join("new.html"), folder.join("old.html"));
    fs::write(&old, "an older one").unwrap();
    let look = |_: &downhill::train::StepEvent<'_, f64>| {
        // As a kill would leave it.
        assert_eq!(fs::read_dir(&*folder).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(&old).unwrap(), "an older one");
    };
    let reports = trainer().callback(Report::new(&new)).callback(Report::new(&old));
    fit(reports.steps(3).on_step(look)).unwrap();
    for path in [&new, &old] {
        assert!(fs::read_to_string(path).unwrap().ends_with("</html>\n"));
    }
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 2);
}

#[test]
fn a_report_is_refused_before_the_first_step_and_fails_without_loss() {
    let folder = Folder::new();
    refused(
        trainer().callback(Report::new(&*folder)),
        &["downhill-", "written"],
    );
    let path = folder.join("run.html");
    let report = Report::new(&path);
    // A folder takes the place of the file under way.
    let swap = |event: &downhill::train::StepEvent<'_, f64>| {
        if event.step == 1 {
            fs::create_dir(&path).unwrap();
        }
    };
    let run = fit(trainer().epochs(2).callback(report).on_step(swap)).unwrap();
    assert!(
        matches!(run.stop, StopReason::Failed(Error::Io { .. })),
        "{:?}",
        run.stop
    );
    assert_eq!(run.epochs, 2);
}
