//! The loss of a model on records, pair by pair.

use burn::tensor::read_sync;
use gradus_data::{Example, RatingScale, RatingUse, TokenizedExample, TruncationCounts};
use serde::{Deserialize, Serialize};

use super::responses::{ExplainedResponse, ResponsesExplained};
use super::{LossShare, RatedScore, loss_shares};
use crate::scorer::SegmentRows;
use crate::{Aggregation, Aspect, EvalError, Result, ScoredResponse, Scorer, UnscoredReason};

/// The loss of a model on records, decomposed by segment and aspect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Weighted mean squared error over the pairs that are rated and scored, on the training scale.
    /// `None` without one.
    pub loss: Option<f64>,
    /// `J = -loss`.
    pub objective: Option<f64>,
    /// Pairs of segment and aspect that are rated and scored: those the loss is made of.
    pub pairs: usize,
    /// Sum of their weights.
    pub total_weight: f64,
    /// Rated pairs without a score.
    pub rated_without_score: usize,
    /// Pairs without a rating.
    pub unrated: usize,
    /// Whether targets are the ratings as they are, for every aspect.
    pub identity_scale: bool,
    /// All pairs: the largest share of the loss first, then rated ones without a score, then
    /// unrated ones.
    pub segments: Vec<ExplainedPair>,
    /// The loss of responses that are rated as a whole; `None` where none is.
    #[serde(default)]
    pub responses: Option<ResponsesExplained>,
}

/// A segment in one aspect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExplainedPair {
    /// Id of the example.
    pub id: String,
    /// Index of the segment, from 0.
    pub segment: usize,
    /// First character of the segment in the response.
    pub start: usize,
    /// One past its last character.
    pub end: usize,
    /// Its text.
    pub text: String,
    /// Name of the aspect.
    pub aspect: String,
    /// Rating, in rating units; `None` where unrated.
    pub rating: Option<f64>,
    /// The rating on the training scale.
    pub target: Option<f64>,
    /// Score on the training scale; `None` if not scored.
    pub score: Option<f64>,
    /// The score in rating units.
    pub rating_units_score: Option<f64>,
    /// Why there is no score.
    pub unscored: Option<UnscoredReason>,
    /// Weight in the loss; `None` for what is not in it.
    pub weight: Option<f64>,
    /// What it adds to loss and gradient; `None` for what is not in the loss.
    pub share: Option<LossShare>,
}

/// Whether a pair is in the loss, and if not why; in the order in which pairs are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PairKind {
    /// Rated and scored.
    InLoss,
    /// Rated, but without a score.
    WithoutScore,
    /// Not rated.
    Unrated,
}

impl ExplainedPair {
    /// Whether it is in the loss.
    pub fn kind(&self) -> PairKind {
        match (self.rating, self.share) {
            (Some(_), Some(_)) => PairKind::InLoss,
            (Some(_), None) => PairKind::WithoutScore,
            (None, _) => PairKind::Unrated,
        }
    }
}

/// Decomposes the loss of a bundle, with the segment weights of training. Truncations are added to `counts`.
/// Examples without segments are cut by the bundle's segmenter. `only` selects aspects. Default: all.
///
/// # Errors
/// [`EvalError::UnknownAspect`], or those of segmenting and tokenizing.
pub fn explain_bundle(
    scorer: &Scorer,
    mut examples: Vec<Example>,
    only: Option<&[String]>,
    counts: &mut TruncationCounts,
) -> Result<Explanation> {
    let chosen = chosen_aspects(&scorer.aspects().collect::<Vec<_>>(), only)?;
    for example in &mut examples {
        scorer.segment(example)?;
    }
    let tokenized: Vec<TokenizedExample> = examples
        .iter()
        .map(|example| tokenize(scorer, example, counts))
        .collect::<Result<_>>()?;
    let read = read_off(scorer, &tokenized)?;
    let specs = &scorer.text_config().aspects;
    let (mut pairs, mut responses) = (Vec::new(), Vec::new());
    for ((example, tokenized), read) in examples.iter().zip(&tokenized).zip(&read) {
        for segment in 0..example.segments.len() {
            let kept = tokenized.segments.iter().position(|s| s.index == segment);
            let unscored = kept.is_none().then(|| {
                if tokenized.without_tokens.contains(&segment) {
                    UnscoredReason::NoTokens
                } else {
                    UnscoredReason::Truncated
                }
            });
            for &aspect in &chosen {
                let scale = specs[aspect].scale;
                let score = kept.map(|kept| f64::from(read[kept].scores[aspect]));
                let mut pair = blank(example, segment, &specs[aspect].name);
                pair.target = match kept {
                    Some(kept) => tokenized.segments[kept].targets[aspect].map(f64::from),
                    None => pair.rating.map(|rating| scale.to_target(rating)),
                };
                pair.score = score;
                pair.rating_units_score = score.map(|score| scale.to_rating(score));
                pair.unscored = unscored;
                let weight = kept.map(|kept| f64::from(tokenized.segments[kept].weight));
                pair.weight = weight.filter(|_| pair.rating.is_some());
                // The formula of the gradient at the head holds for a linear one.
                let norm = kept.filter(|_| scorer.is_linear_in_states());
                let norm = norm.map(|kept| f64::from(read[kept].state_norm));
                pairs.push((pair, norm));
            }
        }
        for &aspect in &chosen {
            let (scale, name) = (specs[aspect].scale, specs[aspect].name.as_str());
            let Some(&rating) = example.ratings.get(name) else {
                continue;
            };
            let scores = read.iter().map(|read| f64::from(read.scores[aspect]));
            let scores: Vec<f64> = scores.map(|score| scale.to_rating(score)).collect();
            let score = scorer.aggregation().aggregate(&scores);
            let unscored = unscored_response(example, tokenized);
            let names = (example.id.as_str(), name);
            responses.push(ExplainedResponse::new(
                names, rating, score, scale, unscored,
            ));
        }
    }
    let identity = specs.iter().all(|spec| spec.scale == RatingScale::Identity);
    Ok(explanation(pairs, identity, responses))
}

/// Why a response has no score; `None` if it has one.
fn unscored_response(example: &Example, tokenized: &TokenizedExample) -> Option<UnscoredReason> {
    let scored = tokenized.segments.iter().map(|_| (true, None));
    let without_tokens = tokenized.without_tokens.iter();
    let without_tokens = without_tokens.map(|_| (false, Some(UnscoredReason::NoTokens)));
    let dropped = tokenized.dropped.iter();
    let dropped = dropped.map(|_| (false, Some(UnscoredReason::Truncated)));
    UnscoredReason::of_response(
        &example.response,
        scored.chain(without_tokens).chain(dropped),
    )
}

/// Takes the loss of scores made elsewhere apart, those of responses aggregated where they have none
/// of their own. Ratings are the targets, every rated pair weighs
/// 1, and nothing is known of a head. `scored` lies parallel to `examples`, its scores to
/// `aspects`, of which `only` names those to explain; without it, all are.
///
/// # Errors
/// [`EvalError::UnknownAspect`].
///
/// # Panics
/// If a response is scored for other segments than its example has.
pub fn explain_scores(
    scored: &[ScoredResponse],
    examples: &[Example],
    aspects: &[Aspect],
    only: Option<&[String]>,
    aggregation: Aggregation,
) -> Result<Explanation> {
    let names: Vec<&str> = aspects.iter().map(|aspect| aspect.name.as_str()).collect();
    let chosen = chosen_aspects(&names, only)?;
    let (mut pairs, mut responses) = (Vec::new(), Vec::new());
    for (example, response) in examples.iter().zip(scored) {
        let (found, expected) = (response.segments.len(), example.segments.len());
        assert_eq!(found, expected, "segments of `{}`", example.id);
        for (segment, with_scores) in response.segments.iter().enumerate() {
            for &aspect in &chosen {
                let mut pair = blank(example, segment, names[aspect]);
                let scores = with_scores.scores.as_ref();
                let score = scores.and_then(|scores| scores.get(aspect)).copied();
                pair.target = pair.rating;
                pair.score = score.filter(|score| score.is_finite());
                pair.rating_units_score = pair.score;
                pair.unscored = with_scores.unscored;
                pair.weight = pair.rating.and(pair.score).map(|_| 1.0);
                pairs.push((pair, None));
            }
        }
        for &aspect in &chosen {
            if let Some(&rating) = response.ratings.get(names[aspect]) {
                let score = response.score(aspect, aggregation);
                let unscored = response.unscored.filter(|_| score.is_none());
                let names = (example.id.as_str(), names[aspect]);
                let scale = RatingScale::Identity;
                responses.push(ExplainedResponse::new(
                    names, rating, score, scale, unscored,
                ));
            }
        }
    }
    Ok(explanation(pairs, true, responses))
}

/// Indices of the aspects to explain, in their order: those that are named, or all.
fn chosen_aspects(known: &[&str], only: Option<&[String]>) -> Result<Vec<usize>> {
    let Some(only) = only else {
        return Ok((0..known.len()).collect());
    };
    if let Some(found) = only.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(EvalError::UnknownAspect {
            found: found.clone(),
            known: known.join(", "),
        });
    }
    let named = |&place: &usize| only.iter().any(|name| name == known[place]);
    Ok((0..known.len()).filter(named).collect())
}

/// Encodes an example with its ratings. A rated segment without a token, which stops training, is
/// only left out here.
fn tokenize(
    scorer: &Scorer,
    example: &Example,
    counts: &mut TruncationCounts,
) -> Result<TokenizedExample> {
    if example.segments.is_empty() {
        // An empty response: nothing is read off it.
        counts.examples += 1;
        return Ok(TokenizedExample {
            id: example.id.clone(),
            ..TokenizedExample::default()
        });
    }
    let (mut sequences, found) = scorer
        .tokenizer()
        .sequences(example, RatingUse::Keep, None)?;
    *counts += found;
    let mut sequence = sequences.swap_remove(0);
    scorer.add_offsets(&mut sequence, example);
    Ok(sequence)
}

/// What the model says of a segment.
#[derive(Clone, Default)]
struct Read {
    /// Per aspect, on the training scale.
    scores: Vec<f32>,
    /// Norm of the pooled state.
    state_norm: f32,
}

/// What the model says of every segment that was kept, by example.
fn read_off(scorer: &Scorer, tokenized: &[TokenizedExample]) -> Result<Vec<Vec<Read>>> {
    let sequences: Vec<&TokenizedExample> = tokenized.iter().collect();
    let mut read = vec![Vec::new(); tokenized.len()];
    for rows in scorer.batches(&sequences) {
        let batch: Vec<&TokenizedExample> = rows.iter().map(|&row| sequences[row]).collect();
        let (states, scores) = scorer.states_and_scores(&batch);
        let norms = read_sync(SegmentRows::read(states.square().sum_dim(2).sqrt()))?;
        let scores = read_sync(SegmentRows::read(scores))?;
        for (place, (&row, sequence)) in rows.iter().zip(&batch).enumerate() {
            let segment = |kept| Read {
                scores: scores.of(place, kept).to_vec(),
                state_norm: norms.of(place, kept)[0],
            };
            read[row] = (0..sequence.segments.len()).map(segment).collect();
            for (read, segment) in read[row].iter().zip(&sequence.segments) {
                if let Some(found) = read.scores.iter().find(|score| !score.is_finite()) {
                    return Err(EvalError::ScoreNotFinite {
                        id: sequence.id.clone(),
                        segment: segment.index,
                        found: f64::from(*found),
                    });
                }
            }
        }
    }
    Ok(read)
}

/// A pair of which only the record is known.
fn blank(example: &Example, segment: usize, aspect: &str) -> ExplainedPair {
    let span = example.segments[segment].span;
    ExplainedPair {
        id: example.id.clone(),
        segment,
        start: span.start,
        end: span.end,
        text: example.segment_text(segment).to_owned(),
        aspect: aspect.to_owned(),
        rating: example.segments[segment].ratings.get(aspect).copied(),
        target: None,
        score: None,
        rating_units_score: None,
        unscored: None,
        weight: None,
        share: None,
    }
}

/// Adds shares and sums to pairs, each given with the norm of its state, and sorts them.
fn explanation(
    mut pairs: Vec<(ExplainedPair, Option<f64>)>,
    identity: bool,
    responses: Vec<ExplainedResponse>,
) -> Explanation {
    let rated = |(pair, state_norm): &(ExplainedPair, Option<f64>)| {
        Some(RatedScore {
            target: pair.target?,
            score: pair.score?,
            weight: pair.weight?,
            state_norm: *state_norm,
        })
    };
    let in_loss: Vec<usize> = (0..pairs.len())
        .filter(|&index| rated(&pairs[index]).is_some())
        .collect();
    let values: Vec<RatedScore> = pairs.iter().filter_map(rated).collect();
    let shares = loss_shares(&values);
    for (index, share) in in_loss.into_iter().zip(shares.shares) {
        pairs[index].0.share = Some(share);
    }
    let mut segments: Vec<ExplainedPair> = pairs.into_iter().map(|(pair, _)| pair).collect();
    // Stable: pairs that are equal stay in the order of the text.
    let part = |pair: &ExplainedPair| {
        let squared = pair.share.map_or(0.0, |share| share.squared_error);
        squared * pair.weight.unwrap_or(0.0)
    };
    segments.sort_by(|a, b| a.kind().cmp(&b.kind()).then(part(b).total_cmp(&part(a))));
    let count = |kind| segments.iter().filter(|pair| pair.kind() == kind).count();
    Explanation {
        loss: shares.loss,
        objective: shares.loss.map(|loss| -loss),
        pairs: count(PairKind::InLoss),
        total_weight: shares.total_weight,
        rated_without_score: count(PairKind::WithoutScore),
        unrated: count(PairKind::Unrated),
        identity_scale: identity,
        segments,
        responses: ResponsesExplained::of(responses),
    }
}
