"""Servers that speak S3 and are broken or hostile: a clear error in bounded time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest

from presswatch_spark.core.errors import StorageError, TruncatedError
from presswatch_spark.storage import s3
from presswatch_spark.storage.objects import StorageOptions, ask, list_objects, read_object, read_range
from tests.world.servers import listening

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
ONE = "<Contents><Key>data/a</Key><Size>1</Size></Contents>"


def a_list(contents: str, token: object = None) -> bytes:
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
    end = "<IsTruncated>false</IsTruncated>" if token is None else more
    return f'<ListBucketResult xmlns="{NAMESPACE}"><Name>b</Name>{end}{contents}</ListBucketResult>'.encode()


@dataclass
class Hostile:
    """A server: `listed` gives the page of a list by its number, `sent` how a GET is answered.

    An answer of `sent`: status, Content-Range, body, and how many of its bytes come.
    """

    listed: Callable[[int], bytes] = lambda number: a_list(ONE)
    sent: tuple[int, str, bytes, int] = (200, "", b"", 0)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[Hostile]:
    state = Hostile()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.asked.append(self.path)
            if "list-type" in self.path:
                body = state.listed(len(state.asked))
                status, ranged, comes = 200, "", len(body)
            else:
                status, ranged, body, comes = state.sent
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"x"')
            if ranged:
                self.send_header("Content-Range", ranged)
            self.end_headers()
            self.wfile.write(body[:comes])
            self.close_connection = comes < len(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with listening(Handler) as state.url:
        yield state


def options(server: Hostile) -> StorageOptions:
    return StorageOptions(endpoint=server.url, max_attempts=3, backoff_base=0.0001, read_timeout=5)


STRANGE_LIST = "no end, or an entry that cannot be right"
LISTS: dict[str, tuple[Callable[[int], bytes], str]] = {
    "the same key on each page": (
        lambda number: a_list(ONE, number),
        STRANGE_LIST,
    ),
    "empty pages": (lambda number: a_list("", number), STRANGE_LIST),
    "new keys on each page": (
        lambda number: a_list(ONE.replace("a<", f"{number}<"), number),
        STRANGE_LIST,
    ),
    "a key outside of the prefix": (
        lambda number: a_list(ONE + ONE.replace("data/a", "database/a")),
        STRANGE_LIST,
    ),
    "no key": (lambda number: a_list("<Contents></Contents>"), STRANGE_LIST),
    "a size below zero": (
        lambda number: a_list(ONE.replace(">1<", ">-1<")),
        STRANGE_LIST,
    ),
    "a size that is no number": (lambda number: a_list(ONE.replace(">1<", ">x<")), "answer cannot be read"),
}


@pytest.mark.parametrize("what", LISTS)
def test_a_list_without_end_or_of_other_keys_is_an_error(
    what: str, server: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PAGES_MOST", 5)
    monkeypatch.setattr(s3, "KEYS_A_PAGE", 10)
    server.listed, said = LISTS[what]
    with pytest.raises(StorageError, match=f"s3://b/data.*{said}"):
        list(list_objects("s3://b/data", options(server)))
    assert len(server.asked) <= 7


def test_a_list_of_more_keys_than_any_dataset_has_is_an_error(
    server: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "LISTED_MOST", 1_000)
    server.listed = lambda number: a_list(
        "".join(ONE.replace("a<", f"{number}-{i}<") for i in range(400)), number
    )
    with pytest.raises(StorageError, match=STRANGE_LIST):
        list(list_objects("s3://b/data", options(server)))
    assert len(server.asked) == 3


@pytest.mark.parametrize("ranged", ["bytes 5-14/1000", "bytes hello", "bytes */1000", ""])
def test_another_range_than_asked_for_is_an_error(ranged: str, server: Hostile) -> None:
    server.sent = (206, ranged, b"y" * 10, 10)
    with pytest.raises(StorageError, match="s3://b/k @ 10: the server sent another range than asked for"):
        read_range("s3://b/k", 10, 10, options(server))
    answer = ask("s3://b/k", 10, 20, options(server))
    assert answer.start == (5 if "5-14" in ranged else 0)


@pytest.mark.parametrize("comes", [0, 1])
def test_a_server_that_cuts_every_body_gives_an_error_with_the_place(comes: int, server: Hostile) -> None:
    server.sent = (200, "", b"y" * 1000, comes)
    with pytest.raises(TruncatedError, match=f"only {comes} of 1,000 bytes could be read"):
        read_object("s3://b/k", options(server))
    answer = ask("s3://b/k", 0, 1000, options(server))
    assert answer.failure.startswith(f"the transfer ended after {comes} of 1,000 bytes")


def test_no_more_than_the_range_is_kept_of_an_answer_without_end(server: Hostile) -> None:
    server.sent = (206, "bytes 0-9/1000", b"y" * 1_000_000, 1_000_000)
    answer = ask("s3://b/k", 0, 10, options(server))
    assert (answer.body, answer.failure) == (b"y" * 10, "")
