//! The evaluation as a whole: counts, levels, baselines, its JSON.

#![allow(clippy::unwrap_used)] // A fixture that cannot be evaluated fails the test.

use gradus_eval::baselines::{
    Baseline, BaselineExample, BaselineScores, BaselineSegment, ResponseBaselineScores,
};
use gradus_eval::bootstrap::Bootstrap;
use gradus_eval::{
    Absence, Aggregation, Aspect, EvalError, Evaluation, Metric, MetricValues, ScoredResponse,
    ScoredSegment, UnscoredReason,
};
use std::collections::BTreeMap;

fn segment(ratings: &[(&str, f64)], scores: &[f64]) -> ScoredSegment {
    let ratings = ratings
        .iter()
        .map(|&(name, value)| (name.to_owned(), value))
        .collect();
    ScoredSegment::scored(0, 10, ratings, scores.to_vec())
}

fn response(id: &str, segments: Vec<ScoredSegment>) -> ScoredResponse {
    ScoredResponse {
        id: id.into(),
        segments,
        ..ScoredResponse::default()
    }
}

/// Two aspects; the second is rated in places only.
fn scored() -> Vec<ScoredResponse> {
    vec![
        response(
            "x1",
            vec![
                segment(&[("fact", 0.0), ("style", 1.0)], &[0.1, 0.9]),
                segment(&[("fact", 1.0)], &[0.8, 0.5]),
            ],
        ),
        response(
            "x2",
            vec![
                segment(&[("fact", 0.5)], &[0.6, 0.5]),
                segment(&[], &[9.0, 9.0]),
                segment(&[("fact", 1.0), ("style", 0.0)], &[0.9, 0.2]),
            ],
        ),
        response(
            "x3",
            vec![
                segment(&[("fact", 0.25), ("style", 0.5)], &[0.2, 0.4]),
                ScoredSegment::unscored(
                    10,
                    20,
                    BTreeMap::from([("fact".into(), 1.0)]),
                    UnscoredReason::Truncated,
                ),
            ],
        ),
    ]
}

fn aspects() -> Vec<Aspect> {
    vec![
        Aspect::named("fact").with_midpoint(0.5),
        Aspect::named("style"),
    ]
}

fn evaluate(aggregation: Aggregation) -> Evaluation {
    Evaluation::compute(&scored(), &aspects(), aggregation, &[]).unwrap()
}

#[test]
fn each_aspect_is_judged_on_its_own_rated_segments() {
    let evaluation = evaluate(Aggregation::Mean);
    assert_eq!(
        (evaluation.counts.responses, evaluation.counts.segments),
        (3, 7)
    );
    let [fact, style] = &evaluation.aspects[..] else {
        panic!("{evaluation:?}")
    };
    assert_eq!(
        (
            fact.counts.rated,
            fact.counts.scored,
            fact.counts.unscored.truncated
        ),
        (6, 5, 1)
    );
    assert_eq!(
        (fact.counts.responses, fact.counts.responses_partly_scored),
        (3, 1)
    );
    assert_eq!((style.counts.rated, style.counts.scored), (3, 3));
    let error = (0.01 + 0.04 + 0.01 + 0.01 + 0.0025) / 5.0;
    assert!((fact.segment.values.get(Metric::MSE).unwrap() - error).abs() < 1e-12);
    assert_eq!(style.segment.values.midpoint, Some(0.5));
}

#[test]
fn responses_are_aggregated_as_asked() {
    let mse_of = |aggregation| {
        evaluate(aggregation).aspects[0]
            .response
            .values
            .get(Metric::MSE)
            .unwrap()
    };
    // Mean: .45/.5, .75/.75, .2/.25; the unrated 9.0 and the unscored rating take no part.
    assert!((mse_of(Aggregation::Mean) - (0.0025 + 0.0 + 0.0025) / 3.0).abs() < 1e-12);
    // Min: .1/0, .6/.5, .2/.25.
    assert!((mse_of(Aggregation::Min) - (0.01 + 0.01 + 0.0025) / 3.0).abs() < 1e-12);
    // Last rated and scored: .8/1, .9/1, .2/.25.
    assert!((mse_of(Aggregation::Last) - (0.04 + 0.01 + 0.0025) / 3.0).abs() < 1e-12);
}

#[test]
fn a_baseline_is_judged_on_the_segments_of_the_model() {
    let baseline = BaselineScores {
        name: "half".into(),
        aspect: "fact".into(),
        scores: vec![vec![0.5; 2], vec![0.5; 3], vec![0.5; 2]],
    };
    let evaluation =
        Evaluation::compute(&scored(), &aspects(), Aggregation::Mean, &[baseline]).unwrap();
    let [fact, style] = &evaluation.aspects[..] else {
        panic!()
    };
    assert!(style.baselines.is_empty());
    let half = &fact.baselines[0];
    assert_eq!(half.segment.count, fact.segment.values.count);
    assert_eq!(half.segment.get(Metric::PEARSON), None);
    assert!(half.segment.absences.contains(&Absence::ConstantScores));
    assert!(
        (half.segment.get(Metric::MSE).unwrap() - (0.25 + 0.25 + 0.0 + 0.25 + 0.0625) / 5.0).abs()
            < 1e-12
    );
}

#[test]
fn fitted_baselines_go_straight_into_the_evaluation() {
    let scored = scored();
    let texts = ["aa", "bb", "cc"];
    let examples: Vec<BaselineExample> = scored
        .iter()
        .map(|response| BaselineExample {
            prompt: "why",
            response: "aa bb cc",
            segments: response
                .segments
                .iter()
                .zip(texts)
                .map(|(s, text)| BaselineSegment {
                    text,
                    start: 0,
                    rating: s.ratings.get("fact").copied(),
                })
                .collect(),
        })
        .collect();
    let baselines: Vec<BaselineScores> = Baseline::ALL
        .iter()
        .map(|baseline| baseline.fit(&examples).unwrap().scores("fact", &examples))
        .collect();
    let evaluation =
        Evaluation::compute(&scored, &aspects(), Aggregation::Mean, &baselines).unwrap();
    let names: Vec<&str> = evaluation.aspects[0]
        .baselines
        .iter()
        .map(|b| b.name.as_str())
        .collect();
    assert_eq!(names, ["train mean", "position + length", "bag of words"]);
}

#[test]
fn scores_and_baselines_that_do_not_fit_are_refused_by_name() {
    let compute = |scored: &[ScoredResponse], baselines: &[BaselineScores]| {
        Evaluation::compute(scored, &aspects(), Aggregation::Mean, baselines).unwrap_err()
    };
    let mut short = scored();
    short[1].segments[2].scores = Some(vec![0.5]);
    assert_eq!(
        compute(&short, &[]).to_string(),
        "response `x2`, segment 2: found 1 scores, expected 2 (one per aspect)"
    );
    let baseline = |aspect: &str, scores: &[usize]| BaselineScores {
        name: "half".into(),
        aspect: aspect.into(),
        scores: scores.iter().map(|&count| vec![0.5; count]).collect(),
    };
    let error = compute(&scored(), &[baseline("tone", &[2, 3, 2])]);
    assert_eq!(
        error.to_string(),
        "baseline `half`: found aspect `tone`, expected one of: fact, style"
    );
    let error = compute(&scored(), &[baseline("fact", &[2, 3])]);
    assert!(matches!(
        error,
        EvalError::BaselineResponses {
            found: 2,
            expected: 3,
            ..
        }
    ));
    let error = compute(&scored(), &[baseline("fact", &[2, 2, 2])]);
    assert!(matches!(
        error,
        EvalError::BaselineSegments {
            found: 2,
            expected: 3,
            ..
        }
    ));
}

#[test]
fn nothing_one_segment_and_constant_scores_are_answered_with_a_reason() {
    let aspects = [Aspect::named("rating")];
    let evaluate = |scored: &[ScoredResponse]| {
        let mut evaluation = Evaluation::compute(scored, &aspects, Aggregation::Mean, &[]).unwrap();
        evaluation.add_intervals(scored, &aspects, &Bootstrap::default(), &Metric::all());
        serde_json::to_string(&evaluation).unwrap();
        evaluation.aspects.remove(0)
    };
    let of_ratings = |ratings: &[f64], score: f64| -> Vec<ScoredResponse> {
        ratings
            .iter()
            .map(|&rating| response("x", vec![segment(&[("rating", rating)], &[score])]))
            .collect()
    };
    let absences = |scored: &[ScoredResponse]| evaluate(scored).segment.values.absences;
    assert_eq!(absences(&[]), [Absence::NothingToCompare]);
    assert_eq!(
        absences(&[response("x", vec![])]),
        [Absence::NothingToCompare]
    );
    let unrated = [response("x", vec![segment(&[], &[0.5])])];
    assert_eq!(absences(&unrated), [Absence::NothingToCompare]);
    assert_eq!(
        absences(&of_ratings(&[0.5], f64::NAN)),
        [Absence::NothingToCompare]
    );
    assert_eq!(
        absences(&of_ratings(&[0.5], 0.4)),
        [Absence::OnePair, Absence::NothingAboveMidpoint]
    );
    assert!(absences(&of_ratings(&[0.1, 0.9], 0.4)).contains(&Absence::ConstantScores));
    assert!(absences(&of_ratings(&[0.5, 0.5], 0.4)).contains(&Absence::ConstantRatings));
    let one = evaluate(&of_ratings(&[0.5], 0.4));
    assert!((one.segment.values.get(Metric::MSE).unwrap() - 0.01).abs() < 1e-12);
    assert!(one.segment.intervals.is_empty() && one.lowest_is_last.is_none());
}

#[test]
fn the_json_has_the_documented_keys_and_reads_back() {
    let mut evaluation = evaluate(Aggregation::Mean);
    let bootstrap = Bootstrap {
        resamples: 50,
        ..Bootstrap::default()
    };
    evaluation.add_intervals(&scored(), &aspects(), &bootstrap, &[Metric::MSE]);
    let json = serde_json::to_value(&evaluation).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        keys(&json),
        [
            "format_version",
            "provenance",
            "aggregation",
            "counts",
            "bootstrap",
            "aspects"
        ]
    );
    let aspect = &json["aspects"][0];
    assert_eq!(
        keys(aspect),
        [
            "aspect",
            "counts",
            "segment",
            "response",
            "response_ratings",
            "raters",
            "baselines",
            "by_truncation",
            "reliability",
            "recalibrated",
            "slices",
            "lowest_is_last",
            "classes",
            "doubtful",
            "prediction_interval",
            "ablations"
        ]
    );
    assert_eq!(
        keys(&aspect["segment"]),
        ["values", "intervals", "intervals_absent"]
    );
    // Nothing is rated as a whole, and by one rater only.
    assert!(aspect["response_ratings"].is_null() && aspect["raters"].is_null());
    assert_eq!(json["bootstrap"]["resamples"], 50);
    for metric in Metric::all() {
        assert!(
            aspect["segment"]["values"].get(metric.name()).is_some(),
            "{metric}"
        );
    }
    assert!(aspect["segment"]["intervals"]["mse"]["low"].is_number());
    assert_eq!(json["aggregation"], "mean");
    let text = serde_json::to_string(&evaluation).unwrap();
    assert_eq!(
        serde_json::from_str::<Evaluation>(&text).unwrap(),
        evaluation
    );
}

#[test]
fn ratings_of_responses_have_documented_keys_and_read_back() {
    let mut scored = scored();
    for (response, rating) in scored.iter_mut().zip([0.25, 0.75, 0.5]) {
        let name = aspects()[0].name.clone();
        response.ratings.insert(name.clone(), rating);
        response
            .raters
            .insert(name, vec![rating - 0.1, rating + 0.1]);
    }
    let mut evaluation = Evaluation::compute(&scored, &aspects(), Aggregation::Mean, &[]).unwrap();
    evaluation.add_intervals(
        &scored,
        &aspects(),
        &Bootstrap {
            resamples: 50,
            ..Bootstrap::default()
        },
        &[Metric::MSE],
    );
    let json = serde_json::to_value(&evaluation).unwrap();
    let found = &json["aspects"][0]["response_ratings"];
    let keys: Vec<&String> = found.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "counts",
            "given",
            "figures",
            "baselines",
            "by_truncation",
            "reliability",
            "recalibrated",
            "slices",
            "raters",
            "classes"
        ]
    );
    let rmse = found["raters"]["agreement"]["rmse"].as_f64().unwrap();
    assert!((rmse - 0.2).abs() < 1e-12, "{rmse}");
    let text = serde_json::to_string(&evaluation).unwrap();
    assert_eq!(
        serde_json::from_str::<Evaluation>(&text).unwrap(),
        evaluation
    );
}

#[test]
fn scores_of_a_response_are_as_many_as_the_aspects() {
    let mut scored = scored();
    scored[1].scores = Some(vec![0.5]);
    let error = Evaluation::compute(&scored, &aspects(), Aggregation::Mean, &[]).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("`x2`: found 1 scores of the whole response, expected 2"),
        "{message}"
    );
    assert!(error.hint().is_some());
}

#[test]
fn shortened_texts_are_judged_apart_and_counted() {
    let mut scored = scored();
    let whole = evaluate(Aggregation::Mean);
    assert_eq!(whole.aspects[0].by_truncation, None);
    assert_eq!(whole.aspects[0].counts.scored_in_shortened, 0);

    // `x2` has two judged segments of the first aspect, one of them cut, and one of the second.
    scored[1].shortened = true;
    scored[1].segments[0].cut = true;
    let baseline = BaselineScores {
        name: "half".into(),
        aspect: "fact".into(),
        scores: scored.iter().map(|r| vec![0.5; r.segments.len()]).collect(),
    };
    let evaluation =
        Evaluation::compute(&scored, &aspects(), Aggregation::Mean, &[baseline]).unwrap();
    let fact = &evaluation.aspects[0];
    let counts = fact.counts;
    let found = (
        counts.scored_in_shortened,
        counts.responses_shortened,
        counts.scored_cut,
    );
    assert_eq!(found, (2, 1, 1));
    assert_eq!(
        fact.segment, whole.aspects[0].segment,
        "all stay judged together"
    );
    let parts = fact.by_truncation.as_ref().unwrap();
    assert_eq!((parts.whole.responses, parts.shortened.responses), (2, 1));
    let mse = |part: &gradus_eval::PartValues| part.segment.get(Metric::MSE).unwrap();
    // Squared errors .01, .04, .0025 of x1 and x3, and .01, .01 of x2.
    assert!((mse(&parts.whole) - 0.0525 / 3.0).abs() < 1e-12);
    assert!((mse(&parts.shortened) - 0.01).abs() < 1e-12);
    assert_eq!(parts.shortened.segment.midpoint, Some(0.5));
    let of_baseline = &parts.shortened.baselines[0];
    assert!((of_baseline.segment.get(Metric::MSE).unwrap() - 0.125).abs() < 1e-12);
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(
        json["aspects"][0]["by_truncation"]["whole"]["segment"]["count"],
        3
    );
    let back: Evaluation = serde_json::from_value(json).unwrap();
    assert_eq!(back, evaluation);
}

#[test]
fn shortened_responses_rated_as_a_whole_are_judged_apart_too() {
    // Scores off by 0.1, 0.2 and 0.4; the last two texts were shortened.
    let response = |id: &str, rating: f64, score: f64, shortened: bool| ScoredResponse {
        id: id.into(),
        ratings: BTreeMap::from([("fact".to_owned(), rating)]),
        segments: vec![ScoredSegment::scored(0, 1, BTreeMap::new(), vec![score])],
        shortened,
        ..ScoredResponse::default()
    };
    let mut scored = vec![
        response("a", 0.0, 0.1, false),
        response("b", 0.5, 0.7, true),
        response("c", 1.0, 0.6, true),
    ];
    let aspects = [Aspect::named("fact")];
    let mut evaluation = Evaluation::compute(&scored, &aspects, Aggregation::Mean, &[]).unwrap();
    let baseline = ResponseBaselineScores {
        name: "half".into(),
        aspect: "fact".into(),
        scores: vec![0.5; 3],
    };
    evaluation
        .add_response_baselines(&scored, &aspects, &[baseline])
        .unwrap();
    let found = evaluation.aspects[0].response_ratings.as_ref().unwrap();
    let counts = (
        found.counts.responses_shortened,
        found.counts.scored_in_shortened,
    );
    assert_eq!(counts, (2, 2));
    let parts = found.by_truncation.as_ref().unwrap();
    let mse = |values: &MetricValues| values.get(Metric::MSE).unwrap();
    assert_eq!(
        (parts.whole.values.count, parts.shortened.values.count),
        (1, 2)
    );
    assert!((mse(&parts.whole.values) - 0.01).abs() < 1e-12);
    assert!((mse(&parts.shortened.values) - 0.1).abs() < 1e-12);
    assert!((mse(&found.figures.values) - 0.07).abs() < 1e-12);
    assert_eq!(parts.whole.values.midpoint, Some(0.5), "that of all");
    assert!((mse(&parts.whole.baselines[0].values) - 0.25).abs() < 1e-12);
    assert!((mse(&parts.shortened.baselines[0].values) - 0.125).abs() < 1e-12);

    for response in &mut scored {
        response.shortened = false;
    }
    let evaluation = Evaluation::compute(&scored, &aspects, Aggregation::Mean, &[]).unwrap();
    let found = evaluation.aspects[0].response_ratings.as_ref().unwrap();
    assert_eq!(found.by_truncation, None);
}
