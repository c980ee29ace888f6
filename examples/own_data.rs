//! The whole command line with a segmenter and a data format of your own.
//!
//! `cargo run --release --example own_data -- data import ticket tickets.jsonl -o train.jsonl --segmenter "clause:,;."`

use std::path::Path;
use std::process::ExitCode;

use gradus::data::{
    Example, ImportOptions, ImportedRecords, NamedFormat, NamedSegmenter, Result, Segment,
    json_records,
};
use serde::{Deserialize, Serialize};

/// Cuts behind each of some marks.
#[derive(Serialize, Deserialize)]
struct Clause {
    marks: String,
}

impl NamedSegmenter for Clause {
    const KIND: &'static str = "clause";
    const ABOUT: &'static str = "Parts that end in one of some marks";
    const SHORT: Option<&'static str> = Some("marks");

    fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
        text.split_inclusive(|c| self.marks.contains(c)).collect()
    }
}

/// Tickets of a help desk, `{"question": "..", "answer": "..", "stars": 1 to 5}`.
struct Ticket;

impl NamedFormat for Ticket {
    const KIND: &'static str = "ticket";
    const ABOUT: &'static str = "Tickets of a help desk, the answer rated by stars";

    fn open(path: &Path, options: &ImportOptions) -> Result<ImportedRecords> {
        let cutting = options.clone();
        json_records(path, options, move |mut ticket| {
            let rating = (ticket.float("stars")? - 1.0) / 4.0;
            let response = ticket.text("answer")?;
            let spans = cutting.cut(&response, "answer")?.into_iter();
            let rated = |span| Segment::new(span, [("rating".to_owned(), rating)].into());
            Ok(vec![Example {
                id: ticket.number.to_string(),
                prompt: ticket.text("question")?,
                segments: spans.map(rated).collect(),
                response,
                meta: ticket.rest()?,
                ..Example::default()
            }])
        })
    }
}

fn main() -> ExitCode {
    let registry = gradus::Registry::new().with_segmenter::<Clause>();
    gradus::cli::main_with(registry.with_format::<Ticket>())
}
