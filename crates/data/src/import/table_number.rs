use super::fields::not_allowed;
use crate::records::field::Checked;
use crate::{RecordError, RecordProblem};

/// Numbers of a table that is written with one decimal sign.
///
/// A comma is one only where commas do not part the cells, as in tables of spreadsheets in many
/// languages.
pub(super) struct Numbers {
    commas_allowed: bool,
    /// Lines of the first decimal comma and point.
    comma: Option<usize>,
    point: Option<usize>,
}

impl Numbers {
    pub(super) fn new(delimiter: char) -> Self {
        Self {
            commas_allowed: delimiter != ',',
            comma: None,
            point: None,
        }
    }

    pub(super) fn has_comma(&self) -> bool {
        self.comma.is_some()
    }

    /// The finite number in a cell; `None` where it holds something else.
    pub(super) fn read(
        &mut self,
        cell: &str,
        line: usize,
        field: &str,
        expected: &'static str,
    ) -> Checked<Option<f64>> {
        let refuse =
            |found: String, expected: &str| Err(not_allowed(field, found, expected.to_owned()));
        let cell = match cell.split_once(',') {
            Some((whole, rest)) if is_number(whole, rest) => {
                if !self.commas_allowed {
                    return refuse(format!("{cell:?}"), "a decimal point and no comma");
                }
                if is_group(whole, rest) {
                    let expected = "a number without a comma, as this one may part thousands";
                    return refuse(format!("{cell:?}"), expected);
                }
                if let Some(point) = self.point {
                    let found = format!("{cell:?}, but a decimal point in line {point}");
                    return refuse(found, "one decimal sign in all of the table");
                }
                self.comma.get_or_insert(line);
                format!("{whole}.{rest}")
            }
            Some(_) => return Ok(None),
            None => {
                if cell.contains('.') && cell.parse::<f64>().is_ok() {
                    if let Some(comma) = self.comma {
                        let found = format!("{cell:?}, but a decimal comma in line {comma}");
                        return refuse(found, "one decimal sign in all of the table");
                    }
                    self.point.get_or_insert(line);
                }
                cell.to_owned()
            }
        };
        let Some(number) = cell.parse().ok().filter(|number: &f64| number.is_finite()) else {
            // Words may be labels of a rating map; these are none.
            let is_word = matches!(
                cell.trim_start_matches(['+', '-']).to_lowercase().as_str(),
                "nan" | "inf" | "infinity"
            );
            if is_word {
                return refuse(format!("{cell:?}"), expected);
            }
            return Ok(None);
        };
        if is_changed(&cell, number) {
            return Err(RecordError::new(
                field,
                RecordProblem::Inexact { found: cell },
            ));
        }
        Ok(Some(number))
    }
}

fn is_number(whole: &str, rest: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    digits(whole) && digits(rest) && !(whole.is_empty() && rest.is_empty())
}

/// `1,000` may be one, or a thousand.
fn is_group(whole: &str, rest: &str) -> bool {
    let whole = whole.trim_start_matches(['+', '-']);
    rest.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0')
}

/// Whether a whole number would come back as another one.
fn is_changed(cell: &str, number: f64) -> bool {
    let digits = cell.trim_start_matches(['+', '-']);
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    let (digits, number) = (digits.trim_start_matches('0'), number.abs());
    // As it is, or as the shortest text of the number it stands for.
    let is_same = format!("{number:.0}") == digits || number.to_string() == digits;
    is_whole && !digits.is_empty() && !is_same
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(delimiter: char, cells: &[&str]) -> Vec<Result<Option<f64>, String>> {
        let mut numbers = Numbers::new(delimiter);
        let cells = cells.iter().enumerate();
        cells
            .map(|(k, cell)| {
                numbers
                    .read(cell, k + 1, "rating", "a number")
                    .map_err(|e| e.to_string())
            })
            .collect()
    }

    #[test]
    fn a_comma_is_decimal_where_it_does_not_part_cells() {
        assert_eq!(
            read(';', &["0,5", "-,25", "1", "3,"]),
            [Ok(Some(0.5)), Ok(Some(-0.25)), Ok(Some(1.0)), Ok(Some(3.0))]
        );
        assert!(
            read(',', &["0,5"])[0]
                .as_ref()
                .unwrap_err()
                .contains("a decimal point and no comma")
        );
        assert!(
            read(';', &["1,000"])[0]
                .as_ref()
                .unwrap_err()
                .contains("may part thousands")
        );
        assert_eq!(read(';', &["0,125"]), [Ok(Some(0.125))]);
        assert!(
            read(';', &["0,5", "0.5"])[1]
                .as_ref()
                .unwrap_err()
                .contains("a decimal comma in line 1")
        );
        assert!(
            read('\t', &["0.5", "0,5"])[1]
                .as_ref()
                .unwrap_err()
                .contains("a decimal point in line 1")
        );
    }

    #[test]
    fn words_are_left_and_numbers_stay_what_they_are() {
        assert_eq!(
            read(',', &["good", "1e3", "+007", "0", "good, bad", "1e999"]),
            [
                Ok(None),
                Ok(Some(1000.0)),
                Ok(Some(7.0)),
                Ok(Some(0.0)),
                Ok(None),
                Ok(None)
            ]
        );
        for cell in ["NaN", "-inf", "9007199254740993"] {
            assert!(read(',', &[cell])[0].is_err(), "{cell}");
        }
        assert_eq!(
            read(',', &["9007199254740992"]),
            [Ok(Some(9_007_199_254_740_992.0))]
        );
    }
}
