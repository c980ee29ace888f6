"""Bundles by URL: the same scores, a fetch once, and nothing that is not the bundle of the manifest."""

import functools
import http.server
import json
import pickle
import shutil
import socket
import sys
import threading
from pathlib import Path

import pytest

import gradus

RECORD = {"id": "a", "prompt": "Dan adds 1 to 7, 6.", "response": "First: 8. Next: 7."}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_BUNDLE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def served(bundle, tmp_path):
    """A folder with a bundle behind HTTP, its URL, and the paths that were asked for."""
    folder = tmp_path / "served"
    shutil.copytree(bundle, folder / "my bundle")
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path.startswith("/moved/"):
                self.send_response(302)
                self.send_header("Location", self.path.replace("/moved/", "/my%20bundle/"))
                self.end_headers()
                return
            super().do_GET()

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder / "my bundle", f"http://127.0.0.1:{server.server_port}/my%20bundle", asked
        server.shutdown()


def test_a_bundle_behind_http_is_fetched_once(served, cache, scorer):
    _, url, asked = served
    first = gradus.Scorer(url, "cpu")
    assert first.score([RECORD]) == scorer.score([RECORD])
    assert first.path == url
    files = ["manifest.json", "config.json", "model.safetensors", "tokenizer.json"]
    assert sorted(asked) == sorted(f"/my%20bundle/{name}" for name in files)
    asked.clear()
    again = pickle.loads(pickle.dumps(first))
    assert again.score([RECORD]) == scorer.score([RECORD])
    # By another way it is the same bundle.
    gradus.Scorer(url.replace("/my%20bundle", "/moved/"), "cpu")
    assert asked == ["/my%20bundle/manifest.json", "/moved/manifest.json", "/my%20bundle/manifest.json"]
    (place,) = cache.iterdir()
    assert sorted(path.name for path in place.iterdir()) == sorted(files)


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"short"), "found 5 bytes, expected"),
        (lambda folder: (folder / "model.safetensors").open("ab").write(b"x"), "found more, expected"),
        (lambda folder: flip(folder / "model.safetensors"), "found SHA-256"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json: found status 404"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json: found status 404"),
        (lambda folder: (folder / "manifest.json").write_text("<html>"), "found no list of `parts`"),
        (lambda folder: (folder / "manifest.json").write_text('{"parts": {"a": 3}}'), "found no list of `parts`"),
        (lambda folder: rename(folder / "manifest.json", "../evil"), "found the part '../evil'"),
    ],
)
def test_what_is_not_the_bundle_is_refused_and_not_kept(served, cache, damage, part):
    folder, url, _ = served
    damage(folder)
    with pytest.raises(gradus.GradusError) as raised:
        gradus.Scorer(url, "cpu")
    assert part in str(raised.value)
    assert url in str(raised.value)
    assert not cache.exists() or list(cache.iterdir()) == []


def flip(file: Path) -> None:
    """Change one byte."""
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))


def rename(manifest: Path, name: str) -> None:
    stored = json.loads(manifest.read_text())
    stored["parts"][name] = stored["parts"].pop("config.json")
    manifest.write_text(json.dumps(stored))


def test_a_file_url_is_read_in_place(bundle, cache, scorer, tmp_path):
    shutil.copytree(bundle, tmp_path / "my bundle")
    url = (tmp_path / "my bundle").as_uri()
    assert url.startswith("file://") and "%20" in url
    assert gradus.Scorer(url, "cpu").score([RECORD]) == scorer.score([RECORD])
    assert not cache.exists()


def test_an_object_store_is_read_through_fsspec(bundle, cache, scorer):
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    store.put(bundle, "/store/my-bundle", recursive=True)
    try:
        assert gradus.Scorer("memory://store/my-bundle", "cpu").score([RECORD]) == scorer.score([RECORD])
        with pytest.raises(gradus.GradusError, match="memory://store/other/manifest.json: found no such file"):
            gradus.Scorer("memory://store/other")
        with pytest.raises(gradus.GradusError, match="nonsense"):
            gradus.Scorer("nonsense://store/my-bundle")
    finally:
        store.rm("/store", recursive=True)


def test_without_fsspec_it_is_asked_for(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(gradus.GradusError, match="pip install fsspec"):
        gradus.Scorer("s3://bucket/my-bundle")


def test_urls_that_cannot_be_folders_are_refused(cache):
    with pytest.raises(gradus.GradusError, match="expected that of a folder"):
        gradus.Scorer("https://example.org/my-bundle?signature=abc")
    # Bound, so that nobody else has the port, and not listening.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(gradus.GradusError, match="refused"):
            gradus.Scorer(f"http://127.0.0.1:{deaf.getsockname()[1]}/my-bundle")
