//! Spans of a text, and segmenters.

mod segmenter;
mod span;
mod words;

pub(crate) use segmenter::segment_by_tokens;
pub use segmenter::*;
pub use span::*;
pub use words::parts_of_words;
