"""Looking blocks up over a real HTTP connection to what answers as a Substrate node does."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from validation.verifier.chain import TIMESTAMP_KEY, ChainError, FoundBlock, RpcChain

HASH = "0x" + "ab" * 32
MILLISECONDS = 1_800_000_000_123


@contextmanager
def node(answer):
    """Serve JSON-RPC: `answer` gets the method and its parameters, and gives the body's bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = answer(question["method"], question["params"])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield RpcChain(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def result(value):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode()


def substrate(method, parameters):
    if method == "chain_getBlockHash":
        return result(HASH if parameters == [7] else None)
    assert (method, parameters) == ("state_getStorage", [TIMESTAMP_KEY, HASH])
    return result("0x" + MILLISECONDS.to_bytes(8, "little").hex())


def test_a_block_is_found_with_its_time():
    with node(substrate) as chain:
        assert chain.block(7) == FoundBlock(bytes.fromhex("ab" * 32), MILLISECONDS * 1000)
        assert chain.block(8) is None


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"{}", b'{"error":1}', result(5), result("0xz")]
)
def test_an_answer_that_makes_no_sense_is_no_answer(body):
    with node(lambda *_: body) as chain, pytest.raises(ChainError, match="does not answer"):
        chain.block(7)


def test_a_node_that_is_not_there_is_no_answer():
    with node(substrate) as chain:
        pass
    with pytest.raises(ChainError, match="does not answer"):
        chain.block(7)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://node", "node"])
def test_only_http_addresses_are_asked(url):
    with pytest.raises(ChainError, match="http or https"):
        RpcChain(url)
