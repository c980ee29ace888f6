//! Configurations and splits of a data set, by the names of its files.

use std::collections::BTreeMap;

use glob::{MatchOptions, Pattern};
use gradus::data::is_data_name;

/// The configuration of files that lie in no directory of one.
const DEFAULT: &str = "default";
/// What the names of files call the splits.
const SPLITS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "val", "dev"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];
/// What the Hub puts in front of a split of which it converted the beginning.
pub(super) const PARTIAL: &str = "partial-";
/// Entries of a list that a message shows.
const SHOWN: usize = 20;

/// Configuration and split.
type Key = (String, String);

/// The data files of a data set.
pub(super) struct Parts<'a> {
    files: Vec<&'a str>,
    splits: BTreeMap<Key, Vec<&'a str>>,
}

/// Files that were chosen, and the name of the choice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) part: String,
    pub(super) files: Vec<String>,
}

/// Why nothing was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    NoFiles,
    /// There are several of them.
    Several(String),
    /// There is none of this name, but these.
    Unknown(String),
}

impl<'a> Parts<'a> {
    pub(super) fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let mut files: Vec<&str> = names.filter(|name| is_data(name)).collect();
        files.sort_unstable();
        let is_converted = !files.is_empty() && files.iter().all(|name| converted(name).is_some());
        let mut splits: BTreeMap<Key, Vec<&str>> = BTreeMap::new();
        for name in &files {
            let key = converted(name).filter(|_| is_converted);
            let key = key.unwrap_or_else(|| by_name(name));
            splits.entry(key).or_default().push(name);
        }
        Self { files, splits }
    }

    /// The files that `part` names, or all of them if they are of one split.
    pub(super) fn choose(&self, part: Option<&str>) -> Result<Choice, Unclear> {
        if self.files.is_empty() {
            return Err(Unclear::NoFiles);
        }
        let Some(part) = part else {
            return only(self.splits.iter());
        };
        if let Some(file) = self.files.iter().find(|file| **file == part) {
            return Ok(Choice {
                part: part.to_owned(),
                files: vec![(*file).to_owned()],
            });
        }
        if let Some(files) = self.matching(part) {
            return Ok(Choice {
                part: part.to_owned(),
                files: owned(&files),
            });
        }
        let is_named = |(config, split): &Key| match part.rsplit_once('/') {
            Some((of, named)) => config == of && split == named,
            None => split == part,
        };
        let splits = || self.splits.iter();
        let found = only(splits().filter(|(key, _)| is_named(key)));
        // A configuration alone.
        let found = or_else(found, || {
            only(splits().filter(|((config, _), _)| config == part))
        });
        // Of a large data set the Hub converts the beginning only.
        let is_first_part = |(config, split): &Key| {
            let whole = split.strip_prefix(PARTIAL).map(str::to_owned);
            whole.is_some_and(|split| is_named(&(config.clone(), split)))
        };
        or_else(found, || {
            only(splits().filter(|(key, _)| is_first_part(key)))
        })
        .map_err(|unclear| match unclear {
            Unclear::NoFiles => Unclear::Unknown(list(self.splits.keys())),
            other => other,
        })
    }

    fn matching(&self, pattern: &str) -> Option<Vec<&'a str>> {
        if !pattern.contains(['*', '?', '[']) {
            return None;
        }
        let pattern = Pattern::new(pattern).ok()?;
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::default()
        };
        let files = self.files.iter().copied();
        let files: Vec<&str> = files
            .filter(|file| pattern.matches_with(file, options))
            .collect();
        (!files.is_empty()).then_some(files)
    }
}

fn owned(files: &[&str]) -> Vec<String> {
    files.iter().map(|file| (*file).to_owned()).collect()
}

/// The one split there is; no file if there is none.
fn only<'a>(splits: impl Iterator<Item = (&'a Key, &'a Vec<&'a str>)>) -> Result<Choice, Unclear> {
    let splits: Vec<_> = splits.collect();
    match &splits[..] {
        [] => Err(Unclear::NoFiles),
        [(key, files)] => Ok(Choice {
            part: shown(key),
            files: owned(files),
        }),
        _ => Err(Unclear::Several(list(splits.iter().map(|(key, _)| *key)))),
    }
}

fn or_else(
    found: Result<Choice, Unclear>,
    next: impl FnOnce() -> Result<Choice, Unclear>,
) -> Result<Choice, Unclear> {
    match found {
        Err(Unclear::NoFiles) => next(),
        found => found,
    }
}

/// Whether a part names a file or files, and no configuration or split.
pub(super) fn names_files(part: &str) -> bool {
    is_data(part) || part.contains(['*', '?', '['])
}

fn shown((config, split): &Key) -> String {
    format!("{config}/{split}")
}

fn list<'a>(keys: impl Iterator<Item = &'a Key>) -> String {
    let mut entries: Vec<String> = keys.map(shown).collect();
    let more = entries.len().saturating_sub(SHOWN);
    entries.truncate(SHOWN);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", entries.join(", "))
}

fn is_data(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let is_hidden = name.split('/').any(|part| part.starts_with(['.', '_']));
    // Descriptions of the data set, which are no data.
    let is_about = ["dataset_infos.json", "dataset_info.json", "state.json"].contains(&file);
    is_data_name(file) && !is_hidden && !is_about
}

/// Configuration and split of a file that the Hub has converted: `CONFIG/SPLIT/0000.parquet`.
fn converted(name: &str) -> Option<Key> {
    let mut parts = name.split('/');
    let (config, split, file) = (parts.next()?, parts.next()?, parts.next()?);
    let number = file.strip_suffix(".parquet")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (parts.next().is_none() && is_number).then(|| (config.to_owned(), split.to_owned()))
}

/// The same of a file as people name it: `train.jsonl`, `data/test-00000-of-00002.parquet`, `CONFIG/dev.parquet`.
fn by_name(name: &str) -> Key {
    let (directories, file) = name.rsplit_once('/').unwrap_or(("", name));
    let stem = file.split('.').next().unwrap_or(file);
    let mut config: Vec<&str> = directories
        .split('/')
        .filter(|part| !part.is_empty() && *part != "data")
        .collect();
    let split = split_of(stem).or_else(|| {
        let at = config.iter().rposition(|part| split_of(part).is_some())?;
        split_of(config.remove(at))
    });
    let config = if config.is_empty() {
        DEFAULT.to_owned()
    } else {
        config.join("/")
    };
    (config, split.unwrap_or_else(|| "train".to_owned()))
}

/// The split that a file or a directory names.
fn split_of(name: &str) -> Option<String> {
    // `NAME-00000-of-00002`, as data sets are uploaded, whatever the split is called.
    let shard = name.rsplit_once("-of-").and_then(|(head, total)| {
        let (split, number) = head.rsplit_once('-')?;
        let is_number =
            |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        let total = total.split('-').next().unwrap_or_default();
        (is_number(number) && is_number(total) && !split.is_empty()).then_some(split)
    });
    if let Some(split) = shard {
        return Some(split.to_owned());
    }
    let words = name.split(|c: char| !c.is_alphanumeric());
    let mut words = words.map(str::to_lowercase);
    words.find_map(|word| {
        let named = SPLITS
            .iter()
            .find(|(_, words)| words.contains(&word.as_str()));
        named.map(|(split, _)| (*split).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(files: &[&str], part: Option<&str>) -> Result<(String, Vec<String>), String> {
        let parts = Parts::of(files.iter().copied());
        match parts.choose(part) {
            Ok(choice) => Ok((choice.part, choice.files)),
            Err(Unclear::NoFiles) => Err("none".into()),
            Err(Unclear::Several(listed)) => Err(format!("several: {listed}")),
            Err(Unclear::Unknown(listed)) => Err(format!("unknown: {listed}")),
        }
    }

    #[test]
    fn what_the_hub_converted_is_named_by_directories() {
        let files = [
            "a/train/0001.parquet",
            "a/train/0000.parquet",
            "a/test/0000.parquet",
            "b/test/0000.parquet",
        ];
        let both = vec![files[1].to_owned(), files[0].to_owned()];
        assert_eq!(
            choose(&files, Some("a/train")),
            Ok(("a/train".into(), both.clone()))
        );
        assert_eq!(
            choose(&files, Some("train")),
            Ok(("a/train".into(), both.clone()))
        );
        assert_eq!(choose(&files, Some("b")).unwrap().0, "b/test");
        assert_eq!(
            choose(&files, Some("test")).unwrap_err(),
            "several: a/test, b/test"
        );
        assert_eq!(
            choose(&files, Some("a")).unwrap_err(),
            "several: a/test, a/train"
        );
        assert_eq!(
            choose(&files, None).unwrap_err(),
            "several: a/test, a/train, b/test"
        );
        assert_eq!(
            choose(&files, Some("c/train")).unwrap_err(),
            "unknown: a/test, a/train, b/test"
        );
        assert_eq!(
            choose(&files, Some("a/train/0001.parquet")).unwrap().1,
            [files[0]]
        );
        assert_eq!(choose(&files, Some("a/train/*.parquet")).unwrap().1, both);
        assert_eq!(choose(&files[..2], None).unwrap().0, "a/train");
        assert_eq!(
            choose(&["README.md", ".x/train.jsonl", "dataset_infos.json"], None).unwrap_err(),
            "none"
        );
    }

    #[test]
    fn files_as_people_name_them_are_told_apart() {
        for (file, key) in [
            ("train.jsonl", "default/train"),
            (
                "data/train-00000-of-00002-0123456789abcdef.parquet",
                "default/train",
            ),
            ("data/human-00000-of-00001.parquet", "default/human"),
            ("en/dev.jsonl.gz", "en/validation"),
            ("en/test/part1.parquet", "en/test"),
            ("my_eval_set.json", "default/test"),
            ("records.jsonl", "default/train"),
            ("trainer.jsonl", "default/train"),
        ] {
            assert_eq!(choose(&[file], None).unwrap().0, key, "{file}");
        }
    }

    #[test]
    fn the_beginning_of_a_large_split_goes_by_its_name() {
        let files = ["a/partial-train/0000.parquet", "a/test/0000.parquet"];
        assert_eq!(choose(&files, Some("train")).unwrap().0, "a/partial-train");
        assert_eq!(
            choose(&files, Some("a/train")).unwrap().0,
            "a/partial-train"
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let files: Vec<String> = (0..25)
            .map(|k| format!("c{k:02}/train/0000.parquet"))
            .collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        assert!(
            choose(&files, None)
                .unwrap_err()
                .ends_with("c19/train and 5 more")
        );
    }
}
