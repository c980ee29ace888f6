//! Model names on the Hugging Face Hub.

use std::fmt;

/// Default revision.
const MAIN: &str = "main";

/// A model on the Hub: `org/name`, or `org/name@revision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubId {
    /// `org/name`.
    pub name: String,
    /// Branch, tag or commit. Default: `main`.
    pub revision: String,
}

impl HubId {
    /// Reads a name; `None` if it is not a valid Hub name.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, revision) = text.split_once('@').unwrap_or((text, MAIN));
        let (organization, model) = name.split_once('/')?;
        let is_revision = revision.split('/').all(is_part);
        (is_part(organization) && is_part(model) && is_revision).then(|| Self {
            name: name.to_owned(),
            revision: revision.to_owned(),
        })
    }

    /// Whether the revision is a commit, which never changes, not a branch or tag.
    pub fn is_commit(&self) -> bool {
        self.revision.len() == 40 && self.revision.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if self.revision == MAIN {
            return Ok(());
        }
        write!(formatter, "@{}", self.revision)
    }
}

/// Letters, digits, `-`, `_` and `.`; the first character is a letter or digit.
fn is_part(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && text.chars().all(known) && !text.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_an_organization_and_may_have_a_revision() {
        let id = HubId::parse("Qwen/Qwen2.5-0.5B").unwrap();
        assert_eq!(
            (id.revision.as_str(), id.to_string().as_str()),
            ("main", "Qwen/Qwen2.5-0.5B")
        );
        let id = HubId::parse("org/name@refs/pr/3").unwrap();
        assert_eq!(
            (id.name.as_str(), id.revision.as_str()),
            ("org/name", "refs/pr/3")
        );
        assert_eq!(id.to_string(), "org/name@refs/pr/3");
        assert!(!id.is_commit());
        assert!(
            HubId::parse(&format!("a/b@{}", "0".repeat(40)))
                .unwrap()
                .is_commit()
        );
    }

    #[test]
    fn what_is_a_path_is_no_name() {
        for text in [
            "name", "a/b/c", "./a", "../a", "/a", "a/", "a/b@", "a/b@../c", "a/b@/c", "a b/c",
            "~/a",
        ] {
            assert_eq!(HubId::parse(text), None, "{text}");
        }
    }
}
