//! An audit of samples says of all records what an audit of all says.

use std::collections::BTreeMap;

use gradus_data::{CharSpan, Example, Segment};
use gradus_eval::audit::{
    AuditFacts, AuditOptions, AuditReport, AuditSplit, FindingKind, SplitTotals, audit,
    audit_sampled,
};

use crate::honest;

/// The kinds of findings that are about all records.
const OF_ALL: [FindingKind; 10] = [
    FindingKind::SharedPrompts,
    FindingKind::SharedContexts,
    FindingKind::SharedResponses,
    FindingKind::RareAspect,
    FindingKind::OutOfScale,
    FindingKind::BlankSegments,
    FindingKind::InsideWords,
    FindingKind::TextOutside,
    FindingKind::MissingAspect,
    FindingKind::Repeats,
];

/// Two splits with every fault that is counted over all records.
fn splits() -> [Vec<Example>; 2] {
    let (mut train, mut test) = (honest(1, 400), honest(2, 120));
    for (index, example) in train.iter_mut().enumerate() {
        example.context = Some(format!("context {}", index / 3));
        if index % 7 == 0 {
            let end = example.response.chars().count();
            example.response.push_str("  \t and more");
            let blank = CharSpan::new(end, end + 2);
            example.segments.push(Segment::rated(blank, 9.0));
        }
        if index % 9 == 1 {
            // Ends inside a word.
            if let Some(last) = example.segments.last_mut() {
                last.span.end -= 2;
            }
        }
        example.response.push('\n');
        example.response.push_str(&"outside ".repeat(12));
        if index == 50 {
            let of_first = &mut example.segments[0].ratings;
            of_first.insert("ratting".into(), 0.5);
        }
        for segment in &mut example.segments {
            segment.ratings.insert("other".into(), 0.25);
        }
    }
    for index in 0..20 {
        test[index].prompt.clone_from(&train[index * 11].prompt);
        test[index + 30].context = Some(format!("CONTEXT {index}"));
        let response = train[index * 5 + 1].clone();
        test[index + 60] = Example {
            id: format!("again-{index}"),
            prompt: format!("another prompt {index}"),
            ..response
        };
        let copy = train[index].clone();
        let id = format!("copy-{index}");
        train.push(Example { id, ..copy.clone() });
        // To another context it is no repeat.
        train.push(Example {
            id: format!("beside-{index}"),
            context: Some(format!("beside {index}")),
            ..copy
        });
    }
    for segment in test.iter_mut().flat_map(|example| &mut example.segments) {
        segment.ratings.remove("other");
    }
    [train, test]
}

fn sampled(splits: &[Vec<Example>; 2], every: usize, options: &AuditOptions) -> AuditReport {
    let names = ["train", "test"];
    let mut totals: Vec<SplitTotals> = Vec::new();
    for (name, examples) in names.iter().zip(splits) {
        let mut split = SplitTotals::new(*name, options.scale);
        for example in examples {
            split.add(example, &AuditFacts::of(example), &totals);
        }
        totals.push(split);
    }
    let samples = splits.each_ref().map(|examples| {
        let sample = examples.iter().step_by(every).cloned();
        sample.collect::<Vec<_>>()
    });
    let samples: Vec<AuditSplit> = (names.iter().zip(&samples))
        .map(|(name, examples)| AuditSplit::new(*name, examples))
        .collect();
    audit_sampled(&samples, &totals, options).unwrap()
}

/// Messages and numbers of the findings about all records.
fn of_all(report: &AuditReport) -> Vec<(String, BTreeMap<String, f64>)> {
    let findings = report.findings.iter();
    let mut found: Vec<_> = findings
        .filter(|finding| OF_ALL.contains(&finding.kind))
        .map(|finding| {
            let aspect = finding.aspect.clone().unwrap_or_default();
            let message = format!("{:?} {aspect} {}", finding.grade, finding.message);
            (message, finding.numbers.clone())
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn samples_do_not_change_what_is_said_of_all_records() {
    let splits = splits();
    let options = AuditOptions {
        scale: Some("0:1".parse().unwrap()),
        ..AuditOptions::default()
    };
    let all = [
        AuditSplit::new("train", &splits[0]),
        AuditSplit::new("test", &splits[1]),
    ];
    let whole = audit(&all, &options).unwrap();
    for kind in OF_ALL {
        let mut findings = whole.findings.iter();
        assert!(
            findings.any(|finding| finding.kind == kind),
            "the data has no {kind:?}"
        );
    }
    let report = sampled(&splits, 4, &options);
    assert_eq!(of_all(&report), of_all(&whole));
    for (split, of_whole) in report.splits.iter().zip(&whole.splits) {
        assert_eq!((&split.stats, split.text), (&of_whole.stats, of_whole.text));
        assert_eq!(split.sampled, Some(split.stats.examples.div_ceil(4)));
    }
    for (overlap, of_whole) in report.prompt_overlaps.iter().zip(&whole.prompt_overlaps) {
        assert_eq!(overlap.exact, of_whole.exact);
        assert_eq!(overlap.prompts, of_whole.prompts);
    }
    // An aspect that no record of the sample rates is rare, and not looked at further.
    let constant = |audited: &AuditReport| -> Vec<Option<String>> {
        let findings = audited.findings.iter();
        let constant = findings.filter(|finding| finding.kind == FindingKind::Constant);
        let aspects = constant.map(|finding| finding.aspect.clone());
        aspects
            .filter(|aspect| *aspect != Some("ratting".into()))
            .collect()
    };
    assert_eq!(constant(&report), [Some("other".to_owned())]);
    assert_eq!(constant(&report), constant(&whole));
}

#[test]
fn where_all_records_are_in_the_samples_the_report_is_that_of_all() {
    let splits = splits();
    let options = AuditOptions::default();
    let all = [
        AuditSplit::new("train", &splits[0]),
        AuditSplit::new("test", &splits[1]),
    ];
    assert_eq!(
        sampled(&splits, 1, &options),
        audit(&all, &options).unwrap()
    );
}
