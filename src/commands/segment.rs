//! `gradus data segment`: cuts responses before there is a model.

use std::path::Path;

use anyhow::Result;
use gradus::data::{DataError, Example, ExampleWriter, Segment, Segmenter, UnreadKeys};

use crate::cli::SegmentArgs;
use crate::commands::score::locate;
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::progress::Reading;
use crate::{records, show};

pub(crate) fn run(args: &SegmentArgs) -> Result<()> {
    let segmenter: Segmenter = args.segmenter.parse()?;
    if matches!(segmenter, Segmenter::Tokens(_)) {
        return Err(Usage::new(
            "--segmenter tokens:N needs a tokenizer, which data commands do not have",
        )
        .with_hint("give another rule; a bundle trained with tokens:N cuts its own input")
        .into());
    }
    let output = output::create(
        &args.output,
        Content::Records,
        args.overwrite,
        &[&args.file],
    )?;
    let mut writer = ExampleWriter::to_file(output)?;
    let mut unread = UnreadKeys::new();
    let mut counts = Counts::default();
    let reader = records::open(&args.file)?;
    let mut reading = Reading::new("records", reader.progress());
    for record in reader {
        let mut example = record?;
        reading.add(1);
        unread.add(&example);
        counts.add(&cut(&mut example, &segmenter)?);
        write_places(&mut example, args);
        writer.write(&example)?;
    }
    drop(reading);
    records::tell(&args.file, &unread.finish());
    let status = counts.text(writer.path());
    writer.commit()?;
    show::status(&status);
    Ok(())
}

/// What became of a record.
enum Cut {
    Into(usize),
    Had,
    Empty,
}

/// Cuts a response that has no segments.
fn cut(example: &mut Example, segmenter: &Segmenter) -> Result<Cut, DataError> {
    let had = !example.segments.is_empty();
    if !had {
        let spans = segmenter.segment(&example.response)?;
        example.segments = spans.into_iter().map(Segment::unrated).collect();
    }
    Ok(match (had, example.segments.len()) {
        (true, _) => Cut::Had,
        (false, 0) => Cut::Empty,
        (false, segments) => Cut::Into(segments),
    })
}

/// Writes into every segment its text, and its positions in another unit, as they are asked for.
fn write_places(example: &mut Example, args: &SegmentArgs) {
    let positions = locate::positions(&example.response, args.offsets);
    let texts: Option<Vec<String>> = args.text.then(|| {
        let texts = example.segment_texts().into_iter();
        texts.map(str::to_owned).collect()
    });
    for (index, segment) in example.segments.iter_mut().enumerate() {
        if let Some((keys, places)) = &positions {
            for (key, place) in keys.iter().zip([segment.span.start, segment.span.end]) {
                segment.extra.insert((*key).into(), places[place].into());
            }
        }
        if let Some(texts) = &texts {
            let text = texts[index].clone();
            segment.extra.insert("text".into(), text.into());
        }
    }
}

#[derive(Default)]
struct Counts {
    cut: usize,
    segments: usize,
    kept: usize,
    empty: usize,
}

impl Counts {
    fn add(&mut self, cut: &Cut) {
        match cut {
            Cut::Into(segments) => {
                self.cut += 1;
                self.segments += segments;
            }
            Cut::Had => self.kept += 1,
            Cut::Empty => self.empty += 1,
        }
    }

    fn text(&self, path: &Path) -> String {
        let Self {
            cut,
            segments,
            kept,
            empty,
        } = self;
        let mut parts = vec![format!("{cut} responses cut into {segments} segments")];
        if *kept > 0 {
            parts.push(format!("{kept} kept the segments they had"));
        }
        if *empty > 0 {
            parts.push(format!("{empty} without text"));
        }
        format!("{}: {}", path.display(), parts.join(", "))
    }
}
