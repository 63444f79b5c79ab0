"""URIs of objects: their canonical spelling, their parts, and their printed form without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from urllib.parse import quote, unquote, urlsplit

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.redaction import bare_url

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_KEY_SAFE = "/!$&'()*+,;=:@~"
SHA256 = re.compile(r"[0-9a-f]{64}")
MAIN = "main"
_DATASETS = "datasets/"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_ADDRESS = re.compile(
    rf"(?P<dataset>{_NAME}/{_NAME})"
    # A revision has its slashes as %2F, except references of the hub itself (`refs/pr/1`).
    r"(?:@(?P<revision>refs/(?:convert|pr)/[^/@]+|[^/@]+))?"
    r"(?:/(?P<path>.*))?",
    re.DOTALL,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_FORM = "write hf://datasets/OWNER/NAME[@REVISION]/PATH"


def scheme_of(uri: str) -> str:
    """Return `file`, `s3`, `http`, `https`, or another scheme; lower case."""
    found = _SCHEME.match(uri)
    return found[1].lower() if found else "file"


def is_web(uri: str) -> bool:
    """Return whether a URI is one of a web site."""
    return scheme_of(uri) in ("http", "https")


def canonical(uri: str) -> str:
    """Return the canonical spelling of `uri`: an absolute path for files, `s3://` for `s3a://` and `s3n://`.

    Raises `InputError` if no storage has this scheme, if a URL has a password, no host or no valid port, or
    if a hub's URI names no dataset.
    """
    if not uri or "\0" in uri:
        raise InputError("this is not a path", where=repr(uri), remedy="pass a path without zero bytes")
    scheme = scheme_of(uri)
    if "://" not in uri:
        return os.path.abspath(uri)
    rest = uri.partition("://")[2]
    if scheme == "file":
        return os.path.abspath(unquote("/" + rest.partition("/")[2]))
    if scheme in {"s3", "s3a", "s3n"}:
        bucket = rest.partition("/")[0]
        if not bucket:
            raise InputError("no bucket is named", where=uri, remedy="write s3://BUCKET/KEY")
        if "@" in bucket or (":" in bucket and not bucket.startswith("arn:")):
            raise InputError(
                "the name of a bucket must not contain access keys",
                where=f"{scheme}://",
                remedy="write s3://BUCKET/KEY, and keep keys in a profile or the environment",
            )
        return f"s3://{rest}"
    if scheme in {"http", "https"}:
        try:
            parts = urlsplit(uri)
            is_url = parts.hostname and parts.port != 0
        except ValueError:
            is_url = False
        if not is_url:
            raise InputError("this is not a URL", where=shown_uri(uri), remedy="write https://HOST/PATH")
        if "@" in parts.netloc:
            raise InputError("a URL must not contain a user or password", where=shown_uri(uri))
        return f"{scheme}://{rest}"
    if scheme == "hf":
        return str(HubAddress.of(uri))
    raise InputError(
        f"there is no storage for {scheme}://",
        where=shown_uri(uri),
        remedy="use a path, s3://, https:// or hf://",
    )


def shown_uri(uri: str) -> str:
    """Return `uri` for messages and tables, without the user, query and fragment of a URL.

    The query may be a signature. If a file name is not UTF-8, its invalid bytes are shown as escapes.
    """
    if is_web(uri):
        return bare_url(uri)
    return uri.encode("utf-8", "backslashreplace").decode()


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Split a canonical `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def join(base: str, key: str) -> str:
    """Return the canonical URI of `key` under the canonical folder, bucket or site `base`."""
    key = key.lstrip("/")
    if is_web(base):
        key = quote(key, safe=_KEY_SAFE, errors="surrogateescape")
    return canonical(f"{base.rstrip('/')}/{key}")


def root_of(uri: str) -> str:
    """Return the bucket, site or dataset of a canonical remote `uri`, as `scheme://name/`."""
    scheme = scheme_of(uri)
    if scheme == "hf":
        return HubAddress.of(uri).root
    return f"{scheme}://{bucket_and_key(uri)[0] if scheme == 's3' else urlsplit(uri).netloc}/"


def below_common_folder(uris: Sequence[str]) -> list[str]:
    """Return each URI, as printed, without the folders that all have in common; a single one is its name."""
    names = [shown_uri(uri).split("/") for uri in uris]
    folders = zip(*(each[:-1] for each in names), strict=False)
    common = sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, folders))
    return ["/".join(each[common:]) for each in names]


def names_in_common(one: str, other: str) -> int:
    """Return the number of names that two paths or URIs have in common at their ends."""
    pairs = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def host_of(url: str) -> str:
    """Return the host and port of an http(s) URL, the key of limits on requests."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{(parts.hostname or '').rstrip('.')}:{port}"


def is_hidden(relative: str) -> bool:
    """Return whether a path below a folder is hidden as in Hadoop: `.x`, `_x`, or a folder marker."""
    return not relative or relative.endswith(("/", "_$folder$")) or bool(first_hidden(relative))


def first_hidden(relative: str) -> str:
    """Return the path up to its first hidden name; empty if it has none, like that of a folder marker."""
    parts = relative.split("/")
    place = next((i for i, part in enumerate(parts) if part.startswith((".", "_"))), None)
    return "" if place is None else "/".join(parts[: place + 1])


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A file or folder of a dataset. `revision` is a commit, branch or tag; None: the branch `main`.

    `path` starts without a slash. The path of a folder may end in one; that of the whole dataset is empty.
    """

    dataset: str
    revision: str | None
    path: str

    @classmethod
    def of(cls, uri: str) -> HubAddress:
        """Parse a URI; raises `InputError` with its mistake."""
        rest = uri.partition("://")[2].lstrip("/")
        if not rest.startswith(_DATASETS):
            raise InputError("only datasets are read from a hub", where=uri, remedy=_HUB_FORM)
        found = _ADDRESS.fullmatch(rest.removeprefix(_DATASETS))
        if not found:
            raise InputError("this is not a dataset on a hub", where=uri, remedy=_HUB_FORM)
        revision, path = found["revision"], (found["path"] or "").lstrip("/")
        if any(part in (".", "..") for part in path.split("/")):
            raise InputError("a path on a hub has no `.` and no `..`", where=uri, remedy=_HUB_FORM)
        if not is_utf8(path):
            where = uri.encode("utf-8", "backslashreplace").decode()
            raise InputError("a path on a hub is written in UTF-8", where=where, remedy=_HUB_FORM)
        return cls(found["dataset"], None if revision is None else unquote(revision), path)

    @property
    def is_pinned(self) -> bool:
        """Return True if the revision is a commit."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None

    @property
    def root(self) -> str:
        """Return the URI of the whole dataset at its revision, with a slash at the end."""
        revision = "" if self.revision is None else f"@{quote(self.revision, safe='')}"
        return f"hf://{_DATASETS}{self.dataset}{revision}/"

    def __str__(self) -> str:
        return self.root + self.path

    def resolver(self, endpoint: str) -> str:
        """Return the URL that redirects to the contents of the file."""
        revision = quote(self.revision or MAIN, safe="")
        return f"{endpoint}/{_DATASETS}{self.dataset}/resolve/{revision}/{quote(self.path)}"

    def api(self, endpoint: str, about: str, path: str = "") -> str:
        """Return the URL of the hub's answer about the revision, or with `tree` about files below a path."""
        revision = quote(self.revision or MAIN, safe="")
        below = f"/{quote(path, safe='')}" if path else ""
        query = "?recursive=true&expand=false" if about == "tree" else ""
        return f"{endpoint}/api/{_DATASETS}{self.dataset}/{about}/{revision}{below}{query}"

    def page(self, endpoint: str) -> str:
        """Return the URL of the dataset's page, for people."""
        return f"{endpoint}/{_DATASETS}{self.dataset}"


def without_revision(uri: str) -> str:
    """Return the URI of a file; on a hub, without its revision, so that it means the branch `main`."""
    return str(replace(HubAddress.of(uri), revision=None)) if scheme_of(uri) == "hf" else uri


def is_utf8(text: str) -> bool:
    """Return whether UTF-8 can encode a text; it cannot encode lone surrogates and names in other bytes."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
