//! Builds without the feature `hub`: refuses to fetch models.

use std::path::PathBuf;

use super::{FetchEvent, HubError, HubId};

pub(super) fn fetch(
    id: &HubId,
    _watch: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<(PathBuf, String), HubError> {
    Err(HubError::NotCompiled {
        name: id.to_string(),
    })
}
