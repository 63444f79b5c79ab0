"""Keys of sealed corpora in AWS Secrets Manager, through the command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import boto3
import numpy as np
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from presswatch_spark.corpus.sealed import SealKey
from presswatch_spark.storage.s3 import secret_text
from tests.world.commands import Outcome, outcome
from tests.world.corpora import article, corpus_of

SECRET = np.random.default_rng(31).bytes(32)
NONE = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:none-AbCdEf"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus_of(tmp_path_factory.mktemp("corpus"), [article(1)])


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    secret_text.cache_clear()
    with mock_aws():
        yield
    secret_text.cache_clear()


def secret(**value: str | bytes) -> str:
    client = boto3.client("secretsmanager", "eu-west-3")
    return str(client.create_secret(Name="key", **value)["ARN"])


def seal(corpus: Path, arn: str, out: Path) -> Outcome:
    return outcome("corpus seal --key-secret", arn, "--out", out, corpus)


@pytest.mark.parametrize(
    "value",
    [
        {"SecretString": SECRET.hex()},
        {"SecretString": f'{{"PRESSWATCH_KEY": "{SECRET.hex().upper()}"}}'},
        {"SecretBinary": SECRET},
    ],
    ids=["digits", "json", "binary"],
)
def test_a_key_is_digits_a_field_of_json_or_bytes(
    corpus: Path, tmp_path: Path, value: dict[str, str | bytes]
) -> None:
    done = seal(corpus, secret(**value), tmp_path / "sealed")
    assert done.code == 0, done.err
    assert f"key {SealKey(SECRET).fingerprint}" in done.out


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"SecretString": "correct horse battery staple, and more"}, "the key is text"),
        ({"SecretString": '{"OTHER": "' + SECRET.hex() + '"}'}, "has 0 bytes"),
        ({"SecretString": SECRET.hex()[:40]}, "has 20 bytes"),
        ({"SecretBinary": SECRET[:31]}, "has 31 bytes"),
        ({"SecretBinary": bytes(32)}, "is not random"),
    ],
    ids=["text", "other-field", "short", "short-binary", "zeros"],
)
def test_secrets_that_are_no_key_are_refused_without_their_text(
    corpus: Path, tmp_path: Path, value: dict[str, Any], why: str
) -> None:
    done = seal(corpus, secret(**value), tmp_path / "sealed")
    assert (done.code, why in done.err) == (1, True), done.err
    (text,) = value.values()
    shown = done.out + done.err
    assert SECRET.hex()[:30] not in shown
    assert str(text) not in shown


@pytest.mark.parametrize(
    "arn", [NONE, "none", "arn:aws:secretsmanager", "arn:aws:secretsmanager:no where:1:x"]
)
def test_wrong_names_are_an_error(
    corpus: Path, tmp_path: Path, arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    done = seal(corpus, arn, tmp_path / "sealed")
    assert (done.code, "the secret cannot be read (" in done.err) == (1, True), done.err
    assert not (tmp_path / "sealed").exists()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AccessDeniedException", "allow secretsmanager:GetSecretValue"),
        ("ThrottlingException", "try again later"),
    ],
)
def test_a_refusal_names_its_code_and_remedy(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, remedy: str
) -> None:
    arn = secret(SecretString=SECRET.hex())

    def refuse(self: object, operation: str, given: object) -> NoReturn:
        raise ClientError({"Error": {"Code": code, "Message": SECRET.hex()}}, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    done = seal(corpus, arn, tmp_path / "sealed")
    assert (done.code, code in done.err, remedy in done.err) == (1, True, True), done.err
    assert SECRET.hex() not in done.out + done.err
