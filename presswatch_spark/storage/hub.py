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
    range_header,
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


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub, by the URL that its addresses begin with. Requests carry the token, and go to no other host."""

    options: StorageOptions
    endpoint: str

    @classmethod
    def of(cls, options: StorageOptions) -> Hub:
        """Return the hub of the settings, of `HF_ENDPOINT`, or else Hugging Face.

        Raises:
            ConfigError, InputError: that is no address of a web site, or contains a user or password.
        """
        endpoint = options.hf_endpoint or os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT
        if scheme_of(endpoint) not in ("http", "https") or "?" in endpoint or "#" in endpoint:
            what = "is not the address of a hub"
            raise ConfigError(what, where=printable(endpoint), remedy=f"check {ENDPOINT_VARIABLE}")
        return cls(options, canonical(endpoint).rstrip("/"))

    @property
    def client(self) -> Client:
        """Return the client for the hub and the stores that it names: the user named the hub only."""
        return Client(self.options, name_of(self.endpoint))

    def owns(self, url: str) -> bool:
        """Return whether the hub itself answers for a URL: no other host may see the token."""
        return (scheme_of(url), host_of(url)) == (scheme_of(self.endpoint), host_of(self.endpoint))

    def send(self, url: str, headers: Mapping[str, str] = NO_HEADERS) -> HttpReply:
        """Send the hub a request with the token; redirects are not followed.

        Raises:
            StorageError: the URL is not the hub's, or it cannot be reached.
            BlockedError: the hub must not be asked any more.
        """
        return self.client.get(url, {**headers, **self.identity(url)}, alone=True, follow=False)

    def identity(self, url: str) -> dict[str, str]:
        """Return the headers with the token; `StorageError` if they would go to another host."""
        if not self.owns(url):
            raise StorageError(
                "the hub leads to another host where it must answer itself",
                where=self.endpoint,
                remedy="check HF_ENDPOINT; nothing was sent there",
            )
        token = token_of(self.options)
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def required(self, url: str, address: HubAddress, headers: Mapping[str, str] = NO_HEADERS) -> HttpReply:
        """Send a request for a file or a list, and raise the error for a refusal.

        The reply contains the answer, or redirects to another place of it.
        """
        reply = self.send(url, headers)
        if refused := self.refused(reply, url, address):
            reply.close()
            raise refused
        return reply

    def refused(self, reply: HttpReply, url: str, address: HubAddress) -> PresswatchError | None:
        """Return the error for a refusal; None if the reply contains the answer, or names its place."""
        if reply.location is not None:
            try:
                leads = target_of(url, reply.location, address)
            except StorageError as error:
                return error
            found = _DATASET.search(unquote(urlsplit(leads).path)) if self.owns(leads) else None
            if found is None or found[1] == address.dataset:
                return None
            return MissingError(
                f"the dataset was moved to {found[1]}",
                where=str(address),
                remedy=f"write hf://datasets/{found[1]} in its place",
            )
        if reply.status in (200, 206):
            return None
        has_token = token_of(self.options) is not None
        return _refusal(reply.status, reply.headers, address, self.endpoint, has_token=has_token)

    def known_place(self, address: HubAddress) -> HubFile | None:
        """Return the place that the hub gave last; None if it was not asked.

        Use it for addresses with a commit, unless the place of another commit will do.
        """
        return _PLACES.get((self.endpoint, str(address)))

    def forget_place(self, address: HubAddress) -> None:
        """Forget a place that no longer works."""
        _PLACES.pop((self.endpoint, str(address)), None)

    def place_of(self, address: HubAddress) -> HubFile:
        """Return the place of a file; the hub is asked only if it is not known.

        Raises:
            MissingError, DeniedError, StorageError: the hub refuses.
            BlockedError: the hub must not be asked any more.
        """
        known = self.known_place(address)
        return known or self.found_place(address, self.required(address.resolver(self.endpoint), address))

    def found_place(self, address: HubAddress, reply: HttpReply) -> HubFile:
        """Return, and keep, the place that a reply of the resolver names; the reply is closed.

        The hub may first redirect to another of its own addresses.
        """
        url, facts = address.resolver(self.endpoint), dict[str, str]()
        for _ in range(REDIRECTS_MAX):
            facts = {name: reply.headers[name] for name in FACTS if name in reply.headers} | facts
            if reply.location is None:
                reply.close()
                if reply.status == 206:
                    what = "the hub sent a part of the file unasked"
                    raise StorageError(what, where=str(address), remedy="run again later")
                size, etag, digest = length_of(reply), validator_of(reply), declared_sha256(reply)
                place = HubFile(url, True, size, etag, digest, tuple(facts.items()))
                break
            reply.close()
            url = target_of(url, reply.location, address)
            if not self.owns(url):
                linked_size, etag = facts.get("X-Linked-Size", ""), facts.get("X-Linked-ETag", "").strip('"')
                digest = etag.lower() if SHA256.fullmatch(etag.lower()) else None
                size = int(linked_size) if linked_size.isdecimal() else None
                place = HubFile(url, False, size, etag or None, digest, tuple(facts.items()))
                break
            reply = self.required(url, address)
        else:
            reply.close()
            raise StorageError("the hub redirects in a circle", where=str(address), remedy="run again later")
        _PLACES[self.endpoint, str(address)] = place
        for oldest in list(_PLACES)[:-PLACES_KEPT]:
            _PLACES.pop(oldest, None)
        return place


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


@dataclass(frozen=True, slots=True)
class HubStore(WebStore):
    """Datasets of one hub. The store behind it is another host, and never sees the token."""

    options: StorageOptions
    where: ClassVar[str] = "a hub"

    def pinned(self, uri: str) -> str:
        """Return the URI with the commit in place of its revision."""
        from presswatch_spark.storage.hub_lists import commit_of

        address = HubAddress.of(uri)
        if address.is_pinned:
            return uri
        return str(replace(address, revision=commit_of(self._hub, address)))

    def stat(self, uri: str) -> ObjectInfo:
        """Describe a file as the hub does where it redirects to its store."""
        address = HubAddress.of(uri)
        if not address.path or address.path.endswith("/"):
            raise MissingError("is a folder, not a file", where=uri)
        place = self._hub.place_of(address)
        return ObjectInfo(uri, place.size, place.etag, place.sha256)

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Yield the files of the folder, 1,000 a request."""
        from presswatch_spark.storage.hub_lists import files_below

        found = files_below(self._hub, HubAddress.of(uri))
        if not found:
            raise MissingError(
                "there is no such file, and nothing under it as a folder", where=uri.rstrip("/")
            )
        yield from found

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
        """Open a range in the store. An address that it refuses has expired, so the hub signs another."""
        address, hub = HubAddress.of(info.uri), self._hub
        is_known = hub.known_place(address) is not None
        try:
            return self._opened(info, hub.place_of(address), start, end)
        except (DeniedError, MissingError):
            hub.forget_place(address)
            if not is_known:
                raise
        return self._opened(info, hub.place_of(address), start, end)

    def _opened(self, info: ObjectInfo, place: HubFile, start: int, end: int | None) -> RangeReply:
        """Open a range of the file at its place, and make sure that it is the file that `info` describes."""
        # Something between us and the hub may answer in its place, such as a page to log in.
        if info.sha256 not in (None, place.sha256):
            raise changed(info.uri, start)
        if place.at_hub:
            address = HubAddress.of(info.uri)
            return body_of(self._hub.required(place.url, address, range_header(start, end)), info.uri, start)
        body = self._body_in_store(info.uri, place, start, end)
        if None not in (place.size, body.total) and place.size != body.total:
            body.reader.close()
            raise StorageError(
                f"the store has {body.total:,} bytes where the hub says {place.size:,}",
                where=f"{info.uri} @ {start}",
                remedy="run again later",
            )
        return replace(body, etag=info.etag or place.etag, sha256=place.sha256)

    def _body_in_store(self, uri: str, place: HubFile, start: int, end: int | None) -> RangeReply:
        try:
            return opened_range(self._hub.client, place.url, start, end, alone=True)
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

    def ask(self, uri: str, start: int, end: int) -> RawResponse:
        """Ask for a range: of the hub where it refuses the file, else of its store.

        The headers of an answer of the store are followed by those in which the hub described the file.
        """
        address, hub = HubAddress.of(uri), self._hub
        # A branch or tag may name another file by now.
        place = hub.known_place(address) if address.is_pinned else None
        if place is not None:
            answer = self._answer(uri, place, start, end)
            if answer.status not in _EXPIRED:
                return answer
            hub.forget_place(address)
        found = self._resolved(address)
        return found if isinstance(found, RawResponse) else self._answer(uri, found, start, end)

    def _resolved(self, address: HubAddress) -> HubFile | RawResponse:
        hub, url, sent_at = self._hub, address.resolver(self._hub.endpoint), time.time()
        try:
            reply = hub.send(url)
            refused = hub.refused(reply, url, address)
            if refused is None:
                return hub.found_place(address, reply)
        except BlockedError:
            raise
        except PresswatchError as error:
            is_ours = isinstance(error, InputError | ConfigError)
            return RawResponse(str(address), sent_at, failure=error.what, ours=is_ours)
        reply.close()
        code = _code_of(reply.status, reply.headers)
        answer = RawResponse(str(address), reply.sent_at, reply.status, reply.items(), code=code)
        return replace(answer, failure=refused.what, ours=reply.status == 401 and not code)

    def _answer(self, uri: str, place: HubFile, start: int, end: int) -> RawResponse:
        identity = self._hub.identity(place.url) if place.at_hub else NO_HEADERS
        answer = self._hub.client.ask(place.url, start, end, identity, follow=not place.at_hub)
        named = () if answer.header("ETag") or not place.etag else (("ETag", place.etag),)
        return replace(answer, uri=uri, headers=(*answer.headers, *place.facts, *named))

    @property
    def _hub(self) -> Hub:
        return Hub.of(self.options)


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
