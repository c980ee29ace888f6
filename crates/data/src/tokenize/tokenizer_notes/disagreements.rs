//! Settings and tokens of other files that contradict `tokenizer.json`.

use serde_json::{Map, Value};

use super::facts::Facts;
use super::{ADDED, CONFIG, SPECIAL};

/// Settings of an added token that decide where the tokenizer finds it in a text.
const FLAGS: [&str; 5] = ["lstrip", "rstrip", "single_word", "normalized", "special"];

impl Facts<'_> {
    /// Settings from which some tokenizer classes of transformers build the tokenizer.
    pub(super) fn settings(&self, config: &Map<String, Value>) -> Vec<String> {
        let says = |key: &str| config.get(key).and_then(Value::as_bool);
        // Without this setting, lower-casing decides.
        let strips = says("strip_accents");
        let pairs = [
            (
                "do_lower_case",
                self.lowercases,
                ["keeps capitals", "lower-cases texts"],
            ),
            (
                "tokenize_chinese_chars",
                self.splits_chinese,
                ["does not split Chinese characters", "splits them"],
            ),
            (
                "add_prefix_space",
                self.puts_space_first,
                [
                    "adds no space in front of a text",
                    "adds a space in front of a text",
                ],
            ),
            (
                "split_by_punct",
                Some(self.splits_punctuation),
                ["does not split at punctuation", ""],
            ),
            (
                "strip_accents",
                strips.and(self.strips_accents),
                ["keeps accents", "strips accents"],
            ),
            (
                "split_special_tokens",
                Some(false),
                ["finds special tokens in texts", ""],
            ),
        ];
        let mut notes = Vec::new();
        for (key, does, words) in pairs {
            if let (Some(said), Some(does)) = (says(key), does)
                && said != does
                // Of `split_by_punct`, only `true` is reported.
                && (key != "split_by_punct" || said)
            {
                let words = words[usize::from(does)];
                notes.push(format!(
                    "{CONFIG}: `{key}` is {said}, but tokenizer.json {words}. Gradus follows \
                     tokenizer.json; transformers may produce other ids"
                ));
            }
        }
        for (key, name) in [
            ("add_bos_token", "bos_token"),
            ("add_eos_token", "eos_token"),
        ] {
            if let (Some(said), Some(token)) = (says(key), config.get(name).and_then(content)) {
                let does = self.around.contains(&token);
                let words = if does { "adds" } else { "does not add" };
                if said != does {
                    notes.push(format!(
                        "{CONFIG}: `{key}` is {said}, but tokenizer.json {words} {token:?} around \
                         texts. Gradus follows tokenizer.json, as transformers 5 does"
                    ));
                }
            }
        }
        notes
    }

    /// Tokens around texts that the configuration names, although `tokenizer.json` adds others.
    pub(super) fn special_tokens(&self, config: &Map<String, Value>) -> Vec<String> {
        let named = ["cls_token", "sep_token"].map(|key| (key, config.get(key).and_then(content)));
        if self.around.is_empty() || named.iter().any(|(_, token)| token.is_none()) {
            return Vec::new();
        }
        let others = named
            .into_iter()
            .filter_map(|(key, token)| Some((key, token?)));
        let others = others.filter(|(_, token)| !self.around.contains(token));
        let notes = others.map(|(key, token)| {
            format!(
                "{CONFIG}: `{key}` is {token:?}, but tokenizer.json adds {:?} around texts. Gradus \
                 follows tokenizer.json; transformers may produce other ids",
                self.around
            )
        });
        notes.collect()
    }

    /// Tokens that the configuration or an older file adds or changes.
    pub(super) fn added_tokens(
        &self,
        config: &Map<String, Value>,
        older: &Map<String, Value>,
    ) -> Vec<String> {
        let listed = config
            .get("added_tokens_decoder")
            .and_then(Value::as_object);
        let listed = listed.into_iter().flatten().filter_map(|(id, token)| {
            Some((token["content"].as_str()?, id.parse().ok(), Some(token)))
        });
        let older = older
            .iter()
            .map(|(content, id)| (content.as_str(), id.as_u64(), None));
        let (mut missing, mut moved, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for (content, id, token) in listed.chain(older) {
            let flags = |token: &Value| FLAGS.map(|flag| token[flag].as_bool().unwrap_or(false));
            match (self.ids.get(content), self.added.get(content), token) {
                (None, ..) => missing.push(content),
                (Some(own), ..) if id.is_some_and(|id| id != *own) => moved.push(content),
                (Some(_), None, _) => changed.push(content),
                (Some(_), Some(own), Some(token)) if flags(own) != flags(token) => {
                    changed.push(content);
                }
                _ => {}
            }
        }
        let place = if config.contains_key("added_tokens_decoder") {
            "tokenizer_config.json: `added_tokens_decoder`"
        } else {
            ADDED
        };
        let why = "in transformers, a text with one of them has other ids";
        let mut notes = Vec::new();
        for (tokens, words) in [
            (missing, "which tokenizer.json does not have"),
            (moved, "which have other ids in tokenizer.json"),
            (
                changed,
                "which tokenizer.json matches in other places of a text",
            ),
        ] {
            if !tokens.is_empty() {
                notes.push(format!("{place} has {}, {words}: {why}", few(&tokens)));
            }
        }
        notes
    }

    /// Special tokens that are not in the vocabulary.
    pub(super) fn named_tokens(
        &self,
        config: &Map<String, Value>,
        older: &Map<String, Value>,
    ) -> Vec<String> {
        let groups = [
            "additional_special_tokens",
            "extra_special_tokens",
            "model_specific_special_tokens",
        ];
        let mut missing = Vec::new();
        for keys in [config, older] {
            // `bos_token` and the like, and tokens of one model, such as `image_token`.
            let single = keys.iter().filter(|(name, _)| name.ends_with("_token"));
            let single = single.filter_map(|(_, token)| content(token));
            // A list, or a map of names to tokens.
            let listed = groups.iter().filter_map(|name| keys.get(*name));
            let listed = listed.flat_map(members).filter_map(content);
            missing.extend(
                single
                    .chain(listed)
                    .filter(|token| !self.ids.contains_key(token)),
            );
        }
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "{CONFIG} or {SPECIAL} names {}, which tokenizer.json does not have. Transformers adds such a \
             token; a text that contains it has other ids there",
            few(&missing)
        )]
    }
}

/// The values of a list or a map.
fn members(group: &Value) -> Vec<&Value> {
    match group {
        Value::Array(items) => items.iter().collect(),
        Value::Object(keys) => keys.values().collect(),
        _ => Vec::new(),
    }
}

/// The text of a token, which is a string or an object with `content`.
fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["content"].as_str())
}

/// The first tokens, quoted, and the number of the others.
fn few(tokens: &[&str]) -> String {
    let shown: Vec<String> = tokens
        .iter()
        .take(3)
        .map(|token| format!("{token:?}"))
        .collect();
    match tokens.len() {
        0..=3 => shown.join(", "),
        more => format!("{} and {} more tokens", shown.join(", "), more - 3),
    }
}
