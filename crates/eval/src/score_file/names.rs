//! Whether the scores of a file are named by aspect, and their names.

use gradus_data::Location;

use super::ScoreProblem;
use super::value::Checked;

/// The kind of the scores of a file, and their names in the order in which they first appear.
#[derive(Default)]
pub(super) struct Names {
    /// The kind of the first score, and its place.
    kind: Option<(Kind, Location)>,
    known: Vec<String>,
}

/// How a file writes a score.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number.
    Plain,
    /// A map of aspects to numbers.
    Named,
}

impl Kind {
    fn phrase(self) -> &'static str {
        match self {
            Self::Plain => "plain numbers",
            Self::Named => "scores by aspect",
        }
    }
}

impl Names {
    /// Whether the file has no score.
    pub(super) fn is_empty(&self) -> bool {
        self.kind.is_none()
    }

    /// The names; `None` if the scores are plain numbers or the file has none.
    pub(super) fn known(&self) -> Option<&[String]> {
        match self.kind {
            Some((Kind::Named, _)) => Some(&self.known),
            _ => None,
        }
    }

    /// The kind of the first score; `None` before it.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.kind.as_ref().map(|(kind, _)| *kind)
    }

    /// Refuses a score of another kind than the first one.
    pub(super) fn expect(
        &mut self,
        kind: Kind,
        place: &Location,
        field: impl FnOnce() -> String,
    ) -> Checked<()> {
        let (expected, first) = self.kind.get_or_insert_with(|| (kind, place.clone()));
        if kind == *expected {
            return Ok(());
        }
        Err(ScoreProblem::Mixed {
            field: field(),
            found: kind.phrase(),
            expected: expected.phrase(),
            first: first.beside(place),
        })
    }

    /// The index of a name; a new name gets the next one.
    pub(super) fn index(&mut self, name: &str) -> usize {
        let known = self.known.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.known.push(name.to_owned());
            self.known.len() - 1
        })
    }
}
