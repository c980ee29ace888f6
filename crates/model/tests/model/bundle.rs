//! Bundles: whole, or refused with the part that is wrong.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use gradus_model::{Bundle, ExtraFile, Manifest, ModelError, Pooling};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{random_model, read_tensors, rows, scores, write_tensors};

const PARTS: [&str; 4] = [
    "config.json",
    "manifest.json",
    "model.safetensors",
    "tokenizer.json",
];

fn bundle() -> Bundle {
    let (config, model) = random_model(2, Pooling::Last);
    let aspects = vec!["factuality".to_owned(), "relevance".to_owned()];
    let mut manifest = Manifest::new(aspects, Pooling::Last, "mean");
    manifest.text = json!({"max_length": 32});
    manifest.validation = json!({"mse": 0.1});
    Bundle {
        manifest,
        config,
        model,
        tokenizer: br#"{"model": {}}"#.to_vec(),
        recalibration: None,
    }
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
    for part in PARTS {
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
    fs_err::write(saved.part("tokenizer.json"), br#"{"model": []}"#).unwrap();
    let message = saved.message();
    let start = "bundle: `tokenizer.json` is not the file saved with this bundle: found SHA-256 ";
    assert!(message.starts_with(start), "{message}");
    assert!(saved.error().hint().unwrap().contains("whole or nothing"));

    let saved = Saved::new();
    saved.change_json("config.json", |config| config["pooling"] = json!("mean"));
    let message = saved.message();
    let start = "bundle: `config.json` is not the file saved with this bundle: found ";
    assert!(message.starts_with(start), "{message}");
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
    let saved = Saved::new();
    saved.change_json("manifest.json", |manifest| {
        manifest["aspects"] = json!(["one"]);
    });
    assert_eq!(
        saved.message(),
        "bundle: `number of aspects` is 1 in manifest.json and 2 in config.json"
    );
    saved.change_json("manifest.json", |manifest| {
        manifest["aspects"] = json!(["one", "two"]);
        manifest["pooling"] = json!("max");
    });
    assert_eq!(
        saved.message(),
        "bundle: `pooling` is max in manifest.json and last in config.json"
    );
}

#[test]
fn a_bundle_that_contradicts_itself_is_not_saved() {
    let place = tempfile::tempdir().unwrap();
    let mut bundle = bundle();
    bundle.manifest.aspects.pop();
    let error = bundle
        .save(&place.path().join("bundle"), false, &[])
        .unwrap_err();
    assert!(matches!(error, ModelError::Contradiction { .. }), "{error}");
    assert!(names(place.path()).is_empty());
}

#[test]
fn a_newer_format_is_refused_before_anything_else_is_read() {
    let saved = Saved::new();
    let manifest = r#"{"format_version": 2, "parts": "elsewhere"}"#;
    fs_err::write(saved.part("manifest.json"), manifest).unwrap();
    assert_eq!(
        saved.message(),
        "bundle: bundle format 2, this version reads format 1"
    );
    assert!(saved.error().hint().unwrap().contains("update gradus"));
}

#[test]
fn keys_added_by_later_versions_are_passed_over() {
    let saved = Saved::new();
    saved.change_json("manifest.json", |manifest| {
        manifest["licence"] = json!("MIT");
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
fn a_missing_directory_is_named() {
    let error = Bundle::load(Path::new("no/such/bundle"), &Device::flex()).unwrap_err();
    assert_eq!(error.to_string(), "no/such/bundle: no such directory");
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
    assert!(matches!(error, ModelError::NotABundle { .. }), "{error}");
    assert_eq!(names(place.path()), ["thesis.tex"]);
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
    assert!(matches!(error.unwrap_err(), ModelError::Io(_)));
    assert_eq!(names(saved.0.path()), ["bundle"]);
    assert_eq!(names(&saved.path()), PARTS);
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
    assert!(PARTS.iter().all(|part| mode(part) == mode("manifest.json")));
}

const RECALIBRATION: &str = "recalibration.json";

#[test]
fn a_recalibration_is_stored_replaced_and_removed_and_all_else_stays() {
    let saved = Saved::new();
    fs_err::write(saved.part("notes.txt"), "mine").unwrap();
    let before = fs_err::read(saved.part("manifest.json")).unwrap();
    let load = || Bundle::load(&saved.path(), &Device::flex()).unwrap();
    assert_eq!(load().recalibration, None);
    for bytes in [b"{}".as_slice(), b"[1]"] {
        Bundle::set_recalibration(&saved.path(), Some(bytes)).unwrap();
        assert_eq!(load().recalibration.as_deref(), Some(bytes));
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
fn a_saved_bundle_keeps_its_recalibration() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("bundle");
    let mut bundle = bundle();
    bundle.recalibration = Some(b"{}".to_vec());
    bundle.save(&directory, false, &[]).unwrap();
    let loaded = Bundle::load(&directory, &Device::flex()).unwrap();
    assert_eq!(loaded.recalibration, bundle.recalibration);
}

#[test]
fn a_missing_damaged_or_foreign_recalibration_is_refused() {
    let saved = Saved::new();
    Bundle::set_recalibration(&saved.path(), Some(b"{}")).unwrap();
    fs_err::write(saved.part(RECALIBRATION), "[]").unwrap();
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
