"""Lists of a hub's files, and the commits that its revisions name: `huggingface_hub` asks, over our lines.

That library knows how a hub is asked and how its pages follow each other. What goes over the network is ours:
turns, pace, pauses, time limits and certificates are those of all other requests. The library never holds the
token, and nothing but a hub's lists of datasets is asked for it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._http import default_client_factory

from presswatch_spark.errors import StorageError
from presswatch_spark.storage.contract import ObjectInfo
from presswatch_spark.storage.hub.addresses import MAIN, HubAddress
from presswatch_spark.storage.hub.hub import Hub

_CLIENT = threading.Lock()
_PASSED_ON = ("Link", "Content-Type")


class _OverOurLines(httpx2.BaseTransport):
    """Sends what `huggingface_hub` asks about one dataset as `Hub` sends it; raises what a refusal means."""

    def __init__(self, hub: Hub, address: HubAddress) -> None:
        self._hub, self._address = hub, address

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        # The library also looks up names of programs, for its statistics.
        if not request.url.path.startswith("/api/datasets/"):
            return httpx2.Response(404)
        body, reply = self._hub.whole(str(request.url), self._address)
        headers = [(name, reply.headers[name]) for name in _PASSED_ON if name in reply.headers]
        return httpx2.Response(200, headers=headers, content=body)


@contextmanager
def _asking(hub: Hub, address: HubAddress) -> Iterator[HfApi]:
    """Give the library's face, for one block; other threads must not use the library meanwhile.

    Its client is one for the whole process, and is its own again after the block.
    """
    with _CLIENT:
        set_client_factory(lambda: httpx2.Client(transport=_OverOurLines(hub, address)))
        try:
            yield HfApi(hub.endpoint, token=False)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageError(
                f"the hub's answer is none that we know ({type(error).__name__})",
                where=str(address),
                remedy="check HF_ENDPOINT, and run again later",
            ) from error
        finally:
            set_client_factory(default_client_factory)


def commit_of(hub: Hub, address: HubAddress) -> str:
    """Return the commit (40 hex digits) that the revision of an address names now."""
    with _asking(hub, address) as api:
        commit = api.dataset_info(address.dataset, revision=address.revision or MAIN).sha
    if not commit or not HubAddress(address.dataset, commit, "").is_pinned:
        raise StorageError("the hub names no commit for the revision", where=str(address))
    return commit


def files_below(hub: Hub, folder: HubAddress) -> list[ObjectInfo]:
    """Return the files below a folder, at any depth, each with its size and what tells its versions apart.

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
    return [_described(folder.root, entry) for entry in entries if isinstance(entry, RepoFile)]


def _described(root: str, file: RepoFile) -> ObjectInfo:
    sha256 = file.lfs.sha256 if file.lfs else None
    return ObjectInfo(f"{root}{file.path}", file.lfs.size if file.lfs else file.size, sha256, sha256)
