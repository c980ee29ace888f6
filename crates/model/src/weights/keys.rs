//! Which tensor of a published file is which of ours.

/// Where the tensors of a family's published files go, and which have no place here.
///
/// Names are of modules; a module's parameters are called `weight` and `bias` on both sides, or
/// `gamma` and `beta` in old files. `{}` stands for the number of a layer.
#[derive(Debug, Clone, Copy)]
pub struct KeyTable {
    /// What a file may put before its names when it holds more than the encoder; may be empty.
    pub prefix: &'static str,
    /// Pairs of a published module and ours.
    pub modules: &'static [(&'static str, &'static str)],
    /// Beginnings of names that are known and not needed, with the reason.
    pub left: &'static [(&'static str, &'static str)],
}

/// What a table says about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// The name of our parameter.
    Ours(String),
    /// Known and not needed, with the reason.
    Left(&'static str),
    /// Not in the table.
    Unknown,
}

impl KeyTable {
    pub(crate) fn locate(&self, published: &str) -> Key {
        let bare = published.strip_prefix(self.prefix).unwrap_or(published);
        if let Some((_, reason)) = self.left.iter().find(|(start, _)| bare.starts_with(start)) {
            return Key::Left(reason);
        }
        let (module, parameter) = split(bare);
        let parameter = match parameter {
            "gamma" => "weight",
            "beta" => "bias",
            other => other,
        };
        match rename(self.modules.iter().copied(), module) {
            Some(ours) => Key::Ours(format!("{ours}.{parameter}")),
            None => Key::Unknown,
        }
    }

    /// The published name of one of our parameters, without prefix, to speak to the user in the
    /// words of the file.
    pub(crate) fn published(&self, ours: &str) -> String {
        let (module, parameter) = split(ours);
        let reversed = self
            .modules
            .iter()
            .map(|&(published, ours)| (ours, published));
        match rename(reversed, module) {
            Some(module) if module.is_empty() => parameter.to_owned(),
            Some(module) => format!("{module}.{parameter}"),
            None => ours.to_owned(),
        }
    }
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
            // `07` would be a second name of layer 7.
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
        left: &[("pooler.", "not needed")],
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
