//! Parquet: rows as records, and records as rows.
//!
//! A row becomes the JSON object that a line of JSONL would have been, so that every reader, importer
//! and check works for both. The library that reads the bytes trusts what a file claims and panics on
//! some damaged ones: headers are looked through first, and a panic is an error of the file.

mod cells;
mod column;
mod column_rows;
mod decode;
mod deltas;
mod error;
mod footer;
mod magic;
mod native;
mod page_buffers;
mod page_source;
mod pages;
mod plan;
mod rating_plan;
mod row_batch;
mod rows;
mod schema;
mod straight;
mod thrift;
mod write;

pub(crate) use magic::is_parquet;
pub(crate) use row_batch::RowBatch;
pub(crate) use rows::Rows;
pub(crate) use write::Spool;
