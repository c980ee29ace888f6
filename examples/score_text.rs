//! Scores a text with a trained bundle.
//!
//! `cargo run --release --example score_text -- BUNDLE "the prompt" "The response. In sentences."`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use gradus::data::Example;
use gradus::eval::{Scorer, SegmentScore};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, prompt, response] = arguments.as_slice() else {
        return Err("usage: score_text BUNDLE PROMPT RESPONSE".into());
    };
    let device = gradus::device::select(None)?;
    let scorer = Scorer::load(bundle.as_ref(), &device)?;

    let mut example = Example {
        prompt: prompt.clone(),
        response: response.clone(),
        ..Example::default()
    };
    // Cuts the response with the bundle's segmenter, for example into sentences.
    scorer.segment(&mut example)?;
    let scores = scorer.score(std::slice::from_ref(&example))?.remove(0);

    let aspects: Vec<&str> = scorer.aspects().collect();
    for (k, score) in scores.segments.iter().enumerate() {
        match score {
            SegmentScore::Scored(values) | SegmentScore::Cut(values) => {
                for (aspect, value) in aspects.iter().zip(values) {
                    println!("{aspect} {value:+.3}  {}", example.segment_text(k));
                }
            }
            // Nothing is dropped silently.
            SegmentScore::Truncated => println!("too long        {}", example.segment_text(k)),
            SegmentScore::NoTokens => println!("no tokens       {}", example.segment_text(k)),
        }
    }
    println!(
        "{} over the response: {:?}",
        scorer.aggregation(),
        scores.response
    );
    Ok(())
}
