"""A hub of datasets on 127.0.0.1, as Hugging Face's is asked, and the store behind it on another port.

It knows branches and commits, gives lists page by page, and redirects to signed addresses that expire. It
writes down who asked what, with which token.
"""

import hashlib
import json
import re
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from presswatch_spark.storage.host_limits import forget_hosts
from tests.world.servers import Fault, Reply, Server, listening, running

TOKEN = "hf_tEsTtOkEnThatNobodyElseMaySee"
OTHER_TOKEN = "hf_tEsTtOkEnOfAnAccountWithoutAccess"
NAME = "press/web"
LFS_BYTES = 512
CACHE = "/api/resolve-cache"
_RESOLVER = re.compile(r"/datasets/[^/]+/[^/]+/resolve/")


@dataclass
class Store(Server):
    """Where large files are: it gives what a signature allows, until that is used up.

    `uses`: how many requests a signature is good for. `expired`: the status of one that is used up.
    """

    uses: int = 10**9
    expired: int = 403
    signed: Counter[str] = field(default_factory=Counter)

    def fault_for(self, method: str, path: str) -> Fault:
        signature = parse_qs(urlsplit(path).query).get("Signature", [""])[0]
        with self.guard:
            self.signed[signature] -= 1
            if self.signed[signature] < 0:
                return Fault(status=self.expired)
        return super().fault_for(method, path)


@dataclass
class Dataset:
    """The trees of a dataset, by commit: files by path. `main` is the newest. `gated`: a token is needed."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    main: str = ""
    gated: bool = False
    disabled: bool = False
    moved_to: str = ""


@dataclass
class Hub:
    """A hub. `asked` are the paths of its requests with their tokens; `refusals` are given before all else.

    `page`: entries on a page of a list. `tokens`: those that it knows; the first may read gated datasets.
    `caches`: the hub sends on to another of its addresses. Files from `lfs_bytes` on lie in the store.

    """

    store: Store
    datasets: dict[str, Dataset] = field(default_factory=dict)
    tokens: tuple[str, ...] = (TOKEN, OTHER_TOKEN)
    page: int = 2
    asked: list[tuple[str, str]] = field(default_factory=list)
    refusals: deque[Reply] = field(default_factory=deque)
    next_page_at: str = ""
    caches: bool = False
    lfs_bytes: int = LFS_BYTES
    url: str = ""
    guard: Lock = field(default_factory=Lock)
    signatures: int = 0

    def push(self, files: dict[str, bytes], name: str = NAME) -> str:
        """Make a commit of exactly these files, the newest of `main`; returns it."""
        dataset = self.datasets.setdefault(name, Dataset())
        told = json.dumps([len(dataset.commits), sorted((path, len(data)) for path, data in files.items())])
        dataset.main = hashlib.sha1(f"{name}{told}".encode()).hexdigest()
        dataset.commits[dataset.main] = dict(files)
        self.store.objects |= {_stored(data): data for data in files.values()}
        return dataset.main

    def squash(self) -> str:
        """Leave the newest files alone, as a commit of their own."""
        dataset = self.datasets[NAME]
        files = dataset.commits[dataset.main]
        dataset.commits.clear()
        return self.push(files | {"SQUASHED": b"yes"})

    @property
    def resolved(self) -> Counter[str]:
        """How often each file was asked for at the resolver, by its path."""
        paths = (path.partition("?")[0] for path, _ in self.asked)
        return Counter(unquote(path.split("/", 6)[6]) for path in paths if _RESOLVER.match(path))

    def answer(self, path: str, token: str) -> Reply:
        with self.guard:
            self.asked.append((path, token))
            if self.refusals:
                return self.refusals.popleft()
        parts = urlsplit(path)
        if parts.path.startswith(CACHE):
            parts = parts._replace(path=parts.path.removeprefix(CACHE))
        elif self.caches and "/resolve/" in parts.path:
            return Reply(307, {"Location": f"{CACHE}{parts.path}"}, b"")
        api = re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/(revision|tree)/([^/]+)(?:/(.*))?", parts.path)
        file = re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", parts.path)
        if api:
            name, kind, revision, rest = api[1], api[2], unquote(api[3]), unquote(api[4] or "")
        elif file:
            name, kind, revision, rest = file[1], "resolve", unquote(file[2]), unquote(file[3])
        else:
            return Reply(404, {}, b"")
        found = self._allowed(name, token, path)
        if isinstance(found, Reply):
            return found
        commit = found.main if revision == "main" else revision
        if commit not in found.commits:
            return _refusal(404, "RevisionNotFound")
        files = found.commits[commit]
        if kind == "revision":
            return _json({"id": name, "sha": commit, "private": False, "siblings": [], "tags": []})
        if kind == "tree":
            return self._tree(files, rest, parts.path, parse_qs(parts.query))
        return self._file(commit, files, rest)

    def _allowed(self, name: str, token: str, path: str) -> Dataset | Reply:
        if token and token not in self.tokens:
            return _refusal(401, "")
        dataset = self.datasets.get(name)
        if dataset is None:
            return _refusal(404 if token else 401, "RepoNotFound")
        if dataset.moved_to:
            return Reply(307, {"Location": path.replace(name, dataset.moved_to)}, b"")
        if dataset.disabled:
            return _refusal(403, "", "Access to this resource is disabled.")
        if dataset.gated and token != self.tokens[0]:
            return _refusal(403 if token else 401, "GatedRepo")
        return dataset

    def _tree(self, files: dict[str, bytes], folder: str, path: str, query: dict[str, list[str]]) -> Reply:
        below = {
            name: data for name, data in sorted(files.items()) if not folder or name.startswith(f"{folder}/")
        }
        if not below:
            return _refusal(404, "EntryNotFound")
        folders = {name.rpartition("/")[0] for name in below} - {"", folder}
        entries = [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": name} for name in sorted(folders)
        ]
        entries += [_entry(name, data) for name, data in below.items()]
        first = int(query.get("cursor", ["0"])[0])
        reply = _json(entries[first : first + self.page])
        if first + self.page < len(entries):
            base = self.next_page_at or self.url
            after = f"{base}{path}?recursive=True&expand=False&cursor={first + self.page}"
            reply.headers["Link"] = f'<{after}>; rel="next"'
        return reply

    def _file(self, commit: str, files: dict[str, bytes], path: str) -> Reply:
        if path not in files:
            return _refusal(404, "EntryNotFound")
        data = files[path]
        if len(data) < self.lfs_bytes:
            return Reply(200, {"ETag": f'"{_blob(data)}"', "X-Repo-Commit": commit}, data)
        with self.guard:
            self.signatures += 1
            signature = f"S{self.signatures}"
        self.store.signed[signature] = self.store.uses
        return Reply(
            302,
            {
                "Location": f"{self.store.url}{quote(_stored(data))}?Expires=1&Signature={signature}",
                "X-Linked-Size": str(len(data)),
                "X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"',
                "X-Repo-Commit": commit,
            },
            b"Found. Redirecting",
        )


@contextmanager
def hub(files: dict[str, bytes] | None = None) -> Iterator[Hub]:
    """Run a hub and its store; `files` are the first commit of the dataset `NAME`."""
    with running(Store(etags=False)) as store:
        state = Hub(store)

        class Handler(_Handler):
            hub = state

        with listening(Handler) as state.url:
            if files:
                state.push(files)
            yield state


def empty(state: Hub, files: dict[str, bytes] | None = None) -> Hub:
    """Make a running hub a new one at the same address, with its store; `files` as those of `hub`."""
    for old, new in ((state.store, Store(etags=False)), (state, Hub(state.store))):
        for each in fields(old):
            if each.name not in ("store", "url", "guard"):
                setattr(old, each.name, getattr(new, each.name))
    forget_hosts()
    if files:
        state.push(files)
    return state


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        reply = self.hub.answer(self.path, token)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and reply.status == 200:
            start, end = int(asked[1]), min(int(asked[2] or len(reply.body)) + 1, len(reply.body))
            is_beyond = start >= len(reply.body)
            where = f"bytes {'*' if is_beyond else f'{start}-{end - 1}'}/{len(reply.body)}"
            status, ranged = 416 if is_beyond else 206, {"Content-Range": where}
            reply = Reply(status, reply.headers | ranged, reply.body[start:end])
        self.send_response_only(reply.status)
        for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)


def refused(status: int, **headers: str) -> Reply:
    """A refusal with headers; `_` in their names stands for `-`."""
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


def _refusal(status: int, code: str, message: str = "no") -> Reply:
    return Reply(status, {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}), b"")


def _json(value: Any) -> Reply:
    return Reply(200, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()


def _stored(data: bytes) -> str:
    return f"/lfs/{hashlib.sha256(data).hexdigest()}"


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": _blob(data), "size": len(data), "path": path}
    if len(data) >= LFS_BYTES:
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return entry
