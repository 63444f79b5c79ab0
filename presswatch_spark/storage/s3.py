"""Objects on S3 and compatible stores, through boto3, whose errors become errors with a remedy."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from io import BytesIO
from itertools import islice
from typing import Any, ClassVar

import boto3
import botocore.session
import urllib3.exceptions
from botocore import UNSIGNED, exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError
from botocore.loaders import create_loader

from presswatch_spark.core.errors import ConfigError, StorageError, UnreachableError
from presswatch_spark.core.threads import check_wanted
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.host_limits import limits_of, report_silence
from presswatch_spark.storage.http_exchanges import record_exchange
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import (
    ANSWER_READ_BYTES,
    CONTENT_RANGE,
    DeniedError,
    MissingError,
    NoBucketError,
    ObjectInfo,
    RangeReply,
    RawResponse,
    StorageOptions,
    Store,
    changed,
    conflict,
    range_header,
)
from presswatch_spark.storage.uris import bucket_and_key, host_of, join, root_of

# S3's codes if the condition of a PUT fails. `BUSY`: another PUT of the object was running; try again.
BUSY = frozenset({"ConditionalRequestConflict", "409"})
REFUSED = BUSY | {"PreconditionFailed", "412"}
GONE = frozenset({"NoSuchKey", "404"})
DELETED_AT_ONCE = 1000
# Limits for an endless listing. S3 lists 1,000 keys per page; a release has 100,000 files of a kind.
LISTED_MOST, PAGES_MOST, KEYS_A_PAGE = 2_000_000, 100, 10
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_DENIED = {"403", "AccessDenied", "AllAccessDisabled", "Forbidden", "AccountProblem"}
_BAD_KEY = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "401", "InvalidToken", "AuthFailure"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_Faults = dict[tuple[type[Exception], ...], tuple[str, str]]
"""Errors of botocore, each with a finding and its remedy."""
_OUR_FAULTS: _Faults = {
    (exceptions.NoCredentialsError, exceptions.PartialCredentialsError): (
        "no complete credentials were found",
        "pass --profile, or --unsigned for a public bucket",
    ),
    (exceptions.ProfileNotFound,): ("there is no such AWS profile", "choose a --profile of ~/.aws/config"),
    (exceptions.SSOError, exceptions.TokenRetrievalError, CredentialRetrievalError): (
        "the credentials could not be fetched or have expired",
        "log in again (aws sso login), or run the profile's credential_process by hand",
    ),
    (exceptions.ConfigParseError, exceptions.InvalidConfigError): (
        "the AWS configuration files cannot be read",
        "check ~/.aws/config and ~/.aws/credentials",
    ),
    (exceptions.ParamValidationError,): ("this is not the name of an object", "write s3://BUCKET/KEY"),
}
"""Faults of this machine or its settings: they prove nothing about the object."""
_FAULTS: _Faults = _OUR_FAULTS | {
    (exceptions.SSLError,): (
        "the certificate of the endpoint is not trusted, or the endpoint has no TLS",
        "set AWS_CA_BUNDLE or storage.ca_bundle; for an endpoint without TLS, write http://HOST:PORT",
    ),
    (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError): (
        "the endpoint cannot be reached",
        "check --endpoint, --region and the network",
    ),
}
OUR_FAULTS = tuple(kind for kinds in _OUR_FAULTS for kind in kinds)


@dataclass(frozen=True, slots=True)
class S3Store(Store):
    """Buckets of one endpoint. boto3 retries requests (adaptive mode); streams resume broken bodies."""

    options: StorageOptions
    interruptions: ClassVar[tuple[type[Exception], ...]] = (
        BotoCoreError,
        urllib3.exceptions.HTTPError,
        OSError,
    )
    silences: ClassVar[tuple[type[Exception], ...]] = (
        exceptions.ReadTimeoutError,
        urllib3.exceptions.ReadTimeoutError,
    )

    def stat(self, uri: str) -> ObjectInfo:
        """Describe the object with one HEAD request."""
        with self._reaching(uri) as client:
            head = client.head_object(**_place(uri))
        return ObjectInfo(uri, head["ContentLength"], _etag(head))

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Yield the objects under `s3://bucket/prefix/`; `StorageError` if the list is invalid or endless."""
        bucket, prefix = bucket_and_key(uri)
        what = "the server's list of objects has no end, or an entry that cannot be right"
        remedy, seen = "check --endpoint, or pass a longer prefix", set[str]()
        invalid = StorageError(what, where=uri.rstrip("/"), remedy=remedy)
        with self._reaching(uri) as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for number, page in enumerate(pages, 1):
                for found in page.get("Contents", ()):
                    key, size = str(found.get("Key", "")), found.get("Size")
                    if not key.startswith(prefix) or key in seen or not isinstance(size, int) or size < 0:
                        raise invalid
                    seen.add(key)
                    yield ObjectInfo(f"s3://{bucket}/{key}", size, _etag(found))
                if len(seen) > LISTED_MOST or number > PAGES_MOST + len(seen) // KEYS_A_PAGE:
                    raise invalid

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
        """Request a range of the version that `info` names."""
        asked = _place(info.uri) | range_header(start, end)
        if info.etag:
            asked["IfMatch"] = f'"{info.etag}"'
        with self._reaching(info.uri) as client:
            try:
                reply = client.get_object(**asked)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in {"PreconditionFailed", "412"}:
                    raise changed(info.uri, start) from error
                if code in {"InvalidRange", "416"}:
                    return RangeReply(BytesIO(), start, info.size)
                raise
        body, first = _Arriving(reply["Body"]), 0
        total: int | None = reply["ContentLength"]
        if "Range" in asked and reply["ResponseMetadata"].get("HTTPStatusCode") == 206:
            found = CONTENT_RANGE.fullmatch(reply.get("ContentRange", ""))
            if found is None or found[1] is None or int(found[1]) != start:
                body.close()
                raise StorageError(
                    "the server sent a different range than requested",
                    where=f"{info.uri} @ {start}",
                    remedy="check --endpoint",
                )
            first, total = start, None if found[2] == "*" else int(found[2])
        return RangeReply(body, first, total, _etag(reply))

    def ask(self, uri: str, start: int, end: int) -> RawResponse:
        """Request a range of any version; repeat the request if the body breaks off."""
        return self.with_retries(partial(self._ask_once, uri, start, end))

    def _ask_once(self, uri: str, start: int, end: int) -> RawResponse:
        sent_at = time.time()
        try:
            reply = self._client.get_object(**_place(uri), **range_header(start, end))
            found = _answer(uri, sent_at, reply)
            ranged = CONTENT_RANGE.fullmatch(reply.get("ContentRange", ""))
            # A server without support for ranges sends the object from its beginning.
            first = int(ranged[1]) if ranged and ranged[1] else 0
            with closing(_Arriving(reply["Body"])) as arriving:
                body, failure = self.body_of_answer(arriving, 0, end - first, reply["ContentLength"])
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            found = _answer(uri, sent_at, error.response)
            is_ours = code in _BAD_KEY | _EXPIRED
            return replace(found, code=code, failure=explained(error, uri).what, ours=is_ours)
        except BotoCoreError as error:
            ours = isinstance(error, OUR_FAULTS)
            return RawResponse(uri, sent_at, failure=explained(error, uri).what, ours=ours)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return RawResponse(uri, sent_at, failure=f"the transfer broke off ({type(error).__name__})")
        return replace(found, start=first, body=body, failure=failure)

    def put_draft(self, draft: str, uri: str) -> None:
        """Upload a file, in parts if it is large; the object appears only when it is complete."""
        bucket, key = bucket_and_key(uri)
        with self._reaching(uri) as client, open(draft, "rb") as file:
            client.upload_fileobj(file, bucket, key)

    def write(self, uri: str, data: bytes, absent: bool, etag: str | None, *, private: bool = False) -> str:
        """Put the object, under a condition if wanted.

        If a condition fails, read the object: with equal bytes, only the reply to an earlier attempt was
        lost.
        """
        wanted = {"IfNoneMatch": "*"} if absent else {} if etag is None else {"IfMatch": f'"{etag}"'}
        for attempt in range(1, self.options.max_attempts + 1):
            with self._reaching(uri) as client:
                try:
                    return _etag(client.put_object(**_place(uri), Body=data, **wanted)) or ""
                except ClientError as error:
                    code = str(error.response["Error"]["Code"])
                    if code not in REFUSED and not (code in GONE and "IfMatch" in wanted):
                        raise
            with suppress(MissingError):
                found, version = self.read(uri)
                if found == data:
                    return version
            if code not in BUSY:
                break
            self.pause(attempt)
        raise conflict(uri)

    def delete(self, uri: str) -> None:
        """Remove the object; S3 does not report whether it existed."""
        with self._reaching(uri) as client:
            client.delete_object(**_place(uri))

    @contextmanager
    def draft(self, uri: str, *, private: bool = False) -> Iterator[str]:
        """Give a file in the temporary folder of this host."""
        with scratch_folder() as folder:
            yield str(folder / "draft")

    def move(self, source: str, target: str) -> None:
        """Copy the object within S3 (up to 5 GB), and remove the source."""
        with self._reaching(source) as client:
            client.copy_object(**_place(target), CopySource=_place(source))
        self.delete(source)

    def remove(self, uri: str) -> None:
        """Remove the objects below a prefix, 1,000 per request."""
        found = self.list(uri)
        while some := list(islice(found, DELETED_AT_ONCE)):
            asked = {"Objects": [{"Key": bucket_and_key(info.uri)[1]} for info in some], "Quiet": True}
            with self._reaching(uri) as client:
                reply = client.delete_objects(Bucket=bucket_and_key(uri)[0], Delete=asked)
            for refused in reply.get("Errors", ()):
                raise from_reply(str(refused.get("Code")), join(root_of(uri), refused.get("Key", "")))

    @property
    def _client(self) -> Any:
        check_wanted()
        endpoint = next(filter(None, map(os.environ.get, ENDPOINT_VARIABLES)), None)
        return _client(self.options, self.options.endpoint or endpoint, os.getpid())

    @contextmanager
    def _reaching(self, uri: str) -> Iterator[Any]:
        try:
            yield self._client
        except (ClientError, BotoCoreError) as error:
            raise explained(error, uri) from error
        except ValueError as error:
            # botocore does not catch errors of parsing numbers and times of an answer.
            raise StorageError(
                "the server's answer cannot be read", where=uri, remedy="check --endpoint"
            ) from error


def _answer(uri: str, sent_at: float, reply: dict[str, Any]) -> RawResponse:
    about = reply.get("ResponseMetadata", {})
    headers = tuple((str(name), str(value)) for name, value in about.get("HTTPHeaders", {}).items())
    return RawResponse(uri, sent_at, about.get("HTTPStatusCode"), headers)


def _place(uri: str) -> dict[str, str]:
    bucket, key = bucket_and_key(uri)
    return {"Bucket": bucket, "Key": key}


class _Arriving:
    """The body of a reply. A read returns the bytes that have arrived, and does not wait for all `n`."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self._read = getattr(getattr(body, "_raw_stream", None), "read1", body.read)

    def read(self, n: int, /) -> bytes:
        data: bytes | None = self._read(min(n, ANSWER_READ_BYTES))
        return data or b""

    def close(self) -> None:
        self._body.close()


def aws_session(profile: str | None = None, region: str | None = None) -> boto3.session.Session:
    """Return a new session; profile (of `~/.aws/config`) and region default to those of the environment.

    Sessions share their parsed service descriptions, 2 MB each. `BotoCoreError`: no such profile, bad file.
    """
    session = botocore.session.get_session()
    if profile is not None:
        session.set_config_variable("profile", profile)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return boto3.session.Session(botocore_session=session, profile_name=profile, region_name=region)


_loader = lru_cache(maxsize=4)(create_loader)


@lru_cache(maxsize=4)
def secret_text(arn: str, profile: str | None, name: str) -> str:
    """Return the text of a secret: of a JSON object, that under `name` or ""; of bytes, their digits.

    Raises `StorageError` with the code of the service.
    """
    try:
        # arn:aws:secretsmanager:REGION:…:secret:NAME
        region = arn.split(":")[3:4]
        client = aws_session(profile).client("secretsmanager", *region)
        found = client.get_secret_value(SecretId=arn)
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        may_pass = code in ("ThrottlingException", "InternalServiceError", "EndpointConnectionError")
        allow = "allow secretsmanager:GetSecretValue on it to the role of the job"
        raise StorageError(
            f"the secret cannot be read ({code})", where=arn, remedy="try again later" if may_pass else allow
        ) from None
    text = str(found.get("SecretString") or found.get("SecretBinary", b"").hex())
    try:
        held = parse_json(text)
    except ValueError:
        return text
    return str(held.get(name, "")) if isinstance(held, dict) else text


@lru_cache(maxsize=16)
def _client(options: StorageOptions, endpoint: str | None, process: int) -> Any:
    """Return this process's client: sockets do not survive the fork that makes a Spark worker.

    Endpoints other than Amazon's get path-style addresses, as their buckets seldom have host names.
    botocore's checksums of replies are off: it compares them only after a read beyond the end, while TLS,
    gzip and the stream check replies anyway.
    """
    session = aws_session(options.profile, options.region)
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": options.max_attempts},
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required" if endpoint else "when_supported",
        **({"signature_version": UNSIGNED} if options.unsigned else {}),
    )
    if not options.unsigned:
        # Get the credentials here: later, botocore does not wrap errors of a `credential_process`.
        try:
            session.get_credentials()
        except (AttributeError, LookupError, OSError, TypeError, ValueError) as error:
            raise CredentialRetrievalError(provider="", error_msg=type(error).__name__) from error
    try:
        client = session.client("s3", endpoint_url=options.endpoint, config=config, verify=options.ca_bundle)
        client.meta.events.register("before-send.s3", partial(_before_request, options))
        client.meta.events.register("response-received.s3", partial(_after_request, options))
        return client
    except ValueError as error:
        raise ConfigError(
            "this is not an endpoint", where=endpoint or "", remedy="write https://HOST:PORT"
        ) from error


_SENT = threading.local()


def _before_request(options: StorageOptions, request: Any, **_: Any) -> None:
    """Wait for the host's pace, and keep the request; botocore calls this before each attempt."""
    limits_of(host_of(request.url)).keep_pace(options)
    _SENT.request, _SENT.at = request, time.time()


def _after_request(
    options: StorageOptions,
    response_dict: Any = None,
    exception: Exception | None = None,
    context: dict[str, Any] | None = None,
    **_: Any,
) -> None:
    """Report a silent server, and record the exchange; botocore calls this after each attempt."""
    request = getattr(_SENT, "request", None)
    if request is None:
        return
    if isinstance(exception, exceptions.ReadTimeoutError):
        report_silence(request.url, (context or {}).get("retries", {}).get("attempt", 1), options)
    sent = {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    found, failure = response_dict or {}, type(exception).__name__ if exception else ""
    came = ((str(name), str(value)) for name, value in found.get("headers", {}).items())
    record_exchange(request.method, request.url, sent, _SENT.at, found.get("status_code"), came, failure)


def _etag(described: dict[str, Any]) -> str | None:
    etag = described.get("ETag")
    return etag.strip('"') if etag else None


def explained(error: ClientError | BotoCoreError, uri: str) -> StorageError:
    """Convert an error of botocore into a `StorageError` that quotes nothing of a credential."""
    if isinstance(error, ClientError):
        return from_reply(str(error.response.get("Error", {}).get("Code", "")), uri)
    usual = (
        f"the connection or the S3 client failed ({type(error).__name__})",
        "run again later, or check --endpoint, --region and ~/.aws/config",
    )
    what, remedy = next((fault for kinds, fault in _FAULTS.items() if isinstance(error, kinds)), usual)
    return UnreachableError(what, where=uri, remedy=remedy)


def from_reply(code: str, uri: str) -> StorageError:
    """Return the error for the code of a reply of S3."""
    if code == "NoSuchBucket":
        return NoBucketError("there is no such bucket", where=uri, remedy="check bucket and --endpoint")
    if code in GONE or code == "NotFound":
        what = "there is no such object" if code == "NoSuchKey" else "there is no such object or bucket"
        return MissingError(what, where=uri, remedy="check bucket, key and --endpoint")
    if code in _DENIED:
        remedy = "choose a --profile that may read it; --unsigned is for public buckets only"
        if bucket_and_key(uri)[0] == "commoncrawl":
            remedy = "Common Crawl's bucket needs credentials, the site https://data.commoncrawl.org/ none"
        return DeniedError("access denied", where=uri, remedy=remedy)
    if code in _BAD_KEY:
        return StorageError("the credentials are not valid", where=uri, remedy="choose another --profile")
    if code in _EXPIRED:
        return StorageError("the credentials have expired", where=uri, remedy="log in again")
    return StorageError(f"S3 answered {code or 'without a reason'}", where=uri, remedy="run again later")
