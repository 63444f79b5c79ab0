"""No credential reaches a message, an event, a table or a printed command line."""

import io
import json
import pickle
import shlex

import pytest

from presswatch_spark.core.errors import ConfigError, StorageError
from presswatch_spark.core.redaction import bare_url, holds_secret, redacted, redacted_command, redacted_json
from presswatch_spark.scanning.monitoring.progress import EventLog
from presswatch_spark.storage.uris import shown_uri
from tests.world.commands import outcome
from tests.world.proofs import cases

SECRET = "hunter2"
TEXTS = [
    f"https://anne:{SECRET}@tsa.example/stamp",
    f"https://{SECRET}@tsa.example/stamp",
    f"http://anne:pa/ss?#{SECRET}@tsa.example/stamp",
    f"cannot reach 'https://anne:{SECRET}@tsa.example', nor http://b:{SECRET}@tsa.example:80/x",
    f"https://tsa.example/a,https://anne:{SECRET}@tsa.example/b",
    f"postgresql+psycopg2://anne:{SECRET}@tsa.example:5432/db",
    f"https://tsa.example/a?id=3&X-Amz-Signature={SECRET}&X-Amz-Date=1",
    f"https://tsa.example/a?sv=1;sig={SECRET}",
    f"(see https://tsa.example/a?access_token={SECRET})",
    f"GET tsa.example Authorization: Basic {SECRET}==",
    f'{{"host": "tsa.example", "authorization": "Bearer {SECRET}"}}',
]


@cases("text", TEXTS)
def test_an_error_even_of_another_process_and_an_event_have_no_credential(text: str) -> None:
    for error in (
        ConfigError(text),
        StorageError("no", where=text),
        StorageError("no", remedy=f"ask {text}"),
    ):
        for told in (str(error), repr(error), str(pickle.loads(pickle.dumps(error)))):
            assert SECRET not in told
            assert "tsa.example" in told
    assert holds_secret(text)
    stream = io.StringIO()
    log = EventLog(stream)
    log.bind(shard=text, nested={"where": [text]}, hf_token=SECRET)
    log.tell("shard_failed", error=text)
    assert SECRET not in stream.getvalue()
    assert json.loads(stream.getvalue())["error"]


@cases(
    "text",
    [
        "https://journal.example:8080/@anne/2026?id=3&page=2#top: the page is in no table",
        "http://[2001:db8::1]:80/x@y",
        "https://journal.example: the answer of anne@journal.example",
        "s3://bucket/archive.tar.gz#environment",
        "hf://datasets/allenai/c4@main/multilingual/c4-fr.tfrecord-00000-of-02048.json.gz",
        "/data/hf_cache/tokenizer=fr/part-0.parquet",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert redacted(text) == text
    assert not holds_secret(text)


def test_a_command_line_keeps_everything_but_credentials() -> None:
    words = [
        "presswatch", "scan", f"--endpoint=https://anne:{SECRET} x@s3.example/", "--out", "my tables",
        f"https://host.example/a.gz?sig={SECRET} https://other.example", f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"spark.hadoop.fs.s3a.secret.key={SECRET}", "--operator", "Anne",
    ]  # fmt: skip
    assert redacted_command(words) == (
        "presswatch scan --endpoint=https://s3.example/ --out 'my tables' https://host.example/a.gz"
        " 'AWS_SECRET_ACCESS_KEY=***' 'spark.hadoop.fs.s3a.secret.key=***' --operator Anne"
    )


@cases(
    ("word", "kept"),
    [
        ("https://host.example/a b.gz?sig=secret", "https://host.example/a b.gz"),
        ("--base=https://user:word@host.example/a?sig=secret", "--base=https://host.example/a"),
        ("https://host.example/s.gz?X-Amz-Signature=secret&X=1#secret", "https://host.example/s.gz"),
        ("https://host.example/a?u=https://b.example/&token=secret", "https://host.example/a"),
        ("https://a.example/=https://u:secret@b.example/", "https://a.example/=https://b.example/"),
        ("HTTPS://u:secret@a.example/x#token=secret", "HTTPS://a.example/x"),
        ("--base=ftp://u:secret@a.example/x", "--base=ftp://a.example/x"),
        ("s3://bucket/wet/?0*.gz", "s3://bucket/wet/?0*.gz"),
        ("redaction@journal.example", "redaction@journal.example"),
    ],
)
def test_no_word_of_a_command_line_keeps_a_secret_of_an_address(word: str, kept: str) -> None:
    assert redacted_command([word]) == shlex.join([kept])


def test_a_printed_request_hides_secrets_by_name_and_keeps_tokens_that_give_no_access() -> None:
    shown = redacted_json(
        {
            "clientToken": "once",
            "environment": {"HF_TOKEN": SECRET, "AWS_ENDPOINT_URL": f"https://a:{SECRET}@s3.example"},
            "properties": {
                "spark.hadoop.fs.s3a.aws.credentials.provider": "org.Provider",
                "spark.my.password": SECRET,
            },
            "args": ["--conf", f"spark.my.token={SECRET}", 3, None, True],
        }
    )
    assert SECRET not in json.dumps(shown)
    assert shown["clientToken"] == "once"
    assert shown["environment"]["AWS_ENDPOINT_URL"] == "https://s3.example"
    assert shown["properties"]["spark.hadoop.fs.s3a.aws.credentials.provider"] == "org.Provider"
    assert shown["args"][2:] == [3, None, True]


@pytest.mark.parametrize(
    "url", [f"https://a:{SECRET}@h.example/x?sig={SECRET}#{SECRET}", f"https://h.example/x?{SECRET}"]
)
def test_a_url_in_a_table_has_no_user_query_or_fragment(url: str) -> None:
    assert shown_uri(url) == bare_url(url) == "https://h.example/x"


def test_a_usage_error_does_not_repeat_a_password() -> None:
    option = outcome("scan", f"--endpiont=https://anne:{SECRET}@s3.example", "x")
    argument = outcome("demo", f"https://anne:{SECRET}@s3.example")
    assert (option.code, argument.code) == (2, 2)
    assert "s3.example" in argument.err
    assert SECRET not in option.err + argument.err


def test_a_long_hostile_message_is_redacted_in_linear_time() -> None:
    assert redacted("://a:b" * 200_000).startswith("://a:b")
    assert redacted("https://" + "a:" * 500_000 + "@x").endswith("x")
