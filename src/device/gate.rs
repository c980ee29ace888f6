//! Proxy in front of Burn's server that limits size and time of a client's first messages.
//!
//! Burn reads a client's first message, of up to a gigabyte and without a time limit, before it
//! checks the token, and it does not check the `Origin` of requests from browsers. Clients
//! therefore connect to the gate. It reads the WebSocket request and the header of the first
//! message, refuses requests from browsers and messages that are too long or too slow, and forwards
//! everything else to the server, which listens on loopback for the gate.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum bytes of a WebSocket request.
const MAX_REQUEST: usize = 8 << 10;
/// Maximum bytes of the first message, which contains the token.
const MAX_FIRST_MESSAGE: u64 = 64 << 10;
/// Maximum bytes of a control frame, from the protocol.
const MAX_CONTROL: u64 = 125;
/// Maximum time until a client's first message.
const PATIENCE: Duration = Duration::from_secs(10);
/// Maximum number of clients that have not yet sent a first message; more are refused.
const MAX_WAITING: usize = 64;

/// An open gate.
pub(super) struct Gate {
    /// Admitted clients, by the address that the server sees.
    clients: Clients,
}

type Clients = Arc<Mutex<HashMap<SocketAddr, SocketAddr>>>;

impl Gate {
    /// Forwards clients of `listener` to the returned listener.
    pub(super) fn open(listener: TcpListener) -> io::Result<(Self, TcpListener)> {
        let inside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let server = inside.local_addr()?;
        let clients = Clients::default();
        let gate = Self {
            clients: Arc::clone(&clients),
        };
        let waiting = Arc::new(AtomicUsize::new(0));
        thread::Builder::new()
            .name("gate".into())
            .spawn(move || accept(&listener, server, &clients, &waiting))?;
        Ok((gate, inside))
    }

    /// The client that the server sees at this address; `None` if it did not pass the gate.
    pub(super) fn client(&self, seen: SocketAddr) -> Option<SocketAddr> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get(&seen).copied()
    }
}

/// Accepts clients until the program ends.
fn accept(
    listener: &TcpListener,
    server: SocketAddr,
    clients: &Clients,
    waiting: &Arc<AtomicUsize>,
) {
    loop {
        let Ok((client, address)) = listener.accept() else {
            // For example out of file descriptors: wait for other clients to end.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let slot = Slot::take(waiting);
        let clients = Arc::clone(clients);
        // The connection is closed if there is no thread or no slot for it.
        let _ = thread::Builder::new().spawn(move || {
            if let Some(slot) = slot {
                let _ = serve(client, address, server, &clients, slot);
            }
        });
    }
}

/// One of [`MAX_WAITING`] slots, freed when dropped.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(waiting: &Arc<AtomicUsize>) -> Option<Self> {
        let slot = Self(Arc::clone(waiting));
        (waiting.fetch_add(1, Ordering::AcqRel) < MAX_WAITING).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn serve(
    mut client: TcpStream,
    address: SocketAddr,
    server: SocketAddr,
    clients: &Clients,
    slot: Slot,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut patient = Patient {
        stream: client.try_clone()?,
        until: Instant::now() + PATIENCE,
    };
    let request = match read_request(&mut patient) {
        Ok(request) => request,
        Err(refusal) => return refuse(&mut client, &refusal),
    };
    let mut inside = TcpStream::connect(server)?;
    inside.set_nodelay(true)?;
    let seen = inside.local_addr()?;
    let _entry = Entry::new(clients, seen, address);
    inside.write_all(&request)?;
    // The client waits for the answer before its first message, so forward it at once.
    let (mut from, mut to) = (inside.try_clone()?, client.try_clone()?);
    let back = thread::Builder::new().spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    })?;
    let passed = pass_first_message(&mut patient, &mut inside);
    drop(slot);
    if passed.is_ok() {
        client.set_read_timeout(None)?;
        let _ = io::copy(&mut client, &mut inside);
    }
    let _ = inside.shutdown(Shutdown::Both);
    let _ = back.join();
    passed
}

/// Refuses a client with an HTTP response that gives the reason.
fn refuse(client: &mut TcpStream, refusal: &io::Error) -> io::Result<()> {
    let body = format!("{refusal}\n");
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: \
         close\r\n\r\n{body}"
    )?;
    client.shutdown(Shutdown::Write)
}

/// A client's entry while its connection lasts.
struct Entry<'a>(&'a Clients, SocketAddr);

impl<'a> Entry<'a> {
    fn new(clients: &'a Clients, seen: SocketAddr, client: SocketAddr) -> Self {
        let mut entries = clients.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(seen, client);
        Self(clients, seen)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(&self.1);
    }
}

/// Reads from a stream until a fixed deadline.
struct Patient {
    stream: TcpStream,
    until: Instant,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream
            .read(buffer)
            .map_err(|error| match error.kind() {
                // Operating systems report a timeout differently.
                ErrorKind::WouldBlock | ErrorKind::TimedOut => late(),
                _ => error,
            })
    }
}

fn late() -> io::Error {
    let seconds = PATIENCE.as_secs();
    refused(&format!("no message within {seconds} seconds"))
}

fn refused(reason: &str) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, reason)
}

/// Reads a WebSocket request, up to its blank line.
///
/// # Errors
/// If it is too long, comes from a browser, or is not a WebSocket request.
fn read_request(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    // Byte by byte, because bytes after the blank line belong to the first message.
    while !request.ends_with(b"\r\n\r\n") {
        if request.len() == MAX_REQUEST {
            return Err(refused("the request is too long"));
        }
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let text = str::from_utf8(&request).map_err(|_| refused("the request is not text"))?;
    let mut lines = text.split("\r\n");
    if !lines.next().is_some_and(|line| line.starts_with("GET ")) {
        return Err(refused("this is a worker of gradus: it speaks WebSocket"));
    }
    for line in lines {
        let name = line.split(':').next().unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("origin") {
            return Err(refused("pages in a browser are not served"));
        }
        // A body could contain a second, unchecked request.
        if ["content-length", "transfer-encoding"].contains(&&*name.to_ascii_lowercase()) {
            return Err(refused("a request with a body is not served"));
        }
    }
    Ok(request)
}

/// Forwards messages up to the end of the first one that is not a control frame.
///
/// # Errors
/// If that message is too long or fragmented.
fn pass_first_message(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    loop {
        let mut head = [0; 2];
        from.read_exact(&mut head)?;
        let (last, opcode) = (head[0] & 0x80 != 0, head[0] & 0x0f);
        let is_control = opcode >= 8;
        let mut rest = match head[1] & 0x7f {
            126 => vec![0; 2],
            127 => vec![0; 8],
            _ => Vec::new(),
        };
        from.read_exact(&mut rest)?;
        let mut length = u64::from(head[1] & 0x7f);
        if !rest.is_empty() {
            length = rest
                .iter()
                .fold(0, |length, &byte| length << 8 | u64::from(byte));
        }
        let most = if is_control {
            MAX_CONTROL
        } else {
            MAX_FIRST_MESSAGE
        };
        if length > most || !last {
            return Err(refused("the first message is too long or fragmented"));
        }
        let mask = if head[1] & 0x80 != 0 { 4 } else { 0 };
        to.write_all(&head)?;
        to.write_all(&rest)?;
        let passed = io::copy(&mut from.take(length + mask), to)?;
        if passed < length + mask {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if !is_control {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /session HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";

    fn request(text: &str) -> io::Result<Vec<u8>> {
        read_request(&mut text.as_bytes())
    }

    #[test]
    fn a_request_of_a_program_is_let_in_whole_and_no_further() {
        let text = format!("{REQUEST}more");
        assert_eq!(request(&text).unwrap(), REQUEST.as_bytes());
    }

    #[test]
    fn requests_of_pages_and_long_ones_are_refused() {
        for (header, reason) in [
            ("Origin: http://evil".to_owned(), "pages in a browser"),
            ("oRIGIN : null".to_owned(), "pages in a browser"),
            ("Content-Length: 4".to_owned(), "a body"),
            (format!("A: {}", "a".repeat(MAX_REQUEST)), "too long"),
        ] {
            let text = REQUEST.replace("Host: a", &header);
            let error = request(&text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(request("POST / HTTP/1.1\r\n\r\n").is_err());
        assert!(request("GET / HTTP/1.1\r\n").is_err());
    }

    fn passed(message: &[u8]) -> Option<Vec<u8>> {
        let mut to = Vec::new();
        let result = pass_first_message(&mut &*message, &mut to);
        result.is_ok().then_some(to)
    }

    #[test]
    fn the_first_message_is_passed_on_with_what_is_about_the_connection() {
        let ping = [0x89, 0x81, 1, 2, 3, 4, 9];
        let data = [0x82, 0x82, 1, 2, 3, 4, 7, 8];
        let both = [&ping[..], &data].concat();
        assert_eq!(passed(&[&both[..], b"rest"].concat()).unwrap(), both);
        let mut long = vec![0x82, 0xfe, 0x01, 0x00];
        long.extend([0; 4 + 256]);
        assert_eq!(passed(&long).unwrap(), long);
    }

    #[test]
    fn a_first_message_that_is_long_or_in_pieces_is_refused() {
        let huge = [0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(passed(&huge), None);
        assert_eq!(passed(&[0x02, 0x81, 1, 2, 3, 4, 9]), None);
        assert_eq!(passed(&[0x89, 0xfe, 1, 0, 1, 2, 3, 4]), None);
        assert_eq!(passed(&[0x82, 0x85, 1, 2, 3, 4, 9]), None);
    }

    #[test]
    fn only_so_many_may_wait() {
        let waiting = Arc::new(AtomicUsize::new(0));
        let slots: Vec<_> = (0..MAX_WAITING).map(|_| Slot::take(&waiting)).collect();
        assert!(slots.iter().all(Option::is_some));
        assert!(Slot::take(&waiting).is_none());
        drop(slots);
        assert!(Slot::take(&waiting).is_some());
    }
}
