use std::any::Any;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use crate::{DataError, Result};

/// Items that a separate thread produces in advance.
///
/// Dropping it stops the thread at its next item, without waiting. If the thread cannot be started or panics,
/// the last item is an error.
#[derive(Debug)]
pub struct Prefetch<T> {
    /// `None` after the last item.
    items: Option<Receiver<T>>,
    thread: Option<JoinHandle<()>>,
    /// Why there is no thread.
    failure: Option<DataError>,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Produces the items of `source` on a thread called `name`. Up to `ahead` finished items wait to be read.
    pub fn start(
        name: &str,
        ahead: usize,
        source: impl Iterator<Item = T> + Send + 'static,
    ) -> Self {
        let (sender, items) = sync_channel(ahead);
        let work = move || {
            for item in source {
                if sender.send(item).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
        let (thread, failure) = match thread {
            Ok(thread) => (Some(thread), None),
            Err(error) => (None, Some(DataError::Thread(error))),
        };
        Self {
            items: Some(items),
            thread,
            failure,
        }
    }
}

impl<T> Prefetch<T> {
    /// The panic that ended the thread, if any.
    fn panic(&mut self) -> Option<DataError> {
        let panic = self.thread.take()?.join().err()?;
        Some(DataError::ThreadPanic {
            message: panic_message(panic.as_ref()),
        })
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if let Ok(item) = self.items.as_ref()?.recv() {
            return Some(Ok(item));
        }
        // The sender is gone, so the thread has ended.
        self.items = None;
        let failure = self.failure.take();
        failure.or_else(|| self.panic()).map(Err)
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn items_come_in_order_and_no_more_than_asked_for_are_made_ahead() {
        let (made, log) = mpsc::channel();
        let source = (0..100).inspect(move |&item| made.send(item).unwrap());
        let mut items = Prefetch::start("test", 1, source);
        assert_eq!(items.next().unwrap().unwrap(), 0);
        // One waits and one is in the making.
        for item in 0..3 {
            assert_eq!(log.recv_timeout(Duration::from_secs(30)).unwrap(), item);
        }
        assert!(log.recv_timeout(Duration::from_millis(200)).is_err());
        let rest: Vec<i32> = items.collect::<Result<_>>().unwrap();
        assert_eq!(rest, (1..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_is_the_last_item() {
        let source = (0..3).inspect(|&item| assert!(item < 1, "item {item} is cursed"));
        let mut items = Prefetch::start("test", 1, source);
        assert_eq!(items.next().unwrap().unwrap(), 0);
        let error = items.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("item 1 is cursed"), "{error}");
        assert!(items.next().is_none());
    }

    #[test]
    fn dropping_it_does_not_wait_for_a_source_that_is_silent() {
        let (sender, waits) = mpsc::channel();
        sender.send(0).unwrap();
        let mut items = Prefetch::start("test", 1, waits.into_iter());
        assert!(items.next().is_some());
        drop(items);
        drop(sender);
    }
}
