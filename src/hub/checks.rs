//! Checks names from a server before they become paths, and fetched files against their digests.
//!
//! The library uses commit and `ETag` in paths without checking them, and does not verify content.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha1::{Digest as _, Sha1};
use ureq::http::{self, HeaderMap};
use ureq::{Agent, Body};

use super::cache::Surroundings;

/// Maximum redirections within a server, such as those of renamed models.
const MAX_REDIRECTS: usize = 5;

/// Whether a text is a commit: 40 hexadecimal digits.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

/// Whether a name is a plain file name: no directory, not hidden.
pub(super) fn is_plain(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.len() <= 255 && name.chars().all(known) && !name.starts_with('.')
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether the token may be sent to a server: one with TLS, or one on this machine.
pub(super) fn may_have_token(endpoint: &str) -> bool {
    let Some(rest) = strip_scheme(endpoint, "http://") else {
        return strip_scheme(endpoint, "https://").is_some();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = url.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Asks the server for a file's commit and name, and refuses names that are not plain.
pub(super) fn ask(surroundings: &Surroundings, url: &str, commit: &str) -> Result<(), String> {
    let agent: Agent = Agent::config_builder()
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build()
        .into();
    let answer = head(surroundings, &agent, url).map_err(|error| error.to_string())?;
    let answer =
        answer.ok_or_else(|| format!("the server redirected more than {MAX_REDIRECTS} times"))?;
    plain_name(answer.headers(), commit).map(drop)
}

/// The head of the server's own answer for a file, behind redirections within the server; `None` behind too many.
/// The agent follows none.
pub(super) fn head(
    surroundings: &Surroundings,
    agent: &Agent,
    url: &str,
) -> Result<Option<http::Response<Body>>, ureq::Error> {
    let mut url = url.to_owned();
    for _ in 0..MAX_REDIRECTS {
        let mut request = agent.get(&url).header("Range", "bytes=0-0");
        if let Some(token) = &surroundings.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let answer = request.call()?;
        let here = header(answer.headers(), "location").filter(|place| {
            answer.status().is_redirection() && place.starts_with('/') && !place.starts_with("//")
        });
        match here {
            Some(place) => url = format!("{}{place}", origin(&surroundings.endpoint)),
            None => return Ok(Some(answer)),
        }
    }
    Ok(None)
}

/// The name that the server gives the content of a file, which is one of the commit.
pub(super) fn plain_name(headers: &HeaderMap, commit: &str) -> Result<String, String> {
    let found = header(headers, "x-repo-commit").unwrap_or_default();
    if found != commit {
        return Err(format!(
            "the server returned commit {found:?}, expected {commit}"
        ));
    }
    let etag = header(headers, "x-linked-etag").or_else(|| header(headers, "etag"));
    let etag = etag
        .unwrap_or_default()
        .trim_start_matches("W/")
        .replace('"', "");
    if !is_plain(&etag) {
        return Err(format!(
            "the server named it {etag:?}, which is not a plain file name"
        ));
    }
    Ok(etag)
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The scheme and host of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

/// Compares a fetched file with its name in the cache, which is its SHA-256 or Git blob name; names
/// of other servers cannot be checked. Removes a file that does not match.
pub(super) fn verify(repository: &Path, pointer: &Path) -> io::Result<()> {
    let wrong = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let blob = fs_err::canonicalize(pointer)?;
    if !blob.starts_with(fs_err::canonicalize(repository)?) {
        return Err(wrong("it is outside the cache".into()));
    }
    let name = blob
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let Some(found) = other_content(&blob, name)? else {
        return Ok(());
    };
    for path in [pointer.to_owned(), blob.clone()] as [PathBuf; 2] {
        if path.symlink_metadata().is_ok() {
            fs_err::remove_file(path)?;
        }
    }
    Err(wrong(format!(
        "its content has the digest {found}, expected {name}"
    )))
}

/// The digest of a file whose content is not the one that its name in the cache stands for; `None` if it is, or if
/// the name is no digest.
pub(super) fn other_content(path: &Path, name: &str) -> io::Result<Option<String>> {
    let found = match name.len() {
        64 if is_hex(name) => gradus_bundle::digest_file(path)?.sha256,
        40 if is_hex(name) => git_name(path)?,
        _ => return Ok(None),
    };
    Ok((!found.eq_ignore_ascii_case(name)).then_some(found))
}

/// The Git blob name of a file.
fn git_name(path: &Path) -> io::Result<String> {
    let mut file = fs_err::File::open(path)?;
    let mut digest = Sha1::new();
    digest.update(format!("blob {}\0", file.metadata()?.len()));
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => digest.update(&buffer[..count]),
        }
    }
    let digest = digest.finalize();
    Ok(digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_over_tls_or_stay_on_this_machine() {
        for (endpoint, may) in [
            ("https://huggingface.co", true),
            ("HTTPS://mirror", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080/a", true),
            ("http://localhost", true),
            ("http://huggingface.co", false),
            ("http://localhost.evil.com", false),
            ("http://127.0.0.1@evil.com", false),
            ("http://127.0.0.1.evil.com/", false),
            ("ftp://a", false),
        ] {
            assert_eq!(may_have_token(endpoint), may, "{endpoint}");
        }
    }

    #[test]
    fn names_are_plain() {
        for (name, plain) in [
            ("model-00001-of-00002.safetensors", true),
            ("..", false),
            ("../a", false),
            ("a/b", false),
            ("a\\b", false),
            (".a", false),
            ("", false),
            ("a\0", false),
        ] {
            assert_eq!(is_plain(name), plain, "{name}");
        }
        assert!(is_commit(&"0f".repeat(20)) && !is_commit("main") && !is_commit(&"0g".repeat(20)));
        assert_eq!(origin("http://a:1/b/c"), "http://a:1");
        assert_eq!(origin("https://a"), "https://a");
    }

    #[test]
    fn a_file_is_what_its_name_says() {
        let place = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let blob = |name: &str, content: &str| {
            let path = place.path().join(name);
            fs_err::write(&path, content).unwrap();
            verify(place.path(), &path)
        };
        // As `git hash-object` and `sha256sum` name it.
        blob("ce013625030ba8dba906f756967f9e9ca394464a", "hello\n").unwrap();
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        blob(sha256, "hello\n").unwrap();
        blob("name-1", "hello\n").unwrap();
        let error = blob(sha256, "hello").unwrap_err();
        assert!(error.to_string().contains("expected 5891b5"), "{error}");
        assert!(!place.path().join(sha256).exists());
        let path = outside.path().join("a");
        fs_err::write(&path, "").unwrap();
        assert!(verify(place.path(), &path).is_err());
    }
}
