//! A progress bar.

mod beat;

use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar as Bar, ProgressStyle};

use self::beat::Beat;
use super::progress_lines::{Pace, ProgressLines, brief, complaint, describe};
use crate::{
    Error, Run, Scalar,
    schedule::Span,
    train::{Callback, CheckpointEvent, Control, EpochEvent, EvaluationEvent, Record, StartEvent, StepEvent},
};

/// A bar on standard error: epoch, loss, metrics, learning rate, and the time that is left; beneath it one for the steps of
/// the epoch, with the steps a second and the loss of the batch. Where an epoch is one step there is one bar, of steps, with
/// all of this. Both are brought up to date some twenty times a second, so that quick steps stay quick.
///
/// Nothing at all when standard error is not a terminal, unless lines are asked for. [`Trainer::progress_bar`] is the short
/// form.
///
/// [`Trainer::progress_bar`]: crate::Trainer::progress_bar
///
/// ```
/// use downhill::{Function, Trainer, optim::GradientDescent, schedule::Span, train::ProgressBar};
///
/// let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| { g[0] = 2.0 * w[0]; w[0] * w[0] });
/// let bar = ProgressBar::new().or_lines(Span::Steps(500));
/// Trainer::new(GradientDescent).steps(1000).callback(bar).minimize(square)?;
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct ProgressBar {
    lines: Option<ProgressLines<'static>>,
    /// Where the bars are drawn, if not on standard error.
    screen: Option<MultiProgress>,
    bars: Option<Bars>,
}

#[derive(Debug)]
struct Bars {
    pace: Pace,
    /// When the steps are shown, and when the end of an epoch.
    steps: Beat,
    epochs: Beat,
    both: MultiProgress,
    run: Bar,
    /// Of the steps in an epoch, where there are several.
    epoch: Option<Bar>,
}

impl ProgressBar {
    /// Quiet when standard error is not a terminal.
    pub fn new() -> Self {
        Self {
            lines: None,
            screen: None,
            bars: None,
        }
    }

    /// Prints [`ProgressLines`] when standard error is not a terminal.
    pub fn or_lines(mut self, every: Span) -> Self {
        self.lines = Some(ProgressLines::every(every));
        self
    }
}

impl Default for ProgressBar {
    fn default() -> Self {
        Self::new()
    }
}

impl Bars {
    fn new<F>(both: MultiProgress, event: &StartEvent<'_, F>) -> Self {
        let pace = Pace::of(event);
        let several = event.steps_per_epoch > 1;
        let (name, length, done) = match (several, pace.epochs, pace.steps) {
            (true, Some(epochs), _) => ("epoch", Some(epochs), event.epoch),
            (_, _, steps) => ("step", steps, event.step),
        };
        let run = match length {
            Some(length) => {
                let template = format!("{name} {{pos}}/{{len}} {{bar:16}} {{eta}} left · {{wide_msg}}");
                Bar::new(length).with_style(style(&template))
            }
            None => {
                Bar::no_length().with_style(style(&format!("{name} {{pos}} · {{elapsed}} · {{wide_msg}}")))
            }
        };
        let run = both.add(run.with_position(done));
        run.reset_eta();
        let epoch = several.then(|| {
            let bar = Bar::new(event.steps_per_epoch);
            both.add(bar.with_style(style("step {pos}/{len} {bar:16} {wide_msg}")))
        });
        Self {
            pace,
            steps: Beat::new(),
            epochs: Beat::new(),
            both,
            run,
            epoch,
        }
    }

    /// Whether the bar of the run counts steps.
    fn counts_steps(&self) -> bool {
        self.epoch.is_none() || self.pace.epochs.is_none()
    }

    fn show_step<F: Scalar>(&mut self, event: &StepEvent<'_, F>) {
        if !self.steps.is_due() {
            return;
        }
        if self.counts_steps() {
            self.run.set_position(event.step);
        }
        if let Some(epoch) = &self.epoch {
            epoch.set_position((event.step - 1) % event.steps_per_epoch + 1);
            let loss = brief(event.loss.to_f64_exact());
            epoch.set_message(format!("{} · loss {loss}", self.pace.describe_rate(event.step)));
        }
    }

    fn show(&self, record: &Record) {
        let mut text = describe(record);
        if self.epoch.is_none() {
            text = format!("{text} · {}", self.pace.describe_rate(record.step));
        }
        self.run.set_message(text);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl<F: Scalar> Callback<F> for ProgressBar {
    fn validate(&self) -> Result<(), Error> {
        self.lines.as_ref().map_or(Ok(()), Callback::<F>::validate)
    }

    fn on_start(&mut self, event: &StartEvent<'_, F>) -> Result<(), Error> {
        let terminal = || std::io::stderr().is_terminal().then(MultiProgress::new);
        if let Some(screen) = self.screen.take().or_else(terminal) {
            self.lines = None;
            self.bars = Some(Bars::new(screen, event));
        }
        self.lines.as_mut().map_or(Ok(()), |lines| lines.on_start(event))
    }

    fn on_step(&mut self, event: &StepEvent<'_, F>) -> Control {
        if let Some(bars) = &mut self.bars {
            bars.show_step(event);
        }
        self.lines
            .as_mut()
            .map_or(Control::Continue, |lines| lines.on_step(event))
    }

    fn on_evaluation(&mut self, event: &EvaluationEvent<'_, F>) -> Control {
        if let Some(bars) = &mut self.bars
            && !event.ends_epoch
        {
            bars.show(event.record);
        }
        self.lines
            .as_mut()
            .map_or(Control::Continue, |lines| lines.on_evaluation(event))
    }

    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        if let Some(bars) = &mut self.bars
            && bars.epochs.is_due()
        {
            bars.show(event.record);
            if !bars.counts_steps() {
                bars.run.set_position(event.record.epoch);
            }
        }
        self.lines
            .as_mut()
            .map_or(Control::Continue, |lines| lines.on_epoch(event))
    }

    fn on_checkpoint(&mut self, event: &CheckpointEvent<'_>) -> Control {
        if let Some(bars) = &self.bars
            && let Some(line) = complaint(event)
        {
            // Above the bars, where it stays.
            let _ = bars.both.println(line);
        }
        self.lines.as_mut().map_or(Control::Continue, |lines| {
            Callback::<F>::on_checkpoint(lines, event)
        })
    }

    fn on_end(&mut self, _: &mut Run<F>) {
        if let Some(bars) = self.bars.take() {
            bars.epoch.iter().for_each(Bar::finish_and_clear);
            bars.run.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
        thread,
        time::Duration,
    };

    use indicatif::{ProgressDrawTarget, TermLike};
    use ndarray::array;

    use super::*;
    use crate::{
        Dataset, EmpiricalRisk, Function, Trainer, loss::MeanSquaredError, model::Linear,
        optim::MiniBatchSgd, train::StepEvent,
    };

    /// A terminal that keeps all that was ever written to it.
    #[derive(Debug, Clone, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            120
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)?;
            self.write_str("\n")
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().map_err(|_| io::ErrorKind::Other)?.push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// All that a run shows, step by step slow enough to be drawn.
    fn shown(
        batch: usize,
        run: impl FnOnce(Trainer<'_, f64>) -> Result<Run<f64>, Error>,
    ) -> Result<String, Error> {
        let paper = Paper::default();
        let target = ProgressDrawTarget::term_like(Box::new(paper.clone()));
        let bar = ProgressBar {
            screen: Some(MultiProgress::with_draw_target(target)),
            ..ProgressBar::new().or_lines(Span::Steps(1))
        };
        let slow = |_: &StepEvent<'_, f64>| thread::sleep(Duration::from_millis(60));
        run(Trainer::new(MiniBatchSgd::new(batch)).callback(bar).on_step(slow))?;
        let shown = paper.0.lock().map_or(String::new(), |shown| shown.clone());
        Ok(shown)
    }

    fn assert_shows(shown: &str, parts: &[&str]) {
        for part in parts {
            assert!(shown.contains(part), "no {part:?} in:\n{shown}");
        }
    }

    #[test]
    fn epochs_and_their_steps_have_a_bar_each() -> Result<(), Error> {
        let (inputs, targets) = (array![[1.0], [2.0], [3.0], [4.0]], array![1.0, 2.0, 3.0, 4.0]);
        let data = Dataset::new(&inputs, &targets)?;
        let model = Linear::new(1, 1)?;
        let shown = shown(1, |trainer| {
            trainer
                .learning_rate(0.01)
                .epochs(3)
                .fit(&model, &MeanSquaredError, &data)
        })?;
        assert_shows(
            &shown,
            &[
                "epoch 1/3",
                "epoch 2/3",
                "left ·",
                "step 2/4",
                "steps/s · loss",
                "learning rate 1.00e-2",
            ],
        );
        Ok(())
    }

    #[test]
    fn a_function_has_one_bar_of_steps() -> Result<(), Error> {
        let square = Function::new(vec![2.0], |w: &[f64], g: &mut [f64]| {
            g[0] = 2.0 * w[0];
            w[0] * w[0]
        });
        let shown = shown(1, |trainer| trainer.learning_rate(0.1).steps(8).minimize(square))?;
        assert_shows(
            &shown,
            &[
                "step 1/8",
                "step 7/8",
                "left · loss",
                "learning rate 1.00e-1 · ",
                " steps/s",
            ],
        );
        assert!(!shown.contains("epoch"), "{shown}");
        Ok(())
    }

    #[test]
    fn full_batches_have_one_bar_of_steps() -> Result<(), Error> {
        let (inputs, targets) = (array![[1.0], [2.0], [3.0], [4.0]], array![1.0, 2.0, 3.0, 4.0]);
        let data = Dataset::new(&inputs, &targets)?;
        let model = Linear::new(1, 1)?;
        let risk = EmpiricalRisk::new(&model, &MeanSquaredError, &data).validation(&data);
        let shown = shown(4, |trainer| trainer.learning_rate(0.01).epochs(8).minimize(risk))?;
        assert_shows(
            &shown,
            &[
                "step 1/8",
                "step 7/8",
                "left · loss",
                ", validation loss ",
                ", learning rate 1.00e-2 · ",
                " steps/s",
            ],
        );
        Ok(())
    }
}
