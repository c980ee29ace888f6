//! Charts as SVG. Every function takes plain pairs `(score, rating)` or series and returns a
//! [`Chart`], or `None` if there is nothing to draw.

mod against_baselines;
mod axis;
mod density;
mod intervals;
mod numbers;
mod palette;
mod plot;
mod positions;
mod reliability;
mod residuals;
mod training;

pub use axis::Axis;
pub use intervals::{IntervalChart, IntervalRow};
pub use numbers::Numbers;
pub use palette::Ink;
pub use plot::{Layout, Plot, draw};

pub(super) use against_baselines::against_baselines;
pub(super) use density::density;
pub(super) use positions::positions;
pub(super) use reliability::reliability;
pub(super) use residuals::{residual_histogram, residuals_by_score};
pub(super) use training::training;

/// A chart with its title, caption and legend.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The title.
    pub title: String,
    /// The caption: how to read it.
    pub caption: String,
    /// The `svg` element.
    pub svg: String,
    /// The legend: style class and meaning of each color; empty for a single color.
    pub key: Vec<(&'static str, &'static str)>,
    /// The drawn numbers or a summary of them.
    pub numbers: Numbers,
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
