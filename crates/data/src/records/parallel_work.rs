//! Work of the threads that make examples: records that were read in, examples out.

use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

use super::json_lines::RawRecord;
use super::parquet::RowBatch;
use super::reader::{ReadSettings, Refused};
use crate::{Example, Location, Result};

/// An example, or what is wrong with it.
pub(super) struct Made<T> {
    pub(super) number: usize,
    pub(super) line: usize,
    /// The place, where its file is another than that of the record before.
    pub(super) file: Option<Location>,
    pub(super) example: Result<T>,
    /// Whether it is an error of the file, behind which nothing is read.
    pub(super) is_last: bool,
}

/// Records that were read and not looked at yet.
pub(super) struct Batch {
    pub(super) text: Vec<u8>,
    pub(super) records: Vec<Waiting>,
    /// Bytes that it keeps in memory.
    pub(super) bytes: u64,
    /// The file that was read last ahead of them.
    pub(super) location: Location,
}

pub(super) struct Waiting {
    pub(super) number: usize,
    pub(super) line: usize,
    pub(super) file: Option<Location>,
    pub(super) source: Source,
}

/// Where a record of a batch is.
pub(super) enum Source {
    /// A line that ends there in the text of the batch; it starts where the one before ends.
    Line(usize),
    /// Rows, of which the last has the number of the record.
    Rows(Box<RowBatch>),
    Object(Result<Map<String, Value>>),
}

pub(super) struct Job<T> {
    pub(super) batch: Batch,
    pub(super) done: SyncSender<Vec<Made<T>>>,
}

/// The next piece of work; none when the reader is gone.
pub(super) fn next_job<T>(jobs: &Mutex<Receiver<Job<T>>>) -> Option<Job<T>> {
    jobs.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

/// Makes the examples of a batch and sends them off.
pub(super) fn work_on<T>(job: Job<T>, settings: &ReadSettings, prepare: &dyn Fn(Example) -> T) {
    let Batch {
        text,
        records,
        location: mut place,
        ..
    } = job.batch;
    let mut start = 0;
    let mut made = Vec::with_capacity(records.len());
    for record in records {
        if let Some(file) = &record.file {
            place.clone_from(file);
        }
        place.line = record.line;
        let raw = match record.source {
            Source::Line(end) => {
                let line = &text[start..end];
                start = end;
                RawRecord::Line(line)
            }
            Source::Rows(rows) => {
                let of_rows = RowsOf {
                    number: record.number,
                    file: record.file,
                    place: &mut place,
                };
                of_rows.read(*rows, settings, prepare, &mut made);
                continue;
            }
            Source::Object(object) => RawRecord::Object(object),
        };
        let example = settings.example(raw, record.number);
        made.push(Made {
            number: record.number,
            line: record.line,
            file: record.file,
            example: example.map(prepare).map_err(|error| error.at(&place)),
            is_last: false,
        });
    }
    // A reader that is gone wants nothing.
    let _ = job.done.send(made);
}

/// Where a batch of rows stands.
struct RowsOf<'a> {
    /// The number of its last row.
    number: usize,
    file: Option<Location>,
    place: &'a mut Location,
}

impl RowsOf<'_> {
    /// Makes the examples of the rows, up to the one where the file is found to be wrong.
    fn read<T>(
        mut self,
        mut rows: RowBatch,
        settings: &ReadSettings,
        prepare: &dyn Fn(Example) -> T,
        made: &mut Vec<Made<T>>,
    ) {
        let last_line = self.place.line;
        made.reserve(rows.left());
        while rows.left() > 0 {
            let behind = rows.left() - 1;
            let number = self.number - behind;
            self.place.line = last_line - behind;
            let path = &self.place.path;
            let advanced = rows.advance(path);
            let is_there = advanced.is_ok();
            let example = match advanced {
                Ok(()) => settings.example(RawRecord::Row(&rows, path), number),
                Err(error) => Err(Refused::File(Box::new(error))),
            };
            let is_last = matches!(example, Err(Refused::File(_)));
            // A row that does not even start is none that was read.
            let unread = usize::from(!is_there);
            made.push(Made {
                number: number - unread,
                line: self.place.line - unread,
                file: self.file.take(),
                example: example
                    .map(prepare)
                    .map_err(|refused| refused.at(self.place)),
                is_last,
            });
            if is_last {
                return;
            }
        }
    }
}
