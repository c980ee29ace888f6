//! Serves this machine's devices to other processes, through Burn's remote backend.

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

/// Maximum length of a token, which must fit into the first message.
const MAX_TOKEN_BYTES: usize = 1024;

/// Errors of a worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A device to serve cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A remote device was requested.
    #[error("device `{name}`: a worker serves only devices of its own machine")]
    Remote {
        /// The requested name.
        name: String,
    },
    /// The text is not an address to listen on.
    #[error("--listen {listen}: found no address, expected HOST:PORT, as in 127.0.0.1:3000")]
    Address {
        /// The text given.
        listen: String,
    },
    /// Listening on the address failed.
    #[error("--listen {listen}: cannot listen there: {source}")]
    Bind {
        /// The text given.
        listen: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// The token is too short or too long.
    #[error("the worker's token has {found} bytes, expected 1 to {MAX_TOKEN_BYTES}")]
    Token {
        /// Its length.
        found: usize,
    },
    /// The devices belong to different backends.
    #[error("all devices of a worker must be of one backend, found {}", names.join(", "))]
    Mixed {
        /// Names of the devices.
        names: Vec<String>,
    },
    /// The loopback connection from the gate to Burn's server failed.
    #[error("cannot open a loopback connection: {0}")]
    Inside(io::Error),
    /// Burn's server stopped.
    #[error("the worker stopped: {0}")]
    Serve(ServeError),
}

impl WorkerError {
    /// Whether the user's input caused the error, not the machine.
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

    /// A hint for the user, if there is one.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Device(error) => return error.hint(),
            Self::Inside(_) | Self::Serve(_) => return None,
            Self::Remote { .. } => "start a worker on that host instead",
            Self::Address { .. } => "port 0 takes any free port",
            Self::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "another program listens on this port: choose another one, or 0 for any free port"
            }
            Self::Bind { .. } => "use an address of this machine",
            Self::Token { .. } => "without a token, the worker generates one",
            Self::Mixed { .. } => "start one worker for each backend",
        };
        Some(text.into())
    }
}

/// A worker that listens but does not serve yet.
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
    /// Listens on `listen` (`127.0.0.1:3000`; port 0 takes any free port) with the named devices,
    /// or the fastest one. Serves only clients with the token, of 1 to 1024 bytes; [`fresh_token`]
    /// generates one.
    ///
    /// # Errors
    /// [`WorkerError`] for a device that cannot be served, devices of several backends, an empty
    /// token, or an address that cannot be used.
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

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether only programs on this machine can reach it.
    pub fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// The names for `--device`, in order. If the worker listens on all addresses, `HOST` stands
    /// for the machine's name.
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

    /// Serves until Ctrl-C or SIGTERM.
    ///
    /// `on_client` is called for every client with its address, the requested device, and whether
    /// it is admitted.
    ///
    /// # Errors
    /// [`WorkerError::Serve`] if Burn's server stops, [`WorkerError::Inside`] if the gate cannot
    /// reach it.
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
                return Err("the connection did not pass the gate".into());
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

/// Generates a token: 32 random bytes in hexadecimal.
pub fn fresh_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
