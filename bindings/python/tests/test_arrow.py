"""Tables through Arrow's C interface are scored as the same records as dicts are, to the bit."""

import json
import math
import os
import subprocess
import sys

import pytest
from conftest import command

import gradus
from gradus.table import score_table

pyarrow = pytest.importorskip("pyarrow")

#: Texts of every width in bytes, short ones (which a view holds itself) and long ones, and everything that may be absent.
RECORDS = [
    {
        "id": f"r{number}",
        "prompt": f"Dan adds {number} to 7, 6, 2." + " Größe 値 🙂." * (number % 4),
        "response": f"First: {7 + number}. Næst: {6 + number}. Then: 3." + " Then: 4." * (number % 5),
        **({"context": f"context {number}"} if number % 3 == 0 else {}),
    }
    for number in range(60)
]
#: A response that is cut already, with ratings of which some are missing.
CUT = [
    {
        "id": str(number),
        "prompt": "Dan adds 1 to 7, 6.",
        "response": "First: 8. Next: 7. Then: 3.",
        "segments": [
            {"start": 0, "end": 9, "rating": 0.25 * number},
            *([{"start": 10, "end": 18}] if number % 2 else []),
            {"start": 19, "end": 27, "rating": 1.0},
        ],
        "meta": {"source": f"s{number}", "tags": ["a", "b"][: number % 3]},
    }
    for number in range(9)
]


def text_columns(table, kind):
    """The table with its texts in another type."""
    fields = [field.with_type(kind) if field.type == pyarrow.string() else field for field in table.schema]
    return table.cast(pyarrow.schema(fields))


TABLE = pyarrow.Table.from_pylist(RECORDS, pyarrow.schema([(key, pyarrow.string()) for key in RECORDS[0]]))
FORMS = {
    "table": lambda: TABLE,
    "record batch": lambda: TABLE.to_batches()[0],
    "chunks": lambda: pyarrow.Table.from_batches(TABLE.to_batches(max_chunksize=7)),
    "reader": lambda: pyarrow.RecordBatchReader.from_batches(TABLE.schema, iter(TABLE.to_batches(max_chunksize=11))),
    "large texts": lambda: text_columns(TABLE, pyarrow.large_string()),
    "views": lambda: text_columns(TABLE, pyarrow.string_view()),
    "views in chunks": lambda: pyarrow.Table.from_batches(
        text_columns(TABLE, pyarrow.string_view()).to_batches(max_chunksize=7)
    ),
    "dictionaries": lambda: text_columns(TABLE, pyarrow.dictionary(pyarrow.int32(), pyarrow.string())),
    "small dictionaries": lambda: text_columns(TABLE, pyarrow.dictionary(pyarrow.uint8(), pyarrow.large_string())),
    "struct array": lambda: TABLE.to_struct_array().chunk(0),
    "other columns": lambda: TABLE.append_column("extra", [[b"bytes"] * len(RECORDS)]),
}


@pytest.fixture(scope="module")
def expected(scorer):
    return scorer.score(RECORDS)


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_scored_as_its_records(scorer, expected, form):
    assert scorer.score(FORMS[form]()) == expected


@pytest.mark.parametrize("form", set(FORMS) - {"reader"})
@pytest.mark.parametrize(("start", "length"), [(0, 1), (1, 8), (13, 40), (59, 1), (20, 0)])
def test_slices(scorer, expected, form, start, length):
    table = FORMS[form]().slice(start, length)
    assert scorer.score(table) == expected[start : start + length]
    assert scores_of(scorer.scores(table)) == [one["score"] for one in expected[start : start + length]]


def scores_of(scores):
    return pyarrow.table(scores)["score"].to_pylist()


def test_only_the_array_interface_is_enough(scorer, expected):
    class OneBatch:
        def __arrow_c_array__(self, requested_schema=None):
            return TABLE.to_batches()[0].__arrow_c_array__(requested_schema)

    assert scorer.score(OneBatch()) == expected


ITEM = pyarrow.struct([("start", pyarrow.int64()), ("end", pyarrow.int32()), ("rating", pyarrow.float64())])


@pytest.mark.parametrize(
    "segments",
    [
        pyarrow.list_(ITEM),
        pyarrow.large_list(ITEM),
        pyarrow.list_view(ITEM),
        pyarrow.large_list_view(ITEM),
        pyarrow.list_(pyarrow.struct([("start", pyarrow.uint8()), ("end", pyarrow.uint64()), ("rating", pyarrow.float32())])),
    ],
)
@pytest.mark.parametrize("meta", [pyarrow.struct([("source", pyarrow.string()), ("tags", pyarrow.list_(pyarrow.string()))]), None])
def test_segments_and_meta(scorer, segments, meta):
    columns = {key: [record[key] for record in CUT] for key in CUT[0]}
    arrays = {key: pyarrow.array(columns[key]) for key in ("id", "prompt", "response")}
    arrays["segments"] = pyarrow.array(columns["segments"], segments)
    # `meta` may be a text of JSON, as `gradus data convert` writes it.
    arrays["meta"] = pyarrow.array(columns["meta"], meta) if meta else pyarrow.array(map(json.dumps, columns["meta"]))
    table = pyarrow.table(arrays)
    scored = scorer.score(CUT)
    for record in scored:
        for segment in record["segments"]:
            assert math.isfinite(segment["score"])
    assert scorer.score(table) == scored
    assert scorer.score(table.slice(2, 5)) == scored[2:7]
    assert scorer.score(pyarrow.Table.from_batches(table.to_batches(max_chunksize=2))) == scored


def test_a_list_of_fixed_size_and_a_map(scorer):
    records = [
        {"id": f"{n}", "prompt": "p", "completions": [f"First: {n}.", "Next: 3."], "labels": [True, None], "meta": {"k": n}}
        for n in range(5)
    ]
    table = pyarrow.table(
        {
            "id": [record["id"] for record in records],
            "prompt": ["p"] * 5,
            "completions": pyarrow.array([record["completions"] for record in records], pyarrow.list_(pyarrow.string(), 2)),
            "labels": pyarrow.array([record["labels"] for record in records], pyarrow.list_(pyarrow.bool_(), 2)),
            "meta": pyarrow.array(
                [list(record["meta"].items()) for record in records], pyarrow.map_(pyarrow.string(), pyarrow.int64())
            ),
        }
    )
    assert scorer.score(table) == scorer.score(records)
    assert scorer.score(table.slice(1, 3)) == scorer.score(records[1:4])


def test_the_values_of_lists_may_be_a_slice(scorer):
    """The array inside begins in the middle of its buffers, as that of a table that another library has cut."""
    records = CUT[3:6]
    flat = [segment for record in CUT[2:6] for segment in record["segments"]]
    first = len(CUT[2]["segments"])
    offsets = [0]
    for record in records:
        offsets.append(offsets[-1] + len(record["segments"]))
    segments = pyarrow.ListArray.from_arrays(offsets, pyarrow.array(flat, ITEM).slice(first))
    assert segments.values.offset == first
    columns = {key: [record[key] for record in records] for key in ("id", "prompt", "response", "meta")}
    table = pyarrow.table({**columns, "segments": segments})
    assert scorer.score(table) == scorer.score(records)
    assert scorer.score(table.slice(2)) == scorer.score(records[2:])


def test_texts_of_every_length(scorer):
    # A view holds texts of up to 12 bytes itself.
    records = [{"id": str(n), "prompt": "pqrstuvwxyz0123456789"[:n], "response": "123456789012345678"[:n] + "."} for n in range(18)]
    table = text_columns(pyarrow.Table.from_pylist(records), pyarrow.string_view())
    assert scorer.score(table) == scorer.score(records)


def test_a_table_is_scored_as_its_parquet_file(scorer, bundle, tmp_path):
    table = pyarrow.Table.from_pylist([{**record, "context": record.get("context")} for record in RECORDS])
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(table, tmp_path / "records.parquet")
    arguments = ["score", bundle, str(tmp_path / "records.parquet"), "-o", str(tmp_path / "scored.jsonl"), "--device", "cpu"]
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    assert scorer.score(table) == [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]


def test_scores_are_columns_of_arrow(scorer, expected):
    scores = scorer.scores(TABLE)
    assert len(scores) == len(RECORDS)
    table = pyarrow.table(scores)
    table.validate(full=True)
    assert table.column_names == ["scored_segments", "score", "unscored"]
    assert table["score"].to_pylist() == [record["score"] for record in expected]
    spans = [[(s["start"], s["end"], s["score"]) for s in row] for row in table["scored_segments"].to_pylist()]
    assert spans == [[(s["start"], s["end"], s["score"]) for s in record["segments"]] for record in expected]
    # Records of another kind come out alike, and columns may be taken as often as needed, without a copy.
    assert pyarrow.table(scorer.scores(RECORDS)) == table
    again = pyarrow.table(scores)
    places = [[buffer.address for buffer in one["score"].chunk(0).buffers() if buffer] for one in (table, again)]
    assert places[0] == places[1]
    assert scores_of(scorer.scores([])) == []


def test_what_has_no_score_is_null_with_its_reason(bundle: str):
    # Longer than the model reads: cut, not read in windows.
    scorer = gradus.Scorer(bundle, "cpu", stride="none")
    long = "First: 8. " * 200
    records = [{"prompt": "p", "response": " "}, {"prompt": "p", "response": long}, {"prompt": "p", "response": "a. b."}]
    table = pyarrow.table(scorer.scores(pyarrow.Table.from_pylist(records)))
    scored = scorer.score(records)
    assert table["unscored"].to_pylist() == [record.get("unscored") for record in scored] == ["empty", None, None]
    assert table["score"].to_pylist() == [record["score"] for record in scored]
    found = [(s["score"], s["unscored"]) for s in table["scored_segments"].to_pylist()[1]]
    assert found == [(s["score"], s.get("unscored")) for s in scored[1]["segments"]]
    assert (None, "truncated") in found


def test_scores_of_several_aspects_are_structs(tmp_path):
    records = gradus.generate(40)
    for record in records:
        for segment in record["segments"]:
            segment["rating"] = {"right": segment["rating"], "tone": 0.5}
    file = tmp_path / "rated.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    done = gradus.train(
        train=str(file),
        valid=str(file),
        output=str(tmp_path / "bundle"),
        device="cpu",
        scratch={"d_model": 16, "num_layers": 1, "num_heads": 2, "d_ff": 32},
        training={"epochs": 1},
    )
    scorer = gradus.Scorer(done.bundle, "cpu")
    given = [{key: record[key] for key in ("id", "prompt", "response")} for record in records]
    given.append({"id": "none", "prompt": "p", "response": ""})
    scored = scorer.score(given)
    table = pyarrow.table(scorer.scores(pyarrow.Table.from_pylist(given)))
    table.validate(full=True)
    assert set(scored[0]["score"]) == {"right", "tone"}
    assert table["score"].to_pylist() == [record["score"] for record in scored]
    assert [[s["score"] for s in row] for row in table["scored_segments"].to_pylist()] == [
        [segment["score"] for segment in record["segments"]] for record in scored
    ]


def test_a_table_with_scores_keeps_its_other_columns(scorer, expected):
    table = score_table(scorer, FORMS["other columns"]())
    assert table.column_names == [*TABLE.column_names, "extra", "scored_segments", "score", "unscored"]
    assert table["score"].to_pylist() == [record["score"] for record in expected]
    buffers = [one["response"].chunk(0).buffers()[2].address for one in (table, TABLE)]
    assert buffers[0] == buffers[1]
    assert score_table(scorer, table) == table


@pytest.mark.parametrize(
    ("columns", "number", "field", "part"),
    [
        ({"prompt": ["p", "p"], "response": ["a", None]}, 1, "response", "missing"),
        ({"prompt": [1, 3], "response": ["a", "a"]}, 0, "prompt", "the number 1"),
        ({"prompt": ["p"], "response": ["abc"], "segments": [[{"start": 0, "end": 9}]]}, 0, "segments[0].end", "at most 3"),
        (
            {"prompt": ["p"], "response": ["abc"], "segments": [[{"start": 0, "end": 1, "rating": math.nan}]]},
            0,
            "segments[0].rating",
            "found NaN",
        ),
        ({"prompt": ["p"], "response": ["abc"], "meta": ['{"a":']}, 0, "meta", "JSON"),
        ({"prompt": ["p"], "response": [b"abc"]}, None, None, "column `response`: found Binary"),
    ],
)
def test_a_wrong_row_is_named(scorer, columns, number, field, part):
    with pytest.raises(gradus.DataError) as raised:
        scorer.score(pyarrow.table(columns))
    assert (raised.value.record, raised.value.field) == (number, field)
    assert part in str(raised.value)


def test_a_wrong_row_beyond_the_first_chunk_is_named(scorer):
    rows = [{"prompt": "p", "response": "a."}] * 1200 + [{"prompt": None, "response": "a."}]
    table = pyarrow.Table.from_batches(pyarrow.Table.from_pylist(rows).to_batches(max_chunksize=500))
    with pytest.raises(gradus.DataError) as raised:
        scorer.score(table)
    assert (raised.value.record, raised.value.field) == (1200, "prompt")


def test_what_is_no_table_is_refused(scorer):
    with pytest.raises(gradus.DataError, match="found twice"):
        scorer.score(pyarrow.table([pyarrow.array(["p"]), pyarrow.array(["q"])], names=["prompt", "prompt"]))
    with pytest.raises(gradus.DataError, match="null"):
        rows = pyarrow.array([{"prompt": "p", "response": "a"}, None])
        scorer.score(rows)
    with pytest.raises(gradus.DataError):
        scorer.score(pyarrow.chunked_array([["a", "b"]]))

    def batches():
        yield TABLE.to_batches()[0]
        raise OSError("the disk has gone")

    with pytest.raises(gradus.DataError, match="the disk has gone"):
        scorer.score(pyarrow.RecordBatchReader.from_batches(TABLE.schema, batches()))
    stream = TABLE.to_reader()
    assert len(scorer.score(stream)) == len(RECORDS)
    assert scorer.score(stream) == []


def test_frames_of_arrow_are_read_in_place(scorer, expected):
    pandas = pytest.importorskip("pandas")
    from gradus._records import source

    frame = TABLE.to_pandas(types_mapper=pandas.ArrowDtype)
    assert hasattr(source(frame), "__arrow_c_stream__")
    assert scorer.score(frame) == expected
    assert scores_of(scorer.scores(frame[10:20])) == [record["score"] for record in expected[10:20]]
    # Columns of Python's objects become JSON first.
    objects = pandas.DataFrame(CUT)
    assert not hasattr(source(objects), "__arrow_c_stream__")
    assert scores_of(scorer.scores(objects)) == [record["score"] for record in scorer.score(CUT)]


MEMORY = """
import os, sys, gradus, pyarrow
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
scorer = gradus.Scorer(sys.argv[1], "cpu")
table = pyarrow.Table.from_pylist([{"prompt": "p" * 1000, "response": "First: 8."}] * 4)
def score(calls):
    for _ in range(calls):
        scores = scorer.scores(table)
        scores.__arrow_c_stream__()
        pyarrow.table(scores)
score(200)
before = resident()
score(int(sys.argv[2]))
print(resident() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads the memory of a process as Linux tells it")
def test_memory_of_tables_stays_flat(bundle):
    # A table is more than four kilobytes.
    calls = 1_500
    arguments = [sys.executable, "-c", MEMORY, bundle, str(calls)]
    grown = subprocess.run(arguments, capture_output=True, text=True, timeout=900)
    assert grown.returncode == 0, grown.stderr
    assert int(grown.stdout) < 2_000 * calls
