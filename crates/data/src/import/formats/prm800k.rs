use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::import::fields::{Record, integer, list_member, not_allowed, text_member};
use crate::import::options::ImportOptions;
use crate::import::steps::{Step, join_steps};
use crate::records::field::{Checked, missing};
use crate::{DEFAULT_ASPECT, Example};

/// A labeled solution before it is one example or several.
struct Solution {
    number: usize,
    prompt: String,
    question: Value,
    label: Value,
    meta: Map<String, Value>,
}

/// One example: the steps that make up the solution, each with its rating.
pub(in crate::import) fn parse_solution(
    record: Record,
    options: &ImportOptions,
) -> Checked<Example> {
    let solution = Solution::new(record)?;
    let mut steps = Vec::new();
    for k in 0..solution.steps()?.len() {
        let (step, goes_on) = solution.continuation(k, options)?;
        steps.extend(step);
        if !goes_on {
            break;
        }
    }
    if steps.is_empty() {
        let expected = "at least one step with a chosen completion";
        return Err(not_allowed("label.steps", "none", expected));
    }
    let (response, segments) = join_steps(steps)?;
    Ok(Example {
        id: solution.number.to_string(),
        prompt: solution.prompt,
        response,
        segments,
        meta: solution.meta,
        ..Example::default()
    })
}

/// One example for each rated completion: the steps chosen ahead of it, unrated, and itself.
///
/// The rating of the earlier steps would otherwise be repeated in every example.
pub(in crate::import) fn parse_tree(
    record: Record,
    options: &ImportOptions,
) -> Checked<Vec<Example>> {
    let solution = Solution::new(record)?;
    let mut examples = Vec::new();
    let mut chosen: Vec<Step> = Vec::new();
    for k in 0..solution.steps()?.len() {
        for (j, step) in solution.completions(k, options)?.into_iter().enumerate() {
            if step.ratings.is_empty() {
                continue;
            }
            let ahead = chosen.iter().map(|step| Step {
                field: step.field.clone(),
                text: step.text.clone(),
                ratings: BTreeMap::new(),
            });
            let (response, segments) = join_steps(ahead.chain([step]))?;
            examples.push(Example {
                id: format!("{}-{k}-{j}", solution.number),
                prompt: solution.prompt.clone(),
                response,
                segments,
                meta: solution.meta.clone(),
                ..Example::default()
            });
        }
        let (step, goes_on) = solution.continuation(k, options)?;
        chosen.extend(step);
        if !goes_on {
            break;
        }
    }
    Ok(examples)
}

impl Solution {
    fn new(mut record: Record) -> Checked<Self> {
        let question = record
            .take("question")
            .ok_or_else(|| missing("question", "an object with `problem`"))?;
        let label = record
            .take("label")
            .ok_or_else(|| missing("label", "an object with `steps`"))?;
        let number = record.number;
        let mut meta = record.rest()?;
        for (key, of) in [
            ("ground_truth_answer", &question),
            ("finish_reason", &label),
        ] {
            if let Some(value) = of.get(key) {
                meta.insert(key.to_owned(), value.clone());
            }
        }
        Ok(Self {
            number,
            prompt: text_member(&question, "question", "problem")?.to_owned(),
            question,
            label,
            meta,
        })
    }

    fn steps(&self) -> Checked<&[Value]> {
        list_member(&self.label, "label", "steps")
    }

    /// The completions of step `k`.
    fn completions(&self, k: usize, options: &ImportOptions) -> Checked<Vec<Step>> {
        let field = format!("label.steps[{k}]");
        let step = &self.steps()?[k];
        // `null` where a person wrote the step.
        if step.get("completions").is_some_and(Value::is_null) {
            return Ok(Vec::new());
        }
        let completions = list_member(step, &field, "completions")?;
        let completions = completions.iter().enumerate();
        completions
            .map(|(j, completion)| {
                rated_step(completion, format!("{field}.completions[{j}]"), options)
            })
            .collect()
    }

    /// The step the solution goes on with, and whether steps may follow it.
    ///
    /// That is the chosen completion, or what a person wrote instead. A solution that ends with a
    /// step of which nothing was chosen ends with the step the model had made
    /// (`pre_generated_steps`), or the only completion; where neither is there it ends before.
    fn continuation(&self, k: usize, options: &ImportOptions) -> Checked<(Option<Step>, bool)> {
        let field = format!("label.steps[{k}]");
        let step = &self.steps()?[k];
        let mut completions = self.completions(k, options)?;
        if let Some(chosen) = step.get("chosen_completion").filter(|v| !v.is_null()) {
            let field = format!("{field}.chosen_completion");
            let chosen = integer(chosen, || field.clone())?;
            let index = usize::try_from(chosen).ok();
            let Some(index) = index.filter(|&index| index < completions.len()) else {
                let expected = format!("one of {} completions, from 0", completions.len());
                return Err(not_allowed(field, chosen, expected));
            };
            return Ok((Some(completions.swap_remove(index)), true));
        }
        if let Some(written) = step.get("human_completion").filter(|v| !v.is_null()) {
            let step = rated_step(written, format!("{field}.human_completion"), options)?;
            return Ok((Some(step), true));
        }
        if k + 1 < self.steps()?.len() {
            let expected = "a chosen or human completion, as steps follow";
            return Err(not_allowed(field, "neither", expected));
        }
        let made = self.question.get("pre_generated_steps");
        let made = made.and_then(|steps| steps.get(k)).and_then(Value::as_str);
        let last = match completions
            .iter()
            .position(|step| Some(step.text.as_str()) == made)
        {
            Some(index) => Some(completions.swap_remove(index)),
            None if completions.len() == 1 => completions.pop(),
            None => None,
        };
        Ok((last, false))
    }
}

/// A completion with its rating of -1, 0 or 1; a missing one or `null` is unrated.
fn rated_step(completion: &Value, field: String, options: &ImportOptions) -> Checked<Step> {
    let text = text_member(completion, &field, "text")?.to_owned();
    let mut ratings = BTreeMap::new();
    if let Some(value) = completion.get("rating").filter(|value| !value.is_null()) {
        let rating_field = format!("{field}.rating");
        let label = integer(value, || rating_field.clone())?;
        let default = match label {
            -1 => -1.0,
            0 => 0.0,
            1 => 1.0,
            _ => return Err(not_allowed(rating_field, label, "-1, 0, 1 or null")),
        };
        let rating = options.rate(default, default, || rating_field)?;
        ratings.insert(DEFAULT_ASPECT.to_owned(), rating);
    }
    Ok(Step {
        field: format!("{field}.text"),
        text,
        ratings,
    })
}
