//! Examples read, cut and tokenized ahead of the model.

use gradus_data::{Example, Prefetch};

use super::{PreparedExample, Preparer};
use crate::Result;

/// Examples of which each has its segments, and the same as tokens.
#[derive(Debug)]
#[non_exhaustive]
pub struct PreparedChunk {
    /// The examples.
    pub examples: Vec<Example>,
    /// The same as tokens, in their order.
    pub prepared: Vec<PreparedExample>,
}

impl PreparedChunk {
    /// Cuts responses that come without segments, and tokenizes all.
    fn new(preparer: &Preparer, mut examples: Vec<Example>) -> Result<Self> {
        let mut prepared = Vec::with_capacity(examples.len());
        for example in &mut examples {
            preparer.segment(example)?;
            prepared.push(preparer.prepare(example)?);
        }
        Ok(Self { examples, prepared })
    }
}

/// Chunks that wait to be scored, besides the one in work on either side.
const AHEAD: usize = 1;

/// Examples of the first chunk, so that the model does not wait long for it; each chunk is twice the
/// one before until the size that was asked for.
const FIRST: usize = 64;

/// Prepares the examples of `source` in chunks of at most `size`, on a separate thread.
pub(super) fn chunks(
    preparer: Preparer,
    source: impl Iterator<Item = gradus_data::Result<Example>> + Send + 'static,
    size: usize,
) -> impl Iterator<Item = Result<PreparedChunk>> {
    let chunks = Chunks {
        preparer,
        source,
        next: FIRST,
        size,
        over: false,
    };
    Prefetch::start("gradus-reader", AHEAD, chunks).map(|chunk| chunk?)
}

/// The chunks of a source; ends after the first error.
struct Chunks<S> {
    preparer: Preparer,
    source: S,
    next: usize,
    size: usize,
    over: bool,
}

impl<S: Iterator<Item = gradus_data::Result<Example>>> Iterator for Chunks<S> {
    type Item = Result<PreparedChunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let count = self.next.min(self.size).max(1);
        self.next = self.next.saturating_mul(2);
        let examples = self.source.by_ref().take(count);
        let chunk = match examples.collect::<gradus_data::Result<Vec<Example>>>() {
            Ok(examples) if examples.is_empty() => return None,
            Ok(examples) => PreparedChunk::new(&self.preparer, examples),
            Err(error) => Err(error.into()),
        };
        self.over = chunk.is_err();
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use gradus_data::{DataError, TextConfig};

    use super::*;
    use crate::scorer::prepare::tests::{example, preparer};

    type Source = Vec<gradus_data::Result<Example>>;

    fn chunks_of(source: Source, size: usize) -> impl Iterator<Item = Result<PreparedChunk>> {
        chunks(preparer(TextConfig::default()), source.into_iter(), size)
    }

    #[test]
    fn chunks_come_in_order_cut_and_tokenized() {
        let chunks = chunks_of((0..5).map(|id| Ok(example(id))).collect(), 2);
        let chunks: Vec<PreparedChunk> = chunks.collect::<Result<_>>().unwrap();
        let ids = |chunk: &PreparedChunk| -> Vec<String> {
            chunk.examples.iter().map(|one| one.id.clone()).collect()
        };
        let found: Vec<Vec<String>> = chunks.iter().map(ids).collect();
        assert_eq!(found, [vec!["0", "1"], vec!["2", "3"], vec!["4"]]);
        for chunk in &chunks {
            assert_eq!(chunk.prepared.len(), chunk.examples.len());
            assert!(chunk.prepared.iter().all(|one| one.num_segments() == 2));
            assert!(chunk.examples.iter().all(|one| one.segments.len() == 2));
        }
    }

    #[test]
    fn chunks_grow_to_their_size() {
        let chunks = chunks_of((0..700).map(|id| Ok(example(id))).collect(), 200);
        let sizes: Vec<usize> = chunks.map(|chunk| chunk.unwrap().examples.len()).collect();
        assert_eq!(sizes, [64, 128, 200, 200, 108]);
    }

    #[test]
    fn the_first_error_is_the_last_item() {
        let source = vec![Ok(example(0)), Err(DataError::BatchSize), Ok(example(2))];
        let mut chunks = chunks_of(source, 1);
        assert!(chunks.next().unwrap().is_ok());
        assert!(chunks.next().unwrap().is_err());
        assert!(chunks.next().is_none());
    }

    #[test]
    fn a_panic_of_the_source_is_an_error() {
        let source = (0..3).map(|id| {
            assert!(id < 1, "record {id} is cursed");
            Ok(example(id))
        });
        let mut chunks = chunks(preparer(TextConfig::default()), source, 1);
        assert!(chunks.next().unwrap().is_ok());
        let error = chunks.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("record 1 is cursed"), "{error}");
        assert!(chunks.next().is_none());
    }
}
