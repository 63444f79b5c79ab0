"""Objects on HTTPS and HTTP: urllib3's `Retry` decides which requests to repeat, within each host's limits.

The loop of retries is here, so that all threads pause together, and each redirect is checked.
"""

import os
import re
import socket
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from io import BytesIO
from types import MappingProxyType
from typing import Any, ClassVar, cast
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    InvalidHeader,
    LocationValueError,
    MaxRetryError,
    NameResolutionError,
    ReadTimeoutError,
    SSLError,
)

from presswatch_spark.core.errors import (
    ConfigError,
    InputError,
    PresswatchError,
    StorageError,
    UnreachableError,
)
from presswatch_spark.core.threads import LOOK_SECONDS, check_wanted, giving_up
from presswatch_spark.storage.addresses import PrivateAddressError, is_private, is_public, name_of
from presswatch_spark.storage.host_limits import BlockedError, Slot, limits_of, report_silence
from presswatch_spark.storage.http_exchanges import is_recording, peer_of, record_exchange
from presswatch_spark.storage.objects import (
    ANSWER_READ_BYTES,
    CONTENT_RANGE,
    DeniedError,
    MissingError,
    ObjectInfo,
    RangeReply,
    RawResponse,
    StorageOptions,
    Store,
    range_header,
)
from presswatch_spark.storage.uris import SHA256, host_of, scheme_of, shown_uri

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
REDIRECTS_MAX = 5
CONNECT_ATTEMPTS_MAX = 4
GZIP_WINDOW = 31
REQUEST_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "presswatch-spark"}
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
AS_IT_COMES: Mapping[str, Any] = MappingProxyType(
    dict.fromkeys(("retries", "redirect", "preload_content", "decode_content"), False)
)
"""Options that turn off urllib3's own retries, redirects, reading and decoding."""


class BadRedirectError(HTTPError):
    """A server redirects to something that is not the URL of a web site."""


class SlowAnswerError(HTTPError):
    """The head or body of an answer was not complete in time, though bytes may have kept coming."""


class BadRequestError(StorageError):
    """A server rejected a request as malformed (400); some stores do so if a signature has expired."""


FINAL_ERRORS = (SSLError, LocationValueError, BadRedirectError, PrivateAddressError)
"""Errors that another attempt cannot change."""


@contextmanager
def _answered_within(seconds: float, connected: socket.socket) -> Iterator[None]:
    """Shut a connection down and raise `SlowAnswerError` if the block takes longer than `seconds`.

    A timeout of the socket is not enough: it starts again with each byte. If the thread's pool is given up
    meanwhile, raises the error of `check_wanted`.
    """
    done, late, over = threading.Event(), threading.Event(), giving_up()
    until = time.monotonic() + seconds

    def watch() -> None:
        while not over.is_set() and (left := until - time.monotonic()) > 0:
            if done.wait(min(left, LOOK_SECONDS)):
                return
        late.set()
        with suppress(OSError):
            # Call the plain socket's method: SSLSocket.shutdown drops the TLS state that a reader needs.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        if late.is_set():
            check_wanted()
            raise SlowAnswerError


def _guarded(kind: type[HTTPConnection]) -> type[HTTPConnection]:
    """Derive a class of connections that, if guarded and without a proxy, reach public addresses only."""

    class Guarded(kind):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, is_guarded: bool = False, head_seconds: float, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._is_guarded = is_guarded and self.proxy is None
            self._head_seconds = head_seconds

        def _new_conn(self) -> socket.socket:
            plain: socket.socket = super()._new_conn()
            try:
                if self._is_guarded and not is_public(str(plain.getpeername()[0])):
                    raise PrivateAddressError
            except BaseException:
                plain.close()
                raise
            return plain

        def getresponse(self) -> urllib3.HTTPResponse:
            # Note the socket first: urllib3 may drop it from the connection when it gets the response.
            connected, peer = self.sock, peer_of(self.sock) if is_recording() else None
            with _answered_within(self._head_seconds, connected):
                response: Any = super().getresponse()
            response.connected, response.peer = connected, peer
            return cast(urllib3.HTTPResponse, response)

    return Guarded


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls: Any = _guarded(HTTPConnection)


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls: Any = _guarded(HTTPSConnection)


def connections_to(uri: str, options: StorageOptions, *, is_guarded: bool = False) -> urllib3.PoolManager:
    """Return this process's connections to a site; `ConfigError` if the environment's proxy is no URL."""
    certificates = options.ca_bundle or next(filter(None, map(os.environ.get, CA_VARIABLES)), None)
    proxy = None if proxy_bypass(urlsplit(uri).netloc) else getproxies().get(scheme_of(uri))
    try:
        return _connections(options, certificates, proxy, is_guarded, os.getpid())
    except LocationValueError as error:
        raise ConfigError(
            "the proxy in the environment is not a proxy URL",
            where=host_of(uri),
            remedy="write HTTP_PROXY and HTTPS_PROXY as http://HOST:PORT",
        ) from error


@lru_cache(maxsize=64)
def _connections(
    options: StorageOptions, certificates: str | None, proxy: str | None, is_guarded: bool, process: int
) -> urllib3.PoolManager:
    """Make the connections of a process: sockets do not survive the fork that makes a Spark worker."""
    timeout = urllib3.Timeout(connect=options.connect_timeout, read=options.read_timeout)
    # `HostLimits` bounds the number of open connections; a smaller pool would only log warnings.
    kept: dict[str, Any] = {"num_pools": 100, "maxsize": 1000, "timeout": timeout, "ca_certs": certificates}
    if proxy is None:
        made = urllib3.PoolManager(**kept)
    else:
        identity = urllib3.make_headers(proxy_basic_auth=urllib3.util.parse_url(proxy).auth)
        made = urllib3.ProxyManager(proxy, proxy_headers=identity, **kept)
    # urllib3 only calls the "class", so a `partial` may take its place.
    rules: dict[str, Any] = {
        "is_guarded": is_guarded,
        "head_seconds": options.connect_timeout + options.read_timeout,
    }
    pools: dict[str, Any] = {"http": partial(_HttpPool, **rules), "https": partial(_HttpsPool, **rules)}
    made.pool_classes_by_scheme = pools
    return made


class HttpReply:
    """A reply whose head was received; it keeps its connection until it is closed.

    `uri`: its address after redirects. `sent_at`: time of the request, in seconds since 1970. `turn_at`: the
    same by the clock of `HostLimits`. `sha256`: of the object, as this or an earlier redirect declared it.
    """

    def __init__(
        self, raw: urllib3.BaseHTTPResponse, slot: Slot, uri: str, sent_at: float, turn_at: float
    ) -> None:
        self._raw, self._slot, self._process = raw, slot, os.getpid()
        self.uri, self.sent_at, self.turn_at = uri, sent_at, turn_at
        self.status, self.headers = raw.status, raw.headers
        self.location = raw.get_redirect_location() or None
        self.sha256: str | None = None

    def read(self, n: int, /) -> bytes:
        """Return up to `n` bytes that have arrived; wait only if there are none. `b""` at the end."""
        return self._raw.read1(min(n, ANSWER_READ_BYTES), decode_content=False) or b""

    @property
    def named_wait(self) -> float | None:
        """Return the seconds that the server asks to wait; None without a valid header for that."""
        named = list[float]()
        with suppress(KeyError, ValueError, TypeError, OverflowError, InvalidHeader):
            policy = urllib3.Retry(retry_after_max=sys.maxsize)
            named.append(policy.parse_retry_after(self.headers["Retry-After"]))
        if self.status == 429:
            # Hugging Face uses the header `RateLimit` of an IETF draft: `"resolvers";r=0;t=240`.
            found = re.findall(r";\s*t=(\d{1,9}(?:\.\d{1,9})?)", self.headers.get("RateLimit", ""))
            named += map(float, found)
        return max(named, default=None)

    @property
    def length(self) -> int | None:
        """Return the declared length of the body in bytes; None without one."""
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else None

    @property
    def validator(self) -> str | None:
        """Return the ETag without mark of weakness, else Last-Modified; None without both."""
        etag = self.headers.get("ETag", "").removeprefix("W/").strip('"')
        return etag or self.headers.get("Last-Modified")

    @property
    def declared_sha256(self) -> str | None:
        """Return the SHA-256 of a file in Git LFS, which a hub declares as `X-Linked-ETag`; else None."""
        linked = self.headers.get("X-Linked-ETag", "").strip('"').lower()
        return linked if SHA256.fullmatch(linked) else None

    def items(self) -> tuple[tuple[str, str], ...]:
        """Return the headers in the order of the reply."""
        return tuple((str(name), str(value)) for name, value in self.headers.iteritems())

    def answer(self, start: int, most: int, store: Store) -> RawResponse:
        """Read up to `most` bytes of the object from `start` on, and close the reply."""
        with closing(self):
            found = CONTENT_RANGE.fullmatch(self.headers.get("Content-Range", ""))
            first = int(found[1]) if self.status == 206 and found and found[1] else 0
            # Status 200 ignores the range and sends the whole file: drop the bytes before `start`.
            ignored = start if self.status == 200 else 0
            body, failure = store.body_of_answer(self, ignored, most, self.length)
            if ignored:
                first = ignored if body else 0
        return RawResponse(self.uri, self.sent_at, self.status, self.items(), first, body, failure=failure)

    def close(self) -> None:
        """Release the connection; if the reply was read to its end, another request may use it."""
        # After a fork, the connection belongs to the parent process.
        if self._process == os.getpid():
            if getattr(self._raw, "length_remaining", None) == 0:
                self._raw.drain_conn()
            self._raw.close()
            self._raw.release_conn()
            self._slot.release()

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class HttpStore(Store):
    """Objects of any web server. Without support for ranges, a broken body is read again from its start.

    `named`: the host that the user named, if URLs come from another source. Requests to other hosts, such as
    after redirects, go to public addresses only.
    """

    options: StorageOptions
    named: str | None = None
    where: ClassVar[str] = "a web site"
    interruptions: ClassVar[tuple[type[Exception], ...]] = (HTTPError, OSError)
    silences: ClassVar[tuple[type[Exception], ...]] = (ReadTimeoutError,)

    def stat(self, uri: str) -> ObjectInfo:
        """Describe the object by a GET for its first byte: some servers and signed URLs refuse HEAD."""
        body = self.open_body(ObjectInfo(uri), 0, 1, single_object=True)
        body.reader.close()
        return ObjectInfo(uri, body.total, body.etag, body.sha256)

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Raise `InputError`: the web has no folders."""
        raise InputError("a web site cannot be listed", where=shown_uri(uri), remedy="pass files or a list")

    def open_body(
        self, info: ObjectInfo, start: int, end: int | None, *, single_object: bool = False
    ) -> RangeReply:
        """Request a range. The stream compares versions, since not every server supports `If-Match`.

        `single_object`: see `HostLimits.must_repeat`.
        """
        reply = self.get(info.uri, range_header(start, end), single_object=single_object)
        return body_of(reply, info.uri, start)

    def ask(
        self, uri: str, start: int, end: int, headers: Mapping[str, str] = NO_HEADERS, *, follow: bool = True
    ) -> RawResponse:
        """Request bytes [start, end) of any version; repeat the request if the body breaks off."""
        ranged = {**headers, **range_header(start, end)}
        once = partial(self._ask_once, uri, ranged, start, end - start, follow=follow)
        return self.with_retries(once)

    def ask_whole(self, uri: str, most: int) -> RawResponse:
        """Request an object without a range, as a browser does; return the answer with up to `most` bytes.

        Only a `BlockedError` is raised.
        """
        return self._ask_once(uri, NO_HEADERS, 0, most)

    def get(
        self,
        url: str,
        headers: Mapping[str, str] = NO_HEADERS,
        *,
        single_object: bool = False,
        follow: bool = True,
    ) -> HttpReply:
        """Send a request at most `max_attempts` times, until an answer is final.

        Requests that the site asks to repeat later do not count.
        `single_object`: see `HostLimits.must_repeat`.
        """
        policy = urllib3.Retry(
            self.options.max_attempts - 1,
            connect=CONNECT_ATTEMPTS_MAX - 1,
            status_forcelist=PASSING,
        )
        while True:
            try:
                reply = self._sent(url, headers, REDIRECTS_MAX if follow else 0)
            except HTTPError as error:
                if isinstance(error, FINAL_ERRORS):
                    raise _unreachable(error, url) from error
                if isinstance(error, ReadTimeoutError):
                    report_silence(url, len(policy.history) + 1, self.options)
                try:
                    policy = policy.increment("GET", url, error=error)
                except MaxRetryError:
                    raise _unreachable(error, url) from error
            else:
                try:
                    limits = limits_of(host_of(reply.uri))
                    is_kept = not limits.must_repeat(reply, self.options, single_object=single_object)
                    if is_kept and not policy.is_retry("GET", reply.status):
                        return reply
                    if is_kept:
                        policy = policy.increment("GET", url)
                except MaxRetryError:
                    return reply
                except BlockedError:
                    reply.close()
                    raise
                reply.close()
                if not is_kept:
                    continue
            self.pause(len(policy.history))

    def _sent(self, url: str, headers: Mapping[str, str], redirects: int) -> HttpReply:
        named, declared = self.named or name_of(url), None
        while True:
            reply = self._once(url, headers, named)
            # A hub declares the digest and redirects to a store that may not: keep the first declaration.
            reply.sha256 = declared = declared or reply.declared_sha256
            if reply.location is None or not redirects:
                return reply
            redirects -= 1
            reply.close()
            try:
                url = urljoin(url, reply.location)
                parts = urlsplit(url)
                is_site = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
            except ValueError as error:
                raise BadRedirectError from error
            if not is_site:
                raise BadRedirectError

    def _once(self, url: str, headers: Mapping[str, str], named: str) -> HttpReply:
        """Send and record one request within the host's limits; hosts other than `named` must be public."""
        is_guarded = name_of(url) not in (named, *self.options.private_hosts)
        if is_guarded and is_private(url, self.options):
            raise PrivateAddressError
        pool, limits = connections_to(url, self.options, is_guarded=is_guarded), limits_of(host_of(url))
        limits.await_turn(url)
        slot = limits.slot(self.options)
        try:
            limits.keep_pace(self.options)
            # Another thread may have begun a pause meanwhile: wait again.
            turn_at, sent_at = limits.await_turn(url), time.time()
            sent = REQUEST_HEADERS | dict(headers)
            try:
                raw = pool.request("GET", url, headers=sent, **AS_IT_COMES)
            except (HTTPError, ValueError) as error:
                failure = error if isinstance(error, HTTPError) else LocationValueError()
                record_exchange("GET", url, sent, sent_at, failure=type(failure).__name__)
                raise failure from error
            peer = getattr(raw, "peer", None)
            record_exchange("GET", url, sent, sent_at, raw.status, raw.headers.iteritems(), peer=peer)
            return HttpReply(raw, slot, url, sent_at, turn_at)
        except BaseException:
            slot.release()
            raise

    def _ask_once(
        self, url: str, headers: Mapping[str, str], start: int, most: int, *, follow: bool = True
    ) -> RawResponse:
        sent_at = time.time()
        try:
            reply = self.get(url, headers, single_object=True, follow=follow)
        except BlockedError:
            raise
        except PresswatchError as error:
            ours = isinstance(error, InputError | ConfigError)
            return RawResponse(url, sent_at, failure=error.what, ours=ours)
        return reply.answer(start, most, self)


def exchanged(
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes,
    options: StorageOptions,
    seconds: float,
    most: int,
) -> tuple[int, bytes]:
    """Send one request of any method; return status and at most `most` + 1 bytes, or `SlowAnswerError`."""
    until, data = time.monotonic() + seconds, b""
    pool = connections_to(url, replace(options, connect_timeout=seconds / 2, read_timeout=seconds / 2))
    try:
        reply: Any = pool.request(method, url, body=body, headers=headers, **AS_IT_COMES)
        with closing(reply), _answered_within(max(0.0, until - time.monotonic()), reply.connected):
            while len(data) <= most and (part := reply.read1(most)):
                data += part
    except ReadTimeoutError as error:
        raise SlowAnswerError from error
    return reply.status, data[: most + 1]


def body_of(reply: HttpReply, uri: str, start: int) -> RangeReply:
    """Return the body of a reply to a request for bytes from `start` on, or raise a `StorageError`."""
    found = CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
    total = int(found[2]) if found and found[2] != "*" else None
    if reply.status == 206 and found and found[1] and int(found[1]) == start:
        return RangeReply(reply, start, total, reply.validator, sha256=reply.sha256)
    if reply.status == 200:
        size = reply.length
        delimited = size is not None or "chunked" in reply.headers.get("Transfer-Encoding", "").lower()
        return RangeReply(reply, 0, size, reply.validator, delimited, reply.sha256)
    reply.close()
    if reply.status == 416:
        return RangeReply(BytesIO(), start, total)
    where, what, remedy = shown_uri(uri), f"the server answered {reply.status}", "run again later"
    if reply.status == 206:
        raise StorageError("the server sent a different range than requested", where=f"{where} @ {start}")
    if reply.status in (404, 410):
        raise MissingError("there is no such object", where=where, remedy="check the address")
    if reply.status in (401, 403):
        remedy = "the site requires credentials, or fewer requests"
        raise DeniedError(f"access denied ({reply.status})", where=where, remedy=remedy)
    error = BadRequestError if reply.status == 400 else StorageError
    raise error(what, where=where, remedy=remedy)


_FAULTS: dict[type[Exception], tuple[str, str]] = {
    SSLError: (
        "the certificate of the server is not trusted, or the server has no TLS",
        "set SSL_CERT_FILE or storage.ca_bundle; for a server without TLS, write http://",
    ),
    BadRedirectError: ("the server redirects outside the web", "check the address"),
    PrivateAddressError: (
        "it leads to an address of this machine or of its network, which is not read",
        "if you trust that host, pass its address yourself, or add it to storage.private_hosts",
    ),
    SlowAnswerError: ("its answer begins too slowly", "run again later"),
    NameResolutionError: ("the host name is not known", "check the address and the network"),
}


def _unreachable(reason: Exception, uri: str) -> PresswatchError:
    where = shown_uri(uri)
    if isinstance(reason, LocationValueError):
        return InputError("this is not a URL", where=where, remedy="check the address")
    usual = f"the server cannot be reached ({type(reason).__name__})", "run again later"
    what, remedy = next((fault for kind, fault in _FAULTS.items() if isinstance(reason, kind)), usual)
    made = StorageError if isinstance(reason, BadRedirectError) else UnreachableError
    return made(what, where=where, remedy=remedy)


def unpacked_body(answer: RawResponse, most: int) -> bytes:
    """Undo a gzip coding that was not requested; keep the body if that is damaged or larger than `most`."""
    if (answer.header("Content-Encoding") or "").strip().lower() not in ("gzip", "x-gzip"):
        return answer.body
    inflater = zlib.decompressobj(GZIP_WINDOW)
    try:
        data = inflater.decompress(answer.body, most)
    except zlib.error:
        return answer.body
    return data if inflater.eof and not inflater.unused_data else answer.body
