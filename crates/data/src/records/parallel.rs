//! Reads records on all cores, in order.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Map, Value};

use super::first_places::FirstPlaces;
use super::json_lines::RawRecord;
use super::parallel_work::{Batch, Job, Made, Source, Waiting, next_job, work_on};
use crate::{DataError, Example, ExampleReader, Location, ReadProgress, Result};

/// Text and records that one thread makes examples of at a time.
const BATCH_BYTES: usize = 1 << 18;
const BATCH_RECORDS: usize = 1024;
/// Batches that are read ahead for each thread, so that none waits for the one that hands them out.
const AHEAD: usize = 2;
/// Most bytes that are read ahead, also where it is less than work for all threads.
const MOST_AHEAD: u64 = 256 << 20;
/// Most threads: reading and what is done with the examples do not keep up with more.
const MOST_THREADS: usize = 8;

/// Reads examples on all cores, in the order of the file; made by [`ExampleReader::in_parallel`].
///
/// A few hundred kilobytes of text for each core are in memory at a time.
pub struct ParallelReader<T> {
    reader: ExampleReader,
    prepare: Arc<dyn Fn(Example) -> T + Send + Sync>,
    /// Where threads take work from; `None` without threads.
    work: Option<Sender<Job<T>>>,
    threads: usize,
    /// Whether records are read in batches, also without threads.
    in_batches: bool,
    /// Batches in work, in order.
    waiting: VecDeque<Awaited<T>>,
    /// Bytes of these.
    bytes_ahead: u64,
    /// What is left of the batch that is read off.
    current: std::vec::IntoIter<Made<T>>,
    /// What ends reading, behind all batches.
    last: Option<DataError>,
    is_read: bool,
    number: usize,
    location: Location,
    /// The file of the record that was read ahead last.
    file: PathBuf,
}

/// A batch in work.
struct Awaited<T> {
    made: Receiver<Vec<Made<T>>>,
    bytes: u64,
}

impl<T: Send + 'static> ParallelReader<T> {
    pub(super) fn new(
        mut reader: ExampleReader,
        prepare: impl Fn(Example) -> T + Send + Sync + 'static,
    ) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        // The share is known of files only.
        let ahead = threads > 1 && reader.progress().share().is_some();
        // Rows become examples faster many at once.
        let in_batches = ahead || reader.lines.has_rows();
        if in_batches {
            reader.lines.read_batches();
        }
        Self {
            location: reader.location().clone(),
            number: reader.number(),
            file: reader.location().path.clone(),
            reader,
            prepare: Arc::new(prepare),
            work: None,
            threads: if ahead { threads.min(MOST_THREADS) } else { 0 },
            in_batches,
            waiting: VecDeque::new(),
            bytes_ahead: 0,
            current: Vec::new().into_iter(),
            last: None,
            is_read: false,
        }
    }

    /// Reads until there is work enough for all threads.
    fn read_ahead(&mut self) {
        while !self.is_read
            && self.waiting.len() <= AHEAD * self.threads
            && (self.waiting.is_empty() || self.bytes_ahead < MOST_AHEAD)
        {
            let Some(batch) = self.read_batch() else {
                return;
            };
            let (done, made) = sync_channel(1);
            let bytes = batch.bytes;
            self.bytes_ahead += bytes;
            self.waiting.push_back(Awaited { made, bytes });
            let job = Job { batch, done };
            match self.workers() {
                // If no thread is there to take it, nothing comes back, which the reader of the batch finds out.
                Some(work) => drop(work.send(job)),
                None => work_on(job, &self.reader.settings, &*self.prepare),
            }
        }
    }

    /// The next records of one file; none at the end.
    fn read_batch(&mut self) -> Option<Batch> {
        let (lines, file) = (&mut self.reader.lines, &mut self.file);
        let mut batch = Batch {
            location: lines.location().clone(),
            text: Vec::new(),
            records: Vec::new(),
            bytes: 0,
        };
        let mut bytes = 0;
        while bytes < BATCH_BYTES && batch.records.len() < BATCH_RECORDS {
            match lines.advance() {
                Some(Ok(())) => {}
                end => {
                    self.last = end.and_then(Result::err);
                    self.is_read = true;
                    break;
                }
            }
            let (number, location) = (lines.number(), lines.location());
            let file = (*file != location.path).then(|| {
                file.clone_from(&location.path);
                location.clone()
            });
            let line = location.line;
            let source = if let Some(rows) = lines.take_batch() {
                // They are work enough.
                bytes += BATCH_BYTES;
                batch.bytes += rows.held();
                Source::Rows(rows)
            } else {
                match lines.raw() {
                    RawRecord::Line(line) => {
                        bytes += line.len();
                        batch.text.extend_from_slice(line);
                        Source::Line(batch.text.len())
                    }
                    RawRecord::Row(..) => unreachable!("rows are taken in batches"),
                    RawRecord::Object(object) => {
                        bytes += object.as_ref().map_or(0, text_bytes);
                        Source::Object(object)
                    }
                }
            };
            batch.records.push(Waiting {
                number,
                line,
                file,
                source,
            });
        }
        (!batch.records.is_empty()).then_some(batch)
    }

    /// The threads, which start with the second batch: most files are read before they would be there.
    fn workers(&mut self) -> Option<&Sender<Job<T>>> {
        if self.work.is_none() && !self.is_read {
            let (work, jobs) = channel::<Job<T>>();
            let jobs = Arc::new(Mutex::new(jobs));
            let mut started = 0;
            for _ in 0..self.threads {
                let jobs = Arc::clone(&jobs);
                let settings = self.reader.settings.clone();
                let prepare = Arc::clone(&self.prepare);
                let run = move || {
                    while let Some(job) = next_job(&jobs) {
                        work_on(job, &settings, &*prepare);
                    }
                };
                let thread = thread::Builder::new().name("gradus-records".into());
                // With fewer threads the others do all of the work.
                started += usize::from(thread.spawn(run).is_ok());
            }
            self.work = (started > 0).then_some(work);
        }
        self.work.as_ref()
    }

    /// Reads nothing more.
    fn end(&mut self) {
        (self.is_read, self.last) = (true, None);
        self.waiting.clear();
        self.current = Vec::new().into_iter();
    }

    fn next_in_order(&mut self) -> Option<Result<T>> {
        loop {
            if let Some(made) = self.current.next() {
                if let Some(file) = made.file {
                    self.location = file;
                }
                (self.number, self.location.line) = (made.number, made.line);
                if made.is_last {
                    self.end();
                }
                return Some(made.example);
            }
            self.read_ahead();
            let Some(batch) = self.waiting.pop_front() else {
                (self.number, self.location) =
                    (self.reader.number(), self.reader.location().clone());
                return self.last.take().map(Err);
            };
            self.bytes_ahead -= batch.bytes;
            let Ok(made) = batch.made.recv() else {
                self.end();
                return Some(Err(DataError::ThreadPanic {
                    message: "a thread that reads records has ended".into(),
                }));
            };
            self.current = made.into_iter();
        }
    }
}

impl ParallelReader<Example> {
    /// Reads all examples, as [`ExampleReader::read_all_with`].
    ///
    /// # Errors
    /// As [`ExampleReader::read_all`].
    pub fn read_all_with(mut self, mut on_record: impl FnMut()) -> Result<Vec<Example>> {
        let mut examples = Vec::new();
        let mut places = FirstPlaces::default();
        while let Some(example) = self.next() {
            let example = example?;
            places.add(&example.id, self.location())?;
            examples.push(example);
            on_record();
        }
        Ok(examples)
    }
}

impl<T> ParallelReader<T> {
    /// The number of the record that was read last; see [`ExampleReader::number`].
    pub fn number(&self) -> usize {
        self.number
    }

    /// File and line of the record that was read last; line 0 before the first.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Where the record of that number stood.
    pub fn location_of(&self, number: usize) -> Location {
        self.reader.location_of(number)
    }

    /// How much of its files is read.
    pub fn progress(&self) -> ReadProgress {
        self.reader.progress()
    }
}

impl<T: Send + 'static> Iterator for ParallelReader<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.in_batches {
            return self.next_in_order();
        }
        let example = self.reader.next();
        (self.number, self.location) = (self.reader.number(), self.reader.location().clone());
        Some(example?.map(|example| (self.prepare)(example)))
    }
}

/// Bytes of the texts of an object, those of its lists among them.
fn text_bytes(object: &Map<String, Value>) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(of).sum(),
            Value::Object(values) => values.values().map(of).sum(),
            _ => 0,
        }
    }
    object.values().map(of).sum()
}
