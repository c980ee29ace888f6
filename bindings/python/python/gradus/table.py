"""Tables of Arrow in, tables of Arrow out."""

from __future__ import annotations

from typing import Any

from ._scoring import Scoring
from .scorer import Scorer

#: The columns that scoring adds to a table; those of the same name are replaced.
ADDED = ("scored_segments", "score", "unscored")


def score_table(scorer: Scoring, table: Any) -> Any:
    """Score the records of a table.

    Parameters
    ----------
    scorer : gradus.Scorer or gradus.Client
        What scores them.
    table : pyarrow.Table or anything with Arrow's C interface
        Its columns are the keys of a record (``prompt``, ``response``, …); others are carried along, without a copy.

    Returns
    -------
    pyarrow.Table
        The same rows with three more columns: ``scored_segments`` (a list of structs of ``start``, ``end``, ``score`` and
        ``unscored``), ``score`` of the response and ``unscored``, the reason where there is none. A score is a float64,
        or a struct of them by aspect where the bundle has several.
    """
    import pyarrow

    table = pyarrow.table(table)
    scores = pyarrow.table(scorer.scores(table)) if isinstance(scorer, Scorer) else _of_server(scorer, table)
    for name in ADDED:
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, scores[name])
        else:
            table = table.append_column(name, scores[name])
    return table


def _of_server(scorer: Scoring, table: Any) -> Any:
    """What `gradus.Scorer.scores` gives, of a server's answers."""
    import pyarrow

    names = scorer.aspects
    number = pyarrow.float64()
    score = number if len(names) == 1 else pyarrow.struct([(name, number) for name in names])
    text = pyarrow.string()
    spans = [("start", pyarrow.int64()), ("end", pyarrow.int64())]
    segment = pyarrow.struct([*spans, ("score", score), ("unscored", text)])
    kinds = dict(zip(ADDED, (pyarrow.list_(segment), score, text), strict=True))
    records = scorer.score(table)
    columns: dict[str, list[Any]] = {
        "scored_segments": [record["segments"] for record in records],
        "score": [record["score"] for record in records],
        "unscored": [record.get("unscored") for record in records],
    }
    return pyarrow.table({name: [_only(value, kinds[name]) for value in columns[name]] for name in ADDED}, pyarrow.schema(kinds))


def _only(value: Any, kind: Any) -> Any:
    """Without the keys that the kind does not have, such as ratings of segments."""
    import pyarrow

    if value is None or not pyarrow.types.is_list(kind):
        return value
    names = [field.name for field in kind.value_type]
    return [{name: item.get(name) for name in names} for item in value]
