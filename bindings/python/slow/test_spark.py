"""A real Spark with two worker processes on this machine; needs Java 17."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

import gradus
import gradus.spark

pyspark = pytest.importorskip("pyspark")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java", allow_module_level=True)

from pyspark.sql import SparkSession  # noqa: E402


@pytest.fixture
def spark(monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    session = SparkSession.builder.master("local-cluster[2,1,1024]").appName("gradus").getOrCreate()
    yield session
    session.stop()


def test_spark_gives_the_scores_of_one_process(spark, tmp_path):
    bundle = os.environ["GRADUS_TEST_BUNDLE"]
    records = [
        {"id": f"r{number}", "prompt": f"Dan adds {number % 9} to 7, 6.", "response": f"First: {number}. Next: 3."}
        for number in range(2000)
    ]
    file = tmp_path / "records.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    frame = spark.read.json(str(file)).repartition(4)
    scored = frame.mapInArrow(
        # The bundle by URL, which each worker opens for itself.
        gradus.spark.scoring(Path(bundle).absolute().as_uri(), device="cpu"),
        gradus.spark.schema(frame.schema),
    ).collect()
    found = {
        row["id"]: (row["score"], [(s["start"], s["end"], s["score"]) for s in row["scored_segments"]]) for row in scored
    }
    expected = {
        one["id"]: (one["score"], [(s["start"], s["end"], s["score"]) for s in one["segments"]])
        for one in gradus.Scorer(bundle, "cpu").score(records)
    }
    assert len(scored) == len(records)
    assert found == expected
