"""Bundles by URL: fetched once into a cache, every file checked against the digests of the manifest."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ._errors import GradusError

_MANIFEST = "manifest.json"
#: No manifest is longer.
_MOST_BYTES = 1 << 26
_PIECE = 1 << 20
#: Seconds without a byte after which a download has failed.
_TIMEOUT = 60.0


def local(path: str) -> str:
    """The directory of a bundle: given as it is, or as a URL, whose files are then in the cache."""
    scheme, mark, _ = path.partition("://")
    if not mark or not scheme.isalnum():
        return path
    if scheme == "file":
        return urllib.request.url2pathname(urlsplit(path).path)
    url = path.rstrip("/")
    if scheme in ("http", "https") and (urlsplit(url).query or urlsplit(url).fragment):
        raise GradusError(f"{path}: found a URL of one file, expected that of a folder, without ? and #")
    return _fetched(url, _http if scheme in ("http", "https") else _fsspec)


#: Opens a file by its URL.
_Open = Callable[[str], Any]


def _fetched(url: str, opened: _Open) -> str:
    with _told(f"{url}/{_MANIFEST}", "the URL of a bundle's folder"), opened(f"{url}/{_MANIFEST}") as file:
        manifest: bytes = file.read(_MOST_BYTES)
    cache = _cache()
    # The manifest has the digests of all files, so its own names the bundle, wherever it comes from.
    place = cache / hashlib.sha256(manifest).hexdigest()[:32]
    if place.is_dir():
        return str(place)
    parts = _parts(url, manifest)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="part-", dir=cache) as directory:
        part = Path(directory) / "bundle"
        part.mkdir()
        for name, listed in parts.items():
            with _told(f"{url}/{name}", f"a file of {listed['bytes']} bytes"), opened(f"{url}/{name}") as file:
                _copy(file, part / name, f"{url}/{name}", listed)
        (part / _MANIFEST).write_bytes(manifest)
        try:
            part.rename(place)
        except OSError:
            # Another process has been faster.
            if not place.is_dir():
                raise
    return str(place)


def _parts(url: str, manifest: bytes) -> dict[str, Any]:
    """The files that scoring needs, with their sizes and digests."""
    try:
        parts: dict[str, Any] = json.loads(manifest)["parts"]
        for listed in parts.values():
            int(listed["bytes"]), str(listed["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GradusError(f"{url}/{_MANIFEST}: found no list of `parts` with digests, expected a bundle's manifest") from error
    for name in parts:
        if name in ("", ".", "..") or "/" in name or "\\" in name or ":" in name:
            raise GradusError(f"{url}/{_MANIFEST}: found the part {name!r}, expected the name of a file")
    return parts


def _copy(source: IO[bytes], target: Path, url: str, listed: dict[str, Any]) -> None:
    """Copy a file, and refuse it unless it is the one that the manifest lists."""
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as file:
        while size <= listed["bytes"] and (piece := source.read(_PIECE)):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    if size != listed["bytes"]:
        found = "more" if size > listed["bytes"] else f"{size} bytes"
        raise GradusError(f"{url}: found {found}, expected {listed['bytes']} bytes, as its manifest says")
    if digest.hexdigest() != listed["sha256"]:
        raise GradusError(
            f"{url}: found SHA-256 {digest.hexdigest()[:12]}.., expected {listed['sha256'][:12]}.., as its manifest says: "
            "the file has been changed, or belongs to another bundle"
        )


@contextmanager
def _told(url: str, expected: str) -> Iterator[None]:
    """Errors of the network and of stores, with the file they are about."""
    try:
        yield
    except GradusError:
        raise
    except urllib.error.HTTPError as error:
        raise GradusError(f"{url}: found status {error.code} ({error.reason}), expected {expected}") from error
    except FileNotFoundError as error:
        raise GradusError(f"{url}: found no such file, expected {expected}") from error
    except urllib.error.URLError as error:
        raise GradusError(f"{url}: {error.reason}") from error
    # A store's own library raises what it likes.
    except Exception as error:
        raise GradusError(f"{url}: {error}") from error


def _http(url: str) -> Any:
    return urllib.request.urlopen(url, timeout=_TIMEOUT)


def _fsspec(url: str) -> Any:
    try:
        import fsspec
    except ImportError as error:
        raise GradusError(
            f"{url}: needs the package fsspec, and that of its store (such as s3fs, gcsfs or adlfs): pip install fsspec"
        ) from error
    return fsspec.open(url, "rb")


def _cache() -> Path:
    """``GRADUS_BUNDLE_CACHE``, or a folder of the user's caches."""
    given = os.environ.get("GRADUS_BUNDLE_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gradus" / "bundles"
