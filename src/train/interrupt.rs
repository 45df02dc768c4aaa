//! Ending a run from outside.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::Trainer;
#[cfg(feature = "interrupt")]
use crate::Error;
use crate::Scalar;

/// A flag that ends runs at their next step, from any thread; where [`Sgd`](crate::optim::Sgd) makes many steps in one go,
/// after those, at most 64. Clones are one flag; it stays raised.
///
/// ```
/// use downhill::{Function, StopReason, Trainer, optim::GradientDescent, train::Interrupt};
///
/// let interrupt = Interrupt::new();
/// let raise = interrupt.clone();
/// let square = Function::new(vec![2.0], move |w: &[f64], g: &mut [f64]| {
///     raise.raise(); // a signal, a button, a message
///     g[0] = 2.0 * w[0];
///     w[0] * w[0]
/// });
/// let run = Trainer::new(GradientDescent).steps(1_000_000).interrupt(&interrupt).minimize(square)?;
/// assert_eq!((run.stop, run.steps), (StopReason::Interrupted, 1));
/// # Ok::<(), downhill::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every run that looks at it to end.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has been raised.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag that Ctrl-C raises, and the polite request to terminate (`SIGTERM`) that schedulers send. A second signal ends
    /// the process at once, with code 130. Other handlers of the program stay. Feature `interrupt`.
    ///
    /// This handler stays too, also after the run: the flag is one for the whole process, and once it is raised every further
    /// run that looks at it ends before its first step, and a further signal ends the process. A program that is to survive
    /// Ctrl-C after its runs needs a handler of its own that raises an [`Interrupt::new`].
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    #[cfg(feature = "interrupt")]
    pub fn on_ctrl_c() -> Result<Self, Error> {
        use signal_hook::{
            consts::{SIGINT, SIGTERM},
            flag,
        };

        static FLAG: std::sync::OnceLock<Result<Interrupt, Error>> = std::sync::OnceLock::new();
        let install = || {
            let interrupt = Interrupt::new();
            for signal in [SIGINT, SIGTERM] {
                // In this order: the first signal finds the flag still down.
                flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupt.0))
                    .and_then(|_| flag::register(signal, Arc::clone(&interrupt.0)))
                    .map_err(|error| Error::io(std::path::Path::new("Ctrl-C"), "handled", &error))?;
            }
            Ok(interrupt)
        };
        FLAG.get_or_init(install).clone()
    }
}

impl<F: Scalar> Trainer<'_, F> {
    /// Ends at the next step after a flag is raised, with [`StopReason::Interrupted`](super::StopReason::Interrupted).
    pub fn interrupt(mut self, interrupt: &Interrupt) -> Self {
        self.interrupt = Some(Ok(interrupt.clone()));
        self
    }

    /// Ends at the next step after Ctrl-C, with everything saved; see [`Interrupt::on_ctrl_c`]. Feature `interrupt`.
    ///
    /// # Errors
    /// From [`Trainer::minimize`] and [`Trainer::fit`]: [`Error::Io`] if the system refuses.
    #[cfg(feature = "interrupt")]
    pub fn interruptible(mut self) -> Self {
        self.interrupt = Some(Interrupt::on_ctrl_c());
        self
    }
}
