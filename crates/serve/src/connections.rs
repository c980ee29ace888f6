//! The listener, and how it ends without losing a request.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt as _;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutWriter;

use crate::Limits;
use crate::phase::{Phase, Phases};

/// How long to wait where the system has no descriptor left for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// All connections.
#[derive(Clone)]
pub(crate) struct Connections {
    router: Router,
    phases: Phases,
    header_timeout: Duration,
    write_timeout: Duration,
    /// One for every connection that may be open.
    places: Arc<Semaphore>,
    most: usize,
}

impl Connections {
    pub(crate) fn new(router: Router, phases: &Phases, limits: &Limits) -> Self {
        let most = limits.max_connections.min(Semaphore::MAX_PERMITS);
        Self {
            router,
            phases: phases.clone(),
            header_timeout: limits.header_timeout,
            write_timeout: limits.write_timeout,
            places: Arc::new(Semaphore::new(most)),
            most,
        }
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.most - self.places.available_permits()
    }

    /// Accepts connections until the server drains, and then those that the system has accepted by then.
    pub(crate) async fn accept(self, listener: TcpListener) {
        let draining = self.phases.clone();
        let draining = draining.reached(Phase::Draining);
        tokio::pin!(draining);
        loop {
            let next = async {
                let place = Arc::clone(&self.places).acquire_owned().await;
                (place, listener.accept().await)
            };
            tokio::select! {
                biased;
                () = &mut draining => break,
                (place, accepted) = next => match (place, accepted) {
                    (Ok(place), Ok((stream, _))) => self.spawn(stream, place),
                    // The client is gone already, or no descriptor is left until a connection ends.
                    _ => tokio::time::sleep(PAUSE).await,
                },
            }
        }
        while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                break;
            };
            self.spawn(stream, place);
        }
    }

    /// Waits until every connection has ended.
    pub(crate) async fn ended(&self) {
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        // Nobody closes the semaphore.
        let _ = self.places.acquire_many(all).await;
    }

    fn spawn(&self, stream: TcpStream, place: OwnedSemaphorePermit) {
        // An answer is small; waiting to fill a packet would only delay it.
        let _ = stream.set_nodelay(true);
        // A client that takes nothing of its answer is given up; it would else have its place for ever.
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.write_timeout));
        let service = TowerToHyperService::new(self.router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let phases = self.phases.clone();
        tokio::spawn(async move {
            tokio::pin!(connection);
            tokio::select! {
                // What goes wrong on a connection is its client's matter.
                _ = connection.as_mut() => {}
                () = phases.reached(Phase::Closing) => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(place);
        });
    }
}
