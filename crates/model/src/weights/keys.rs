//! Maps published tensor names to ours.

use std::iter;

/// Maps the tensor names of a family's published files to ours, and lists those that are not
/// loaded.
///
/// Names refer to modules; their parameters are `weight` and `bias` on both sides, or `gamma` and
/// `beta` in old files. `{}` is the layer number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyTable {
    /// Prefix of names in files that contain more than the encoder; may be empty.
    pub(crate) prefix: &'static str,
    /// Pairs of a published module name and ours.
    pub(crate) modules: &'static [(&'static str, &'static str)],
    /// Published modules that stack several of ours with equal numbers of rows.
    pub(crate) split: &'static [(&'static str, &'static [&'static str])],
    /// Prefixes of known names that are not loaded, with the reason.
    pub(crate) left: &'static [(&'static str, &'static str)],
}

/// Entry of a table for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// The name of our parameter.
    Ours(String),
    /// The names of our parameters, in the order of their rows.
    Split(Vec<String>),
    /// Known but not loaded, with the reason.
    Left(&'static str),
    /// Not in the table.
    Unknown,
}

impl KeyTable {
    pub(crate) fn locate(&self, published: &str) -> Key {
        let bare = published.strip_prefix(self.prefix).unwrap_or(published);
        if let Some((_, reason)) = self.left.iter().find(|(start, _)| begins(bare, start)) {
            return Key::Left(reason);
        }
        let (module, parameter) = split(bare);
        let parameter = match parameter {
            "gamma" => "weight",
            "beta" => "bias",
            other => other,
        };
        if let Some(ours) = rename(self.modules.iter().copied(), module) {
            return Key::Ours(format!("{ours}.{parameter}"));
        }
        let parts = self.split.iter().find_map(|(published, parts)| {
            let parts = parts.iter().map(|ours| {
                let ours = rename(iter::once((*published, *ours)), module)?;
                Some(format!("{ours}.{parameter}"))
            });
            parts.collect::<Option<Vec<_>>>()
        });
        parts.map_or(Key::Unknown, Key::Split)
    }

    /// Index of one of our parameters in its published tensor, from 0.
    pub(crate) fn part(&self, ours: &str) -> usize {
        let (module, _) = split(ours);
        let is_part = |part: &'static str| rename(iter::once((part, part)), module).is_some();
        let mut parts = self.split.iter();
        parts
            .find_map(|(_, parts)| parts.iter().position(|&part| is_part(part)))
            .unwrap_or(0)
    }

    /// The published name of one of our parameters, without prefix, for messages.
    pub(crate) fn published(&self, ours: &str) -> String {
        let (module, parameter) = split(ours);
        let reversed = self
            .modules
            .iter()
            .map(|&(published, ours)| (ours, published));
        let parts = self
            .split
            .iter()
            .flat_map(|&(published, parts)| parts.iter().map(move |&ours| (ours, published)));
        match rename(reversed.chain(parts), module) {
            Some(module) if module.is_empty() => parameter.to_owned(),
            Some(module) => format!("{module}.{parameter}"),
            None => ours.to_owned(),
        }
    }
}

/// Whether a name begins with `start`, in which `{}` is the layer number.
fn begins(name: &str, start: &str) -> bool {
    let Some((before, after)) = start.split_once("{}") else {
        return name.starts_with(start);
    };
    let layer = name.strip_prefix(before).and_then(|rest| {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        (digits > 0).then(|| &rest[digits..])
    });
    layer.is_some_and(|rest| rest.starts_with(after))
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

fn rename(
    mut table: impl Iterator<Item = (&'static str, &'static str)>,
    module: &str,
) -> Option<String> {
    table.find_map(|(from, to)| match from.split_once("{}") {
        None => (from == module).then(|| to.to_owned()),
        Some((start, end)) => {
            let layer = module.strip_prefix(start)?.strip_suffix(end)?;
            // `07` would be a second name for layer 7.
            let canonical = layer
                .parse::<usize>()
                .is_ok_and(|number| number.to_string() == layer);
            canonical.then(|| to.replace("{}", layer))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: KeyTable = KeyTable {
        prefix: "bert.",
        modules: &[
            ("embeddings.LayerNorm", "embeddings.norm"),
            ("layer.{}.dense", "layers.{}.inner"),
        ],
        split: &[("layer.{}.both", &["layers.{}.first", "layers.{}.second"])],
        left: &[("pooler.", "not needed"), ("layer.{}.constant", "constant")],
    };

    #[test]
    fn names_are_found_with_and_without_prefix() {
        for name in ["layer.12.dense.weight", "bert.layer.12.dense.weight"] {
            assert_eq!(
                TABLE.locate(name),
                Key::Ours("layers.12.inner.weight".into())
            );
        }
    }

    #[test]
    fn gamma_and_beta_are_weight_and_bias() {
        let weight = Key::Ours("embeddings.norm.weight".into());
        assert_eq!(TABLE.locate("embeddings.LayerNorm.gamma"), weight);
        let bias = Key::Ours("embeddings.norm.bias".into());
        assert_eq!(TABLE.locate("embeddings.LayerNorm.beta"), bias);
    }

    #[test]
    fn known_tensors_are_left_with_a_reason() {
        assert_eq!(
            TABLE.locate("bert.pooler.dense.weight"),
            Key::Left("not needed")
        );
    }

    #[test]
    fn a_name_may_stand_for_several_of_ours() {
        let parts = ["layers.3.first.bias", "layers.3.second.bias"].map(str::to_owned);
        assert_eq!(
            TABLE.locate("bert.layer.3.both.bias"),
            Key::Split(parts.to_vec())
        );
        assert_eq!(parts.each_ref().map(|part| TABLE.part(part)), [0, 1]);
        for ours in parts {
            assert_eq!(TABLE.published(&ours), "layer.3.both.bias");
        }
    }

    #[test]
    fn known_tensors_of_any_layer_are_left() {
        let left = Key::Left("constant");
        assert_eq!(TABLE.locate("layer.12.constant.x"), left);
        for name in ["layer.constant.x", "layer..constant.x", "layer.x.constant"] {
            assert_eq!(TABLE.locate(name), Key::Unknown, "{name}");
        }
    }

    #[test]
    fn names_outside_of_the_table_are_unknown() {
        for name in [
            "layer.x.dense.weight",
            "layer.07.dense.weight",
            "layer.1.dens.weight",
            "weight",
            "",
        ] {
            assert_eq!(TABLE.locate(name), Key::Unknown, "{name}");
        }
    }

    #[test]
    fn our_names_translate_back() {
        assert_eq!(TABLE.published("layers.3.inner.bias"), "layer.3.dense.bias");
        assert_eq!(TABLE.published("elsewhere.bias"), "elsewhere.bias");
    }
}
