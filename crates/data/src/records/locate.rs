use std::borrow::Cow;

/// A number of a JSON text, and where it stands.
#[derive(Debug, PartialEq)]
pub(crate) struct NumberAt<'a> {
    /// Path of the field it stands in, such as `segments[2].rating`.
    pub(crate) field: String,
    /// The number as it is written.
    pub(crate) token: &'a str,
    /// Byte position of its first character in the text.
    pub(crate) start: usize,
}

/// Finds the first number, or word such as `NaN` that stands for one, for which `matches` holds.
///
/// The parser knows neither the field nor how a number is written. This walks over the text without
/// checking it, so of a text that is not JSON it says something useful only about the place where
/// the parser stopped.
pub(crate) fn find_number(line: &str, matches: impl Fn(&str) -> bool) -> Option<NumberAt<'_>> {
    let bytes = line.as_bytes();
    let mut path: Vec<Step<'_>> = Vec::new();
    let mut awaits_key = false;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => {
                path.push(Step::Key("".into()));
                awaits_key = true;
            }
            b'[' => {
                path.push(Step::Index(0));
                awaits_key = false;
            }
            b'}' | b']' => {
                path.pop();
                awaits_key = false;
            }
            b',' => match path.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                _ => awaits_key = true,
            },
            b'"' => {
                let end = string_end(bytes, at)?;
                if awaits_key && let Some(Step::Key(key)) = path.last_mut() {
                    *key = line[at + 1..end].into();
                    awaits_key = false;
                }
                at = end;
            }
            byte if byte.is_ascii_whitespace() || byte == b':' => {}
            _ => {
                let token = token_at(line, at);
                if matches(token) {
                    return Some(NumberAt {
                        field: render(&path),
                        token,
                        start: at,
                    });
                }
                // A Unicode space ends a token, so the token may be empty.
                at += token
                    .len()
                    .max(line[at..].chars().next().map_or(1, char::len_utf8));
                continue;
            }
        }
        at += 1;
    }
    None
}

/// A step on the path to a value.
#[derive(Debug, Clone)]
pub(crate) enum Step<'a> {
    Key(Cow<'a, str>),
    Index(usize),
}

/// A path as messages name it, such as `segments[2].rating`.
pub(crate) fn render(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        let part = match step {
            Step::Index(index) => format!("[{index}]"),
            Step::Key(key) if text.is_empty() => key.to_string(),
            Step::Key(key) => format!(".{key}"),
        };
        text.push_str(&part);
    }
    text
}

/// Position of the quote that closes the string opened at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn token_at(line: &str, start: usize) -> &str {
    let ends = |c: char| c.is_whitespace() || ",:[]{}\"".contains(c);
    let rest = &line[start..];
    &rest[..rest.find(ends).unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(line: &str) -> Option<(String, &str)> {
        find_non_finite(line).map(|number| (number.field, number.token))
    }

    fn find_non_finite(line: &str) -> Option<NumberAt<'_>> {
        let is_not_finite = |token: &str| token.parse::<f64>().is_ok_and(|n| !n.is_finite());
        find_number(line, is_not_finite)
    }

    #[test]
    fn the_field_of_an_infinite_number_is_named() {
        let line =
            r#"{"p":"1e999, \"NaN\"","segments":[{"start":0},{"rating":{"a":0.1,"b":-1e999}}]}"#;
        assert_eq!(found(line), Some(("segments[1].rating.b".into(), "-1e999")));
        assert_eq!(found("[1,[2,NaN]]"), Some(("[1][1]".into(), "NaN")));
        assert_eq!(
            found(r#"{"a":[{}],"b":-Infinity}"#),
            Some(("b".into(), "-Infinity"))
        );
    }

    #[test]
    fn finite_numbers_and_words_are_passed_over() {
        assert_eq!(found(r#"{"a":1e308,"b":null,"c":nil,"d":"NaN"}"#), None);
    }

    proptest! {
        #[test]
        fn any_line_is_walked_to_its_end(line in any::<String>()) {
            find_non_finite(&line);
        }

        #[test]
        fn any_json_like_line_is_walked_to_its_end(line in r#"[\[\]{},:"\\a1é ]{0,40}"#) {
            find_non_finite(&line);
        }
    }
}
