"""Records of requests and the heads of their answers, for listeners within the process.

They lack headers with credentials, and the query of an address, which may be a signature.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from presswatch_spark.core.redaction import redacted
from presswatch_spark.core.terminal import utc
from presswatch_spark.storage.uris import shown_uri

REQUEST_TOLD = frozenset({"accept-encoding", "host", "if-match", "if-none-match", "range", "user-agent"})
"""Headers of requests that are recorded; all others may hold credentials."""
SECRET = frozenset({"set-cookie", "set-cookie2", "authentication-info", "proxy-authenticate"})
"""Headers of answers that are not recorded."""
LEADING = frozenset({"location", "content-location", "link", "refresh"})
"""Headers of answers that contain addresses."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """The peer that answered: both ends (`host:port`); version, cipher and certificates (DER) of TLS."""

    local: str | None = None
    remote: str | None = None
    tls: str | None = None
    cipher: str | None = None
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the head of its answer, or its `failure`; times in seconds since 1970, local clock."""

    method: str
    uri: str
    request: Headers
    sent_at: float
    answered_at: float
    status: int | None = None
    headers: Headers = ()
    failure: str = ""
    peer: Peer = Peer()


_LISTENERS: list[Callable[[Exchange], None]] = []


@contextmanager
def exchanges_recorded() -> Iterator[list[Exchange]]:
    """Yield a list that gets the exchanges of all threads of this process until the block ends."""
    heard = list[Exchange]()
    listener = heard.append
    _LISTENERS.append(listener)
    try:
        yield heard
    finally:
        _LISTENERS.remove(listener)


def is_recording() -> bool:
    """Return whether exchanges are being recorded."""
    return bool(_LISTENERS)


def record_exchange(
    method: str,
    uri: str,
    request: Mapping[str, str],
    sent_at: float,
    status: int | None = None,
    headers: Iterable[tuple[str, str]] = (),
    failure: str = "",
    peer: Peer | None = None,
) -> None:
    """Give an exchange to all listeners."""
    if not _LISTENERS:
        return
    sent = tuple((name, str(value)) for name, value in request.items() if name.lower() in REQUEST_TOLD)
    came = list[tuple[str, str]]()
    for name, value in headers:
        if name.lower() in SECRET:
            continue
        address, mark, _ = value.partition("?") if name.lower() in LEADING else (value, "", "")
        came.append((name, f"{redacted(address)}{mark}{'…' if mark else ''}"))
    exchange = Exchange(
        method, shown_uri(uri), sent, sent_at, time.time(), status, tuple(came), failure, peer or Peer()
    )
    for listener in list(_LISTENERS):
        listener(exchange)


def peer_of(sock: Any) -> Peer:
    """Return the peer of a socket, as far as the socket knows it."""
    local = remote = tls = cipher = None
    certificates: tuple[bytes, ...] = ()
    with suppress(OSError, AttributeError):
        local, remote = _address(sock.getsockname()), _address(sock.getpeername())
    with suppress(OSError, AttributeError, ValueError, TypeError):
        tls, cipher = sock.version(), sock.cipher()[0]
        certificates = (sock.getpeercert(True),)
        # Python gives the whole chain since 3.13, and by a private method since 3.10; its format 2 is DER.
        chain = getattr(sock, "get_unverified_chain", None) or sock._sslobj.get_unverified_chain
        certificates = tuple(
            each if isinstance(each, bytes) else each.public_bytes(2) for each in chain() or certificates
        )
    return Peer(local, remote, tls, cipher, certificates)


def seconds_of_date(value: str) -> float | None:
    """Return an HTTP date in seconds since 1970, as UTC if it names no zone; None if it is no date."""
    try:
        return utc(parsedate_to_datetime(value)).timestamp() if value else None
    except (ValueError, TypeError, OverflowError):
        return None


def clock_ahead(date: str, at: float) -> float | None:
    """Return the seconds by which a server's `Date` is ahead of `at` (since 1970); None if it is no date."""
    servers_time = seconds_of_date(date)
    return None if servers_time is None else round(servers_time - at, 3)


def _address(address: Any) -> str | None:
    if not isinstance(address, tuple) or len(address) < 2:
        return None
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
