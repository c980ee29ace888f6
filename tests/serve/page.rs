//! The page at `/`: what the browser is told of it.

use crate::server::Server;
use crate::support::trained;

#[test]
fn the_page_needs_no_key_and_may_load_nothing_from_elsewhere() {
    let server = Server::within(trained(), &["bundle"], &[("GRADUS_KEY", "a-key")]);
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/colors.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.is_empty(), "{path}");
        let header = |name: &str| answer.header(name).unwrap_or_default();
        assert_eq!(header("content-type"), kind);
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
    assert!(server.get("/").text().contains("<title>Gradus</title>"));
    assert!(server.get("/colors.css").text().starts_with(":root {"));
}

#[test]
fn what_the_browser_has_already_is_not_sent_again() {
    let server = Server::start();
    let first = server.get("/main.js");
    let tag = first.header("etag").unwrap();
    let ask = |tags: &str| {
        let headers = [("if-none-match", tags)];
        server
            .connect()
            .ask("GET", "/main.js", &headers, b"")
            .unwrap()
    };
    for tags in [
        tag.to_owned(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
    ] {
        let answer = ask(&tags);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{tags}");
    }
    assert_eq!(ask("\"other\"").body, first.body);
}
