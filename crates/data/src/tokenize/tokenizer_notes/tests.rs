use serde_json::json;

use super::*;

fn tokenizer() -> Value {
    json!({
        "added_tokens": [{"id": 0, "content": "[CLS]", "special": true, "lstrip": false},
            {"id": 1, "content": "[SEP]", "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"},
            {"type": "BertNormalizer", "lowercase": true, "strip_accents": null,
                "handle_chinese_chars": true}]},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
        "post_processor": {"type": "TemplateProcessing",
            "special_tokens": {"[CLS]": {}, "[SEP]": {}}},
        "model": {"vocab": {"a": 2, "b": 3}},
    })
}

fn notes(files: &[(&str, Value)]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = (TOKENIZER, tokenizer());
    for (name, value) in [&[tokenizer], files].concat() {
        fs_err::write(directory.path().join(name), value.to_string()).unwrap();
    }
    tokenizer_notes(directory.path(), 512).unwrap()
}

#[test]
fn special_tokens_are_looked_for_in_lists_maps_and_keys_of_a_model() {
    for (config, token) in [
        (json!({"extra_special_tokens": ["<x>", "a"]}), "<x>"),
        (
            json!({"extra_special_tokens": {"image_token": "<img>"}}),
            "<img>",
        ),
        (
            json!({"extra_special_tokens": {"t": {"content": "<c>"}}}),
            "<c>",
        ),
        (
            json!({"model_specific_special_tokens": {"boi": "<boi>"}}),
            "<boi>",
        ),
        (json!({"image_token": "<one>"}), "<one>"),
    ] {
        let found = notes(&[(CONFIG, config)]);
        assert!(
            found.len() == 1 && found[0].contains(token),
            "{token}: {found:?}"
        );
    }
    let known = json!({"extra_special_tokens": {"first": "a"}, "image_token": "[SEP]", "add_bos_token": false});
    assert!(notes(&[(CONFIG, known)]).is_empty());
}

#[test]
fn the_files_of_sentence_transformers_are_told() {
    let found = notes(&[
        (SENTENCE_BERT, json!({"do_lower_case": true})),
        (SENTENCE_CONFIG, json!({"prompts": {"q": "query: "}})),
        (
            MODULES,
            json!([{"type": "x.Transformer", "path": ""}, {"type": "x.Normalize", "path": "2"}]),
        ),
    ]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(notes(&[(MODULES, json!({}))])[0].contains("not a JSON list"));
}

#[test]
fn files_that_agree_are_not_told_of() {
    let config = json!({"do_lower_case": true, "strip_accents": null, "tokenize_chinese_chars": true,
        "add_prefix_space": false, "cls_token": "[CLS]", "sep_token": {"content": "[SEP]"},
        "unk_token": "a", "model_max_length": 1e30, "padding_side": "left", "truncation_side": "left",
        "clean_up_tokenization_spaces": true, "split_special_tokens": false, "split_by_punct": false,
        "add_bos_token": false, "bos_token": "b", "additional_special_tokens": [],
        "added_tokens_decoder": {"0": {"content": "[CLS]", "special": true}}});
    assert_eq!(notes(&[(CONFIG, config)]), Vec::<String>::new());
    assert_eq!(notes(&[]), Vec::<String>::new());
}

#[test]
fn each_disagreement_is_told_by_its_key() {
    for (key, value, words) in [
        ("do_lower_case", json!(false), "lower-cases texts"),
        ("strip_accents", json!(false), "strips accents"),
        ("tokenize_chinese_chars", json!(false), "splits them"),
        ("add_prefix_space", json!(true), "adds no space"),
        ("split_by_punct", json!(true), "does not split"),
        ("split_special_tokens", json!(true), "finds special tokens"),
        ("model_max_length", json!(128), "up to 512 tokens"),
        (
            "added_tokens_decoder",
            json!({"9": {"content": "<step>"}}),
            "\"<step>\", which tokenizer.json does not have",
        ),
        (
            "added_tokens_decoder",
            json!({"7": {"content": "[CLS]"}}),
            "other ids",
        ),
        (
            "added_tokens_decoder",
            json!({"0": {"content": "[CLS]", "special": true, "lstrip": true}}),
            "in other places",
        ),
        (
            "added_tokens_decoder",
            json!({"2": {"content": "a"}}),
            "in other places",
        ),
    ] {
        let found = notes(&[(CONFIG, json!({key: value}))]);
        assert_eq!(found.len(), 1, "{key}: {found:?}");
        assert!(found[0].contains(&format!("`{key}`")), "{found:?}");
        assert!(found[0].contains(words), "{found:?}");
    }
}

#[test]
fn tokens_that_only_other_files_name_are_told() {
    let config = json!({"cls_token": "<s>", "sep_token": "[SEP]"});
    let found = notes(&[(CONFIG, config)]);
    assert!(found[0].contains("`cls_token` is \"<s>\""), "{found:?}");
    assert!(found[1].contains("names \"<s>\", which"), "{found:?}");
    let found = notes(&[(ADDED, json!({"<x>": 9, "a": 2}))]);
    assert!(
        found[0].contains("added_tokens.json has \"<x>\""),
        "{found:?}"
    );
    let found = notes(&[(SPECIAL, json!({"mask_token": {"content": "<mask>"}}))]);
    assert!(found[0].contains("names \"<mask>\""), "{found:?}");
    let config = json!({"bos_token": "[CLS]", "add_bos_token": false, "eos_token": "a",
        "add_eos_token": true});
    let found = notes(&[(CONFIG, config)]);
    assert!(found[0].contains("`add_bos_token` is false") && found[0].contains(" adds \"[CLS]\""));
    assert!(
        found[1].contains("`add_eos_token` is true") && found[1].contains("does not add \"a\"")
    );
    // Where the configuration lists its tokens, the older files are not read.
    let listed = json!({"added_tokens_decoder": {}});
    assert!(notes(&[(CONFIG, listed), (ADDED, json!({"<x>": 9}))]).is_empty());
}

#[test]
fn a_file_that_is_no_json_is_told_and_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join(TOKENIZER), tokenizer().to_string()).unwrap();
    fs_err::write(directory.path().join(CONFIG), "[]").unwrap();
    let notes = tokenizer_notes(directory.path(), 512).unwrap();
    assert!(
        notes[0].starts_with("tokenizer_config.json: ignored"),
        "{notes:?}"
    );
}
