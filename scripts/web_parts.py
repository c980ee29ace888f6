#!/usr/bin/env python3
"""What the module of the page is made of: bytes of code by group of crates, compressed, and of constants.

    scripts/web --output site
    scripts/web_parts.py target/wasm/flex.wasm     (the module before its names are taken out)

A function counts for the crate that its name begins with; generic code of the standard library counts for the latter, whoever uses it.
Functions are compressed in the order of their names, the same ones once, as in the page.
"""

import gzip
import re
import sys
from collections import defaultdict
from pathlib import Path

GROUPS = {
    "standard library": "alloc core std hashbrown",
    "Burn": "burn_.* cubecl_.* macerator half ciborium",
    "Gradus": "gradus_.*",
    "tokenizers and expressions": "tokenizers regex.* fancy_regex aho_corasick spm_precompiled daachorse unicode_.* monostate",
    "JSON": "serde serde_json serde_core",
    "chat templates": "minijinja.*",
    "matrix products": "gemm.*",
}
CODE, DATA, CUSTOM = 10, 11, 0


def number(data, at):
    """A LEB128 number and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def text(data, at):
    length, at = number(data, at)
    return data[at : at + length], at + length


def sections(module):
    at = 8
    while at < len(module):
        size, start = number(module, at + 1)
        yield module[at], module[start : start + size]
        at = start + size


def names(section):
    """The names of functions by their numbers."""
    title, at = text(section, 0)
    found = {}
    while title == b"name" and at < len(section):
        kind = section[at]
        size, at = number(section, at + 1)
        end = at + size
        if kind == 1:
            count, at = number(section, at)
            for _ in range(count):
                index, at = number(section, at)
                found[index], at = text(section, at)
        at = end
    return found


def bodies(section):
    count, at = number(section, 0)
    for _ in range(count):
        size, at = number(section, at)
        yield section[at : at + size]
        at += size


def crate(name):
    """The crate of a mangled name: the first of its parts, or the first within angle brackets."""
    found = re.match(r"_ZN(\d+)(.*)", name.decode(errors="replace"))
    if not found:
        return ""
    first = found[2][: int(found[1])]
    if "$LT$" not in first:
        return first
    inside = re.findall(r"(?<![\w.])[a-zA-Z_]\w*(?=\.\.)", re.sub(r"\$[A-Za-z0-9]+\$", " ", first))
    inside = [name for name in inside if name not in ("alloc", "core", "std")] or inside
    return inside[0].lstrip("_") if inside else ""


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    module = Path(sys.argv[1]).read_bytes()
    found, code, data = {}, [], b""
    for kind, section in sections(module):
        if kind == CUSTOM:
            found.update(names(section))
        elif kind == CODE:
            code = list(bodies(section))
        elif kind == DATA:
            data = section
    if not found:
        sys.exit(f"{sys.argv[1]} has no names: give the module that cargo made, before wasm-bindgen")
    # Imported functions come first in the numbering.
    first = max(found) + 1 - len(code)
    groups = defaultdict(dict)
    for index, body in enumerate(code):
        whole = found.get(first + index, b"")
        name = crate(whole)
        group = next((group for group, crates in GROUPS.items() if any(re.fullmatch(one, name) for one in crates.split())), "rest")
        groups[group].setdefault(body, whole)
    ordered = {group: b"".join(sorted(parts, key=lambda body: (parts[body], body))) for group, parts in groups.items()}
    rows = [("constants", data), *ordered.items()]
    for group, content in sorted(rows, key=lambda row: -len(row[1])):
        print(f"{group:28} {len(content):9,} bytes, {len(gzip.compress(content, 9)):9,} compressed")


if __name__ == "__main__":
    main()
