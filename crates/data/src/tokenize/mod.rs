//! From an example to its input sequence: truncation, and the tokens and targets of each segment.

mod byte_level;
mod chat;
mod chat_template;
mod input_sequence;
mod pair_tokenizer;
mod precompiled;
mod segment_tokenizer;
mod sentence_files;
mod separated;
mod separator;
mod stride;
mod text_config;
mod tokenized_example;
mod tokenizer_file;
mod tokenizer_notes;
mod tokens;
mod truncation;
mod vocabulary;
mod windows;
mod word_level;

pub use byte_level::byte_level_tokenizer;
pub use chat_template::ChatTemplate;
pub use segment_tokenizer::*;
pub use separator::*;
pub use stride::Stride;
pub use text_config::*;
pub use tokenized_example::*;
pub use tokenizer_notes::tokenizer_notes;
pub use truncation::*;
pub use vocabulary::*;
pub use word_level::*;
