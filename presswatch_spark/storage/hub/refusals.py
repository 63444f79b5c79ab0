"""What a hub means by a refusal, and what its user can do about it."""

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from presswatch_spark.errors import PresswatchError, StorageError
from presswatch_spark.storage.contract import DeniedError, MissingError
from presswatch_spark.storage.hub.addresses import MAIN, HubAddress

GATED, NO_REPOSITORY, NO_REVISION = "GatedRepo", "RepoNotFound", "RevisionNotFound"
DISABLED = "access to this resource is disabled"
GIVE_TOKEN = "set HF_TOKEN, or give --hf-token-file"
_DATASET = re.compile(r"/(?:api/)?datasets/([^/]+/[^/]+)(?:/|$)")


def code_of(status: int, headers: Mapping[str, str]) -> str:
    """Return the hub's word for a refusal, `disabled`, or the empty text if it gives none."""
    if status == 403 and headers.get("X-Error-Message", "").lower().startswith(DISABLED):
        return "disabled"
    return headers.get("X-Error-Code", "")


def dataset_in(url: str) -> str | None:
    """Return the `OWNER/NAME` of the dataset that a URL of a hub is about; None if it is about none."""
    found = _DATASET.search(unquote(urlsplit(url).path))
    return found[1] if found else None


def moved(address: HubAddress, name: str) -> MissingError:
    """Return the error of a dataset that has another name now."""
    return MissingError(
        f"the dataset was moved to {name}",
        where=str(address),
        remedy=f"write hf://datasets/{name} in its place",
    )


def refusal(
    status: int, headers: Mapping[str, str], address: HubAddress, endpoint: str, *, has_token: bool
) -> PresswatchError:
    """Return the error for a reply of the hub that gives neither the file nor its place."""
    where, code = str(address), code_of(status, headers)
    if code == "disabled":
        return DeniedError(
            "the hub has disabled access to the dataset", where=where, remedy="ask its owner, or the hub, why"
        )
    if code == GATED:
        return _gated(address, endpoint, has_token=has_token)
    if status in (401, 403):
        return _denied(status, code, where, has_token=has_token)
    if status in (404, 410):
        return _missing(code, address)
    return StorageError(f"the hub answered {status}", where=where, remedy="run again later")


def _gated(address: HubAddress, endpoint: str, *, has_token: bool) -> DeniedError:
    page = address.page(endpoint)
    if not has_token:
        remedy = f"ask for access at {page}, then {GIVE_TOKEN}"
        return DeniedError("the dataset is gated, and there is no token", where=str(address), remedy=remedy)
    return DeniedError(
        "the dataset is gated, and the token's account has no access",
        where=str(address),
        remedy=f"accept its conditions at {page}, and wait until access is granted",
    )


def _denied(status: int, code: str, where: str, *, has_token: bool) -> DeniedError:
    if has_token and status == 401:
        what = "the hub does not know the token, or it has expired"
        return DeniedError(what, where=where, remedy="make a new token that may read, and give that")
    if has_token:
        remedy = "give a token whose account and scopes may read the dataset"
        return DeniedError(f"the token may not read this ({status})", where=where, remedy=remedy)
    if code == NO_REPOSITORY or status == 401:
        what = "there is no such dataset, or it is private and there is no token"
        return DeniedError(what, where=where, remedy=f"check the name; if it is private, {GIVE_TOKEN}")
    return DeniedError(f"access denied ({status})", where=where, remedy=GIVE_TOKEN)


def _missing(code: str, address: HubAddress) -> MissingError:
    where = str(address)
    if code == NO_REPOSITORY:
        what = "there is no such dataset, or the token does not see it"
        return MissingError(what, where=where, remedy="check the name, and the account of the token")
    if code == NO_REVISION and address.is_pinned:
        return MissingError(
            "the commit is gone: the history of the dataset was squashed, or it never had this commit",
            where=where,
            remedy=f"name a revision that is there, such as @{MAIN}; its files may be others",
        )
    if code == NO_REVISION:
        return MissingError(
            "there is no such revision",
            where=where,
            remedy="check what stands after @; a slash in it is written %2F",
        )
    return MissingError(
        "there is no such file or folder at this revision", where=where, remedy="check the path"
    )
