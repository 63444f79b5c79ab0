"""The Dockerfiles: EMR's own image, the locked packages with their hashes, nothing fetched otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from presswatch_spark.deploy.profiles import Profile
from tests.conftest import ROOT

FILES = sorted((ROOT / "docker").glob("Dockerfile.*"))
KNOWN = {"ARG", "FROM", "USER", "WORKDIR", "COPY", "RUN", "ENV"}


def instructions(file: Path) -> list[tuple[str, str]]:
    """Instruction and arguments of each line, continued lines joined, comments left out."""
    text = file.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined]


def test_there_is_one_for_the_archive_and_one_for_images() -> None:
    assert [file.name for file in FILES] == ["Dockerfile.archive", "Dockerfile.emr"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
class TestDockerfile:
    def test_every_line_is_an_instruction_and_the_base_is_emrs_release(self, file: Path) -> None:
        found = instructions(file)
        assert {name for name, _ in found} <= KNOWN
        assert found[0] == (
            "ARG",
            f"EMR_IMAGE=public.ecr.aws/emr-serverless/spark/{Profile().release}:latest",
        )
        assert found[1][0] == "FROM"
        assert found[1][1].startswith("${EMR_IMAGE}")

    def test_what_is_copied_is_there(self, file: Path) -> None:
        copied = [line.split()[:-1] for name, line in instructions(file) if name == "COPY"]
        sources = [source for line in copied if not line[0].startswith("--from") for source in line]
        assert {"requirements.lock", "requirements-build.lock", "presswatch_spark", "conf"} <= set(sources)
        assert all((ROOT / source).exists() for source in sources)

    def test_packages_come_with_their_hashes_or_by_the_archives_own_recipe(self, file: Path) -> None:
        commands = [
            command for name, line in instructions(file) if name == "RUN" for command in line.split("&&")
        ]
        installs = [command for command in commands if "pip install" in command]
        assert installs
        assert all(
            "--require-hashes --requirement requirements-build.lock" in command for command in installs
        )
        assert any("-m presswatch_spark.deploy.archive" in command for command in commands)
        assert not [command for command in commands if re.search(r"\b(curl|wget|yum|dnf|apt-get)\b", command)]

    def test_the_python_and_the_machine_are_the_profiles(self, file: Path) -> None:
        arguments = [line for name, line in instructions(file) if name == "ARG"]
        assert f"PYTHON={Profile().archive.python}" in arguments
        assert f"MACHINE={Profile().archive.machine}" in arguments


def test_the_image_does_not_run_as_root_and_uses_its_own_python() -> None:
    found = instructions(ROOT / "docker" / "Dockerfile.emr")
    assert found[-1] == ("USER", "hadoop:hadoop")
    assert any(name == "ENV" and "PYSPARK_PYTHON=/opt/presswatch/bin/python" in line for name, line in found)
