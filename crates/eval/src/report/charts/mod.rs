//! Charts as SVG. Every function takes plain pairs `(score, rating)` or series and returns a
//! [`Chart`], or `None` if there is nothing that can be drawn.

mod against_baselines;
mod axis;
mod density;
mod numbers;
mod palette;
mod plot;
mod positions;
mod reliability;
mod residuals;
mod training;

pub(super) use against_baselines::against_baselines;
pub(super) use density::density;
use numbers::Numbers;
pub(super) use positions::positions;
pub(super) use reliability::reliability;
pub(super) use residuals::{residual_histogram, residuals_by_score};
pub(super) use training::training;

/// A chart with what a reader needs to understand it.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// What it shows.
    pub(super) title: &'static str,
    /// How to read it.
    pub(super) caption: String,
    /// The `svg` element.
    pub(super) svg: String,
    /// Class of the style sheet and meaning of each color; empty where there is only one.
    pub(super) key: Vec<(&'static str, &'static str)>,
    /// What is drawn, or a summary of it, in numbers.
    pub(super) numbers: Numbers,
}

/// The values of `sorted` at the shares `shares`, without interpolation. Not for an empty slice.
fn quantiles<const N: usize>(sorted: &[f64], shares: [f64; N]) -> [f64; N] {
    let last = sorted.len() - 1;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in 0..=last"
    )]
    shares.map(|share| sorted[(share * last as f64).round() as usize])
}
