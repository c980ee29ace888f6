use crate::field::Checked;
use crate::{RecordError, RecordProblem};

/// The text of one element of a list, and where it starts.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    /// Line of its first character, from 1.
    pub(super) line: usize,
    /// Bytes ahead of it in that line.
    pub(super) column: usize,
    pub(super) text: String,
}

/// Cuts a JSON list into the texts of its elements without checking these.
///
/// So a wrong element has a line of its own, and does not take the others with it.
pub(super) fn split_list(text: &str) -> Checked<Vec<Piece>> {
    let mut scan = Scan::default();
    let mut pieces = Vec::new();
    // Start of the element at hand: position, line, bytes ahead in the line.
    let mut element = None;
    let mut ended = false;
    for (at, byte) in text.bytes().enumerate() {
        let column = at - scan.line_start;
        let depth = scan.depth;
        let inside_string = scan.inside_string;
        scan.step(at, byte);
        if inside_string || byte.is_ascii_whitespace() || (depth == 0 && byte == b'[' && !ended) {
            continue;
        }
        if ended {
            return Err(not_json(column, "text behind the end of the list"));
        }
        if depth == 1 && (byte == b',' || byte == b']') {
            ended = byte == b']';
            if element.is_some() || !ended || !pieces.is_empty() {
                let (start, line, column) = element.take().unwrap_or((at, scan.line, column));
                let text = text[start..at].trim_end().to_owned();
                pieces.push(Piece { line, column, text });
            }
        } else if element.is_none() {
            element = Some((at, scan.line, column));
        }
    }
    if ended {
        Ok(pieces)
    } else {
        Err(not_json(
            text.len() - scan.line_start,
            "the list does not end",
        ))
    }
}

fn not_json(column: usize, reason: &str) -> RecordError {
    let problem = RecordProblem::NotJson {
        column: column + 1,
        reason: reason.to_owned(),
    };
    RecordError::new("", problem)
}

/// What has to be known of a JSON text to find its commas.
struct Scan {
    depth: usize,
    inside_string: bool,
    escaped: bool,
    line: usize,
    line_start: usize,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            depth: 0,
            inside_string: false,
            escaped: false,
            line: 1,
            line_start: 0,
        }
    }
}

impl Scan {
    fn step(&mut self, at: usize, byte: u8) {
        if byte == b'\n' {
            self.line += 1;
            self.line_start = at + 1;
        }
        if self.inside_string {
            self.inside_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return;
        }
        match byte {
            b'"' => self.inside_string = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn texts(text: &str) -> Vec<String> {
        let pieces = split_list(text).unwrap();
        pieces.into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn elements_are_cut_at_the_commas_of_the_list_only() {
        let text = "\n[{\"a\":[1,2]},\n  \"],\\\"\" , 3\n]\n";
        assert_eq!(texts(text), ["{\"a\":[1,2]}", "\"],\\\"\"", "3"]);
        let places: Vec<_> = split_list(text).unwrap();
        let places: Vec<_> = places.iter().map(|p| (p.line, p.column)).collect();
        assert_eq!(places, [(2, 1), (3, 2), (3, 11)]);
        assert!(texts(" [ ] ").is_empty());
    }

    #[test]
    fn a_missing_element_is_left_for_the_parser_to_refuse() {
        assert_eq!(texts("[1,]"), ["1", ""]);
        assert_eq!(texts("[,1]"), ["", "1"]);
    }

    #[test]
    fn a_list_that_is_cut_off_or_followed_by_text_is_refused() {
        for (text, problem) in [
            ("[{\"a\":1},\n{\"a\"", "the list does not end"),
            ("[1] 2", "text behind the end of the list"),
        ] {
            let error = split_list(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_list_is_cut_into_its_elements(list in prop::collection::vec(r#"[\[\]{},:"\\a é]{0,8}"#, 0..5)) {
            let values: Vec<Value> = list.into_iter().map(|s| serde_json::json!({"k": [s, 1]})).collect();
            let text = serde_json::to_string_pretty(&values).unwrap();
            let found: Vec<Value> = texts(&text).iter().map(|t| serde_json::from_str(t).unwrap()).collect();
            prop_assert_eq!(found, values);
        }
    }
}
