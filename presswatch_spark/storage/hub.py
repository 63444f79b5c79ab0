"""Files of datasets on a hub (`hf://`): the hub names their places, and ranges are read from its store.

A large file is in a store of another host, at a signed address that works for some minutes or hours. All
ranges are read there, without the token. A small file comes from the hub itself. Places and the token stay in
this process: a signed address is a secret, too.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import ClassVar
from urllib.parse import unquote, urljoin, urlsplit

from presswatch_spark.errors import ConfigError, InputError, PresswatchError, StorageError
from presswatch_spark.settings.config import StorageOptions
from presswatch_spark.storage.addresses import name_of
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.http import (
    NO_HEADERS,
    BadRequestError,
    Client,
    HttpReply,
    WebStore,
    body_of,
    declared_sha256,
    length_of,
    opened_range,
    validator_of,
)
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import (
    DeniedError,
    MissingError,
    ObjectInfo,
    RangeReply,
    RawResponse,
    changed,
    range_header,
)
from presswatch_spark.storage.uris import MAIN, SHA256, HubAddress, canonical, host_of, printable, scheme_of

ENDPOINT, ENDPOINT_VARIABLE, TOKEN_VARIABLE = "https://huggingface.co", "HF_ENDPOINT", "HF_TOKEN"
PLACES_KEPT = 4096
REDIRECTS_MAX = 4
FACTS = ("X-Repo-Commit", "X-Linked-Size", "X-Linked-ETag", "X-Error-Code", "X-Error-Message")
GATED, NO_REPOSITORY, NO_REVISION = "GatedRepo", "RepoNotFound", "RevisionNotFound"
DISABLED = "access to this resource is disabled"
GIVE_TOKEN = "set HF_TOKEN, or give --hf-token-file"
_EXPIRED = frozenset({400, 401, 403, 404, 410})
"""Statuses of an address that worked before and has expired."""
_DATASET = re.compile(r"/(?:api/)?datasets/([^/]+/[^/]+)(?:/|$)")
_TOKEN = re.compile(r"[!-~]{1,1024}")
_ARN = re.compile(r"arn:[a-z-]+:secretsmanager:(?P<region>[a-z0-9-]+):\d+:secret:.+")


@dataclass(frozen=True, slots=True)
class HubFile:
    """The place of a file, and its description by the hub.

    `url` is signed where `at_hub` is false: never print or write it. `etag` and `sha256` are the hub's, as in
    `ObjectInfo`. `facts`: the headers of the description.
    """

    url: str = field(repr=False)
    at_hub: bool
    size: int | None
    etag: str | None
    sha256: str | None
    facts: tuple[tuple[str, str], ...] = ()


_PLACES: dict[tuple[str, str], HubFile] = {}
"""Places by endpoint and address, the oldest first."""


def forget_places() -> None:
    """Forget all places: the hub may give others now."""
    _PLACES.clear()


class _HubRefusalError(Exception):
    """A refusal of the hub: the error for users, and the reply, which is closed."""

    def __init__(self, error: PresswatchError, reply: HttpReply) -> None:
        super().__init__(error.what)
        self.error, self.reply = error, reply


@dataclass(frozen=True, slots=True)
class HubStore(WebStore):
    """Datasets of one hub. The token is sent to the hub only; the store behind it is another host."""

    options: StorageOptions
    where: ClassVar[str] = "a hub"

    @property
    def endpoint(self) -> str:
        """Return the address of the hub: of the settings, of `HF_ENDPOINT`, or else Hugging Face.

        Raises:
            ConfigError, InputError: that is no address of a web site, or contains a user or password.
        """
        endpoint = self.options.hf_endpoint or os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT
        if scheme_of(endpoint) not in ("http", "https") or "?" in endpoint or "#" in endpoint:
            what = "is not the address of a hub"
            raise ConfigError(what, where=printable(endpoint), remedy=f"check {ENDPOINT_VARIABLE}")
        return canonical(endpoint).rstrip("/")

    def pinned(self, uri: str) -> str:
        """Return the URI with the commit in place of its revision."""
        from presswatch_spark.storage.hub_lists import commit_of

        address = HubAddress.of(uri)
        return uri if address.is_pinned else str(replace(address, revision=commit_of(self, address)))

    def stat(self, uri: str) -> ObjectInfo:
        """Describe a file as the hub does where it redirects to its store."""
        address = HubAddress.of(uri)
        if not address.path or address.path.endswith("/"):
            raise MissingError("is a folder, not a file", where=uri)
        place = self._known_place(address) or self._place(address)
        return ObjectInfo(uri, place.size, place.etag, place.sha256)

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Yield the files of the folder, 1,000 a request."""
        from presswatch_spark.storage.hub_lists import files_below

        found = files_below(self, HubAddress.of(uri))
        if not found:
            raise MissingError(
                "there is no such file, and nothing under it as a folder", where=uri.rstrip("/")
            )
        yield from found

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
        """Open a range in the store. An address that it refuses has expired, so the hub signs another."""
        address = HubAddress.of(info.uri)
        if known := self._known_place(address):
            with suppress(DeniedError, MissingError):
                return self._opened(info, known, start, end)
            self._forget(address)
        return self._opened(info, self._place(address), start, end)

    def ask(self, uri: str, start: int, end: int) -> RawResponse:
        """Ask for a range: of the hub where it refuses the file, else of its store.

        The headers of an answer of the store are followed by those in which the hub described the file.
        """
        address, sent_at = HubAddress.of(uri), time.time()
        # A branch or tag may name another file by now.
        if address.is_pinned and (known := self._known_place(address)):
            answer = self._answer(uri, known, start, end)
            if answer.status not in _EXPIRED:
                return answer
            self._forget(address)
        try:
            place = self._resolved(address)
        except BlockedError:
            raise
        except _HubRefusalError as refused:
            reply, code = refused.reply, _code_of(refused.reply.status, refused.reply.headers)
            answer = RawResponse(uri, reply.sent_at, reply.status, reply.items(), code=code)
            return replace(answer, failure=refused.error.what, ours=reply.status == 401 and not code)
        except PresswatchError as error:
            is_ours = isinstance(error, InputError | ConfigError)
            return RawResponse(uri, sent_at, failure=error.what, ours=is_ours)
        return self._answer(uri, place, start, end)

    def required(self, url: str, address: HubAddress, headers: Mapping[str, str] = NO_HEADERS) -> HttpReply:
        """Send the hub a request with the token, and raise the error for a refusal.

        The reply contains the answer, or redirects to another place of it; redirects are not followed.
        """
        try:
            return self._sent(url, address, headers)
        except _HubRefusalError as refused:
            raise refused.error from refused

    def owns(self, url: str) -> bool:
        """Return whether the hub itself answers for a URL: no other host may see the token."""
        endpoint = self.endpoint
        return (scheme_of(url), host_of(url)) == (scheme_of(endpoint), host_of(endpoint))

    def _client(self) -> Client:
        # The user named the hub only, and no store.
        return Client(self.options, name_of(self.endpoint))

    def _identity(self, url: str) -> dict[str, str]:
        """Return the headers with the token; `StorageError` if they would go to another host."""
        if not self.owns(url):
            raise StorageError(
                "the hub leads to another host where it must answer itself",
                where=self.endpoint,
                remedy="check HF_ENDPOINT; nothing was sent there",
            )
        token = token_of(self.options)
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def _sent(self, url: str, address: HubAddress, headers: Mapping[str, str]) -> HttpReply:
        sent = {**headers, **self._identity(url)}
        reply = self._client().get(url, sent, alone=True, follow=False)
        error: PresswatchError | None = None
        if reply.location is not None:
            try:
                leads = target_of(url, reply.location, address)
            except StorageError as failure:
                error = failure
            else:
                found = _DATASET.search(unquote(urlsplit(leads).path)) if self.owns(leads) else None
                if found and found[1] != address.dataset:
                    error = MissingError(
                        f"the dataset was moved to {found[1]}",
                        where=str(address),
                        remedy=f"write hf://datasets/{found[1]} in its place",
                    )
        elif reply.status not in (200, 206):
            has_token = token_of(self.options) is not None
            error = _refusal(reply.status, reply.headers, address, self.endpoint, has_token=has_token)
        if error is not None:
            reply.close()
            raise _HubRefusalError(error, reply)
        return reply

    def _known_place(self, address: HubAddress) -> HubFile | None:
        return _PLACES.get((self.endpoint, str(address)))

    def _forget(self, address: HubAddress) -> None:
        _PLACES.pop((self.endpoint, str(address)), None)

    def _place(self, address: HubAddress) -> HubFile:
        try:
            return self._resolved(address)
        except _HubRefusalError as refused:
            raise refused.error from refused

    def _resolved(self, address: HubAddress) -> HubFile:
        """Ask the hub for the place of a file, and keep it; the hub may first redirect within itself."""
        url, facts = address.resolver(self.endpoint), dict[str, str]()
        for _ in range(REDIRECTS_MAX):
            reply = self._sent(url, address, NO_HEADERS)
            reply.close()
            facts = {name: reply.headers[name] for name in FACTS if name in reply.headers} | facts
            if reply.location is None:
                if reply.status == 206:
                    what = "the hub sent a part of the file unasked"
                    raise StorageError(what, where=str(address), remedy="run again later")
                size, etag, digest = length_of(reply), validator_of(reply), declared_sha256(reply)
                place = HubFile(url, True, size, etag, digest, tuple(facts.items()))
                break
            url = target_of(url, reply.location, address)
            if not self.owns(url):
                linked_size, etag = facts.get("X-Linked-Size", ""), facts.get("X-Linked-ETag", "").strip('"')
                digest = etag.lower() if SHA256.fullmatch(etag.lower()) else None
                size = int(linked_size) if linked_size.isdecimal() else None
                place = HubFile(url, False, size, etag or None, digest, tuple(facts.items()))
                break
        else:
            raise StorageError("the hub redirects in a circle", where=str(address), remedy="run again later")
        _PLACES[self.endpoint, str(address)] = place
        for oldest in list(_PLACES)[:-PLACES_KEPT]:
            _PLACES.pop(oldest, None)
        return place

    def _opened(self, info: ObjectInfo, place: HubFile, start: int, end: int | None) -> RangeReply:
        """Open a range of the file at its place, and make sure that it is the file that `info` describes."""
        uri = info.uri
        # Something between us and the hub may answer in its place, such as a page to log in.
        if info.sha256 and place.sha256:
            is_other = info.sha256 != place.sha256
        elif info.sha256 and place.at_hub:
            # A mirror may declare no digest. Then the size must be the same.
            is_other = info.size not in (None, place.size)
        else:
            is_other = None not in (info.size, place.size) and info.size != place.size
        if is_other:
            raise changed(uri, start)
        if place.at_hub:
            reply = self.required(place.url, HubAddress.of(uri), range_header(start, end))
            return body_of(reply, uri, start)
        try:
            body = opened_range(self._client(), place.url, start, end, alone=True)
        except BlockedError:
            raise
        except (DeniedError, BadRequestError) as error:
            what = "the store refuses the address that the hub has just signed"
            raise DeniedError(what, where=uri, remedy="run again later") from error
        except MissingError as error:
            what = "the hub knows the file, and its store has no such object"
            raise MissingError(what, where=uri, remedy="tell the owner of the dataset") from error
        except StorageError as error:
            what = f"the store behind the hub: {error.what}"
            raise StorageError(what, where=uri, remedy=error.remedy) from error
        if None not in (place.size, body.total) and place.size != body.total:
            body.reader.close()
            raise StorageError(
                f"the store has {body.total:,} bytes where the hub says {place.size:,}",
                where=f"{uri} @ {start}",
                remedy="run again later",
            )
        return replace(body, etag=info.etag or place.etag, sha256=place.sha256)

    def _answer(self, uri: str, place: HubFile, start: int, end: int) -> RawResponse:
        identity = self._identity(place.url) if place.at_hub else NO_HEADERS
        answer = self._client().ask(place.url, start, end, identity, follow=not place.at_hub)
        named = () if answer.header("ETag") or not place.etag else (("ETag", place.etag),)
        return replace(answer, uri=uri, headers=(*answer.headers, *place.facts, *named))


def target_of(url: str, location: str, address: HubAddress) -> str:
    """Return the URL that a redirect from `url` leads to.

    Raises:
        StorageError: that is no address of a web site, or none that is encrypted while `url` is.
    """
    try:
        leads = canonical(urljoin(url, location))
        is_site = scheme_of(leads) in ("http", "https")
    except (ValueError, InputError):
        is_site = False
    if not is_site:
        raise StorageError("the hub redirects to no web site", where=str(address), remedy="run again later")
    if scheme_of(url) == "https" != scheme_of(leads):
        raise StorageError(
            "the hub redirects to a place without encryption",
            where=str(address),
            remedy="check HF_ENDPOINT; nothing was sent there",
        )
    return leads


def _code_of(status: int, headers: Mapping[str, str]) -> str:
    if status == 403 and headers.get("X-Error-Message", "").lower().startswith(DISABLED):
        return "disabled"
    return headers.get("X-Error-Code", "")


def _refusal(
    status: int, headers: Mapping[str, str], address: HubAddress, endpoint: str, *, has_token: bool
) -> PresswatchError:
    where, code, page = str(address), _code_of(status, headers), address.page(endpoint)
    if code == "disabled":
        what, remedy = "the hub has disabled access to the dataset", "ask its owner, or the hub, why"
    elif code == GATED and not has_token:
        what = "the dataset is gated, and there is no token"
        remedy = f"ask for access at {page}, then {GIVE_TOKEN}"
    elif code == GATED:
        what = "the dataset is gated, and the token's account has no access"
        remedy = f"accept its conditions at {page}, and wait until access is granted"
    elif status in (404, 410):
        if code == NO_REPOSITORY:
            what = "there is no such dataset, or the token does not see it"
            remedy = "check the name, and the account of the token"
        elif code == NO_REVISION and address.is_pinned:
            what = "the commit is gone: the history of the dataset was squashed, or it never had this commit"
            remedy = f"name a revision that is there, such as @{MAIN}; its files may be others"
        elif code == NO_REVISION:
            what, remedy = "there is no such revision", "check what follows @; a slash in it is written %2F"
        else:
            what, remedy = "there is no such file or folder at this revision", "check the path"
        return MissingError(what, where=where, remedy=remedy)
    elif status not in (401, 403):
        return StorageError(f"the hub answered {status}", where=where, remedy="run again later")
    elif has_token and status == 401:
        what = "the hub does not know the token, or it has expired"
        remedy = "make a new token that may read, and give that"
    elif has_token:
        what = f"the token may not read this ({status})"
        remedy = "give a token whose account and scopes may read the dataset"
    elif code == NO_REPOSITORY or status == 401:
        what = "there is no such dataset, or it is private and there is no token"
        remedy = f"check the name; if it is private, {GIVE_TOKEN}"
    else:
        what, remedy = f"access denied ({status})", GIVE_TOKEN
    return DeniedError(what, where=where, remedy=remedy)


def token_of(options: StorageOptions) -> str | None:
    """Return the token for the hub; None if there is none. Each process reads it, and nothing else keeps it.

    Raises:
        ConfigError: the file or the secret that the settings name contains no token.
        StorageError: the secret cannot be read.
    """
    if options.hf_token_file:
        where = options.hf_token_file
        try:
            with open(where, encoding="utf-8") as file:
                text = file.read(4096)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            what = f"the token cannot be read: {why}"
            raise ConfigError(what, where=where, remedy="check --hf-token-file") from None
    elif options.hf_token_secret:
        text, where = _token_in_secret(options.hf_token_secret, options.profile), options.hf_token_secret
    else:
        text, where = os.environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE
        if not text.strip():
            return None
    if not _TOKEN.fullmatch(token := text.strip()):
        raise ConfigError("holds no token of a hub", where=where, remedy="write the token there, alone")
    return token


@lru_cache(maxsize=4)
def _token_in_secret(arn: str, profile: str | None) -> str:
    """Return the text of a secret in AWS Secrets Manager: the token, or JSON with it under `HF_TOKEN`."""
    from botocore.exceptions import BotoCoreError, ClientError

    from presswatch_spark.storage.s3 import aws_session

    found = _ARN.fullmatch(arn)
    if not found:
        # It may be the token itself.
        raise ConfigError(
            "is not the ARN of a secret",
            where="storage.hf_token_secret",
            remedy="write arn:aws:secretsmanager:REGION:…:secret:NAME",
        )
    try:
        client = aws_session(profile).client("secretsmanager", region_name=found["region"])
        text = str(client.get_secret_value(SecretId=arn).get("SecretString", ""))
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise StorageError(
            f"the secret cannot be read ({code})",
            where=arn,
            remedy="let the role of the job do secretsmanager:GetSecretValue there",
        ) from None
    try:
        held = parse_json(text)
    except ValueError:
        return text
    return str(held.get(TOKEN_VARIABLE, "")) if isinstance(held, dict) else text
