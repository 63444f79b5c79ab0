"""Lists of a hub's files, and commits of its revisions, by `huggingface_hub` over the project's client.

The library knows a hub's addresses. Limits, certificates and token are the client's; it never gets the token.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

import httpx2
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._http import default_client_factory

from presswatch_spark.core.errors import StorageError, TruncatedError
from presswatch_spark.storage.http import unpacked_body
from presswatch_spark.storage.hub import HubStore
from presswatch_spark.storage.objects import ObjectInfo, RawResponse, answered
from presswatch_spark.storage.uris import MAIN, SHA256, HubAddress, is_utf8

LONGEST_ANSWER = 64 << 20
"""Most bytes of a page of a list; a usual page has a few hundred thousand."""
_LARGEST_FILE = 1 << 62
_UNKNOWN = (
    *(ValueError, KeyError, TypeError, AttributeError, RecursionError),
    *(HfHubHTTPError, httpx2.HTTPError, httpx2.InvalidURL),
)
_CLIENT = threading.Lock()
_LINKED = re.compile(r"<([^>]*)>")
_CHECK = "check HF_ENDPOINT, and run again later"


class _OverOurLines(httpx2.BaseTransport):
    """Sends requests of `huggingface_hub` about one dataset as `HubStore` does."""

    def __init__(self, hub: HubStore, address: HubAddress) -> None:
        self._hub, self._address = hub, address
        self._asked = set[str]()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        # Refuse requests that the library makes for its statistics.
        if "/api/datasets/" not in request.url.path:
            return httpx2.Response(404)
        url, options, where = str(request.url), self._hub.options, str(self._address)
        if url in self._asked:
            raise StorageError("the pages of a list of the hub form a loop", where=where, remedy=_CHECK)
        self._asked.add(url)

        def ask() -> RawResponse:
            reply = self._hub.get(url, self._address)
            answer = reply.answer(0, LONGEST_ANSWER + 1, options)
            if reply.location is not None or len(answer.body) > LONGEST_ANSWER:
                what = f"the hub's answer is a redirect, or longer than {LONGEST_ANSWER:,} bytes"
                raise StorageError(what, where=where, remedy=_CHECK)
            return answer

        answer = answered(ask, options)
        if answer.failure:
            raise TruncatedError("the hub's answer broke off", where=where, remedy="run again later")
        # The address of the next page may be relative, but the library takes it as it is.
        links = _LINKED.sub(lambda found: f"<{urljoin(url, found[1])}>", answer.header("Link") or "")
        return httpx2.Response(200, headers={"Link": links}, content=unpacked_body(answer, LONGEST_ANSWER))


@contextmanager
def _asking(hub: HubStore, address: HubAddress) -> Iterator[HfApi]:
    """Yield the library with the project's client, which the whole process uses during the block."""
    with _CLIENT:
        set_client_factory(lambda: httpx2.Client(transport=_OverOurLines(hub, address)))
        try:
            yield HfApi(hub.endpoint, token=False)
        except _UNKNOWN as error:
            what = f"the hub's answer is of an unknown kind ({type(error).__name__})"
            raise StorageError(what, where=str(address), remedy=_CHECK) from error
        finally:
            # The library's own factory of clients has no public name.
            set_client_factory(default_client_factory)


def commit_of(hub: HubStore, address: HubAddress) -> str:
    """Return the current commit (40 hex digits) of an address's revision."""
    with _asking(hub, address) as api:
        commit = api.dataset_info(address.dataset, revision=address.revision or MAIN).sha
    if not isinstance(commit, str) or not HubAddress(address.dataset, commit, "").is_pinned:
        raise StorageError("the hub states no commit for the revision", where=str(address))
    return commit


def files_below(hub: HubStore, folder: HubAddress) -> list[ObjectInfo]:
    """Return the files below a folder, at any depth; raises `StorageError` for an impossible entry."""
    path, found = folder.path.rstrip("/"), list[ObjectInfo]()
    revision = folder.revision or MAIN
    with _asking(hub, folder) as api:
        for file in api.list_repo_tree(
            folder.dataset, path or None, recursive=True, revision=revision, repo_type="dataset"
        ):
            if not isinstance(file, RepoFile):
                continue
            size, sha256 = (file.lfs.size, file.lfs.sha256) if file.lfs else (file.size, None)
            is_below = file.path.startswith(f"{path}/" if path else "") and is_utf8(file.path)
            if (
                not is_below
                or not {"", ".", ".."}.isdisjoint(file.path.split("/"))
                or not isinstance(size, int)
                or not 0 <= size <= _LARGEST_FILE
                or not (sha256 is None or SHA256.fullmatch(sha256))
            ):
                what = "the hub lists a file outside of the folder, or one with a wrong size or SHA-256"
                raise StorageError(what, where=str(folder), remedy=_CHECK)
            found.append(ObjectInfo(f"{folder.root}{file.path}", size, sha256, sha256))
    return found
