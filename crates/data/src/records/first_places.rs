use std::collections::HashMap;
use std::path::PathBuf;

use crate::{DataError, Location};

/// Where every id was seen first.
#[derive(Default)]
pub(crate) struct FirstPlaces {
    files: Vec<PathBuf>,
    /// Index of the file, and line or row.
    places: HashMap<String, (usize, usize)>,
}

impl FirstPlaces {
    /// Notes an id.
    ///
    /// # Errors
    /// [`DataError::DuplicateId`] if it was seen before.
    pub(crate) fn add(&mut self, id: &str, location: &Location) -> Result<(), DataError> {
        if let Some(&(file, first_line)) = self.places.get(id) {
            let first_file = &self.files[file];
            return Err(DataError::DuplicateId {
                location: location.clone(),
                id: id.to_owned(),
                first_line,
                first_file: (*first_file != location.path).then(|| first_file.clone()),
            });
        }
        if self.files.last() != Some(&location.path) {
            self.files.push(location.path.clone());
        }
        let place = (self.files.len() - 1, location.line);
        self.places.insert(id.to_owned(), place);
        Ok(())
    }
}
