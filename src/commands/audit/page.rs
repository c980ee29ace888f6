//! An audit of data as a page.

use gradus::eval::audit::{AuditReport, Finding, Grade};
use gradus::eval::report::drawing::{Document, Section, Table, ToneSentence};

use super::tables::{self, RATERS};
use crate::cli::AuditArgs;

/// The whole page.
pub(super) fn document(report: &AuditReport, args: &AuditArgs) -> Document {
    let files = [
        ("Data", Some(&args.data)),
        ("Validation", args.valid.as_ref()),
        ("Test", args.test.as_ref()),
    ];
    let files = files
        .into_iter()
        .filter_map(|(name, path)| Some((name, path?.display().to_string())));
    let mut facts: Vec<(&'static str, String)> = files.collect();
    facts.push(("Found", tables::counts(report)));
    let mut sections = vec![findings(report), sizes(report)];
    if let Some(raters) = tables::raters(report) {
        sections.push(of_table("Raters", raters, vec![format!("{RATERS}.")]));
    }
    if !report.aspects.is_empty() {
        sections.push(shortcuts(report));
    }
    Document {
        kicker: "Gradus audit of data",
        title: args.data.display().to_string(),
        facts,
        sections,
    }
}

fn findings(report: &AuditReport) -> Section {
    let mut sentences: Vec<ToneSentence> = report.findings.iter().map(finding).collect();
    if sentences.is_empty() {
        sentences.push(ToneSentence {
            good: Some(true),
            text: "The audit found nothing.".into(),
        });
    }
    Section {
        name: "Findings".into(),
        sentences,
        notes: tables::sampled(report).into_iter().collect(),
        ..Section::default()
    }
}

fn finding(finding: &Finding) -> ToneSentence {
    let aspect = finding.aspect.iter().map(|aspect| format!("{aspect}: "));
    let aspect: String = aspect.collect();
    let examples: Vec<String> = finding.examples.iter().map(ToString::to_string).collect();
    let examples = if examples.is_empty() {
        String::new()
    } else {
        format!(", for instance {}", examples.join(", "))
    };
    let Finding {
        grade,
        message,
        advice,
        ..
    } = finding;
    ToneSentence {
        good: (*grade != Grade::Note).then_some(false),
        text: format!("{grade}: {aspect}{message}{examples}. \u{2192} {advice}"),
    }
}

fn sizes(report: &AuditReport) -> Section {
    Section {
        name: "Splits and ratings".into(),
        tables: vec![tables::splits(report), tables::ratings(report)],
        ..Section::default()
    }
}

fn shortcuts(report: &AuditReport) -> Section {
    let note = "Pearson correlation with the rating. A mark (!) stands where so much of the rating can be told without \
                reading that figures of a model are to be held against it. fitted: on training data, judged on others.";
    let verdicts = report.aspects.iter().map(|aspect| ToneSentence {
        good: None,
        text: tables::verdict(aspect),
    });
    Section {
        sentences: verdicts.collect(),
        ..of_table("Shortcuts", tables::shortcuts(report), vec![note.into()])
    }
}

fn of_table(name: &str, table: Table, notes: Vec<String>) -> Section {
    Section {
        name: name.into(),
        tables: vec![table],
        notes,
        ..Section::default()
    }
}
