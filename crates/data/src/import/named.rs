//! Published forms of other programs by name.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;

use gradus_parts::{Kinds, PartConflict, PartInfo};

use super::{Format, ImportOptions};
use crate::{Example, Location, Result};

/// A published form of data that another program reads: `gradus data import KIND FILE`.
///
/// [`register_format`] makes it known. What [`import`](super::import()) promises of every example, such as
/// ids that are there once and spans inside of the response, it checks for these too.
///
/// ```
/// use std::path::Path;
///
/// use gradus_data::{
///     Example, Format, ImportOptions, ImportedRecords, NamedFormat, Result, json_records, register_format,
/// };
///
/// /// Objects `{"question": .., "answer": .., "stars": ..}`.
/// struct Stars;
///
/// impl NamedFormat for Stars {
///     const KIND: &'static str = "stars";
///     const ABOUT: &'static str = "answers rated by stars";
///
///     fn open(path: &Path, options: &ImportOptions) -> Result<ImportedRecords> {
///         json_records(path, options, |mut record| {
///             Ok(vec![Example {
///                 id: record.number.to_string(),
///                 prompt: record.text("question")?,
///                 response: record.text("answer")?,
///                 ratings: [("rating".to_owned(), record.float("stars")?)].into(),
///                 meta: record.rest()?,
///                 ..Example::default()
///             }])
///         })
///     }
/// }
///
/// register_format::<Stars>()?;
/// let format: Format = "stars".parse()?;
/// # let _ = format;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait NamedFormat: 'static {
    /// Its name: lower-case letters, digits and `-`, other than those of [`Format::ALL`].
    const KIND: &'static str;

    /// What it is, in a few words.
    const ABOUT: &'static str;

    /// Opens a file, or a directory, of the form: [`json_records`](super::json_records) for JSON, any other iterator else. The
    /// iterator may go on behind [`DataError::Record`](crate::DataError::Record), and ends behind any other
    /// error.
    ///
    /// # Errors
    /// If it cannot be read at all.
    fn open(path: &Path, options: &ImportOptions) -> Result<ImportedRecords>;
}

/// The examples of one record after the other, each with its place in the file.
pub type ImportedRecords = Box<dyn Iterator<Item = Result<(Location, Vec<Example>)>> + Send>;

type Open = fn(&Path, &ImportOptions) -> Result<ImportedRecords>;

/// A [`NamedFormat`] that this program knows. Two of one name are the same.
#[derive(Clone, Copy)]
pub struct OwnFormat {
    info: PartInfo,
    open: Open,
}

impl OwnFormat {
    pub(super) const fn name(self) -> &'static str {
        self.info.kind
    }

    pub(super) const fn open(self) -> Open {
        self.open
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        let (info, open) = KNOWN.find(name)?;
        Some(Self { info, open })
    }
}

impl fmt::Debug for OwnFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OwnFormat({})", self.info.kind)
    }
}

impl PartialEq for OwnFormat {
    fn eq(&self, other: &Self) -> bool {
        self.info.kind == other.info.kind
    }
}

impl Eq for OwnFormat {}

impl Hash for OwnFormat {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.info.kind.hash(state);
    }
}

static KNOWN: Kinds<Open> = Kinds::new("format");

/// Makes a format known by its name, to this whole process. A second time changes nothing.
///
/// # Errors
/// If another format has the name, or it has other characters than lower-case letters, digits and `-`.
pub fn register_format<F: NamedFormat>() -> std::result::Result<(), PartConflict> {
    let is_taken = Format::ALL.iter().any(|known| known.name() == F::KIND);
    KNOWN.add::<F>(PartInfo::new(F::KIND, F::ABOUT), F::open, is_taken)
}

/// The formats of other programs that this process knows.
pub fn registered_formats() -> Vec<PartInfo> {
    KNOWN.all()
}
