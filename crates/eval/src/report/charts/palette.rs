//! The colors of a chart, by meaning.
//!
//! The drawing library supports only fixed colors, but the page has a light and a dark theme. Charts are
//! therefore drawn in placeholder colors, which are replaced by variables of the style sheet.

use plotters::style::{RGBAColor, RGBColor};

/// The meaning of a color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Axes and numbers.
    Muted,
    /// Grid lines.
    Grid,
    /// The evaluated scores.
    Model,
    /// What they are compared with: baselines, validation, recalibrated scores.
    Other,
    /// Details: single steps, the diagonal.
    Third,
}

impl Ink {
    const ALL: [Self; 5] = [
        Self::Muted,
        Self::Grid,
        Self::Model,
        Self::Other,
        Self::Third,
    ];

    /// The placeholder. Its red and green parts occur in no other color.
    pub(super) fn stand_in(self) -> RGBColor {
        RGBColor(0xAB, 0xBA, self as u8)
    }

    /// The placeholder, transparent.
    pub(super) fn mix(self, opacity: f64) -> RGBAColor {
        let RGBColor(red, green, blue) = self.stand_in();
        RGBAColor(red, green, blue, opacity)
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Muted => "var(--muted)",
            Self::Grid => "var(--grid)",
            Self::Model => "var(--model)",
            Self::Other => "var(--other)",
            Self::Third => "var(--third)",
        }
    }
}

/// The chart with the colors of the page's style sheet.
pub(super) fn with_variables(svg: &str) -> String {
    let mut svg = svg.to_owned();
    for ink in Ink::ALL {
        let RGBColor(red, green, blue) = ink.stand_in();
        let stand_in = format!("\"#{red:02X}{green:02X}{blue:02X}\"");
        svg = svg.replace(&stand_in, &format!("\"{}\"", ink.variable()));
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stand_in_becomes_a_variable() {
        let svg = r##"<line stroke="#ABBA02" opacity="0.5"/><text fill="#ABBA00">#ABBA00</text>"##;
        assert_eq!(
            with_variables(svg),
            r#"<line stroke="var(--model)" opacity="0.5"/><text fill="var(--muted)">#ABBA00</text>"#
        );
    }
}
