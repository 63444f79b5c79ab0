"""URIs of objects: each has one canonical spelling, can be joined, and is printed without secrets."""

import os
import re
from itertools import takewhile
from urllib.parse import SplitResult, quote, unquote, urlsplit

from presswatch_spark.errors import InputError
from presswatch_spark.redaction import bare_url
from presswatch_spark.storage.hub.addresses import HubAddress

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_KEY_SAFE = "/!$&'()*+,;=:@~"


def scheme_of(uri: str) -> str:
    """Return `file`, `s3`, `http`, `https`, or whatever else stands before `://`; lower case."""
    found = _SCHEME.match(uri)
    return found[1].lower() if found else "file"


def canonical(uri: str) -> str:
    """Return the one spelling of `uri`: an absolute path for files, `s3://` for `s3a://` and `s3n://`.

    Raises:
        InputError: there is no storage for the scheme; a URL has a password, no host, or no valid port; an
            address of a hub names no dataset.
    """
    if not uri or "\0" in uri:
        raise InputError("is not a path", where=repr(uri))
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
                "keys must not stand in the name of a bucket",
                where=f"{scheme}://",
                remedy="write s3://BUCKET/KEY, and keep keys in a profile or the environment",
            )
        return f"s3://{rest}"
    if scheme in {"http", "https"}:
        parts = _split(uri)
        if parts is None:
            raise InputError("is not a URL", where=printable(uri), remedy="write https://HOST/PATH")
        if "@" in parts.netloc:
            raise InputError("a URL must not hold a user or password", where=printable(uri))
        return f"{scheme}://{rest}"
    if scheme == "hf":
        return str(HubAddress.of(uri))
    raise InputError(
        f"there is no storage for {scheme}://",
        where=printable(uri),
        remedy="use a path, s3://, https:// or hf://",
    )


def printable(uri: str) -> str:
    """Return `uri` as it may stand in messages and tables: a URL loses user, query and fragment.

    What follows `?` may be a signature. File names that are no UTF-8 show their odd bytes as escapes.
    """
    if scheme_of(uri) in {"http", "https"}:
        return bare_url(uri)
    return uri.encode("utf-8", "backslashreplace").decode()


def _split(uri: str) -> SplitResult | None:
    """Return the parts of a URL; None if its host is missing, or its brackets, letters or port are wrong."""
    try:
        parts = urlsplit(uri)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Split a canonical `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def join(base: str, key: str) -> str:
    """Return the canonical URI of `key` under the canonical folder, bucket or site `base`."""
    key = key.lstrip("/")
    if scheme_of(base) in {"http", "https"}:
        key = quote(key, safe=_KEY_SAFE, errors="surrogateescape")
    return canonical(f"{base.rstrip('/')}/{key}")


def root_of(uri: str) -> str:
    """Return the bucket, site or dataset that a canonical remote `uri` lies in, as `scheme://name/`."""
    scheme = scheme_of(uri)
    if scheme == "hf":
        return HubAddress.of(uri).root
    return f"{scheme}://{bucket_and_key(uri)[0] if scheme == 's3' else urlsplit(uri).netloc}/"


def names_in_common(one: str, other: str) -> int:
    """Return how many names two paths or URIs have in common, from the last one back."""
    pairs = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def host_of(url: str) -> str:
    """Return the host that answers for an http(s) URL, with its port; manners hold for that."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{(parts.hostname or '').rstrip('.')}:{port}"


def is_hidden(relative: str) -> bool:
    """Return whether a path below a folder is hidden by Hadoop's custom: `.x`, `_x`, or a folder marker."""
    marker = not relative or relative.endswith(("/", "_$folder$"))
    return marker or any(part.startswith((".", "_")) for part in relative.split("/"))


def first_hidden(relative: str) -> str:
    """Return the path as far as its first hidden name; empty if it has none, as a folder marker's."""
    parts = relative.split("/")
    place = next((i for i, part in enumerate(parts) if part.startswith((".", "_"))), None)
    return "" if place is None else "/".join(parts[: place + 1])
