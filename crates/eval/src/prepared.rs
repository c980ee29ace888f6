//! Examples on their way to the model: cut, tokenized, and read ahead.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use gradus_data::{Example, SegmentTokenizer, TokenizedExample, TruncationCounts};

use crate::{EvalError, Result, SegmentScore};

/// Examples that are cut into segments and tokenized, ready for
/// [`Scorer::score_prepared`](crate::Scorer::score_prepared).
#[derive(Debug)]
pub struct PreparedExamples {
    /// The examples, each with segments.
    pub examples: Vec<Example>,
    /// What truncation left out of all of them.
    pub counts: TruncationCounts,
    /// What it left out of each, in their order.
    pub cuts: Vec<TruncationCounts>,
    pub(crate) sequences: Sequences,
}

impl PreparedExamples {
    /// Cuts responses that come without segments, and encodes all.
    pub(crate) fn new(
        text: &SegmentTokenizer,
        stride: Option<usize>,
        mut examples: Vec<Example>,
    ) -> Result<Self> {
        for example in &mut examples {
            text.segment_response(example)?;
        }
        let mut counts = TruncationCounts::default();
        let (sequences, cuts) = Sequences::of(text, stride, &examples)?;
        for &cut in &cuts {
            counts += cut;
        }
        Ok(Self {
            examples,
            counts,
            cuts,
            sequences,
        })
    }
}

/// What the model reads of examples: one sequence of each, or its windows.
#[derive(Debug)]
pub(crate) struct Sequences {
    pub(crate) tokenized: Vec<TokenizedExample>,
    /// The number of each sequence's example.
    owners: Vec<usize>,
}

impl Sequences {
    /// Encodes examples, in windows where there is a stride, and counts what is cut off each.
    /// Without their ratings: a rated segment without a token stops training, but in scoring it is
    /// one more segment that cannot be scored. An example without a segment, such as an empty
    /// response, has no sequence: there is nothing to read off it.
    pub(crate) fn of(
        text: &SegmentTokenizer,
        stride: Option<usize>,
        examples: &[Example],
    ) -> Result<(Self, Vec<TruncationCounts>)> {
        let (mut tokenized, mut owners, mut cuts) = (Vec::new(), Vec::new(), Vec::new());
        for (number, example) in examples.iter().enumerate() {
            let mut cut = TruncationCounts::default();
            if example.segments.is_empty() {
                cut.examples = 1;
                cuts.push(cut);
                continue;
            }
            let example = unrated(example);
            let sequences = match stride {
                Some(stride) => text.tokenize_windows(&example, stride, &mut cut)?,
                None => vec![text.tokenize(&example, &mut cut)?],
            };
            owners.extend(sequences.iter().map(|_| number));
            tokenized.extend(sequences);
            cuts.push(cut);
        }
        Ok((Self { tokenized, owners }, cuts))
    }

    /// Scores of all segments of the examples, given those that the model has seen: for each
    /// sequence the scores of its segments.
    pub(crate) fn all_segments(
        &self,
        examples: &[Example],
        found: Vec<Vec<Vec<f64>>>,
    ) -> Vec<Vec<SegmentScore>> {
        let of_example = |example: &Example| vec![SegmentScore::Truncated; example.segments.len()];
        let mut scores: Vec<_> = examples.iter().map(of_example).collect();
        for (tokenized, &owner) in self.tokenized.iter().zip(&self.owners) {
            for &index in &tokenized.without_tokens {
                scores[owner][index] = SegmentScore::NoTokens;
            }
        }
        for ((tokenized, &owner), found) in self.tokenized.iter().zip(&self.owners).zip(found) {
            for (segment, found) in tokenized.segments.iter().zip(found) {
                scores[owner][segment.index] = if segment.cut {
                    SegmentScore::Cut(found)
                } else {
                    SegmentScore::Scored(found)
                };
            }
        }
        scores
    }
}

/// The example without its ratings.
pub(crate) fn unrated(example: &Example) -> Example {
    let mut example = example.clone();
    example.ratings.clear();
    example.raters.clear();
    for segment in &mut example.segments {
        segment.ratings.clear();
        segment.raters.clear();
    }
    example
}

/// Reads, cuts and encodes examples ahead on a thread of its own, so that the model does not wait
/// for it. Dropping it does not wait for the source either.
///
/// Ends after the first error. A panic of the thread comes out in [`next`](Iterator::next).
pub struct Prefetch {
    chunks: Receiver<Result<PreparedExamples>>,
    thread: Option<JoinHandle<()>>,
}

impl Prefetch {
    /// Chunks that wait to be scored, besides the one in work on either side.
    const AHEAD: usize = 1;

    /// Examples of the first chunk, so that the model does not wait long for it; each chunk is twice
    /// the one before until the size that was asked for.
    const FIRST: usize = 64;

    pub(crate) fn start(
        text: Arc<SegmentTokenizer>,
        stride: Option<usize>,
        source: impl Iterator<Item = gradus_data::Result<Example>> + Send + 'static,
        size: usize,
    ) -> Result<Self> {
        let (sender, chunks) = sync_channel(Self::AHEAD);
        let mut source = source;
        let work = move || {
            let mut next = Self::FIRST;
            loop {
                let chunk: gradus_data::Result<Vec<Example>> =
                    source.by_ref().take(next.min(size).max(1)).collect();
                next = next.saturating_mul(2);
                let prepared = match chunk {
                    Ok(chunk) if chunk.is_empty() => return,
                    Ok(chunk) => PreparedExamples::new(&text, stride, chunk),
                    Err(error) => Err(error.into()),
                };
                let over = prepared.is_err();
                if sender.send(prepared).is_err() || over {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("gradus-reader".to_owned());
        let thread = thread.spawn(work).map_err(EvalError::Thread)?;
        Ok(Self {
            chunks,
            thread: Some(thread),
        })
    }

    /// The panic that ended the thread, if one did.
    fn panic(&mut self) -> Option<Box<dyn Any + Send>> {
        self.thread.take()?.join().err()
    }
}

impl Iterator for Prefetch {
    type Item = Result<PreparedExamples>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Ok(prepared) = self.chunks.recv() {
            return Some(prepared);
        }
        // Nobody sends any more: the thread is at its end.
        if let Some(panic) = self.panic() {
            resume_unwind(panic);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use gradus_data::{
        CharSpan, DataError, ExampleReader, Segment, TextConfig, word_level_tokenizer,
    };

    use super::*;

    const WAIT: Duration = Duration::from_secs(30);

    fn text() -> Arc<SegmentTokenizer> {
        let tokenizer = word_level_tokenizer(["one two three . ?"]).unwrap();
        Arc::new(SegmentTokenizer::new(&tokenizer, TextConfig::default()).unwrap())
    }

    fn example(id: usize) -> Example {
        let record = r#"{"id": "ID", "prompt": "one?", "response": "One two. Three."}"#;
        let record = std::io::Cursor::new(record.replace("ID", &id.to_string()));
        let mut reader = ExampleReader::new(record, "test").unwrap();
        reader.next().unwrap().unwrap()
    }

    fn ids(chunk: &PreparedExamples) -> Vec<&str> {
        chunk.examples.iter().map(|e| e.id.as_str()).collect()
    }

    #[test]
    fn chunks_come_in_order_cut_and_counted() {
        let chunks = Prefetch::start(text(), None, (0..5).map(|id| Ok(example(id))), 2).unwrap();
        let chunks: Vec<PreparedExamples> = chunks.collect::<Result<_>>().unwrap();
        let found: Vec<Vec<&str>> = chunks.iter().map(ids).collect();
        assert_eq!(found, [vec!["0", "1"], vec!["2", "3"], vec!["4"]]);
        for chunk in &chunks {
            assert_eq!(chunk.counts.examples, chunk.examples.len());
            assert_eq!(chunk.counts.segments, 2 * chunk.examples.len());
            assert!(
                chunk
                    .sequences
                    .tokenized
                    .iter()
                    .all(|row| row.segments.len() == 2)
            );
        }
    }

    #[test]
    fn chunks_grow_to_their_size() {
        let chunks =
            Prefetch::start(text(), None, (0..700).map(|id| Ok(example(id))), 200).unwrap();
        let sizes: Vec<usize> = chunks.map(|chunk| chunk.unwrap().examples.len()).collect();
        assert_eq!(sizes, [64, 128, 200, 200, 108]);
    }

    #[test]
    fn the_next_chunk_is_tokenized_while_the_first_is_in_hand() {
        let (sender, read) = mpsc::channel();
        let source = (0..100).map(move |id| {
            sender.send(id).unwrap();
            Ok(example(id))
        });
        let mut chunks = Prefetch::start(text(), None, source, 2).unwrap();
        let first = chunks.next().unwrap().unwrap();
        assert_eq!(ids(&first), ["0", "1"]);
        // One chunk waits and one is in work; no more are read.
        for id in 0..6 {
            assert_eq!(read.recv_timeout(WAIT).unwrap(), id);
        }
        assert!(read.recv_timeout(Duration::from_millis(200)).is_err());
    }

    #[test]
    fn the_first_error_is_the_last_item() {
        let source = [Ok(example(0)), Err(DataError::BatchSize), Ok(example(2))];
        let mut chunks = Prefetch::start(text(), None, source.into_iter(), 1).unwrap();
        assert!(chunks.next().unwrap().is_ok());
        assert!(chunks.next().unwrap().is_err());
        assert!(chunks.next().is_none());
    }

    #[test]
    fn a_panic_of_the_thread_comes_out() {
        let source = (0..3).map(|id| {
            assert!(id < 1, "record {id} is cursed");
            Ok(example(id))
        });
        let chunks = Prefetch::start(text(), None, source, 1).unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| chunks.count()));
        let panic = outcome.unwrap_err();
        assert_eq!(
            panic.downcast_ref::<String>().unwrap(),
            "record 1 is cursed"
        );
    }

    #[test]
    fn a_source_that_is_silent_does_not_keep_the_reader_from_being_dropped() {
        let (sender, waits) = mpsc::channel::<gradus_data::Result<Example>>();
        sender.send(Ok(example(0))).unwrap();
        let mut chunks = Prefetch::start(text(), None, waits.into_iter(), 1).unwrap();
        assert!(chunks.next().unwrap().is_ok());
        drop(chunks);
        drop(sender);
    }

    #[test]
    fn an_example_without_a_segment_has_no_sequence_and_is_counted() {
        let blank = |response: &str| Example {
            response: response.into(),
            ..example(1)
        };
        let examples = vec![example(0), blank(""), blank(" \n"), example(2)];
        let prepared = PreparedExamples::new(&text(), None, examples).unwrap();
        assert_eq!(prepared.sequences.owners, [0, 3]);
        assert_eq!((prepared.counts.examples, prepared.cuts.len()), (4, 4));
        let found = vec![vec![vec![0.5]; 2]; 2];
        let scores = prepared.sequences.all_segments(&prepared.examples, found);
        let counts: Vec<usize> = scores.iter().map(Vec::len).collect();
        assert_eq!(counts, [2, 0, 0, 2]);
    }

    #[test]
    fn what_is_cut_off_each_example_is_counted_by_itself() {
        let config = TextConfig {
            max_length: 8,
            ..TextConfig::default()
        };
        let tokenizer = word_level_tokenizer(["one two three . ?"]).unwrap();
        let text = Arc::new(SegmentTokenizer::new(&tokenizer, config).unwrap());
        let long = Example {
            prompt: "one two three one two three".into(),
            ..example(1)
        };
        let prepared = PreparedExamples::new(&text, None, vec![example(0), long]).unwrap();
        let [first, second] = &prepared.cuts[..] else {
            panic!("{:?}", prepared.cuts)
        };
        assert_eq!(first.examples, 1);
        assert!(second.prompt_tokens_dropped > first.prompt_tokens_dropped);
        let mut sum = *first;
        sum += *second;
        assert_eq!(sum, prepared.counts);
    }

    #[test]
    fn segments_without_a_score_say_why() {
        let mut example = example(0);
        // A zero-width space is no token of this tokenizer.
        example.response = "one \u{200b} two".into();
        example.segments = [(0, 3), (4, 5), (6, 9)]
            .map(|(start, end)| Segment::unrated(CharSpan::new(start, end)))
            .to_vec();
        let mut prepared = PreparedExamples::new(&text(), None, vec![example]).unwrap();
        // As if truncation had taken the last one.
        prepared.sequences.tokenized[0].segments.truncate(1);
        let found = vec![vec![vec![0.5]]];
        let scores = prepared.sequences.all_segments(&prepared.examples, found);
        let expected = [
            SegmentScore::Scored(vec![0.5]),
            SegmentScore::NoTokens,
            SegmentScore::Truncated,
        ];
        assert_eq!(scores, [expected]);
    }
}
