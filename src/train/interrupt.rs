//! Ending a run from outside.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::Trainer;
#[cfg(feature = "interrupt")]
use crate::Error;
use crate::Scalar;

/// A flag that ends runs at their next step, from any thread. Clones are one flag; it stays raised.
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

    /// The flag that Ctrl-C raises (and, on Unix, a polite request to terminate: `SIGTERM`, `SIGHUP`). A second signal ends
    /// the process at once. Feature `interrupt`.
    ///
    /// # Errors
    /// [`Error::Io`] if the program already handles these signals itself.
    #[cfg(feature = "interrupt")]
    pub fn on_ctrl_c() -> Result<Self, Error> {
        use std::sync::OnceLock;

        static FLAG: OnceLock<Result<Interrupt, Error>> = OnceLock::new();
        let install = || {
            let flag = Interrupt::new();
            let raised = flag.clone();
            // 130 is what a shell reports of a program that Ctrl-C has ended.
            let handle = move || {
                if raised.0.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            };
            match ctrlc::try_set_handler(handle) {
                Ok(()) => Ok(flag),
                Err(error) => Err(Error::Io {
                    path: "Ctrl-C".into(),
                    action: "handled",
                    kind: std::io::ErrorKind::Other,
                    message: error.to_string(),
                }),
            }
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
    /// From [`Trainer::minimize`] and [`Trainer::fit`]: [`Error::Io`] if the program already handles Ctrl-C itself.
    #[cfg(feature = "interrupt")]
    pub fn interruptible(mut self) -> Self {
        self.interrupt = Some(Interrupt::on_ctrl_c());
        self
    }
}
