use std::collections::BTreeMap;

use crate::import::fields::{Record, not_allowed};
use crate::import::options::ImportOptions;
use crate::import::steps::{Step, join_steps};
use crate::records::field::Checked;
use crate::{DEFAULT_ASPECT, Example};

/// Steps ahead of the first wrong one are rated 1 and that one 0. What follows it was not judged
/// and is unrated.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let id = record.name("id")?;
    let prompt = record.text("problem")?;
    let texts = record.texts("steps")?;
    let label = record.integer("label")?;
    let num_steps = texts.len();
    let first_wrong = match usize::try_from(label) {
        _ if label == -1 => num_steps,
        Ok(index) if index < num_steps => index,
        _ if num_steps == 0 => {
            return Err(not_allowed("steps", "an empty list", "at least one step"));
        }
        _ => {
            let expected = format!(
                "-1 or the first wrong step, 0 to {}, as steps count from 0",
                num_steps - 1
            );
            return Err(not_allowed("label", label, expected));
        }
    };
    let mut steps = Vec::with_capacity(num_steps);
    for (k, text) in texts.into_iter().enumerate() {
        let mut ratings = BTreeMap::new();
        if k <= first_wrong {
            let right = if k < first_wrong { 1.0 } else { 0.0 };
            let rating = options.rate(right, right, || "label".to_owned())?;
            ratings.insert(DEFAULT_ASPECT.to_owned(), rating);
        }
        let field = format!("steps[{k}]");
        steps.push(Step {
            field,
            text,
            ratings,
        });
    }
    let (response, segments) = join_steps(steps)?;
    let mut meta = record.rest()?;
    meta.insert("label".into(), label.into());
    Ok(Example {
        id,
        prompt,
        response,
        segments,
        meta,
        ..Example::default()
    })
}
