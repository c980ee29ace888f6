//! Data sets of the Hugging Face Hub: `hub:org/name[@revision][:config/split]`.
//!
//! Without a revision, a data set is read as the Hub has converted it to Parquet, on the branch
//! `refs/convert/parquet`, or from its own files if the Hub has not. Files go into the cache that Python's libraries
//! use too, at one commit.

mod file;
mod id;
mod parts;
mod server;
mod snapshot;

use std::sync::Arc;

use gradus::data::Unfetched;

use self::file::HubFile;
use self::id::DatasetId;
use self::parts::{Choice, Parts, Unclear};
use self::server::Server;
use self::snapshot::{MAIN, Snapshot, find};
use crate::elsewhere::{Listed, Listing};
use crate::show;

/// The files of a data set; nothing but their names and sizes is fetched. `text` stands behind `hub:`.
pub(crate) fn list(text: &str) -> Result<Listing, Unfetched> {
    let id = DatasetId::parse(text).ok_or_else(|| {
        let reason = "found a name that is none, expected hub:org/name[@revision][:config/split]";
        wrong(reason.into(), "an example: hub:org/name:default/train")
    })?;
    let server = Arc::new(Server::new()?);
    let (snapshot, choice) = match choose(&server, &id)? {
        // A file that the Hub has not converted, but its authors have.
        (snapshot, Err(Unclear::Unknown(_)))
            if id.names_files_of_any() && snapshot.revision != MAIN =>
        {
            choose(&server, &id.at_revision(MAIN))?
        }
        found => found,
    };
    let choice = choice.map_err(|unclear| refusal(&id, &snapshot, unclear))?;
    if choice.part.contains(parts::PARTIAL) {
        show::status(&format!(
            "{}: the Hub has converted only the beginning of this split; hub:{}@main reads the files of its authors",
            choice.part, id.name
        ));
    }
    let files = choice.files.iter().map(|name| {
        let file = HubFile::find(&server, &snapshot, name)?;
        Ok(Listed {
            name: id.at(&snapshot.commit, name),
            bytes: file.bytes,
            version: file.etag.clone(),
            source: Arc::new(file),
        })
    });
    Ok(Listing {
        pinned: id.at(&snapshot.commit, &choice.part),
        files: files.collect::<Result<_, Unfetched>>()?,
    })
}

/// The files of a data set, and which of them the name stands for.
fn choose(
    server: &Server,
    id: &DatasetId,
) -> Result<(Snapshot, Result<Choice, Unclear>), Unfetched> {
    let snapshot = find(server, id)?;
    let parts = Parts::of(snapshot.files.iter().map(String::as_str));
    let choice = parts.choose(id.part.as_deref());
    Ok((snapshot, choice))
}

fn refusal(id: &DatasetId, snapshot: &Snapshot, unclear: Unclear) -> Unfetched {
    let revision = &snapshot.revision;
    match unclear {
        Unclear::NoFiles => wrong(
            format!("found no data file at `{revision}`, expected Parquet or JSONL"),
            "gradus reads Parquet and JSONL: name another revision, or convert the data set",
        ),
        Unclear::Several(listed) => wrong(
            format!("found several configurations or splits, expected one of them: {listed}"),
            &format!(
                "name one: hub:{}:CONFIG/SPLIT, or a file of the data set",
                id.name
            ),
        ),
        Unclear::Unknown(listed) => wrong(
            format!(
                "found no configuration, split or data file `{}` at `{revision}`, expected one of: {listed}",
                id.part.as_deref().unwrap_or_default()
            ),
            &format!(
                "name one: hub:{}:CONFIG/SPLIT, or a file of the data set",
                id.name
            ),
        ),
    }
}

/// An error of the name.
fn wrong(reason: String, hint: &str) -> Unfetched {
    Unfetched {
        reason,
        hint: Some(hint.into()),
        is_input: true,
    }
}
