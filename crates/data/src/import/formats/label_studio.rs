use serde_json::Value;

use crate::import::annotated::{Annotated, Made, Rater, Texts, number_rating};
use crate::import::fields::{
    Record, flag, list_member, member, not_allowed, position_member, text_member,
};
use crate::import::marks::{MarkReader, Marked};
use crate::import::options::ImportOptions;
use crate::records::field::{Checked, list, missing, wrong_type};
use crate::{DEFAULT_ASPECT, Example};

/// A task with its annotations, one of each rater.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let id = record.own_id()?;
    let mut data = match record.take("data") {
        Some(Value::Object(data)) => data,
        Some(other) => return Err(wrong_type("data", &other, "an object with the texts")),
        None => return Err(missing("data", "an object with the texts")),
    };
    let texts = Texts::take(&mut data, "data")?;
    // Older versions call them completions.
    let (field, annotations) = match (record.take("annotations"), record.take("completions")) {
        (Some(annotations), _) => ("annotations", annotations),
        (None, Some(completions)) => ("completions", completions),
        (None, None) => return Err(missing("annotations", "a list")),
    };
    let mut annotated = Annotated {
        id,
        texts,
        meta: record.rest()?,
        raters: Vec::new(),
        replaced: 0,
    };
    annotated.meta.extend(data);
    let mut others = Vec::new();
    for (k, annotation) in list(annotations, field)?.iter().enumerate() {
        let place = format!("{field}[{k}]");
        let mut rater = Rater {
            name: name(annotation, k),
            made: Some(made(annotation)),
            has_declined: flag(annotation.get("was_cancelled"), || {
                format!("{place}.was_cancelled")
            })?,
            ..Rater::default()
        };
        if !rater.has_declined {
            let regions = Regions {
                results: list_member(annotation, &place, "result")?,
                reader: &MarkReader::new(&annotated.texts.response, options),
                options,
            };
            regions.read_all(&place, &mut rater, &mut others)?;
        }
        annotated.add(rater);
    }
    if !others.is_empty() {
        annotated.meta.insert("other_results".into(), others.into());
    }
    annotated.finish(options, field)
}

/// Who made an annotation: a number, a user, or, if nobody is named, its place.
fn name(annotation: &Value, place: usize) -> String {
    let unnamed = || format!("annotation {}", place + 1);
    match annotation.get("completed_by") {
        Some(Value::Object(user)) => {
            let known = ["email", "id"].iter().find_map(|key| user.get(*key));
            known.map_or_else(unnamed, plain)
        }
        Some(Value::Null) | None => unnamed(),
        Some(user) => plain(user),
    }
}

/// When an annotation was last changed, or made.
fn made(annotation: &Value) -> Made {
    let time = ["updated_at", "created_at"];
    let time = time.iter().find_map(|key| annotation.get(*key)?.as_str());
    let id = annotation.get("id").and_then(Value::as_f64);
    Made {
        time: time.unwrap_or_default().to_owned(),
        number: id.unwrap_or_default(),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The results of an annotation.
struct Regions<'a> {
    results: &'a [Value],
    reader: &'a MarkReader<'a>,
    options: &'a ImportOptions,
}

impl Regions<'_> {
    /// Adds all results to what their rater did, and to `others` those that are neither labels nor a rating.
    fn read_all(&self, place: &str, rater: &mut Rater, others: &mut Vec<Value>) -> Checked<()> {
        for (j, result) in self.results.iter().enumerate() {
            if !self.read(result, &format!("{place}.result[{j}]"), rater)? {
                others.push(result.clone());
            }
        }
        Ok(())
    }

    /// Adds a result to what its rater did; `false` for one that is neither labels nor a rating.
    fn read(&self, result: &Value, field: &str, rater: &mut Rater) -> Checked<bool> {
        let kind = text_member(result, field, "type")?;
        let is_read = kind.ends_with("labels") || kind == "rating";
        // A relation between two regions has no value.
        if !is_read {
            return Ok(false);
        }
        let value = member(result, field, "value", "an object")?;
        let place = format!("{field}.value");
        match kind {
            "labels" | "hypertextlabels" => {
                let marked = marked(value, &place)?;
                let labels = list_member(value, &place, kind)?;
                // A region that is rated beside its label is a segment, not a mark.
                if self.is_rated(result) {
                    return Ok(true);
                }
                if labels.is_empty() {
                    // Passed over, it would count as no mark.
                    let found = "a region without a label";
                    return Err(not_allowed(
                        format!("{place}.{kind}"),
                        found,
                        "at least one label",
                    ));
                }
                for (k, label) in labels.iter().enumerate() {
                    let Some(label) = label.as_str() else {
                        let field = format!("{place}.{kind}[{k}]");
                        return Err(wrong_type(field, label, "a text"));
                    };
                    rater.marks.push(self.reader.mark(marked, label, &place)?);
                }
                Ok(true)
            }
            "rating" => {
                let name = format!("{place}.rating");
                let number = member(value, &place, "rating", "a number")?;
                let rating = number_rating(number, self.options, &name)?;
                let aspect = aspect(result);
                if let Some((region, field)) = self.region(result, &place) {
                    let span = self.reader.span(marked(region, &field)?, &field)?;
                    rater.rated.push((span, aspect, rating));
                } else {
                    rater.whole.push((aspect, rating));
                }
                Ok(true)
            }
            _ => {
                // Passed over, its marks would count as none: a text without a fault.
                let expected = "labels or hypertextlabels of a text: regions with offsets in it";
                Err(not_allowed(
                    format!("{field}.type"),
                    format!("`{kind}`"),
                    expected,
                ))
            }
        }
    }

    /// The value with the offsets of a rating: its own, or that of the region of the same id.
    fn region<'v>(&'v self, result: &'v Value, place: &str) -> Option<(&'v Value, String)> {
        let value = result.get("value")?;
        if value.get("start").is_some() {
            return Some((value, place.to_owned()));
        }
        let id = result.get("id")?;
        let same = |other: &&Value| other.get("id") == Some(id) && is_labels(other);
        let region = self.results.iter().find(same)?;
        Some((region.get("value")?, format!("{place} (its region)")))
    }

    fn is_rated(&self, region: &Value) -> bool {
        let id = region.get("id");
        let rates = |other: &Value| {
            other.get("type").and_then(Value::as_str) == Some("rating") && other.get("id") == id
        };
        id.is_some() && self.results.iter().any(rates)
    }
}

fn is_labels(result: &Value) -> bool {
    let kind = result.get("type").and_then(Value::as_str);
    matches!(kind, Some("labels" | "hypertextlabels"))
}

/// Offsets in the whole text; a region of `HyperText` also has those in its element.
fn marked<'a>(value: &'a Value, field: &str) -> Checked<Marked<'a>> {
    const WHOLE: &str = "globalOffsets";
    let text = value.get("text").and_then(Value::as_str);
    if let Some(whole) = value.get(WHOLE) {
        let field = format!("{field}.{WHOLE}");
        return Ok(Marked {
            start: position_member(whole, &field, "start")?,
            end: position_member(whole, &field, "end")?,
            text,
        });
    }
    Ok(Marked {
        start: position_member(value, field, "start")?,
        end: position_member(value, field, "end")?,
        text,
    })
}

/// The aspect of a rating: the name of its control, which is `rating` where a configuration was not changed.
fn aspect(result: &Value) -> String {
    let name = result.get("from_name").and_then(Value::as_str);
    name.unwrap_or(DEFAULT_ASPECT).to_owned()
}
