"""The Python code of the documents, run as it stands there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gradus

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(name: str) -> list[str]:
    return BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))


def test_the_documents_have_code():
    assert len(blocks("docs/python.md")) >= 3
    assert len(blocks("bindings/python/README.md")) >= 1


@pytest.fixture
def place(bundle, tmp_path):
    """A folder with the files that the documents name."""
    shutil.copytree(bundle, tmp_path / "my-bundle")
    rated = "".join(json.dumps(record) + "\n" for record in gradus.generate(40))
    for name in ("train.jsonl", "valid.jsonl", "test.jsonl"):
        (tmp_path / name).write_text(rated)
    (tmp_path / "run.toml").write_text(
        'train = "train.jsonl"\nvalid = "valid.jsonl"\n[scratch]\nd_model = 16\nnum_layers = 1\nnum_heads = 2\nd_ff = 32\n'
    )
    return tmp_path


BEFORE = """
prompt, response = "Dan adds 1 to 7, 6.", "First: 8. Next: 7."
tokens = ["First", ":", " 8", ".", " Next", ":", " 7", "."]
records = [{"prompt": "p", "response": "a. b."}]
"""


@pytest.mark.parametrize(("name", "after"), [("docs/python.md", "assert len(evaluation.rows()) > 0"), ("bindings/python/README.md", "")])
def test_the_code_of_a_document_runs(place, name, after):
    # What needs a cluster is left out. In a process of its own, since all scorers of a process share their threads.
    code = [block for block in blocks(name) if "import ray" not in block]
    program = "\n".join([BEFORE, *code, after])
    done = subprocess.run([sys.executable, "-c", program], cwd=place, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
