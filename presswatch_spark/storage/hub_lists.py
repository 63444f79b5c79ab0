"""Lists of a hub's files, and the commits of its revisions: `huggingface_hub` asks by our client.

That library knows the addresses of a hub and how its pages follow each other. The requests are ours: turns,
pace, pauses, time limits and certificates are those of all other requests. The library never holds the token,
and nothing but a hub's lists of datasets is asked for it.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urljoin

import httpx2
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._http import default_client_factory
from urllib3.exceptions import HTTPError

from presswatch_spark.errors import StorageError, TruncatedError
from presswatch_spark.storage.http import HttpReply, length_of, unpacked
from presswatch_spark.storage.hub import HubStore
from presswatch_spark.storage.objects import ObjectInfo, body_of_answer, pause
from presswatch_spark.storage.uris import MAIN, SHA256, HubAddress, is_utf8

LONGEST_ANSWER = 64 << 20
"""Bytes of a page of a list; one has some hundred thousand."""
_LARGEST_FILE = 1 << 62
_UNKNOWN = (
    *(ValueError, KeyError, TypeError, AttributeError, RecursionError),
    *(HfHubHTTPError, httpx2.HTTPError, httpx2.InvalidURL),
)
_CLIENT = threading.Lock()
_LINKED = re.compile(r"<([^>]*)>")


class _OverOurLines(httpx2.BaseTransport):
    """Sends requests of `huggingface_hub` about one dataset as `HubStore` does."""

    def __init__(self, hub: HubStore, address: HubAddress) -> None:
        self._hub, self._address = hub, address
        self._asked = set[str]()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        # The library also looks up names of programs, for its statistics.
        if "/api/datasets/" not in request.url.path:
            return httpx2.Response(404)
        url = str(request.url)
        if url in self._asked:
            raise StorageError(
                "a list of the hub leads in a circle", where=str(self._address), remedy="run again later"
            )
        self._asked.add(url)
        packed, reply = self._whole(url)
        body = unpacked(packed, reply.headers.get("Content-Encoding", ""), LONGEST_ANSWER)
        if body is None:
            raise StorageError(
                "the hub's answer is packed, and cannot be unpacked",
                where=str(self._address),
                remedy="check HF_ENDPOINT, and run again later",
            )
        headers = {"Content-Type": reply.headers.get("Content-Type", "")}
        if links := reply.headers.get("Link"):
            # The library takes the next page's address as it stands, and it may be relative.
            headers["Link"] = _LINKED.sub(lambda found: f"<{urljoin(url, found[1])}>", links)
        return httpx2.Response(200, headers=headers, content=body)

    def _whole(self, url: str) -> tuple[bytes, HttpReply]:
        """Return the body of a reply, and the closed reply; try again if it breaks off."""
        options, where = self._hub.options, str(self._address)
        for attempt in range(1, options.max_attempts + 1):
            reply = self._hub.required(url, self._address)
            with closing(reply):
                if reply.location is not None:
                    raise StorageError("the hub sends us elsewhere for a small answer", where=where)
                faults, length = (HTTPError, OSError), length_of(reply)
                body, failure = body_of_answer(reply, 0, LONGEST_ANSWER + 1, length, options, faults)
            if len(body) > LONGEST_ANSWER:
                what = f"the hub's answer is longer than {LONGEST_ANSWER:,} bytes"
                raise StorageError(what, where=where, remedy="check HF_ENDPOINT")
            if not failure:
                return body, reply
            pause(options, attempt)
        raise TruncatedError("the hub's answer broke off", where=where, remedy="run again later")


@contextmanager
def _asking(hub: HubStore, address: HubAddress) -> Iterator[HfApi]:
    """Give the library's face, for one block; other threads must not use the library meanwhile.

    Its client is one for the whole process, and is its own again after the block.
    """
    with _CLIENT:
        set_client_factory(lambda: httpx2.Client(transport=_OverOurLines(hub, address)))
        try:
            yield HfApi(hub.endpoint, token=False)
        except _UNKNOWN as error:
            raise StorageError(
                f"the hub's answer is none that we know ({type(error).__name__})",
                where=str(address),
                remedy="check HF_ENDPOINT, and run again later",
            ) from error
        finally:
            # The library has no public name for the client that it makes itself.
            set_client_factory(default_client_factory)


def commit_of(hub: HubStore, address: HubAddress) -> str:
    """Return the commit (40 hex digits) that the revision of an address names now."""
    with _asking(hub, address) as api:
        commit = api.dataset_info(address.dataset, revision=address.revision or MAIN).sha
    if not isinstance(commit, str) or not HubAddress(address.dataset, commit, "").is_pinned:
        raise StorageError("the hub names no commit for the revision", where=str(address))
    return commit


def files_below(hub: HubStore, folder: HubAddress) -> list[ObjectInfo]:
    """Return the files below a folder, at any depth, each with its size and ETag.

    A file in large-file storage (LFS) has the SHA-256 that its publisher declares.
    """
    path = folder.path.rstrip("/")
    with _asking(hub, folder) as api:
        entries = list(
            api.list_repo_tree(
                folder.dataset,
                path or None,
                recursive=True,
                revision=folder.revision or MAIN,
                repo_type="dataset",
            )
        )
        return [_described(folder, entry) for entry in entries if isinstance(entry, RepoFile)]


def _described(folder: HubAddress, file: RepoFile) -> ObjectInfo:
    """Describe a file of a list; `StorageError` if no file below the folder can be as the list says."""
    path = folder.path.rstrip("/")
    size, sha256 = (file.lfs.size, file.lfs.sha256) if file.lfs else (file.size, None)
    names = file.path.removeprefix(f"{path}/" if path else "").split("/")
    is_below = file.path == "/".join([*([path] if path else ()), *names])
    if not is_below or not is_utf8(file.path) or any(name in ("", ".", "..") for name in names):
        raise _strange(folder, "whose path does not lie below the folder")
    if not isinstance(size, int) or not 0 <= size <= _LARGEST_FILE:
        raise _strange(folder, "whose size is none")
    if sha256 is not None and not SHA256.fullmatch(sha256):
        raise _strange(folder, "whose SHA-256 is none")
    return ObjectInfo(f"{folder.root}{file.path}", size, sha256, sha256)


def _strange(folder: HubAddress, what: str) -> StorageError:
    return StorageError(
        f"the hub lists a file {what}", where=str(folder), remedy="check HF_ENDPOINT, and run again later"
    )
