"""Addresses of datasets on a hub: `hf://datasets/OWNER/NAME[@REVISION]/PATH`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from presswatch_spark.errors import InputError

MAIN = "main"
_KIND = "datasets/"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_ADDRESS = re.compile(
    rf"(?P<dataset>{_NAME}/{_NAME})"
    # A slash in a revision is written %2F, but for the references that a hub keeps itself.
    r"(?:@(?P<revision>refs/(?:convert|pr)/[^/@]+|[^/@]+))?"
    r"(?:/(?P<path>.*))?",
    re.DOTALL,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WRITE = "write hf://datasets/OWNER/NAME[@REVISION]/PATH"


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A file or folder of a dataset. `revision` is a commit, branch or tag; None: the branch `main`.

    `path` begins without a slash; that of a folder may end in one, and that of the whole dataset is empty.
    """

    dataset: str
    revision: str | None
    path: str

    @classmethod
    def of(cls, uri: str) -> HubAddress:
        """Parse a URI; `InputError` says what is wrong with it."""
        rest = uri.partition("://")[2].lstrip("/")
        if not rest.startswith(_KIND):
            raise InputError("only datasets are read from a hub", where=uri, remedy=_WRITE)
        found = _ADDRESS.fullmatch(rest.removeprefix(_KIND))
        if not found:
            raise InputError("names no dataset on a hub", where=uri, remedy=_WRITE)
        revision, path = found["revision"], (found["path"] or "").lstrip("/")
        if any(part in (".", "..") for part in path.split("/")):
            raise InputError("a path on a hub has no `.` and no `..`", where=uri, remedy=_WRITE)
        if not is_utf8(path):
            where = uri.encode("utf-8", "backslashreplace").decode()
            raise InputError("a path on a hub is written in UTF-8", where=where, remedy=_WRITE)
        return cls(found["dataset"], None if revision is None else unquote(revision), path)

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit: what it names never changes."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None

    @property
    def root(self) -> str:
        """Return the URI of the whole dataset at its revision, with a slash at the end."""
        revision = "" if self.revision is None else f"@{quote(self.revision, safe='')}"
        return f"hf://{_KIND}{self.dataset}{revision}/"

    def __str__(self) -> str:
        return self.root + self.path

    def resolver(self, endpoint: str) -> str:
        """Return the URL at which the hub says where the file is."""
        revision = quote(self.revision or MAIN, safe="")
        return f"{endpoint}/{_KIND}{self.dataset}/resolve/{revision}/{quote(self.path)}"

    def page(self, endpoint: str) -> str:
        """Return the URL of the dataset's page, for people."""
        return f"{endpoint}/{_KIND}{self.dataset}"


def is_utf8(text: str) -> bool:
    """Whether a text can be written in UTF-8: file names of other bytes, and halves of pairs, cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
