#!/usr/bin/env python3
"""The public API of the crates as text, from the pages of `cargo doc`: one line for each item, field and method.

    cargo doc --release --workspace --no-deps
    scripts/public_api.py "$CARGO_TARGET_DIR/doc"           # compares with api/CRATE.txt
    scripts/public_api.py "$CARGO_TARGET_DIR/doc" --write   # renews it

A change of these files is a change of the API: a reviewer sees it, and the changelog says it. Only Rust's own
pages are read, so this needs no nightly compiler; their layout is that of the Rust version in Cargo.toml.
"""

import difflib
import html.parser
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
API = ROOT / "api"
KINDS = ("struct", "enum", "trait", "fn", "type", "constant", "static", "macro", "union")


class Declarations(html.parser.HTMLParser):
    """Texts of the declaration of an item (`pre.item-decl`) and of its methods and impls (`.code-header`)."""

    SKIPPED = {"rightside", "where-hidden", "src", "stab", "anchor", "docblock", "since"}

    def __init__(self):
        super().__init__()
        self.found = []
        self.open = []  # (tag, what is collected: a list, True to skip, or None)
        self.hidden = 0

    def handle_starttag(self, tag, attributes):
        if tag in ("br", "wbr", "img", "input", "meta", "link", "hr"):
            if tag == "br" and self.collecting() is not None:
                self.collecting().append(" ")
            return
        classes = set((dict(attributes).get("class") or "").split())
        role = None
        if classes & self.SKIPPED and self.collecting() is not None:
            role = "skip"
            self.hidden += 1
        elif "item-decl" in classes or "code-header" in classes:
            role = []
        self.open.append((tag, role))

    def handle_endtag(self, tag):
        while self.open:
            name, role = self.open.pop()
            if role == "skip":
                self.hidden -= 1
            elif isinstance(role, list):
                self.found.append("".join(role))
            if name == tag:
                return

    def handle_data(self, data):
        texts = self.collecting()
        if texts is not None and not self.hidden:
            texts.append(data)

    def collecting(self):
        for _, role in reversed(self.open):
            if isinstance(role, list):
                return role
        return None


def own_part(page):
    """The page without what blanket and automatic impls add, which is the same for every type."""
    for mark in ('id="synthetic-implementations"', 'id="blanket-implementations"'):
        page = page.split(mark)[0]
    return page


def lines(path, kind, item):
    """One line for each declaration of a page, behind the item's path."""
    page = Declarations()
    page.feed(own_part(path.read_text(encoding="utf-8")))
    for text in page.found:
        # Comments tell of fields that are hidden, and what an attribute says is in the code.
        text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text)
        text = re.sub(r"\s+", " ", text).strip()
        text = re.sub(r"§|ⓘ|Show \d+ (fields|variants|methods)", "", text).strip()
        # What a trait makes public follows from the line of its impl.
        of_impl = kind != "trait" and text.startswith(("fn ", "type ", "const ", "unsafe fn "))
        if text and not of_impl and "StructuralPartialEq" not in text:
            yield f"{item}: {text}"


def surface(folder):
    """All lines of a crate."""
    found = set()
    for path in sorted(folder.rglob("*.html")):
        kind, _, name = path.stem.partition(".")
        if kind not in KINDS:
            continue
        parts = path.relative_to(folder.parent).parts[:-1]
        found.update(lines(path, kind, "::".join((*parts, name))))
    return sorted(found)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    doc = pathlib.Path(arguments[0])
    # A crate with a workspace of its own is a program.
    crates = [path for path in (ROOT / "crates").iterdir() if "[workspace]" not in (path / "Cargo.toml").read_text(encoding="utf-8")]
    names = ["gradus", *sorted(f"gradus_{path.name}" for path in crates)]
    changed = False
    for name in names:
        if not (doc / name).is_dir():
            sys.exit(f"{doc / name}: not found, expected the pages of `cargo doc --workspace --no-deps`")
        now = surface(doc / name)
        if not now:
            sys.exit(f"{doc / name}: found no public item, expected some")
        path = API / f"{name}.txt"
        if "--write" in sys.argv:
            API.mkdir(exist_ok=True)
            path.write_text("\n".join(now) + "\n", encoding="utf-8")
            continue
        before = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        difference = list(difflib.unified_diff(before, now, str(path.relative_to(ROOT)), "now", lineterm="", n=0))
        changed |= bool(difference)
        print("\n".join(difference), end="\n" if difference else "")
    if changed:
        sys.exit("the public API changed: if that is meant, scripts/public_api.py DOC --write, and tell it in CHANGELOG.md")


if __name__ == "__main__":
    main()
