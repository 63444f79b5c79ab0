"""Objects on HTTPS and HTTP, through urllib3."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from presswatch_spark.errors import ConfigError, InputError, PresswatchError, StorageError
from presswatch_spark.storage.contract import (
    CONTENT_RANGE,
    DeniedError,
    MissingError,
    ObjectInfo,
    RangeReply,
    RawResponse,
    StorageOptions,
    pause,
)
from presswatch_spark.storage.exchanges import is_heard, tell_exchange
from presswatch_spark.storage.streams import ByteStream, step_aside
from presswatch_spark.storage.uris import host_of, printable, scheme_of
from presswatch_spark.storage.web.addresses import PrivateAddressError, name_of, require_public
from presswatch_spark.storage.web.connections import READ_AT_ONCE, Line, Lines, Reply, SlowAnswerError
from presswatch_spark.storage.web.manners import BlockedError, Host, HostDecision, tell_silence
from presswatch_spark.storage.web.shared_hosts import Slots, state_of

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
HEAD_REFUSED = frozenset({400, 401, 403, 405, 501})
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
SHA256 = re.compile(r"[0-9a-f]{64}")
REDIRECTS_MAX = 5
CONNECT_ATTEMPTS_MAX = 4
# To one host, from all processes of this machine, unless `max_connections` says another number.
CONNECTIONS = 8
REQUEST_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "presswatch-spark"}


class BadRedirectError(HTTPError):
    """A server redirects to something that is no address of a web site."""


SILENCES = (ReadTimeoutError, SlowAnswerError)
# Another try cannot change these.
FINAL_ERRORS = (SSLError, LocationValueError, BadRedirectError, PrivateAddressError)


class BadRequestError(StorageError):
    """A server takes a request for a wrong one (400): some stores say so of a signature that has expired."""


@dataclass(frozen=True, slots=True)
class HttpStore:
    """Objects of any web server. If it knows no ranges, a broken body is read again from its start.

    `named`: the host name that the user gave, if URIs come from elsewhere. Hosts of other names are asked
    only at public addresses.
    """

    options: StorageOptions
    named: str | None = None
    resumable: ClassVar[bool] = True
    interruptions: ClassVar[tuple[type[Exception], ...]] = (HTTPError, OSError)
    silences: ClassVar[tuple[type[Exception], ...]] = SILENCES

    def stat(self, uri: str) -> ObjectInfo:
        """Describe the object with HEAD, or with its first byte if the server refuses that."""
        reply = self.request("HEAD", uri, {}, alone=True)
        reply.close()
        size = length_of(reply)
        if reply.status in HEAD_REFUSED or (reply.status == 200 and size is None):
            body = self.open_part(ObjectInfo(uri), 0, 1, alone=True)
            body.reader.close()
            return ObjectInfo(uri, body.total, body.etag, body.sha256)
        _require_object(reply, uri)
        return ObjectInfo(uri, size, validator_of(reply), reply.sha256)

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Raise `InputError`: the web has no folders."""
        raise InputError("a web site cannot be listed", where=printable(uri), remedy="name files or a list")

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
        """Ask for a range. The stream compares versions, since not every server knows `If-Match`."""
        return self.open_part(info, start, end, alone=False)

    def open_part(self, info: ObjectInfo, start: int, end: int | None, *, alone: bool) -> RangeReply:
        """Ask for bytes [start, end). `alone`: the object may be refused for itself; see `Host.judge`."""
        reply = self.request("GET", info.uri, range_header(start, end), alone=alone)
        return body_of(reply, info.uri, start)

    def ask(
        self,
        uri: str,
        start: int,
        end: int,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        follow: bool = True,
    ) -> RawResponse:
        """Ask for a range, of whatever version there is; a body that breaks off is asked for again.

        `headers` are sent, too. `follow`: as in `request`.
        """
        asked = {**headers, "Range": f"bytes={start}-{end - 1}"}
        answer = RawResponse(uri, time.time())
        for attempt in range(1, self.options.max_attempts + 1):
            answer = self._answer(uri, start, end, asked, follow=follow)
            if answer.status is None or not answer.failure:
                break
            pause(self.options, attempt)
        return answer

    def ask_whole(self, uri: str, most: int) -> RawResponse:
        """Ask for an object without a range, as a browser does; keep its first `most` bytes."""
        return self._answer(uri, 0, most, {}, follow=True)

    def _answer(self, uri: str, start: int, end: int, asked: dict[str, str], *, follow: bool) -> RawResponse:
        sent_at = time.time()
        try:
            reply = self.request("GET", uri, asked, alone=True, follow=follow)
        except BlockedError:
            raise
        except PresswatchError as error:
            ours = isinstance(error, InputError | ConfigError)
            return RawResponse(uri, sent_at, failure=error.what, ours=ours)
        with closing(reply):
            found = CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
            first = int(found[1]) if reply.status == 206 and found and found[1] else 0
            headers = tuple((str(name), str(value)) for name, value in reply.headers.iteritems())
            # Without ranges the file comes from its beginning: what stands before `start` is not kept.
            ignored = start if reply.status == 200 else 0
            body, failure = _body(reply, ignored, end - start, self.options)
            if ignored:
                first = ignored if body else 0
        return RawResponse(reply.uri, reply.sent_at, reply.status, headers, first, body, failure=failure)

    def read(self, uri: str) -> tuple[bytes, str]:
        """Read the object; its ETag is empty if the server gives neither ETag nor time."""
        with ByteStream(self, ObjectInfo(uri)) as stream:
            return stream.read_to_end(), stream.etag or ""

    def _refuse_write(self, *given: object, **_: object) -> Any:
        """Raise `StorageError` about the last of the URLs: the web is for reading."""
        uri = [each for each in given if isinstance(each, str) and scheme_of(each) in ("http", "https")][-1]
        raise StorageError("cannot write to a web site", where=printable(uri), remedy="use a path or s3://")

    put = write = delete = draft = put_draft = move = remove = _refuse_write

    def request(
        self, method: str, uri: str, headers: dict[str, str], *, alone: bool = False, follow: bool = True
    ) -> Reply:
        """Send until an answer comes that another try cannot change, at most `max_attempts` times.

        Tries that the site asks to repeat later do not count. `alone`: see `Host.judge`. `follow`: redirects
        are followed, and `headers` go along.

        Raises:
            BlockedError: the site must not be asked any more.
        """
        attempt, named = 1, self.named or name_of(uri)
        while True:
            last = attempt >= self.options.max_attempts
            try:
                send = self._send if follow else self._sent
                reply = send(method, uri, headers, named)
            except HTTPError as error:
                unconnected = isinstance(error, NewConnectionError) and attempt >= CONNECT_ATTEMPTS_MAX
                if last or unconnected or isinstance(error, FINAL_ERRORS):
                    raise _unreachable(error, uri) from error
                if isinstance(error, SILENCES):
                    tell_silence(uri, attempt, self.options)
                pause(self.options, attempt)
            else:
                if self._is_judged(reply, named, alone=alone):
                    continue
                if last or reply.status not in PASSING:
                    return reply
                reply.close()
                pause(self.options, attempt)
            attempt += 1

    def _is_judged(self, reply: Reply, named: str, *, alone: bool) -> bool:
        """Return whether to ask again, as the host judges the reply; a reply without use is closed."""
        host = Host(host_of(reply.uri), self.options)
        try:
            verdict = host.judge(reply.uri, reply.status, reply.headers, reply.sent_at, alone=alone)
            if verdict is HostDecision.CANARY:
                reply.close()
                canary = self._sent("GET", host.canary, {"Range": "bytes=0-0"}, named)
                canary.close()
                host.judge_canary(reply.uri, canary.status)
        except BaseException:
            reply.close()
            raise
        if verdict is HostDecision.AGAIN:
            reply.close()
        return verdict is HostDecision.AGAIN

    def _send(self, method: str, uri: str, headers: dict[str, str], named: str) -> Reply:
        """Send a request, and follow redirects; each host is asked in its turn."""
        declared = None
        for _ in range(REDIRECTS_MAX):
            reply = self._sent(method, uri, headers, named)
            location = reply.location
            # A hub says what a file is, and redirects to a store that may know less.
            reply.sha256 = declared = declared or declared_sha256(reply)
            if location is None:
                return reply
            reply.close()
            try:
                uri = urljoin(uri, location)
                leads = urlsplit(uri)
                is_site = leads.scheme in ("http", "https") and leads.hostname and leads.port != 0
            except ValueError as error:  # what the server redirects to cannot be taken apart
                raise BadRedirectError from error
            if not is_site:
                raise BadRedirectError
        return self._sent(method, uri, headers, named)

    def _sent(self, method: str, uri: str, headers: dict[str, str], named: str) -> Reply:
        """Send one request in its turn, over a line of its host.

        Raises:
            PrivateAddressError: the host is not `named`, and has an address that is not public.
        """
        is_guarded = name_of(uri) not in (named, *self.options.private_hosts)
        if is_guarded:
            require_public(uri)
        lines = _lines(host_of(uri), self.options, _ca_bundle(self.options), _proxy(uri), os.getpid())
        host = Host(host_of(uri), self.options)
        while True:
            # Wait for the turn first: a line is for those whose turn it is.
            host.await_turn(uri)
            line = lines.take(step_aside)
            try:
                host.keep_pace()
                sent_at = host.takes_turn(uri)
                if sent_at is not None:
                    raw = self._asked(line, method, uri, headers, is_guarded=is_guarded)
                    return Reply(raw, line, lines, uri, sent_at)
            except BaseException:
                lines.give_back(line)
                raise
            lines.give_back(line)

    def _asked(
        self, line: Line, method: str, uri: str, headers: dict[str, str], *, is_guarded: bool
    ) -> urllib3.BaseHTTPResponse:
        # The connection takes time, and then the head of the answer.
        seconds = self.options.connect_timeout + self.options.read_timeout
        sent, sent_at = REQUEST_HEADERS | headers, time.time()
        try:
            raw = line.request(method, uri, sent, seconds, is_guarded=is_guarded)
            if is_heard():
                peer, came = line.peer, raw.headers.iteritems()
                tell_exchange(method, uri, sent, sent_at, raw.status, came, peer=peer)
            return raw
        except HTTPError as error:
            if is_heard():
                tell_exchange(method, uri, sent, sent_at, failure=type(error).__name__)
            raise
        except ValueError as error:
            raise LocationValueError from error


def range_header(start: int, end: int | None) -> dict[str, str]:
    """Return the header that asks for bytes [start, end); none for all bytes."""
    if not start and end is None:
        return {}
    return {"Range": f"bytes={start}-{'' if end is None else end - 1}"}


def body_of(reply: Reply, uri: str, start: int) -> RangeReply:
    """Return the body of a reply to a request for bytes from `start` on; raise what a refusal means.

    Raises:
        MissingError, DeniedError, StorageError: the reply holds none of the object's bytes.
    """
    found = CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
    total = int(found[2]) if found and found[2] != "*" else None
    if reply.status == 416:
        reply.close()
        return RangeReply(BytesIO(), start, total)
    _require_object(reply, uri)
    if reply.status == 206:
        if not found or found[1] is None or int(found[1]) != start:
            reply.close()
            where = f"{printable(uri)} @ {start}"
            raise StorageError("the server sent another range than asked for", where=where)
        return RangeReply(reply, start, total, validator_of(reply), sha256=reply.sha256)
    size = length_of(reply)
    delimited = size is not None or "chunked" in reply.headers.get("Transfer-Encoding", "").lower()
    return RangeReply(reply, 0, size, validator_of(reply), delimited, reply.sha256)


def _body(reply: Reply, ignored: int, most: int, options: StorageOptions) -> tuple[bytes, str]:
    """Read up to `most` bytes of a reply behind its first `ignored` ones.

    Returns the bytes, and why there are fewer than the reply has, or nothing.
    """
    parts, got, length = list[bytes](), 0, length_of(reply)
    most += ignored
    late = time.monotonic() + options.read_timeout + most / max(1, options.lowest_rate)
    try:
        while got < most and (data := reply.read(min(READ_AT_ONCE, most - got))):
            parts.append(data[max(0, ignored - got) :])
            got += len(data)
            if time.monotonic() > late:
                return b"".join(parts), f"the transfer is too slow: {got:,} bytes came"
    except (HTTPError, OSError) as error:
        return b"".join(parts), f"the transfer broke off after {got:,} bytes ({type(error).__name__})"
    short = length is not None and got < min(length, most)
    return b"".join(parts), f"the transfer ended after {got:,} of {length:,} bytes" if short else ""


def _require_object(reply: Reply, uri: str) -> None:
    if reply.status in {200, 206}:
        return
    reply.close()
    where = printable(uri)
    if reply.status in {404, 410}:
        raise MissingError("there is no such object", where=where, remedy="check the address")
    if reply.status in {401, 403}:
        remedy = "the site wants credentials, or fewer requests"
        raise DeniedError(f"access denied ({reply.status})", where=where, remedy=remedy)
    error = BadRequestError if reply.status == 400 else StorageError
    raise error(f"the server answered {reply.status}", where=where, remedy="run again later")


def _unreachable(reason: Exception, uri: str) -> PresswatchError:
    where = printable(uri)
    if isinstance(reason, SSLError):
        remedy = "give --ca-bundle, or set SSL_CERT_FILE"
        return StorageError("the certificate of the server is not trusted", where=where, remedy=remedy)
    if isinstance(reason, BadRedirectError):
        return StorageError("the server redirects to no web site", where=where, remedy="check the address")
    if isinstance(reason, PrivateAddressError):
        return StorageError(
            "it leads to an address of this machine or of its network, which is not read",
            where=where,
            remedy="if you trust that host, name it yourself, or in storage.private_hosts",
        )
    if isinstance(reason, LocationValueError):
        return InputError("is not a URL", where=where, remedy="check the address")
    if isinstance(reason, NameResolutionError):
        return StorageError(
            "the host name is not known", where=where, remedy="check the address and the network"
        )
    if isinstance(reason, SlowAnswerError):
        return StorageError("the answer comes too slowly", where=where, remedy="run again later")
    what = f"the server cannot be reached ({type(reason).__name__})"
    return StorageError(what, where=where, remedy="run again later")


def length_of(reply: Reply) -> int | None:
    """Return the length in bytes that a reply gives its body; None if it gives none."""
    length = reply.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def validator_of(reply: Reply) -> str | None:
    """Return what tells versions apart; a weak ETag is enough for that."""
    etag = reply.headers.get("ETag", "").removeprefix("W/").strip('"')
    return etag or reply.headers.get("Last-Modified")


def declared_sha256(reply: Reply) -> str | None:
    """Return the SHA-256 of a file in large-file storage (LFS), which hubs give as its linked ETag."""
    linked = reply.headers.get("X-Linked-ETag", "").strip('"').lower()
    return linked if SHA256.fullmatch(linked) else None


def _ca_bundle(options: StorageOptions) -> str | None:
    return options.ca_bundle or next(
        (os.environ[name] for name in CA_VARIABLES if os.environ.get(name)), None
    )


def _proxy(uri: str) -> str | None:
    """Return the proxy that the environment names for `uri` (`HTTPS_PROXY`, `NO_PROXY` …)."""
    return None if proxy_bypass(urlsplit(uri).netloc) else getproxies().get(scheme_of(uri))


def manager_for(uri: str, options: StorageOptions) -> urllib3.PoolManager:
    """Return what sends requests of other kinds to a site: by the same proxy, certificates and time limits.

    Raises:
        ConfigError: the environment names a proxy that is none.
    """
    return _manager(host_of(uri), options, _ca_bundle(options), _proxy(uri))()


@lru_cache(maxsize=64)
def _lines(
    host: str, options: StorageOptions, ca_bundle: str | None, proxy: str | None, process: int
) -> Lines:
    slots = Slots(state_of(host), options.max_connections or CONNECTIONS)
    return Lines(slots, _manager(host, options, ca_bundle, proxy))


def _manager(
    host: str, options: StorageOptions, ca_bundle: str | None, proxy: str | None
) -> Callable[[], urllib3.PoolManager]:
    """Return what makes managers of connections to a host."""
    timeout = urllib3.Timeout(connect=options.connect_timeout, read=options.read_timeout)
    settings: dict[str, Any] = {"maxsize": 1, "timeout": timeout, "ca_certs": ca_bundle}
    if proxy is None:
        return partial(urllib3.PoolManager, **settings)
    try:
        identity = urllib3.make_headers(proxy_basic_auth=urllib3.util.parse_url(proxy).auth)
        through = partial(urllib3.ProxyManager, proxy, proxy_headers=identity, **settings)
        through()
    except LocationValueError as error:
        raise ConfigError(
            "the proxy that the environment names is not the URL of one",
            where=host,
            remedy="write HTTP_PROXY and HTTPS_PROXY as http://HOST:PORT",
        ) from error
    return through
