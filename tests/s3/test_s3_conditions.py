"""Small objects are written under conditions over the real S3 protocol, through its faults."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from presswatch_spark.core.errors import StorageError
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    StorageOptions,
    delete_object,
    read_object,
    stat,
    write_object,
)
from tests.world.servers import Fault, Server

URI = "s3://shards/tables/_runs/é key.lock"
LOST, BUSY = Fault(lost=True), Fault(status=503)


@pytest.fixture
def options(faulty: Server, bucket: str) -> StorageOptions:
    return StorageOptions(endpoint=faulty.url, max_attempts=4, backoff_base=0.0001, read_timeout=5)


def test_an_object_is_written_read_written_over_and_removed(options: StorageOptions) -> None:
    first = write_object(URI, b"one", options)
    assert read_object(URI, options) == (b"one", first)
    second = write_object(URI, b"two", options)
    assert read_object(URI, options) == (b"two", second)
    assert second == stat(URI, options).etag != first
    delete_object(URI, options)
    delete_object(URI, options)
    with pytest.raises(MissingError):
        read_object(URI, options)


def test_the_store_itself_honours_both_conditions(client: Any, bucket: str) -> None:
    """What everything here relies on, asked of the server without our code."""
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
        with pytest.raises(client.exceptions.ClientError, match="PreconditionFailed"):
            client.put_object(Bucket=bucket, Key="k", Body=b"2", **condition)
    client.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)


def test_only_the_first_writer_finds_nothing_there(options: StorageOptions) -> None:
    write_object(URI, b"mine", options, absent=True)
    with pytest.raises(ConflictError, match="another process") as caught:
        write_object(URI, b"theirs", options, absent=True)
    assert caught.value.where == URI
    assert read_object(URI, options)[0] == b"mine"


@pytest.mark.parametrize("gone", [False, True])
def test_a_version_that_is_no_more_is_not_written_over(options: StorageOptions, gone: bool) -> None:
    first = write_object(URI, b"one", options)
    second = write_object(URI, b"two", options, etag=first)
    if gone:
        delete_object(URI, options)
    with pytest.raises(ConflictError):
        write_object(URI, b"three", options, etag=first)
    if not gone:
        assert read_object(URI, options) == (b"two", second)


def test_of_many_writers_at_once_one_wins(options: StorageOptions) -> None:
    def write(number: int) -> int | None:
        try:
            write_object(URI, b"%d" % number, options, absent=True)
        except ConflictError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        (winner,) = [number for number in pool.map(write, range(16)) if number is not None]
    assert read_object(URI, options)[0] == b"%d" % winner


@pytest.mark.parametrize("faults", [[LOST], [BUSY, LOST, BUSY], [LOST, LOST]], ids=repr)
def test_a_put_whose_reply_was_lost_is_not_taken_for_somebody_elses(
    options: StorageOptions, faulty: Server, faults: list[Fault]
) -> None:
    faulty.put_faults.extend(faults)
    etag = write_object(URI, b"one", options, absent=True)
    assert not faulty.put_faults
    faulty.put_faults.extend(faults)
    again = write_object(URI, b"two", options, etag=etag)
    assert read_object(URI, options) == (b"two", again)


def test_a_lost_reply_does_not_hide_that_somebody_else_was_first(
    options: StorageOptions, faulty: Server
) -> None:
    write_object(URI, b"theirs", options)
    faulty.put_faults.append(LOST)
    with pytest.raises(ConflictError):
        write_object(URI, b"mine", options, absent=True)


def test_a_put_that_never_arrives_is_an_error_and_leaves_nothing(
    options: StorageOptions, faulty: Server
) -> None:
    faulty.put_faults.extend([BUSY] * 4)
    with pytest.raises(StorageError, match="503"):
        write_object(URI, b"one", options, absent=True)
    with pytest.raises(MissingError):
        read_object(URI, options)


def test_two_writers_at_one_moment_are_told_to_try_again_and_do(
    options: StorageOptions, faulty: Server
) -> None:
    faulty.put_faults.append(Fault(status=409))
    etag = write_object(URI, b"one", options, absent=True)
    assert read_object(URI, options) == (b"one", etag)
