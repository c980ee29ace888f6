//! Requests to the Hub.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use gradus::data::Unfetched;
use hf_hub::Cache;
use serde::Deserialize;
use ureq::config::RedirectAuthHeaders;
use ureq::http::StatusCode;
use ureq::{Agent, Body};

use super::snapshot::is_safe;
use super::wrong;
use crate::elsewhere::Broken;
use crate::hub::cache::{Surroundings, set};
use crate::hub::checks::{head, header, is_commit, may_have_token, plain_name};
use crate::show;

/// Seconds without a byte behind which a connection counts as broken; `HF_HUB_DOWNLOAD_TIMEOUT` overrides it.
const TIMEOUT: u64 = 60;
/// Redirections that are followed.
const MAX_REDIRECTS: u32 = 8;
/// The longest list of files that is read.
const MOST_LIST: u64 = 64 << 20;

/// Why the Hub gives no files of a revision.
pub(super) enum Refused {
    /// There is no such data set or revision, or it is hidden.
    NotFound(Unfetched),
    Unreachable(Unfetched),
    Other(Unfetched),
}

/// The Hub, or a mirror of it.
pub(super) struct Server {
    surroundings: Surroundings,
    /// Follows redirections.
    agent: Agent,
    /// Does not.
    asking: Agent,
}

/// Name and size of a content.
pub(super) struct Content {
    pub(super) etag: String,
    pub(super) bytes: u64,
}

#[derive(Deserialize)]
struct Revision {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl Server {
    pub(super) fn new() -> Result<Self, Unfetched> {
        let mut surroundings = Surroundings::read().map_err(|error| Unfetched {
            reason: error.to_string(),
            hint: error.hint(),
            is_input: error.is_input(),
        })?;
        if surroundings.token.is_some()
            && !may_have_token(&surroundings.endpoint)
            && !surroundings.offline
        {
            surroundings.token = None;
            show::status(&format!(
                "{}: the token is not sent over an unencrypted connection; use https://",
                surroundings.endpoint
            ));
        }
        let seconds = match set("HF_HUB_DOWNLOAD_TIMEOUT") {
            None => TIMEOUT,
            Some(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|&seconds| seconds > 0)
                .ok_or_else(|| {
                    let reason = format!(
                        "HF_HUB_DOWNLOAD_TIMEOUT: found {text:?}, expected a number of seconds"
                    );
                    wrong(reason, "unset it, or set it to 60, for instance")
                })?,
        };
        let timeout = Some(Duration::from_secs(seconds));
        let agent = |redirects| -> Agent {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(redirects)
                .max_redirects_will_error(redirects > 0)
                .redirect_auth_headers(RedirectAuthHeaders::SameHost)
                .timeout_connect(timeout)
                .timeout_recv_response(timeout)
                .timeout_per_read(timeout)
                .user_agent(concat!("gradus/", env!("CARGO_PKG_VERSION")))
                .build()
                .into()
        };
        Ok(Self {
            surroundings,
            agent: agent(MAX_REDIRECTS),
            asking: agent(0),
        })
    }

    pub(super) fn is_offline(&self) -> bool {
        self.surroundings.offline
    }

    pub(super) fn store(&self) -> &Cache {
        &self.surroundings.cache
    }

    pub(super) fn cache(&self) -> &Path {
        self.surroundings.cache.path()
    }

    /// Where the file of a commit is.
    pub(super) fn url(&self, repository: &str, commit: &str, path: &str) -> String {
        let endpoint = &self.surroundings.endpoint;
        format!("{endpoint}/{repository}/resolve/{commit}/{}", escaped(path))
    }

    /// The commit of a revision, and the paths of its files.
    pub(super) fn revision(
        &self,
        name: &str,
        revision: &str,
    ) -> Result<(String, Vec<String>), Refused> {
        let endpoint = &self.surroundings.endpoint;
        let url = format!(
            "{endpoint}/api/datasets/{name}/revision/{}",
            revision.replace('/', "%2F")
        );
        let (status, body) = self
            .get(&url, None)
            .map_err(|broken| self.unreachable(&broken))?;
        if !status.is_success() {
            return Err(self.refused(name, revision, status));
        }
        let limited = body.into_with_config().limit(MOST_LIST).read_to_vec();
        let text =
            limited.map_err(|error| self.unreachable(&Broken::passing(error.to_string())))?;
        let strange = |reason: String| {
            Refused::Other(Unfetched {
                reason,
                hint: Some("check HF_ENDPOINT, if it is set".into()),
                is_input: false,
            })
        };
        let found: Revision = serde_json::from_slice(&text)
            .map_err(|error| strange(format!("{endpoint} gave no list of files: {error}")))?;
        if !is_commit(&found.sha) || is_commit(revision) && found.sha != revision {
            return Err(strange(format!(
                "{endpoint} returned the commit {:?}",
                found.sha
            )));
        }
        let mut files: Vec<String> = found
            .siblings
            .into_iter()
            .map(|file| file.rfilename)
            .collect();
        if let Some(name) = files.iter().find(|name| !is_safe(name)) {
            return Err(strange(format!(
                "{endpoint} listed the file {name:?}, which is no path in a data set"
            )));
        }
        files.sort();
        Ok((found.sha, files))
    }

    /// Name and size of the content of a file.
    pub(super) fn content(&self, url: &str, commit: &str) -> Result<Content, Unfetched> {
        let answer = head(&self.surroundings, &self.asking, url);
        let answer = answer.map_err(|error| Broken::passing(error.to_string()).cause)?;
        let answer =
            answer.ok_or_else(|| Broken::passing("the server redirects in a circle").cause)?;
        let (status, headers) = (answer.status(), answer.headers());
        if !status.is_success() && !status.is_redirection() {
            return Err(of_file(status).cause);
        }
        let strange = |reason: String| {
            Broken::lasting(reason, Some("check HF_ENDPOINT, if it is set"), false).cause
        };
        let etag = plain_name(headers, commit).map_err(strange)?;
        let linked = header(headers, "x-linked-size");
        let total = header(headers, "content-range").and_then(|range| range.rsplit('/').next());
        let length = header(headers, "content-length").filter(|_| status == StatusCode::OK);
        let here = linked
            .or(total.filter(|_| status == StatusCode::PARTIAL_CONTENT))
            .or(length);
        let bytes = match here {
            Some(text) => text.trim().parse().ok(),
            None => self.size_there(url)?,
        };
        let bytes =
            bytes.ok_or_else(|| strange("the server does not say how large it is".into()))?;
        Ok(Content { etag, bytes })
    }

    /// The size of a file that another server has.
    fn size_there(&self, url: &str) -> Result<Option<u64>, Unfetched> {
        let answer = self
            .request(url, Some(0..1))
            .map_err(|broken| broken.cause)?;
        let total =
            header(answer.headers(), "content-range").and_then(|range| range.rsplit('/').next());
        let length = header(answer.headers(), "content-length")
            .filter(|_| answer.status() == StatusCode::OK);
        Ok(total.or(length).and_then(|text| text.trim().parse().ok()))
    }

    /// Writes these bytes of a file, or the first of them before it fails.
    pub(super) fn read(
        &self,
        url: &str,
        range: Range<u64>,
        to: &mut dyn Write,
    ) -> Result<(), Broken> {
        let length = range.end - range.start;
        let answer = self.request(url, Some(range.clone()))?;
        let status = answer.status();
        // A server that knows no ranges sends all of it.
        let skipped = match status {
            StatusCode::PARTIAL_CONTENT => {
                let sent = header(answer.headers(), "content-range").unwrap_or_default();
                let start = sent.trim_start_matches("bytes ").split('-').next();
                if start.and_then(|start| start.trim().parse().ok()) != Some(range.start) {
                    return Err(Broken::lasting(
                        format!(
                            "the server sent {sent:?}, expected the bytes from {} on",
                            range.start
                        ),
                        None,
                        false,
                    ));
                }
                0
            }
            StatusCode::OK => range.start,
            _ => return Err(of_file(status)),
        };
        let mut body = answer
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .reader();
        let broken =
            |error: io::Error| Broken::passing(format!("the connection broke off: {error}"));
        io::copy(&mut body.by_ref().take(skipped), &mut io::sink()).map_err(broken)?;
        let came = io::copy(&mut body.take(length), to).map_err(broken)?;
        if came < length {
            return Err(Broken::passing(format!(
                "the server ended {} bytes early",
                length - came
            )));
        }
        Ok(())
    }

    fn request(
        &self,
        url: &str,
        range: Option<Range<u64>>,
    ) -> Result<ureq::http::Response<Body>, Broken> {
        let mut request = self.agent.get(url);
        if let Some(token) = &self.surroundings.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some(range) = range {
            request = request.header("Range", format!("bytes={}-{}", range.start, range.end - 1));
        }
        request
            .call()
            .map_err(|error| Broken::passing(error.to_string()))
    }

    fn get(&self, url: &str, range: Option<Range<u64>>) -> Result<(StatusCode, Body), Broken> {
        let answer = self.request(url, range)?;
        Ok((answer.status(), answer.into_body()))
    }

    fn unreachable(&self, broken: &Broken) -> Refused {
        let endpoint = &self.surroundings.endpoint;
        Refused::Unreachable(Unfetched {
            reason: format!(
                "cannot reach {endpoint}: {}; {} does not have the data set",
                broken.cause.reason,
                self.cache().display()
            ),
            hint: Some(
                "check the network connection, set HF_ENDPOINT to another server, or download the files and name them"
                    .into(),
            ),
            is_input: false,
        })
    }

    /// What a status means for a whole data set.
    fn refused(&self, name: &str, revision: &str, status: StatusCode) -> Refused {
        let endpoint = &self.surroundings.endpoint;
        let code = status.as_u16();
        let has_token = self.surroundings.token.is_some();
        match code {
            401 | 403 if has_token || code == 403 => {
                let with = if has_token {
                    "with this token"
                } else {
                    "without a token"
                };
                Refused::Other(wrong(
                    format!("{endpoint} refuses the data set `{name}` {with} (HTTP status {code})"),
                    "accept the terms on the page of the data set, and set HF_TOKEN to a token with access",
                ))
            }
            // Without a token, the Hub answers alike for missing and private data sets.
            401 | 404 | 410 => Refused::NotFound(wrong(
                format!(
                    "{endpoint} has no data set `{name}` with the revision `{revision}` (HTTP status {code})"
                ),
                "check the name and the revision; a private data set needs a token in HF_TOKEN",
            )),
            429 | 500.. => self.unreachable(&Broken::passing(format!("HTTP status {code}"))),
            _ => Refused::Other(wrong(
                format!("{endpoint} answers with HTTP status {code}"),
                "check the name, and HF_ENDPOINT, if it is set",
            )),
        }
    }
}

/// What a status means for one file.
fn of_file(status: StatusCode) -> Broken {
    let code = status.as_u16();
    let reason = format!("the server answers with HTTP status {code}");
    match code {
        401 | 403 => Broken::lasting(
            reason,
            Some(
                "accept the terms on the page of the data set, and set HF_TOKEN to a token with access",
            ),
            true,
        ),
        408 | 429 | 500.. => Broken::passing(reason),
        _ => Broken::lasting(
            reason,
            Some("name the data set again, without the revision"),
            true,
        ),
    }
}

/// A path in a URL.
fn escaped(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped() {
        assert_eq!(escaped("a/b c#é%.parquet"), "a/b%20c%23%C3%A9%25.parquet");
    }
}
