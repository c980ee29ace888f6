"""A real Ray cluster of two node processes on this machine, one of which is killed in the middle.

`GRADUS_TEST_RECORDS` is the number of records (default: 200,000). The bundle comes by URL, as on machines that share no disk.
"""

import functools
import http.server
import os
import subprocess
import sys
import threading
import time

import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pytest
import ray
import ray.data
from ray.cluster_utils import Cluster

import gradus.ray

RECORDS = int(os.environ.get("GRADUS_TEST_RECORDS", "200000"))
FILES = 40


def marked():
    """A class that notes which node has scored a batch; workers cannot import it from this file."""

    class Marked(gradus.ray.Scoring):
        def __call__(self, batch):
            node = ray.get_runtime_context().get_node_id()
            return super().__call__(batch).append_column("node", [[node] * len(batch)])

    return Marked


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    place = tmp_path_factory.mktemp("records")
    size = RECORDS // FILES
    for part in range(FILES):
        numbers = range(part * size, (part + 1) * size)
        table = pyarrow.table(
            {
                "id": [f"r{number}" for number in numbers],
                "prompt": [f"Dan adds {number % 9} to 7, 6, 2." for number in numbers],
                "response": [f"First: {number % 17}. Next: {number % 13}. Then: {number}." for number in numbers],
            }
        )
        pyarrow.parquet.write_table(table, place / f"{part:02}.parquet")
    return place


def columns(table, segments):
    """Ids, scores and segments in the order of the ids."""
    parts = pyarrow.compute.list_flatten(table[segments]).combine_chunks()
    spans = pyarrow.table({key: parts.field(key) for key in ("start", "end", "score")})
    counts = pyarrow.compute.list_value_length(table[segments])
    rows = pyarrow.compute.list_parent_indices(table[segments])
    order = pyarrow.compute.sort_indices(table["id"])
    place = pyarrow.compute.sort_indices(order)
    by_row = spans.append_column("row", place.take(rows)).append_column("place", pyarrow.array(range(len(spans))))
    by_row = by_row.sort_by([("row", "ascending"), ("place", "ascending")]).drop_columns(["place"])
    whole = pyarrow.table({"id": table["id"], "score": table["score"], "segments": counts}).take(order)
    return whole.combine_chunks(), by_row.combine_chunks()


@pytest.fixture(scope="module")
def expected(parquet, tmp_path_factory):
    """What `gradus score` gives for them."""
    scored = tmp_path_factory.mktemp("command") / "scored"
    arguments = [sys.executable, "-m", "gradus", "score", os.environ["GRADUS_TEST_BUNDLE"], str(parquet), "--device", "cpu"]
    begun = time.perf_counter()
    subprocess.run([*arguments, "-o", f"{scored}/"], check=True, timeout=7200)
    print(f"gradus score: {RECORDS / (time.perf_counter() - begun):.0f} records/s in one process")
    return columns(pyarrow.parquet.read_table(sorted(scored.glob("*.parquet"))), "segments")


@pytest.fixture
def url():
    """The bundle behind HTTP."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=os.environ["GRADUS_TEST_BUNDLE"])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Two nodes, each with room for one worker that scores."""
    monkeypatch.setenv("GRADUS_BUNDLE_CACHE", str(tmp_path / "bundles"))
    node = {"object_store_memory": 200 * 2**20, "resources": {"scorer": 1}}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 3, **node})
    try:
        second = made.add_node(num_cpus=2, **node)
        made.wait_for_nodes()
        ray.init(address=made.address)
        # Where two workers are asked for, two begin.
        ray.data.DataContext.get_current().wait_for_min_actors_s = 600
        head = ray.get_runtime_context().get_node_id()
        (other,) = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeID"] != head]
        yield made, second, other
    finally:
        ray.shutdown()
        made.shutdown()


def test_a_node_that_is_killed_loses_and_doubles_nothing(url, parquet, expected, cluster):
    made, second, other = cluster
    # Ray reads small files as one block, which one worker would score.
    records = ray.data.read_parquet(str(parquet)).repartition(target_num_rows_per_block=RECORDS // FILES)
    scored = records.map_batches(
        marked(),
        fn_constructor_args=[url],
        fn_constructor_kwargs={"device": "cpu"},
        batch_format="pyarrow",
        batch_size=1024,
        num_cpus=1,
        resources={"scorer": 1},
        concurrency=2,
    )
    found, nodes, killed, count = [], set(), None, 0
    begun = time.perf_counter()
    for batch in scored.iter_batches(batch_format="pyarrow", batch_size=1024):
        found.append(batch)
        count += len(batch)
        nodes |= set(batch["node"].to_pylist())
        # Both have scored, and not all is done.
        if killed is None and other in nodes and len(nodes) == 2 and count >= RECORDS // 4:
            made.remove_node(second, allow_graceful=False)
            killed = count
    taken = time.perf_counter() - begun
    assert killed is not None and killed < RECORDS, nodes
    print(f"Ray, two nodes, one killed after {killed} records: {RECORDS / taken:.0f} records/s")
    while len([node for node in ray.nodes() if node["Alive"]]) > 1:
        time.sleep(0.1)
    table = pyarrow.concat_tables(found)
    assert len(table) == RECORDS
    for ours, theirs in zip(columns(table, "scored_segments"), expected, strict=True):
        assert ours == theirs
