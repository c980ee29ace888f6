#!/usr/bin/env python3
"""Writes the software bill of materials of a build as CycloneDX 1.5 JSON to standard output.

    scripts/sbom.py [--features NAMES] [--target TRIPLE] > gradus.cdx.json

Lists the packages of `cargo tree` for the features and the target, without those only tests need, with the
checksums of Cargo.lock. Needs Python 3.11 and cargo.
"""

import argparse
import json
import pathlib
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def checksums():
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def built(features, target):
    """Name and version of every package that is built; `cargo metadata` also names some that are not."""
    lines = cargo(
        "tree", "-e", "normal,build", "--prefix", "none", "--format", "{p}", "--target", target, *features
    ).splitlines()
    return {(name, version.removeprefix("v")) for name, version, *_ in (line.split() for line in lines if line)}


def reached(resolve, used):
    """The packages that the program itself needs, and what each of them needs."""
    nodes = {node["id"]: node for node in resolve["nodes"] if node["id"] in used}
    needs = {}
    waiting = [resolve["root"]]
    while waiting:
        package = waiting.pop()
        if package in needs:
            continue
        needs[package] = sorted(
            dep["pkg"]
            for dep in nodes[package]["deps"]
            if dep["pkg"] in nodes and any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"])
        )
        waiting += needs[package]
    return needs


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, digests):
    entry = {
        "type": "library",
        "bom-ref": package["id"],
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package["license"]:
        entry["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    digest = digests.get((package["name"], package["version"]))
    if digest:
        entry["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", default="")
    parser.add_argument("--target", default="x86_64-unknown-linux-gnu")
    options = parser.parse_args()
    features = ["--features", options.features] if options.features else []
    used = built(features, options.target)
    resolved = json.loads(
        cargo("metadata", "--format-version", "1", "--filter-platform", options.target, *features)
    )
    packages = {p["id"]: p for p in resolved["packages"] if (p["name"], p["version"]) in used}
    needs = reached(resolved["resolve"], packages)
    root, digests = resolved["resolve"]["root"], checksums()
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(packages[root], digests) | {"type": "application"}},
        "components": [component(packages[p], digests) for p in sorted(needs) if p != root],
        "dependencies": [{"ref": p, "dependsOn": needs[p]} for p in sorted(needs)],
    }
    print(json.dumps(bill, indent=2))


if __name__ == "__main__":
    main()
