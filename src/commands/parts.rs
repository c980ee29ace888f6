//! `gradus parts`

use anyhow::Result;
use gradus::model::{Pooling, registered_poolings};
use gradus::train::losses;
use serde::Serialize;

use crate::show;

/// A part that can be named in a run configuration.
#[derive(Serialize)]
struct Part {
    role: &'static str,
    name: String,
    about: String,
}

pub(crate) fn run(json: bool) -> Result<()> {
    let losses = losses().into_iter().map(|loss| Part {
        role: "loss",
        name: loss.usage(),
        about: loss.about.into(),
    });
    let built_in = Pooling::ALL.iter().map(|pooling| Part {
        role: "pooling",
        name: pooling.name().into(),
        about: pooling.about().into(),
    });
    let added = registered_poolings().into_iter().map(|known| Part {
        role: "pooling",
        name: known.kind.into(),
        about: known.about.into(),
    });
    let parts: Vec<Part> = losses.chain(built_in).chain(added).collect();
    if json {
        return show::json(&parts);
    }
    let rows = parts
        .into_iter()
        .map(|part| vec![part.role.to_owned(), part.name, part.about]);
    show::line(&show::table(&["part", "name", "description"], rows))
}
