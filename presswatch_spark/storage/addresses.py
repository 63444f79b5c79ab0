"""Network addresses that only a user may name: those of this machine, and of the networks that it is in.

Otherwise, redirects and lists could lead there. The connection's address decides; a host name proves nothing.
"""

import socket
import time
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError

from presswatch_spark.storage.objects import RawResponse, StorageOptions
from presswatch_spark.storage.uris import host_of, is_web

RESOLVED_SECONDS = 60.0
"""Time for which a name counts as resolved; the address of each connection is checked anyway."""
_TRANSLATED = ip_network("64:ff9b::/96"), ip_network("::/96")
"""IPv6 networks whose last 32 bits are an IPv4 address."""


class PrivateAddressError(HTTPError):
    """Data, not the user, names a host of this machine or of its network."""


def name_of(uri: str) -> str:
    """Return the host name of a URL, in lower case and without a final dot."""
    return (urlsplit(uri).hostname or "").lower().rstrip(".")


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet; scope identifiers are ignored."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if any(found in network for network in _TRANSLATED):
            inside = IPv4Address(int(found) & 0xFFFFFFFF)
        found = inside or found
    return found.is_global and not found.is_multicast


def other_host(answer: RawResponse, uri: str) -> str | None:
    """Return the host that answered for a URL, if a redirect led to another one; else None."""
    if not is_web(uri) or host_of(answer.uri) == host_of(uri):
        return None
    return host_of(answer.uri)


def is_private(uri: str, options: StorageOptions) -> bool:
    """Return whether the host of a URL has an address that is not public, and no setting names that host.

    A host that cannot be resolved is not private: a connection to it fails unless a proxy resolves it.
    """
    moment = int(time.monotonic() / RESOLVED_SECONDS)
    return name_of(uri) not in options.private_hosts and not _has_public_addresses(host_of(uri), moment)


@lru_cache(maxsize=256)
def _has_public_addresses(host: str, moment: int) -> bool:
    """Return False if a host (`name:port`) resolves now, and to an address that is not public."""
    name, _, port = host.rpartition(":")
    try:
        found = socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return True
    return all(is_public(str(address[0])) for *_, address in found)
