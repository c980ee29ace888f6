//! `gradus data weigh`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use gradus::data::{AgreementCounts, ExampleWriter, Segment, rater_weight};

use super::commit;
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::{records, show};

/// Reads the records twice: once to find how far raters agree, once to write them.
pub(super) fn run(input: &Path, output: &Path, overwrite: bool) -> Result<()> {
    let Some(stored) = records::stored(input)? else {
        return Err(Usage::new(format!(
            "{}: found data that can be read only once, expected a file: it is read twice",
            input.display()
        ))
        .into());
    };
    let output = output::create(output, Content::Records, overwrite, &[input])?;
    let alphas = agreement(input)?;
    let mut writer = ExampleWriter::to_file(output)?;
    let (mut weighed, mut highest) = (0, 1.0_f64);
    for example in stored.reader()?.in_parallel(|example| example) {
        let mut example = example?;
        for segment in &mut example.segments {
            let Some(weight) = weight(segment, &alphas) else {
                continue;
            };
            segment.weight = Some(segment.weight.unwrap_or(1.0) * weight);
            weighed += 1;
            highest = highest.max(weight);
        }
        writer.write(&example)?;
    }
    stored.check()?;
    if weighed == 0 {
        return Err(Usage::new(format!(
            "{}: found no rating that is the mean of several raters, expected lists such as \"rating\": [0.2, 0.8]",
            input.display()
        ))
        .with_hint("ratings that were merged in another way (`of_raters`) have no number of raters; import them with --raters mean")
        .into());
    }
    commit(writer)?;
    show::status(&format!(
        "{weighed} segments with several raters weigh up to {highest:.2} times as much as one with a single rater"
    ));
    Ok(())
}

/// Krippendorff's alpha of each aspect with several raters and different ratings.
fn agreement(input: &Path) -> Result<BTreeMap<String, f64>> {
    let mut counts = AgreementCounts::default();
    records::each(
        input,
        |_| (),
        |example, ()| {
            counts.add_segments(&example);
            Ok(())
        },
    )?;
    let alpha = |aspect: &str| {
        let (agreement, _) = counts.of(aspect)?;
        Some((aspect.to_owned(), agreement.alpha?))
    };
    let alphas: BTreeMap<String, f64> = counts.aspects().filter_map(alpha).collect();
    if alphas.is_empty() {
        return Err(Usage::new(format!(
            "{}: found no segment with different ratings of several raters, expected lists such as \"rating\": [0.2, 0.8]",
            input.display()
        ))
        .with_hint("without them, no rating is known to be surer than another")
        .into());
    }
    for (aspect, alpha) in &alphas {
        show::status(&format!("{aspect}: raters agree with alpha {alpha:.3}"));
    }
    Ok(alphas)
}

/// The mean over the rated aspects; `None` if none has several raters.
fn weight(segment: &Segment, alphas: &BTreeMap<String, f64>) -> Option<f64> {
    let several = segment.raters.values().any(|ratings| ratings.len() > 1);
    let of = |aspect: &String| {
        let raters = segment.raters.get(aspect).map_or(1, Vec::len);
        alphas
            .get(aspect)
            .map_or(1.0, |alpha| rater_weight(raters, *alpha))
    };
    several.then(|| segment.ratings.keys().map(of).sum::<f64>() / segment.ratings.len() as f64)
}
