//! How much of the scores a trivial baseline tells without the model.

use gradus_data::Example;

use crate::baselines::{CrossFit, OffsetKind};

/// The name under which scores are fitted as ratings.
const SCORE: &str = "score";

/// Which share of the variance of segment scores a baseline explains: R² of its predictions of `scores` by segment,
/// each from a fit to other prompts; 0 if they are worse than the mean. A policy can raise that share of a reward without
/// a better answer.
///
/// `None` if all scores are equal, or those of one prompt.
pub fn shortcut_share(
    kind: OffsetKind,
    examples: &[Example],
    scores: &[Vec<Option<f64>>],
) -> Option<f64> {
    let aspects = [SCORE.to_owned()];
    let examples: Vec<Example> = examples
        .iter()
        .zip(scores)
        .map(|(example, scores)| scored(example, scores))
        .collect();
    let fitted = CrossFit::fit(kind, &aspects, &examples).ok()?;
    let mean = fitted.offset().aspects[0].mean;
    let (mut left, mut all) = (0.0, 0.0);
    for (example, scores) in examples.iter().zip(scores) {
        for (offset, score) in fitted.predict_in_training(example).iter().zip(scores) {
            if let Some(score) = score {
                all += (score - mean).powi(2);
                left += (score - mean - offset[0]).powi(2);
            }
        }
    }
    (all > 0.0).then(|| (1.0 - left / all).max(0.0))
}

/// The example with scores as its only ratings.
fn scored(example: &Example, scores: &[Option<f64>]) -> Example {
    let mut example = example.clone();
    for (segment, score) in example.segments.iter_mut().zip(scores) {
        let rating = score.map(|score| (SCORE.to_owned(), score));
        segment.ratings = rating.into_iter().collect();
    }
    example
}

#[cfg(test)]
mod tests {
    use gradus_data::{CharSpan, Segment};

    use super::*;

    fn examples() -> Vec<Example> {
        let segments = [0, 4, 8].map(|start| Segment::unrated(CharSpan::new(start, start + 3)));
        (0..30)
            .map(|k| Example {
                prompt: format!("prompt {k}"),
                response: "one two six".to_owned(),
                segments: segments.to_vec(),
                ..Example::default()
            })
            .collect()
    }

    fn share(score: impl Fn(u32, u32) -> Option<f64>) -> Option<f64> {
        let scores: Vec<Vec<Option<f64>>> = (0..30)
            .map(|row| (0..3).map(|segment| score(row, segment)).collect())
            .collect();
        shortcut_share(OffsetKind::PositionLength, &examples(), &scores)
    }

    #[test]
    fn a_score_of_the_position_alone_is_explained_and_one_of_nothing_is_not() {
        let by_position = share(|_, segment| Some(f64::from(segment == 2))).unwrap();
        assert!(by_position > 0.9, "{by_position}");
        let noise = |row: u32, segment: u32| {
            let mixed = (3 * row + segment + 1).wrapping_mul(0x9e37_79b9);
            f64::from((mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca6b) >> 31)
        };
        let nothing = share(|row, segment| Some(noise(row, segment))).unwrap();
        assert!(nothing < 0.1, "{nothing}");
        let half =
            share(|row, segment| Some(f64::from(segment == 2) + noise(row, segment))).unwrap();
        assert!(half > nothing + 0.2 && half < by_position - 0.2, "{half}");
    }

    #[test]
    fn equal_scores_and_those_of_one_prompt_have_no_share() {
        assert_eq!(share(|_, _| Some(0.5)), None);
        assert_eq!(
            share(|row, segment| (row == 0).then_some(f64::from(segment))),
            None
        );
    }
}
