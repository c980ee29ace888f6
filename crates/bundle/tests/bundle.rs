//! Bundles: whole, or refused with the part that is wrong.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

#[allow(dead_code, reason = "some of it is for the tests of models only")]
#[path = "../../model/tests/model/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use gradus_bundle::{
    Aggregation, AspectRecalibration, Bundle, BundlePlace, CARD, CardRenewal, DoubtThreshold,
    DoubtThresholds, ExtraFile, Linear, Manifest, OFFSET, Offset, OffsetKind, OffsetKinds,
    Recalibration, Recalibrations, Wish, digest_file,
};
use gradus_data::{AspectSpec, CharSpan, Example, Segment, TextConfig, word_level_tokenizer};
use gradus_model::{ModelError, Pooling};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{random_model, read_tensors, rows, scores, write_tensors};

/// What a saved bundle cannot do without.
const PARTS: [&str; 4] = [
    "config.json",
    "manifest.json",
    "model.safetensors",
    "tokenizer.json",
];

/// What is saved.
const FILES: [&str; 5] = ["README.md", PARTS[0], PARTS[1], PARTS[2], PARTS[3]];

fn bundle() -> Bundle {
    let (config, model) = random_model(2, Pooling::Last);
    let text = TextConfig {
        max_length: 32,
        aspects: ["factuality", "relevance"].map(AspectSpec::identity).into(),
        ..TextConfig::default()
    };
    let mut manifest = Manifest::new(text, Aggregation::Mean);
    manifest.validation = json!({"mse": 0.1}).as_object().cloned();
    Bundle {
        manifest,
        config,
        model,
        tokenizer: word_level_tokenizer(["a word"]).unwrap(),
        recalibration: None,
        offset: None,
    }
}

/// A recalibration of one aspect by a line of this slope.
fn recalibrations(slope: f64) -> Recalibrations {
    let line = AspectRecalibration {
        aspect: "relevance".into(),
        segments: 10,
        recalibration: Recalibration::Linear(Linear::new(slope, 0.0).unwrap()),
    };
    Recalibrations::new("valid.jsonl", vec![line])
}

/// Leaves SHA-256 alone, as in manifests of older versions.
fn remove_blake3(manifest: &mut Value) {
    manifest.as_object_mut().unwrap().remove("weights_blake3");
}

/// A saved bundle in a place of its own.
struct Saved(TempDir);

impl Saved {
    fn new() -> Self {
        let saved = Self(tempfile::tempdir().unwrap());
        bundle().save(&saved.path(), false, &[]).unwrap();
        saved
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("bundle")
    }

    fn part(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn change_json(&self, part: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&fs_err::read(self.part(part)).unwrap()).unwrap();
        change(&mut value);
        fs_err::write(self.part(part), value.to_string()).unwrap();
    }

    /// Replaces a part, and its size and digest in the manifest, so that only its content is wrong.
    fn replace(&self, part: &str, bytes: &[u8]) {
        fs_err::write(self.part(part), bytes).unwrap();
        let digest = serde_json::to_value(digest_file(&self.part(part)).unwrap()).unwrap();
        self.change_json("manifest.json", |manifest| {
            manifest["parts"][part] = digest;
            if part == "model.safetensors" {
                remove_blake3(manifest);
            }
        });
    }

    fn error(&self) -> ModelError {
        Bundle::load(&self.path(), &Device::flex()).unwrap_err()
    }

    /// The message, without the directory.
    fn message(&self) -> String {
        self.error()
            .to_string()
            .replace(&self.path().display().to_string(), "bundle")
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_loaded_bundle_gives_bit_identical_scores() {
    let saved = Saved::new();
    let loaded = Bundle::load(&saved.path(), &Device::flex()).unwrap();
    let original = bundle();
    assert_eq!(
        scores(&loaded.model, &rows(), 0),
        scores(&original.model, &rows(), 0)
    );
    assert_eq!(loaded.manifest, original.manifest);
    assert_eq!(loaded.config, original.config);
    assert_eq!(loaded.tokenizer, original.tokenizer);
}

#[test]
fn the_same_bundle_gives_the_same_bytes() {
    let [first, second] = [Saved::new(), Saved::new()];
    for part in FILES {
        assert_eq!(
            fs_err::read(first.part(part)).unwrap(),
            fs_err::read(second.part(part)).unwrap()
        );
    }
}

#[test]
fn names_of_tensors_are_stable() {
    let saved = Saved::new();
    let tensors = read_tensors(&saved.part("model.safetensors"));
    assert_eq!(tensors.len(), 5 + 2 * 16 + 2);
    for (name, shape) in [
        ("encoder.embeddings.word.weight", vec![60, 16]),
        ("encoder.embeddings.norm.gamma", vec![16]),
        ("encoder.layers.1.attention.query.weight", vec![16, 16]),
        ("encoder.layers.1.feed_forward.inner.weight", vec![16, 64]),
        ("encoder.layers.0.feed_forward_norm.beta", vec![16]),
        ("head.output.weight", vec![16, 2]),
    ] {
        assert_eq!(tensors[name].shape, shape, "{name}");
    }
}

#[test]
fn extra_files_are_saved_and_do_not_matter() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("bundle");
    let run = ExtraFile {
        name: "run.toml",
        bytes: b"epochs = 1\n",
    };
    bundle().save(&path, false, &[run]).unwrap();
    assert_eq!(fs_err::read(path.join("run.toml")).unwrap(), run.bytes);
    fs_err::remove_file(path.join("run.toml")).unwrap();
    Bundle::load(&path, &Device::flex()).unwrap();
}

#[test]
fn extra_files_cannot_replace_parts_or_leave_the_directory() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("bundle");
    for name in [
        "manifest.json",
        "model.safetensors",
        "../run.toml",
        "a/b",
        "",
        "/run.toml",
    ] {
        let error = bundle()
            .save(&path, false, &[ExtraFile { name, bytes: b"" }])
            .unwrap_err();
        assert!(
            matches!(error, ModelError::ExtraFile { .. }),
            "{name}: {error}"
        );
    }
    assert!(names(place.path()).is_empty());
}

#[test]
fn every_missing_part_is_named() {
    for part in PARTS {
        let saved = Saved::new();
        fs_err::remove_file(saved.part(part)).unwrap();
        let expected = match part {
            "manifest.json" => "bundle: not a bundle: it has no manifest.json".to_owned(),
            part => format!("bundle: the bundle lacks `{part}`"),
        };
        assert_eq!(saved.message(), expected);
        assert!(saved.error().hint().is_some());
    }
}

#[test]
fn a_part_of_another_bundle_is_named() {
    let saved = Saved::new();
    // The same names and shapes, other values.
    let weights = saved.part("model.safetensors");
    let mut tensors = read_tensors(&weights);
    tensors.get_mut("head.output.bias").unwrap().bytes[0] ^= 1;
    write_tensors(&weights, &tensors);
    let message = saved.message();
    let start = "bundle: `model.safetensors` is not the file saved with this bundle: found ";
    assert!(message.starts_with(start), "{message}");

    let saved = Saved::new();
    let mut other = fs_err::read(saved.part("tokenizer.json")).unwrap();
    let word = other.windows(4).position(|bytes| bytes == b"word").unwrap();
    other[word..word + 4].copy_from_slice(b"verb");
    fs_err::write(saved.part("tokenizer.json"), other).unwrap();
    let message = saved.message();
    let start = "bundle: `tokenizer.json` is not the file saved with this bundle: found SHA-256 ";
    assert!(message.starts_with(start), "{message}");
    assert!(
        saved
            .error()
            .hint()
            .unwrap()
            .contains("incomplete or mixed")
    );

    let saved = Saved::new();
    saved.change_json("config.json", |config| config["pooling"] = json!("mean"));
    let message = saved.message();
    let start = "bundle: `config.json` is not the file saved with this bundle: found ";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn weights_are_compared_by_the_fastest_digest_that_a_manifest_has() {
    for digest in ["BLAKE3 ", "SHA-256 "] {
        let saved = Saved::new();
        if digest == "SHA-256 " {
            saved.change_json("manifest.json", remove_blake3);
        }
        assert!(
            Bundle::load(&saved.path(), &Device::flex()).is_ok(),
            "{digest}"
        );
        let weights = saved.part("model.safetensors");
        let mut bytes = fs_err::read(&weights).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs_err::write(&weights, bytes).unwrap();
        let message = saved.message();
        assert_eq!(message.matches(digest).count(), 2, "{message}");
    }
}

#[test]
fn truncated_weights_are_named() {
    let saved = Saved::new();
    let weights = saved.part("model.safetensors");
    let whole = fs_err::read(&weights).unwrap();
    fs_err::write(&weights, &whole[..whole.len() / 2]).unwrap();
    let message = saved.message();
    assert!(
        message.contains("`model.safetensors`") && message.contains("bytes"),
        "{message}"
    );
}

#[test]
fn manifest_and_configuration_must_agree() {
    for (change, message) in [
        (
            json!({"text": {"aspects": [{"name": "one", "scale": {"kind": "identity"}}]}}),
            "bundle: `number of aspects` is 1 in manifest.json and 2 in config.json",
        ),
        (
            json!({"pooling": "max"}),
            "bundle: `pooling` is max in manifest.json and last in config.json",
        ),
        (
            json!({"aspects": ["one", "two"]}),
            "bundle/manifest.json: `text.aspects` is [\"factuality\", \"relevance\"], expected \
             [\"one\", \"two\"], the `aspects` beside it",
        ),
        (
            json!({"text": {"max_length": 5000}}),
            "bundle/manifest.json: `text.max_length` is 5000, expected at most 32, the positions of the encoder in \
             config.json",
        ),
        (
            json!({"text": {"aspects": [
                {"name": "one", "scale": {"kind": "identity"}},
                {"name": "one", "scale": {"kind": "identity"}},
            ]}}),
            "bundle/manifest.json: `text` is wrong: ",
        ),
    ] {
        let saved = Saved::new();
        saved.change_json("manifest.json", |manifest| {
            for (key, value) in change.as_object().unwrap() {
                match value.as_object() {
                    Some(inner) => manifest[key].as_object_mut().unwrap().extend(inner.clone()),
                    None => manifest[key] = value.clone(),
                }
            }
        });
        let found = saved.message();
        assert!(found.starts_with(message), "{found}");
        assert!(saved.error().is_input());
    }
}

#[test]
fn a_wrong_manifest_is_told_with_its_file_and_key() {
    for (key, value, part) in [
        ("text", json!({"max_length": 32}), "`text`: missing field"),
        ("text", json!(7), "`text`: invalid type"),
        ("aggregation", json!(7), "`aggregation`: invalid type"),
        (
            "aggregation",
            json!("average"),
            "`aggregation`: unknown aggregation: found `average`, expected one of: mean,",
        ),
        ("training", json!([1]), "`training`: invalid type"),
        (
            "training",
            json!({"data": {"train": {}}}),
            "`training`: missing field",
        ),
        ("validation", json!(0.5), "`validation`: invalid type"),
        ("parts", json!([]), "`parts`: invalid type"),
        ("files", json!([]), "`files`: invalid type"),
        (
            "encoder",
            json!({"id": "a/b"}),
            "`encoder`: missing field `commit`",
        ),
    ] {
        let saved = Saved::new();
        saved.change_json("manifest.json", |manifest| manifest[key] = value);
        let error = saved.error();
        let cause = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
        assert!(
            saved.message().starts_with("bundle/manifest.json: "),
            "{error}"
        );
        assert!(cause.contains(part), "{key}: {cause}");
    }
}

/// The message and its cause, without the directory.
fn told(saved: &Saved) -> String {
    let error = saved.error();
    assert!(error.is_input(), "{error}");
    let cause = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
    format!("{}: {cause}", saved.message())
}

#[test]
fn a_tokenizer_that_cannot_be_used_is_told_when_the_bundle_is_loaded() {
    let words: Vec<String> = (0..70).map(|word| format!("word{word}")).collect();
    let large = word_level_tokenizer(words.iter().map(String::as_str)).unwrap();
    let small = String::from_utf8(word_level_tokenizer(["a word"]).unwrap()).unwrap();
    let types = small.replace("\"type_id\":1", "\"type_id\":5");
    for (bytes, parts) in [
        (&b"{"[..], &["not a tokenizer: "][..]),
        (br#"{"model": {}}"#, &["not a tokenizer: "]),
        (
            &large,
            &["`number of token ids` is 74", "expected at most 60"],
        ),
        (
            types.as_bytes(),
            &["`type id of the response` is 5", "expected at most 1"],
        ),
    ] {
        let saved = Saved::new();
        saved.replace("tokenizer.json", bytes);
        let told = told(&saved);
        assert!(told.starts_with("bundle/tokenizer.json: "), "{told}");
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    }
    let saved = Saved::new();
    saved.change_json("manifest.json", |manifest| {
        manifest["text"]["max_length"] = json!(3);
    });
    let told = told(&saved);
    assert!(told.starts_with("bundle/manifest.json: "), "{told}");
    assert!(told.contains("max_length"), "{told}");
}

#[test]
fn a_recalibration_that_cannot_be_used_is_told_when_the_bundle_is_loaded() {
    let whole = String::from_utf8(recalibrations(2.0).to_json().unwrap()).unwrap();
    for (from, to, part) in [
        (
            "relevance",
            "tone",
            "`aspects[0].aspect` is \"tone\", expected one of",
        ),
        (
            "\"format_version\": 1",
            "\"format_version\": 9",
            "`format_version` is 9, expected 1",
        ),
        ("2.0", "-2.0", "slope must be finite and not negative"),
        ("2.0", "null", "null"),
        ("linear", "cubic", "unknown variant `cubic`"),
        ("\"segments\"", "\"sections\"", "sections"),
    ] {
        let saved = Saved::new();
        Bundle::set_recalibration(&saved.path(), Some(&recalibrations(2.0))).unwrap();
        saved.replace(RECALIBRATION, whole.replace(from, to).as_bytes());
        let told = told(&saved);
        assert!(told.starts_with("bundle/recalibration.json: "), "{told}");
        assert!(told.contains(part), "{told}");
        // It can still be removed.
        Bundle::set_recalibration(&saved.path(), None).unwrap();
        Bundle::load(&saved.path(), &Device::flex()).unwrap();
    }
    let saved = Saved::new();
    let mut maps = recalibrations(2.0);
    maps.aspects[0].aspect = "tone".into();
    let error = Bundle::set_recalibration(&saved.path(), Some(&maps)).unwrap_err();
    assert!(
        error.to_string().contains("`aspects[0].aspect` is"),
        "{error}"
    );
    assert!(!Bundle::has_recalibration(&saved.path()).unwrap());
}

#[test]
fn wrong_maps_in_a_recalibration_are_told_when_the_bundle_is_loaded() {
    let line = json!({"kind": "linear", "slope": 1.0, "intercept": 0.0});
    let of_responses =
        json!([{"aspect": "tone", "aggregation": "mean", "responses": 3, "recalibration": line}]);
    let falling = json!({"kind": "isotonic", "scores": [1.0, 0.0], "ratings": [0.0, 1.0]});
    for (is_of_responses, value, part) in [
        (true, of_responses, "`responses[0].aspect` is \"tone\""),
        (false, falling, "scores must rise from knot to knot"),
    ] {
        let maps = recalibrations(2.0);
        let saved = Saved::new();
        Bundle::set_recalibration(&saved.path(), Some(&maps)).unwrap();
        let mut json: Value = serde_json::from_slice(&maps.to_json().unwrap()).unwrap();
        if is_of_responses {
            json["responses"] = value;
        } else {
            json["aspects"][0]["recalibration"] = value;
        }
        saved.replace(RECALIBRATION, json.to_string().as_bytes());
        let told = told(&saved);
        assert!(told.starts_with("bundle/recalibration.json: "), "{told}");
        assert!(told.contains(part), "{told}");
    }
    assert!(Linear::new(1.0, f64::INFINITY).is_err());
}

#[test]
fn an_additional_file_is_read_only_as_it_was_saved() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("bundle");
    let run = ExtraFile {
        name: "run.toml",
        bytes: b"epochs = 1\n",
    };
    bundle().save(&path, false, &[run]).unwrap();
    let read = |name| Bundle::read_extra(&path, name);
    assert_eq!(read("run.toml").unwrap().as_deref(), Some(run.bytes));
    assert_eq!(read("absent.toml").unwrap(), None);
    fs_err::write(path.join("run.toml"), "epochs = 2\n").unwrap();
    fs_err::write(path.join("foreign.toml"), "").unwrap();
    for name in ["run.toml", "foreign.toml"] {
        let error = read(name).unwrap_err();
        let is_named = matches!(&error, ModelError::ForeignPart { part, .. } if part == name);
        assert!(is_named, "{error}");
    }
}

#[test]
fn weights_and_configuration_that_do_not_fit_are_told_with_file_and_name() {
    let weights = |change: &dyn Fn(&mut std::collections::BTreeMap<String, support::Stored>)| {
        let saved = Saved::new();
        let path = saved.part("model.safetensors");
        let mut tensors = read_tensors(&path);
        change(&mut tensors);
        write_tensors(&path, &tensors);
        let bytes = fs_err::read(&path).unwrap();
        saved.replace("model.safetensors", &bytes);
        told(&saved)
    };
    let name = "head.output.weight";
    let missing = weights(&|tensors| drop(tensors.remove(name)));
    let shape = weights(&|tensors| tensors.get_mut(name).unwrap().shape = vec![32, 1]);
    let values = weights(&|tensors| {
        tensors.get_mut(name).unwrap().bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    for told in [missing, shape, values] {
        assert!(told.starts_with("bundle/model.safetensors: "), "{told}");
        assert!(told.contains(name), "{told}");
    }
    let saved = Saved::new();
    let bytes = fs_err::read(saved.part("model.safetensors")).unwrap();
    for (wrong, part) in [
        (&bytes[..bytes.len() - 4], "its header describes"),
        (&bytes[..4], "not a safetensors file"),
        (
            &[&u64::MAX.to_le_bytes(), &bytes[8..]].concat(),
            "not a safetensors file",
        ),
    ] {
        saved.replace("model.safetensors", wrong);
        let told = told(&saved);
        assert!(told.starts_with("bundle/model.safetensors: "), "{told}");
        assert!(told.contains(part), "{told}");
    }
    for (key, value, part) in [
        ("num_aspects", json!(0), "num_aspects"),
        ("pooling", json!("median"), "median"),
        ("heads", json!(1), "heads"),
    ] {
        let saved = Saved::new();
        saved.change_json("config.json", |config| config[key] = value);
        let bytes = fs_err::read(saved.part("config.json")).unwrap();
        saved.replace("config.json", &bytes);
        let told = told(&saved);
        assert!(told.starts_with("bundle/config.json: "), "{told}");
        assert!(told.contains(part), "{told}");
    }
}

/// What a version wrote that stored aspects and pooling in the manifest too.
#[test]
fn a_manifest_of_an_older_version_is_read() {
    let saved = Saved::new();
    let old = include_str!("older_manifest.json");
    saved.change_json("manifest.json", |manifest| {
        let parts = manifest["parts"].clone();
        *manifest = serde_json::from_str(old).unwrap();
        manifest["parts"] = parts;
    });
    let loaded = Bundle::load(&saved.path(), &Device::flex()).unwrap();
    assert_eq!(
        scores(&loaded.model, &rows(), 0),
        scores(&bundle().model, &rows(), 0)
    );
    let Manifest { text, training, .. } = &loaded.manifest;
    assert_eq!(loaded.manifest.aspects(), ["factuality", "relevance"]);
    assert_eq!((text.max_length, text.use_context), (32, false));
    let training = training.as_ref().unwrap();
    assert_eq!(training.data.as_ref().unwrap().train.records, 14_450);
    assert_eq!(training.loss().unwrap(), "mse");
    assert!(training.context().is_some());
    assert_eq!(training.run["steps"], 1808);

    // Written again, it holds everything once.
    let again = saved.path().with_file_name("again");
    loaded.save(&again, false, &[]).unwrap();
    let json: Value =
        serde_json::from_slice(&fs_err::read(again.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(json.get("aspects").or(json.get("pooling")), None);
    assert_eq!(json["training"]["counts"]["train"]["tokens"], 523_025);
    let read = Bundle::load(&again, &Device::flex()).unwrap();
    assert_eq!(read.manifest, loaded.manifest);
}

#[test]
fn a_bundle_that_contradicts_itself_is_not_saved() {
    let place = tempfile::tempdir().unwrap();
    let mut bundle = bundle();
    bundle.manifest.text.aspects.pop();
    let error = bundle
        .save(&place.path().join("bundle"), false, &[])
        .unwrap_err();
    assert!(matches!(error, ModelError::Contradiction { .. }), "{error}");
    let mut bundle = self::bundle();
    let mut maps = recalibrations(2.0);
    maps.aspects[0].aspect = "tone".into();
    bundle.recalibration = Some(maps);
    let error = bundle
        .save(&place.path().join("bundle"), false, &[])
        .unwrap_err();
    let message = error.to_string();
    assert!(message.contains("`aspects[0].aspect`"), "{message}");
    assert!(names(place.path()).is_empty());
}

#[test]
fn a_newer_format_is_refused_before_anything_else_is_read() {
    let saved = Saved::new();
    let manifest = r#"{"format_version": 4, "parts": "elsewhere"}"#;
    fs_err::write(saved.part("manifest.json"), manifest).unwrap();
    assert_eq!(
        saved.message(),
        "bundle: bundle format 4, this version reads formats up to 3"
    );
    assert!(saved.error().hint().unwrap().contains("update gradus"));
}

#[test]
fn keys_added_by_later_versions_are_passed_over() {
    let saved = Saved::new();
    saved.change_json("manifest.json", |manifest| {
        manifest["license"] = json!("MIT");
    });
    Bundle::load(&saved.path(), &Device::flex()).unwrap();
}

#[test]
fn a_manifest_that_is_no_manifest_is_refused() {
    let saved = Saved::new();
    for content in ["", "{}", "[1]", r#"{"format_version": 1}"#] {
        fs_err::write(saved.part("manifest.json"), content).unwrap();
        assert_eq!(
            saved.message(),
            "bundle/manifest.json: not the expected JSON"
        );
    }
}

#[test]
fn a_manifest_that_lists_files_elsewhere_is_refused_and_they_stay() {
    for list in ["parts", "files"] {
        for absolute in [false, true] {
            let saved = Saved::new();
            let outside = saved.0.path().join("outside");
            fs_err::write(&outside, "a user's").unwrap();
            let name = if absolute {
                outside.to_str().unwrap()
            } else {
                "../outside"
            };
            let path = saved.part("manifest.json");
            let mut manifest: Value =
                serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
            // The digest of the file, so that it passes for the one that was saved.
            let digest = digest_file(&outside).unwrap();
            manifest[list][name] = serde_json::to_value(digest).unwrap();
            fs_err::write(&path, manifest.to_string()).unwrap();
            assert_eq!(
                saved.message(),
                "bundle/manifest.json: not the expected JSON"
            );
            let error = bundle().save(&saved.path(), true, &[]).unwrap_err();
            assert!(
                matches!(error, ModelError::NotOverwritten { .. }),
                "{error}"
            );
            assert!(outside.is_file());
        }
    }
}

#[test]
fn a_missing_directory_is_named() {
    let error = Bundle::load(Path::new("no/such/bundle"), &Device::flex()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no/such/bundle: not a bundle: there is no such directory"
    );
}

#[test]
fn an_existing_directory_is_overwritten_only_when_asked() {
    let saved = Saved::new();
    let error = bundle().save(&saved.path(), false, &[]).unwrap_err();
    assert!(matches!(error, ModelError::AlreadyExists { .. }), "{error}");
    let extra = ExtraFile {
        name: "new",
        bytes: b"",
    };
    bundle().save(&saved.path(), true, &[extra]).unwrap();
    assert!(saved.part("new").is_file());
    assert_eq!(names(saved.0.path()), ["bundle"]);
}

#[test]
fn a_directory_that_is_no_bundle_is_never_overwritten() {
    let place = tempfile::tempdir().unwrap();
    fs_err::write(place.path().join("thesis.tex"), "years of work").unwrap();
    let error = bundle().save(place.path(), true, &[]).unwrap_err();
    assert!(
        matches!(error, ModelError::NotOverwritten { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("`thesis.tex`"), "{error}");
    assert_eq!(names(place.path()), ["thesis.tex"]);
}

/// Changes a directory so that it holds something that no bundle does.
type Change = fn(&Saved);

#[test]
fn a_bundle_with_anything_else_in_it_is_never_overwritten() {
    let cases: [(&str, Change); 7] = [
        ("`thesis.tex`", |saved| {
            fs_err::write(saved.part("thesis.tex"), "years of work").unwrap();
        }),
        ("`.hidden`", |saved| {
            fs_err::write(saved.part(".hidden"), "").unwrap();
        }),
        ("`mydata`", |saved| {
            fs_err::create_dir(saved.part("mydata")).unwrap();
        }),
        ("`run.toml`", |saved| {
            fs_err::write(saved.part("run.toml"), "not listed").unwrap();
        }),
        ("`tokenizer.json` is not the file", |saved| {
            fs_err::write(saved.part("tokenizer.json"), "mine").unwrap();
        }),
        ("`tokenizer.json`, which no bundle has", |saved| {
            fs_err::remove_file(saved.part("tokenizer.json")).unwrap();
            fs_err::create_dir(saved.part("tokenizer.json")).unwrap();
        }),
        ("manifest.json is not that of a bundle", |saved| {
            fs_err::write(saved.part("manifest.json"), "{}").unwrap();
        }),
    ];
    for (expected, change) in cases {
        let saved = Saved::new();
        change(&saved);
        let before = names(&saved.path());
        let error = bundle().save(&saved.path(), true, &[]).unwrap_err();
        assert!(
            matches!(error, ModelError::NotOverwritten { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(names(&saved.path()), before);
        assert_eq!(names(saved.0.path()), ["bundle"]);
    }
}

#[test]
fn files_that_the_manifest_lists_are_overwritten_with_their_bundle() {
    let extra = [ExtraFile {
        name: "notes.txt",
        bytes: b"listed",
    }];
    let saved = Saved::new();
    bundle().save(&saved.path(), true, &extra).unwrap();
    bundle().save(&saved.path(), true, &[]).unwrap();
    assert_eq!(names(&saved.path()), FILES);
    // Manifests of earlier versions list no files.
    saved.change_json("manifest.json", |manifest| {
        manifest.as_object_mut().unwrap().remove("files");
    });
    // They have no card either.
    fs_err::remove_file(saved.part(CARD)).unwrap();
    fs_err::write(saved.part("history.json"), "{}").unwrap();
    bundle().save(&saved.path(), true, &[]).unwrap();
    assert_eq!(names(&saved.path()), FILES);
}

#[test]
fn what_comes_into_a_bundle_while_its_place_is_taken_moves_along() {
    let saved = Saved::new();
    let place = BundlePlace::take(&saved.path(), true).unwrap();
    fs_err::write(saved.part("notes.txt"), "mine").unwrap();
    place.save(&bundle(), &[]).unwrap();
    assert_eq!(
        fs_err::read_to_string(saved.part("notes.txt")).unwrap(),
        "mine"
    );
    drop(place);
    assert_eq!(names(saved.0.path()), ["bundle"]);
}

#[test]
fn a_slash_dots_and_links_name_the_same_bundle() {
    let saved = Saved::new();
    fs_err::create_dir(saved.part("inner")).unwrap();
    for end in ["", "/", "/.", "/inner/.."] {
        let mut path = saved.path().into_os_string();
        path.push(end);
        let error = bundle().save(Path::new(&path), false, &[]).unwrap_err();
        assert!(matches!(error, ModelError::AlreadyExists { .. }), "{error}");
    }
    fs_err::remove_dir(saved.part("inner")).unwrap();
    #[cfg(unix)]
    {
        let link = saved.0.path().join("link");
        fs_err::os::unix::fs::symlink("bundle", &link).unwrap();
        bundle().save(&link, true, &[]).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(names(&saved.path()), FILES);
    }
    for end in ["", "/", "/.."] {
        let error = bundle().save(Path::new(end), true, &[]).unwrap_err();
        assert!(matches!(error, ModelError::Io(_)), "{end}: {error}");
    }
}

#[test]
fn a_bundle_that_a_killed_process_moved_aside_comes_back_when_it_is_read() {
    type Read = fn(&Path) -> Result<(), ModelError>;
    let reads: [Read; 4] = [
        |path| Bundle::load(path, &Device::flex()).map(drop),
        |path| Bundle::set_recalibration(path, Some(&recalibrations(3.0))),
        |path| Bundle::has_recalibration(path).map(drop),
        |path| bundle().save(path, true, &[]),
    ];
    for read in reads {
        let saved = Saved::new();
        // As on a file system that cannot exchange names: moved aside, and not yet replaced.
        let digest = names_digest("bundle");
        let old = format!(".gradus-old-{digest}-aaaaaaaaaaaa");
        fs_err::rename(saved.path(), saved.0.path().join(old)).unwrap();
        let half = saved
            .0
            .path()
            .join(format!(".gradus-new-{digest}-bbbbbbbbbbbb"));
        fs_err::create_dir(&half).unwrap();
        fs_err::write(half.join("config.json"), "{").unwrap();
        for foreign in [".bundle.old-2024", ".bundle.new-backup"] {
            fs_err::create_dir(saved.0.path().join(foreign)).unwrap();
        }
        read(&saved.path()).unwrap();
        let left = names(saved.0.path());
        assert_eq!(left, [".bundle.new-backup", ".bundle.old-2024", "bundle"]);
    }
}

/// FNV-1a, which tells the leftovers of one target from those of another.
fn names_digest(name: &str) -> String {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let hash = name.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[test]
fn writers_at_the_same_time_take_turns_and_readers_see_whole_bundles() {
    let saved = Saved::new();
    let path = saved.path();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for round in 0..10 {
                    let maps = recalibrations(f64::from(10 * thread + round));
                    let maps = (round % 3 > 0).then_some(&maps);
                    Bundle::set_recalibration(path, maps).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..5 {
                bundle().save(&path, true, &[]).unwrap();
            }
        });
        for _ in 0..40 {
            Bundle::load(&path, &Device::flex()).unwrap();
        }
    });
    assert_eq!(names(saved.0.path()), ["bundle"]);
}

#[test]
fn a_failed_save_leaves_the_old_bundle_and_nothing_else() {
    let saved = Saved::new();
    let before = fs_err::read(saved.part("manifest.json")).unwrap();
    // A name longer than file systems allow fails late, after the weights have been written.
    let name = "x".repeat(300);
    let error = bundle().save(
        &saved.path(),
        true,
        &[ExtraFile {
            name: &name,
            bytes: b"",
        }],
    );
    assert!(matches!(error.unwrap_err(), ModelError::Write { .. }));
    assert_eq!(names(saved.0.path()), ["bundle"]);
    assert_eq!(names(&saved.path()), FILES);
    assert_eq!(fs_err::read(saved.part("manifest.json")).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn the_parts_of_a_bundle_have_the_same_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let saved = Saved::new();
    let mode = |part: &str| {
        fs_err::metadata(saved.part(part))
            .unwrap()
            .permissions()
            .mode()
    };
    assert!(FILES.iter().all(|part| mode(part) == mode("manifest.json")));
}

const RECALIBRATION: &str = "recalibration.json";

#[test]
fn a_recalibration_is_stored_replaced_and_removed_and_all_else_stays() {
    let saved = Saved::new();
    fs_err::write(saved.part("notes.txt"), "mine").unwrap();
    let before = fs_err::read(saved.part("manifest.json")).unwrap();
    let load = || Bundle::load(&saved.path(), &Device::flex()).unwrap();
    assert_eq!(load().recalibration, None);
    for slope in [1.0, 2.0] {
        let maps = recalibrations(slope);
        Bundle::set_recalibration(&saved.path(), Some(&maps)).unwrap();
        assert_eq!(load().recalibration, Some(maps));
    }
    assert_eq!(
        fs_err::read_to_string(saved.part("notes.txt")).unwrap(),
        "mine"
    );
    let beside = saved.path().parent().unwrap().to_owned();
    assert_eq!(names(&beside), ["bundle"], "nothing is left over");
    Bundle::set_recalibration(&saved.path(), None).unwrap();
    assert_eq!(load().recalibration, None);
    assert!(!saved.part(RECALIBRATION).exists());
    assert_eq!(fs_err::read(saved.part("manifest.json")).unwrap(), before);
}

#[test]
fn thresholds_are_stored_changed_and_removed_and_all_else_stays() {
    let saved = Saved::new();
    let before = fs_err::read(saved.part("manifest.json")).unwrap();
    let load = || Bundle::load(&saved.path(), &Device::flex()).unwrap();
    let threshold = |threshold: f64| DoubtThreshold {
        threshold,
        wish: Wish::Precision(0.8),
        midpoint: 0.5,
        confidence: Some(0.95),
        fitted_on: "valid.jsonl".into(),
        texts: None,
        segments: 10,
    };
    let insert = |aspect: &str, value: f64| {
        Bundle::change_thresholds(&saved.path(), |thresholds| {
            thresholds.insert(aspect.to_owned(), threshold(value));
        })
    };
    insert("factuality", 0.1).unwrap();
    insert("relevance", 0.2).unwrap();
    insert("factuality", -0.3).unwrap();
    let expected = DoubtThresholds::from([
        ("factuality".to_owned(), threshold(-0.3)),
        ("relevance".to_owned(), threshold(0.2)),
    ]);
    assert_eq!(load().manifest.thresholds, expected);
    assert_eq!(Bundle::thresholds(&saved.path()).unwrap(), expected);
    // A recalibration changes the same file, and keeps them.
    Bundle::set_recalibration(&saved.path(), Some(&recalibrations(1.0))).unwrap();
    assert_eq!(load().manifest.thresholds, expected);
    let message = insert("tone", 0.5).unwrap_err().to_string();
    assert!(
        message.ends_with(
            "`thresholds` is for \"tone\", expected for the bundle's aspects: factuality, relevance"
        ),
        "{message}"
    );
    let message = insert("relevance", f64::NAN).unwrap_err().to_string();
    assert!(
        message.contains("thresholds.relevance.threshold"),
        "{message}"
    );
    assert_eq!(load().manifest.thresholds, expected);
    Bundle::set_recalibration(&saved.path(), None).unwrap();
    Bundle::change_thresholds(&saved.path(), DoubtThresholds::clear).unwrap();
    assert_eq!(fs_err::read(saved.part("manifest.json")).unwrap(), before);
    assert_eq!(names(&saved.path()), FILES);
    // A manifest with one for an aspect that there is not.
    saved.change_json("manifest.json", |manifest| {
        manifest["thresholds"] = json!({"tone": threshold(0.5)});
    });
    let message = saved.message();
    assert!(
        message.contains("thresholds") && message.contains("tone"),
        "{message}"
    );
}

#[test]
fn a_recalibration_is_whole_wherever_a_change_was_killed() {
    let (old, new) = (recalibrations(1.0), recalibrations(2.0));
    let hidden = |bytes: &[u8]| {
        let place = tempfile::tempdir().unwrap();
        fs_err::write(place.path().join("file"), bytes).unwrap();
        let digest = digest_file(&place.path().join("file")).unwrap();
        format!(".gradus-recalibration-{}", digest.sha256)
    };
    // Before and after the manifest, for a change from `old` to `new` and for a removal.
    let cases: [(Change, Option<&Recalibrations>); 4] = [
        (|_| {}, Some(&old)),
        (
            |saved| {
                let bytes = fs_err::read(saved.part(RECALIBRATION)).unwrap();
                Bundle::set_recalibration(&saved.path(), Some(&recalibrations(2.0))).unwrap();
                let name = fs_err::read(saved.part(RECALIBRATION)).unwrap();
                fs_err::write(saved.part("kept"), name).unwrap();
                fs_err::write(saved.part(RECALIBRATION), bytes).unwrap();
            },
            Some(&new),
        ),
        (
            |saved| fs_err::rename(saved.part(RECALIBRATION), saved.part("kept")).unwrap(),
            Some(&old),
        ),
        (
            |saved| {
                let bytes = fs_err::read(saved.part(RECALIBRATION)).unwrap();
                Bundle::set_recalibration(&saved.path(), None).unwrap();
                fs_err::write(saved.part("kept"), bytes).unwrap();
            },
            None,
        ),
    ];
    for (kill, expected) in cases {
        let saved = Saved::new();
        Bundle::set_recalibration(&saved.path(), Some(&old)).unwrap();
        kill(&saved);
        let kept = fs_err::read(saved.part("kept"));
        if kept.is_ok() {
            fs_err::remove_file(saved.part("kept")).unwrap();
        }
        let pending = kept.unwrap_or_else(|_| new.to_json().unwrap());
        fs_err::write(saved.part(&hidden(&pending)), pending).unwrap();
        let loaded = Bundle::load(&saved.path(), &Device::flex()).unwrap();
        assert_eq!(loaded.recalibration.as_ref(), expected);
        let found = Bundle::has_recalibration(&saved.path()).unwrap();
        assert_eq!(found, expected.is_some());
        Bundle::set_recalibration(&saved.path(), Some(&recalibrations(3.0))).unwrap();
        let mut whole = [&FILES[..], &[RECALIBRATION]].concat();
        whole.sort_unstable();
        assert_eq!(names(&saved.path()), whole);
    }
}

#[cfg(unix)]
#[test]
fn a_change_of_recalibration_leaves_the_directory_the_weights_and_permissions_as_they_are() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let saved = Saved::new();
    let private = std::fs::Permissions::from_mode(0o600);
    fs_err::set_permissions(saved.part("manifest.json"), private).unwrap();
    let inode = |path: &Path| fs_err::metadata(path).unwrap().ino();
    let before = [saved.path(), saved.part("model.safetensors")].map(|path| inode(&path));
    Bundle::set_recalibration(&saved.path(), Some(&recalibrations(3.0))).unwrap();
    let after = [saved.path(), saved.part("model.safetensors")].map(|path| inode(&path));
    assert_eq!(before, after);
    for part in ["manifest.json", RECALIBRATION] {
        let mode = fs_err::metadata(saved.part(part))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{part}");
    }
}

#[test]
fn a_saved_bundle_keeps_its_recalibration() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("bundle");
    let mut bundle = bundle();
    bundle.recalibration = Some(recalibrations(3.0));
    bundle.save(&directory, false, &[]).unwrap();
    let loaded = Bundle::load(&directory, &Device::flex()).unwrap();
    assert_eq!(loaded.recalibration, bundle.recalibration);
}

#[test]
fn a_missing_damaged_or_foreign_recalibration_is_refused() {
    let saved = Saved::new();
    Bundle::set_recalibration(&saved.path(), Some(&recalibrations(3.0))).unwrap();
    let other = recalibrations(4.0).to_json().unwrap();
    fs_err::write(saved.part(RECALIBRATION), other).unwrap();
    let message = saved.message();
    assert!(
        message.contains(RECALIBRATION) && message.contains("SHA-256"),
        "{message}"
    );
    let error = Bundle::set_recalibration(&saved.path(), None).unwrap_err();
    assert!(matches!(error, ModelError::ForeignPart { .. }), "{error}");
    fs_err::remove_file(saved.part(RECALIBRATION)).unwrap();
    assert!(matches!(saved.error(), ModelError::MissingPart { .. }));

    let other = Saved::new();
    fs_err::write(other.part(RECALIBRATION), "{}").unwrap();
    let message = other.message();
    assert!(
        message.contains(RECALIBRATION) && message.contains("expected none"),
        "{message}"
    );
}

/// The card of a saved bundle.
fn card(saved: &Saved) -> String {
    fs_err::read_to_string(saved.part(CARD)).unwrap()
}

#[test]
fn a_card_says_what_the_bundle_says_and_is_renewed_with_it() {
    let saved = Saved::new();
    let text = card(&saved);
    for part in [
        "---\nlibrary_name: gradus\n",
        "- `factuality`, in rating units; scale of training: identity\n",
        "mean of its segments",
        "at most 32 tokens",
        "| mse | 0.1000 |",
        "## Limits",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    let manifest = || fs_err::read(saved.part("manifest.json")).unwrap();
    let before = manifest();
    let renew = |measured| Bundle::renew_card(&saved.path(), measured).unwrap();
    assert_eq!(renew(None), CardRenewal::Renewed);
    assert_eq!((manifest(), card(&saved)), (before.clone(), text.clone()));

    Bundle::set_recalibration(&saved.path(), Some(&recalibrations(1.0))).unwrap();
    assert_eq!(
        renew(Some("AUROC .88 on `test.jsonl`.")),
        CardRenewal::Renewed
    );
    let renewed = card(&saved);
    assert!(renewed.contains(
        "`relevance`, in rating units; scale of training: identity, linear recalibration"
    ));
    assert!(renewed.contains("AUROC .88 on `test.jsonl`."), "{renewed}");
    // What was measured stays where other things change.
    Bundle::set_recalibration(&saved.path(), None).unwrap();
    renew(None);
    assert!(
        card(&saved).contains("AUROC .88 on `test.jsonl`.") && !card(&saved).contains("linear")
    );
    assert_eq!(names(&saved.path()), FILES);
    Bundle::load(&saved.path(), &Device::flex()).unwrap();
    // Overwriting takes a card away that belongs to the bundle.
    bundle().save(&saved.path(), true, &[]).unwrap();
    assert_eq!((manifest(), card(&saved)), (before, text));
}

#[test]
fn a_card_of_somebody_else_is_never_touched() {
    let saved = Saved::new();
    fs_err::write(saved.part(CARD), "my own words").unwrap();
    let manifest = fs_err::read(saved.part("manifest.json")).unwrap();
    let renewed = Bundle::renew_card(&saved.path(), Some("x")).unwrap();
    assert_eq!(renewed, CardRenewal::Foreign);
    assert_eq!(card(&saved), "my own words");
    assert_eq!(fs_err::read(saved.part("manifest.json")).unwrap(), manifest);
    let error = bundle().save(&saved.path(), true, &[]).unwrap_err();
    assert!(
        matches!(error, ModelError::NotOverwritten { .. }),
        "{error}"
    );
    // Without one there is a new one.
    fs_err::remove_file(saved.part(CARD)).unwrap();
    Bundle::load(&saved.path(), &Device::flex()).unwrap();
    assert_eq!(
        Bundle::renew_card(&saved.path(), None).unwrap(),
        CardRenewal::Renewed
    );
    assert!(card(&saved).contains("# Segment-level reward model"));
}

#[test]
fn a_renewal_that_was_killed_leaves_a_card_that_belongs_to_the_bundle() {
    let saved = Saved::new();
    let old = card(&saved);
    Bundle::renew_card(&saved.path(), Some("new figures")).unwrap();
    let new = card(&saved);
    // Between both files: the manifest names both cards, and the old one is still there.
    fs_err::write(saved.part(CARD), &old).unwrap();
    let part = serde_json::to_value(digest_file(&saved.part(CARD)).unwrap()).unwrap();
    saved.change_json("manifest.json", |manifest| manifest["previous_card"] = part);
    Bundle::load(&saved.path(), &Device::flex()).unwrap();
    assert_eq!(
        Bundle::renew_card(&saved.path(), Some("new figures")).unwrap(),
        CardRenewal::Renewed
    );
    assert_eq!(card(&saved), new);
    fs_err::write(saved.part(CARD), &old).unwrap();
    let part = serde_json::to_value(digest_file(&saved.part(CARD)).unwrap()).unwrap();
    saved.change_json("manifest.json", |manifest| manifest["previous_card"] = part);
    bundle().save(&saved.path(), true, &[]).unwrap();
    assert_eq!(card(&saved), old);
}

/// The files of a directory by their names.
fn files_of(directory: &Path) -> gradus_bundle::BundleFiles {
    let entries = fs_err::read_dir(directory).unwrap();
    let entries = entries.map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, fs_err::read(entry.path()).unwrap())
    });
    entries.collect()
}

#[test]
fn files_in_memory_are_those_on_disk() {
    let device = Device::flex();
    for recalibration in [None, Some(recalibrations(2.0))] {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("bundle");
        let bundle = Bundle {
            recalibration,
            ..bundle()
        };
        let extra = [ExtraFile {
            name: "run.toml",
            bytes: b"a = 1",
        }];
        bundle.save(&directory, false, &extra).unwrap();
        let files = files_of(&directory);
        assert_eq!(bundle.to_files(&extra).unwrap(), files);
        let (loaded, tokenizer) = Bundle::from_files("m".as_ref(), files, &device).unwrap();
        assert_eq!(tokenizer.config(), &bundle.manifest.text);
        assert_eq!(loaded.recalibration, bundle.recalibration);
        assert_eq!(loaded.to_files(&extra).unwrap(), files_of(&directory));
    }
}

#[test]
fn files_in_memory_are_checked_as_those_on_disk() {
    let whole = bundle().to_files(&[]).unwrap();
    let refused = |files| {
        let loaded = Bundle::from_files("m".as_ref(), files, &Device::flex());
        loaded.err().unwrap().to_string()
    };
    for part in PARTS {
        let mut files = whole.clone();
        files.remove(part);
        assert!(refused(files).contains(part), "{part}");
    }
    for part in ["config.json", "model.safetensors", "tokenizer.json"] {
        let mut flipped = whole.clone();
        *flipped.get_mut(part).unwrap().last_mut().unwrap() ^= 1;
        let error = refused(flipped);
        assert!(error.contains(part) && error.contains("SHA-256"), "{error}");
        let mut short = whole.clone();
        short.get_mut(part).unwrap().pop();
        let error = refused(short);
        assert!(error.contains(part) && error.contains("bytes"), "{error}");
    }
    let mut foreign = whole.clone();
    foreign.insert("recalibration.json".into(), b"{}".to_vec());
    assert!(refused(foreign).contains("recalibration.json"));
    let mut other = whole.clone();
    other.insert(
        "manifest.json".into(),
        br#"{"format_version": 99}"#.to_vec(),
    );
    assert!(refused(other).contains("99"));
    // A file that no manifest lists is nobody's business.
    let mut more = whole;
    more.insert("notes.txt".into(), b"mine".to_vec());
    Bundle::from_files("m".as_ref(), more, &Device::flex()).unwrap();
}

/// An offset for these aspects, and an example that it says something of.
fn offset(kinds: impl Into<OffsetKinds>, aspects: [&str; 2]) -> (Offset, Example) {
    let example = |prompt: &str, second: f64| {
        let segment = |(start, rating): (usize, f64)| Segment {
            ratings: aspects.map(|aspect| (aspect.to_owned(), rating)).into(),
            ..Segment::unrated(CharSpan::new(start, start + 3))
        };
        Example {
            prompt: prompt.into(),
            response: "one two".into(),
            segments: [(0, 0.25), (4, second)].map(segment).to_vec(),
            ..Example::default()
        }
    };
    let examples = [example("a", 1.0), example("b", 0.5)];
    let aspects = aspects.map(str::to_owned);
    let [first, _] = &examples;
    (
        Offset::fit(kinds, &aspects, &examples).unwrap(),
        first.clone(),
    )
}

#[test]
fn a_saved_bundle_keeps_its_offset_on_disk_and_in_memory() {
    let device = Device::flex();
    let of_one = OffsetKinds::ByAspect(BTreeMap::from([
        ("factuality".to_owned(), Some(OffsetKind::PositionLength)),
        ("relevance".to_owned(), None),
    ]));
    let all = OffsetKind::ALL.map(|kind| (OffsetKinds::All(kind), "2"));
    // Other versions know no offset that is not the same for all aspects.
    for (kinds, version) in all.into_iter().chain([(of_one, "3")]) {
        let (offset, example) = offset(kinds.clone(), ["factuality", "relevance"]);
        let said = offset.predict(&example);
        assert!(said[0] != said[1]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bundle");
        let with = bundle().with_offset(Some(offset));
        with.save(&path, false, &[]).unwrap();
        let manifest = fs_err::read_to_string(path.join("manifest.json")).unwrap();
        let expected = format!("\"format_version\": {version}");
        assert!(manifest.contains(&expected), "{manifest}");
        let loaded = Bundle::load(&path, &device).unwrap();
        assert_eq!(loaded.manifest.offset, Some(kinds.clone()));
        assert_eq!(loaded.offset.as_ref().unwrap().predict(&example), said);
        assert_eq!(
            Bundle::info(&path)
                .unwrap()
                .offset
                .unwrap()
                .predict(&example),
            said
        );
        let files = loaded.to_files(&[]).unwrap();
        assert!(files[OFFSET] == fs_err::read(path.join(OFFSET)).unwrap());
        let (again, _) = Bundle::from_files("bundle".as_ref(), files, &device).unwrap();
        assert_eq!(again.offset.unwrap().predict(&example), said);
        // Other changes leave it there, and a bundle without one is of the old format.
        Bundle::set_recalibration(&path, Some(&recalibrations(2.0))).unwrap();
        let loaded = Bundle::load(&path, &device).unwrap();
        assert_eq!(loaded.manifest.offset, Some(kinds.clone()));
        loaded.with_offset(None).save(&path, true, &[]).unwrap();
        let manifest = fs_err::read_to_string(path.join("manifest.json")).unwrap();
        assert!(manifest.contains("\"format_version\": 1") && !path.join(OFFSET).exists());
    }
}

#[test]
fn an_offset_that_is_missing_foreign_or_for_other_aspects_is_refused() {
    let (right, _) = offset(OffsetKind::BagOfWords, ["factuality", "relevance"]);
    let saved = || {
        let saved = Saved(tempfile::tempdir().unwrap());
        let with = bundle().with_offset(Some(right.clone()));
        with.save(&saved.path(), false, &[]).unwrap();
        saved
    };
    let gone = saved();
    fs_err::remove_file(gone.path().join(OFFSET)).unwrap();
    assert!(matches!(gone.error(), ModelError::MissingPart { part, .. } if part == OFFSET));
    let changed = saved();
    fs_err::write(changed.path().join(OFFSET), "{}").unwrap();
    assert!(matches!(changed.error(), ModelError::ForeignPart { part, .. } if part == OFFSET));
    let broken = saved();
    broken.replace(OFFSET, b"{}");
    assert!(
        told(&broken).starts_with("bundle/offset.json: "),
        "{}",
        told(&broken)
    );
    let unsaid = saved();
    unsaid.change_json("manifest.json", |manifest| {
        manifest.as_object_mut().unwrap().remove("offset");
    });
    let message = unsaid.message();
    assert!(
        message.contains("`offset` is none, expected bag-of-words"),
        "{message}"
    );
    let (other, _) = offset(OffsetKind::BagOfWords, ["factuality", "tone"]);
    let error = bundle()
        .with_offset(Some(other))
        .save(&saved().path(), true, &[]);
    let message = error.unwrap_err().to_string();
    assert!(message.contains("offset.json: `aspects` is"), "{message}");
}
