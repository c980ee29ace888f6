"""The command line inside the wheel."""

from conftest import command

import gradus


def test_the_command_line_is_in_the_wheel():
    assert command("--version").stdout.strip() == f"gradus {gradus.__version__}"
    wrong = command("score")
    assert wrong.returncode == 2
    assert "Usage" in wrong.stderr
