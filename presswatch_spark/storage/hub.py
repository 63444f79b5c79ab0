"""Files of datasets on a hub (`hf://`), that is Hugging Face or a mirror.

The hub redirects a request for a large file to its *place*, a signed address in an object store, from which
ranges are read without the token. That address is a secret, too. The hub itself serves small files.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, ClassVar
from urllib.parse import unquote, urljoin, urlsplit

from presswatch_spark.core.errors import (
    ConfigError,
    InputError,
    PresswatchError,
    StorageError,
    TruncatedError,
)
from presswatch_spark.core.settings.config import StorageOptions
from presswatch_spark.storage.addresses import name_of
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.http import (
    NO_HEADERS,
    BadRequestError,
    HttpReply,
    HttpStore,
    body_of,
    unpacked_body,
)
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import (
    DeniedError,
    MissingError,
    ObjectInfo,
    RangeReply,
    RawResponse,
    Store,
    changed,
    range_header,
)
from presswatch_spark.storage.uris import (
    MAIN,
    SHA256,
    HubAddress,
    canonical,
    host_of,
    is_utf8,
    is_web,
    scheme_of,
    shown_uri,
)

ENDPOINT, ENDPOINT_VARIABLE, TOKEN_VARIABLE = "https://huggingface.co", "HF_ENDPOINT", "HF_TOKEN"
PLACES_KEPT = 4096
LONGEST_ANSWER = 64 << 20
"""Most bytes of a page of a list; a usual page has a few hundred thousand."""
_LARGEST_FILE = 1 << 62
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next\b')
_CHECK = "check HF_ENDPOINT, and run again later"
REDIRECTS_MAX = 4
FACTS = ("X-Repo-Commit", "X-Linked-Size", "X-Linked-ETag", "X-Error-Code", "X-Error-Message")
GATED, NO_REPOSITORY, NO_REVISION = "GatedRepo", "RepoNotFound", "RevisionNotFound"
DISABLED = "access to this resource is disabled"
GIVE_TOKEN = "set HF_TOKEN, or pass --hf-token-file"
_MISSING = {
    NO_REPOSITORY: (
        "there is no such dataset, or the token may not read it",
        "check the name, and the account of the token",
    ),
    NO_REVISION: ("there is no such revision", "check what follows @; a slash in it is written %2F"),
}
_EXPIRED = frozenset({400, 401, 403, 404, 410})
"""Statuses that mean that a signed address has expired."""
_DATASET = re.compile(r"/(?:api/)?datasets/([^/]+/[^/]+)(?:/|$)")
_TOKEN = re.compile(r"[!-~]{1,1024}")


@dataclass(frozen=True, slots=True)
class HubFile:
    """The place of a file, and its description by the hub.

    `url` is signed if `at_hub` is false: never print or write it. `etag` and `sha256`: as the hub declares
    them, see `ObjectInfo`. `facts`: the headers of the description.
    """

    url: str = field(repr=False)
    at_hub: bool
    size: int | None
    etag: str | None
    sha256: str | None
    facts: tuple[tuple[str, str], ...] = ()


Replies = list[HttpReply]
_PLACES: dict[tuple[str, str], HubFile] = {}
"""Known places by endpoint and address, the oldest first."""


def forget_places() -> None:
    """Forget all places, so that the hub decides again about each file."""
    _PLACES.clear()


@dataclass(frozen=True, slots=True)
class HubStore(Store):
    """Datasets of one hub. The token is sent to the hub only, never to its object store."""

    options: StorageOptions
    where: ClassVar[str] = "a hub"
    interruptions: ClassVar[tuple[type[Exception], ...]] = HttpStore.interruptions
    silences: ClassVar[tuple[type[Exception], ...]] = HttpStore.silences

    @property
    def endpoint(self) -> str:
        """Return the address of the hub; `ConfigError` or `InputError` if it is no address of a web site."""
        endpoint = self.options.hf_endpoint or os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT
        if not is_web(endpoint) or "?" in endpoint or "#" in endpoint:
            what = "this is not the address of a hub"
            raise ConfigError(what, where=shown_uri(endpoint), remedy=f"check {ENDPOINT_VARIABLE}")
        return canonical(endpoint).rstrip("/")

    def pinned(self, uri: str) -> str:
        """Return the URI with the commit (40 hex digits) in place of its revision."""
        address = HubAddress.of(uri)
        if address.is_pinned:
            return uri
        with _of_known_kind(address):
            (facts,) = self._api_pages(address, "revision")
            commit = facts["sha"]
        if not isinstance(commit, str) or not (pinned := replace(address, revision=commit)).is_pinned:
            raise StorageError("the hub states no commit for the revision", where=str(address))
        return str(pinned)

    def stat(self, uri: str) -> ObjectInfo:
        """Describe a file by the headers of the hub's redirect to its store."""
        address = HubAddress.of(uri)
        if not address.path or address.path.endswith("/"):
            raise MissingError("this is a folder, not a file", where=uri, remedy="pass a file")
        place = _PLACES.get(self._key(address)) or self._resolved(address)
        return ObjectInfo(uri, place.size, place.etag, place.sha256)

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Yield the files below the folder, at any depth; raises `StorageError` for an impossible entry."""
        folder, found = HubAddress.of(uri), list[ObjectInfo]()
        path = folder.path.rstrip("/")
        below = f"{path}/" if path else ""
        with _of_known_kind(folder):
            for file in chain.from_iterable(self._api_pages(folder, "tree", path)):
                if file["type"] != "file":
                    continue
                name, size, sha256 = file["path"], file["size"], None
                if lfs := file.get("lfs"):
                    size, sha256 = lfs["size"], lfs["oid"]
                if (
                    not (name.startswith(below) and is_utf8(name))
                    or not {"", ".", ".."}.isdisjoint(name.split("/"))
                    or not isinstance(size, int)
                    or not 0 <= size <= _LARGEST_FILE
                    or not (sha256 is None or SHA256.fullmatch(sha256))
                ):
                    what = "the hub lists a file outside of the folder, or one with a wrong size or SHA-256"
                    raise StorageError(what, where=str(folder), remedy=_CHECK)
                found.append(ObjectInfo(f"{folder.root}{name}", size, sha256, sha256))
        return iter(found)

    def _api_pages(self, address: HubAddress, about: str, path: str = "") -> Iterator[Any]:
        """Yield the pages of the hub's answer about its revision, or the `tree` of files below a path."""
        url, seen = address.api(self.endpoint, about, path), set[str]()
        while url:
            if url in seen:
                what = "the pages of a list of the hub form a loop"
                raise StorageError(what, where=str(address), remedy=_CHECK)
            seen.add(url)
            answer = self.with_retries(partial(self._page_of_list, url, address))
            if answer.failure:
                what = "the hub's answer broke off"
                raise TruncatedError(what, where=str(address), remedy="run again later")
            yield parse_json(unpacked_body(answer, LONGEST_ANSWER))
            found = _NEXT.search(answer.header("Link") or "")
            url = urljoin(url, found[1]) if found else ""

    def _page_of_list(self, url: str, address: HubAddress) -> RawResponse:
        reply = self.get(url, address)
        answer = reply.answer(0, LONGEST_ANSWER + 1, self)
        if reply.location is not None or len(answer.body) > LONGEST_ANSWER:
            what = f"the hub's answer is a redirect, or longer than {LONGEST_ANSWER:,} bytes"
            raise StorageError(what, where=str(address), remedy=_CHECK)
        return answer

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
        """Open a range in the store. If the store refuses a known address, ask the hub for a new one."""
        address = HubAddress.of(info.uri)
        if known := _PLACES.get(self._key(address)):
            with suppress(DeniedError, MissingError, BadRequestError):
                return self._opened(info, known, start, end)
            _PLACES.pop(self._key(address), None)
        return self._opened(info, self._resolved(address), start, end)

    def ask(self, uri: str, start: int, end: int) -> RawResponse:
        """Request a range from the store; return its answer with the hub's headers, or the hub's refusal."""
        address, sent_at, heard = HubAddress.of(uri), time.time(), Replies()
        # Use a known place only for a commit: a branch or tag may have moved since.
        if address.is_pinned and (known := _PLACES.get(self._key(address))):
            answer = self._answer(uri, known, start, end)
            if answer.status not in _EXPIRED:
                return answer
            _PLACES.pop(self._key(address), None)
        try:
            place = self._resolved(address, heard)
        except BlockedError:
            raise
        except PresswatchError as error:
            if heard:
                reply, code = heard[0], _code_of(heard[0].status, heard[0].headers)
                is_ours, headers = reply.status == 401 and not code, reply.items()
                return RawResponse(
                    uri, reply.sent_at, reply.status, headers, code=code, failure=error.what, ours=is_ours
                )
            is_ours = isinstance(error, InputError | ConfigError)
            return RawResponse(uri, sent_at, failure=error.what, ours=is_ours)
        return self._answer(uri, place, start, end)

    def owns(self, url: str) -> bool:
        """Return whether a URL is on the hub itself, the only host that may get the token."""
        endpoint = self.endpoint
        return (scheme_of(url), host_of(url)) == (scheme_of(endpoint), host_of(endpoint))

    def get(
        self,
        url: str,
        address: HubAddress,
        headers: Mapping[str, str] = NO_HEADERS,
        heard: Replies | None = None,
    ) -> HttpReply:
        """Send the hub a request with the token, and raise the error for a refusal.

        Redirects are returned, not followed. The reply of a refusal is appended to `heard`.
        """
        reply = self._web().get(url, {**headers, **self._identity(url)}, single_object=True, follow=False)
        try:
            if reply.location is not None:
                leads = target_of(url, reply.location, address)
                found = _DATASET.search(unquote(urlsplit(leads).path)) if self.owns(leads) else None
                if found and found[1] != address.dataset:
                    what, remedy = f"the dataset was moved to {found[1]}", f"write hf://datasets/{found[1]}"
                    raise MissingError(what, where=str(address), remedy=f"{remedy} in its place")
            elif reply.status not in (200, 206, *((416,) if "Range" in headers else ())):
                has_token = token_of(self.options) is not None
                raise _refusal(reply.status, reply.headers, address, self.endpoint, has_token=has_token)
        except PresswatchError:
            if heard is not None:
                heard.append(reply)
            reply.close()
            raise
        return reply

    def _web(self) -> HttpStore:
        # The user named only the hub: its store must have a public address.
        return HttpStore(self.options, name_of(self.endpoint))

    def _key(self, address: HubAddress) -> tuple[str, str]:
        return self.endpoint, str(address)

    def _identity(self, url: str) -> dict[str, str]:
        if not self.owns(url):
            raise StorageError(
                "the hub redirects to another host where it must answer itself",
                where=self.endpoint,
                remedy="check HF_ENDPOINT; nothing was sent there",
            )
        token = token_of(self.options)
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def _resolved(self, address: HubAddress, heard: Replies | None = None) -> HubFile:
        """Request the place of a file from the hub, and keep it; the hub may redirect within itself first."""
        url, facts, at_hub = address.resolver(self.endpoint), dict[str, str](), True
        for _ in range(REDIRECTS_MAX):
            reply = self.get(url, address, heard=heard)
            reply.close()
            facts = {name: reply.headers[name] for name in FACTS if name in reply.headers} | facts
            if reply.location is None:
                break
            url = target_of(url, reply.location, address)
            if not (at_hub := self.owns(url)):
                break
        else:
            raise StorageError("the hub redirects in a loop", where=str(address), remedy="run again later")
        if at_hub and reply.status == 206:
            what = "the hub sent only a part of the file"
            raise StorageError(what, where=str(address), remedy="run again later")
        size, etag, digest = reply.length, reply.validator, reply.declared_sha256
        if not at_hub:
            linked_size, etag = facts.get("X-Linked-Size", ""), facts.get("X-Linked-ETag", "").strip('"')
            size = int(linked_size) if linked_size.isdecimal() else None
            digest = etag.lower() if SHA256.fullmatch(etag.lower()) else None
        place = HubFile(url, at_hub, size, etag or None, digest, tuple(facts.items()))
        _PLACES[self._key(address)] = place
        for oldest in list(_PLACES)[:-PLACES_KEPT]:
            _PLACES.pop(oldest, None)
        return place

    def _opened(self, info: ObjectInfo, place: HubFile, start: int, end: int | None) -> RangeReply:
        """Open a range of the file at its place, and check that it is the file that `info` describes."""
        uri = info.uri
        # A login page of the network may answer: compare digests or, if a mirror declares none, sizes.
        is_other = None not in (info.size, place.size) and info.size != place.size
        if info.sha256 and place.sha256:
            is_other = info.sha256 != place.sha256
        elif info.sha256 and place.at_hub:
            is_other = info.size not in (None, place.size)
        if is_other:
            raise changed(uri, start)
        if place.at_hub:
            return body_of(self.get(place.url, HubAddress.of(uri), range_header(start, end)), uri, start)
        try:
            body = self._web().open_body(ObjectInfo(place.url), start, end, single_object=True)
        except BlockedError:
            raise
        except StorageError as error:
            what = f"the store of the hub: {error.what}"
            raise type(error)(what, where=uri, remedy=error.remedy) from error
        if None not in (place.size, body.total) and place.size != body.total:
            body.reader.close()
            raise changed(uri, start)
        return replace(body, etag=info.etag or place.etag, sha256=place.sha256)

    def _answer(self, uri: str, place: HubFile, start: int, end: int) -> RawResponse:
        identity = self._identity(place.url) if place.at_hub else NO_HEADERS
        answer = self._web().ask(place.url, start, end, identity, follow=not place.at_hub)
        named = () if answer.header("ETag") or not place.etag else (("ETag", place.etag),)
        return replace(answer, uri=uri, headers=(*answer.headers, *place.facts, *named))


@contextmanager
def _of_known_kind(address: HubAddress) -> Iterator[None]:
    """Raise `StorageError` for an answer of the hub in whose parts the block does not find what it needs."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        what = f"the hub's answer is of an unknown kind ({type(error).__name__})"
        raise StorageError(what, where=str(address), remedy=_CHECK) from error


def target_of(url: str, location: str, address: HubAddress) -> str:
    """Return the target of a redirect; `StorageError` if it is no web site, or drops encryption."""
    leads = ""
    with suppress(ValueError, InputError):
        leads = canonical(urljoin(url, location))
    if not is_web(leads):
        raise StorageError("the hub redirects outside the web", where=str(address), remedy="run again later")
    if scheme_of(url) == "https" != scheme_of(leads):
        what = "the hub redirects to an address without encryption"
        raise StorageError(what, where=str(address), remedy="check HF_ENDPOINT; nothing was sent there")
    return leads


def _code_of(status: int, headers: Mapping[str, str]) -> str:
    if status == 403 and headers.get("X-Error-Message", "").lower().startswith(DISABLED):
        return "disabled"
    return headers.get("X-Error-Code", "")


def _refusal(
    status: int, headers: Mapping[str, str], address: HubAddress, endpoint: str, *, has_token: bool
) -> PresswatchError:
    code, page = _code_of(status, headers), address.page(endpoint)
    if code not in ("disabled", GATED) and status not in (401, 403, 404, 410):
        return StorageError(f"the hub answered {status}", where=str(address), remedy="run again later")
    if is_missing := status in (404, 410) and code not in ("disabled", GATED):
        what, remedy = _MISSING.get(
            code, ("there is no such file or folder at this revision", "check the path")
        )
        if code == NO_REVISION and address.is_pinned:
            what = "the commit is gone: the history of the dataset was squashed, or it never had this commit"
            remedy = f"choose an existing revision, such as @{MAIN}; its files may differ"
    elif code == "disabled":
        what, remedy = "the hub has disabled access to the dataset", "ask its owner, or the hub, why"
    elif code == GATED and has_token:
        what = "the dataset is gated, and the token's account has no access"
        remedy = f"accept its conditions at {page}, and wait until access is granted"
    elif code == GATED:
        what = "the dataset is gated, and there is no token"
        remedy = f"ask for access at {page}, then {GIVE_TOKEN}"
    elif has_token:
        what = f"the token is unknown or expired, or may not read this ({status})"
        remedy = "use a token whose account and scopes may read the dataset"
    else:
        what = f"access denied ({status}): there is no such dataset, or it is private and there is no token"
        remedy = f"check the name; if it is private, {GIVE_TOKEN}"
    return (MissingError if is_missing else DeniedError)(what, where=str(address), remedy=remedy)


def token_of(options: StorageOptions) -> str | None:
    """Return the token for the hub, or None; `ConfigError` if the named file or secret contains none."""
    if options.hf_token_file:
        where = options.hf_token_file
        try:
            with open(where, encoding="utf-8", errors="replace") as file:
                text = file.read(4096)
        except OSError as error:
            what = f"the token cannot be read: {error.strerror}"
            raise ConfigError(what, where=where, remedy="check --hf-token-file") from None
    elif options.hf_token_secret:
        from presswatch_spark.storage.s3 import secret_text

        where = options.hf_token_secret
        text = secret_text(where, options.profile, TOKEN_VARIABLE)
    else:
        text, where = os.environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE
        if not text.strip():
            return None
    if not _TOKEN.fullmatch(token := text.strip()):
        raise ConfigError("the file has no token of a hub", where=where, remedy="write only the token there")
    return token
