//! Records read and tokenized ahead of the model, those that are wrong apart from the others.

use std::path::PathBuf;

use gradus::data::{DataError, Example, ExampleReader, Prefetch};
use gradus::eval::{EvalError, PreparedExample, Preparer};

use super::ledger::Refused;

/// Chunks that wait to be scored, besides the one in work on either side.
const AHEAD: usize = 1;

/// Records that are scored together.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) examples: Vec<Example>,
    /// The same as tokens, in their order.
    pub(super) prepared: Vec<PreparedExample>,
    /// Records between them that cannot be scored.
    pub(super) refused: Vec<Refused>,
}

/// The chunks of a file, of at most `size` records each, made on a thread of their own. An error of the
/// file is the last item.
pub(super) fn chunks(
    preparer: Preparer,
    reader: ExampleReader,
    input: PathBuf,
    size: usize,
) -> impl Iterator<Item = Result<Chunk, EvalError>> {
    let chunks = Chunks {
        preparer,
        reader,
        input,
        size,
        over: false,
    };
    Prefetch::start("gradus-reader", AHEAD, chunks).map(|chunk| chunk?)
}

struct Chunks {
    preparer: Preparer,
    reader: ExampleReader,
    input: PathBuf,
    size: usize,
    over: bool,
}

impl Chunks {
    fn read(&mut self) -> Result<Option<Chunk>, EvalError> {
        let mut chunk = Chunk::default();
        let mut records = 0;
        while records < self.size {
            let Some(record) = self.reader.next() else {
                break;
            };
            records += 1;
            let prepared = match record {
                Ok(mut example) => {
                    let prepared = self
                        .preparer
                        .segment(&mut example)
                        .and_then(|()| self.preparer.prepare(&example));
                    prepared.map(|prepared| (example, prepared))
                }
                // An empty shard has nothing to score, which is no fault.
                Err(DataError::NoRecords { .. }) => break,
                Err(error) => Err(error.into()),
            };
            match prepared {
                Ok((example, prepared)) => {
                    chunk.examples.push(example);
                    chunk.prepared.push(prepared);
                }
                Err(error) if is_of_record(&error) => chunk.refused.push(Refused {
                    file: self.input.clone(),
                    number: self.reader.number(),
                    error: error.to_string(),
                }),
                Err(error) => return Err(error),
            }
        }
        Ok((records > 0).then_some(chunk))
    }
}

/// Whether an error is that of one record, behind which the next can be read.
fn is_of_record(error: &EvalError) -> bool {
    matches!(
        error,
        EvalError::Data(
            DataError::Record { .. }
                | DataError::Tokenize { .. }
                | DataError::TooLong { .. }
                | DataError::SegmentWithoutToken { .. }
                | DataError::UnlistedText { .. }
                | DataError::SpecialTokenInText { .. }
                | DataError::SeparatorWithoutToken { .. }
                | DataError::ChatTemplate { .. }
                | DataError::Example { .. }
        )
    )
}

impl Iterator for Chunks {
    type Item = Result<Chunk, EvalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let chunk = self.read().transpose();
        self.over = !matches!(chunk, Some(Ok(_)));
        chunk
    }
}
