//! Names of objects: `s3://bucket/key`, with patterns.

use glob::{MatchOptions, Pattern as Glob};
use gradus::data::Unfetched;
use object_store::path::Path as Key;

use super::secrets::without_secrets;
use super::wrong;

/// Which client reads a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    S3,
    Google,
    Azure,
    /// A file of a web server, which lists none.
    Web,
}

/// A name in parts.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) scheme: Scheme,
    /// Scheme and bucket; the whole address of a file of a web server.
    pub(super) root: String,
    /// The object or the directory; of a pattern, the directory in front of its first wildcard.
    pub(super) key: Key,
    pub(super) pattern: Option<Pattern>,
    /// Whether it ends in `/`.
    pub(super) is_directory: bool,
}

/// A pattern of keys.
#[derive(Debug)]
pub(super) struct Pattern(Glob);

impl Pattern {
    pub(super) fn has(&self, key: &str) -> bool {
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::default()
        };
        self.0.matches_with(key, options)
    }
}

impl Name {
    pub(super) fn parse(text: &str) -> Result<Self, Unfetched> {
        let form = |found: String| {
            let expected = "expected s3://BUCKET/KEY, gs://BUCKET/KEY, az://CONTAINER/KEY or https://HOST/PATH";
            wrong(
                format!("{found}, {expected}"),
                "docs/remote-data.md has examples",
            )
        };
        let (prefix, rest) = text.split_once("://").unwrap_or_default();
        let scheme = match prefix.to_ascii_lowercase().as_str() {
            "s3" | "s3a" => Scheme::S3,
            "gs" => Scheme::Google,
            "az" | "azure" | "abfs" | "abfss" | "adl" => Scheme::Azure,
            "http" | "https" => Scheme::Web,
            "file" => {
                return Err(wrong(
                    "found file://, expected the path alone".into(),
                    "write /a/b.parquet for file:///a/b.parquet",
                ));
            }
            other => {
                return Err(form(format!(
                    "found the scheme `{other}`, which is not read"
                )));
            }
        };
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(form("found a name without a bucket or a host".into()));
        }
        if scheme == Scheme::Web {
            return Ok(Self {
                scheme,
                root: text.to_owned(),
                key: Key::default(),
                pattern: None,
                is_directory: false,
            });
        }
        if bucket.contains(['*', '?', '[']) {
            return Err(form(format!("found the bucket `{bucket}` with a wildcard")));
        }
        let pattern = path.find(['*', '?', '[']);
        let (fixed, pattern) = match pattern {
            None => (path, None),
            Some(at) => {
                let glob = Glob::new(path).map_err(|error| {
                    wrong(
                        format!("found a pattern that cannot be read: {}", error.msg),
                        "correct the pattern",
                    )
                })?;
                let directory = path[..at].rfind('/').map_or("", |end| &path[..end]);
                (directory, Some(Pattern(glob)))
            }
        };
        let key = Key::parse(fixed).map_err(|error| form(error.to_string()))?;
        Ok(Self {
            scheme,
            root: format!("{prefix}://{bucket}"),
            key,
            pattern,
            is_directory: path.ends_with('/'),
        })
    }

    /// The name of one object.
    pub(super) fn of_key(&self, key: &str) -> String {
        match self.scheme {
            Scheme::Web => without_secrets(&self.root),
            _ => format!("{}/{key}", self.root),
        }
    }

    /// The name of its file on this machine.
    pub(super) fn file_name(&self, key: &str) -> String {
        let path = match self.scheme {
            Scheme::Web => self.root.split(['?', '#']).next().unwrap_or_default(),
            _ => key,
        };
        let name = path.rsplit('/').next().unwrap_or_default();
        let known = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let name: String = name
            .chars()
            .map(|c| if known(c) { c } else { '_' })
            .collect();
        let tail = name.char_indices().rev().nth(99).map_or(0, |(at, _)| at);
        match name[tail..].trim_start_matches('.') {
            "" => "data".to_owned(),
            name => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_bucket_and_a_key() {
        let name = Name::parse("s3://b/a/x.parquet").unwrap();
        assert_eq!(
            (name.scheme, name.root.as_str(), name.key.as_ref()),
            (Scheme::S3, "s3://b", "a/x.parquet")
        );
        assert_eq!(name.of_key("a/x.parquet"), "s3://b/a/x.parquet");
        let name = Name::parse("gs://b/in/").unwrap();
        assert!(name.is_directory && name.scheme == Scheme::Google && name.key.as_ref() == "in");
        let name = Name::parse("abfss://fs@account.dfs.core.windows.net/a.jsonl").unwrap();
        assert_eq!(
            (name.scheme, name.root.as_str()),
            (Scheme::Azure, "abfss://fs@account.dfs.core.windows.net")
        );
        let name = Name::parse("https://host/a/b.jsonl?sig=x").unwrap();
        assert_eq!(name.file_name(""), "b.jsonl");
        for wrong in [
            "s3://",
            "s3:///a",
            "ftp://a/b",
            "file:///a",
            "s3://b*/a",
            "s3://b/a//b",
            "s3://b/[a",
        ] {
            assert!(Name::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_match_keys_below_a_directory() {
        let name = Name::parse("s3://b/in/2026-*/x?.parquet").unwrap();
        let pattern = name.pattern.unwrap();
        assert_eq!(name.key.as_ref(), "in");
        assert!(pattern.has("in/2026-1/x1.parquet"));
        assert!(!pattern.has("in/2026-1/y/x1.parquet") && !pattern.has("in/2026-1/x10.parquet"));
        assert!(
            Name::parse("s3://b/**/*.parquet")
                .unwrap()
                .pattern
                .unwrap()
                .has("a/b/c.parquet")
        );
    }

    #[test]
    fn names_of_copies_are_plain_and_short() {
        let name = Name::parse("s3://b/a").unwrap();
        assert_eq!(name.file_name("a/x y.jsonl"), "x_y.jsonl");
        assert_eq!(name.file_name("a/.."), "data");
        let long = format!("{}.parquet", "x".repeat(300));
        assert!(name.file_name(&long).len() == 100 && name.file_name(&long).ends_with(".parquet"));
    }
}
