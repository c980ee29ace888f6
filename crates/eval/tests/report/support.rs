//! Evaluations of generated data under made-up scores, and a page read as a browser reads it.

use gradus_data::{Example, GeneratorConfig, generate};
use gradus_eval::bootstrap::Bootstrap;
use gradus_eval::report::{DEFAULT_RESPONSES, Epoch, History, ReportInput, Step, html};
use gradus_eval::slices::{Slice, SliceKey};
use gradus_eval::{
    Aggregation, Aspect, Baselines, Evaluation, Metric, Provenance, ScoreSource, ScoredResponse,
    ScoredSegment,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scraper::{Html, Selector};

/// Examples with a score for every segment, and what the report is asked for besides.
pub(crate) struct Fixture {
    pub(crate) examples: Vec<Example>,
    pub(crate) scored: Vec<ScoredResponse>,
    pub(crate) aspects: Vec<Aspect>,
    pub(crate) baselines: bool,
    pub(crate) history: Option<History>,
    pub(crate) max_responses: usize,
}

impl Fixture {
    /// Generated examples; scores are the ratings, pulled to the middle, with noise.
    pub(crate) fn generated(examples: usize) -> Self {
        let config = GeneratorConfig {
            examples,
            seed: 3,
            ..GeneratorConfig::default()
        };
        let examples = generate(&config).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut score = |rating: f64| {
            let noise: f64 = (0..4).map(|_| rng.random_range(-0.5..0.5)).sum();
            0.25 + 0.6 * rating + 0.25 * noise
        };
        let mut fixture = Self::of(examples, |_, _| Vec::new());
        for response in &mut fixture.scored {
            for segment in &mut response.segments {
                let rating = segment.ratings.get("rating").copied().unwrap_or(0.5);
                segment.scores = Some(vec![score(rating)]);
            }
        }
        fixture
    }

    /// Given examples, scored by a rule on the example and the index of the segment.
    pub(crate) fn of(examples: Vec<Example>, score: impl Fn(&Example, usize) -> Vec<f64>) -> Self {
        let scored = examples
            .iter()
            .map(|example| beside(example, &score))
            .collect();
        Self {
            examples,
            scored,
            aspects: vec![Aspect::named("rating")],
            baselines: false,
            history: None,
            max_responses: DEFAULT_RESPONSES,
        }
    }

    pub(crate) fn html(&self) -> String {
        let baselines = if self.baselines {
            let names = self.aspects.iter().map(|aspect| aspect.name.as_str());
            Baselines::fit(names, &self.examples)
                .unwrap()
                .scores(&self.examples)
        } else {
            Vec::new()
        };
        let mut evaluation =
            Evaluation::compute(&self.scored, &self.aspects, Aggregation::Mean, &baselines)
                .unwrap();
        let bootstrap = Bootstrap {
            resamples: 100,
            ..Bootstrap::default()
        };
        evaluation.add_intervals(&self.scored, &self.aspects, &bootstrap, &Metric::all());
        let keys = [
            SliceKey::Position,
            SliceKey::Length,
            SliceKey::Meta("topic".into()),
        ];
        evaluation.add_slices(&self.scored, &self.aspects, &keys, Slice::MIN_SEGMENTS);
        let source = ScoreSource::Bundle("runs/my-bundle".into());
        evaluation.provenance = Some(Provenance::new(source, "test.jsonl"));
        html(&ReportInput {
            evaluation: &evaluation,
            scored: &self.scored,
            examples: &self.examples,
            history: self.history.as_ref(),
            max_responses: self.max_responses,
        })
        .unwrap()
    }
}

fn beside(example: &Example, score: &impl Fn(&Example, usize) -> Vec<f64>) -> ScoredResponse {
    let segments = example.segments.iter().enumerate().map(|(k, segment)| {
        let (start, end) = (segment.span.start, segment.span.end);
        ScoredSegment::scored(start, end, segment.ratings.clone(), score(example, k))
    });
    ScoredResponse {
        id: example.id.clone(),
        segments: segments.collect(),
        ratings: example.ratings.clone(),
        chars: example.response.chars().count(),
        meta: example.meta.clone(),
        ..ScoredResponse::default()
    }
}

/// The log of a made-up run.
pub(crate) fn history() -> History {
    let loss = |step: usize| {
        0.14 / (1.0 + step as f64 / 300.0) + 0.02 * ((step * 7919) % 13) as f64 / 13.0
    };
    let epochs = [(1, 0.09), (2, 0.05), (3, 0.052)];
    History {
        steps: (1..=900)
            .map(|step| Step {
                step,
                loss: loss(step),
            })
            .collect(),
        epochs: epochs
            .map(|(epoch, valid_loss)| Epoch {
                epoch,
                step: 300 * epoch,
                valid_loss,
                best: epoch == 2,
            })
            .to_vec(),
    }
}

/// Reads a page as a browser does, and asserts that it is whole, fetches nothing and holds no number
/// that is none.
#[track_caller]
pub(crate) fn read(html: &str) -> Html {
    let page = Html::parse_document(html);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>"));
    for attribute in [
        "src",
        "srcset",
        "data",
        "action",
        "background",
        "xlink:href",
        "ping",
    ] {
        assert_eq!(
            select(&page, &format!("[{}]", attribute.replace(':', "\\:"))).len(),
            0,
            "{attribute}"
        );
    }
    for link in select(&page, "[href]") {
        assert!(
            link.starts_with("<a ") && link.contains("href=\"#"),
            "{link}"
        );
    }
    let style = select(&page, "style").concat();
    assert!(
        !style.contains("url(") && !style.contains("@import"),
        "the style fetches something"
    );
    for figure in select(&page, "svg").iter().chain(&select(&page, "td")) {
        for word in ["NaN", "inf", "null"] {
            assert!(!figure.contains(word), "{figure}");
        }
    }
    page
}

/// Reads one element of a page.
pub(crate) fn read_part(html: &str) -> Html {
    Html::parse_fragment(html)
}

/// The HTML of every element that matches.
pub(crate) fn select(page: &Html, selector: &str) -> Vec<String> {
    page.select(&Selector::parse(selector).unwrap())
        .map(|element| element.html())
        .collect()
}

/// What the page's script reads.
pub(crate) fn data(page: &Html) -> serde_json::Value {
    let selector = Selector::parse("#gradus-responses").unwrap();
    let text: String = page
        .select(&selector)
        .flat_map(|script| script.text())
        .collect();
    serde_json::from_str(&text).unwrap()
}
