"""Tables of Polars and of Hugging Face, and a stream of Arrow batches."""

import os

import pyarrow
import pytest

import gradus

RECORDS = [
    {"id": f"r{number}", "prompt": f"Dan adds {number} to 7.", "response": f"First: {number}. Next: 7.", "other": 1.5}
    for number in range(20)
]


@pytest.fixture(scope="module")
def scorer():
    return gradus.Scorer(os.environ["GRADUS_TEST_BUNDLE"], "cpu")


@pytest.fixture(scope="module")
def expected(scorer):
    return scorer.score([{key: record[key] for key in ("id", "prompt", "response")} for record in RECORDS])


def test_hugging_face(scorer, expected):
    datasets = pytest.importorskip("datasets")
    assert scorer.score(datasets.Dataset.from_list(RECORDS)) == expected


def test_polars(scorer, expected):
    polars = pytest.importorskip("polars")
    assert scorer.score(polars.DataFrame(RECORDS)) == expected


def test_a_stream_of_batches(scorer, expected):
    table = pyarrow.Table.from_pylist(RECORDS)
    reader = pyarrow.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=7))
    assert scorer.score(reader) == expected
