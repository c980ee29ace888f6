//! Ratings by themselves, and segments without text.

use gradus_data::{CharSpan, Example};
use gradus_eval::EvalError;
use gradus_eval::audit::{AuditOptions, AuditSplit, FindingKind, Grade, audit};

use rand::RngExt;

use super::{audit_one, example, finding, honest, kinds, random, words};

/// Changes every rating: `change(response, segment, rating)`.
fn rerated(examples: Vec<Example>, change: impl Fn(usize, usize, f64) -> f64) -> Vec<Example> {
    let mut examples = examples;
    for (index, example) in examples.iter_mut().enumerate() {
        for (k, segment) in example.segments.iter_mut().enumerate() {
            for rating in segment.ratings.values_mut() {
                *rating = change(index, k, *rating);
            }
        }
    }
    examples
}

#[test]
fn ratings_outside_the_stated_scale_are_named() {
    let examples = rerated(honest(1, 50), |index, k, rating| {
        if (index, k) == (9, 1) { 1.5 } else { rating }
    });
    let options = AuditOptions {
        scale: Some("0:1".parse().unwrap()),
        ..AuditOptions::default()
    };
    let report = audit(&[AuditSplit::new("data", &examples)], &options).unwrap();
    let found = finding(&report, FindingKind::OutOfScale);
    assert_eq!(found.grade, Grade::Problem);
    assert_eq!(found.examples[0].to_string(), "data `1-9` segment 1");
    assert!(
        found.message.contains("the first is 1.5"),
        "{}",
        found.message
    );
    // Without a scale 1.5 is not far enough from the others to stand out.
    assert!(!audit_one(&examples).is_flagged());
}

#[test]
fn a_mark_for_missing_stands_out_without_a_scale() {
    let examples = rerated(
        honest(1, 50),
        |index, _, rating| {
            if index % 4 == 0 { -100.0 } else { rating }
        },
    );
    let report = audit_one(&examples);
    let found = finding(&report, FindingKind::Outliers);
    assert!(
        found.message.contains("from 0 to 1; the first is -100"),
        "{}",
        found.message
    );
}

#[test]
fn constant_and_nearly_constant_aspects_are_named() {
    let report = audit_one(&rerated(honest(1, 50), |_, _, _| 0.5));
    assert_eq!(
        finding(&report, FindingKind::Constant).grade,
        Grade::Problem
    );
    assert!(
        report.aspects[0]
            .features
            .iter()
            .all(|reach| reach.pearson.is_none())
    );
    let report = audit_one(&rerated(honest(1, 50), |index, _, _| {
        f64::from(u8::from(index == 0))
    }));
    // One response of fifty is more than one in a hundred.
    assert!(
        !kinds(&report).contains_key("Constant"),
        "{:?}",
        report.findings
    );
    let nearly = rerated(honest(1, 50), |index, k, _| {
        f64::from(u8::from((index, k) == (0, 0)))
    });
    assert_eq!(
        finding(&audit_one(&nearly), FindingKind::Constant).grade,
        Grade::Warning
    );
}

#[test]
fn aspects_that_are_rated_alike_are_named() {
    let mut examples = honest(1, 60);
    for example in &mut examples {
        for segment in &mut example.segments {
            let rating = segment.ratings["rating"];
            segment.ratings.insert("other".into(), 3.0 - 2.0 * rating);
        }
    }
    let report = audit_one(&examples);
    let found = finding(&report, FindingKind::AspectsAlike);
    assert!(
        found.message.contains("`other` and `rating`"),
        "{}",
        found.message
    );
    assert!((report.aspect_pairs[0].pearson.unwrap() + 1.0).abs() < 1e-9);
}

#[test]
fn a_response_rating_copied_to_its_segments_is_named() {
    let report = audit_one(&rerated(honest(1, 60), |index, _, _| (index % 3) as f64));
    assert_eq!(
        finding(&report, FindingKind::CopiedRating).grade,
        Grade::Warning
    );
}

#[test]
fn segments_of_white_space_and_text_outside_are_named() {
    let mut examples = honest(1, 50);
    for example in &mut examples {
        let from = example.response.chars().count();
        example.response.push_str("  \n");
        let mut blank = example.segments[0].clone();
        blank.span = CharSpan::new(from, from + 2);
        example.segments.push(blank);
        example.segments.remove(0);
    }
    let report = audit_one(&examples);
    let blank = finding(&report, FindingKind::BlankSegments);
    assert_eq!(
        (blank.grade, blank.numbers["rated"]),
        (Grade::Problem, 50.0)
    );
    assert_eq!(
        finding(&report, FindingKind::TextOutside).grade,
        Grade::Note
    );
    assert!(report.splits[0].text.outside_segments.unwrap() > 0.1);
}

#[test]
fn what_a_split_does_not_rate_is_named() {
    let train = honest(1, 50);
    let mut test = honest(2, 50);
    for segment in test.iter_mut().flat_map(|example| &mut example.segments) {
        let rating = segment.ratings.remove("rating").unwrap();
        segment.ratings.insert("other".into(), rating);
    }
    let splits = [
        AuditSplit::new("train", &train),
        AuditSplit::new("test", &test),
    ];
    let report = audit(&splits, &AuditOptions::default()).unwrap();
    assert_eq!(kinds(&report).get("MissingAspect"), Some(&2));
    for segment in test.iter_mut().flat_map(|example| &mut example.segments) {
        segment.ratings.clear();
    }
    let splits = [
        AuditSplit::new("train", &train),
        AuditSplit::new("test", &test),
    ];
    let report = audit(&splits, &AuditOptions::default()).unwrap();
    let unrated = finding(&report, FindingKind::Unrated);
    assert_eq!(unrated.grade, Grade::Problem);
    assert!(unrated.message.starts_with("test:"), "{}", unrated.message);
}

#[test]
fn nothing_rated_at_all_is_a_problem_and_no_panic() {
    let mut examples = honest(1, 20);
    for segment in examples
        .iter_mut()
        .flat_map(|example| &mut example.segments)
    {
        segment.ratings.clear();
    }
    let report = audit_one(&examples);
    assert!(report.aspects.is_empty());
    finding(&report, FindingKind::Unrated);
}

#[test]
fn an_empty_split_is_an_error() {
    let train = honest(1, 5);
    let splits = [
        AuditSplit::new("train", &train),
        AuditSplit::new("test", &[]),
    ];
    let error = audit(&splits, &AuditOptions::default()).unwrap_err();
    assert!(
        matches!(&error, EvalError::NothingToAudit { split } if split == "test"),
        "{error}"
    );
    assert!(audit(&[], &AuditOptions::default()).is_err());
}

#[test]
fn ratings_of_whole_responses_are_ratings() {
    let mut examples = honest(1, 50);
    for example in &mut examples {
        for segment in &mut example.segments {
            segment.ratings.clear();
        }
    }
    finding(&audit_one(&examples), FindingKind::Unrated);
    examples[7].ratings.insert("rating".into(), 0.5);
    let report = audit_one(&examples);
    assert!(!kinds(&report).contains_key("Unrated"));
}

/// Responses of three segments, each rated by `rate(random, response)`.
fn rated_by(
    responses: usize,
    rate: impl Fn(&mut rand_chacha::ChaCha8Rng, usize) -> f64,
) -> Vec<Example> {
    let mut random = random(31);
    (0..responses)
        .map(|index| {
            let segments: Vec<_> = (0..3)
                .map(|_| {
                    let rating = rate(&mut random, index);
                    (words(&mut random, 8), Some(rating))
                })
                .collect();
            let prompt = format!("Task {index}: {}", words(&mut random, 8));
            example(&index.to_string(), &prompt, &segments)
        })
        .collect()
}

fn quarters(random: &mut rand_chacha::ChaCha8Rng) -> f64 {
    f64::from(random.random_range(0..5)) / 4.0
}

fn one_to_five(random: &mut rand_chacha::ChaCha8Rng) -> f64 {
    f64::from(random.random_range(1..6))
}

#[test]
fn two_scales_in_one_aspect_are_named() {
    let halves = |examples: &mut [Example]| {
        for (index, example) in examples.iter_mut().enumerate() {
            let source = if index % 2 == 0 { "a" } else { "b" };
            example.meta.insert("source".into(), source.into());
        }
    };
    let mixed = rated_by(120, |random, k| {
        if k % 2 == 0 {
            quarters(random)
        } else {
            one_to_five(random)
        }
    });
    let binary = rated_by(120, |random, k| {
        if k % 2 == 0 {
            f64::from(random.random_range(0..2))
        } else {
            one_to_five(random)
        }
    });
    let percent = rated_by(120, |random, k| {
        if k % 2 == 0 {
            quarters(random)
        } else {
            f64::from(random.random_range(0..11)) * 10.0
        }
    });
    let stars = rated_by(120, |random, k| {
        if k % 2 == 0 {
            one_to_five(random)
        } else {
            f64::from(random.random_range(0..11)) * 10.0
        }
    });
    for (examples, lower, upper) in [
        (mixed, "from 0 to 1", "from 1 to 5"),
        (binary, "from 0 to 1", "from 1 to 5"),
        (percent, "from 0 to 1", "from 0 to 100"),
        (stars, "from 1 to 5", "from 0 to 100"),
    ] {
        for named in [false, true] {
            let mut examples = examples.clone();
            if named {
                halves(&mut examples);
            }
            let report = audit_one(&examples);
            let found = finding(&report, FindingKind::MixedScales);
            assert_eq!(found.grade, Grade::Problem);
            assert!(
                found.message.contains(lower) && found.message.contains(upper),
                "{}",
                found.message
            );
            let is_named = found.message.contains("`meta.source` tells them apart");
            assert_eq!(is_named, named, "{}", found.message);
        }
    }
}

/// Ratings of two sources in turn, named by `meta.source`.
fn two_sources(
    a: impl Fn(&mut rand_chacha::ChaCha8Rng) -> f64,
    b: impl Fn(&mut rand_chacha::ChaCha8Rng) -> f64,
) -> Vec<Example> {
    let mut examples = rated_by(
        120,
        |random, k| if k % 2 == 0 { a(random) } else { b(random) },
    );
    for (index, example) in examples.iter_mut().enumerate() {
        let source = if index % 2 == 0 { "a" } else { "b" };
        example.meta.insert("source".into(), source.into());
    }
    examples
}

#[test]
fn a_scale_that_breaks_off_where_another_goes_on_is_named() {
    let whole = |low: i32, high: i32| {
        move |random: &mut rand_chacha::ChaCha8Rng| f64::from(random.random_range(low..=high))
    };
    let tenths =
        |random: &mut rand_chacha::ChaCha8Rng| f64::from(random.random_range(0..=1000)) / 10.0;
    for (examples, lower, upper) in [
        (two_sources(whole(0, 1), whole(0, 4)), "0 to 1", "0 to 4"),
        (two_sources(whole(0, 1), whole(0, 5)), "0 to 1", "0 to 5"),
        (two_sources(whole(0, 1), whole(0, 10)), "0 to 1", "0 to 10"),
        (two_sources(whole(1, 5), whole(1, 10)), "1 to 5", "1 to 10"),
        (two_sources(whole(1, 5), whole(1, 100)), "1 to 5", ""),
        (two_sources(whole(1, 5), tenths), "1 to 5", ""),
    ] {
        let report = audit_one(&examples);
        let message = &finding(&report, FindingKind::MixedScales).message;
        let said = format!("`meta.source` tells them apart (`a`: {lower}, `b`: {upper}");
        assert!(message.contains(&said), "{message}");
        // Between splits, too.
        let side = |side| examples.iter().skip(side).step_by(2).cloned();
        let splits: [Vec<Example>; 2] = [side(0).collect(), side(1).collect()];
        let splits = [
            AuditSplit::new("train", &splits[0]),
            AuditSplit::new("test", &splits[1]),
        ];
        let report = audit(&splits, &AuditOptions::default()).unwrap();
        let message = &finding(&report, FindingKind::MixedScales).message;
        assert!(message.contains("the split tells them apart"), "{message}");
    }
}

#[test]
fn a_bad_source_and_a_key_that_follows_from_the_ratings_are_on_one_scale() {
    let whole = |low: i32, high: i32| {
        move |random: &mut rand_chacha::ChaCha8Rng| f64::from(random.random_range(low..=high))
    };
    // Worse and worse, rarely as good as 5, or as 1.
    let thinning = |random: &mut rand_chacha::ChaCha8Rng| {
        [
            1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0, 5.0,
        ][random.random_range(0..15)]
    };
    let mostly_0 =
        |random: &mut rand_chacha::ChaCha8Rng| f64::from(u8::from(random.random_range(0..8) == 0));
    let minor = |random: &mut rand_chacha::ChaCha8Rng| [0.0, 1.0][random.random_range(0..2)];
    let penalties =
        |random: &mut rand_chacha::ChaCha8Rng| [0.0, 1.0, 5.0, 25.0][random.random_range(0..4)];
    // Whether a response has a rating above 5.
    let mut follows = rated_by(120, |random, _| whole(0, 10)(random));
    for example in &mut follows {
        let high = example.segments.iter().any(|s| s.ratings["rating"] > 5.0);
        example.meta.insert("has_high".into(), high.into());
    }
    for (name, examples) in [
        ("thinning", two_sources(thinning, whole(1, 10))),
        ("mostly 0", two_sources(mostly_0, whole(0, 4))),
        ("penalties", two_sources(minor, penalties)),
        ("follows", follows),
        (
            "few",
            two_sources(whole(0, 1), whole(0, 4)).drain(..20).collect(),
        ),
    ] {
        let report = audit_one(&examples);
        assert!(
            !kinds(&report).contains_key("MixedScales"),
            "{name}: {:?}",
            report.findings
        );
    }
}

#[test]
fn two_scales_are_found_between_splits_and_where_a_response_has_one_segment() {
    let train = rated_by(60, |random, _| quarters(random));
    let test = rated_by(60, |random, _| one_to_five(random));
    let splits = [
        AuditSplit::new("train", &train),
        AuditSplit::new("test", &test),
    ];
    let report = audit(&splits, &AuditOptions::default()).unwrap();
    let found = finding(&report, FindingKind::MixedScales);
    let said = "180 from 0 to 1 and 180 from 1 to 5; the split tells them apart";
    assert!(found.message.contains(said), "{}", found.message);

    let mut single = rated_by(100, |random, k| {
        if k % 2 == 0 {
            quarters(random)
        } else {
            one_to_five(random)
        }
    });
    for example in &mut single {
        for segment in &mut example.segments[1..] {
            segment.ratings.clear();
        }
    }
    let report = audit_one(&single);
    let found = finding(&report, FindingKind::MixedScales);
    assert!(found.message.contains("from 2 to 5"), "{}", found.message);
}

#[test]
fn scales_of_other_steps_and_signs_are_told_apart() {
    type Rate = fn(&mut rand_chacha::ChaCha8Rng) -> f64;
    let hundredths: Rate = |random| f64::from(random.random_range(0..101)) / 100.0;
    let tenths: Rate = |random| f64::from(random.random_range(0..1001)) / 10.0;
    let whole: Rate = |random| f64::from(random.random_range(0..101));
    let binary: Rate = |random| f64::from(random.random_range(0..2));
    let signs: Rate = |random| f64::from(random.random_range(0..2)) * 2.0 - 1.0;
    for (lower, upper, has_signs) in [
        (hundredths, tenths, false),
        (hundredths, whole, false),
        (binary, whole, false),
        (binary, tenths, false),
        (binary, signs, true),
    ] {
        for segments in [1, 3] {
            let mut examples = rated_by(120, |random, k| {
                let rate = if k % 2 == 0 { lower } else { upper };
                rate(random)
            });
            for example in &mut examples {
                for segment in &mut example.segments[segments..] {
                    segment.ratings.clear();
                }
            }
            let report = audit_one(&examples);
            let found = report
                .findings
                .iter()
                .filter(|f| f.kind == FindingKind::MixedScales);
            // Single ratings of -1, 0 and 1 may be of one scale.
            let expected = usize::from(!(segments == 1 && has_signs));
            assert_eq!(found.count(), expected, "{segments}: {:?}", report.findings);
        }
    }
}

#[test]
fn a_source_without_ratings_below_zero_is_of_another_scale_only_if_it_has_bad_ones() {
    let found = |rate: fn(&mut rand_chacha::ChaCha8Rng) -> f64| {
        let mut examples = rated_by(120, |random, k| {
            if k % 2 == 0 {
                rate(random)
            } else {
                f64::from(random.random_range(0..201)) / 100.0 - 1.0
            }
        });
        for (index, example) in examples.iter_mut().enumerate() {
            let source = if index % 2 == 0 { "a" } else { "b" };
            example.meta.insert("source".into(), source.into());
        }
        let report = audit_one(&examples);
        report
            .findings
            .into_iter()
            .find(|f| f.kind == FindingKind::MixedScales)
    };
    let finding = found(|random| f64::from(random.random_range(0..101)) / 100.0).unwrap();
    assert!(
        finding.message.contains("`meta.source` tells them apart"),
        "{}",
        finding.message
    );
    assert!(found(|random| f64::from(random.random_range(60..101)) / 100.0).is_none());
}

#[test]
fn one_scale_is_one_scale() {
    type Rate = fn(&mut rand_chacha::ChaCha8Rng, usize) -> f64;
    let scales: [(&str, Rate); 9] = [
        ("0 to 1", |random, _| quarters(random)),
        ("1 to 5", |random, _| one_to_five(random)),
        ("0 to 5", |random, _| f64::from(random.random_range(0..6))),
        ("0 to 10", |random, _| f64::from(random.random_range(0..11))),
        ("0 to 100", |random, _| {
            f64::from(random.random_range(0..101))
        }),
        ("halves of 0 to 5", |random, _| {
            f64::from(random.random_range(0..11)) / 2.0
        }),
        ("-1, 0, 1", |random, _| {
            f64::from(random.random_range(-1..2))
        }),
        // Penalties of machine translation: none, minor punctuation, minor, major, not a translation.
        ("penalties", |random, _| {
            [0.0, 0.1, 1.0, 1.0, 5.0, 25.0][random.random_range(0..6)]
        }),
        // One rating a response, copied to its segments: no response has two.
        ("copied", |_, k| (k % 6) as f64),
    ];
    for (name, rate) in scales {
        let mut examples = rated_by(200, rate);
        // A source that is never good, on the scale of all.
        for (index, example) in examples.iter_mut().enumerate() {
            example.meta.insert("source".into(), (index % 3).into());
        }
        let report = audit_one(&examples);
        assert!(
            !kinds(&report).contains_key("MixedScales"),
            "{name}: {:?}",
            report.findings
        );
    }
}

#[test]
fn an_aspect_misspelt_in_one_record_is_named_with_what_was_meant() {
    let rated = |aspect: &dyn Fn(usize) -> &'static str| {
        let mut examples = honest(3, 60);
        for (index, example) in examples.iter_mut().enumerate() {
            for segment in &mut example.segments {
                let rating = segment.ratings.remove("rating").unwrap();
                segment.ratings.insert(aspect(index).into(), rating);
            }
        }
        examples
    };
    for (wrong, said) in [
        (
            "Faithfulness",
            "`Faithfulness` is rated in 1 (`3-7`) of the records, and `faithfulness` in 59",
        ),
        (
            "faithfullness",
            "`faithfullness` is rated in 1 (`3-7`) of the records, and `faithfulness` in 59",
        ),
        ("rating", "`rating` is rated in 1 (`3-7`) of the records"),
    ] {
        let examples = rated(&|index| if index == 7 { wrong } else { "faithfulness" });
        let (train, test) = examples.split_at(40);
        let splits = [
            AuditSplit::new("train", train),
            AuditSplit::new("test", test),
        ];
        let report = audit(&splits, &AuditOptions::default()).unwrap();
        let found = finding(&report, FindingKind::RareAspect);
        assert!(found.message.contains(said), "{}", found.message);
        assert_eq!(found.aspect.as_deref(), Some(wrong));
        assert!(
            !kinds(&report).contains_key("MissingAspect"),
            "{:?}",
            report.findings
        );
    }
    // Not rare, but one name all the same.
    let report = audit_one(&rated(&|index| {
        if index % 3 == 0 {
            "is_right"
        } else {
            "Is right"
        }
    }));
    let found = finding(&report, FindingKind::RareAspect);
    assert!(
        found.message.contains("`is_right` is rated in 20"),
        "{}",
        found.message
    );
    // Two aspects are two aspects.
    let report = audit_one(&rated(&|index| {
        if index % 3 == 0 { "clarity" } else { "tone" }
    }));
    assert!(
        !kinds(&report).contains_key("RareAspect"),
        "{:?}",
        report.findings
    );
}

#[test]
fn of_very_many_aspects_only_the_most_rated_are_looked_at() {
    // An id in place of the aspect: as many aspects as segments, and two that many rate.
    let mut examples = honest(5, 3000);
    for (index, example) in examples.iter_mut().enumerate() {
        for (place, segment) in example.segments.iter_mut().enumerate() {
            let rating = segment.ratings["rating"];
            segment.ratings.insert("tone".into(), 1.0 - rating);
            segment
                .ratings
                .insert(format!("id {index} {place}"), rating);
        }
    }
    let segments: usize = examples.iter().map(|example| example.segments.len()).sum();
    let report = audit_one(&examples);
    assert_eq!(report.aspects.len(), 256);
    for name in ["rating", "tone"] {
        assert!(report.aspects.iter().any(|aspect| aspect.aspect == name));
    }
    let found = finding(&report, FindingKind::ManyAspects);
    assert!(
        found
            .message
            .starts_with(&format!("{} aspects", segments + 2))
    );
    let rare = report
        .findings
        .iter()
        .filter(|f| f.kind == FindingKind::RareAspect);
    assert_eq!(rare.clone().count(), 101);
    assert!(
        rare.clone()
            .any(|f| f.message.starts_with(&format!("{} more", segments - 100)))
    );
    assert!(!kinds(&audit_one(&honest(5, 100))).contains_key("ManyAspects"));
}

#[test]
fn segments_that_begin_or_end_inside_a_word_are_a_warning() {
    let mut examples = honest(1, 100);
    let kind = FindingKind::InsideWords;
    assert!(
        audit_one(&examples)
            .findings
            .iter()
            .all(|found| found.kind != kind)
    );
    for example in examples.iter_mut().take(50) {
        example.segments[1].span.start += 2;
    }
    let report = audit_one(&examples);
    let found = finding(&report, kind);
    assert_eq!(found.grade, Grade::Warning);
    assert!(found.message.contains("50 of "), "{}", found.message);
    assert_eq!(found.examples[0].segment, Some(1));
}
