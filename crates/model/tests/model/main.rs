//! The crate from outside: published weights, batches, bundles, and everything that can be wrong
//! with files.

mod batch;
mod bundle;
mod load_errors;
mod minilm;
mod support;
mod throughput;
mod tiny_bert;
