//! The page at `/`: files that are part of the program.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

/// A file of the page.
struct PageFile {
    /// Its address.
    path: &'static str,
    content_type: &'static str,
    content: &'static [u8],
}

macro_rules! files {
    ($($path:literal $name:literal $content_type:ident),* $(,)?) => {
        &[$(PageFile {
            path: $path,
            content_type: $content_type,
            content: include_bytes!(concat!("../page/", $name)),
        }),*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// The colors, which are those of the report.
const COLORS: PageFile = PageFile {
    path: "/colors.css",
    content_type: STYLE,
    content: gradus_eval::report::colors().as_bytes(),
};

/// The other files of the page, by their addresses.
const FILES: &[PageFile] = files! {
    "/" "index.html" HTML,
    "/app.js" "app.js" SCRIPT,
    "/dom.js" "dom.js" SCRIPT,
    "/edits.js" "edits.js" SCRIPT,
    "/engine.js" "engine.js" SCRIPT,
    "/export-name.js" "export-name.js" SCRIPT,
    "/icon.svg" "icon.svg" PICTURE,
    "/json.js" "json.js" SCRIPT,
    "/jsonl.js" "jsonl.js" SCRIPT,
    "/main.js" "main.js" SCRIPT,
    "/rate-cut.js" "rate-cut.js" SCRIPT,
    "/rate-files.js" "rate-files.js" SCRIPT,
    "/rate-keys.js" "rate-keys.js" SCRIPT,
    "/rate-record.js" "rate-record.js" SCRIPT,
    "/rate-scales.js" "rate-scales.js" SCRIPT,
    "/rate-view.js" "rate-view.js" SCRIPT,
    "/ratings.js" "ratings.js" SCRIPT,
    "/record.js" "record.js" SCRIPT,
    "/scale.js" "scale.js" SCRIPT,
    "/score-panel.js" "score-panel.js" SCRIPT,
    "/score-view.js" "score-view.js" SCRIPT,
    "/session.js" "session.js" SCRIPT,
    "/span-text.js" "span-text.js" SCRIPT,
    "/store.js" "store.js" SCRIPT,
    "/style.css" "style.css" STYLE,
    "/text.js" "text.js" SCRIPT,
    "/write-record.js" "write-record.js" SCRIPT,
};

/// Nothing of another place, and no script or style within the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds the files of the page to the routes.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(mut router: Router<S>) -> Router<S> {
    for file in FILES.iter().chain([&COLORS]) {
        router = router.route(
            file.path,
            get(move |headers: HeaderMap| async move { file.answer(&headers) }),
        );
    }
    router
}

impl PageFile {
    /// The file, or status 304 where the browser has it.
    fn answer(&self, request: &HeaderMap) -> Response {
        let tag = self.tag();
        let known = request
            .get(header::IF_NONE_MATCH)
            .and_then(|tags| tags.to_str().ok());
        let known = known.is_some_and(|tags| {
            tags.split(',')
                .any(|known| known.trim().trim_start_matches("W/") == tag)
        });
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.content.into_response()
        };
        let headers = response.headers_mut();
        let mut set = |name, value: &str| {
            let value = HeaderValue::from_str(value).expect("values of these headers are ASCII");
            headers.insert(name, value);
        };
        set(header::CONTENT_TYPE, self.content_type);
        set(header::ETAG, &tag);
        set(header::CACHE_CONTROL, "no-cache");
        set(header::CONTENT_SECURITY_POLICY, POLICY);
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(header::REFERRER_POLICY, "no-referrer");
        response
    }

    /// What tells this content from any other.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.content.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_served_under_its_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let there: BTreeSet<String> = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let served: BTreeSet<String> = FILES
            .iter()
            .map(|file| match file.path {
                "/" => "index.html".to_owned(),
                path => path.trim_start_matches('/').to_owned(),
            })
            .collect();
        assert_eq!(served, there);
    }

    #[test]
    fn files_have_the_type_of_their_ending() {
        for file in FILES {
            let expected = match file.path.rsplit('.').next() {
                Some("js") => SCRIPT,
                Some("css") => STYLE,
                Some("svg") => PICTURE,
                _ => HTML,
            };
            assert_eq!(file.content_type, expected, "{}", file.path);
        }
    }
}
