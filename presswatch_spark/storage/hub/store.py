"""Files of datasets on a hub (`hf://`): the hub says where they are, and ranges are read from its store."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from typing import Any, ClassVar

from urllib3.exceptions import HTTPError

from presswatch_spark.errors import ConfigError, InputError, PresswatchError, StorageError
from presswatch_spark.storage.contract import (
    DeniedError,
    MissingError,
    ObjectInfo,
    RangeReply,
    RawResponse,
    StorageOptions,
    changed,
)
from presswatch_spark.storage.hub.addresses import HubAddress
from presswatch_spark.storage.hub.hub import Hub
from presswatch_spark.storage.hub.places import HubFile, forget_place, kept_place, known_place, place_of
from presswatch_spark.storage.hub.refusals import code_of
from presswatch_spark.storage.streams import ByteStream
from presswatch_spark.storage.uris import scheme_of
from presswatch_spark.storage.web.https import SILENCES, BadRequestError, body_of, range_header
from presswatch_spark.storage.web.manners import BlockedError

# An address that worked before, and is refused or gone, has expired.
_REFUSED = frozenset({400, 401, 403, 404, 410})
_REFUSED_SIGNED = "the store refuses the address that the hub has just signed"


@dataclass(frozen=True, slots=True)
class HubStore:
    """Datasets of one hub. The store behind it is another host, and never sees the token."""

    options: StorageOptions
    resumable: ClassVar[bool] = True
    interruptions: ClassVar[tuple[type[Exception], ...]] = (HTTPError, OSError)
    silences: ClassVar[tuple[type[Exception], ...]] = SILENCES

    def pinned(self, uri: str) -> str:
        """Return the URI with the commit in place of its revision: what it names never changes."""
        from presswatch_spark.storage.hub.listing import commit_of

        address = HubAddress.of(uri)
        if address.is_pinned:
            return uri
        return str(replace(address, revision=commit_of(self._hub, address)))

    def stat(self, uri: str) -> ObjectInfo:
        """Describe a file by what the hub says where it sends its readers."""
        address = HubAddress.of(uri)
        if not address.path or address.path.endswith("/"):
            raise MissingError("is a folder, not a file", where=uri)
        place = place_of(self._hub, address)
        return ObjectInfo(uri, place.size, place.etag, place.sha256)

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Yield the files of the folder, 1,000 a request."""
        from presswatch_spark.storage.hub.listing import files_below

        found = files_below(self._hub, HubAddress.of(uri))
        if not found:
            raise MissingError(
                "there is no such file, and nothing under it as a folder", where=uri.rstrip("/")
            )
        yield from found

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
        """Open a range in the store. An address that it refuses has expired, so the hub signs another."""
        address, hub = HubAddress.of(info.uri), self._hub
        is_known = known_place(hub, address) is not None
        place = place_of(hub, address)
        try:
            return self._opened(info, place, start, end)
        except (DeniedError, MissingError):
            forget_place(hub, address)
            if not is_known:
                raise
        return self._opened(info, place_of(hub, address), start, end)

    def _opened(self, info: ObjectInfo, place: HubFile, start: int, end: int | None) -> RangeReply:
        """Open a range of the file at its place, and make sure that it is the file that `info` describes."""
        etag = info.etag or place.etag
        if None not in (info.sha256, place.sha256) and info.sha256 != place.sha256:
            raise changed(info.uri, start)
        if place.content is not None:
            # Something between us and the hub may answer in its place, such as a page to log in.
            if info.sha256 and not place.sha256 and sha256(place.content).hexdigest() != info.sha256:
                raise changed(info.uri, start)
            return RangeReply(BytesIO(place.content[start:end]), start, len(place.content), etag)
        body = self._body(info.uri, place, start, end)
        if None not in (place.size, body.total) and place.size != body.total:
            body.reader.close()
            raise StorageError(
                f"the store has {body.total:,} bytes where the hub says {place.size:,}",
                where=f"{info.uri} @ {start}",
                remedy="run again later",
            )
        return replace(body, etag=etag, sha256=place.sha256)

    def _body(self, uri: str, place: HubFile, start: int, end: int | None) -> RangeReply:
        if place.at_hub:
            reply = self._hub.required(place.url, HubAddress.of(uri), range_header(start, end))
            return body_of(reply, uri, start)
        try:
            return self._hub.web.open_part(ObjectInfo(place.url), start, end, alone=True)
        except BlockedError:
            raise
        except (DeniedError, BadRequestError) as error:
            raise DeniedError(_REFUSED_SIGNED, where=uri, remedy="run again later") from error
        except MissingError as error:
            what = "the hub knows the file, and its store has no such object"
            raise MissingError(what, where=uri, remedy="tell the owner of the dataset") from error
        except StorageError as error:
            raise StorageError(
                f"the store behind the hub: {error.what}", where=uri, remedy=error.remedy
            ) from error

    def ask(self, uri: str, start: int, end: int) -> RawResponse:
        """Ask for a range: of the hub where it refuses the file, else of its store.

        The headers of an answer of the store are followed by those in which the hub described the file.
        """
        address, hub = HubAddress.of(uri), self._hub
        # Where a branch or tag leads may be another file by now.
        place = known_place(hub, address) if address.is_pinned else None
        if place is not None:
            answer = self._answer(uri, place, start, end)
            if answer.status not in _REFUSED:
                return answer
            forget_place(hub, address)
        found = self._resolved(address)
        return found if isinstance(found, RawResponse) else self._answer(uri, found, start, end)

    def _resolved(self, address: HubAddress) -> HubFile | RawResponse:
        """Ask the hub where a file is; return its refusal as an answer."""
        hub, url, sent_at = self._hub, address.resolver(self._hub.endpoint), time.time()
        try:
            reply = hub.send(url)
            refused = hub.refused(reply, url, address)
            if refused is None:
                return kept_place(hub, address, reply)
        except BlockedError:
            raise
        except PresswatchError as error:
            is_ours = isinstance(error, InputError | ConfigError)
            return RawResponse(str(address), sent_at, failure=error.what, ours=is_ours)
        reply.close()
        headers = tuple((str(name), str(value)) for name, value in reply.headers.iteritems())
        code = code_of(reply.status, reply.headers)
        is_ours = reply.status == 401 and not code
        return RawResponse(
            str(address),
            reply.sent_at,
            reply.status,
            headers,
            code=code,
            failure=refused.what,
            ours=is_ours,
        )

    def _answer(self, uri: str, place: HubFile, start: int, end: int) -> RawResponse:
        if place.content is not None:
            return _kept_answer(uri, place, place.content, start, end)
        if place.at_hub:
            answer = self._hub.ask(place.url, start, end)
        else:
            answer = self._hub.web.ask(place.url, start, end)
        named = () if answer.header("ETag") or not place.etag else (("ETag", place.etag),)
        return replace(answer, uri=uri, headers=(*answer.headers, *place.facts, *named))

    def read(self, uri: str) -> tuple[bytes, str]:
        """Read the whole file, and what tells its version from others."""
        with ByteStream(self, ObjectInfo(uri)) as stream:
            return stream.read_to_end(), stream.etag or ""

    def _refuse_write(self, *given: object, **_: object) -> Any:
        """Raise `StorageError` about the last of the URIs: a hub is for reading."""
        uri = [each for each in given if isinstance(each, str) and scheme_of(each) == "hf"][-1]
        raise StorageError("cannot write to a hub", where=uri, remedy="use a path or s3://")

    put = write = delete = draft = put_draft = move = remove = _refuse_write

    @property
    def _hub(self) -> Hub:
        return Hub.of(self.options)


def _kept_answer(uri: str, place: HubFile, content: bytes, start: int, end: int) -> RawResponse:
    """Return the answer for a part of a file that the hub gave whole."""
    body, about = content[start:end], (("ETag", place.etag or ""), *place.facts)
    if not body:
        missed = ("Content-Range", f"bytes */{len(content)}")
        return RawResponse(uri, time.time(), 416, (missed, *about))
    ranged = f"bytes {start}-{start + len(body) - 1}/{len(content)}"
    headers = (("Content-Length", f"{len(body)}"), ("Content-Range", ranged), *about)
    return RawResponse(uri, time.time(), 206, headers, start, body)
