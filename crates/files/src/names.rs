//! Names of temporary files and directories.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::Target;

/// The role of a hidden file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A file under construction.
    Part,
    /// A directory under construction, or one that was exchanged for its target.
    New,
    /// A directory that is being removed.
    Old,
    /// A lock; the only role without random characters.
    Lock,
}

/// Random characters of a name.
pub(crate) const RANDOM: usize = 12;

impl Role {
    const ALL: [Self; 4] = [Self::Part, Self::New, Self::Old, Self::Lock];

    fn name(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::New => "new",
            Self::Old => "old",
            Self::Lock => "lock",
        }
    }

    /// The prefix of names of this role, for a target of this name.
    pub(crate) fn prefix(self, target: &OsStr) -> String {
        let end = if self == Self::Lock { "" } else { "-" };
        format!(".gradus-{}-{:016x}{end}", self.name(), digest(target))
    }

    fn matches(self, name: &str) -> bool {
        let rest = name
            .strip_prefix(".gradus-")
            .and_then(|rest| rest.strip_prefix(self.name()))
            .and_then(|rest| rest.strip_prefix('-'));
        let Some(rest) = rest else { return false };
        let is_digest = |text: &str| text.len() == 16 && text.bytes().all(is_lower_hex);
        match rest.split_once('-') {
            None => self == Self::Lock && is_digest(rest),
            Some((digest, random)) => self != Self::Lock && is_digest(digest) && is_random(random),
        }
    }
}

/// Whether a name has exactly the form of this crate's temporary files and directories.
pub fn is_temporary(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| Role::ALL.iter().any(|role| role.matches(name)))
}

/// Whether a name is a plain file name, not a path. Check this before joining a name from a file with a directory, as
/// a path may lead elsewhere.
pub fn is_file_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(components.next(), Some(Component::Normal(first)) if first == name)
        && components.next().is_none()
}

/// Temporary files and directories of other processes for this target, sorted.
pub(crate) fn leftovers(target: &Target, role: Role) -> io::Result<Vec<PathBuf>> {
    let prefix = role.prefix(target.name());
    let mut found = Vec::new();
    for entry in fs_err::read_dir(target.parent())? {
        let entry = entry?;
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        if random.is_some_and(is_random) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn is_random(text: &str) -> bool {
    text.len() == RANDOM && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// FNV-1a of 64 bits: the same in every version and process. It distinguishes the temporary files of different
/// targets.
fn digest(name: &OsStr) -> u64 {
    name.as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_exact_form_are_ours() {
        let digest = "0123456789abcdef";
        for name in [
            format!(".gradus-new-{digest}-aB3dE6gH9jKl"),
            format!(".gradus-old-{digest}-aaaaaaaaaaaa"),
            format!(".gradus-part-{digest}-000000000000"),
            format!(".gradus-lock-{digest}"),
        ] {
            assert!(is_temporary(OsStr::new(&name)), "{name}");
        }
        for name in [
            ".a.old-2024".to_owned(),
            ".a.new-backup".to_owned(),
            ".a.old-1-0".to_owned(),
            format!(".gradus-new-{digest}"),
            format!(".gradus-new-{digest}-aaaaaaaaaaa"),
            format!(".gradus-new-{digest}-aaaaaaaaaaaa.bak"),
            format!(".gradus-new-{digest}-aaaaaaaaaaa-"),
            format!(".gradus-new-{}-aaaaaaaaaaaa", digest.to_uppercase()),
            format!(".gradus-copy-{digest}-aaaaaaaaaaaa"),
            format!(".gradus-lock-{digest}-aaaaaaaaaaaa"),
            format!("gradus-new-{digest}-aaaaaaaaaaaa"),
        ] {
            assert!(!is_temporary(OsStr::new(&name)), "{name}");
        }
    }

    #[test]
    fn a_path_is_no_file_name() {
        for name in ["a", "a.json", ".a", "..a", "a b"] {
            assert!(is_file_name(name), "{name}");
        }
        for path in ["", ".", "..", "../a", "a/b", "/a", "a/", "./a", "a/.."] {
            assert!(!is_file_name(path), "{path}");
        }
    }

    #[test]
    fn a_name_has_the_same_digest_everywhere() {
        // From the published test vectors of FNV-1a.
        assert_eq!(digest(OsStr::new("")), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest(OsStr::new("foobar")), 0x8594_4171_f739_67e8);
    }
}
