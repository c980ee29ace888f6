//! A web server on this machine that a test scripts, request by request.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The bytes that are asked for, of so many.
    pub(crate) fn range(&self, length: usize) -> Option<(usize, usize)> {
        let (from, to) = self
            .header("range")
            .strip_prefix("bytes=")?
            .split_once('-')?;
        let to = to
            .parse()
            .map_or(length, |last: usize| (last + 1).min(length));
        Some((from.parse().unwrap(), to))
    }
}

/// What is sent back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Break the connection off behind so many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Keep the connection open without sending anything until the client hangs up.
    pub(crate) stalls: bool,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::status(200)
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The part of `content` that was asked for.
    pub(crate) fn part(request: &Request, content: &[u8]) -> Self {
        match request.range(content.len()) {
            None => Self::of(content),
            Some((from, to)) if from < to => Self {
                status: 206,
                ..Self::of(&content[from..to])
            }
            .with(
                "Content-Range",
                format!("bytes {from}-{}/{}", to - 1, content.len()),
            ),
            Some(_) => Self::status(416),
        }
    }
}

/// A server that answers until the test ends.
pub(crate) struct Web {
    pub(crate) endpoint: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Web {
    pub(crate) fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Request>>>::default();
        let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                thread::spawn(move || {
                    let _ = serve_one(stream, &log, &*answer);
                });
            }
        });
        Self { endpoint, asked }
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

/// A client that has seen enough hangs up, which is no error.
fn serve_one(
    stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&Request) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let request = Request {
        method,
        path,
        headers,
    };
    log.lock().unwrap().push(request.clone());
    let Answer {
        status,
        headers,
        body,
        cut,
        stalls,
    } = answer(&request);
    let mut stream = reader.into_inner();
    if stalls {
        std::io::copy(&mut stream, &mut std::io::sink())?;
        return Ok(());
    }
    let mut head = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Content-Length") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if request.method != "HEAD" {
        stream.write_all(&body[..cut.unwrap_or(body.len()).min(body.len())])?;
    }
    stream.flush()
}
