use super::fields::not_allowed;
use crate::field::Checked;
use crate::{CharSpan, DataError, RecordError, RecordProblem, Segmenter};

/// A part of a response that somebody marked as wrong.
pub(super) struct Mark {
    pub(super) span: CharSpan,
    /// What its characters are worth; those outside every mark are worth 1.
    pub(super) rating: f64,
}

/// Refuses a mark that marks nothing, or reaches past the end of the response.
pub(super) fn check_mark(span: CharSpan, response: &str, field: &str) -> Checked<()> {
    let CharSpan { start, end } = span;
    let num_chars = response.chars().count();
    if start > end {
        let problem = RecordProblem::SpanBackwards { start, end };
        return Err(RecordError::new(field, problem));
    }
    if start == end {
        return Err(RecordError::new(
            field,
            RecordProblem::SpanEmpty { at: start },
        ));
    }
    if end > num_chars {
        let num_bytes = response.len();
        let problem = RecordProblem::SpanPastEnd {
            end,
            num_chars,
            num_bytes,
        };
        return Err(RecordError::new(format!("{field}.end"), problem));
    }
    Ok(())
}

/// Cuts a response; a response of white space only has no segment and is refused.
pub(super) fn cut(response: &str, segmenter: &Segmenter, field: &str) -> Checked<Vec<CharSpan>> {
    let spans = segmenter.segment(response);
    let refused = |error: DataError| not_allowed(field, error, "a segmenter that can cut it");
    let spans = spans.map_err(refused)?;
    if spans.is_empty() {
        return Err(RecordError::new(field, RecordProblem::EmptyText));
    }
    Ok(spans)
}

/// The mean worth of the characters of each span, white space left out: 1 less the share that is
/// marked, where marks are worth 0. Where marks overlap, the worst one counts.
pub(super) fn rate_spans(response: &str, spans: &[CharSpan], marks: &[Mark]) -> Vec<f64> {
    // `None` for white space.
    let mut worth: Vec<Option<f64>> = response
        .chars()
        .map(|char| (!char.is_whitespace()).then_some(1.0))
        .collect();
    for mark in marks {
        for worth in worth[mark.span.start..mark.span.end].iter_mut().flatten() {
            *worth = worth.min(mark.rating);
        }
    }
    let mean = |span: &CharSpan| {
        let inside = &worth[span.start..span.end];
        let count = inside.iter().flatten().count();
        inside.iter().flatten().sum::<f64>() / count as f64
    };
    spans.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_no_part_of_the_share() {
        let marks = [Mark {
            span: CharSpan::new(2, 6),
            rating: 0.0,
        }];
        let spans = [CharSpan::new(0, 5), CharSpan::new(5, 9)];
        // "ab cd" has 4 characters of which 2 are marked, "é fg" has 3 with 1 marked.
        let ratings = rate_spans("ab cdé fg", &spans, &marks);
        assert_eq!(ratings, [0.5, 2.0 / 3.0]);
    }

    #[test]
    fn the_worst_of_overlapping_marks_counts() {
        let mark = |start, end, rating| Mark {
            span: CharSpan::new(start, end),
            rating,
        };
        let marks = [mark(0, 2, 0.0), mark(0, 4, 0.5)];
        assert_eq!(rate_spans("abcd", &[CharSpan::new(0, 4)], &marks), [0.25]);
    }
}
