"""The bundle that the tests score with: that of ``gradus quickstart``, in ``GRADUS_TEST_BUNDLE``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gradus


@pytest.fixture(scope="session")
def bundle() -> str:
    path = os.environ.get("GRADUS_TEST_BUNDLE")
    if not path:
        pytest.fail("GRADUS_TEST_BUNDLE: found nothing, expected the directory of a quickstart bundle")
    return path


@pytest.fixture(scope="session")
def scorer(bundle: str) -> gradus.Scorer:
    return gradus.Scorer(bundle, "cpu")


RECORDS = [
    {
        "id": f"r{number}",
        "prompt": f"Dan adds {number} to 7, 6, 2.",
        "response": f"First: {7 + number}. Next: {6 + number}. Then: 3." + " Then: 4." * (number % 5),
        "meta": {"number": number},
    }
    for number in range(700)
]


@pytest.fixture(scope="session")
def records() -> list[dict]:
    return RECORDS


def command(*arguments: str) -> subprocess.CompletedProcess:
    """The command line of the wheel."""
    return subprocess.run([sys.executable, "-m", "gradus", *arguments], capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="session")
def by_command(bundle: str, records: list[dict], tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """The records as ``gradus score`` scores them."""
    directory: Path = tmp_path_factory.mktemp("command")
    given = directory / "records.jsonl"
    given.write_text("".join(json.dumps(record) + "\n" for record in records))
    done = command("score", bundle, str(given), "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
