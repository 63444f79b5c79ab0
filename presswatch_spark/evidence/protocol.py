"""What a bailiff's record of a visit to a web site states: the machine, the way, the time, and who answered.

Names are resolved again when the bag is made. Addresses, certificates and clocks are those of the exchanges
themselves. Nothing here holds a credential.
"""

import getpass
import hashlib
import json
import platform
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from presswatch_spark.evidence.bag import Bag
from presswatch_spark.redaction import bare_url, redacted_command
from presswatch_spark.runs.provenance import commit, packages
from presswatch_spark.storage.exchanges import Exchange, clock_ahead
from presswatch_spark.tables.digests import canonical_form
from presswatch_spark.version import __version__

PROTOCOL, EXCHANGES = "data/protocol.json", "data/http/exchanges.jsonl"
CERTIFICATES = "data/http/certificates"
PROGRAM, PACKAGES = "data/program.json", "data/packages.txt"


def write_exchanges(bag: Bag, exchanges: Sequence[Exchange]) -> None:
    """Write every request with the head of its answer, a line each, in the order of sending."""
    ordered = sorted(exchanges, key=lambda each: (each.sent_at, each.uri))
    bag.write(EXCHANGES, "".join(f"{canonical_form(_exchange(each))}\n" for each in ordered).encode())
    for certificate in {der for each in exchanges for der in each.peer.certificates}:
        pem = ssl.DER_cert_to_PEM_cert(certificate).encode()
        bag.write(f"{CERTIFICATES}/{hashlib.sha256(certificate).hexdigest()}.pem", pem)


def protocol_of(
    exchanges: Sequence[Exchange], began_at: datetime, command: Sequence[str] | None
) -> dict[str, Any]:
    """Return who asked, by what way, when, and who answered.

    Args:
        command: the command line; it is told without credentials.
    """
    return {
        "began_at": _moment(began_at.timestamp()),
        "ended_at": _moment(time.time()),
        "time_zone": time.strftime("%Z %z"),
        "account": _account(),
        "host": socket.gethostname(),
        "system": platform.platform(),
        "command": redacted_command(command) if command else None,
        "addresses": sorted({each.peer.local for each in exchanges if each.peer.local}),
        "proxies": {name: _proxy(url) for name, url in sorted(getproxies().items()) if name != "no"},
        "tls_library": ssl.OPENSSL_VERSION,
        "servers": [_server(host, some) for host, some in sorted(_by_host(exchanges).items())],
    }


def program_of() -> dict[str, Any]:
    """Return the version of this program, of its source, and of Python."""
    return {
        "tool": "presswatch-spark",
        "version": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def write_protocol(bag: Bag, protocol: Mapping[str, Any], program: Mapping[str, Any]) -> None:
    """Write protocol and program, and the versions of all packages that it needs."""
    bag.write_json(PROTOCOL, protocol)
    bag.write_json(PROGRAM, program)
    bag.write(PACKAGES, "".join(f"{pin}\n" for pin in packages()).encode())


def _account() -> str | None:
    """Return the name of the account that this program runs under; None if the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None


def clock_offsets(exchanges: Iterable[Exchange]) -> Iterator[float]:
    """Yield by how many seconds servers' clocks were ahead of ours; their dates count whole seconds."""
    for each in exchanges:
        dates = (value for name, value in each.headers if name.lower() == "date")
        offset = clock_ahead(next(dates, ""), each.answered_at)
        if offset is not None:
            yield offset


def _exchange(exchange: Exchange) -> dict[str, Any]:
    peer = exchange.peer
    return {
        "method": exchange.method,
        "uri": _storable(exchange.uri),
        "request_headers": [[name, _storable(value)] for name, value in exchange.request],
        "sent_at": _moment(exchange.sent_at),
        "answered_at": _moment(exchange.answered_at),
        "status": exchange.status,
        "headers": [[_storable(name), _storable(value)] for name, value in exchange.headers],
        "failure": exchange.failure or None,
        "local": peer.local,
        "remote": peer.remote,
        "tls": peer.tls,
        "cipher": peer.cipher,
        "certificates": [hashlib.sha256(each).hexdigest() for each in peer.certificates],
    }


def _by_host(exchanges: Iterable[Exchange]) -> dict[str, list[Exchange]]:
    found = dict[str, list[Exchange]]()
    for each in exchanges:
        found.setdefault(_host(each.uri), []).append(each)
    return found


def _server(host: str, exchanges: Sequence[Exchange]) -> Mapping[str, Any]:
    offsets = list(clock_offsets(exchanges))
    name = urlsplit(f"//{host}").hostname or host
    return {
        "host": host,
        "requests": len(exchanges),
        "resolves_to": _resolved(name),
        "answered_from": sorted({each.peer.remote for each in exchanges if each.peer.remote}),
        "tls": sorted({each.peer.tls for each in exchanges if each.peer.tls}),
        "certificates": sorted(
            {hashlib.sha256(der).hexdigest() for each in exchanges for der in each.peer.certificates}
        ),
        "clock_ahead_seconds": round(median(offsets), 3) if offsets else None,
    }


def _resolved(name: str) -> list[str] | str:
    """Return the addresses that a name has now, or why nobody can say."""
    try:
        return sorted({str(each[4][0]) for each in socket.getaddrinfo(name, None)})
    except (OSError, UnicodeError) as error:
        return f"cannot be resolved ({type(error).__name__})"


def _host(uri: str) -> str:
    try:
        return urlsplit(uri).netloc or uri
    except ValueError:
        return uri


def _proxy(url: str) -> str:
    return bare_url(url if "://" in url else f"http://{url}")


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _storable(text: str) -> str:
    """Return text that UTF-8 can hold."""
    return json.loads(json.dumps(text.encode("utf-8", "backslashreplace").decode()))  # type: ignore[no-any-return]
