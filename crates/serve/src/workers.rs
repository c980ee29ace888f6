//! The threads that compute, and how they share the processor.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rayon::{ThreadPool, ThreadPoolBuilder, current_num_threads};

use crate::queue::{Batch, Share};
use crate::scoring::Service;
use crate::{Event, Result, ServeError};

/// Starts as many threads as batches may be computed at once. Each has its part of the threads that one
/// batch alone would have: two small batches side by side are done sooner than one after the other, each
/// by all threads, which then wait for each other more than they compute.
pub(crate) fn start(service: &Arc<Service>, max_batches: usize) -> Result<Vec<JoinHandle<()>>> {
    let part = (current_num_threads() / max_batches).max(1);
    let start = |_| {
        let pool = (max_batches > 1).then(|| pool(part)).transpose()?;
        let service = Arc::clone(service);
        let thread = thread::Builder::new().name("gradus-model".into());
        thread
            .spawn(move || work(&service, pool.as_ref()))
            .map_err(ServeError::System)
    };
    (0..max_batches).map(start).collect()
}

fn pool(threads: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|_| "gradus-model".into())
        .build()
        .map_err(|error| ServeError::System(std::io::Error::other(error)))
}

/// Computes until the queue is closed.
fn work(service: &Service, pool: Option<&ThreadPool>) {
    let on = |share, compute: &mut (dyn FnMut() + Send)| match (share, pool) {
        (Share::Own, Some(pool)) => pool.install(compute),
        _ => compute(),
    };
    service.queue.work(on, |batch: &Batch| {
        service.metrics.computed(batch);
        if let Some(message) = &batch.panic {
            let message = message.clone();
            (service.observer)(Event::Panic { message });
        }
    });
}
