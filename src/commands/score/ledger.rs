//! What is done of a run into a directory, so that another goes on from there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::bundle::{Part, digest_file};
use gradus::data::AtomicFile;
use gradus_files::{MOST_SETTINGS, create_directories, read_bounded};
use serde::{Deserialize, Serialize};

use super::pieces::{Piece, Remote};
use crate::failure::Usage;

/// Directory with a file for every output; data files of a directory are looked for outside it.
const DIRECTORY: &str = "_gradus";

/// What an output is made of and with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// Digest of the bundle's manifest, which has those of all its parts.
    pub(super) bundle: String,
    /// Settings that change scores.
    pub(super) settings: String,
    /// Size and digest of the input, or the tag of a store in the place of the digest.
    pub(super) input: Part,
    /// Row groups of the input; all of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) row_groups: Option<Vec<usize>>,
}

impl Origin {
    pub(super) fn of(piece: &Piece, bundle: &str, settings: &str) -> Result<Self> {
        Ok(Self {
            bundle: bundle.to_owned(),
            settings: settings.to_owned(),
            input: match &piece.remote {
                Some(Remote { listed, .. }) => Part {
                    bytes: listed.bytes,
                    sha256: listed.version.clone(),
                },
                None => digest_file(&piece.input)?,
            },
            row_groups: piece.row_groups.clone(),
        })
    }
}

/// A record that was not scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Refused {
    /// The input.
    pub(super) file: PathBuf,
    /// Number of the record in it: its line or row.
    pub(super) number: usize,
    /// What is wrong with it.
    pub(super) error: String,
}

/// What is known of an output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) origin: Origin,
    /// Absent as long as it is in the making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) done: Option<Done>,
}

/// An output that is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Done {
    /// Its size in bytes.
    pub(super) bytes: u64,
    /// Responses in it.
    pub(super) responses: usize,
    pub(super) refused: Vec<Refused>,
}

/// What is to be done about a piece.
pub(super) enum Next {
    /// Score it; a file of its name is replaced if it was begun by a run like this one.
    Score {
        replace: bool,
    },
    Skip(Done),
}

/// The entries of a directory.
pub(super) struct Ledger {
    output: PathBuf,
}

impl Ledger {
    /// Makes the directory of outputs where there is none.
    pub(super) fn open(output: &Path) -> Result<Self> {
        create_directories(&output.join(DIRECTORY))?;
        Ok(Self {
            output: output.to_owned(),
        })
    }

    fn path(&self, piece: &Piece) -> PathBuf {
        self.output
            .join(DIRECTORY)
            .join(format!("{}.json", piece.name))
    }

    /// Where copies of inputs are made while they are read.
    pub(super) fn directory(output: &Path) -> PathBuf {
        output.join(DIRECTORY)
    }

    /// What is left to do of a piece in a run that goes on.
    pub(super) fn next(&self, piece: &Piece, origin: &Origin) -> Result<Next> {
        let path = self.path(piece);
        if !path.exists() {
            return Ok(Next::Score { replace: false });
        }
        let bytes = read_bounded(&path, MOST_SETTINGS)?;
        let entry: Entry = serde_json::from_slice(&bytes).map_err(|error| {
            Usage::new(format!(
                "{}: not an entry of this version: {error}",
                path.display()
            ))
            .with_hint("score into another directory, or all of it again with --overwrite")
        })?;
        self.refuse_other(piece, &entry.origin, origin)?;
        let output = self.output.join(&piece.name);
        let size = fs_err::metadata(output).map(|metadata| metadata.len()).ok();
        Ok(match entry.done {
            Some(done) if size == Some(done.bytes) => Next::Skip(done),
            _ => Next::Score { replace: true },
        })
    }

    fn refuse_other(&self, piece: &Piece, found: &Origin, expected: &Origin) -> Result<()> {
        let difference = if found.bundle != expected.bundle {
            "with another bundle".to_owned()
        } else if found.settings != expected.settings {
            format!(
                "with other settings ({}, now {})",
                found.settings, expected.settings
            )
        } else if found != expected {
            format!("from another {}", piece.input.display())
        } else {
            return Ok(());
        };
        let output = self.output.join(&piece.name);
        Err(Usage::new(format!(
            "{}: was scored {difference}, expected to go on with the same",
            output.display()
        ))
        .with_hint("score into another directory, or all of it again with --overwrite")
        .into())
    }

    /// Notes that a piece is begun: a file of its name that turns up from here on is ours.
    pub(super) fn begin(&self, piece: &Piece, origin: &Origin) -> Result<()> {
        let origin = origin.clone();
        self.write(piece, &Entry { origin, done: None })
    }

    /// Notes that the output of a piece is whole.
    pub(super) fn finish(&self, piece: &Piece, origin: &Origin, done: Done) -> Result<()> {
        let entry = Entry {
            origin: origin.clone(),
            done: Some(done),
        };
        self.write(piece, &entry)
    }

    fn write(&self, piece: &Piece, entry: &Entry) -> Result<()> {
        let mut file = AtomicFile::create(self.path(piece))?;
        file.write_all(&serde_json::to_vec_pretty(entry)?)?;
        Ok(file.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece() -> Piece {
        Piece {
            input: "in/a.jsonl".into(),
            name: "a.jsonl".into(),
            row_groups: None,
            rows: None,
            bytes: 1,
            remote: None,
        }
    }

    fn origin(bundle: &str, settings: &str, sha256: &str) -> Origin {
        Origin {
            bundle: bundle.into(),
            settings: settings.into(),
            input: Part {
                bytes: 1,
                sha256: sha256.into(),
            },
            row_groups: None,
        }
    }

    #[test]
    fn a_piece_is_scored_until_its_output_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path()).unwrap();
        let (piece, origin) = (piece(), origin("b", "s", "i"));
        let next = || ledger.next(&piece, &origin).unwrap();
        assert!(matches!(next(), Next::Score { replace: false }));
        ledger.begin(&piece, &origin).unwrap();
        assert!(matches!(next(), Next::Score { replace: true }));
        let done = Done {
            bytes: 3,
            responses: 1,
            refused: Vec::new(),
        };
        ledger.finish(&piece, &origin, done.clone()).unwrap();
        assert!(
            matches!(next(), Next::Score { replace: true }),
            "the output is missing"
        );
        fs_err::write(directory.path().join("a.jsonl"), "abc").unwrap();
        assert!(matches!(next(), Next::Skip(found) if found == done));
        fs_err::write(directory.path().join("a.jsonl"), "ab").unwrap();
        assert!(
            matches!(next(), Next::Score { replace: true }),
            "another size"
        );
    }

    #[test]
    fn what_was_made_otherwise_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path()).unwrap();
        ledger.begin(&piece(), &origin("b", "s", "i")).unwrap();
        for (other, found) in [
            (origin("x", "s", "i"), "with another bundle"),
            (origin("b", "x", "i"), "with other settings (s, now x)"),
            (origin("b", "s", "x"), "from another in/a.jsonl"),
        ] {
            let error = ledger.next(&piece(), &other).err().unwrap().to_string();
            assert!(error.contains(found), "{error}");
        }
    }
}
