//! Segmenters of other programs by name.

use gradus_parts::{Kinds, OwnPart, PartConflict, PartInfo, plain, read_settings, written};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Segmenter;
use super::pieces::trimmed_spans;
use crate::{CharSpan, DataError, Result};

/// A segmenter of another program; its settings are the fields that serde reads.
///
/// Registered with [`register_segmenter`], it is available as `--segmenter KIND`, or in run configurations as
/// `segmenter = { kind = "KIND", size = 3 }`. A bundle stores name, version and settings. A program in which the
/// segmenter is not registered refuses the bundle.
///
/// ```
/// use gradus_data::{NamedSegmenter, Segmenter, register_segmenter};
/// use serde::{Deserialize, Serialize};
///
/// /// Cuts behind each semicolon.
/// #[derive(Serialize, Deserialize)]
/// struct Clauses;
///
/// impl NamedSegmenter for Clauses {
///     const KIND: &'static str = "clauses";
///     const ABOUT: &'static str = "Parts that end in a semicolon";
///
///     fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
///         text.split_inclusive(';').collect()
///     }
/// }
///
/// register_segmenter::<Clauses>()?;
/// let segmenter: Segmenter = "clauses".parse()?;
/// assert_eq!(segmenter.segment("One; two")?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait NamedSegmenter: Serialize + DeserializeOwned + 'static {
    /// The name: lower-case letters, digits and `-`, different from those of [`Segmenter`].
    const KIND: &'static str;

    /// A description of its segments in a few words.
    const ABOUT: &'static str;

    /// The setting that may follow the name and a colon: `size` for `lines:3`. Default: none.
    const SHORT: Option<&'static str> = None;

    /// The version. Increase it when the segments of older bundles would change. Default: 1.
    const VERSION: u32 = 1;

    /// Refuses settings that are out of range. Default: accepts all.
    ///
    /// # Errors
    /// What was found and what was expected, as a message.
    fn check(&self) -> std::result::Result<(), String> {
        Ok(())
    }

    /// Divides `text` into consecutive pieces without gaps. The segments are the pieces that have more than white space,
    /// without the white space around them.
    fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str>;
}

type Written = Map<String, Value>;

#[derive(Clone, Copy)]
struct Calls {
    /// Settings in full, once they were checked.
    check: fn(Written) -> Result<Written>,
    segment: fn(Written, &str) -> Result<Vec<CharSpan>>,
}

static KNOWN: Kinds<Calls> = Kinds::new("segmenter");

/// Registers a segmenter under its name for this process. Registering it again has no effect.
///
/// # Errors
/// If another segmenter has the name, or if the name has characters other than lower-case letters, digits and `-`.
pub fn register_segmenter<S: NamedSegmenter>() -> std::result::Result<(), PartConflict> {
    let is_built_in = |(name, _): &(&str, &str)| name.split(':').next() == Some(S::KIND);
    let is_taken = Segmenter::BUILT_IN.iter().any(is_built_in) || S::KIND.starts_with("sentence-");
    let info = PartInfo::new(S::KIND, S::ABOUT)
        .with_version(S::VERSION)
        .with_short(S::SHORT);
    let calls = Calls {
        check: check::<S>,
        segment: segment::<S>,
    };
    KNOWN.add::<S>(info, calls, is_taken)
}

/// The registered segmenters.
pub fn registered_segmenters() -> Vec<PartInfo> {
    KNOWN.all()
}

fn read<S: NamedSegmenter>(settings: Written) -> Result<S> {
    let problem = |problem: String| DataError::SegmenterSettings {
        kind: S::KIND.to_owned(),
        problem,
    };
    let rule: S = read_settings(settings).map_err(|error| problem(error.to_string()))?;
    rule.check().map_err(problem)?;
    Ok(rule)
}

fn check<S: NamedSegmenter>(settings: Written) -> Result<Written> {
    let rule: S = read(settings)?;
    match serde_json::to_value(&rule) {
        Ok(Value::Object(settings)) => Ok(settings),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(DataError::SegmenterSettings {
            kind: S::KIND.to_owned(),
            problem: error.to_string(),
        }),
    }
}

fn segment<S: NamedSegmenter>(settings: Written, text: &str) -> Result<Vec<CharSpan>> {
    let rule: S = read(settings)?;
    let pieces = rule.pieces(text);
    let mut rest = Some(text);
    for piece in &pieces {
        rest = rest.and_then(|rest| rest.strip_prefix(piece));
    }
    match rest {
        Some("") => Ok(trimmed_spans(&pieces)),
        _ => Err(DataError::SegmenterPieces {
            kind: S::KIND.to_owned(),
        }),
    }
}

fn find(part: &OwnPart) -> Result<(PartInfo, Calls)> {
    let kind = &part.kind;
    let Some((info, calls)) = KNOWN.find(kind) else {
        return Err(DataError::InvalidSegmenter {
            found: format!("`{kind}`, which is not known to this program"),
        });
    };
    match part.version {
        Some(version) if version != info.version => Err(DataError::SegmenterSettings {
            kind: kind.clone(),
            problem: format!(
                "found version {version}, expected version {}, which this program knows",
                info.version
            ),
        }),
        _ => Ok((info, calls)),
    }
}

/// The part with its version and all of its settings.
pub(super) fn resolved(part: &OwnPart) -> Result<OwnPart> {
    let (info, calls) = find(part)?;
    Ok(OwnPart {
        kind: part.kind.clone(),
        version: Some(info.version),
        settings: (calls.check)(part.settings.clone())?,
    })
}

pub(super) fn spans(part: &OwnPart, text: &str) -> Result<Vec<CharSpan>> {
    let (_, calls) = find(part)?;
    (calls.segment)(part.settings.clone(), text)
}

/// The part that a text names; `None` if it names none.
pub(super) fn from_text(text: &str) -> Option<Result<OwnPart>> {
    let (kind, setting) = match text.split_once(':') {
        Some((kind, setting)) => (kind, Some(setting)),
        None => (text, None),
    };
    let (info, _) = KNOWN.find(kind)?;
    let settings = written(&info, setting)?;
    Some(resolved(&OwnPart {
        settings,
        ..OwnPart::new(kind)
    }))
}

/// The part as text: its name, and its settings if it has any.
pub(super) fn to_text(part: &OwnPart) -> String {
    let short = KNOWN.find(&part.kind).and_then(|(info, _)| info.short);
    let mut entries = part.settings.iter();
    match (entries.next(), entries.next()) {
        (None, _) => part.kind.clone(),
        (Some((key, value)), None) if short == Some(key) => {
            format!("{}:{}", part.kind, plain(value))
        }
        _ => format!("{} {}", part.kind, Value::Object(part.settings.clone())),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    /// So many lines each.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Lines {
        size: usize,
    }

    impl NamedSegmenter for Lines {
        const KIND: &'static str = "lines";
        const ABOUT: &'static str = "Runs of lines";
        const SHORT: Option<&'static str> = Some("size");
        const VERSION: u32 = 3;

        fn check(&self) -> std::result::Result<(), String> {
            let expected = || "size: found 0, expected 1 or more".to_owned();
            (self.size > 0).then_some(()).ok_or_else(expected)
        }

        fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
            let mut ends = text.match_indices('\n').map(|(at, _)| at + 1);
            let mut pieces = Vec::new();
            let mut start = 0;
            while let Some(end) = ends.nth(self.size - 1) {
                pieces.push(&text[start..end]);
                start = end;
            }
            pieces.push(&text[start..]);
            pieces
        }
    }

    /// Loses the text behind the first word.
    #[derive(Serialize, Deserialize)]
    struct Lossy;

    impl NamedSegmenter for Lossy {
        const KIND: &'static str = "lossy";
        const ABOUT: &'static str = "The first word";

        fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
            text.split_inclusive(' ').take(1).collect()
        }
    }

    fn register() {
        register_segmenter::<Lines>().unwrap();
        register_segmenter::<Lossy>().unwrap();
    }

    #[test]
    fn an_own_rule_cuts_under_its_name() {
        register();
        let segmenter: Segmenter = "lines:2".parse().unwrap();
        assert_eq!(segmenter.to_string(), "lines:2");
        let spans = segmenter.segment("a\n b\n\nc \n d").unwrap();
        let spans: Vec<_> = spans.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(spans, [(0, 4), (6, 7), (10, 11)]);
        let json = serde_json::to_value(&segmenter).unwrap();
        assert_eq!(json, json!({"kind": "lines", "version": 3, "size": 2}));
        assert_eq!(
            serde_json::from_value::<Segmenter>(json).unwrap(),
            segmenter
        );
    }

    #[test]
    fn what_cannot_cut_is_refused_by_name() {
        register();
        let refused = |json: Value, part: &str| {
            let segmenter: Segmenter = serde_json::from_value(json).unwrap();
            let error = segmenter.check().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused(json!({"kind": "verses"}), "`verses`, which is not known");
        refused(
            json!({"kind": "lines", "size": 0}),
            "segmenter `lines`: size",
        );
        refused(json!({"kind": "lines", "seize": 1}), "seize");
        refused(
            json!({"kind": "lines", "version": 2, "size": 1}),
            "version 3",
        );
        for text in ["verses", "lines:0", "lines:x", "lines", "lossy:1"] {
            let error = text.parse::<Segmenter>().unwrap_err().to_string();
            assert!(
                error.contains("lines") || error.contains("lossy"),
                "{error}"
            );
        }
        let lossy: Segmenter = "lossy".parse().unwrap();
        let error = lossy.segment("two words").unwrap_err().to_string();
        assert!(error.contains("`lossy`"), "{error}");
    }

    #[test]
    fn a_name_that_is_taken_is_refused() {
        #[derive(Serialize, Deserialize)]
        struct Taken;
        impl NamedSegmenter for Taken {
            const KIND: &'static str = "line";
            const ABOUT: &'static str = "";
            fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
                vec![text]
            }
        }
        let error = register_segmenter::<Taken>().unwrap_err().to_string();
        assert!(error.contains("segmenter `line`"), "{error}");
    }
}
