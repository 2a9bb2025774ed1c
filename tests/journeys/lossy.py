"""A road to the market on which one answer gets lost: the request arrives, the reply does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

PASSED_ON = ("content-type", "content-length", "idempotent-replayed", "x-request-id", "retry-after")


@contextmanager
def losing_first_answer(url: str, *, to: str) -> Iterator[str]:
    """Forward everything to the market at ``url``; the first answer to a rent at ``to`` is lost."""
    lost: list[str] = []

    class Road(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            market = HTTPConnection(urlsplit(url).netloc, timeout=60)
            market.request(self.command, self.path, body, dict(self.headers))
            answer = market.getresponse()
            content = answer.read()
            is_real = b'"dry_run": true' not in body
            if self.path.endswith(to) and is_real and not lost:
                lost.append(self.path)
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() in PASSED_ON and name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = forward

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Road)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
        assert lost, f"no request to {to} came by"
    finally:
        server.shutdown()
        server.server_close()
