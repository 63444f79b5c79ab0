"""The protocol of a bag: machine, account, network, times and servers, as in a bailiff's record of a page.

Names are resolved again when the bag is made. Addresses, certificates and clocks are those of the exchanges
themselves. Nothing here contains a credential.
"""

import getpass
import hashlib
import json
import platform
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
    lines, certificates = list[str](), set[bytes]()
    for each in sorted(exchanges, key=lambda each: (each.sent_at, each.uri)):
        peer = each.peer
        certificates.update(peer.certificates)
        noted = {
            "method": each.method,
            "uri": _storable(each.uri),
            "request_headers": [[name, _storable(value)] for name, value in each.request],
            "sent_at": _moment(each.sent_at),
            "answered_at": _moment(each.answered_at),
            "status": each.status,
            "headers": [[_storable(name), _storable(value)] for name, value in each.headers],
            "failure": each.failure or None,
            "local": peer.local,
            "remote": peer.remote,
            "tls": peer.tls,
            "cipher": peer.cipher,
            "certificates": [hashlib.sha256(der).hexdigest() for der in peer.certificates],
        }
        lines.append(f"{canonical_form(noted)}\n")
    bag.write(EXCHANGES, "".join(lines).encode())
    for der in certificates:
        name = f"{CERTIFICATES}/{hashlib.sha256(der).hexdigest()}.pem"
        bag.write(name, ssl.DER_cert_to_PEM_cert(der).encode())


def protocol_of(
    exchanges: Sequence[Exchange], began_at: datetime, command: Sequence[str] | None
) -> dict[str, Any]:
    """Return the facts of the machine, and of each server that answered.

    Args:
        command: the command line; its credentials are left out.
    """
    account, by_host = None, dict[str, list[Exchange]]()
    with suppress(OSError, KeyError):
        account = getpass.getuser()
    for each in exchanges:
        try:
            host = urlsplit(each.uri).netloc or each.uri
        except ValueError:
            host = each.uri
        by_host.setdefault(host, []).append(each)
    proxies = {
        name: bare_url(url if "://" in url else f"http://{url}")
        for name, url in sorted(getproxies().items())
        if name != "no"
    }
    return {
        "began_at": _moment(began_at.timestamp()),
        "ended_at": _moment(time.time()),
        "time_zone": time.strftime("%Z %z"),
        "account": account,
        "host": socket.gethostname(),
        "system": platform.platform(),
        "command": redacted_command(command) if command else None,
        "addresses": sorted({each.peer.local for each in exchanges if each.peer.local}),
        "proxies": proxies,
        "tls_library": ssl.OPENSSL_VERSION,
        "servers": [_server(host, some) for host, some in sorted(by_host.items())],
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


def _server(host: str, exchanges: Sequence[Exchange]) -> Mapping[str, Any]:
    """Return the facts of a server; how far its clock is ahead is the median of its answers."""
    offsets = list[float]()
    for each in exchanges:
        dates = (value for name, value in each.headers if name.lower() == "date")
        offset = clock_ahead(next(dates, ""), each.answered_at)
        if offset is not None:
            offsets.append(offset)
    resolved: list[str] | str
    try:
        name = urlsplit(f"//{host}").hostname or host
        resolved = sorted({str(each[4][0]) for each in socket.getaddrinfo(name, None)})
    except (OSError, UnicodeError) as error:
        resolved = f"cannot be resolved ({type(error).__name__})"
    certificates = {der for each in exchanges for der in each.peer.certificates}
    return {
        "host": host,
        "requests": len(exchanges),
        "resolves_to": resolved,
        "answered_from": sorted({each.peer.remote for each in exchanges if each.peer.remote}),
        "tls": sorted({each.peer.tls for each in exchanges if each.peer.tls}),
        "certificates": sorted(hashlib.sha256(der).hexdigest() for der in certificates),
        "clock_ahead_seconds": round(median(offsets), 3) if offsets else None,
    }


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _storable(text: str) -> str:
    return json.loads(json.dumps(text.encode("utf-8", "backslashreplace").decode()))  # type: ignore[no-any-return]
