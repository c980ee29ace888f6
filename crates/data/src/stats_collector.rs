use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::scale::mean_and_sd;
use crate::{
    DatasetStats, Example, Histogram, LengthStats, REPEATED_IDS_LISTED, RatingStats, RepeatedId,
};

/// Gathers [`DatasetStats`] example by example.
///
/// Held in memory are a 16-byte fingerprint of each id and each distinct prompt and one count per
/// distinct rating; no text.
#[derive(Debug, Default)]
pub struct StatsCollector {
    examples: usize,
    examples_with_context: usize,
    examples_without_segments: usize,
    unrated_segments: usize,
    ratings: BTreeMap<String, HashMap<u64, u64>>,
    response_chars: LengthSum,
    segment_chars: LengthSum,
    segments_per_response: LengthSum,
    prompts: HashMap<Fingerprint, usize>,
    id_lines: HashMap<Fingerprint, usize>,
    repeated_ids: usize,
    repeated_id_list: Vec<RepeatedId>,
}

impl StatsCollector {
    /// A collector that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts an example that stands on the given line.
    pub fn add(&mut self, example: &Example, line: usize) {
        self.examples += 1;
        self.examples_with_context += usize::from(example.context.is_some());
        self.examples_without_segments += usize::from(example.segments.is_empty());
        self.response_chars.add(example.response.chars().count());
        self.segments_per_response.add(example.segments.len());
        for segment in &example.segments {
            self.segment_chars.add(segment.span.len());
            self.unrated_segments += usize::from(segment.ratings.is_empty());
            for (aspect, &rating) in &segment.ratings {
                self.add_rating(aspect, rating);
            }
        }
        *self
            .prompts
            .entry(fingerprint(&example.prompt))
            .or_default() += 1;
        self.add_id(&example.id, line);
    }

    fn add_rating(&mut self, aspect: &str, rating: f64) {
        if !self.ratings.contains_key(aspect) {
            self.ratings.insert(aspect.to_owned(), HashMap::new());
        }
        if let Some(counts) = self.ratings.get_mut(aspect) {
            // Adding zero turns -0.0 into 0.0, so that the two count as one rating.
            *counts.entry((rating + 0.0).to_bits()).or_default() += 1;
        }
    }

    fn add_id(&mut self, id: &str, line: usize) {
        let first_line = *self.id_lines.entry(fingerprint(id)).or_insert(line);
        if first_line == line {
            return;
        }
        self.repeated_ids += 1;
        if self.repeated_id_list.len() < REPEATED_IDS_LISTED {
            self.repeated_id_list.push(RepeatedId {
                id: id.to_owned(),
                first_line,
                line,
            });
        }
    }

    /// The figures for all examples seen.
    pub fn finish(self) -> DatasetStats {
        let ratings = self.ratings.into_iter();
        DatasetStats {
            examples: self.examples,
            examples_with_context: self.examples_with_context,
            examples_without_segments: self.examples_without_segments,
            segments: self.segment_chars.count,
            unrated_segments: self.unrated_segments,
            aspects: ratings
                .map(|(aspect, counts)| (aspect, rating_stats(counts)))
                .collect(),
            response_chars: self.response_chars.stats(),
            segment_chars: self.segment_chars.stats(),
            segments_per_response: self.segments_per_response.stats(),
            distinct_prompts: self.prompts.len(),
            repeated_prompts: self.prompts.values().filter(|&&uses| uses > 1).count(),
            repeated_ids: self.repeated_ids,
            repeated_id_list: self.repeated_id_list,
        }
    }
}

/// Figures for at least one rating, given by its bits and how often it occurs.
fn rating_stats(counts: HashMap<u64, u64>) -> RatingStats {
    let mut values: Vec<(f64, u64)> = counts
        .into_iter()
        .map(|(bits, count)| (f64::from_bits(bits), count))
        .collect();
    // Sorted also so that sums do not depend on the order of the map.
    values.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (min, max) = (values[0].0, values[values.len() - 1].0);
    let (mean, sd) = mean_and_sd(values.iter().copied());
    let mut histogram = Histogram::new(min, max);
    for &(value, count) in &values {
        histogram.add(value, count);
    }
    let count = values.iter().map(|(_, count)| count).sum();
    RatingStats {
        count,
        distinct: values.len(),
        min,
        mean,
        max,
        sd,
        histogram,
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

type Fingerprint = (u64, u64);

/// Stands in for a text: 128 bits, so that two different texts share one less than once in 10^20
/// pairs.
fn fingerprint(text: &str) -> Fingerprint {
    let hash = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        (seed, text).hash(&mut hasher);
        hasher.finish()
    };
    (hash(0), hash(1))
}

#[cfg(test)]
mod tests {
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
