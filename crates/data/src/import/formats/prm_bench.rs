use std::collections::BTreeMap;

use crate::Example;
use crate::import::fields::{Record, integer, not_allowed};
use crate::import::options::ImportOptions;
use crate::import::steps::{Step, join_steps};
use crate::records::field::Checked;

const SOUNDNESS: &str = "soundness";
const SIMPLICITY: &str = "simplicity";

/// The aspect that a class of PRMBench damages; `None` for solutions without an error.
///
/// The paper files `missing_condition` and `deception` under sensitivity. A step that overlooks a
/// condition or was made subtly wrong is an unsound step, so they are rated as such.
fn damaged_aspect(class: &str) -> Checked<Option<&'static str>> {
    match class {
        "redundency" | "redundancy" | "circular" => Ok(Some(SIMPLICITY)),
        "counterfactual"
        | "step_contradiction"
        | "domain_inconsistency"
        | "confidence"
        | "missing_condition"
        | "deception" => Ok(Some(SOUNDNESS)),
        "multi_solutions" | "correct" => Ok(None),
        _ => Err(not_allowed(
            "classification",
            format!("`{class}`"),
            "a class of PRMBench, such as redundency or counterfactual",
        )),
    }
}

pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let idx = record.text("idx")?;
    let class = record.text("classification")?;
    let damaged = damaged_aspect(&class)?;
    let prompt = record.text("modified_question")?;
    let texts = record.texts("modified_process")?;
    let wrong = error_steps(&mut record, texts.len())?;
    if damaged.is_none() && wrong.contains(&true) {
        let expected = format!("none, as a solution of class {class} has no error");
        return Err(not_allowed("error_steps", "wrong steps", expected));
    }
    if damaged.is_some() && !wrong.contains(&true) && !texts.is_empty() {
        let expected = format!("at least one step, as a solution of class {class} has an error");
        return Err(not_allowed("error_steps", "an empty list", expected));
    }

    let mut steps = Vec::with_capacity(texts.len());
    for (k, (text, wrong)) in texts.into_iter().zip(wrong).enumerate() {
        let mut ratings = BTreeMap::new();
        for aspect in [SOUNDNESS, SIMPLICITY] {
            let right = if wrong && damaged == Some(aspect) {
                0.0
            } else {
                1.0
            };
            let rating = options.rate(right, right, || format!("modified_process[{k}]"))?;
            ratings.insert(aspect.to_owned(), rating);
        }
        let field = format!("modified_process[{k}]");
        steps.push(Step {
            field,
            text,
            ratings,
        });
    }
    if steps.is_empty() {
        return Err(not_allowed(
            "modified_process",
            "an empty list",
            "at least one step",
        ));
    }
    let (response, segments) = join_steps(steps)?;
    let id = if idx.starts_with(&class) {
        idx
    } else {
        format!("{class}-{idx}")
    };
    let mut meta = record.rest()?;
    meta.insert("classification".into(), class.into());
    Ok(Example {
        id,
        prompt,
        response,
        segments,
        meta,
        ..Example::default()
    })
}

/// Which steps are wrong; `error_steps` counts from 1.
fn error_steps(record: &mut Record, num_steps: usize) -> Checked<Vec<bool>> {
    let mut wrong = vec![false; num_steps];
    for (k, value) in record.list("error_steps")?.iter().enumerate() {
        let field = format!("error_steps[{k}]");
        let step = integer(value, || field.clone())?;
        let index = usize::try_from(step)
            .ok()
            .and_then(|step| step.checked_sub(1));
        if let Some(wrong) = index.and_then(|index| wrong.get_mut(index)) {
            *wrong = true;
        } else {
            let found = format!("step {step}");
            let expected = format!("1 to {num_steps}, as steps count from 1");
            return Err(not_allowed(field, found, expected));
        }
    }
    Ok(wrong)
}
