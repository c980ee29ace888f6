"""The client of a real ``gradus serve``."""

import http.server
import json
import re
import socket
import subprocess
import sys
import threading

import pytest

import gradus


@pytest.fixture(scope="module")
def url(bundle, tmp_path_factory):
    arguments = [sys.executable, "-m", "gradus", "serve", bundle, "--device", "cpu", "--listen", "127.0.0.1:0"]
    said = tmp_path_factory.mktemp("server") / "stderr"
    with (
        said.open("w") as stderr,
        subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True) as server,
    ):
        # A server that says nothing ends at this time, and with it its output.
        timer = threading.Timer(300, server.kill)
        timer.start()
        try:
            # The first line of the standard output is the address; it listens once it says so.
            address = server.stdout.readline().strip()
            if not address:
                pytest.fail(f"gradus serve named no address: {said.read_text()}")
            yield address
        finally:
            timer.cancel()
            server.kill()


def test_a_server_gives_the_scores_of_the_process(url, scorer, records):
    client = gradus.Client(url)
    ours, theirs = scorer.score(records[:100]), client.score(records[:100])
    assert [record["score"] for record in theirs] == [record["score"] for record in ours]
    prompt, response = records[3]["prompt"], records[3]["response"]
    assert client.segments(prompt, response) == scorer.segments(prompt, response)
    assert client.aspects == scorer.aspects
    tokens = re.findall(r"\s?\S+", response)
    assert client.token_rewards(prompt, response, tokens=tokens) == scorer.token_rewards(
        prompt, response, tokens=tokens
    )


def test_a_server_gives_columns_too(url, scorer, records):
    pyarrow = pytest.importorskip("pyarrow")
    from gradus.table import score_table

    table = pyarrow.Table.from_pylist([*records[:70], {"id": "none", "prompt": "p", "response": ""}])
    assert score_table(gradus.Client(url), table) == score_table(scorer, table)


def test_what_the_server_refuses_is_told(url):
    with pytest.raises(gradus.ServerError, match="prompt") as raised:
        gradus.Client(url).score([{"response": "a"}])
    assert raised.value.status == 422
    with pytest.raises(gradus.DataError, match="http://"):
        gradus.Client("127.0.0.1")


def test_a_server_that_does_not_answer_is_told():
    # Bound, so that nobody else has the port, and not listening.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(gradus.ServerError, match="refused") as raised:
            gradus.Client(f"http://127.0.0.1:{deaf.getsockname()[1]}").score([{"prompt": "p", "response": "a"}])
    assert raised.value.status == 0


@pytest.fixture
def busy():
    """A server that answers what it is told to, in order."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, body = self.server.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_busy_server_is_asked_again(busy):
    scored = {"id": "0", "segments": [], "score": None, "unscored": "empty"}
    busy.answers = [
        (503, {"Retry-After": "0"}, {"error": {"message": "loading"}}),
        (429, {"Retry-After": "0"}, {"error": {"message": "full"}}),
        (200, {}, {"records": [scored]}),
    ]
    client = gradus.Client(f"http://127.0.0.1:{busy.server_port}")
    assert client.score([{"prompt": "p", "response": ""}]) == [scored]
    busy.answers = [(503, {"Retry-After": "200"}, {"error": {"message": "loading"}})]
    with pytest.raises(gradus.ServerError, match="status 503: loading"):
        client.score([{"prompt": "p", "response": ""}])
    busy.answers = [(500, {"Retry-After": "0"}, {"error": {"message": "broken"}})]
    with pytest.raises(gradus.ServerError, match="status 500: broken"):
        client.score([{"prompt": "p", "response": ""}])
