//! The drawing area of a chart: axes and marks.

use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::palette::{Ink, with_variables};
use crate::{EvalError, Result};

/// Pixels of the drawing per pixel of the page, because the library only has whole pixels.
const SCALE: u32 = 4;
/// Width of every chart in pixels of the page. The page scales it to the available width.
const WIDTH: u32 = 440;
/// Size of all text, in pixels of the page.
const TEXT: f64 = 13.0;

type Sheet<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;
type Failure = DrawingAreaErrorKind<std::io::Error>;

/// A chart under construction.
pub struct Plot<'a, 'b> {
    sheet: Sheet<'a, 'b>,
    /// The first error of a mark.
    failure: Option<Failure>,
}

/// The size of the drawing area.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Height in pixels of the page.
    pub height: u32,
    /// Width for the labels of the vertical axis, in pixels of the page.
    pub left: u32,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            height: 300,
            left: 58,
        }
    }
}

/// Draws a chart and returns it as an `svg` element that takes its colors from the page.
///
/// `title` is the text for screen readers.
///
/// # Errors
/// [`EvalError::Chart`] if the drawing library fails.
pub fn draw(
    title: &str,
    (x, y): (&Axis, &Axis),
    layout: Layout,
    marks: impl FnOnce(&mut Plot),
) -> Result<String> {
    let mut svg = String::new();
    draw_into(&mut svg, (x, y), layout, marks).map_err(|failure| EvalError::Chart {
        title: title.to_owned(),
        message: failure.to_string(),
    })?;
    Ok(as_element(&svg, title, layout.height))
}

fn draw_into(
    svg: &mut String,
    (x, y): (&Axis, &Axis),
    layout: Layout,
    marks: impl FnOnce(&mut Plot),
) -> std::result::Result<(), Failure> {
    let size = (WIDTH * SCALE, layout.height * SCALE);
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    let mut sheet = ChartBuilder::on(&root)
        .margin_top(10 * SCALE)
        .margin_right(14 * SCALE)
        .x_label_area_size(42 * SCALE)
        .y_label_area_size(layout.left * SCALE)
        .build_cartesian_2d(x.clone(), y.clone())?;
    let numbers = text_style(Ink::Muted);
    sheet
        .configure_mesh()
        .bold_line_style(Ink::Grid.stand_in().stroke_width(SCALE))
        .light_line_style(TRANSPARENT)
        .axis_style(Ink::Grid.stand_in().stroke_width(SCALE))
        .set_all_tick_mark_size(3 * SCALE)
        .label_style(numbers.clone())
        .axis_desc_style(numbers)
        .x_desc(&x.label)
        .y_desc(&y.label)
        .draw()?;
    let mut plot = Plot {
        sheet,
        failure: None,
    };
    marks(&mut plot);
    match plot.failure {
        Some(failure) => Err(failure),
        None => root.present(),
    }
}

fn text_style(ink: Ink) -> TextStyle<'static> {
    // The library divides the size by 1.24 when it writes SVG.
    let size = TEXT * 1.24 * f64::from(SCALE);
    let color = ink.stand_in();
    ("sans-serif", size).into_font().color(&color)
}

impl Plot<'_, '_> {
    /// A line through points.
    pub fn line(&mut self, points: &[(f64, f64)], ink: Ink, width: f64, opacity: f64) {
        let style = stroke(ink, width, opacity);
        self.draw(PathElement::new(points.to_vec(), style));
    }

    /// A dashed straight line.
    pub fn dashes(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink) {
        let dashes = 28_u32;
        let along = |share: f64| {
            (
                from.0 + share * (to.0 - from.0),
                from.1 + share * (to.1 - from.1),
            )
        };
        for dash in 0..dashes {
            let start = f64::from(dash) / f64::from(dashes);
            let points = [along(start), along(start + 0.55 / f64::from(dashes))];
            self.line(&points, ink, 1.25, 1.0);
        }
    }

    /// A filled rectangle.
    pub fn block(&mut self, corners: [(f64, f64); 2], ink: Ink, opacity: f64) {
        self.draw(Rectangle::new(corners, ink.mix(opacity).filled()));
    }

    /// The area inside a closed line.
    pub fn area(&mut self, outline: &[(f64, f64)], ink: Ink, opacity: f64) {
        self.draw(Polygon::new(outline.to_vec(), ink.mix(opacity).filled()));
    }

    /// A dot; its radius is in pixels of the page.
    pub fn dot(&mut self, at: (f64, f64), radius: f64, ink: Ink, opacity: f64) {
        self.draw(Circle::new(at, pixels(radius), ink.mix(opacity).filled()));
    }

    /// A ring; its radius is in pixels of the page.
    pub fn ring(&mut self, at: (f64, f64), radius: f64, ink: Ink) {
        self.draw(Circle::new(at, pixels(radius), stroke(ink, 1.5, 1.0)));
    }

    /// Text, centered above a point.
    pub fn words(&mut self, text: &str, at: (f64, f64), ink: Ink) {
        let style = text_style(ink).pos(Pos::new(HPos::Center, VPos::Bottom));
        self.draw(Text::new(text.to_owned(), at, style));
    }

    fn draw<E>(&mut self, mark: E)
    where
        for<'e> &'e E: PointCollection<'e, (f64, f64)>,
        for<'b> E: Drawable<SVGBackend<'b>>,
    {
        let drawn = self.sheet.plotting_area().draw(&mark);
        self.failure = self.failure.take().or(drawn.err());
    }
}

fn stroke(ink: Ink, width: f64, opacity: f64) -> ShapeStyle {
    ink.mix(opacity).stroke_width(pixels(width))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few pixels"
)]
fn pixels(size: f64) -> u32 {
    (size * f64::from(SCALE)).round() as u32
}

/// The element for the page: the style sheet sets its size and colors, and it has a title for screen readers.
fn as_element(svg: &str, title: &str, height: u32) -> String {
    let marks = svg.find('>').map_or("", |end| &svg[end + 1..]);
    let (width, height) = (WIDTH * SCALE, height * SCALE);
    let title = maud::html! { (title) }.into_string();
    let marks = with_variables(marks).replace(" font-family=\"sans-serif\"", "");
    format!(
        "<svg class=\"chart\" role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {width} {height}\">{marks}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_stays_on_its_sheet_and_takes_its_colors_from_the_page() {
        let axis = Axis::between("score <", 0.0, 1.0).unwrap();
        let svg = draw("\"a\" & <b>", (&axis, &axis), Layout::default(), |plot| {
            plot.line(&[(-1e300, 0.5), (1e300, 0.5)], Ink::Model, 2.0, 1.0);
            plot.dot((0.5, 7.0), 3.0, Ink::Other, 0.5);
        })
        .unwrap();
        assert!(
            svg.contains("aria-label=\"&quot;a&quot; &amp; &lt;b&gt;\""),
            "{svg}"
        );
        assert!(
            svg.contains("var(--model)") && svg.contains("score &lt;"),
            "{svg}"
        );
        assert!(
            !svg.contains('#') && !svg.contains("http") && !svg.contains("NaN"),
            "{svg}"
        );
        let points = svg.rsplit("<polyline").next().unwrap();
        assert!(points.contains("points=\"232,"), "{points}");
    }
}
