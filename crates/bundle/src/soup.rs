//! The average of several models' weights.

use std::path::Path;

use burn::tensor::Device;
use gradus_model::{ConfigProblem, ModelError, Result};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

use crate::{Bundle, CONFIG, MANIFEST, OFFSET, TOKENIZER, Training, WEIGHTS};

impl Bundle {
    /// This bundle with weights that are the averages of its own and those of `others`, which are like it in all else: a
    /// "model soup" of trainings from the same encoder that differ in their seed or settings (Wortsman et al. 2022,
    /// <https://arxiv.org/abs/2203.05482>). Adapters are merged first, as averages of their factors are no averages.
    ///
    /// Recalibration, thresholds, prediction intervals, [stacking](Bundle::stacked) and figures of validation are those
    /// of other scores, and are left out. What is said of the training is what all agree on. Errors call each bundle by
    /// its path; `path` is that of this one.
    ///
    /// # Errors
    /// - [`ModelError::Quantized`]: one has weights in bytes
    /// - [`ModelError::ConfigFile`]: one differs from this one in its configuration, text settings, aggregation, tokenizer
    ///   or offset
    /// - if weights cannot be read back from their device
    pub fn soup(self, path: &Path, others: Vec<(&Path, Self)>, device: &Device) -> Result<Self> {
        let mut soup = self.mergeable(path)?;
        let mut sums = Sums::of(&weights(path, &soup)?, path)?;
        for (other_path, other) in others {
            let other = other.mergeable(other_path)?;
            check_alike((path, &soup), (other_path, &other))?;
            sums.add(&weights(other_path, &other)?, other_path)?;
            soup.manifest.training = agreed(soup.manifest.training, other.manifest.training);
        }
        let averaged = sums.into_safetensors(path)?;
        soup.model = soup
            .config
            .load_in_memory(Path::new(WEIGHTS), averaged.into(), device)?;
        soup.recalibration = None;
        soup.manifest.thresholds.clear();
        soup.manifest.prediction_intervals.clear();
        soup.manifest.validation = None;
        Ok(soup)
    }

    /// The bundle with weights that may be averaged.
    fn mergeable(self, path: &Path) -> Result<Self> {
        if self.manifest.quantization.is_some() {
            return Err(ModelError::Quantized {
                path: path.join(MANIFEST),
                wanted: "to average its weights",
            });
        }
        Ok(self.merged().unstacked())
    }
}

fn weights(path: &Path, bundle: &Bundle) -> Result<Vec<u8>> {
    bundle.model.to_safetensors(&path.join(WEIGHTS))
}

/// Sums of weights, as a file of safetensors with another content.
struct Sums {
    /// The file of the first.
    file: Vec<u8>,
    /// Names of its tensors, and sums of their numbers.
    tensors: Vec<(String, Vec<f64>)>,
    count: usize,
}

impl Sums {
    fn of(file: &[u8], path: &Path) -> Result<Self> {
        Ok(Self {
            tensors: numbers(file, path)?,
            file: file.to_vec(),
            count: 1,
        })
    }

    /// Adds the weights of a bundle of the same configuration, which have the same names and shapes.
    fn add(&mut self, file: &[u8], path: &Path) -> Result<()> {
        let other = numbers(file, path)?;
        for ((name, sums), (other_name, numbers)) in self.tensors.iter_mut().zip(&other) {
            if name != other_name || sums.len() != numbers.len() {
                return Err(unusable(
                    path,
                    format!("no tensor `{name}` of {}", sums.len()),
                ));
            }
            for (sum, number) in sums.iter_mut().zip(numbers) {
                *sum += number;
            }
        }
        self.count += 1;
        Ok(())
    }

    fn into_safetensors(self, path: &Path) -> Result<Vec<u8>> {
        let found = SafeTensors::deserialize(&self.file);
        let shapes = found.map_err(|error| unusable(path, error.to_string()))?;
        let mut views = Vec::new();
        let averages: Vec<(String, Vec<u8>)> = self
            .tensors
            .into_iter()
            .map(|(name, sums)| {
                #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
                let average = |sum: f64| (sum / self.count as f64) as f32;
                let bytes = sums.into_iter().flat_map(|sum| average(sum).to_le_bytes());
                (name, bytes.collect())
            })
            .collect();
        for (name, bytes) in &averages {
            let shape = shapes.tensor(name).map(|view| view.shape().to_vec());
            let view = shape
                .and_then(|shape| safetensors::tensor::TensorView::new(Dtype::F32, shape, bytes));
            views.push((
                name,
                view.map_err(|error| unusable(path, error.to_string()))?,
            ));
        }
        safetensors::serialize(views, None).map_err(|error| unusable(path, error.to_string()))
    }
}

/// The numbers of all tensors, sorted by name.
fn numbers(file: &[u8], path: &Path) -> Result<Vec<(String, Vec<f64>)>> {
    let read = SafeTensors::deserialize(file).map_err(|error| unusable(path, error.to_string()))?;
    let mut tensors = Vec::new();
    for (name, view) in read.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(unusable(
                path,
                format!("{name} is {:?}, not F32", view.dtype()),
            ));
        }
        let (words, _) = view.data().as_chunks::<4>();
        let numbers = words
            .iter()
            .map(|word| f64::from(f32::from_le_bytes(*word)));
        tensors.push((name, numbers.collect()));
    }
    tensors.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(tensors)
}

fn unusable(path: &Path, reason: String) -> ModelError {
    ModelError::UnusablePart {
        path: path.join(WEIGHTS),
        reason,
        hint: None,
    }
}

/// Refuses a bundle that differs from the first in more than its weights.
fn check_alike(
    (first_path, first): (&Path, &Bundle),
    (path, other): (&Path, &Bundle),
) -> Result<()> {
    let as_first = |file: &str, key: &str, found: String, expected: &str| {
        Err(ModelError::ConfigFile {
            path: path.join(file),
            problem: ConfigProblem::new(
                key,
                found,
                format!("{expected}, as in {}", first_path.display()),
            ),
        })
    };
    for (file, a, b) in [
        (
            CONFIG,
            json(path, &first.config)?,
            json(path, &other.config)?,
        ),
        (MANIFEST, compared(path, first)?, compared(path, other)?),
        (
            OFFSET,
            json(path, &first.offset)?,
            json(path, &other.offset)?,
        ),
    ] {
        if let Some((key, expected, found)) = difference("", &a, &b) {
            return as_first(file, &key, found, &expected);
        }
    }
    if first.tokenizer != other.tokenizer {
        let size = |bundle: &Bundle| format!("of {} bytes", bundle.tokenizer.len());
        let expected = format!("the same, {}", size(first));
        return as_first(TOKENIZER, "the file", size(other), &expected);
    }
    Ok(())
}

/// What the manifests of bundles that are alike have in common.
fn compared(path: &Path, bundle: &Bundle) -> Result<Value> {
    let manifest = &bundle.manifest;
    Ok(Value::Object(Map::from_iter([
        ("text".to_owned(), json(path, &manifest.text)?),
        ("aggregation".to_owned(), json(path, &manifest.aggregation)?),
        // In few words, which the numbers of its file are not.
        ("offset".to_owned(), json(path, &manifest.offset)?),
    ])))
}

fn json(path: &Path, value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| ModelError::json(path, error))
}

/// The first value that differs: its key, and what it is in `a` and in `b`.
fn difference(key: &str, a: &Value, b: &Value) -> Option<(String, String, String)> {
    let under = |name: &str| match key {
        "" => name.to_owned(),
        key => format!("{key}.{name}"),
    };
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let names = left.keys().chain(right.keys());
            let mut found = names.filter_map(|name| {
                let [left, right] = [left, right].map(|one| one.get(name).unwrap_or(&Value::Null));
                difference(&under(name), left, right)
            });
            found.next()
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut pairs = left.iter().zip(right).enumerate();
            pairs.find_map(|(index, (left, right))| {
                difference(&format!("{key}[{index}]"), left, right)
            })
        }
        _ => (a != b).then(|| (key.to_owned(), a.to_string(), b.to_string())),
    }
}

/// What both say of their training.
fn agreed(a: Option<Training>, b: Option<Training>) -> Option<Training> {
    let (a, b) = (a?, b?);
    let same = |a: &Map<String, Value>, b: &Map<String, Value>| -> Map<String, Value> {
        let both = a
            .iter()
            .filter_map(|(key, value)| match (value, b.get(key)?) {
                (Value::Object(left), Value::Object(right)) if key == "config" => {
                    let same = left
                        .iter()
                        .filter(|(key, value)| right.get(*key) == Some(*value));
                    let same = same.map(|(key, value)| (key.clone(), value.clone()));
                    Some((key.clone(), Value::Object(same.collect())))
                }
                (left, right) => (left == right).then(|| (key.clone(), value.clone())),
            });
        both.collect()
    };
    Some(Training {
        run: same(&a.run, &b.run),
        data: a.data.filter(|data| Some(data) == b.data.as_ref()),
        imported_from: a
            .imported_from
            .filter(|from| Some(from) == b.imported_from.as_ref()),
        adapter_of: a
            .adapter_of
            .filter(|from| Some(from) == b.adapter_of.as_ref()),
        from: a.from.filter(|from| Some(from) == b.from.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_has_its_key() {
        let a = json!({"text": {"aspects": [{"name": "good"}, {"name": "kind"}]}, "layers": 2});
        assert_eq!(difference("", &a, &a), None);
        let mut b = a.clone();
        b["text"]["aspects"][1]["name"] = json!("tone");
        let expected = ["text.aspects[1].name", "\"kind\"", "\"tone\""].map(str::to_owned);
        assert_eq!(
            difference("", &a, &b).map(|(key, a, b)| [key, a, b]),
            Some(expected)
        );
        b = json!({"text": a["text"], "layers": 2, "lora": {}});
        let expected = ["lora", "null", "{}"].map(str::to_owned);
        assert_eq!(
            difference("", &a, &b).map(|(key, a, b)| [key, a, b]),
            Some(expected)
        );
    }

    #[test]
    fn what_is_said_of_the_training_is_what_both_say() {
        let training = |seed: u64| {
            let run = json!({"config": {"epochs": 2, "seed": seed}, "steps": seed, "counts": 7});
            let Value::Object(run) = run else {
                unreachable!()
            };
            Some(Training {
                run,
                ..Training::default()
            })
        };
        let run = agreed(training(1), training(2)).unwrap().run;
        assert_eq!(
            Value::Object(run),
            json!({"config": {"epochs": 2}, "counts": 7})
        );
        assert_eq!(agreed(training(1), None), None);
    }
}
