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
    dataset = datasets.Dataset.from_list(RECORDS)
    assert scorer.score(dataset) == expected
    # Rows that lie in another order than their files.
    chosen = dataset.select([7, 3, 19])
    assert scorer.score(chosen) == [expected[row] for row in (7, 3, 19)]
    assert pyarrow.table(scorer.scores(chosen))["score"].to_pylist() == [expected[row]["score"] for row in (7, 3, 19)]


def test_polars(scorer, expected):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(RECORDS)
    assert scorer.score(frame) == expected
    assert scorer.score(frame.with_columns(polars.col("response").cast(polars.Categorical))) == expected
    assert scorer.score(polars.concat([frame[:7], frame[7:]], rechunk=False)) == expected
    assert scorer.score(frame[5:9]) == expected[5:9]
    scores = polars.DataFrame(scorer.scores(frame))
    assert scores["score"].to_list() == [record["score"] for record in expected]
    assert scores["scored_segments"].to_list()[3] == [
        {"start": s["start"], "end": s["end"], "score": s["score"], "unscored": None} for s in expected[3]["segments"]
    ]


def test_columns_of_more_rows_than_a_batch_has(scorer):
    prompts = pyarrow.DictionaryArray.from_arrays([0] * 70_000, ["Dan adds 1 to 7."])
    responses = [f"{row % 97}." for row in range(70_000)]
    table = pyarrow.table(scorer.scores(pyarrow.table({"prompt": prompts, "response": responses})))
    table.validate(full=True)
    assert len(table) == 70_000
    one = scorer.scores([{"prompt": "Dan adds 1 to 7.", "response": response} for response in responses[:97]])
    scores = pyarrow.table(one)["score"].to_pylist()
    assert table["score"].to_pylist() == [scores[row % 97] for row in range(70_000)]
    assert table["scored_segments"].to_pylist()[65_600] == pyarrow.table(one)["scored_segments"].to_pylist()[65_600 % 97]


def test_a_stream_of_batches(scorer, expected):
    table = pyarrow.Table.from_pylist(RECORDS)
    reader = pyarrow.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=7))
    assert scorer.score(reader) == expected
