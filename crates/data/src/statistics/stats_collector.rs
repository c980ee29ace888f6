use super::fingerprint::{ByFingerprint, Fingerprint, fingerprint};
use super::rating_counts::RatingCounts;
use super::repeated_ids::RepeatedIds;
use crate::{DatasetStats, Example, LengthStats, Segment, WeightStats, fold_text};

/// Collects [`DatasetStats`], example by example.
///
/// [`RecordFacts`] are what takes longest of it, and can be made of several examples at a time.
///
/// It keeps a 16-byte fingerprint of each id and each distinct prompt, at most [`MOST_DISTINCT_RATINGS`](crate::MOST_DISTINCT_RATINGS)
/// counts of ratings of each aspect, and those of pairs of raters, but no text.
#[derive(Debug, Default)]
pub struct StatsCollector {
    examples: usize,
    examples_with_context: usize,
    blank_responses: usize,
    examples_without_segments: usize,
    unrated_segments: usize,
    ratings: RatingCounts,
    response_ratings: RatingCounts,
    weights: Option<WeightStats>,
    response_chars: LengthSum,
    segment_chars: LengthSum,
    segments_per_response: LengthSum,
    prompts: ByFingerprint<usize>,
    ids: RepeatedIds,
}

impl StatsCollector {
    /// An empty collector.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the example of the given line.
    pub fn add(&mut self, example: &Example, line: usize) {
        self.add_with(example, &RecordFacts::of(example), line);
    }

    /// The same with the facts of this example.
    pub fn add_with(&mut self, example: &Example, facts: &RecordFacts, line: usize) {
        self.examples += 1;
        self.examples_with_context += usize::from(facts.has_context);
        self.blank_responses += usize::from(facts.is_blank);
        self.examples_without_segments += usize::from(example.segments.is_empty());
        self.response_chars.add(facts.response_chars);
        self.segments_per_response.add(example.segments.len());
        self.response_ratings.add_response(example);
        self.ratings.add_segments(example);
        for segment in &example.segments {
            self.segment_chars.add(segment.span.len());
            self.unrated_segments += usize::from(segment.ratings.is_empty());
            self.add_weight(segment);
        }
        *self.prompts.entry(facts.prompt).or_default() += 1;
        self.ids.add_with(&example.id, facts.id, line);
    }

    fn add_weight(&mut self, segment: &Segment) {
        // Compared exactly: any other number counts as another weight.
        #[expect(clippy::float_cmp)]
        let Some(weight) = segment.weight.filter(|weight| *weight != 1.0) else {
            return;
        };
        let stats = self.weights.get_or_insert(WeightStats {
            segments: 0,
            min: weight,
            max: weight,
        });
        stats.segments += 1;
        stats.min = stats.min.min(weight);
        stats.max = stats.max.max(weight);
    }

    /// The statistics of all added examples.
    pub fn finish(self) -> DatasetStats {
        self.stats()
    }

    /// The statistics of all examples added so far.
    pub fn stats(&self) -> DatasetStats {
        DatasetStats {
            examples: self.examples,
            examples_with_context: self.examples_with_context,
            blank_responses: self.blank_responses,
            examples_without_segments: self.examples_without_segments,
            segments: self.segment_chars.count,
            unrated_segments: self.unrated_segments,
            aspects: self.ratings.stats(),
            response_aspects: self.response_ratings.stats(),
            weights: self.weights,
            response_chars: self.response_chars.stats(),
            segment_chars: self.segment_chars.stats(),
            segments_per_response: self.segments_per_response.stats(),
            distinct_prompts: self.prompts.len(),
            repeated_prompts: self.prompts.values().filter(|&&uses| uses > 1).count(),
            repeated_ids: self.ids.number(),
            repeated_id_list: self.ids.listed().to_vec(),
        }
    }
}

#[derive(Debug, Default)]
struct LengthSum {
    count: usize,
    sum: usize,
    min: usize,
    max: usize,
}

impl LengthSum {
    fn add(&mut self, length: usize) {
        self.min = if self.count == 0 {
            length
        } else {
            self.min.min(length)
        };
        self.max = self.max.max(length);
        self.sum += length;
        self.count += 1;
    }

    fn stats(&self) -> Option<LengthStats> {
        let mean = self.sum as f64 / self.count as f64;
        (self.count > 0).then_some(LengthStats {
            min: self.min,
            mean,
            max: self.max,
        })
    }
}

/// What [`StatsCollector`] has to know of the texts of an example.
#[derive(Debug, Clone, Copy)]
pub struct RecordFacts {
    id: Fingerprint,
    prompt: Fingerprint,
    has_context: bool,
    is_blank: bool,
    response_chars: usize,
}

impl RecordFacts {
    /// The facts of an example.
    pub fn of(example: &Example) -> Self {
        Self {
            id: fingerprint(&example.id),
            prompt: fingerprint(&fold_text(&example.prompt)),
            has_context: example.has_context(),
            is_blank: example.response.trim().is_empty(),
            response_chars: example.response.chars().count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{CharSpan, Segment};

    fn example(id: &str, prompt: &str, response: &str, ratings: &[Option<f64>]) -> Example {
        let segment = |(k, rating): (usize, &Option<f64>)| match rating {
            Some(rating) => Segment::rated(CharSpan::new(k, k + 1), *rating),
            None => Segment::unrated(CharSpan::new(k, k + 1)),
        };
        Example {
            id: id.into(),
            prompt: prompt.into(),
            response: response.into(),
            segments: ratings.iter().enumerate().map(segment).collect(),
            ..Example::default()
        }
    }

    fn stats(examples: &[Example]) -> DatasetStats {
        let mut collector = StatsCollector::new();
        for (index, example) in examples.iter().enumerate() {
            collector.add(example, index + 1);
        }
        collector.finish()
    }

    #[test]
    fn everything_is_counted() {
        let stats = stats(&[
            example("a", "p", "éé", &[Some(0.0), None]),
            example("b", "p", "xyz", &[Some(1.0), Some(0.5), Some(0.5)]),
            example("a", "q", "z", &[]),
        ]);
        assert_eq!(
            (stats.examples, stats.segments, stats.unrated_segments),
            (3, 5, 1)
        );
        assert_eq!(stats.examples_without_segments, 1);
        assert_eq!((stats.distinct_prompts, stats.repeated_prompts), (2, 1));
        assert_eq!(stats.repeated_ids, 1);
        assert_eq!(
            stats.repeated_id_list[0].to_string(),
            "id `a` on lines 1 and 3"
        );
        assert_eq!(
            stats.response_chars,
            Some(LengthStats {
                min: 1,
                mean: 2.0,
                max: 3
            })
        );
        assert_eq!(
            stats.segment_chars,
            Some(LengthStats {
                min: 1,
                mean: 1.0,
                max: 1
            })
        );
        let ratings = &stats.aspects["rating"];
        assert_eq!((ratings.count, ratings.distinct), (4, 3));
        assert_eq!((ratings.min, ratings.mean, ratings.max), (0.0, 0.5, 1.0));
        assert!((ratings.sd - 0.125_f64.sqrt()).abs() < 1e-15);
        assert_eq!(ratings.histogram.counts, [1, 0, 0, 0, 0, 2, 0, 0, 0, 1]);
        assert_eq!(
            ratings.to_string(),
            "4 ratings from 0 to 1, mean 0.500, sd 0.354"
        );
    }

    #[test]
    fn prompts_that_differ_in_case_and_blanks_alone_are_one() {
        let stats = stats(&[
            example("a", "Why is it?", "x", &[]),
            example("b", " WHY  is it? ", "y", &[]),
            example("c", "Why is it", "z", &[]),
        ]);
        assert_eq!((stats.distinct_prompts, stats.repeated_prompts), (2, 1));
    }

    #[test]
    fn ratings_of_responses_and_weights_other_than_one_stand_apart() {
        let mut weighted = example("a", "p", "abcd", &[Some(0.5), Some(1.0), None, Some(0.0)]);
        for (segment, weight) in
            (weighted.segments.iter_mut()).zip([Some(0.25), Some(1.0), Some(3.0), None])
        {
            segment.weight = weight;
        }
        weighted.ratings = BTreeMap::from([("overall".to_owned(), 4.0)]);
        let mut other = example("b", "q", "ab", &[Some(1.0)]);
        other.ratings = BTreeMap::from([("overall".to_owned(), 2.0)]);
        let stats = stats(&[weighted, other]);
        let overall = &stats.response_aspects["overall"];
        assert_eq!((overall.count, overall.min, overall.max), (2, 2.0, 4.0));
        assert_eq!((overall.mean, overall.sd), (3.0, 1.0));
        assert_eq!(stats.aspects.keys().collect::<Vec<_>>(), ["rating"]);
        let weights = stats.weights.unwrap();
        assert_eq!(weights.to_string(), "2 segments from 0.25 to 3");
    }

    #[test]
    fn what_the_data_do_not_have_is_not_written() {
        let stats = stats(&[example("a", "p", "xy", &[Some(0.3), None])]);
        let text = serde_json::to_string(&stats).unwrap();
        assert!(
            !text.contains("response_aspects") && !text.contains("weights"),
            "{text}"
        );
    }

    #[test]
    fn figures_that_do_not_exist_are_none() {
        let stats = stats(&[]);
        assert_eq!((stats.response_chars, stats.segment_chars), (None, None));
        assert!(stats.aspects.is_empty());
    }

    #[test]
    fn a_constant_rating_has_spread_zero() {
        let stats = stats(&[example("a", "p", "xyz", &[Some(0.1), Some(0.1), Some(0.1)])]);
        assert_eq!(
            (stats.aspects["rating"].sd, stats.aspects["rating"].mean),
            (0.0, 0.1)
        );
    }

    #[test]
    fn zero_with_a_sign_is_the_same_rating() {
        let stats = stats(&[example("a", "p", "xy", &[Some(0.0), Some(-0.0)])]);
        assert_eq!(stats.aspects["rating"].distinct, 1);
    }

    #[test]
    fn stats_survive_serde() {
        let stats = stats(&[example("a", "p", "xy", &[Some(0.3), None])]);
        let text = serde_json::to_string(&stats).unwrap();
        assert_eq!(serde_json::from_str::<DatasetStats>(&text).unwrap(), stats);
    }
}
