"""Scoring on Spark: ``frame.mapInArrow(gradus.spark.scoring("my-bundle"), gradus.spark.schema(frame.schema))``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .scorer import Scorer
from .table import ADDED, score_table


def scoring(path: str, threads: int = 1, **settings: Any) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A function for ``DataFrame.mapInArrow`` that adds the scores; each worker loads the bundle once a partition.

    Parameters
    ----------
    path : str
        Directory of the bundle, readable on every node, or its URL: see `gradus.Scorer`.
    threads : int
        CPU threads of a worker: give ``spark.task.cpus`` the same number.
    **settings
        As for `gradus.Scorer`.
    """

    def score(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow

        scorer = Scorer(path, threads=threads, **settings)
        for batch in batches:
            yield from score_table(scorer, pyarrow.Table.from_batches([batch])).to_batches()

    return score


def schema(given: Any) -> Any:
    """The schema of a frame with the columns of scores added."""
    from pyspark.sql.types import ArrayType, DoubleType, LongType, StringType, StructField, StructType

    segment = StructType(
        [
            StructField("start", LongType()),
            StructField("end", LongType()),
            StructField("score", DoubleType()),
            StructField("unscored", StringType()),
        ]
    )
    kinds = {"scored_segments": ArrayType(segment), "score": DoubleType(), "unscored": StringType()}
    kept = [field for field in given.fields if field.name not in ADDED]
    return StructType(kept + [StructField(name, kinds[name]) for name in ADDED])
