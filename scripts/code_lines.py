#!/usr/bin/env python3
"""Lines of code of a Python or Rust file: without blank lines, comments and documentation.

    scripts/code_lines.py examples/own_loss.rs
    scripts/code_lines.py comet/models/pooling_utils.py max_pooling    # one function, class or method (Class.method)
"""

import ast
import pathlib
import sys


def python_lines(text, name):
    tree = node = ast.parse(text)
    for part in name.split(".") if name else []:
        node = next(child for child in node.body if getattr(child, "name", None) == part)
    counted = set()
    for inner in ast.walk(node):
        if isinstance(inner, (ast.stmt, ast.expr, ast.arg, ast.keyword, ast.alias)):
            counted.update(range(inner.lineno, inner.end_lineno + 1))
    for inner in ast.walk(tree):
        body = getattr(inner, "body", None)
        if isinstance(body, list) and body and is_documentation(body[0]):
            counted.difference_update(range(body[0].lineno, body[0].end_lineno + 1))
    lines = text.splitlines()
    code = [lines[number - 1].strip() for number in counted]
    return sum(bool(line) and not line.startswith("#") for line in code)


def is_documentation(statement):
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str)


def rust_lines(text):
    lines = (line.strip() for line in text.splitlines())
    return sum(bool(line) and not line.startswith("//") for line in lines)


path, *name = sys.argv[1:]
source = pathlib.Path(path).read_text(encoding="utf-8")
if path.endswith(".py"):
    print(python_lines(source, name[0] if name else ""))
else:
    print(rust_lines(source))
