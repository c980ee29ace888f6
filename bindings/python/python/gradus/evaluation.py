"""Evaluation and its relatives: the commands of the same names, each in a process of its own.

Data are the path of a file or records as `gradus.Scorer.score` takes them. Options are those of the command:
``resamples=0`` is ``--resamples 0``, ``slice=["domain", "source"]`` is that flag twice.
"""

from __future__ import annotations

import html
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import _child

#: A path.
Place = str | os.PathLike[str]


class Evaluation(dict[str, Any]):
    """The figures of ``gradus eval --json``; a notebook shows the HTML report.

    Attributes
    ----------
    html : str
        The report, one self-contained page.
    """

    def __init__(self, figures: dict[str, Any], page: str) -> None:
        super().__init__(figures)
        self.html = page

    def rows(self) -> list[dict[str, Any]]:
        """One row for each aspect, level (segment or response) and metric, with the bounds of its interval."""
        return list(self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for aspect in self["aspects"]:
            for level in ("segment", "response"):
                found = aspect.get(level) or {}
                intervals = found.get("intervals") or {}
                for metric, value in (found.get("values") or {}).items():
                    if isinstance(value, (int, float)) or value is None:
                        interval = intervals.get(metric) or {}
                        place = {"aspect": aspect["aspect"], "level": level, "metric": metric}
                        yield {**place, "value": value, "low": interval.get("low"), "high": interval.get("high")}

    def to_arrow(self) -> Any:
        """The rows as a ``pyarrow.Table``; needs PyArrow."""
        import pyarrow

        texts = [(name, pyarrow.string()) for name in ("aspect", "level", "metric")]
        numbers = [(name, pyarrow.float64()) for name in ("value", "low", "high")]
        return pyarrow.Table.from_pylist(self.rows(), pyarrow.schema(texts + numbers))

    def to_pandas(self) -> Any:
        """The rows as a DataFrame; needs pandas."""
        import pandas

        return pandas.DataFrame(self.rows())

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return f'<iframe srcdoc="{page}" width="100%" height="600" style="border:0" sandbox="allow-scripts"></iframe>'


def evaluate(bundle: Place | None, data: Any, **options: Any) -> Evaluation:
    """Evaluate a bundle, or with ``scores=FILE`` and no bundle a score file, against rated data.

    Parameters
    ----------
    bundle : path or None
        Directory of the bundle.
    data : path or records
        Rated data.
    **options
        Those of ``gradus eval``.

    Returns
    -------
    Evaluation
        The figures, whose keys docs/evaluation.md explains.
    """
    with tempfile.TemporaryDirectory(prefix="gradus-") as directory, _child.as_file(data) as file:
        page = Path(directory) / "report.html"
        figures: dict[str, Any] = _json("eval", *_given(bundle), file, html=str(page), **options)
        return Evaluation(figures, page.read_text(encoding="utf-8"))


def compare(*systems: Place, data: Any, **options: Any) -> list[dict[str, Any]]:
    """Test whether one system is better than another on rated data (``gradus compare --json``).

    Parameters
    ----------
    *systems : path or "NAME=PATH"
        Bundles and score files.
    data : path or records
        Rated data.
    **options
        Those of ``gradus compare``.

    Returns
    -------
    list of dict
        One for each aspect and kind of rating; docs/compare.md explains the keys.
    """
    with _child.as_file(data) as file:
        pairs: list[dict[str, Any]] = _json("compare", *(os.fspath(system) for system in systems), file, **options)
        return pairs


def calibrate(bundle: Place, data: Any, **options: Any) -> dict[str, Any]:
    """Fit a map from scores to ratings and store it in the bundle (``gradus calibrate --json``)."""
    with _child.as_file(data) as file:
        figures: dict[str, Any] = _json("calibrate", os.fspath(bundle), file, **options)
        return figures


def explain(bundle: Place | None, data: Any, **options: Any) -> dict[str, Any]:
    """The segments with the largest loss (``gradus explain --json``); ``top=0`` gives all."""
    with _child.as_file(data) as file:
        figures: dict[str, Any] = _json("explain", *_given(bundle), file, **options)
        return figures


def audit(data: Any, **options: Any) -> dict[str, Any]:
    """Find shortcuts, leaks and suspicious ratings (``gradus data audit --json``)."""
    with _child.as_file(data) as file:
        figures: dict[str, Any] = _json("data", "audit", file, **options)
        return figures


def generate(examples: int = 1000, *, seed: int = 0) -> list[dict[str, Any]]:
    """Rated records of the synthetic data set that ``gradus quickstart`` trains on."""
    options = {"output": "-", "examples": examples, "seed": seed}
    lines, _ = _child.run(["data", "generate", *_child.flags(options)])
    return [json.loads(line) for line in lines.splitlines()]


def _given(bundle: Place | None) -> list[str]:
    return [] if bundle is None else [os.fspath(bundle)]


def _json(*command: str, **options: Any) -> Any:
    output, _ = _child.run([*command, "--json", *_child.flags(options)])
    return json.loads(output)
