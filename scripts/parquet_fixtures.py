#!/usr/bin/env python3
"""Writes the Parquet files of crates/data/tests/parquet/files with PyArrow, Polars, DuckDB and Spark.

Needs Python 3.11 with pyarrow, polars, duckdb and pyspark 3.5 (and Java 17):

    python3 -m venv venv && venv/bin/pip install pyarrow polars duckdb pyspark==3.5.5
    venv/bin/python scripts/parquet_fixtures.py

Every file has the same three records, in the shape its name says; `expected.jsonl` has them as JSONL. Those of other shapes
have their own; `pyarrow-groups.parquet` has thirteen records in seven row groups.
"""

import decimal
import json
import pathlib
import shutil
import sys
import tempfile

OUT = pathlib.Path(__file__).parent.parent / "crates/data/tests/parquet/files"

RECORDS = [
    {
        "id": "x1",
        "prompt": "What is 1 + 1?",
        "context": "Sums.",
        "response": "It is 2. Or 3.",
        "segments": [
            {"start": 0, "end": 8, "rating": 1.0},
            {"start": 9, "end": 14, "rating": 0.25},
        ],
        "meta": {"source": "a"},
        "year": 2024,
    },
    {
        "id": "x2",
        "prompt": "Where is Köln?",
        "context": None,
        "response": "Am Rhein 🌊. Ja.",
        "segments": [
            {"start": 0, "end": 11, "rating": None},
            {"start": 12, "end": 15, "rating": 0.75},
        ],
        "meta": {"source": "b"},
        "year": None,
    },
    {
        "id": "x3",
        "prompt": "Nothing?",
        "context": "",
        "response": "",
        "segments": [],
        "meta": {"source": "c"},
        "year": 2026,
    },
]

STEPWISE = [
    {"prompt": "p", "completions": ["step one", "step two"], "labels": [True, False]},
    {"prompt": "q", "completions": ["a", "b", "c"], "labels": [True, None, True]},
]


def with_text_meta():
    return [{**record, "meta": json.dumps(record["meta"])} for record in RECORDS]


def pyarrow():
    import pyarrow as pa
    import pyarrow.parquet as pq

    segment = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("rating", pa.float64())])

    def schema(text, integer=pa.int64(), lists=pa.list_, meta=pa.struct([("source", pa.string())])):
        return pa.schema(
            [
                ("id", text),
                ("prompt", text),
                ("context", text),
                ("response", text),
                ("segments", lists(segment)),
                ("meta", meta),
                ("year", integer),
            ]
        )

    def write(name, table, **options):
        pq.write_table(table, OUT / name, **options)

    plain = pa.Table.from_pylist(RECORDS, schema(pa.string()))
    write("pyarrow-zstd.parquet", plain, compression="zstd", row_group_size=2)
    write("pyarrow-none-plain.parquet", plain, compression="none", use_dictionary=False)
    write("pyarrow-gzip-v2.parquet", plain, compression="gzip", data_page_version="2.0")
    write("pyarrow-lz4.parquet", plain, compression="lz4")
    large = schema(pa.large_string(), lists=pa.large_list, meta=pa.string())
    write("pyarrow-large.parquet", pa.Table.from_pylist(with_text_meta(), large))
    view = schema(pa.string_view(), integer=pa.uint16())
    write("pyarrow-view.parquet", pa.Table.from_pylist(RECORDS, view))
    dictionary = plain.set_column(1, "prompt", plain["prompt"].dictionary_encode())
    write("pyarrow-dictionary.parquet", dictionary)
    delta = {name: "DELTA_BYTE_ARRAY" for name in ["id", "prompt"]} | {
        name: "DELTA_LENGTH_BYTE_ARRAY" for name in ["context", "response"]
    }
    delta |= {"year": "DELTA_BINARY_PACKED", "segments.list.element.rating": "BYTE_STREAM_SPLIT"}
    write("pyarrow-delta.parquet", plain, use_dictionary=False, column_encoding=delta)
    write("pyarrow-stepwise.parquet", pa.Table.from_pylist(STEPWISE))
    nothing = plain.set_column(2, "context", pa.nulls(3))
    write("pyarrow-null-column.parquet", nothing)
    fixed = pa.table({"prompt": ["p"], "segments": pa.array([["a", "b"]], pa.list_(pa.string(), 2)),
                      "ratings": pa.array([[0.5, 0.25]], pa.list_(pa.float32(), 2))})
    write("pyarrow-fixed-lists.parquet", fixed)
    aspects = pa.table({"prompt": ["p"], "response": ["ab"], "segments": pa.array(
        [[{"start": 0, "end": 1, "rating": {"fact": 1.0, "style": None}}, {"start": 1, "end": 2, "rating": {"fact": None, "style": 0.5}}]])})
    write("pyarrow-aspects.parquet", aspects)
    write("pyarrow-brotli.parquet", pa.table({"prompt": ["p"], "response": ["r"]}), compression="brotli")
    maps = pa.table({"prompt": ["p"], "response": ["ab"], "rating": pa.array([[("fact", 0.5), ("style", 1.0)]], pa.map_(pa.string(), pa.float64())),
                     "when": pa.array([1709210096789000], pa.timestamp("us", tz="UTC")), "day": pa.array([19782], pa.date32()),
                     "price": pa.array([decimal.Decimal("1.25")]), "half": pa.array([0.5], pa.float16())})
    write("pyarrow-types.parquet", maps)
    many = [{"id": f"x{k}", "prompt": f"What is {k} + 1?", "response": f"It is {k + 1}. Or {k}."} for k in range(13)]
    write("pyarrow-groups.parquet", pa.Table.from_pylist(many), row_group_size=2)


def polars():
    import polars as pl

    frame = pl.DataFrame(RECORDS, schema_overrides={"year": pl.Int32})
    frame.write_parquet(OUT / "polars-zstd.parquet")
    frame.with_columns(pl.col("prompt").cast(pl.Categorical)).write_parquet(
        OUT / "polars-snappy-categorical.parquet", compression="snappy", row_group_size=1
    )


def duckdb():
    import duckdb

    with tempfile.TemporaryDirectory() as directory:
        lines = pathlib.Path(directory) / "records.jsonl"
        lines.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
        read = f"SELECT * FROM read_json('{lines}', columns={{id: 'VARCHAR', prompt: 'VARCHAR', context: 'VARCHAR', response: 'VARCHAR', segments: 'STRUCT(\"start\" BIGINT, \"end\" BIGINT, rating DOUBLE)[]', meta: 'JSON', year: 'INTEGER'}})"
        duckdb.sql(f"COPY ({read}) TO '{OUT}/duckdb-snappy.parquet' (FORMAT parquet)")
        duckdb.sql(
            f"COPY ({read}) TO '{OUT}/duckdb-zstd-v2.parquet' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"
        )
        literal = "SELECT 'p' AS prompt, ['a', 'b'] AS segments, [0.7, 0.25] AS ratings"
        duckdb.sql(f"COPY ({literal}) TO '{OUT}/duckdb-decimal.parquet' (FORMAT parquet)")


def spark():
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    schema = (
        "id string, prompt string, context string, response string,"
        " segments array<struct<start: bigint, end: bigint, rating: double>>, meta struct<source: string>, year int"
    )
    frame = session.createDataFrame(RECORDS, schema).coalesce(1)
    legacy = {"spark.sql.parquet.writeLegacyFormat": "true"}
    for name, options in [("spark-snappy", {}), ("spark-legacy", legacy)]:
        for key, value in options.items():
            session.conf.set(key, value)
        with tempfile.TemporaryDirectory() as directory:
            frame.write.mode("overwrite").parquet(directory)
            (part,) = pathlib.Path(directory).glob("part-*.parquet")
            shutil.copy(part, OUT / f"{name}.parquet")
    session.stop()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS)
    (OUT / "expected.jsonl").write_text("".join(lines))
    for writer in sys.argv[1:] or ["pyarrow", "polars", "duckdb", "spark"]:
        globals()[writer]()


if __name__ == "__main__":
    main()
