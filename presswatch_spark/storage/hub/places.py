"""Where the files of a hub are: a resolver is asked once a file, and its answer holds until it expires.

A large file lies in a store of another host, at a signed address that works for some minutes or hours. All
ranges are read there, without the token. A small file may come from the hub itself, and is kept as it came.
What is kept here lives as long as the process: a signed address is a secret, too.
"""

import os
import threading
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from presswatch_spark.errors import StorageError
from presswatch_spark.storage.hub.addresses import HubAddress
from presswatch_spark.storage.hub.hub import Hub, target_of, whole_body
from presswatch_spark.storage.web.connections import Reply
from presswatch_spark.storage.web.https import SHA256, declared_sha256, length_of, validator_of

PLACES_KEPT, FILES_KEPT = 4096, 4
WHOLE_BYTES = 16 << 20
"""A file that the hub itself gives is kept whole up to this size; a hub stores 10 MB that way at most."""
REDIRECTS_MAX = 4
FACTS = ("X-Repo-Commit", "X-Linked-Size", "X-Linked-ETag", "X-Error-Code", "X-Error-Message")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class HubFile:
    """Where a file is, and what the hub says of it.

    `url` is signed where `at_hub` is false: never print or write it. `content`: all bytes of a small file.
    `etag` and `sha256` are the hub's, as in `ObjectInfo`. `facts`: headers that say so.
    """

    url: str = field(repr=False)
    at_hub: bool
    size: int | None
    etag: str | None
    sha256: str | None
    facts: tuple[tuple[str, str], ...] = ()
    content: bytes | None = field(default=None, repr=False)


class _Kept(Generic[Value]):
    """The values that were used last, up to a number of them."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._guard = threading.Lock()
        self._values: OrderedDict[tuple[str, str], Value] = OrderedDict()

    def get(self, key: tuple[str, str]) -> Value | None:
        with self._guard:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: tuple[str, str], value: Value) -> None:
        with self._guard:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._number:
                self._values.popitem(last=False)

    def drop(self, key: tuple[str, str]) -> None:
        with self._guard:
            self._values.pop(key, None)

    def clear(self) -> None:
        with self._guard:
            self._values.clear()

    def begin_anew(self) -> None:
        """Give a child of a fork a lock of its own: the parent's may be held there for ever."""
        self._guard = threading.Lock()


_PLACES, _FILES = _Kept[HubFile](PLACES_KEPT), _Kept[HubFile](FILES_KEPT)


def known_place(hub: Hub, address: HubAddress) -> HubFile | None:
    """Return where a file was when the hub was asked last; None if that is not known.

    Ask this of addresses with a commit alone, unless what a branch gave before will do.
    """
    key = (hub.endpoint, str(address))
    return _FILES.get(key) or _PLACES.get(key)


def forget_place(hub: Hub, address: HubAddress) -> None:
    """Forget an address that no longer works."""
    for kept in (_FILES, _PLACES):
        kept.drop((hub.endpoint, str(address)))


def forget_places() -> None:
    """Forget all addresses: what a hub said before may no longer be what it says."""
    for kept in (_FILES, _PLACES):
        kept.clear()


def place_of(hub: Hub, address: HubAddress) -> HubFile:
    """Return where a file is; the hub is asked only if that is not known.

    Raises:
        MissingError, DeniedError, StorageError: what the hub's refusal means.
        BlockedError: the hub is to be asked nothing more.
    """
    known = known_place(hub, address)
    if known is not None:
        return known
    url = address.resolver(hub.endpoint)
    return kept_place(hub, address, hub.required(url, address))


def kept_place(hub: Hub, address: HubAddress, reply: Reply) -> HubFile:
    """Return, and keep, the place that a reply of the resolver names; the reply is closed.

    The hub may send us on to another of its own addresses first.
    """
    url, facts = address.resolver(hub.endpoint), dict[str, str]()
    for _ in range(REDIRECTS_MAX):
        facts = {name: reply.headers[name] for name in FACTS if name in reply.headers} | facts
        if reply.location is None:
            return _at_hub(hub, address, reply, url, facts)
        reply.close()
        url = target_of(url, reply.location, address)
        if not hub.owns(url):
            size, etag = facts.get("X-Linked-Size", ""), facts.get("X-Linked-ETag", "").strip('"')
            sha256 = etag.lower() if SHA256.fullmatch(etag.lower()) else None
            place = HubFile(
                url,
                False,
                int(size) if size.isdecimal() else None,
                etag or None,
                sha256,
                tuple(facts.items()),
            )
            _PLACES.put((hub.endpoint, str(address)), place)
            return place
        reply = hub.required(url, address)
    reply.close()
    raise StorageError("the hub redirects in a circle", where=str(address), remedy="run again later")


def _at_hub(hub: Hub, address: HubAddress, reply: Reply, url: str, facts: dict[str, str]) -> HubFile:
    """Return the place of a file that the hub itself gives; a small one is taken as it comes."""
    if reply.status == 206:
        reply.close()
        where = str(address)
        raise StorageError("the hub sent a part of the file unasked", where=where, remedy="run again later")
    size, content = length_of(reply), None
    is_small = size is not None and size <= WHOLE_BYTES
    with closing(reply):
        if is_small:
            content = whole_body(reply, address)
    if is_small and content is None:
        content = hub.whole(url, address)[0]
    place = HubFile(
        url, True, size, validator_of(reply), declared_sha256(reply), tuple(facts.items()), content
    )
    (_PLACES if content is None else _FILES).put((hub.endpoint, str(address)), place)
    return place


def _after_fork() -> None:
    for renew in (_PLACES.begin_anew, _FILES.begin_anew):
        renew()


os.register_at_fork(after_in_child=_after_fork)
