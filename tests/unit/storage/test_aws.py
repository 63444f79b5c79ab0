from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ProfileNotFound
from botocore.loaders import JSONFileLoader

from presswatch_spark.storage.s3 import aws_session


@pytest.fixture(autouse=True)
def _profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[profile press]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def test_a_session_has_the_profile_and_the_region_that_are_named() -> None:
    named, moved = aws_session("press"), aws_session("press", "eu-south-2")
    assert (named.profile_name, named.region_name) == ("press", "eu-west-3")
    assert (moved.profile_name, moved.region_name) == ("press", "eu-south-2")
    assert aws_session().region_name is None
    with pytest.raises(ProfileNotFound):
        aws_session("nobody")


def test_what_a_session_read_no_other_reads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    aws_session(region="eu-west-3").client("sqs")
    read, load = list[str](), JSONFileLoader.load_file

    def noted(loader: Any, path: str) -> Any:
        read.append(path)
        return load(loader, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", noted)
    one, other = (aws_session(region=region).client("sqs") for region in ("eu-west-3", "eu-south-2"))
    assert (one.meta.region_name, other.meta.region_name) == ("eu-west-3", "eu-south-2")
    assert read == []
