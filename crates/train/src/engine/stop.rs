//! Requests to stop a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Requests that a run stops after the current step. It saves a checkpoint first.
///
/// Clones refer to the same run. A signal handler may hold one.
#[derive(Debug, Clone, Default)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// A new handle, without a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the stop. Returns whether it was requested before.
    pub fn stop(&self) -> bool {
        self.0.swap(true, Ordering::SeqCst)
    }

    /// Takes the request back, so that [`Engine::run`](crate::Engine::run) can go on. Returns whether there was one.
    pub fn take_back(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }

    /// The flag, for a signal handler: true requests the stop.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }

    /// Whether the stop was requested.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
