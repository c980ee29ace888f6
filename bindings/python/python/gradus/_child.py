"""The command line in a process of its own, so that neither Ctrl-C nor wrong usage ends this one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import _gradus
from ._errors import DataError, GradusError, StoppedError
from ._records import texts

#: What a child process runs: the command line, which tells what happens in training.
_TELLING = "import sys; from gradus._child import main; sys.exit(main())"
#: Exit codes of the command line.
_DATA, _STOPPED = 2, 130
#: How an error begins that is about a record of a file.
_PLACE = re.compile(r"(?P<path>[^\n]+?):(?P<line>\d+): (?:field `(?P<field>[^`]+)`: )?")


def main() -> int:
    """Run the arguments of this process, and tell what happens in training."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _gradus.run(["gradus", *sys.argv[1:]], events=True)


def flags(options: dict[str, Any]) -> list[str]:
    """Options of a function as those of the command line: ``top=3`` is ``--top 3``, a list is repeated."""
    made: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            made.append(flag)
        elif value is not None and value is not False:
            values = value if isinstance(value, (list, tuple)) else [value]
            made += [f"{flag}={one}" for one in values]
    return made


def run(arguments: Iterable[str], told: Callable[[str, Any], None] | None = None) -> tuple[str, str]:
    """Run a command; give its output and its messages, without the events, each of which `told` is called with.

    An exception that `told` raises, and Ctrl-C, stop training, which saves a checkpoint first.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as messages,
        subprocess.Popen(
            [sys.executable, "-c", _TELLING, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            encoding="utf-8",
            # Ctrl-C at a terminal comes here only, and once to the child.
            start_new_session=True,
        ) as child,
    ):
        assert child.stdout is not None
        try:
            output = "".join(_rest(child.stdout, told))
        except BaseException:
            child.send_signal(signal.SIGINT)
            child.stdout.close()
            child.wait()
            raise
        code = child.wait()
        messages.seek(0)
        said = messages.read()
    if code != 0:
        raise _error(code, said)
    return output, said


def _rest(lines: Iterable[str], told: Callable[[str, Any], None] | None) -> Iterator[str]:
    for line in lines:
        if line.startswith('{"event":'):
            event = json.loads(line)
            if told is not None:
                told(event["event"], event["values"])
        else:
            yield line


def _error(code: int, messages: str) -> GradusError:
    """The error that a command has told, in its words."""
    if code == _STOPPED:
        return StoppedError(messages.strip())
    _, marked, told = ("\n" + messages).rpartition("\nerror: ")
    message = told.strip() if marked else messages.strip() or f"found no answer, exit code {code}"
    if code != _DATA:
        return GradusError(message)
    place = _PLACE.match(message)
    if place is None:
        return DataError(message)
    return DataError(message, path=place["path"], line=int(place["line"]), field=place["field"])


@contextmanager
def as_file(data: Any) -> Iterator[str]:
    """The path of data: given, or of a file with these records, for a while."""
    if isinstance(data, (str, os.PathLike)):
        yield os.fspath(data)
        return
    with tempfile.TemporaryDirectory(prefix="gradus-") as directory:
        path = Path(directory) / "records.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for text in texts(data):
                file.write(text + "\n")
        yield str(path)
