//! The real binary, from outside: what it prints, what it leaves on disk, how it ends.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod ablation;
mod audit;
mod bench;
mod bulk;
mod chat;
mod compare;
mod context;
mod continuing;
mod dashboard;
mod data;
mod devices;
mod disk;
mod encoder;
mod ensemble;
mod evaluation;
mod experiment;
mod explain;
mod families;
mod figures;
mod files;
mod generators;
mod help;
mod hostile;
#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "hub")]
mod hub_data;
mod importing;
mod interrupt;
mod intervals;
mod listing;
mod losses;
#[cfg(target_os = "linux")]
mod memory;
mod mistaken;
mod model_files;
mod objectives;
mod offset;
mod outputs;
mod pages;
mod parquet;
mod plan;
mod precision;
mod process;
mod process_models;
mod quantize;
mod records;
mod report;
mod responses;
mod round_trip;
mod scoring;
mod segmenter;
mod soup;
mod stack;
mod stored;
#[cfg(feature = "object-store")]
mod stores;
mod suggest;
mod support;
mod threshold;
#[cfg(unix)]
mod tutorial;
mod unscored;
mod usage;
#[cfg(any(feature = "hub", feature = "object-store"))]
mod web;
mod weigh;
