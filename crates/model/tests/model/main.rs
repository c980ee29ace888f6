//! The crate from outside: published weights, batches, bundles, and everything that can be wrong
//! with files.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod adapters;
mod batch;
mod config_keys;
mod families;
mod gradients;
mod layouts;
mod listing;
mod load_errors;
mod lora;
mod minilm;
mod named_encoder;
mod named_head;
mod named_pooling;
mod quantized;
mod scalar_mix;
mod support;
