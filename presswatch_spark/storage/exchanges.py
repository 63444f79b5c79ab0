"""What was asked of servers and what they answered, for whoever keeps records of it.

Nothing is kept unless somebody listens. Headers that hold credentials are never told, and addresses are told
without what follows `?`, which may be a signature.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from presswatch_spark.redaction import redacted
from presswatch_spark.storage.uris import printable
from presswatch_spark.terminal import utc

REQUEST_TOLD = frozenset({"accept-encoding", "host", "if-match", "if-none-match", "range", "user-agent"})
"""Headers of requests that are told; all others may hold credentials."""
SECRET = frozenset({"set-cookie", "set-cookie2", "authentication-info", "proxy-authenticate"})
"""Headers of answers that are not told."""

LEADING = frozenset({"location", "content-location", "link", "refresh"})
"""Headers of answers that hold addresses."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who answered: addresses of both ends (`host:port`), and of TLS its version, cipher, certificates.

    `certificates`: in DER, the server's own first; empty without TLS, or if Python does not say.
    """

    local: str | None = None
    remote: str | None = None
    tls: str | None = None
    cipher: str | None = None
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the head of its answer. `status` is None, and `failure` says why, if none came.

    `sent_at` and `answered_at` are in seconds since 1970, by the clock of this machine.
    """

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
def exchanges_heard() -> Iterator[list[Exchange]]:
    """Give a list that gets all exchanges of this process, of all its threads, until the block ends."""
    heard = list[Exchange]()
    listener = heard.append
    _LISTENERS.append(listener)
    try:
        yield heard
    finally:
        _LISTENERS.remove(listener)


def is_heard() -> bool:
    """Return whether anybody listens."""
    return bool(_LISTENERS)


def tell_exchange(
    method: str,
    uri: str,
    request: Mapping[str, str],
    sent_at: float,
    status: int | None = None,
    headers: Iterable[tuple[str, str]] = (),
    failure: str = "",
    peer: Peer | None = None,
) -> None:
    """Tell those who listen of an exchange."""
    told = tuple((name, str(value)) for name, value in request.items() if name.lower() in REQUEST_TOLD)
    came = tuple((name, _harmless(name, value)) for name, value in headers if name.lower() not in SECRET)
    exchange = Exchange(
        method, printable(uri), told, sent_at, time.time(), status, came, failure, peer or Peer()
    )
    for listener in list(_LISTENERS):
        listener(exchange)


def _harmless(name: str, value: str) -> str:
    """Return the value of a header; where it leads without user and query, which may be a signature."""
    address, mark, _ = value.partition("?") if name.lower() in LEADING else (value, "", "")
    return f"{redacted(address)}{mark}{'…' if mark else ''}"


def peer_of(sock: Any) -> Peer:
    """Return who is at the other end of a socket, so far as it says."""
    local = remote = tls = cipher = None
    certificates: tuple[bytes, ...] = ()
    with suppress(OSError, AttributeError):
        local, remote = _address(sock.getsockname()), _address(sock.getpeername())
    with suppress(OSError, AttributeError, ValueError, TypeError):
        tls, cipher = sock.version(), sock.cipher()[0]
        certificates = (sock.getpeercert(True),)
        certificates = _chain(sock) or certificates
    return Peer(local, remote, tls, cipher, certificates)


def _chain(sock: Any) -> tuple[bytes, ...]:
    """Return all certificates that the server sent; Python says it since 3.13, and privately since 3.10."""
    if hasattr(sock, "get_unverified_chain"):
        return tuple(sock.get_unverified_chain())
    chain = getattr(getattr(sock, "_sslobj", None), "get_unverified_chain", None)
    return tuple(_der(each) for each in chain() or ()) if chain else ()


def _der(certificate: Any) -> bytes:
    """Return a certificate of Python's own kind in DER, which is its form number 2."""
    data: bytes = certificate if isinstance(certificate, bytes) else certificate.public_bytes(2)
    return data


def seconds_of_date(value: str) -> float | None:
    """Return a date of HTTP in seconds since 1970; without a zone it is taken as UTC. None if it is none."""
    try:
        return utc(parsedate_to_datetime(value)).timestamp() if value else None
    except (ValueError, TypeError, OverflowError):
        return None


def clock_ahead(date: str, at: float) -> float | None:
    """Return by how many seconds a server's clock is ahead of ours; None if it does not give its time.

    Args:
        date: the header `Date` of its answer, which counts whole seconds.
        at: our time for the same moment, in seconds since 1970.
    """
    servers_time = seconds_of_date(date)
    return None if servers_time is None else round(servers_time - at, 3)


def _address(address: Any) -> str | None:
    """Return the address of a socket; None for one that has none."""
    if not isinstance(address, tuple) or len(address) < 2:
        return None
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
