//! A small HTTP client that can also do what no good client does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer of a test takes, also on a machine that does much else.
pub(crate) const WAIT: Duration = Duration::from_mins(10);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The message of an error with this status.
    #[track_caller]
    pub(crate) fn error(&self, status: u16) -> String {
        let error = &self.json(status)["error"];
        error["message"].as_str().unwrap().to_owned()
    }
}

/// A connection that stays open.
pub(crate) struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    /// The port of the client.
    #[cfg(target_os = "linux")]
    pub(crate) fn port(&self) -> u16 {
        self.reader.get_ref().local_addr().unwrap().port()
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.reader.get_mut().write_all(bytes.as_ref())
    }

    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let sent = self.begin(method, path, headers, body);
        // The server may answer before it has read a body that it refuses.
        self.answer().or_else(|error| sent.and(Err(error)))
    }

    /// Asks, and does not wait for the answer.
    pub(crate) fn begin(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<()> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
            self.reader.get_ref().peer_addr()?,
            body.len()
        );
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        // One packet where it fits, as most clients do.
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.send(bytes)
    }

    /// Waits until an answer begins, and takes no more of it than one buffer.
    pub(crate) fn wait_for_an_answer(&mut self) -> std::io::Result<()> {
        let begun = !self.reader.fill_buf()?.is_empty();
        begun
            .then_some(())
            .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads an answer.
    pub(crate) fn answer(&mut self) -> std::io::Result<Answer> {
        let first = self.line()?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status =
            status.ok_or_else(|| std::io::Error::other(format!("no answer: {first:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk()? {
                answer.body.extend(chunk);
            }
        } else {
            let length = answer
                .header("content-length")
                .map_or(0, |length| length.parse().unwrap());
            answer.body = self.exactly(length)?;
        }
        Ok(answer)
    }

    /// The next piece of an answer that comes in pieces; `None` behind the last.
    pub(crate) fn chunk(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let line = self.line()?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        let chunk = self.exactly(size)?;
        self.line()?;
        Ok((size > 0).then_some(chunk))
    }

    /// Reads a line, such as the head of an answer has.
    pub(crate) fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        if line.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn exactly(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
