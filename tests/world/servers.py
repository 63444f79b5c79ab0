"""Web and S3 servers on 127.0.0.1 that fail on demand.

`web` serves objects from memory, or stands before its `upstream` (moto's S3) and passes everything on. It
takes the faults to inject from `Server.faults`, one for each GET of an object, and from `Server.put_faults`,
one for each PUT, and keeps what was asked.
"""

import hashlib
import os
import re
import select
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from presswatch_spark.storage.host_limits import forget_hosts


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one reply; by default nothing.

    `status` replaces the reply (with `retry_after`, `limit` as RateLimit, and S3's error `code`), and nothing
    is done. `drips`: the body comes a byte at a time; `drips_head`: a header of 250 bytes does,
    before. After `cut_after` bytes of the body the connection
    ends, orderly or, if `reset`, by RST. `length_off` is added to Content-Length. `pieces` is in how many
    parts the body is sent, with a pause after each. `lost`: what was asked is done, and no reply comes.
    `headers` are added, or replace those of their names. `change` is done to the body. `range_off` is added
    to what Content-Range says. `whole`: all comes, with 200.
    """

    status: int = 0
    code: str = ""
    retry_after: str = ""
    limit: str = ""
    drips: bool = False
    drips_head: bool = False
    cut_after: int | None = None
    reset: bool = False
    length_off: int = 0
    pieces: int = 1
    lost: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    change: Callable[[bytes], bytes] | None = None
    range_off: int = 0
    whole: bool = False


FINE = Fault()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A running server: its address, what it was asked, and what it will do wrong.

    `faults` are used up one by one; then `always` applies. `ranges`, `etags` and `lengths` say what
    the server knows: without lengths it sends chunks, or, if not `chunks` either, just closes. `modified`:
    Last-Modified of paths. `queries`: what is answered to paths with their queries. After
    `blocks_after` requests it answers 403 to all, and to `forbidden` paths at any time. It has no parts of
    `whole_only` paths. `open_most`: `lines` that clients held open at a time. `linked`: what redirects of
    paths say of the file behind them. `heard`: the headers of all requests.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    upstream: str = ""
    faults: deque[Fault] = field(default_factory=deque)
    put_faults: deque[Fault] = field(default_factory=deque)
    always: Fault = FINE
    ranges: bool = True
    etags: bool = True
    lengths: bool = True
    chunks: bool = True
    modified: dict[str, str] = field(default_factory=dict)
    queries: dict[str, Reply] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    linked: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    peers: list[int] = field(default_factory=list)
    blocks_after: int | None = None
    forbidden: set[str] = field(default_factory=set)
    whole_only: set[str] = field(default_factory=set)
    lines: set[socket.socket] = field(default_factory=set)
    open_most: int = 0
    guard: Lock = field(default_factory=Lock)
    url: str = ""

    def reset(self) -> None:
        """Become a server that has nothing, was asked nothing and does nothing wrong, at the same address."""
        self.__class__ = Server
        vars(self).update(vars(Server(url=self.url)))
        forget_hosts()

    def fault_for(self, method: str, path: str) -> Fault:
        if self.blocks_after is not None and len(self.requests) > self.blocks_after:
            return Fault(status=403)
        if path in self.forbidden:
            return Fault(status=403)
        if method == "PUT":
            return self.put_faults.popleft() if self.put_faults else FINE
        if method != "GET" or "list-type" in path:
            return FINE
        return self.faults.popleft() if self.faults else self.always

    def gets(self) -> list[str]:
        """Ranges asked for, in order, but for the first byte of a description; empty for a whole object."""
        return [asked for method, _, asked in self.requests if method == "GET" and asked != "bytes=0-0"]


ServerT = TypeVar("ServerT", bound=Server)


@contextmanager
def web(tls: ssl.SSLContext | None = None, **settings: object) -> Iterator[Server]:
    with running(Server(**settings), tls) as state:  # type: ignore[arg-type]
        yield state


@contextmanager
def running(state: ServerT, tls: ssl.SSLContext | None = None) -> Iterator[ServerT]:
    with listening(_handler_of(state), tls) as state.url:
        yield state


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Let a handler answer on a free port; gives its address."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    httpd.daemon_threads = True
    handler.log_message = lambda *_: None  # type: ignore[method-assign] pytest keeps each line
    httpd.handle_error = lambda *_: None  # type: ignore[method-assign] clients that leave are no news
    if tls:
        httpd.socket = tls.wrap_socket(httpd.socket, server_side=True)
    thread = Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    forget_hosts()
    try:
        yield f"{'https://localhost' if tls else 'http://127.0.0.1'}:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


@contextmanager
def answering(answer: Callable[[str], Iterable[bytes]]) -> Iterator[str]:
    """Send what `answer` gives of a path as it is, its parts one after the other; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.close_connection = True
            for part in answer(self.path):
                self.wfile.write(part)

    with listening(Handler) as url:
        yield url


def forwarded(upstream: str, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
    """What another server answers to a request."""
    connection = HTTPConnection(urlsplit(upstream).netloc)
    connection.request(request.command, request.path, body, dict(request.headers))
    reply = connection.getresponse()
    dropped = {"Connection", "Transfer-Encoding"}
    headers = {name: value for name, value in reply.getheaders() if name not in dropped}
    content = reply.read()
    connection.close()
    return Reply(reply.status, headers, content)


@contextmanager
def s3() -> Iterator[str]:
    """Run moto's S3 server; gives its endpoint.

    It takes one PUT at a time, since S3 looks at `If-Match` and writes in one step, and moto in two.
    """
    # Others want web servers alone, and moto takes long to import.
    from moto import backends
    from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    # With each request moto lists its own folder, to see whether the host is named like one of its services.
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    answer, writes = DomainDispatcherApplication(create_backend_app), Lock()

    def in_turn(asked: dict[str, Any], begin: Any) -> Any:
        with writes if asked["REQUEST_METHOD"] == "PUT" else nullcontext():
            return answer(asked, begin)

    class Handler(MotoRequestHandler):
        def log_request(self, *given: object) -> None:
            """Write no log: nobody reads it, and pytest keeps each line."""

    server = make_server("127.0.0.1", 0, in_turn, threaded=True, request_handler=Handler)
    running = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    running.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        running.join()
        server.server_close()


@contextmanager
def aws_account() -> Iterator[str]:
    """Run moto's server, empty, and empty it in the end: servers of a process share what they hold."""
    from moto.moto_api._internal import moto_api_backend

    moto_api_backend.reset()
    try:
        with s3() as endpoint:
            yield endpoint
    finally:
        moto_api_backend.reset()


def _handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        state = server

    return Handler


class AnyMethod(BaseHTTPRequestHandler):
    """Answers every method by `answer`; the base class looks for `do_GET` and its like."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)


class _Handler(AnyMethod):
    state: Server

    def setup(self) -> None:
        super().setup()
        with self.state.guard:
            self.state.lines.add(self.connection)
            self.state.open_most = max(self.state.open_most, sum(map(_is_held, self.state.lines)))

    def finish(self) -> None:
        with self.state.guard:
            self.state.lines.discard(self.connection)
        super().finish()

    def answer(self) -> None:
        state = self.state
        state.peers.append(self.client_address[1])
        state.requests.append((self.command, self.path, self.headers.get("Range", "")))
        state.heard.append(str(self.headers))
        fault = state.fault_for(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault.status:
            self._send(_refusal(fault), FINE)
            return
        reply = forwarded(state.upstream, self, body) if state.upstream else self._served(fault)
        self._lose() if fault.lost else self._send(reply, fault)

    def _served(self, fault: Fault) -> Reply:
        reply = self._stored(ranged=self.state.ranges and not fault.whole)
        headers = reply.headers | dict(fault.headers)
        if fault.range_off and "Content-Range" in headers:
            start, end = re.findall(r"\d+", headers["Content-Range"])[:2]
            shifted = f"bytes {int(start) + fault.range_off}-{int(end) + fault.range_off}/"
            headers["Content-Range"] = shifted + headers["Content-Range"].rpartition("/")[2]
        return replace(reply, headers=headers, body=fault.change(reply.body) if fault.change else reply.body)

    def _stored(self, *, ranged: bool) -> Reply:
        state, path = self.state, unquote(urlsplit(self.path).path)
        if self.path in state.queries:
            return replace(state.queries[self.path], headers=dict(state.queries[self.path].headers))
        if path in state.redirects:
            linked = {"X-Linked-ETag": f'"{state.linked[path]}"'} if path in state.linked else {}
            return Reply(302, {"Location": state.redirects[path], **linked}, b"")
        if path not in state.objects or (path in state.whole_only and "Range" in self.headers):
            return Reply(404, {}, b"nothing here")
        data = state.objects[path]
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()[:16]}"'} if state.etags else {}
        if path in state.modified:
            headers["Last-Modified"] = state.modified[path]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if ranged else None
        if not asked:
            return Reply(200, headers, data)
        start, end = int(asked[1]), min(int(asked[2] or len(data)) + 1, len(data))
        if start >= len(data):
            return Reply(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
        return Reply(
            206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}, data[start:end]
        )

    def _send(self, reply: Reply, fault: Fault) -> None:
        chunked = (
            self.command == "GET" and reply.status == 200 and not self.state.lengths and self.state.chunks
        )
        measured = self.state.lengths or reply.status != 200
        reply.headers.pop("Content-Length", None) if self.command == "GET" else None
        self.send_response_only(reply.status)
        if fault.drips_head:
            self._drip(b"X-Slow: %s\r\n" % (b"x" * 250))
        for name, value in ({"Date": self.date_time_string()} | reply.headers).items():
            self.send_header(name, value)
        if measured and "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body) + fault.length_off))
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.close_connection = (
            bool(fault.length_off) or fault.cut_after is not None or not (measured or chunked)
        )
        self.end_headers()
        if fault.drips:
            self._drip(reply.body)
            return
        if self.command != "HEAD":
            self._send_body(
                reply.body if fault.cut_after is None else reply.body[: fault.cut_after], fault, chunked
            )

    def _send_body(self, body: bytes, fault: Fault, chunked: bool) -> None:
        size = max(1, -(-len(body) // fault.pieces))
        for at in range(0, len(body), size):
            piece = body[at : at + size]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            time.sleep(0.001 if fault.pieces > 1 else 0)
        if chunked and fault.cut_after is None:
            self.wfile.write(b"0\r\n\r\n")
        if fault.reset:
            self._lose()

    def _drip(self, data: bytes) -> None:
        """Send a byte at a time until the client has gone."""
        self.flush_headers()
        for at in range(len(data)):
            self.wfile.write(data[at : at + 1])
            time.sleep(0.002)

    def _lose(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


def _is_held(line: socket.socket) -> bool:
    """Whether the client has not closed its end: the thread that serves it hears of that a moment later."""
    place = line.fileno()
    if place < 0:
        return False
    ends = select.poll()
    ends.register(place, select.POLLRDHUP)
    return not ends.poll(0)


def _refusal(fault: Fault) -> Reply:
    named = {"Retry-After": fault.retry_after, "RateLimit": fault.limit}
    headers = {name: value for name, value in named.items() if value} | dict(fault.headers)
    told = f"<Error><Code>{fault.code}</Code><Message>{fault.code}</Message></Error>" if fault.code else ""
    return Reply(fault.status, headers, told.encode())
