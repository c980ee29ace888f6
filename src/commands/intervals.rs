//! Intervals, for every command that shows some.

use anyhow::Result;
use gradus::eval::bootstrap::{Bootstrap, Interval};

use crate::cli::BootstrapArgs;
use crate::failure::Usage;

/// The flags, checked.
pub(crate) fn bootstrap(args: &BootstrapArgs) -> Result<Bootstrap> {
    if !(args.confidence > 0.0 && args.confidence < 1.0) {
        let found = args.confidence;
        return Err(Usage::new(format!(
            "--confidence: found {found}, expected a share above 0 and below 1, such as 0.95"
        ))
        .into());
    }
    check_resamples(args.resamples)?;
    Ok(Bootstrap {
        resamples: args.resamples,
        confidence: args.confidence,
        seed: args.seed,
        ..Bootstrap::default()
    })
}

/// Most resamples: each keeps the figures it gives.
const MOST_RESAMPLES: usize = 1_000_000;

/// Refuses more resamples than memory may hold.
pub(crate) fn check_resamples(resamples: usize) -> Result<()> {
    if resamples <= MOST_RESAMPLES {
        return Ok(());
    }
    Err(Usage::new(format!(
        "--resamples: found {resamples}, expected at most {MOST_RESAMPLES}"
    ))
    .into())
}

/// The confidence in per cent, as in `95 %`.
pub(crate) fn confidence(bootstrap: &Bootstrap) -> String {
    // Rounded, since 100 * 0.95 is not quite 95.
    format!("{} %", (bootstrap.confidence * 1e6).round() / 1e4)
}

/// What the brackets behind figures are; `drawn` is what is resampled.
pub(crate) fn legend(bootstrap: &Bootstrap, drawn: &str) -> String {
    format!(
        "{} intervals in brackets, from {} resamples of {drawn} (seed {})",
        confidence(bootstrap),
        bootstrap.resamples,
        bootstrap.seed
    )
}

/// The intervals of a run, as a fact of a page.
pub(crate) fn fact(bootstrap: &Bootstrap, drawn: &str) -> (&'static str, String) {
    let text = match bootstrap.resamples {
        0 => "none".to_owned(),
        resamples => format!(
            "{}, from {resamples} resamples of {drawn} (seed {})",
            confidence(bootstrap),
            bootstrap.seed
        ),
    };
    ("Intervals", text)
}

/// A figure with its interval in brackets, where it has one; `show` writes either.
pub(crate) fn bracketed(
    figure: Option<f64>,
    interval: Option<&Interval>,
    show: impl Fn(Option<f64>) -> String,
) -> String {
    match interval {
        Some(Interval { low, high, .. }) => {
            let [low, high] = [*low, *high].map(|end| show(Some(end)));
            format!("{} [{low}, {high}]", show(figure))
        }
        None => show(figure),
    }
}
