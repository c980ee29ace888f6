"""Records in all the forms that Python programs hold them in: JSON texts of the data format, or a table of Arrow."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import _gradus
from ._errors import DataError

#: Columns of a table that make up a record; other columns are not read.
COLUMNS = ("id", "prompt", "context", "response", "segments", "ratings", "completions", "labels", "rating", "meta")

#: Rows of a data set that are read at a time.
_ROWS = 4096


def source(records: Any) -> Any:
    """Records for the native half: an object with Arrow's C interface, which is read without a copy, or JSON texts."""
    if isinstance(records, Mapping):
        raise DataError("found one record, expected several: put it into a list")
    if isinstance(records, (str, bytes)):
        raise DataError("found a text, expected records; `segments` scores one response")
    kind = type(records).__module__.partition(".")[0]
    if kind == "pandas" and hasattr(records, "to_dict"):
        return _frame(records)
    if kind == "datasets" and hasattr(records, "select_columns"):
        return _dataset(records)
    if hasattr(records, "__arrow_c_stream__") or hasattr(records, "__arrow_c_array__"):
        return records
    if not isinstance(records, Iterable):
        raise DataError(f"found {type(records).__name__}, expected records: an iterable of dicts, or a table")
    return (to_json(record, number) for number, record in enumerate(_mappings(records)))


def texts(records: Any) -> Iterator[str]:
    """Records as JSON texts."""
    found = source(records)
    if hasattr(found, "__arrow_c_stream__") or hasattr(found, "__arrow_c_array__"):
        found = _gradus.texts(found)
    return iter(found)


def _mappings(records: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for number, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise DataError(
                f"record {number}: found {type(record).__name__}, expected a mapping such as a dict", record=number
            )
        yield record


def _frame(frame: Any) -> Any:
    """A DataFrame of pandas: read in place where its columns are Arrow's or plain numbers."""
    frame = frame[[name for name in COLUMNS if name in frame.columns]]
    if hasattr(frame, "__arrow_c_stream__") and all(_is_arrow(kind) for kind in frame.dtypes):
        return frame
    rows = ({k: value for k, value in row.items() if not _is_missing(value)} for row in frame.to_dict("records"))
    return (to_json(row, number) for number, row in enumerate(rows))


def _is_arrow(kind: Any) -> bool:
    """Whether the type of a column of pandas is one of Arrow, or of plain numbers."""
    is_arrow = type(kind).__name__ == "ArrowDtype" or getattr(kind, "storage", "") == "pyarrow"
    return is_arrow or getattr(kind, "kind", "") in ("i", "u", "f") and type(kind).__module__.startswith("numpy")


def _is_missing(value: object) -> bool:
    """Whether pandas means that nothing is there."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ == "NAType"


def _dataset(dataset: Any) -> Any:
    """A ``Dataset`` of Hugging Face, batch for batch from its memory-mapped files."""
    import pyarrow

    dataset = dataset.select_columns([name for name in COLUMNS if name in dataset.column_names]).with_format("arrow")
    tables = dataset.iter(batch_size=_ROWS)
    return pyarrow.RecordBatchReader.from_batches(
        dataset.features.arrow_schema, (batch for table in tables for batch in table.to_batches())
    )


def to_json(record: Mapping[str, Any], number: int) -> str:
    """A record as JSON text."""
    try:
        return json.dumps(record, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise DataError(f"record {number}: {error}", record=number) from error


def _plain(value: Any) -> Any:
    """Values of NumPy, Arrow and mappings of other kinds as those of JSON."""
    if isinstance(value, Mapping):
        return dict(value)
    for method in ("tolist", "as_py"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"found a value of type {type(value).__name__}, expected texts, numbers, lists and dicts")
