"""Connections to web sites ("lines"), and the replies that come over them.

A line holds a slot of its host for as long as its socket is open. An idle line is kept for a moment, for the
next request of this process, unless others wait for a slot. Sockets do not survive the fork that makes a
Spark worker: a child has lines of its own.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from presswatch_spark.storage.exchanges import Peer, peer_of
from presswatch_spark.storage.web.addresses import require_public_peer
from presswatch_spark.storage.web.shared_hosts import Slot, Slots

IDLE_SECONDS = 5.0
LOOK_SECONDS = 0.1
PARTING_SECONDS = 0.25
_OPENING = threading.local()
_LINES: weakref.WeakSet[Line] = weakref.WeakSet()
READ_AT_ONCE = 1 << 18


class SlowAnswerError(HTTPError):
    """The head of an answer took too long, though bytes of it kept coming."""


class Line:
    """One connection, or none yet; used by one request at a time."""

    def __init__(self, manager: urllib3.PoolManager, slot: Slot) -> None:
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        self._manager, self._slot = manager, slot
        self._connection: HTTPConnection | None = None
        # A second handle of the same socket: nothing else can shut what TLS wraps, or what is being read.
        self._handle: socket.socket | None = None
        self._late = False
        # A proxy may have any address: the user named it.
        self._is_direct = not isinstance(manager, urllib3.ProxyManager)
        self._is_guarded = False
        self.idle_since = 0.0
        _LINES.add(self)

    @property
    def is_open(self) -> bool:
        """Return whether the connection may be used for another request."""
        return self._connection is not None and self._connection.sock is not None

    @property
    def peer(self) -> Peer:
        """Return who is at the other end of the connection; of a closed one nothing is known."""
        connection = self._connection
        return peer_of((connection and connection.sock) or self._handle)

    def request(
        self, method: str, uri: str, headers: dict[str, str], seconds: float, *, is_guarded: bool = False
    ) -> urllib3.BaseHTTPResponse:
        """Return the reply to one request; `HTTPError` if its whole head does not come within `seconds`.

        `is_guarded`: nothing is sent to an address that is not public (`PrivateAddressError`).
        """
        self._is_guarded = is_guarded and self._is_direct
        if self._is_guarded and self.is_open and self._handle is not None:
            require_public_peer(self._handle)
        with self._within(seconds):
            reply = self._manager.request(
                method,
                uri,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        if self._late:
            # A head that is cut looks like one that has ended.
            reply.close()
            raise SlowAnswerError
        return reply

    def exchange(
        self, method: str, uri: str, headers: dict[str, str], body: bytes, seconds: float, most: int
    ) -> tuple[int, bytes]:
        """Return status and body of a small answer, both of which must come within `seconds`.

        No more than `most` + 1 bytes of the body are kept. `HTTPError` as `request`.
        """
        with self._within(seconds):
            reply = self._manager.request(
                method, uri, body=body, headers=headers, retries=False, redirect=False, preload_content=False
            )
            data = b""
            while len(data) <= most and (part := reply.read1(most)):
                data += part
        if self._late:
            raise SlowAnswerError
        return reply.status, data[: most + 1]

    def opened(self, connection: HTTPConnection, plain: socket.socket) -> None:
        """Take the connection that was made for the request under way: from now on its answer is timed."""
        self._hang_up()
        if self._is_guarded:
            require_public_peer(plain)
        self._connection, self._handle = connection, plain.dup()
        if self._late:
            _shut(self._handle)

    def close(self) -> None:
        """Close the connection, and let others have the slot once the site has closed its end."""
        is_idle = self.is_open
        self._manager.clear()
        if is_idle and self._handle is not None:
            with suppress(OSError):
                self._handle.shutdown(socket.SHUT_WR)
                self._handle.settimeout(PARTING_SECONDS)
                self._handle.recv(1)
        self._hang_up()
        self._slot.release()

    def forget(self) -> None:
        """Leave the connection to the parent, in a child."""
        if self._handle is not None:
            self._handle.close()
        self._handle = None

    def _hang_up(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            _shut(handle)
            handle.close()

    def _run_late(self) -> None:
        self._late = True
        if self._handle is not None:
            _shut(self._handle)

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Shut the connection if the block takes longer: a read of bytes that drip never times out."""
        self._late = False
        timer = threading.Timer(seconds, self._run_late)
        timer.daemon = True
        timer.start()
        _OPENING.line = self
        try:
            yield
        except (HTTPError, OSError) as error:
            if self._late:
                raise SlowAnswerError from error
            raise
        finally:
            timer.cancel()


class Lines:
    """The lines of this process to one host. `make` returns what a new line connects with."""

    def __init__(self, slots: Slots, make: Callable[[], urllib3.PoolManager]) -> None:
        self._slots, self._make = slots, make
        # A reply that nobody closed may be collected at any moment, and gives its line back then.
        self._guard = threading.RLock()
        self._idle: list[Line] = []
        self._is_watched = False

    def take(self, step_aside: Callable[[], None]) -> Line:
        """Return a line that nobody uses; wait until one more may be open. See `Slots.take`."""
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return Line(self._make(), self._slots.take(step_aside))

    def give_back(self, line: Line) -> None:
        """Keep a line for the next request, or close it if it is closed already or others wait."""
        if not line.is_open or self._slots.wanted():
            line.close()
            return
        line.idle_since = time.monotonic()
        with self._guard:
            self._idle.append(line)
            if not self._is_watched:
                self._is_watched = True
                threading.Thread(target=self._close_idle, name="idle lines", daemon=True).start()

    def _close_idle(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            wanted, now = self._slots.wanted(), time.monotonic()
            with self._guard:
                old = [line for line in self._idle if wanted or now - line.idle_since > IDLE_SECONDS]
                self._idle = [line for line in self._idle if line not in old]
                self._is_watched = bool(self._idle)
                over = not self._idle
            for line in old:
                line.close()
            if over:
                return


def _shut(handle: socket.socket) -> None:
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _timed(kind: type[HTTPConnection]) -> type[HTTPConnection]:
    """Return that kind of connection, which also tells the line of its request what it opened."""

    class Timed(kind):  # type: ignore[misc, valid-type]
        def _new_conn(self) -> socket.socket:
            plain: socket.socket = super()._new_conn()
            try:
                _OPENING.line.opened(self, plain)
            except BaseException:
                plain.close()
                raise
            return plain

    return Timed


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls: Any = _timed(HTTPConnection)


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls: Any = _timed(HTTPSConnection)


def _forget_in_child() -> None:
    for line in list(_LINES):
        line.forget()


os.register_at_fork(after_in_child=_forget_in_child)


class Reply:
    """A reply whose head is here; it keeps its line until it is closed.

    `uri`: where it came from, after redirects. `sent_at`: when the request was sent, in seconds since 1970.
    `sha256`: as replies on the way to it declared.
    """

    def __init__(
        self, raw: urllib3.BaseHTTPResponse, line: Line, lines: Lines, uri: str, sent_at: float
    ) -> None:
        self._raw, self._lines, self._process = raw, lines, os.getpid()
        self._line: Line | None = line
        self.uri, self.sent_at = uri, sent_at
        self.status, self.headers = raw.status, raw.headers
        self.location = raw.get_redirect_location() or None
        self.sha256: str | None = None

    def read(self, n: int, /) -> bytes:
        """Return up to `n` bytes that are here; wait only if none are. `b""` at the end."""
        return self._raw.read1(min(n, READ_AT_ONCE), decode_content=False) or b""

    def close(self) -> None:
        """Let go of the line; another request may use it if the reply was read to its end."""
        line, self._line = self._line, None
        # In a child it is the parent's.
        if line is not None and self._process == os.getpid():
            if getattr(self._raw, "length_remaining", None) == 0:
                self._raw.drain_conn()
            self._raw.close()
            self._lines.give_back(line)

    def __del__(self) -> None:
        self.close()
