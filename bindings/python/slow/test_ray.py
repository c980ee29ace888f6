"""A real Ray cluster of two node processes on this machine, one of which is killed in the middle.

`GRADUS_TEST_RECORDS` is the number of records (default: 20,000).
"""

import json
import os
import subprocess
import sys
import time

import pyarrow
import pyarrow.parquet
import pytest
import ray
import ray.data
from ray.cluster_utils import Cluster

import gradus
import gradus.ray

RECORDS = int(os.environ.get("GRADUS_TEST_RECORDS", "20000"))


def record(number):
    return {
        "id": f"r{number}",
        "prompt": f"Dan adds {number % 9} to 7, 6, 2.",
        "response": f"First: {number % 17}. Next: {number % 13}. Then: {number}.",
    }


@pytest.fixture(scope="module")
def bundle():
    return os.environ["GRADUS_TEST_BUNDLE"]


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    place = tmp_path_factory.mktemp("records")
    size = RECORDS // 40
    for part in range(40):
        table = pyarrow.Table.from_pylist([record(number) for number in range(part * size, (part + 1) * size)])
        pyarrow.parquet.write_table(table, place / f"{part:02}.parquet")
    return place


@pytest.fixture(scope="module")
def expected(bundle, tmp_path_factory):
    """What `gradus score` gives for them, by id."""
    place = tmp_path_factory.mktemp("command")
    given, scored = place / "records.jsonl", place / "scored.jsonl"
    given.write_text("".join(json.dumps(record(number)) + "\n" for number in range(RECORDS)))
    arguments = [sys.executable, "-m", "gradus", "score", bundle, str(given), "--device", "cpu", "-o", str(scored)]
    subprocess.run(arguments, check=True, timeout=3600)
    found = map(json.loads, scored.read_text().splitlines())
    return {one["id"]: (one["score"], [(s["start"], s["end"], s["score"]) for s in one["segments"]]) for one in found}


@pytest.fixture
def cluster():
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 200 * 2**20})
    try:
        second = made.add_node(num_cpus=2, object_store_memory=200 * 2**20)
        made.wait_for_nodes()
        ray.init(address=made.address)
        assert len([node for node in ray.nodes() if node["Alive"]]) == 2
        yield made, second
    finally:
        ray.shutdown()
        made.shutdown()


def test_a_node_that_is_killed_loses_and_doubles_nothing(bundle, parquet, expected, cluster):
    made, second = cluster
    # A block a file: Ray would put files as small as these into one, which one worker would score.
    scored = ray.data.read_parquet(str(parquet), override_num_blocks=40).map_batches(
        gradus.ray.Scoring,
        fn_constructor_args=[bundle],
        fn_constructor_kwargs={"device": "cpu"},
        batch_format="pyarrow",
        batch_size=256,
        num_cpus=1,
        concurrency=2,
    )
    found, killed = [], False
    for batch in scored.iter_batches(batch_format="pyarrow", batch_size=256):
        found += batch.to_pylist()
        if not killed:
            made.remove_node(second, allow_graceful=False)
            killed = True
            assert len(found) < RECORDS
    while len([node for node in ray.nodes() if node["Alive"]]) > 1:
        time.sleep(0.1)
    assert len(found) == RECORDS
    by_id = {
        row["id"]: (row["score"], [(s["start"], s["end"], s["score"]) for s in row["scored_segments"]]) for row in found
    }
    assert by_id == expected
