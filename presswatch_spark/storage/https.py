"""Objects on HTTPS and HTTP, through urllib3."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    HTTPError,
    InvalidHeader,
    LocationValueError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)

from presswatch_spark.errors import ConfigError, InputError, PresswatchError, StorageError
from presswatch_spark.storage.model import Body, DeniedError, MissingError, ObjectInfo, StorageOptions, pause
from presswatch_spark.storage.streams import ByteStream
from presswatch_spark.storage.uris import printable, scheme_of

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
HEAD_REFUSED = frozenset({400, 401, 403, 405, 501})
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
REDIRECTS_MAX = 5
CONNECT_ATTEMPTS_MAX = 4
# Kept open for each host; threads that read at once share them.
CONNECTIONS = 8
REQUEST_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "presswatch-spark"}


@dataclass(frozen=True, slots=True)
class HttpStore:
    """Objects of any web server; one without ranges is read again, up to where it broke."""

    options: StorageOptions
    resumable: bool = True
    interruptions: tuple[type[Exception], ...] = (HTTPError, OSError)

    def stat(self, uri: str) -> ObjectInfo:
        """Describe the object with HEAD, or with its first byte where a server will not."""
        reply = self._request("HEAD", uri, {})
        reply.close()
        size = _length(reply)
        if reply.status in HEAD_REFUSED or (reply.status == 200 and size is None):
            body = self.open_body(ObjectInfo(uri), 0, 1)
            body.reader.close()
            return ObjectInfo(uri, body.total, body.etag)
        _require_object(reply, uri)
        return ObjectInfo(uri, size, _validator(reply))

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Raise `InputError`: the web has no folders."""
        raise InputError("a web site cannot be listed", where=printable(uri), remedy="name files or a list")

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> Body:
        """Ask for a range; the stream compares the version, since not every server knows `If-Match`."""
        ranged = start > 0 or end is not None
        wanted = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if ranged else {}
        reply = self._request("GET", info.uri, wanted)
        found = CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        total = int(found[2]) if found and found[2] != "*" else None
        if reply.status == 416:
            reply.close()
            return Body(BytesIO(), start, total)
        _require_object(reply, info.uri)
        if reply.status == 206:
            if not found or found[1] is None or int(found[1]) != start:
                reply.close()
                where = f"{printable(info.uri)} @ {start}"
                raise StorageError("the server sent another range than asked for", where=where)
            return Body(reply, start, total, _validator(reply))
        size = _length(reply)
        delimited = size is not None or "chunked" in reply.headers.get("Transfer-Encoding", "").lower()
        return Body(reply, 0, size, _validator(reply), delimited)

    def put(self, local_path: str, uri: str) -> None:
        """Raise `StorageError`: the web is for reading."""
        raise _read_only(uri)

    def read(self, uri: str) -> tuple[bytes, str]:
        """Read the object; without a validator of its own, its ETag is empty."""
        with ByteStream(self, ObjectInfo(uri)) as stream:
            return stream.read_to_end(), stream.etag or ""

    def write(self, uri: str, data: bytes, absent: bool, etag: str | None) -> str:
        """Raise `StorageError`: the web is for reading."""
        raise _read_only(uri)

    def delete(self, uri: str) -> None:
        """Raise `StorageError`: the web is for reading."""
        raise _read_only(uri)

    def draft(self, uri: str) -> AbstractContextManager[str]:
        """Raise `StorageError`: the web is for reading."""
        raise _read_only(uri)

    def put_draft(self, draft: str, uri: str) -> None:
        """Raise `StorageError`: the web is for reading."""
        raise _read_only(uri)

    def move(self, source: str, target: str) -> None:
        """Raise `StorageError`: the web is for reading."""
        raise _read_only(target)

    def remove(self, uri: str) -> None:
        """Raise `StorageError`: the web is for reading."""
        raise _read_only(uri)

    def _request(self, method: str, uri: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """Send until an answer comes that another try would not better, at most `max_attempts` times."""
        attempt = 1
        while True:
            last = attempt >= self.options.max_attempts
            try:
                reply = self._send(method, uri, headers)
            except HTTPError as error:
                reason = error.reason if isinstance(error, MaxRetryError) and error.reason else error
                unconnected = isinstance(reason, NewConnectionError) and attempt >= CONNECT_ATTEMPTS_MAX
                if last or unconnected or isinstance(reason, (SSLError, LocationValueError)):
                    raise _unreachable(reason, uri) from error
                pause(self.options, attempt)
            else:
                if last or reply.status not in PASSING:
                    return reply
                reply.close()
                pause(self.options, attempt, _retry_after(reply))
            attempt += 1

    def _send(self, method: str, uri: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            pool = _pool(self.options, _ca_bundle(self.options), _proxy(uri), os.getpid())
        except LocationValueError as error:
            raise ConfigError(
                "the proxy that the environment names is not the URL of one",
                where=printable(uri),
                remedy="write HTTP_PROXY and HTTPS_PROXY as http://HOST:PORT",
            ) from error
        retries = urllib3.Retry(
            None, connect=0, read=0, other=0, redirect=REDIRECTS_MAX, raise_on_redirect=False
        )
        headers = REQUEST_HEADERS | headers
        try:
            return pool.request(
                method, uri, headers=headers, retries=retries, preload_content=False, decode_content=False
            )
        except HTTPError:
            raise
        except ValueError as error:  # what the server redirects to cannot be taken apart
            raise LocationValueError from error


def _read_only(uri: str) -> StorageError:
    return StorageError("cannot write to a web site", where=printable(uri), remedy="use a path or s3://")


def _require_object(reply: urllib3.BaseHTTPResponse, uri: str) -> None:
    """Raise unless the reply carries the object."""
    if reply.status in {200, 206}:
        return
    reply.close()
    where = printable(uri)
    if reply.status in {404, 410}:
        raise MissingError("there is no such object", where=where, remedy="check the address")
    if reply.status in {401, 403}:
        remedy = "the site wants credentials, or fewer requests"
        raise DeniedError(f"access denied ({reply.status})", where=where, remedy=remedy)
    raise StorageError(f"the server answered {reply.status}", where=where, remedy="run again later")


def _unreachable(reason: Exception, uri: str) -> PresswatchError:
    where = printable(uri)
    if isinstance(reason, SSLError):
        remedy = "give --ca-bundle, or set SSL_CERT_FILE"
        return StorageError("the certificate of the server is not trusted", where=where, remedy=remedy)
    if isinstance(reason, LocationValueError):
        return InputError("is not a URL, or leads to none", where=where, remedy="check the address")
    if isinstance(reason, NameResolutionError):
        return StorageError(
            "the host name is not known", where=where, remedy="check the address and the network"
        )
    what = f"the server cannot be reached ({type(reason).__name__})"
    return StorageError(what, where=where, remedy="run again later")


def _length(reply: urllib3.BaseHTTPResponse) -> int | None:
    length = reply.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _validator(reply: urllib3.BaseHTTPResponse) -> str | None:
    """Return what tells versions apart; a weak ETag is good enough to see a change."""
    etag = reply.headers.get("ETag", "").removeprefix("W/").strip('"')
    return etag or reply.headers.get("Last-Modified")


def _retry_after(reply: urllib3.BaseHTTPResponse) -> float:
    """Return the seconds that the server asks to wait, 0 if it does not say."""
    try:
        return urllib3.Retry().get_retry_after(reply) or 0.0
    except InvalidHeader:
        return 0.0


def _ca_bundle(options: StorageOptions) -> str | None:
    return options.ca_bundle or next(
        (os.environ[name] for name in CA_VARIABLES if os.environ.get(name)), None
    )


def _proxy(uri: str) -> str | None:
    """Return the proxy that the environment names for `uri` (`HTTPS_PROXY`, `NO_PROXY` …)."""
    return None if proxy_bypass(urlsplit(uri).netloc) else getproxies().get(scheme_of(uri))


@lru_cache(maxsize=16)
def _pool(
    options: StorageOptions, ca_bundle: str | None, proxy: str | None, process: int
) -> urllib3.PoolManager:
    """Return this process's connections: sockets do not survive the fork that makes a Spark worker."""
    timeout = urllib3.Timeout(connect=options.connect_timeout, read=options.read_timeout)
    if proxy is None:
        return urllib3.PoolManager(maxsize=CONNECTIONS, timeout=timeout, ca_certs=ca_bundle)
    identity = urllib3.make_headers(proxy_basic_auth=urllib3.util.parse_url(proxy).auth)
    return urllib3.ProxyManager(
        proxy, maxsize=CONNECTIONS, proxy_headers=identity, timeout=timeout, ca_certs=ca_bundle
    )
