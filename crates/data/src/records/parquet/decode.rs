//! The JSON value of a value of a column.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::data_type::Int96;
use parquet::schema::types::ColumnDescriptor;
use serde_json::{Number, Value};

use crate::RecordProblem;
use crate::parse_value;

/// What the values of a column stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// A truth value, a number or, of bytes, a text.
    Plain,
    /// A whole number without a sign, of this many bits.
    Unsigned(u32),
    /// A text that is JSON.
    Json,
    /// A whole number with its decimal point moved.
    Decimal { scale: u32 },
    /// A number in two bytes.
    Half,
    /// Days since 1970.
    Date,
    /// A time of the day, in units of which a second has so many.
    Time { per_second: i64 },
    /// A time since 1970, in units of which a second has so many.
    Timestamp { per_second: i64, utc: bool },
    /// Sixteen bytes.
    Uuid,
}

impl Meaning {
    /// The meaning of a column; else what was found there.
    pub(super) fn of(column: &ColumnDescriptor) -> Result<Self, String> {
        if let Some(logical) = column.logical_type_ref() {
            return Self::of_logical(logical, column);
        }
        Self::of_converted(column)
    }

    fn of_logical(logical: &LogicalType, column: &ColumnDescriptor) -> Result<Self, String> {
        Ok(match logical {
            LogicalType::String | LogicalType::Enum | LogicalType::Unknown => Self::Plain,
            LogicalType::Json => Self::Json,
            LogicalType::Integer(int) if int.is_signed => Self::Plain,
            LogicalType::Integer(int) => Self::Unsigned(u32::from(int.bit_width.unsigned_abs())),
            LogicalType::Decimal(decimal) => Self::decimal(decimal.scale)?,
            LogicalType::Float16 => Self::Half,
            LogicalType::Date => Self::Date,
            LogicalType::Time(time) => Self::Time {
                per_second: per_second(time.unit),
            },
            LogicalType::Timestamp(time) => Self::Timestamp {
                per_second: per_second(time.unit),
                utc: time.is_adjusted_to_u_t_c,
            },
            LogicalType::Uuid => Self::Uuid,
            LogicalType::Bson => return Err("BSON".into()),
            LogicalType::Geometry(_) | LogicalType::Geography(_) => return Err("geometry".into()),
            LogicalType::Variant(_) => return Err("a VARIANT".into()),
            _ if column.converted_type() != ConvertedType::NONE => {
                return Self::of_converted(column);
            }
            _ => Self::Plain,
        })
    }

    fn of_converted(column: &ColumnDescriptor) -> Result<Self, String> {
        Ok(match column.converted_type() {
            ConvertedType::UINT_8 => Self::Unsigned(8),
            ConvertedType::UINT_16 => Self::Unsigned(16),
            ConvertedType::UINT_32 => Self::Unsigned(32),
            ConvertedType::UINT_64 => Self::Unsigned(64),
            ConvertedType::JSON => Self::Json,
            ConvertedType::DECIMAL => Self::decimal(column.type_scale())?,
            ConvertedType::DATE => Self::Date,
            ConvertedType::TIME_MILLIS => Self::Time { per_second: 1000 },
            ConvertedType::TIME_MICROS => Self::Time {
                per_second: 1_000_000,
            },
            ConvertedType::TIMESTAMP_MILLIS => Self::Timestamp {
                per_second: 1000,
                utc: true,
            },
            ConvertedType::TIMESTAMP_MICROS => Self::Timestamp {
                per_second: 1_000_000,
                utc: true,
            },
            ConvertedType::BSON => return Err("BSON".into()),
            ConvertedType::INTERVAL => return Err("intervals of time".into()),
            _ if column.physical_type() == Type::INT96 => Self::Timestamp {
                per_second: 1_000_000_000,
                utc: false,
            },
            _ => Self::Plain,
        })
    }

    fn decimal(scale: i32) -> Result<Self, String> {
        match u32::try_from(scale) {
            Ok(scale) if scale <= 38 => Ok(Self::Decimal { scale }),
            _ => Err(format!("decimal numbers of scale {scale}")),
        }
    }

    /// The value of a whole number.
    pub(super) fn of_integer(self, value: i64) -> Result<Value, RecordProblem> {
        Ok(match self {
            Self::Unsigned(64) => value.cast_unsigned().into(),
            // Of 32 bits and fewer, those that are not used repeat the sign.
            Self::Unsigned(bits) => (value.cast_unsigned() & ((1 << bits.min(32)) - 1)).into(),
            Self::Decimal { scale } => return decimal(value.into(), scale),
            Self::Date => date(value).into(),
            Self::Time { per_second } => time(value, per_second).into(),
            Self::Timestamp { per_second, utc } => timestamp(value.into(), per_second, utc).into(),
            _ => value.into(),
        })
    }

    /// The value of bytes.
    pub(super) fn of_bytes(self, bytes: &[u8]) -> Result<Value, RecordProblem> {
        match self {
            Self::Decimal { scale } => match signed(bytes) {
                Some(value) => decimal(value, scale),
                None => Err(RecordProblem::Inexact {
                    found: format!("a decimal number of {} bytes", bytes.len()),
                }),
            },
            Self::Half => match bytes {
                [low, high] => of_float(half(u16::from_le_bytes([*low, *high]))),
                _ => Err(found_bytes(bytes, "a number of 2 bytes")),
            },
            Self::Uuid => match uuid(bytes) {
                Some(text) => Ok(text.into()),
                None => Err(found_bytes(bytes, "16 bytes of a UUID")),
            },
            _ => {
                let text =
                    str::from_utf8(bytes).map_err(|_| found_bytes(bytes, "a text in UTF-8"))?;
                Ok(text.into())
            }
        }
    }
}

/// The value of a text that is JSON; an error inside it has the path of its field there.
pub(super) fn of_json(text: &str) -> Result<Value, (String, RecordProblem)> {
    parse_value(text).map_err(|error| (error.field, error.problem))
}

pub(super) fn of_float(number: f64) -> Result<Value, RecordProblem> {
    match Number::from_f64(number) {
        Some(number) => Ok(Value::Number(number)),
        None => Err(RecordProblem::NotFinite {
            found: number.to_string(),
        }),
    }
}

pub(super) fn of_int96(value: &Int96) -> Value {
    // The day of the Julian calendar behind the nanoseconds of the day.
    let [low, high, day] = [0, 1, 2].map(|word| i128::from(value.data()[word]));
    let nanos = (day - 2_440_588) * 86_400_000_000_000 + (high << 32) + low;
    timestamp(nanos, 1_000_000_000, false).into()
}

fn found_bytes(bytes: &[u8], expected: &'static str) -> RecordProblem {
    RecordProblem::WrongType {
        found: format!("{} bytes that are none", bytes.len()),
        expected,
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::MILLIS => 1000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    }
}

/// A whole number of at most 16 bytes, the highest first.
fn signed(bytes: &[u8]) -> Option<i128> {
    let first = *bytes.first()?;
    let fill = if first & 0x80 == 0 { 0 } else { 0xff };
    let mut all = [fill; 16];
    all.get_mut(16_usize.checked_sub(bytes.len())?..)?
        .copy_from_slice(bytes);
    Some(i128::from_be_bytes(all))
}

fn decimal(value: i128, scale: u32) -> Result<Value, RecordProblem> {
    if scale == 0
        && let Ok(value) = i64::try_from(value)
    {
        return Ok(value.into());
    }
    let sign = if value < 0 { "-" } else { "" };
    let places = scale as usize;
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let text = format!("{sign}{whole}.{part}");
    // Up to 15 digits a number of 64 bits comes back as it was written.
    let is_exact = digits.trim_start_matches('0').trim_end_matches('0').len() <= 15;
    match text.parse::<f64>() {
        Ok(number) if is_exact => of_float(number),
        _ => Err(RecordProblem::Inexact { found: text }),
    }
}

/// The value of a number of two bytes.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * 2.0_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2.0_f64.powi(exponent - 25),
    }
}

fn uuid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    Some(parts.join("-"))
}

/// A day, as ISO 8601 writes it.
fn date(days: i64) -> String {
    // Howard Hinnant's `civil_from_days`, in the proleptic Gregorian calendar.
    let shifted = i128::from(days) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn time(value: i64, per_second: i64) -> String {
    let (seconds, part) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let places = per_second.ilog10() as usize;
    match part {
        0 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{hours:02}:{minutes:02}:{seconds:02}.{part:0places$}"),
    }
}

fn timestamp(value: i128, per_second: i64, utc: bool) -> String {
    let per_day = 86_400 * i128::from(per_second);
    let days = i64::try_from(value.div_euclid(per_day)).unwrap_or(i64::MAX);
    let of_day = i64::try_from(value.rem_euclid(per_day)).unwrap_or(0);
    let zone = if utc { "Z" } else { "" };
    format!("{}T{}{zone}", date(days), time(of_day, per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_written_as_iso_8601_does() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (11_016, "2000-02-29"),
            (-719_468, "0000-03-01"),
        ] {
            assert_eq!(date(days), expected);
        }
        let micros = 1_709_210_096_789_000;
        assert_eq!(
            timestamp(micros, 1_000_000, true),
            "2024-02-29T12:34:56.789000Z"
        );
        assert_eq!(timestamp(-1000, 1000, false), "1969-12-31T23:59:59");
        assert_eq!(time(1, 1000), "00:00:00.001");
        for days in [i64::MIN, i64::MAX] {
            let _ = date(days);
        }
    }

    #[test]
    fn decimals_are_the_numbers_they_are_written_as() {
        let number = |value, scale| decimal(value, scale).map_err(|problem| problem.to_string());
        assert_eq!(number(7, 1), Ok(0.7.into()));
        assert_eq!(number(-5, 2), Ok((-0.05).into()));
        assert_eq!(number(12, 0), Ok(12.into()));
        assert_eq!(number(1_000_000, 6), Ok(1.0.into()));
        let long = number(12_345_678_901_234_567, 3).unwrap_err();
        assert!(long.contains("12345678901234.567"), "{long}");
        assert_eq!(signed(&[0xff, 0xfe]), Some(-2));
        assert_eq!(signed(&[0; 17]), None);
    }

    #[test]
    fn numbers_of_two_bytes_are_exact() {
        let read =
            [0x3c00, 0xc000, 0x3555, 0x0001, 0x7c00, 0x8000].map(|bits| half(bits).to_bits());
        assert_eq!(
            read,
            [
                1.0,
                -2.0,
                0.333_251_953_125,
                5.960_464_477_539_063e-8,
                f64::INFINITY,
                -0.0
            ]
            .map(f64::to_bits)
        );
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn numbers_without_a_sign_use_all_their_bits() {
        assert_eq!(Meaning::Unsigned(64).of_integer(-1).unwrap(), u64::MAX);
        assert_eq!(Meaning::Unsigned(32).of_integer(-1).unwrap(), u32::MAX);
        assert_eq!(Meaning::Unsigned(8).of_integer(-1).unwrap(), 255);
    }
}
