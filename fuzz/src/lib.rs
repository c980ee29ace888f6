//! What each fuzz target does with its input: reads it as the program does. An error is fine; a
//! panic, an abort, a hang or memory without bound is a fault, as is a value that does not survive
//! being written and read again.

mod data;
mod model;
mod place;
mod settings;

pub use data::{compressed, import, parquet, records, scores, span_csv, texts, wmt_mqm};
pub use model::{
    bundle_config, chat_template, manifest, model_config, safetensors, shard_index, tokenizer,
};
pub use settings::{baselines, recalibration, run_config};
