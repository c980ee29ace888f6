//! What a server is started with.

use std::path::PathBuf;
use std::time::Duration;

use gradus_eval::{OffsetUse, Precision};

use crate::{Key, Result, ServeError};

/// A bundle to serve, and what requests call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleSource {
    /// What requests call it.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
}

impl BundleSource {
    /// Reads `NAME=BUNDLE` or `BUNDLE`, whose name then is that of its directory.
    ///
    /// # Errors
    /// [`ServeError::BundleName`] for an empty name, or for one that cannot stand in a path of a URL.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, path) = match text.split_once('=') {
            // A path may have `=` too, but not before its first slash.
            Some((name, path)) if !name.contains('/') => (name.to_owned(), PathBuf::from(path)),
            _ => {
                let path = PathBuf::from(text);
                let name = path.file_name().map(|name| name.to_string_lossy().into());
                (name.unwrap_or_default(), path)
            }
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || path.as_os_str().is_empty() || !name.chars().all(is_plain) {
            return Err(ServeError::BundleName {
                found: text.to_owned(),
            });
        }
        Ok(Self { name, path })
    }
}

/// The highest number of batches at once: each needs threads and memory of its own.
const MAX_BATCHES: usize = 64;

/// How much a server takes.
///
/// | name | default | range |
/// |---|---|---|
/// | `max_batch_tokens` | 4,096 | 1 or more |
/// | `max_batches` | 1 | 1 to 64 |
/// | `queue` | 4,096 records | 1 or more |
/// | `max_records` | 1,024 | 1 to `queue` |
/// | `max_body_bytes` | 4 MiB | 1 or more |
/// | `max_text_bytes` | 1 MiB | 1 or more |
/// | `max_connections` | 4,096 | 1 or more |
/// | `header_timeout` | 10 s | above 0 |
/// | `request_timeout` | 60 s | above 0 |
/// | `write_timeout` | 60 s | above 0 |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Tokens that the model reads at once.
    pub max_batch_tokens: usize,
    /// Batches that are computed at once, each by its part of the processor's threads; where only one
    /// waits, it has all of them. More than one gains nothing on a device that is not the processor.
    pub max_batches: usize,
    /// Records that may wait for the model.
    pub queue: usize,
    /// Records of one request.
    pub max_records: usize,
    /// Length of a body, and of a line where a body is a stream of lines.
    pub max_body_bytes: usize,
    /// Length of a prompt, context or response, in bytes of UTF-8.
    pub max_text_bytes: usize,
    /// Connections that are open at once; more wait to be accepted.
    pub max_connections: usize,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub header_timeout: Duration,
    /// How long a request may take, from its head to its answer; of a stream, how long the next piece may.
    pub request_timeout: Duration,
    /// How long a client may take nothing of an answer that waits for it; its connection is then closed.
    pub write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_batch_tokens: 4096,
            max_batches: 1,
            queue: 4096,
            max_records: 1024,
            max_body_bytes: 4 << 20,
            max_text_bytes: 1 << 20,
            max_connections: 4096,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_mins(1),
            write_timeout: Duration::from_mins(1),
        }
    }
}

impl Limits {
    /// Refuses limits that nothing could keep.
    ///
    /// # Errors
    /// [`ServeError::Limit`] for the first limit out of range.
    pub fn check(&self) -> Result<()> {
        let wrong = |name, found: String, expected: String| {
            Err(ServeError::Limit {
                name,
                found,
                expected,
            })
        };
        for (name, value) in [
            ("max-batch-tokens", self.max_batch_tokens),
            ("max-batches", self.max_batches),
            ("queue", self.queue),
            ("max-records", self.max_records),
            ("max-body-bytes", self.max_body_bytes),
            ("max-text-bytes", self.max_text_bytes),
            ("max-connections", self.max_connections),
        ] {
            if value == 0 {
                return wrong(name, "0".into(), "1 or more".into());
            }
        }
        if self.max_batches > MAX_BATCHES {
            let expected = format!("at most {MAX_BATCHES}");
            return wrong("max-batches", self.max_batches.to_string(), expected);
        }
        if self.max_records > self.queue {
            let expected = format!("at most {}, the length of the queue", self.queue);
            return wrong("max-records", self.max_records.to_string(), expected);
        }
        for (name, value) in [
            ("header-timeout", self.header_timeout),
            ("request-timeout", self.request_timeout),
            ("write-timeout", self.write_timeout),
        ] {
            if value.is_zero() {
                return wrong(name, "0 seconds".into(), "more".into());
            }
        }
        Ok(())
    }
}

/// What the routes of other servers need to know, as their clients do not say it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DropIns {
    /// The aspect that a single reward is taken from; needed where a bundle has several.
    pub reward_aspect: Option<String>,
    /// What stands between prompt and response where both come as one text.
    pub query_separator: Option<String>,
    /// The key of the reward in the answer to slime; `None`: the answer is the bare number.
    pub reward_key: Option<String>,
    /// The reward of a response without a score; `None`: such a response is refused.
    pub unscored_reward: Option<f64>,
    /// The lowest and the highest rating; `None`: those of the bundle's scale.
    pub rating_range: Option<(f64, f64)>,
}

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// `HOST:PORT`; port 0 picks a free port.
    pub listen: String,
    /// The bundles; the first answers requests that name none.
    pub bundles: Vec<BundleSource>,
    /// What requests have to know; `None`: nothing.
    pub key: Option<Key>,
    /// Whether to listen on an address that other hosts reach without a key.
    pub insecure: bool,
    /// How much it takes.
    pub limits: Limits,
    /// What the routes of other servers need to know.
    pub drop_ins: DropIns,
    /// Number format of the encoders' products, or `f32` where the device does not have it. `None`: that of each
    /// bundle, `int8` if it is quantized, otherwise `f32`.
    pub precision: Option<Precision>,
    /// What becomes of the offsets of the bundles, each of which must then have one. `None`: those that there are are
    /// kept.
    pub offset: Option<OffsetUse>,
    /// How long requests may go on once the server is told to end.
    pub grace: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_called_by_its_directory_unless_it_is_named() {
        for (text, name, path) in [
            ("models/good", "good", "models/good"),
            ("good/", "good", "good/"),
            ("a=models/good", "a", "models/good"),
            ("./a=b", "a=b", "./a=b"),
        ] {
            let found = BundleSource::parse(text);
            if name.contains('=') {
                assert!(found.is_err(), "{text}");
                continue;
            }
            let found = found.unwrap();
            assert_eq!((found.name.as_str(), found.path), (name, path.into()));
        }
        for text in ["", "=", "a=", "=b", "..", "ä=b", "a b=c"] {
            assert!(BundleSource::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_out_of_range_are_refused_by_name() {
        let message = |limits: Limits| limits.check().unwrap_err().to_string();
        assert_eq!(
            message(Limits {
                queue: 0,
                ..Limits::default()
            }),
            "--queue: found 0, expected 1 or more"
        );
        assert_eq!(
            message(Limits {
                queue: 10,
                ..Limits::default()
            }),
            "--max-records: found 1024, expected at most 10, the length of the queue"
        );
        assert_eq!(
            message(Limits {
                write_timeout: Duration::ZERO,
                ..Limits::default()
            }),
            "--write-timeout: found 0 seconds, expected more"
        );
        assert!(Limits::default().check().is_ok());
    }
}
