//! Errors of Rust as exceptions of Python, with the same words.

use gradus::data::{DataError, RecordError};
use gradus::eval::EvalError;
use gradus::eval::token_rewards::TokenError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A `gradus.GradusError`.
pub(crate) fn failed(py: Python<'_>, message: impl ToString) -> PyErr {
    exception(py, "GradusError", &message.to_string(), &[])
}

/// A `gradus.DataError` without a record.
pub(crate) fn data(py: Python<'_>, message: &str) -> PyErr {
    exception(py, "DataError", message, &[])
}

/// A `gradus.DataError` about record `number` of those given.
pub(crate) fn record_error(py: Python<'_>, number: usize, error: &RecordError) -> PyErr {
    data_error(py, number, Some(&error.field), &error.to_string())
}

/// A `gradus.DataError` about record `number`, in words.
pub(crate) fn data_error(
    py: Python<'_>,
    number: usize,
    field: Option<&str>,
    message: &str,
) -> PyErr {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let record = number.into_pyobject(py).map(Bound::into_any);
    let field = field.filter(|field| !field.is_empty());
    let field = field.into_pyobject(py).map(Bound::into_any);
    let attributes = [("record", record.ok()), ("field", field.ok())];
    exception(
        py,
        "DataError",
        &format!("record {number}: {message}"),
        &attributes,
    )
}

/// Tokens of a policy that do not fit the response.
pub(crate) fn token_error(py: Python<'_>, error: &TokenError) -> PyErr {
    let hint = error
        .hint
        .map_or_else(String::new, |hint| format!("; {hint}"));
    let field = error.field.as_str().into_pyobject(py).map(Bound::into_any);
    let attributes = [("field", field.ok())];
    exception(py, "DataError", &format!("{error}{hint}"), &attributes)
}

/// What scoring records `first..` refuses.
pub(crate) fn scoring_error(py: Python<'_>, number: Option<usize>, error: &EvalError) -> PyErr {
    match (number, error) {
        (Some(number), EvalError::Data(DataError::Example { error, .. })) => {
            record_error(py, number, error)
        }
        (Some(number), EvalError::Data(_)) => data_error(py, number, None, &error.to_string()),
        _ => failed(py, error),
    }
}

fn exception(
    py: Python<'_>,
    class: &str,
    message: &str,
    attributes: &[(&str, Option<Bound<'_, PyAny>>)],
) -> PyErr {
    let made = || -> PyResult<PyErr> {
        let class = py.import("gradus._errors")?.getattr(class)?;
        let named = PyDict::new(py);
        for (name, value) in attributes {
            if let Some(value) = value {
                named.set_item(name, value)?;
            }
        }
        Ok(PyErr::from_value(class.call((message,), Some(&named))?))
    };
    made().unwrap_or_else(|error| error)
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
