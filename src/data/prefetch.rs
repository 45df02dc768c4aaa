//! Batches made ahead, in a thread of their own.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use super::stream::Source;
use crate::Error;

/// A source in a thread. It goes on from the batch that was taken last. Where one is wanted that may have been made already,
/// those before it are passed over, so that a source that cannot go back need not; for any other it starts anew from there.
pub(super) struct Prefetch<B> {
    ahead: usize,
    state: State<B>,
}

enum State<B> {
    Idle(Source<'static, B>),
    Thread(Thread<B>),
    /// The source is gone: it has panicked, or no thread could be started for it.
    Lost,
}

struct Thread<B> {
    made: Receiver<Result<B, Error>>,
    used: SyncSender<B>,
    /// The number of the batch that comes next.
    next: u64,
    handle: JoinHandle<Option<Source<'static, B>>>,
}

impl<B: Default + Send + 'static> Prefetch<B> {
    pub(super) fn new(source: Source<'static, B>, ahead: usize) -> Self {
        Self {
            ahead: ahead.max(1),
            state: State::Idle(source),
        }
    }

    /// Exchanges `batch` for the one with this number.
    pub(super) fn take(&mut self, number: u64, batch: &mut B) -> Result<(), Error> {
        let ahead = self.ahead as u64;
        let comes = matches!(&self.state, State::Thread(Thread { next, .. })
            if number.checked_sub(*next).is_some_and(|between| between < ahead));
        if !comes {
            self.restart(number)?;
        }
        let State::Thread(thread) = &mut self.state else {
            return Err(lost(number));
        };
        while thread.next <= number {
            match thread.made.recv() {
                Ok(Ok(made)) => {
                    thread.next += 1;
                    // Where the thread has ended nobody wants the memory.
                    let _ = thread.used.try_send(std::mem::replace(batch, made));
                }
                Ok(Err(error)) => {
                    self.stop();
                    return Err(error);
                }
                Err(_) => return Err(lost(number)),
            }
        }
        Ok(())
    }

    fn restart(&mut self, number: u64) -> Result<(), Error> {
        self.stop();
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Idle(source) => {
                self.state = State::Thread(Thread::start(source, number, self.ahead)?);
                Ok(())
            }
            _ => Err(lost(number)),
        }
    }
}

impl<B> Prefetch<B> {
    /// Ends the thread, and has the source back if it is whole.
    fn stop(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Lost) {
            State::Thread(Thread {
                made, used, handle, ..
            }) => {
                // The thread ends at the first batch that it cannot hand over.
                drop((made, used));
                handle.join().ok().flatten().map_or(State::Lost, State::Idle)
            }
            other => other,
        };
    }
}

impl<B: Default + Send + 'static> Thread<B> {
    fn start(source: Source<'static, B>, first: u64, ahead: usize) -> Result<Self, Error> {
        // One batch may wait in the hands of the thread, one is in those of the run.
        let (hand_over, made) = sync_channel(ahead.saturating_sub(1));
        let (used, returned) = sync_channel(ahead + 1);
        let handle = std::thread::Builder::new()
            .name("downhill: batches".into())
            .spawn(move || produce(source, first, &hand_over, &returned))
            .map_err(|error| Error::stream(first, format!("no thread could be started: {error}").into()))?;
        Ok(Self {
            made,
            used,
            next: first,
            handle,
        })
    }
}

/// Makes batch after batch until nobody takes them, or one fails. Returns the source, unless it has panicked.
fn produce<B: Default>(
    mut source: Source<'static, B>,
    first: u64,
    hand_over: &SyncSender<Result<B, Error>>,
    returned: &Receiver<B>,
) -> Option<Source<'static, B>> {
    for number in first.. {
        let mut batch = returned.try_recv().unwrap_or_default();
        // After a panic the source is not used again.
        match catch_unwind(AssertUnwindSafe(|| source(number, &mut batch))) {
            Ok(Ok(())) => {
                if hand_over.send(Ok(batch)).is_err() {
                    break;
                }
            }
            Ok(Err(failure)) => {
                let _ = hand_over.send(Err(Error::stream(number, failure)));
                break;
            }
            Err(panic) => {
                let message = format!("the source has panicked: {}", message_of(&*panic));
                let _ = hand_over.send(Err(Error::stream(number, message.into())));
                return None;
            }
        }
    }
    Some(source)
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

fn lost(number: u64) -> Error {
    let gone = "the source has panicked before, or no thread could be started for it";
    Error::stream(number, gone.into())
}
