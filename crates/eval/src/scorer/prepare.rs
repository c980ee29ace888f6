//! From text to tokens.

use std::sync::Arc;

use gradus_baselines::Offset;
use gradus_data::{
    CutSegments, Example, RatingUse, Segment, SegmentTokenizer, Segmenter, TokenizedExample,
    TruncationCounts,
};

use crate::Result;

/// Turns examples into what the model reads: the first half of a [`Scorer`](crate::Scorer), which any
/// number of threads can do at once.
#[derive(Clone)]
pub struct Preparer {
    pub(super) tokenizer: Arc<SegmentTokenizer>,
    pub(super) stride: Option<usize>,
    /// What is added to the model's scores.
    pub(super) offset: Option<Arc<Offset>>,
}

impl Preparer {
    /// Cuts a response without segments by the bundle's segmenter. Other responses stay as they are.
    ///
    /// # Errors
    /// If the response cannot be cut.
    pub fn segment(&self, example: &mut Example) -> Result<()> {
        Ok(self.tokenizer.segment_response(example)?)
    }

    /// The same by another rule than that of the bundle.
    ///
    /// # Errors
    /// If the response cannot be cut.
    pub fn segment_by(&self, segmenter: &Segmenter, example: &mut Example) -> Result<()> {
        if example.segments.is_empty() {
            let spans = self.tokenizer.segment_by(segmenter, &example.response)?;
            example.segments = spans.into_iter().map(Segment::unrated).collect();
        }
        Ok(())
    }

    /// The same preparer, which makes overlapping windows of a response that is too long, or cuts it (`None`): see
    /// [`Scorer::with_stride`](crate::Scorer::with_stride).
    ///
    /// # Panics
    /// If `stride` is 0.
    #[must_use]
    pub fn with_stride(mut self, stride: impl Into<Option<usize>>) -> Self {
        self.stride = stride.into();
        assert!(self.stride != Some(0), "windows that do not move");
        self
    }

    /// Tokenizes an example. Its ratings are not read.
    ///
    /// An example without segments has nothing that could be scored; [`segment`](Self::segment) cuts
    /// it.
    ///
    /// # Errors
    /// If the example cannot be tokenized, or breaks a promise of [`Example::check`] about its
    /// segments.
    pub fn prepare(&self, example: &Example) -> Result<PreparedExample> {
        let num_segments = example.segments.len();
        if num_segments == 0 {
            return Ok(PreparedExample {
                sequences: Vec::new(),
                offsets: Vec::new(),
                num_segments,
                stride: self.stride,
                truncation: TruncationCounts {
                    examples: 1,
                    ..TruncationCounts::default()
                },
            });
        }
        let (sequences, truncation) =
            self.tokenizer
                .sequences(example, RatingUse::Ignore, self.stride)?;
        let offset = self.offset.as_ref();
        Ok(PreparedExample {
            sequences,
            offsets: offset.map_or_else(Vec::new, |offset| offset.predict(example)),
            num_segments,
            stride: self.stride,
            truncation,
        })
    }

    /// The step of windows over a response that is too long; `None` if it is cut.
    pub fn stride(&self) -> Option<usize> {
        self.stride
    }

    pub(super) fn set_cut_segments(&mut self, policy: CutSegments) {
        Arc::make_mut(&mut self.tokenizer).set_cut_segments(policy);
    }
}

/// An example as tokens, ready for [`Scorer::score_prepared`](crate::Scorer::score_prepared).
#[derive(Debug, Clone)]
pub struct PreparedExample {
    /// One, or the windows over a long response; none without segments.
    pub(super) sequences: Vec<TokenizedExample>,
    /// What is added to the scores of each segment, by aspect, in rating units; empty for nothing.
    pub(super) offsets: Vec<Vec<f64>>,
    pub(super) num_segments: usize,
    /// The distance of windows that was asked for, whether the response needs them or not.
    pub(super) stride: Option<usize>,
    pub(super) truncation: TruncationCounts,
}

impl PreparedExample {
    /// Tokens that the model reads, special tokens included, in all windows together.
    pub fn num_tokens(&self) -> usize {
        self.sequences
            .iter()
            .map(TokenizedExample::num_tokens)
            .sum()
    }

    /// Segments of the example.
    pub fn num_segments(&self) -> usize {
        self.num_segments
    }

    /// The parts of the example that the model does not read.
    pub fn truncation(&self) -> &TruncationCounts {
        &self.truncation
    }
}

/// An example that is tokenized already, in one sequence. What truncation took of it is not counted. Without its text
/// it has no offset, so its scores are those of the model alone.
impl From<TokenizedExample> for PreparedExample {
    fn from(sequence: TokenizedExample) -> Self {
        let kept = sequence.segments.len();
        Self {
            num_segments: kept + sequence.dropped.len() + sequence.without_tokens.len(),
            sequences: vec![sequence],
            offsets: Vec::new(),
            stride: None,
            truncation: TruncationCounts::default(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use gradus_data::{ExampleReader, TextConfig, word_level_tokenizer};

    use super::*;

    pub(in crate::scorer) fn preparer(config: TextConfig) -> Preparer {
        let tokenizer = word_level_tokenizer(["one two three . ?"]).unwrap();
        Preparer {
            tokenizer: Arc::new(SegmentTokenizer::new(&tokenizer, config).unwrap()),
            stride: None,
            offset: None,
        }
    }

    /// An example without segments.
    pub(in crate::scorer) fn example(id: usize) -> Example {
        let record = r#"{"id": "ID", "prompt": "one?", "response": "One two. Three."}"#;
        let record = std::io::Cursor::new(record.replace("ID", &id.to_string()));
        let mut reader = ExampleReader::new(record, "test").unwrap();
        reader.next().unwrap().unwrap()
    }

    #[test]
    fn an_example_without_a_segment_has_no_sequence_and_is_counted() {
        let preparer = preparer(TextConfig::default());
        for response in ["", " \n"] {
            let mut blank = Example {
                response: response.into(),
                ..example(1)
            };
            preparer.segment(&mut blank).unwrap();
            let prepared = preparer.prepare(&blank).unwrap();
            assert!(prepared.sequences.is_empty());
            let sizes = (prepared.num_tokens(), prepared.num_segments());
            assert_eq!((sizes, prepared.truncation().examples), ((0, 0), 1));
        }
    }

    #[test]
    fn what_is_cut_off_an_example_is_counted() {
        let preparer = preparer(TextConfig {
            max_length: 8,
            ..TextConfig::default()
        });
        let dropped = |prompt: &str| {
            let mut example = Example {
                prompt: prompt.into(),
                ..example(1)
            };
            preparer.segment(&mut example).unwrap();
            preparer
                .prepare(&example)
                .unwrap()
                .truncation()
                .prompt_tokens_dropped
        };
        assert!(dropped("one two three one two three") > dropped("one?"));
    }

    #[test]
    fn no_rating_is_read_whatever_it_is() {
        let preparer = preparer(TextConfig::default());
        let mut example = example(0);
        preparer.segment(&mut example).unwrap();
        let bare = preparer.prepare(&example).unwrap();
        for rating in [0.5, f64::NAN, f64::MAX] {
            let mut rated = example.clone();
            rated.ratings.insert("rating".into(), rating);
            rated.segments[0].ratings.insert("rating".into(), rating);
            rated.segments[1].weight = Some(-rating);
            let rated = preparer.prepare(&rated).unwrap();
            assert_eq!(rated.sequences, bare.sequences);
            assert_eq!(rated.truncation, bare.truncation);
        }
    }
}
