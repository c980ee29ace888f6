//! The output of a task, before it becomes an example.

use serde_json::{Map, Value, json};

use super::GeneratorTask;
use crate::{CharSpan, Example, Segment};

/// The truth of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Half,
    Wrong,
}

impl Verdict {
    pub(super) const ALL: [Self; 3] = [Self::Right, Self::Half, Self::Wrong];

    fn rating(self) -> f64 {
        match self {
            Self::Right => 1.0,
            Self::Half => 0.5,
            Self::Wrong => 0.0,
        }
    }
}

/// One statement of a sentence: the thing or number it names, and its rating.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) said: String,
    pub(super) verdict: Verdict,
}

/// A sentence of a response, with at least one claim.
#[derive(Debug, Clone)]
pub(super) struct Sentence {
    pub(super) text: String,
    pub(super) claims: Vec<Claim>,
}

impl Sentence {
    fn rating(&self) -> f64 {
        let total: f64 = self.claims.iter().map(|claim| claim.verdict.rating()).sum();
        total / self.claims.len() as f64
    }
}

#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) prompt: String,
    pub(super) sentences: Vec<Sentence>,
}

impl Draft {
    /// Joins the sentences with spaces. Each sentence becomes a segment, without the space.
    pub(super) fn into_example(self, id: String, task: GeneratorTask) -> Example {
        let mut response = String::new();
        let mut response_chars = 0;
        let mut segments = Vec::new();
        for sentence in &self.sentences {
            if !response.is_empty() {
                response.push(' ');
                response_chars += 1;
            }
            let start = response_chars;
            response.push_str(&sentence.text);
            response_chars += sentence.text.chars().count();
            let span = CharSpan {
                start,
                end: response_chars,
            };
            segments.push(Segment::rated(span, sentence.rating()));
        }
        Example {
            id,
            prompt: self.prompt,
            response,
            segments,
            meta: meta(task, &self.sentences),
            ..Example::default()
        }
    }
}

fn meta(task: GeneratorTask, sentences: &[Sentence]) -> Map<String, Value> {
    let claim = |claim: &Claim| json!({"said": claim.said, "rating": claim.verdict.rating()});
    let claims = |sentence: &Sentence| sentence.claims.iter().map(claim).collect::<Value>();
    let mut meta = Map::new();
    meta.insert("task".into(), task.name().into());
    meta.insert("claims".into(), sentences.iter().map(claims).collect());
    meta
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(text: &str, claims: &[(&str, Verdict)]) -> Sentence {
        let claims = claims.iter().map(|&(said, verdict)| Claim {
            said: said.into(),
            verdict,
        });
        Sentence {
            text: text.into(),
            claims: claims.collect(),
        }
    }

    #[test]
    fn a_sentence_becomes_a_segment_rated_with_the_mean_of_its_claims() {
        let draft = Draft {
            prompt: "What?".into(),
            sentences: vec![
                sentence("Änne naht.", &[("a", Verdict::Right), ("b", Verdict::Half)]),
                sentence("Nein.", &[("c", Verdict::Wrong)]),
            ],
        };
        let example = draft.into_example("x".into(), GeneratorTask::Packing);
        assert_eq!(
            example.to_json(),
            json!({
                "id": "x",
                "prompt": "What?",
                "response": "Änne naht. Nein.",
                "segments": [
                    {"start": 0, "end": 10, "rating": 0.75},
                    {"start": 11, "end": 16, "rating": 0.0},
                ],
                "meta": {
                    "task": "packing",
                    "claims": [
                        [{"said": "a", "rating": 1.0}, {"said": "b", "rating": 0.5}],
                        [{"said": "c", "rating": 0.0}],
                    ],
                },
            })
        );
    }
}
