#!/usr/bin/env python3
"""Lines of code of a Python or Rust file: without blank lines, comments and documentation.

    scripts/code_lines.py examples/own_loss.rs
    scripts/code_lines.py examples/own_head.rs part                   # without imports, `main` and what names the part
    scripts/code_lines.py comet/models/pooling_utils.py max_pooling    # one function, class or method (Class.method)

`part` leaves out, of a Rust file: `use`, tests, functions at the top, and, of an `impl Named…`, everything but `init`, together
with the settings, their check and the program's registration. What is left is what another program would have to have, too.
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


def top_items(text):
    """The items of a file formatted by rustfmt, each as its lines, with attributes and comments."""
    item = []
    for line in text.splitlines():
        if not line.strip() and not (item and item[0].startswith((" ", "}"))):
            if item and is_whole(item):
                yield item
                item = []
                continue
        item.append(line)
    if item:
        yield item


def is_whole(item):
    """Whether an item ends here: its last line stands at the left edge."""
    last = item[-1]
    return not last.startswith((" ", "#", "//")) or last.startswith("//!")


def method(item, name):
    """The lines of a method, none if the item has no such method."""
    first = next((number for number, line in enumerate(item) if line.startswith(f"    fn {name}")), len(item))
    end = next((number for number in range(first, len(item)) if item[number] == "    }"), len(item))
    return item[first : end + 1]


def rust_part(text):
    kept = []
    for item in top_items(text):
        head = next((line for line in item if line and not line.startswith(("#", "//"))), "")
        if "#[cfg(test)]" in item or head.startswith(("use ", "pub use ", "mod ", "fn ")) or head.startswith("struct Settings"):
            continue
        if head.startswith("impl Named"):
            item = method(item, "init")
        kept += item
    return rust_lines("\n".join(kept))


path, *name = sys.argv[1:]
source = pathlib.Path(path).read_text(encoding="utf-8")
if path.endswith(".py"):
    print(python_lines(source, name[0] if name else ""))
elif name == ["part"]:
    print(rust_part(source))
else:
    print(rust_lines(source))
