//! Precision, recall and F1 of both classes, and of the segments that a bundle calls doubtful.

use gradus::eval::threshold::{Class, ClassFigures, FlagFigures};
use gradus::eval::{AspectEvaluation, DoubtfulFigures, ResponseRatings};

use crate::commands::intervals;
use crate::show;

/// A table of classes.
pub(super) struct ClassTable {
    /// Title of the first column.
    pub(super) title: &'static str,
    /// Title of the table where it has one of its own.
    pub(super) heading: &'static str,
    pub(super) rows: Vec<Vec<String>>,
}

/// The columns behind the name of a class.
pub(super) const COLUMNS: [&str; 5] = ["rated", "scored", "precision", "recall", "F1"];

/// The classes of segments, and the flags of the bundle's threshold.
pub(super) fn of_segments(aspect: &AspectEvaluation) -> Option<ClassTable> {
    let mut table = table(
        "classes (high is positive)",
        "Classes (high is the positive one above)",
        aspect.classes.as_ref()?,
    );
    table.rows.extend(aspect.doubtful.as_ref().map(doubtful));
    Some(table)
}

/// The classes of responses rated as a whole.
pub(super) fn of_responses(found: &ResponseRatings) -> Option<ClassTable> {
    let classes = found.classes.as_ref()?;
    Some(table(
        "classes of responses",
        "Classes of responses",
        classes,
    ))
}

fn table(title: &'static str, heading: &'static str, classes: &ClassFigures) -> ClassTable {
    let cut = show::brief(classes.midpoint);
    let name = |class: Class| {
        let rare = if class == classes.rare { ", rare" } else { "" };
        match class {
            Class::Low => format!("low, at most {cut}{rare}"),
            Class::High => format!("high, above {cut}{rare}"),
        }
    };
    // The rare class first.
    let order = match classes.rare {
        Class::Low => [Class::Low, Class::High],
        Class::High => [Class::High, Class::Low],
    };
    let rows = order.map(|class| row(name(class), classes.of_class(class)));
    ClassTable {
        title,
        heading,
        rows: rows.into(),
    }
}

fn doubtful(found: &DoubtfulFigures) -> Vec<String> {
    let name = format!("doubtful, at most {}", show::brief(found.threshold));
    row(name, &found.figures)
}

fn row(name: String, figures: &FlagFigures) -> Vec<String> {
    let counts = &figures.counts;
    let mut row = vec![
        name,
        counts.meant().to_string(),
        counts.flagged().to_string(),
    ];
    let figures = figures.main().into_iter();
    row.extend(figures.map(|(value, interval)| intervals::bracketed(value, interval, show::share)));
    row
}

/// What the threshold was chosen for.
pub(super) fn remark(aspect: &AspectEvaluation) -> Option<String> {
    let found = aspect.doubtful.as_ref()?;
    Some(format!(
        "doubtful segments: the threshold was chosen on {} for a {}, to find ratings of at most {}; it is a score \
         before recalibration",
        found.fitted_on,
        found.wish,
        show::brief(found.midpoint)
    ))
}
