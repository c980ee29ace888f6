"""The command line: ``python -m gradus`` or ``gradus``."""

from __future__ import annotations

import signal
import sys

from . import _gradus


def main() -> int:
    """Run the command line of this process."""
    # The program answers Ctrl-C itself; Python's handler would wait until it has ended.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _gradus.run(["gradus", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
