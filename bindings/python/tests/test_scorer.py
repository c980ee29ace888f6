"""Scores in the process equal those of the command line to the bit."""

import concurrent.futures
import multiprocessing
import os
import pickle
import subprocess
import sys

import pytest

import gradus


def test_scores_equal_those_of_the_command_line(scorer, records, by_command):
    assert scorer.score(records) == by_command


def test_records_are_scored_in_chunks(scorer, records, by_command):
    # A chunk is 512 records.
    assert scorer.score(iter(records)) == by_command
    # In the first chunk, and in the last.
    for wrong in (4, 699):
        with pytest.raises(gradus.DataError) as raised:
            scorer.score([*records[:wrong], {"prompt": "p"}, *records[wrong:]])
        assert raised.value.record == wrong


def test_a_score_does_not_depend_on_what_is_scored_beside_it(scorer, records, by_command):
    for number in (0, 1, 350, 699):
        assert scorer.score([records[number]]) == [by_command[number]]


def test_tables_are_records(scorer, records, by_command):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.Table.from_pylist(records[:20])
    assert scorer.score(table) == by_command[:20]
    assert scorer.score(table.to_batches()[0]) == by_command[:20]


def test_frames_are_records(scorer, records, by_command):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(records[:20])
    frame["context"] = float("nan")
    assert scorer.score(frame) == by_command[:20]


def test_a_score_table_has_the_scores_in_columns(scorer, records, by_command):
    pyarrow = pytest.importorskip("pyarrow")
    from gradus.table import score_table

    table = score_table(scorer, pyarrow.Table.from_pylist(records[:20]))
    assert table["score"].to_pylist() == [record["score"] for record in by_command[:20]]
    spans = [[(s["start"], s["end"], s["score"]) for s in row] for row in table["scored_segments"].to_pylist()]
    assert spans == [[(s["start"], s["end"], s["score"]) for s in record["segments"]] for record in by_command[:20]]
    assert set(table["unscored"].to_pylist()) == {None}
    empty = score_table(scorer, pyarrow.Table.from_pylist([{"prompt": "p", "response": ""}]))
    assert (empty["score"].to_pylist(), empty["unscored"].to_pylist()) == ([None], ["empty"])
    again = score_table(scorer, table)
    assert again.column_names == table.column_names


def test_segments_and_response(scorer, records, by_command):
    record, scored = records[7], by_command[7]
    spans = [(s["start"], s["end"], s["score"]) for s in scored["segments"]]
    assert scorer.segments(record["prompt"], record["response"]) == spans
    assert scorer.response(record["prompt"], record["response"]) == scored["score"]
    (start, end, score), *_ = spans
    assert scorer.segments(record["prompt"], record["response"], spans=[(start, end)]) == [(start, end, score)]


def test_an_empty_response_has_no_score(scorer):
    (record,) = scorer.score([{"prompt": "Dan adds 1 to 7.", "response": " "}])
    assert (record["score"], record["unscored"]) == (None, "empty")


@pytest.mark.parametrize(
    ("records", "number", "field", "part"),
    [
        ([{"response": "a"}], 0, "prompt", "expected a text"),
        ([{"prompt": "p", "response": "a"}, {"prompt": 3, "response": "a"}], 1, "prompt", "the number 3"),
        ([{"prompt": "p", "response": "abc", "segments": [{"start": 0, "end": 9}]}], 0, "segments[0].end", "at most 3"),
        ([{"prompt": "p", "response": "a"}, 5], 1, None, "found int"),
        ([{"prompt": "p", "response": {1, 2}}], 0, None, "type set"),
    ],
)
def test_a_wrong_record_is_named(scorer, records, number, field, part):
    with pytest.raises(gradus.DataError) as raised:
        scorer.score(records)
    assert (raised.value.record, raised.value.field) == (number, field)
    assert part in str(raised.value)
    assert isinstance(pickle.loads(pickle.dumps(raised.value)), gradus.DataError)


@pytest.mark.parametrize("records", [{"prompt": "p", "response": "a"}, "text", 5, None])
def test_one_record_is_no_list(scorer, records):
    with pytest.raises(gradus.DataError, match="expected"):
        scorer.score(records)


def test_a_bundle_that_is_none_is_refused(tmp_path):
    with pytest.raises(gradus.GradusError, match="manifest"):
        gradus.Scorer(tmp_path)
    with pytest.raises(gradus.GradusError, match="abacus"):
        gradus.Scorer(tmp_path, "abacus")


def test_settings_are_those_of_the_command(bundle, scorer, records):
    low = gradus.Scorer(bundle, "cpu", aggregation="min")
    for record in low.score(records[:5]):
        assert record["score"] == min(s["score"] for s in record["segments"])
    with pytest.raises(gradus.GradusError, match="middle"):
        gradus.Scorer(bundle, "cpu", aggregation="middle")


def test_several_threads_score_at_once(scorer, records, by_command):
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        parts = threads.map(scorer.score, [records[first : first + 100] for first in range(0, 700, 100)])
        assert [record for part in parts for record in part] == by_command


def test_a_pickle_loads_the_bundle_again(scorer, records, by_command):
    assert pickle.loads(pickle.dumps(scorer)).score(records[:3]) == by_command[:3]


def _score_here(scorer, record, answers):
    answers.put(scorer.score([record]))


def test_a_spawned_process_scores(scorer, records, by_command):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_score_here, args=(scorer, records[0], answers))
    process.start()
    try:
        assert answers.get(timeout=300) == by_command[:1]
    finally:
        process.kill()
        process.join()


def test_a_forked_process_says_that_it_cannot_score(scorer, records):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of pytest may run on here.
        try:
            scorer.score(records[:1])
            os.write(writer, b"scored")
        except gradus.GradusError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as told:
        said = told.read()
    os.waitpid(child, 0)
    assert "forked after the scorer had been loaded" in said


MEMORY = """
import os, sys, gradus
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
scorer = gradus.Scorer(sys.argv[1], "cpu")
def score(calls):
    for _ in range(calls):
        scorer.segments("Dan adds 1 to 7, 6, 2.", "First: 8. Next: 7. Then: 3." * 8)
score(500)
before = resident()
score(int(sys.argv[2]))
print(resident() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads the memory of a process as Linux tells it")
def test_memory_stays_flat(bundle):
    # In a process of its own, which nothing else shares. Texts and scores of one call are more than a kilobyte; huge pages
    # come and go.
    calls = 10_000 if os.environ.get("GRADUS_TEST_SLOW") else 5_000
    arguments = [sys.executable, "-c", MEMORY, bundle, str(calls)]
    grown = subprocess.run(arguments, capture_output=True, text=True, timeout=900)
    assert grown.returncode == 0, grown.stderr
    assert int(grown.stdout) < 1_000 * calls
