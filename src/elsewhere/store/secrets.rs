//! Addresses that grant access, such as signed ones, are neither shown nor stored.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use object_store::Error;

/// What the names of keys have that grant access.
const MARKS: [&str; 9] = [
    "sig",
    "token",
    "key",
    "credential",
    "secret",
    "auth",
    "password",
    "pass",
    "code",
];

/// What is hidden wherever this process shows it.
static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Notes what of an address grants access, to hide it from here on.
pub(super) fn note(address: &str) {
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    for secret in parts(address) {
        if !secrets.iter().any(|known| known == secret) {
            secrets.push(secret.to_owned());
        }
    }
}

/// A text without what grants access.
pub(crate) fn hide(text: &str) -> Cow<'_, str> {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    let found = secrets.iter().filter(|secret| text.contains(*secret));
    found.fold(Cow::Borrowed(text), |text, secret| {
        Cow::Owned(text.replace(secret, "…"))
    })
}

/// An address without what grants access.
pub(crate) fn without_secrets(address: &str) -> String {
    let without = parts(address)
        .into_iter()
        .fold(address.to_owned(), |text, part| text.replacen(part, "", 1));
    without.trim_end_matches(['?', '#']).replace("://@", "://")
}

/// User and password in front of the host, and a query with a key that grants access.
fn parts(address: &str) -> Vec<&str> {
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        address
            .get(..scheme.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    });
    if !is_web {
        return Vec::new();
    }
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = host.rsplit_once('@').map(|(user, _)| user);
    let query = rest.split_once('?').map(|(_, query)| query);
    let query = query.filter(|query| {
        let keys = query
            .split('&')
            .map(|pair| pair.split('=').next().unwrap_or_default().to_lowercase());
        keys.into_iter()
            .any(|key| MARKS.iter().any(|mark| key.contains(mark)))
    });
    user.into_iter()
        .chain(query)
        .filter(|part| !part.is_empty())
        .collect()
}

/// The causes of an error, each once, without what grants access.
pub(super) fn shortened(error: &Error) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        // Most causes repeat those behind them.
        if !reasons.iter().any(|reason| reason.contains(&text)) {
            reasons.push(text);
        }
        cause = error.source();
    }
    let text = reasons.join(": ").replace('\n', " ");
    let text = without_body(text.strip_prefix("Generic ").unwrap_or(&text));
    hide(&text).into_owned()
}

/// An error without the document that the server sent with it, of which the code is kept.
fn without_body(text: &str) -> String {
    let Some((head, body)) = text.split_once('<') else {
        return text.trim_end_matches([' ', ':']).to_owned();
    };
    let code = body
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map_or(String::new(), |(code, _)| format!(" ({code})"));
    format!("{}{code}", head.trim_end_matches([' ', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_the_server_sends_the_code_is_kept() {
        let text = "returned 404 Not Found: <?xml version=\"1.0\"?> <Error><Code>NoSuchBucket</Code></Error>";
        assert_eq!(without_body(text), "returned 404 Not Found (NoSuchBucket)");
        assert_eq!(without_body("returned 502: <html>"), "returned 502");
    }

    #[test]
    fn what_grants_access_is_left_out() {
        for (address, shown) in [
            (
                "https://h/a.jsonl?X-Amz-Signature=abc&x=1",
                "https://h/a.jsonl",
            ),
            ("https://h/a.jsonl?sv=1&sig=abc", "https://h/a.jsonl"),
            ("https://me:pw@h/a.jsonl", "https://h/a.jsonl"),
            (
                "https://h/a.jsonl?download=true",
                "https://h/a.jsonl?download=true",
            ),
            ("s3://b/a?token=1", "s3://b/a?token=1"),
        ] {
            assert_eq!(without_secrets(address), shown);
        }
        note("https://me:hunter2@h/a?sig=s3cr3t");
        let hidden = hide("GET https://me:hunter2@h/a?sig=s3cr3t failed");
        assert!(
            !hidden.contains("hunter2") && !hidden.contains("s3cr3t"),
            "{hidden}"
        );
    }
}
