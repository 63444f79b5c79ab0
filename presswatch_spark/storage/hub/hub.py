"""Requests to a hub: in its turn and at its pace, with the token, and to no other host."""

import os
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urljoin

from urllib3.exceptions import HTTPError

from presswatch_spark.errors import ConfigError, InputError, PresswatchError, StorageError, TruncatedError
from presswatch_spark.settings.config import StorageOptions
from presswatch_spark.storage.contract import RawResponse, pause
from presswatch_spark.storage.hub.addresses import HubAddress
from presswatch_spark.storage.hub.refusals import dataset_in, moved, refusal
from presswatch_spark.storage.hub.token import token_of
from presswatch_spark.storage.uris import canonical, host_of, printable, scheme_of
from presswatch_spark.storage.web.addresses import name_of
from presswatch_spark.storage.web.connections import READ_AT_ONCE, Reply
from presswatch_spark.storage.web.https import HttpStore, length_of

ENDPOINT, ENDPOINT_VARIABLE = "https://huggingface.co", "HF_ENDPOINT"
LONGEST_ANSWER = 64 << 20
"""An answer that is kept whole has no more bytes. A page of a list has some hundred thousand."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub, by the URL that its addresses begin with."""

    options: StorageOptions
    endpoint: str

    @classmethod
    def of(cls, options: StorageOptions) -> "Hub":
        """Return the hub of the settings, of `HF_ENDPOINT`, or else Hugging Face.

        Raises:
            ConfigError, InputError: that is no address of a web site, or holds a user or password.
        """
        endpoint = options.hf_endpoint or os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT
        if scheme_of(endpoint) not in ("http", "https") or "?" in endpoint or "#" in endpoint:
            what = "is not the address of a hub"
            raise ConfigError(what, where=printable(endpoint), remedy=f"check {ENDPOINT_VARIABLE}")
        return cls(options, canonical(endpoint).rstrip("/"))

    @property
    def web(self) -> HttpStore:
        """Return what reads from the hub and from the stores that it names: the user named the hub only."""
        return HttpStore(self.options, name_of(self.endpoint))

    def owns(self, url: str) -> bool:
        """Whether the hub itself answers for a URL: no other host may see the token."""
        return (scheme_of(url), host_of(url)) == (scheme_of(self.endpoint), host_of(self.endpoint))

    def send(self, url: str, headers: dict[str, str] | None = None) -> Reply:
        """Ask the hub with the token, and return what it says; redirects are not followed.

        Raises:
            StorageError: the URL is not the hub's, or it cannot be reached.
            BlockedError: the hub is to be asked nothing more.
        """
        asked = {**(headers or {}), **self._identity(url)}
        return self.web.request("GET", url, asked, alone=True, follow=False)

    def ask(self, url: str, start: int, end: int) -> RawResponse:
        """Ask the hub for a part of a file that it gives itself; see `Store.ask`."""
        return self.web.ask(url, start, end, self._identity(url), follow=False)

    def _identity(self, url: str) -> dict[str, str]:
        """Return the headers that hold the token; `StorageError` if they would go to another host."""
        if not self.owns(url):
            raise StorageError(
                "the hub leads to another host where it must answer itself",
                where=self.endpoint,
                remedy="check HF_ENDPOINT; nothing was sent there",
            )
        token = token_of(self.options)
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def required(self, url: str, address: HubAddress, headers: dict[str, str] | None = None) -> Reply:
        """Ask the hub as `send` does, for a file or a list, and raise what a refusal means.

        The reply holds what was asked for, or redirects to another place of it.
        """
        reply = self.send(url, headers)
        if refused := self.refused(reply, url, address):
            reply.close()
            raise refused
        return reply

    def refused(self, reply: Reply, url: str, address: HubAddress) -> PresswatchError | None:
        """Return what a refusal means; None if the reply holds what was asked for, or names its place."""
        if reply.location is not None:
            try:
                leads = target_of(url, reply.location, address)
            except StorageError as error:
                return error
            name = dataset_in(leads) if self.owns(leads) else None
            return None if name in (None, address.dataset) else moved(address, str(name))
        if reply.status in (200, 206):
            return None
        has_token = token_of(self.options) is not None
        return refusal(reply.status, reply.headers, address, self.endpoint, has_token=has_token)

    def whole(self, url: str, address: HubAddress) -> tuple[bytes, Reply]:
        """Return the whole body of a small reply, and the reply, which is closed.

        A body that breaks off is asked for again, at most `max_attempts` times; then `TruncatedError`.
        """
        for attempt in range(1, self.options.max_attempts + 1):
            reply = self.required(url, address)
            with closing(reply):
                if reply.location is not None:
                    raise StorageError("the hub sends us elsewhere for a small answer", where=str(address))
                body = whole_body(reply, address)
            if body is not None:
                return body, reply
            pause(self.options, attempt)
        raise TruncatedError("the hub's answer broke off", where=str(address), remedy="run again later")


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


def whole_body(reply: Reply, address: HubAddress) -> bytes | None:
    """Read a reply to its end; None if it broke off.

    Raises:
        StorageError: it has more than `LONGEST_ANSWER` bytes.
    """
    length, parts, size = length_of(reply), list[bytes](), 0
    try:
        while data := reply.read(READ_AT_ONCE):
            parts.append(data)
            size += len(data)
            if size > LONGEST_ANSWER:
                what = f"the hub's answer is longer than {LONGEST_ANSWER:,} bytes"
                raise StorageError(what, where=str(address), remedy="check HF_ENDPOINT")
    except (HTTPError, OSError):
        return None
    return b"".join(parts) if length in (None, size) else None
