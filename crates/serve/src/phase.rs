//! Where in its life a server is.

use tokio::sync::watch;

/// Where in its life a server is, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The bundles are being loaded.
    Loading,
    /// Requests are answered.
    Ready,
    /// No new connections; requests on those that are open are answered, and each is then closed.
    Draining,
    /// Connections without a request are closed too.
    Closing,
    /// Nothing is waited for.
    Over,
}

/// The phase, to be read and waited for anywhere.
#[derive(Debug, Clone)]
pub(crate) struct Phases(watch::Sender<Phase>);

impl Phases {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Phase::Loading))
    }

    pub(crate) fn now(&self) -> Phase {
        *self.0.borrow()
    }

    /// Goes on to a later phase; from a later one nothing leads back.
    pub(crate) fn reach(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let later = phase > *now;
            *now = phase.max(*now);
            later
        });
    }

    /// Waits until a phase, or a later one, is reached.
    pub(crate) async fn reached(&self, phase: Phase) {
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|now| *now >= phase).await;
    }
}
