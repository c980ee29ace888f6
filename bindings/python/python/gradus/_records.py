"""Records in all the forms that Python programs hold them in, as JSON texts of the data format."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ._errors import DataError

#: Columns of a table that make up a record; other columns are not read.
COLUMNS = ("id", "prompt", "context", "response", "segments", "ratings", "completions", "labels", "rating", "meta")


def is_table(records: object) -> bool:
    """Whether this is a table of columns (pandas, Polars, PyArrow, Hugging Face ``Dataset``)."""
    return hasattr(records, "__arrow_c_stream__") or hasattr(records, "__arrow_c_array__") or hasattr(records, "to_dict")


def rows(records: Any) -> Iterator[Mapping[str, Any]]:
    """The records of a table, or of anything that gives mappings."""
    if isinstance(records, Mapping):
        raise DataError("found one record, expected several: put it into a list")
    if isinstance(records, (str, bytes)):
        raise DataError("found a text, expected records; `segments` scores one response")
    if not is_table(records):
        yield from _mappings(records)
        return
    for row in _table_rows(records):
        yield {key: row[key] for key in COLUMNS if row.get(key) is not None}


def _mappings(records: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for number, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise DataError(
                f"record {number}: found {type(record).__name__}, expected a mapping such as a dict", record=number
            )
        yield record


def _table_rows(table: Any) -> Iterator[Mapping[str, Any]]:
    kind = type(table).__module__.partition(".")[0]
    if kind == "pandas":
        for row in table.to_dict("records"):
            yield {key: value for key, value in row.items() if not _is_missing(value)}
    elif kind == "polars":
        yield from table.iter_rows(named=True)
    elif kind == "datasets":
        yield from table
    else:
        import pyarrow

        whole = pyarrow.table(table)
        for batch in whole.to_batches(max_chunksize=4096):
            yield from batch.to_pylist()


def _is_missing(value: object) -> bool:
    """Whether pandas means that nothing is there."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ == "NAType"


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
