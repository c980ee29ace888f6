//! An audit of data as tables and sentences, for every form in which it is shown.

use std::collections::BTreeMap;

use gradus::data::RatingStats;
use gradus::eval::audit::{AspectAudit, AuditReport, Feature, Grade, HeldOut, Reach};
use gradus::eval::report::drawing::Table;

use crate::commands::stats::range;
use crate::show;

/// What the columns of [`raters`] are.
pub(super) const RATERS: &str = "RMSE: of a rater against the mean of the others; alpha: Krippendorff's, for interval data; \
                                 kappa: Cohen's, the mean over pairs of raters, where their names are known";

/// What comes from samples, if anything does.
pub(super) fn sampled(report: &AuditReport) -> Option<String> {
    let sizes = report.splits.iter().filter_map(|split| {
        let (sampled, records) = (split.sampled?, split.stats.examples);
        Some(format!("{sampled} of {records} records of {}", split.name))
    });
    let sizes: Vec<String> = sizes.collect();
    (!sizes.is_empty()).then(|| {
        format!(
            "from a sample of {}: everything below but shared and repeated texts, rare and missing aspects, ratings \
             outside of --scale, blank segments, spans inside words and text outside of segments",
            sizes.join(", ")
        )
    })
}

/// A line per split: sizes and lengths.
pub(super) fn splits(report: &AuditReport) -> Table {
    let header = [
        "split",
        "examples",
        "prompts",
        "segments",
        "unrated",
        "a response",
        "characters",
        "outside",
    ];
    let rows = report.splits.iter().map(|split| {
        let stats = &split.stats;
        let mean = |lengths: Option<gradus::data::LengthStats>| {
            lengths.map_or_else(|| "-".into(), |lengths| format!("{:.1}", lengths.mean))
        };
        let share = |share: f64| format!("{:.1} %", 100.0 * share);
        let unrated = (stats.segments > 0)
            .then(|| share(stats.unrated_segments as f64 / stats.segments as f64));
        vec![
            split.name.clone(),
            stats.examples.to_string(),
            stats.distinct_prompts.to_string(),
            stats.segments.to_string(),
            unrated.unwrap_or_else(|| "-".into()),
            mean(stats.segments_per_response),
            mean(stats.segment_chars),
            split
                .text
                .outside_segments
                .map_or_else(|| "-".into(), share),
        ]
    });
    Table::new("Splits", &header, rows)
}

/// A line per split and aspect: the ratings.
pub(super) fn ratings(report: &AuditReport) -> Table {
    let header = [
        "ratings",
        "split",
        "count",
        "distinct",
        "min",
        "mean",
        "max",
        "sd",
        "histogram",
    ];
    let of_aspect = |aspect: &AspectAudit| {
        let name = aspect.aspect.clone();
        let rows = report.splits.iter().map(move |split| {
            let cells = match split.stats.aspects.get(&name) {
                None => vec!["0".into(); 1]
                    .into_iter()
                    .chain(vec!["-".into(); 6])
                    .collect(),
                Some(ratings) => vec![
                    ratings.count.to_string(),
                    ratings.distinct_text(),
                    show::short(Some(ratings.min)),
                    show::decimals(ratings.mean, 3),
                    show::short(Some(ratings.max)),
                    show::decimals(ratings.sd, 3),
                    format!("[{}]", ratings.histogram),
                ],
            };
            [vec![name.clone(), split.name.clone()], cells].concat()
        });
        rows.collect::<Vec<_>>()
    };
    Table::new(
        "Ratings of segments",
        &header,
        report.aspects.iter().flat_map(of_aspect),
    )
}

/// A line per split and aspect with several raters: how far they agree. `None` if there are none.
pub(super) fn raters(report: &AuditReport) -> Option<Table> {
    let header = [
        "raters",
        "split",
        "rated",
        "texts",
        "raters of a text",
        "RMSE",
        "alpha",
        "kappa",
    ];
    let rows = report.splits.iter().flat_map(|split| {
        let of = |noun: &'static str, aspects: &BTreeMap<String, RatingStats>| {
            let rows = aspects.iter().filter_map(|(aspect, ratings)| {
                let raters = ratings.raters.as_ref()?;
                Some(vec![
                    aspect.clone(),
                    split.name.clone(),
                    noun.to_owned(),
                    raters.texts.to_string(),
                    range(raters.fewest, raters.most),
                    show::decimals(raters.rmse, 3),
                    show::share(raters.alpha),
                    show::share(ratings.kappa.as_ref().map(|found| found.kappa)),
                ])
            });
            rows.collect::<Vec<_>>()
        };
        let mut rows = of("segments", &split.stats.aspects);
        rows.extend(of("responses", &split.stats.response_aspects));
        rows
    });
    let table = Table::new("Agreement of raters", &header, rows);
    (!table.rows.is_empty()).then_some(table)
}

/// A line per shortcut, a column per aspect.
pub(super) fn shortcuts(report: &AuditReport) -> Table {
    let names = report.aspects.iter().map(|aspect| aspect.aspect.as_str());
    let header: Vec<&str> = std::iter::once("Pearson with the rating")
        .chain(names)
        .collect();
    let cell = |pearson: Option<f64>, reach: Reach| {
        let mark = if reach == Reach::Trap { "!" } else { "" };
        format!("{mark}{}", show::short(pearson))
    };
    let features = Feature::ALL.into_iter().map(|feature| {
        let cells = report.aspects.iter().map(|aspect| {
            let reach = aspect
                .features
                .iter()
                .find(|reach| reach.feature == feature);
            reach.map_or_else(|| "-".into(), |reach| cell(reach.pearson, reach.reach))
        });
        std::iter::once(feature.name().to_owned())
            .chain(cells)
            .collect()
    });
    let fits = HeldOut::ALL.into_iter().map(|held_out| {
        let cells = report.aspects.iter().map(|aspect| {
            let fit = aspect.fits.iter().find(|fit| fit.fit == held_out);
            // Words are what is to be read: never a trap by themselves.
            let words = held_out == HeldOut::BagOfWords;
            fit.map_or_else(
                || "-".into(),
                |fit| cell(fit.pearson, if words { Reach::Much } else { fit.reach }),
            )
        });
        std::iter::once(format!("fitted: {}", held_out.name()))
            .chain(cells)
            .collect()
    });
    Table::new(
        "What predicts the rating without reading",
        &header,
        features.chain(fits),
    )
}

/// What the shortcuts of an aspect come to, in a sentence.
pub(super) fn verdict(aspect: &AspectAudit) -> String {
    let name = &aspect.aspect;
    let size = |pearson: Option<f64>| pearson.map_or(0.0, f64::abs);
    let strongest = aspect
        .features
        .iter()
        .filter(|reach| reach.reach != Reach::Unknown)
        .max_by(|a, b| size(a.pearson).total_cmp(&size(b.pearson)));
    let feature = strongest.map_or_else(
        || "no shortcut can be judged (too few or constant ratings, or features)".into(),
        |reach| {
            let value = show::short(reach.pearson);
            format!("`{}` alone ({value}) {}", reach.feature.name(), reach.reach)
        },
    );
    let fit = aspect
        .fits
        .iter()
        .find(|fit| fit.fit == HeldOut::PositionLength);
    let fit = fit
        .filter(|fit| fit.reach != Reach::Unknown)
        .map_or_else(String::new, |fit| {
            let value = show::short(fit.pearson);
            format!("; position + length ({value}, {}) {}", fit.how, fit.reach)
        });
    format!("{name}: {feature}{fit}")
}

/// How many findings there are of each grade.
pub(super) fn counts(report: &AuditReport) -> String {
    let plural = |grade: Grade| {
        let count = report.count(grade);
        format!("{count} {grade}{}", if count == 1 { "" } else { "s" })
    };
    let [problems, warnings, notes] = [Grade::Problem, Grade::Warning, Grade::Note].map(plural);
    format!("{problems}, {warnings}, {notes}")
}
