//! Serving this machine's devices to other processes, through Burn's remote backend.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use burn::server::{
    AuthorizationRequest, ClientId, PeerAuthorizer, RemoteServer, ServeError, TokenAuthorizer,
    WebSocketTransport,
};
use burn::tensor::Device;

use super::gate::Gate;
use super::{DeviceError, select};

/// The longest token: it has to fit into the first message, with room for the rest of it.
const MAX_TOKEN_BYTES: usize = 1024;

/// Why devices cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A device to serve cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A device that is itself one of another host was asked for.
    #[error("device `{name}`: a worker serves devices of its own machine only")]
    Remote {
        /// The name asked for.
        name: String,
    },
    /// The address to listen on is not one.
    #[error("--listen {listen}: found no address, expected HOST:PORT, as in 127.0.0.1:3000")]
    Address {
        /// The text given.
        listen: String,
    },
    /// The address cannot be listened on.
    #[error("--listen {listen}: cannot listen there: {source}")]
    Bind {
        /// The text given.
        listen: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A token that is too short or too long.
    #[error("the worker's token has {found} bytes, expected 1 to {MAX_TOKEN_BYTES}")]
    Token {
        /// Its length.
        found: usize,
    },
    /// The devices belong to different backends.
    #[error("a worker's devices have to be of one backend, found {}", names.join(", "))]
    Mixed {
        /// Names of the devices.
        names: Vec<String>,
    },
    /// The way from the gate to Burn's server, on loopback, cannot be made.
    #[error("no connection on loopback can be made: {0}")]
    Inside(io::Error),
    /// Burn's server stopped.
    #[error("the worker stopped: {0}")]
    Serve(ServeError),
}

impl WorkerError {
    /// Whether what the user gave is at fault, rather than the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Device(error) => error.is_input(),
            Self::Bind { .. } | Self::Inside(_) | Self::Serve(_) => false,
            Self::Remote { .. }
            | Self::Address { .. }
            | Self::Token { .. }
            | Self::Mixed { .. } => true,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Device(error) => return error.hint(),
            Self::Inside(_) | Self::Serve(_) => return None,
            Self::Remote { .. } => "start a worker on that host instead",
            Self::Address { .. } => "port 0 takes any free port",
            Self::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "another program listens on this port: choose another one, or 0 for any free port"
            }
            Self::Bind { .. } => "the address has to be one of this machine's",
            Self::Token { .. } => "leave the token out, and the worker makes one",
            Self::Mixed { .. } => "start one worker for each backend",
        };
        Some(text.into())
    }
}

/// A worker that listens and does not serve yet.
pub struct Worker {
    listener: TcpListener,
    address: SocketAddr,
    devices: Vec<Device>,
    token: TokenAuthorizer,
}

impl fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Worker")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// Listens on `listen` (`127.0.0.1:3000`; port 0 is any free one) with the devices of these
    /// names, the fastest one if there is none. Only who gives the token, of 1 to 1024 bytes, is
    /// served; [`fresh_token`] makes one.
    ///
    /// # Errors
    /// [`WorkerError`] for a device that cannot be served, devices of several backends, an empty
    /// token, and an address that cannot be listened on.
    pub fn listen(listen: &str, names: &[String], token: &str) -> Result<Self, WorkerError> {
        let found = token.len();
        if found > MAX_TOKEN_BYTES {
            return Err(WorkerError::Token { found });
        }
        if let Some(name) = names.iter().find(|name| name.starts_with(super::REMOTE)) {
            return Err(WorkerError::Remote { name: name.clone() });
        }
        let devices = if names.is_empty() {
            vec![select(None)?]
        } else {
            let devices = names.iter().map(|name| select(Some(name)));
            devices.collect::<Result<_, _>>()?
        };
        let backend = |device: &Device| std::mem::discriminant(device.as_dispatch());
        if devices.iter().any(|d| backend(d) != backend(&devices[0])) {
            return Err(WorkerError::Mixed {
                names: names.to_vec(),
            });
        }
        let token = TokenAuthorizer::new(token).map_err(|_| WorkerError::Token { found })?;
        let listen_error = |source: io::Error| match source.kind() {
            io::ErrorKind::InvalidInput => WorkerError::Address {
                listen: listen.into(),
            },
            _ => WorkerError::Bind {
                listen: listen.into(),
                source,
            },
        };
        let listener = TcpListener::bind(listen).map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        Ok(Self {
            listener,
            address,
            devices,
            token,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether only programs of this machine can reach it.
    pub fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// What `--device` takes for each device, in their order. A worker that listens on every
    /// address has `HOST` where its machine's name belongs.
    pub fn names(&self) -> Vec<String> {
        let host = match self.address.ip() {
            ip if ip.is_unspecified() => "HOST".into(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let first = format!("{}ws://{host}:{}", super::REMOTE, self.address.port());
        (0..self.devices.len())
            .map(|index| match index {
                0 => first.clone(),
                index => format!("{first}#{index}"),
            })
            .collect()
    }

    /// Serves until Ctrl-C or a request to terminate.
    ///
    /// `on_client` hears of every client: its address, the device it wants, and whether it may.
    ///
    /// # Errors
    /// [`WorkerError::Serve`] when Burn's server stops, [`WorkerError::Inside`] where it cannot be
    /// reached by the gate in front of it.
    pub fn serve(
        self,
        on_client: impl Fn(&str, u32, bool) + Send + Sync + 'static,
    ) -> Result<(), WorkerError> {
        let token = self.token;
        let (gate, inside) = Gate::open(self.listener).map_err(WorkerError::Inside)?;
        let authorizer = move |request: AuthorizationRequest<'_>| {
            let device = request.device_index;
            let ClientId::WebSocket(place) = request.client else {
                return Err("expected a client of this transport".into());
            };
            let Some(client) = gate.client(place) else {
                return Err("a connection that did not come through the gate".into());
            };
            let answer = token.authorize(request);
            on_client(
                &format!("WebSocket client {client}"),
                device,
                answer.is_ok(),
            );
            answer
        };
        RemoteServer::new(self.devices)
            .with_authorizer(authorizer)
            .serve(WebSocketTransport::from_listener(inside))
            .map_err(WorkerError::Serve)
    }
}

/// A token that nobody can guess: 32 random bytes in hexadecimal.
pub fn fresh_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
