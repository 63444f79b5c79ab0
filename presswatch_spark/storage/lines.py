"""Lines to web sites: one connection each, that holds a slot of its host as long as its socket is open.

A line that is idle is kept for a moment, for the next request of this process, unless others wait for a slot.
Sockets do not survive the fork that makes a Spark worker: a child has lines of its own.
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

from presswatch_spark.storage.slots import Slot, Slots

IDLE_SECONDS = 5.0
LOOK_SECONDS = 0.1
PARTING_SECONDS = 0.25

_OPENING = threading.local()
_LINES: weakref.WeakSet[Line] = weakref.WeakSet()


class SlowAnswerError(HTTPError):
    """The head of an answer took too long, though some of it came now and then."""


class Line:
    """One connection, or none yet; used by one request at a time."""

    def __init__(self, manager: urllib3.PoolManager, slot: Slot) -> None:
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        self._manager, self._slot = manager, slot
        self._connection: HTTPConnection | None = None
        # Of the same socket: what TLS wraps, and what is being read, can be shut by nothing else.
        self._handle: socket.socket | None = None
        self._late = False
        self.idle_since = 0.0
        _LINES.add(self)

    @property
    def is_open(self) -> bool:
        """Whether the connection may be used for another request."""
        return self._connection is not None and self._connection.sock is not None

    def request(
        self, method: str, uri: str, headers: dict[str, str], seconds: float
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; the reply once its head is here, its body unread. Redirects are not followed.

        Raises:
            HTTPError: no reply came, or its head not within `seconds`.
        """
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

    def opened(self, connection: HTTPConnection, plain: socket.socket) -> None:
        """A connection was made for the request that is under way; from now on its answer is timed."""
        self._hang_up()
        self._connection, self._handle = connection, plain.dup()
        if self._late:
            _shut(self._handle)

    def close(self) -> None:
        """Close the connection, and let others have the slot once the site has seen that, too."""
        is_idle = self.is_open
        self._manager.clear()
        if is_idle and self._handle is not None:
            _part(self._handle)
        self._hang_up()
        self._slot.release()

    def forget(self) -> None:
        """In a child: leave the connection to the parent."""
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
        """Shut the connection if the block takes longer: a read of a line that drips never times out."""
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
            _OPENING.line = None


class Lines:
    """The lines of this process to one host. `make` gives what a new line connects with."""

    def __init__(self, slots: Slots, make: Callable[[], urllib3.PoolManager]) -> None:
        self._slots, self._make = slots, make
        # A reply that nobody closed may be collected, and give its line back, in the middle of anything.
        self._guard = threading.RLock()
        self._idle: list[Line] = []
        self._is_watched = False

    def take(self, step_aside: Callable[[], None]) -> Line:
        """A line that nobody uses; waits until there may be one more. See `Slots.take`."""
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return Line(self._make(), self._slots.take(step_aside))

    def give_back(self, line: Line) -> None:
        """The request that used it is done."""
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
        """Close idle lines when others wait for their slots, and after a while."""
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


def _part(handle: socket.socket) -> None:
    """Say that nothing more comes, and wait for the other side to say so, too."""
    with suppress(OSError):
        handle.shutdown(socket.SHUT_WR)
        handle.settimeout(PARTING_SECONDS)
        handle.recv(1)


def _shut(handle: socket.socket) -> None:
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _opened(connection: HTTPConnection, plain: socket.socket) -> socket.socket:
    line: Line | None = getattr(_OPENING, "line", None)
    if line is not None:
        line.opened(connection, plain)
    return plain


class _Http(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _opened(self, super()._new_conn())


class _Https(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _opened(self, super()._new_conn())


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls: Any = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls: Any = _Https


def _forget_in_child() -> None:
    for line in list(_LINES):
        line.forget()


os.register_at_fork(after_in_child=_forget_in_child)
