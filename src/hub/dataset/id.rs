//! Names of data sets: `org/name[@revision][:part]`.

use super::parts::names_files;
use crate::hub::HubId;

/// A data set, and what of it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatasetId {
    /// `org/name`.
    pub(super) name: String,
    /// Branch, tag or commit.
    pub(super) revision: Option<String>,
    /// Configuration and split, a file, or a pattern of files.
    pub(super) part: Option<String>,
}

impl DatasetId {
    /// Reads what stands behind `hub:`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (repository, part) = match text.split_once(':') {
            Some((repository, part)) => (repository, Some(part)),
            None => (text, None),
        };
        let is_part =
            |part: &str| !part.is_empty() && !part.starts_with('/') && !part.contains("..");
        if !part.is_none_or(is_part) {
            return None;
        }
        let HubId { name, revision } = HubId::parse(repository)?;
        Some(Self {
            name,
            revision: repository.contains('@').then_some(revision),
            part: part.map(str::to_owned),
        })
    }

    /// Whether it names files, and no revision.
    pub(super) fn names_files_of_any(&self) -> bool {
        self.revision.is_none() && self.part.as_deref().is_some_and(names_files)
    }

    /// The same at a revision.
    pub(super) fn at_revision(&self, revision: &str) -> Self {
        Self {
            revision: Some(revision.to_owned()),
            ..self.clone()
        }
    }

    /// The same at a commit.
    pub(super) fn at(&self, commit: &str, part: &str) -> String {
        format!("hub:{}@{commit}:{part}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_revision_and_a_part_if_they_are_given() {
        let read = |text| {
            let id = DatasetId::parse(text).unwrap();
            (
                id.name,
                id.revision.unwrap_or_default(),
                id.part.unwrap_or_default(),
            )
        };
        let expected =
            |name: &str, revision: &str, part: &str| (name.into(), revision.into(), part.into());
        assert_eq!(read("org/name"), expected("org/name", "", ""));
        assert_eq!(read("org/name:train"), expected("org/name", "", "train"));
        assert_eq!(
            read("org/name@refs/pr/3:default/train"),
            expected("org/name", "refs/pr/3", "default/train")
        );
        assert_eq!(
            read("org/name@v1:a b/*.jsonl"),
            expected("org/name", "v1", "a b/*.jsonl")
        );
        for wrong in [
            "",
            "name",
            "org/name@",
            "org/name:",
            "a/b/c",
            "org/name:/x",
            "org/name:../x",
            "org/na me",
        ] {
            assert_eq!(DatasetId::parse(wrong), None, "{wrong}");
        }
    }
}
