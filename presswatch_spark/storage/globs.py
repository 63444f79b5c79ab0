"""Globs over files and S3 keys, with one meaning for both."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator

from presswatch_spark.storage.objects import MissingError, ObjectInfo, StorageOptions, list_objects, stat
from presswatch_spark.storage.uris import first_hidden, is_hidden, scheme_of

_WILDCARD = re.compile(r"[*?[]")
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^]]*\]|.", re.DOTALL)
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def has_wildcard(uri: str) -> bool:
    """Whether `uri` holds one of `*`, `?`, `[`."""
    return _WILDCARD.search(uri) is not None


def root_of_glob(pattern: str) -> str:
    """Return the folder, with its slash, above the first name of `pattern` that holds a wildcard."""
    found = _WILDCARD.search(pattern)
    return pattern[: pattern.rindex("/", 0, found.start() if found else None) + 1]


def globbed(pattern: str, options: StorageOptions, hidden: list[str] | None = None) -> Iterator[ObjectInfo]:
    """Yield the objects that a canonical `pattern` matches, and those below a folder that it matches.

    `*` and `?` stay within a name, `**` spans folders, `[ab]` and `[!ab]` are one character. Hidden names do
    not match; those that would are added to `hidden`, as `list_objects` does.
    """
    if scheme_of(pattern) == "file":
        yield from _on_disk(pattern, options, hidden)
        return
    matches = re.compile("".join(map(_regex, _TOKEN.findall(pattern))) + "(?:/.*)?", re.DOTALL).fullmatch
    unseen = list[str]()
    yield from (info for info in list_objects(root_of_glob(pattern), options, unseen) if matches(info.uri))
    if hidden is not None:
        hidden.extend(filter(matches, unseen))


def _regex(token: str) -> str:
    if token in _MEANING:
        return _MEANING[token]
    if len(token) > 1:
        return f"[{'^/' if token[1] == '!' else ''}{re.escape(token[1:-1].removeprefix('!'))}]".replace(
            r"\-", "-"
        )
    return re.escape(token)


def _on_disk(pattern: str, options: StorageOptions, hidden: list[str] | None) -> Iterator[ObjectInfo]:
    root = root_of_glob(pattern)
    for path in glob.iglob(pattern, recursive=True):
        relative = path[len(root) :].rstrip("/")
        if is_hidden(relative):
            if hidden is not None and (first := first_hidden(relative)):
                hidden.append(root + first)
            continue
        if os.path.isdir(path):
            yield from list_objects(path, options, hidden)
        else:
            yield _described(path, options)


def _described(path: str, options: StorageOptions) -> ObjectInfo:
    try:
        return stat(path, options)
    except MissingError:
        return ObjectInfo(path)
