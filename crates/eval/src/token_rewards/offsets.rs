//! Tokens that are given by their characters.

use gradus_data::CharSpan;

use super::TokenError;

const COUNTED: &str = "offsets count Unicode characters of the response, from 0";

/// Refuses spans that are backwards, out of order or past the end, that overlap by more than a character
/// that is split, or that leave out a character that is not white space.
pub(super) fn check(spans: &[CharSpan], response: &str) -> Result<(), TokenError> {
    let chars: Vec<char> = response.chars().collect();
    let mut covered = 0;
    let mut previous: Option<CharSpan> = None;
    for (place, &span) in spans.iter().enumerate() {
        let CharSpan { start, end } = span;
        let field = format!("offsets[{place}]");
        let wrong = |expected: String| {
            Err(TokenError::new(&field, format!("[{start}, {end}]"), expected).with_hint(COUNTED))
        };
        if start > end {
            return wrong("a start that is not behind the end".into());
        }
        if end > chars.len() {
            return wrong(format!(
                "at most {}, the length of the response in characters",
                chars.len()
            ));
        }
        if start == end {
            // Special tokens have [0, 0] wherever they stand.
            continue;
        }
        if let Some(previous) = previous
            && (start < previous.start || end < previous.end || start + 1 < previous.end)
        {
            return wrong(format!(
                "a token behind [{}, {}]; two share a character only where the tokenizer splits it",
                previous.start, previous.end
            ));
        }
        check_gap(&chars, covered, start, &field)?;
        covered = covered.max(end);
        previous = Some(span);
    }
    check_gap(&chars, covered, chars.len(), "offsets")
}

fn check_gap(chars: &[char], from: usize, to: usize, field: &str) -> Result<(), TokenError> {
    let gap = chars.get(from..to).unwrap_or_default();
    match gap.iter().position(|char| !char.is_whitespace()) {
        None => Ok(()),
        Some(first) => {
            let found = format!(
                "no token that holds character {}, {:?}",
                from + first,
                gap[first]
            );
            let expected = "tokens that hold all of the response but white space";
            Err(TokenError::new(field, found, expected).with_hint(COUNTED))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(spans: &[(usize, usize)], response: &str) -> Result<(), String> {
        let spans: Vec<CharSpan> = spans
            .iter()
            .map(|&(start, end)| CharSpan { start, end })
            .collect();
        check(&spans, response).map_err(|error| error.to_string())
    }

    #[test]
    fn tokens_may_share_a_character_be_empty_and_leave_white_space_out() {
        // The emoji is split in three, the last of which has the full stop too.
        assert_eq!(
            checked(&[(0, 2), (2, 3), (2, 3), (2, 4), (0, 0)], "ab🙂."),
            Ok(())
        );
        assert_eq!(checked(&[(0, 1), (3, 4)], "a \nb "), Ok(()));
        assert_eq!(checked(&[], " \n"), Ok(()));
    }

    #[test]
    fn what_overlaps_does_not_cover_or_is_out_of_range_is_refused() {
        for (spans, part) in [
            (&[(0, 2), (1, 0)][..], "offsets[1]"),
            (&[(0, 5)], "at most 4"),
            (&[(0, 3), (1, 4)], "a token behind [0, 3]"),
            (&[(2, 4), (0, 2)], "no token that holds character 0"),
            (&[(0, 1), (2, 4)], "no token that holds character 1, 'b'"),
            (
                &[(0, 2)],
                "field `offsets`: found no token that holds character 2",
            ),
            (&[], "no token that holds character 0"),
        ] {
            let message = checked(spans, "abcd").unwrap_err();
            assert!(message.contains(part), "{spans:?}: {message}");
        }
    }
}
