"""Scoring on a Ray cluster: ``ray.data.read_parquet(…).map_batches(gradus.ray.Scoring, …)``."""

from __future__ import annotations

from typing import Any

from .scorer import Scorer
from .table import score_table


class Scoring:
    """A bundle in each worker process, for ``map_batches`` with ``batch_format="pyarrow"``.

    Parameters
    ----------
    path : str
        Directory of the bundle, readable on every node, or its URL: see `gradus.Scorer`.
    threads : int
        CPU threads of a worker: give ``map_batches`` the same number as ``num_cpus``.
    **settings
        As for `gradus.Scorer`.

    Examples
    --------
    >>> import ray, gradus.ray                                       # doctest: +SKIP
    >>> ray.data.read_parquet("in/").map_batches(                    # doctest: +SKIP
    ...     gradus.ray.Scoring, fn_constructor_args=["my-bundle"], batch_format="pyarrow", num_cpus=1, concurrency=4
    ... ).write_parquet("out/")
    """

    def __init__(self, path: str, threads: int = 1, **settings: Any) -> None:
        self._scorer = Scorer(path, threads=threads, **settings)

    def __call__(self, batch: Any) -> Any:
        return score_table(self._scorer, batch)
