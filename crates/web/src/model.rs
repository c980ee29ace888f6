//! A loaded bundle.

use std::path::Path;
use std::rc::Rc;

use gradus_bundle::Bundle;
use gradus_data::{example_from_record, parse_value};
use gradus_eval::Scorer;
use js_sys::Promise;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::future_to_promise;

use crate::answer::answer;
use crate::device::device;
use crate::failure::Explain as _;
use crate::files::Files;
use crate::info::info;
use crate::wish::ScoreWish;

/// A bundle that scores.
#[wasm_bindgen]
pub struct Model(pub(crate) Rc<Loaded>);

pub(crate) struct Loaded {
    name: String,
    /// SHA-256 of its manifest, which has those of its parts.
    digest: String,
    pub(crate) bundle: Bundle,
    scorer: Scorer,
}

#[wasm_bindgen]
impl Model {
    /// Loads the bundle of these files; errors and the page call it `name`.
    ///
    /// # Errors
    /// If a part is missing, foreign or damaged, or does not fit the others.
    pub fn load(name: &str, files: Files) -> Result<Model, JsError> {
        let device = device();
        let digest = files.0.get("manifest.json").map(|file| hexadecimal(file));
        let (bundle, _) = Bundle::from_files(Path::new(name), files.0, &device)
            .map_err(|error| error.explain())?;
        let scorer = Scorer::new(bundle.clone(), &device).map_err(|error| error.explain())?;
        Ok(Self(Rc::new(Loaded {
            name: name.to_owned(),
            digest: digest.unwrap_or_default(),
            bundle,
            scorer,
        })))
    }

    /// The same model once more, for a run that takes it.
    pub fn share(&self) -> Model {
        Self(Rc::clone(&self.0))
    }

    /// Aspects, scales and settings, as JSON.
    pub fn info(&self) -> String {
        self.0.info().to_string()
    }

    /// Scores a native record. `settings` may have `segmenter`, `aggregation`, `raw` and `stride`. Resolves to JSON; rejects
    /// if the record cannot be read, cut or tokenized, or a score is not finite.
    pub fn score(&self, record: String, settings: String) -> Promise {
        // The model may be removed while the device computes.
        let loaded = Rc::clone(&self.0);
        future_to_promise(async move { Ok(loaded.score(&record, &settings).await?.into()) })
    }
}

impl Loaded {
    fn info(&self) -> Value {
        let mut told = info(&self.name, &self.bundle, &self.scorer);
        told["digest"] = self.digest.as_str().into();
        told
    }

    pub(crate) fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    async fn score(&self, record: &str, settings: &str) -> Result<String, JsError> {
        let wish: ScoreWish = serde_json::from_str(settings)?;
        let record = match parse_value(record).map_err(|error| error.explain())? {
            Value::Object(record) => record,
            _ => return Err(JsError::new("found no object, expected a record")),
        };
        let mut example = example_from_record(record, "").map_err(|error| error.explain())?;
        let scorer = &self.scorer;
        let mut preparer = scorer.preparer().clone();
        let stride = wish.stride.of_trained(preparer.stride());
        preparer = preparer.with_stride(stride);
        match wish.segmenter()? {
            Some(segmenter) => preparer.segment_by(&segmenter, &mut example),
            None => preparer.segment(&mut example),
        }
        .map_err(|error| error.explain())?;
        let prepared = preparer
            .prepare(&example)
            .map_err(|error| error.explain())?;
        let mut scores = scorer
            .raw_scores_async([&prepared])
            .await
            .map_err(|error| error.explain())?;
        let Some(scores) = scores.first_mut() else {
            return Err(JsError::new("the record has no scores"));
        };
        let aggregation = wish.aggregation()?.unwrap_or_else(|| scorer.aggregation());
        scorer.finish(scores, aggregation, wish.raw);
        let aspects: Vec<&str> = scorer.aspects().collect();
        let mut told = answer(&example, scores, &aspects, aggregation);
        told["tokens"] = prepared.num_tokens().into();
        Ok(told.to_string())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
