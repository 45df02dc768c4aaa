//! A progress bar.

use indicatif::{ProgressBar, ProgressStyle};

use super::{Callback, Control, EpochEvent, Run};

/// A bar on standard error with epoch, loss and learning rate; nothing at all when that is not a terminal.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            bar: ProgressBar::no_length(),
        }
    }
}

impl<F> Callback<F> for Progress {
    fn on_epoch(&mut self, event: &EpochEvent<'_, F>) -> Control {
        if self.bar.length().is_none()
            && let Some(epochs) = event.epochs
        {
            self.bar.set_length(epochs);
            let template = "{bar:30} epoch {pos}/{len} · {msg} · {eta} left";
            self.bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
        }
        let record = event.record;
        let mut message = format!("loss {:.4}", record.loss);
        if let Some(loss) = record.validation_loss {
            message += &format!(" · validation {loss:.4}");
        }
        self.bar
            .set_message(format!("{message} · lr {:.2e}", record.learning_rate));
        self.bar.set_position(record.epoch);
        Control::Continue
    }

    fn on_end(&mut self, _: &mut Run<F>) {
        self.bar.finish_and_clear();
    }
}
