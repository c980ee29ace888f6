use std::collections::BTreeMap;

use super::fields::not_allowed;
use super::mark_rule::MarkRule;
use super::options::ImportOptions;
use crate::records::check_text;
use crate::records::field::Checked;
use crate::{CharOffsets, CharSpan, DataError, RecordError, RecordProblem, Segment, Segmenter};

/// A part of a response that somebody marked as wrong.
pub(super) struct Mark {
    pub(super) span: CharSpan,
    /// What its characters are worth; those outside every mark are worth 1.
    pub(super) rating: f64,
}

/// Reads the marks of a response.
pub(super) struct MarkReader<'a> {
    response: &'a str,
    offsets: CharOffsets,
    options: &'a ImportOptions,
}

/// A mark as a record has it.
#[derive(Clone, Copy, Default)]
pub(super) struct Marked<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What it covers, where the record repeats it.
    pub(super) text: Option<&'a str>,
}

impl<'a> MarkReader<'a> {
    pub(super) fn new(response: &'a str, options: &'a ImportOptions) -> Self {
        Self {
            response,
            offsets: CharOffsets::new(response),
            options,
        }
    }

    /// The span of a mark in characters; `field` is where it stands in the record.
    pub(super) fn span(&self, marked: Marked<'_>, field: &str) -> Checked<CharSpan> {
        let Marked { start, end, text } = marked;
        let unit = self.options.offsets;
        let span = unit.to_chars(self.response, &self.offsets, CharSpan { start, end }, field)?;
        check_mark(span, self.response, field)?;
        if let Some(text) = text {
            check_text(self.response, &self.offsets, span, text, || {
                format!("{field}.text")
            })?;
        }
        Ok(span)
    }

    /// A mark with its rating: that of its label in the rating map, or 0.
    pub(super) fn mark(&self, marked: Marked<'_>, label: &str, field: &str) -> Checked<Mark> {
        let span = self.span(marked, field)?;
        let rating = self.options.rate(label, 0.0, || format!("{field}.label"))?;
        Ok(Mark { span, rating })
    }
}

/// The spans of the segments of a marked response: as the segmenter cuts it, or at the borders of the marks.
pub(super) fn marked_spans<'a>(
    response: &str,
    marks: impl Iterator<Item = &'a Mark>,
    options: &ImportOptions,
    field: &str,
) -> Checked<Vec<CharSpan>> {
    if !options.cut_at_marks {
        return cut(response, &options.segmenter, field);
    }
    let chars: Vec<char> = response.chars().collect();
    let mut borders = vec![0, chars.len()];
    borders.extend(marks.flat_map(|mark| [mark.span.start, mark.span.end]));
    borders.sort_unstable();
    borders.dedup();
    let pieces = borders.windows(2).map(|ends| {
        let inside = &chars[ends[0]..ends[1]];
        let is_text = |char: &char| !char.is_whitespace();
        let first = inside.iter().position(is_text)?;
        let last = inside.iter().rposition(is_text)?;
        Some(CharSpan::new(ends[0] + first, ends[0] + last + 1))
    });
    let spans: Vec<CharSpan> = pieces.flatten().collect();
    if spans.is_empty() {
        return Err(RecordError::new(field, RecordProblem::EmptyText));
    }
    Ok(spans)
}

/// The segments of a marked response, rated in one aspect.
pub(super) fn marked_segments(
    response: &str,
    marks: &[Mark],
    options: &ImportOptions,
    aspect: &str,
    field: &str,
) -> Checked<Vec<Segment>> {
    let spans = marked_spans(response, marks.iter(), options, field)?;
    let ratings = rate_spans(response, &spans, marks, options.mark_rule);
    let segments = spans.into_iter().zip(ratings);
    Ok(segments
        .map(|(span, rating)| Segment::new(span, BTreeMap::from([(aspect.to_owned(), rating)])))
        .collect())
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
        let problem = RecordProblem::past_end(end, response);
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

/// What each span is worth by the rule; 1 without a mark. Where marks overlap, the lowest counts.
pub(super) fn rate_spans(
    response: &str,
    spans: &[CharSpan],
    marks: &[Mark],
    rule: MarkRule,
) -> Vec<f64> {
    match rule {
        MarkRule::Any { least } => lowest_marks(response, spans, marks, least),
        MarkRule::Share => mean_worths(response, spans, marks),
    }
}

fn lowest_marks(response: &str, spans: &[CharSpan], marks: &[Mark], least: usize) -> Vec<f64> {
    // Characters that are not white space ahead of each character.
    let mut ahead = vec![0];
    for char in response.chars() {
        ahead.push(ahead[ahead.len() - 1] + usize::from(!char.is_whitespace()));
    }
    let mut worths = vec![1.0_f64; spans.len()];
    for mark in marks {
        let whole = ahead[mark.span.end] - ahead[mark.span.start];
        let first = spans.partition_point(|span| span.end <= mark.span.start);
        for (span, worth) in spans[first..].iter().zip(&mut worths[first..]) {
            if span.start >= mark.span.end {
                break;
            }
            let (start, end) = (span.start.max(mark.span.start), span.end.min(mark.span.end));
            let inside = ahead[end] - ahead[start];
            if inside > 0 && inside >= least.min(whole) {
                *worth = worth.min(mark.rating);
            }
        }
    }
    worths
}

fn mean_worths(response: &str, spans: &[CharSpan], marks: &[Mark]) -> Vec<f64> {
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
        let ratings = rate_spans("ab cdé fg", &spans, &marks, MarkRule::Share);
        assert_eq!(ratings, [0.5, 2.0 / 3.0]);
    }

    #[test]
    fn the_worst_of_overlapping_marks_counts() {
        let mark = |start, end, rating| Mark {
            span: CharSpan::new(start, end),
            rating,
        };
        let marks = [mark(0, 2, 0.0), mark(0, 4, 0.5)];
        let rate = |rule| rate_spans("abcd", &[CharSpan::new(0, 4)], &marks, rule);
        assert_eq!(rate(MarkRule::Share), [0.25]);
        assert_eq!(rate(MarkRule::default()), [0.0]);
    }

    #[test]
    fn a_mark_counts_where_enough_of_it_lies() {
        let spans = [CharSpan::new(0, 6), CharSpan::new(7, 12)];
        let rate = |start, end, least| {
            let marks = [Mark {
                span: CharSpan::new(start, end),
                rating: 0.0,
            }];
            rate_spans("ab cd. ef gh", &spans, &marks, MarkRule::Any { least })
        };
        assert_eq!(rate(5, 9, 1), [0.0, 0.0]);
        assert_eq!(rate(5, 9, 2), [1.0, 0.0], "only the full stop of the first");
        assert_eq!(rate(0, 1, 5), [0.0, 1.0], "a short mark counts whole");
        assert_eq!(
            rate(5, 7, 1),
            [0.0, 1.0],
            "white space between is in neither"
        );
        assert_eq!(
            rate(2, 3, 1),
            [1.0, 1.0],
            "a mark of white space marks nothing"
        );
    }
}
