//! A server: starts, loads, reloads, drains and ends.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use burn::tensor::Device;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::connections::Connections;
use crate::event::Observer;
use crate::http::router;
use crate::metrics::Metrics;
use crate::models::Models;
use crate::phase::{Phase, Phases};
use crate::queue::Queue;
use crate::scoring::Service;
use crate::{Event, Result, ServeError, ServeOptions, workers};

/// How long connections without a request stay open when the server is told to end: a client that is just
/// sending its next request on one gets its answer.
const LINGER: Duration = Duration::from_millis(500);

/// A server that listens.
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
    model_threads: Vec<JoinHandle<()>>,
    grace: Duration,
}

/// Tells a server to end or to load its bundles again, from any thread.
#[derive(Clone)]
pub struct Handle {
    service: Arc<Service>,
}

impl Handle {
    /// Takes no new connections, answers what has been asked, and ends.
    pub fn drain(&self) {
        self.service.phases.reach(Phase::Draining);
    }

    /// Ends without waiting for requests.
    pub fn end_now(&self) {
        self.service.phases.reach(Phase::Over);
    }

    /// Loads every bundle again. What fails is told to the observer, and the old one stays.
    pub fn reload(&self) {
        // All bundles are asked for, so that none can be unknown.
        let _ = self.service.models.reload(None);
    }
}

impl Server {
    /// Listens. Requests are refused until [`run`](Self::run) has loaded the bundles.
    ///
    /// # Errors
    /// - [`ServeError::Limit`], [`ServeError::RepeatedName`]: options that nothing could keep
    /// - [`ServeError::Listen`]: the address cannot be listened on
    /// - [`ServeError::Unprotected`]: others can reach it, there is no key, and `insecure` is not set
    /// - [`ServeError::System`]: the system refuses threads
    pub fn start(options: &ServeOptions, device: Device, observer: Observer) -> Result<Self> {
        options.limits.check()?;
        let addresses = addresses(options)?;
        let limits = &options.limits;
        let models = Models::new(
            &options.bundles,
            (device, options.precision, options.offset),
            limits.max_batch_tokens,
            Arc::clone(&observer),
        )?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.clamp(1, 4))
            .max_blocking_threads(threads + 2)
            .thread_name("gradus-serve")
            .enable_all()
            .build()
            .map_err(ServeError::System)?;
        let refused = |cause| ServeError::Listen {
            address: options.listen.clone(),
            cause,
        };
        let listener = runtime
            .block_on(TcpListener::bind(&addresses[..]))
            .map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let service = Arc::new(Service {
            models,
            queue: Queue::new(limits.queue, limits.max_batch_tokens),
            limits: limits.clone(),
            phases: Phases::new(),
            key: options.key.clone(),
            // Without a key it listens on loopback only, unless that is given up.
            is_local: options.key.is_none() && !options.insecure,
            observer,
            drop_ins: options.drop_ins.clone(),
            metrics: Metrics::new(),
        });
        let model_threads = workers::start(&service, limits.max_batches)?;
        (service.observer)(Event::Listening { address });
        Ok(Self {
            runtime,
            listener,
            address,
            service,
            model_threads,
            grace: options.grace,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells it to end or to reload, from any thread.
    pub fn handle(&self) -> Handle {
        Handle {
            service: Arc::clone(&self.service),
        }
    }

    /// Ends on SIGTERM and SIGINT (Ctrl-C), at once on the second of them; loads the bundles again on
    /// SIGHUP.
    ///
    /// # Errors
    /// [`ServeError::System`] if the system does not let signals be caught.
    pub fn obey_signals(&self) -> Result<()> {
        let _inside = self.runtime.enter();
        signals::obey(&self.handle()).map_err(ServeError::System)
    }

    /// Loads the bundles, answers requests until it is told to end, and ends: nothing new is accepted, and
    /// what was asked by then is answered.
    ///
    /// # Errors
    /// [`ServeError::Bundle`] if a bundle cannot be loaded; [`ServeError::Grace`] if requests are left
    /// when the time is over, and [`ServeError::EndedAtOnce`] if some are left at [`Handle::end_now`].
    pub fn run(self) -> Result<()> {
        let Self {
            runtime,
            listener,
            service,
            model_threads,
            grace,
            ..
        } = self;
        let outcome = runtime.block_on(serve(listener, &service, grace));
        service.queue.close();
        if outcome.is_ok() {
            for thread in model_threads {
                // Its panics are caught batch by batch.
                let _ = thread.join();
            }
        }
        runtime.shutdown_background();
        outcome
    }
}

async fn serve(listener: TcpListener, service: &Arc<Service>, grace: Duration) -> Result<()> {
    let phases = &service.phases;
    let connections = Connections::new(router(service), phases, &service.limits);
    let accepting = tokio::spawn(connections.clone().accept(listener));
    let work = Arc::clone(service);
    let loading = tokio::task::spawn_blocking(move || work.models.load_all());
    tokio::select! {
        loaded = loading => loaded.unwrap_or_else(|error| Err(ServeError::System(error.into())))?,
        () = phases.reached(Phase::Draining) => {}
    }
    phases.reach(Phase::Ready);
    if phases.now() == Phase::Ready {
        (service.observer)(Event::Ready);
    }
    tokio::select! {
        () = phases.reached(Phase::Draining) => {}
        () = service.metrics.keep_up() => {}
    }
    (service.observer)(Event::Draining);
    let drained = async {
        // It fails only where it panicked; what is accepted then is all there is.
        let _ = accepting.await;
        tokio::select! {
            () = connections.ended() => return,
            () = sleep(LINGER) => {}
            () = phases.reached(Phase::Closing) => {}
        }
        phases.reach(Phase::Closing);
        connections.ended().await;
    };
    tokio::select! {
        biased;
        drained = timeout(grace, drained) => drained.map_err(|_| ServeError::Grace {
            connections: connections.open(),
            seconds: grace.as_secs(),
        }),
        () = phases.reached(Phase::Over) => match connections.open() {
            0 => Ok(()),
            connections => Err(ServeError::EndedAtOnce { connections }),
        },
    }
}

/// The addresses of `--listen`. None that others reach, unless there is a key or that is wanted.
fn addresses(options: &ServeOptions) -> Result<Vec<SocketAddr>> {
    let address = || options.listen.clone();
    let found = options
        .listen
        .to_socket_addrs()
        .map_err(|cause| ServeError::Listen {
            address: address(),
            cause,
        })?;
    let found: Vec<SocketAddr> = found.collect();
    let is_open = found
        .iter()
        .any(|address| !address.ip().to_canonical().is_loopback());
    if is_open && options.key.is_none() && !options.insecure {
        return Err(ServeError::Unprotected { address: address() });
    }
    Ok(found)
}

#[cfg(unix)]
mod signals {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Handle;

    pub(super) fn obey(handle: &Handle) -> io::Result<()> {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
        let [terminate, interrupt] = kinds.map(signal);
        let (mut terminate, mut interrupt) = (terminate?, interrupt?);
        let hangup = signal(SignalKind::hangup())?;
        tokio::spawn(reload(hangup, handle.clone()));
        let handle = handle.clone();
        tokio::spawn(async move {
            next(&mut terminate, &mut interrupt).await;
            handle.drain();
            next(&mut terminate, &mut interrupt).await;
            handle.end_now();
        });
        Ok(())
    }

    async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }

    async fn reload(mut hangup: Signal, handle: Handle) {
        while hangup.recv().await.is_some() {
            let handle = handle.clone();
            // Bundles are loaded one after the other; failures have been told.
            let _ = tokio::task::spawn_blocking(move || handle.reload()).await;
        }
    }
}

#[cfg(not(unix))]
mod signals {
    use std::io;

    use super::Handle;

    pub(super) fn obey(handle: &Handle) -> io::Result<()> {
        let handle = handle.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                handle.drain();
            }
        });
        Ok(())
    }
}
