"""What is shipped and runs elsewhere: the Dockerfiles, and the command of the DAG of docs/airflow."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli.commands.scan import scan
from presswatch_spark.cli.commands.submit import submit
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.scanning.costs import PriceList
from tests.conftest import ROOT

FILES = sorted((ROOT / "docker").glob("Dockerfile.*"))
FIXED = re.compile(r"(:[0-9]{8}|@sha256:[0-9a-f]{64})$")
KNOWN = {"ARG", "FROM", "USER", "WORKDIR", "COPY", "RUN", "ENV"}


def instructions(file: Path) -> list[tuple[str, str]]:
    """Instruction and arguments of each line, continued lines joined, comments left out."""
    text = file.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined]


def given(file: Path, kind: str) -> list[str]:
    """The arguments of all instructions of one kind."""
    return [arguments for name, arguments in instructions(file) if name == kind]


def test_there_is_one_for_the_archive_and_one_for_images() -> None:
    assert [file.name for file in FILES] == ["Dockerfile.archive", "Dockerfile.emr"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
class TestDockerfile:
    def test_it_is_based_on_an_image_of_emrs_release_and_of_profiles_whose_tag_does_not_move(
        self, file: Path
    ) -> None:
        found = instructions(file)
        assert {name for name, _ in found} <= KNOWN
        assert [name for name, _ in found[:2]] == ["ARG", "FROM"]
        # Repeated after FROM without its default, to be known there.
        arguments = dict(line.partition("=")[::2] for line in reversed(given(file, "ARG")))
        dated = f"public.ecr.aws/emr-on-eks/spark/{Profile().release}:20260421"
        assert arguments["EMR_IMAGE"] in ("", dated)
        assert arguments["PYTHON"] == Profile().archive.python
        assert arguments["MACHINE"] == Profile().archive.machine
        bases = [line.split()[0] for line in given(file, "FROM")]
        assert bases[0].startswith("${EMR_IMAGE")
        images = [re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], base) for base in bases]
        assert [image for image in images if image not in ("", "scratch") and not FIXED.search(image)] == []
        mentioned = re.findall(r"public\.ecr\.aws/\S+", file.read_text(encoding="utf-8"))
        assert not [image for image in mentioned if ":latest" in image]

    def test_a_build_on_an_image_that_moves_stops(self, file: Path) -> None:
        (guard,) = (line for line in given(file, "RUN") if line.startswith("case "))
        for image, taken in (
            ("public.ecr.aws/emr-on-eks/spark/emr-spark-8.0.0:20260421", True),
            (f"public.ecr.aws/emr-serverless/spark/emr-spark-8.0.0@sha256:{'0' * 64}", True),
            ("mirror.example:5000/spark/emr-spark-8.0.0:20260421", True),
            ("public.ecr.aws/emr-serverless/spark/emr-spark-8.0.0:latest", False),
            ("public.ecr.aws/emr-serverless/spark/emr-spark-8.0.0", False),
            ("mirror.example:5000/spark/emr-spark-8.0.0", False),
        ):
            done = subprocess.run(
                ["sh", "-c", guard], env={"EMR_IMAGE": image}, capture_output=True, text=True
            )
            assert (image, done.returncode == 0) == (image, taken)
            assert taken or f"must name a dated tag or a digest, not {image}" in done.stderr

    def test_packages_come_with_their_hashes_or_by_the_archives_own_recipe(self, file: Path) -> None:
        commands = [command for line in given(file, "RUN") for command in line.split("&&")]
        installs = [command for command in commands if "pip install" in command]
        hashed = "--require-hashes --requirement locks/requirements-build.lock"
        assert installs
        assert all(hashed in command for command in installs)
        assert any("-m presswatch_spark.deploy.archive" in command for command in commands)
        assert not [command for command in commands if re.search(r"\b(curl|wget|yum|dnf|apt-get)\b", command)]


@pytest.mark.parametrize("file", [*FILES, ROOT / "conf/inspect/Containerfile"], ids=lambda file: file.name)
def test_all_that_the_package_is_built_from_is_there_and_copied(file: Path) -> None:
    copied = [line.split()[:-1] for line in given(file, "COPY")]
    sources = {source for line in copied if not line[0].startswith("--from") for source in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    built = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"], "pyproject.toml"}
    assert built | {"locks/requirements-build.lock"} <= sources
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_does_not_run_as_root_and_uses_its_own_python() -> None:
    found = instructions(ROOT / "docker" / "Dockerfile.emr")
    assert found[-1] == ("USER", "hadoop:hadoop")
    assert any(name == "ENV" and "PYSPARK_PYTHON=/opt/presswatch/bin/python" in line for name, line in found)


def test_the_image_for_plain_spark_has_the_archive_for_its_own_python() -> None:
    file = ROOT / "docker" / "Containerfile"
    assert given(file, "FROM")[1].endswith(f"/python:{Profile().archive.python}-slim-bookworm")
    assert given(file, "ADD") == ["dist/presswatch-*.tar.gz /opt/presswatch/"]
    assert given(file, "USER") == ["185"]
    (variables,) = given(file, "ENV")
    assert "PYSPARK_PYTHON=/opt/presswatch/bin/python" in variables


@pytest.mark.slow
def test_a_wheel_contains_what_a_submission_sends_and_an_archive_is_built_from(tmp_path: Path) -> None:
    build = ["-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run([sys.executable, "-P", *build], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, tmp_path / "site"], check=True)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "site")}
    environment |= {"PRESSWATCH_DEPLOY__REGION": "eu-west-3", "PRESSWATCH_DEPLOY__STORE": "s3://b/store"}
    environment |= {"PRESSWATCH_DEPLOY__EC2__CLUSTER_ID": "j-1", "AWS_EC2_METADATA_DISABLED": "true"}
    scan = ["scan", "--corpus", "s3://b/corpus", "--out", "s3://b/tables", "s3://b/a.wet.gz"]
    done = subprocess.run(
        [sys.executable, "-m", "presswatch_spark", "submit", "--on", "emr-ec2", "--dry-run", *scan],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    package = tmp_path / "site" / "presswatch_spark"
    assert json.loads(done.stdout)["uploads"][1]["file"] == str(package / "jobs" / "scan.py")
    for name in ("locks/requirements.lock", "docker/Containerfile"):
        assert (package / name).read_bytes() == (ROOT / name).read_bytes()


DAG = ROOT / "docs" / "airflow" / "presswatch_dag.py"


def test_the_dag_compiles_and_its_command_is_one_of_ours() -> None:
    tree = ast.parse(DAG.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.Assign)]
    constants: dict[str, Any] = {}
    exec(compile(tree, str(DAG), "exec"), constants)  # what needs no Airflow
    program, name, *words = constants["SCAN"]
    assert (program, name) == ("presswatch", "submit")
    submitted = submit.make_context("submit", words).params
    assert (submitted["again"], submitted["no_wait"]) == (False, False)
    job, *options = submitted["words"]
    assert job == "scan"
    scanned = scan.make_context("scan", [*options, "--release", constants["SINCE"]]).params
    assert (scanned["dataset"], scanned["out"]) == ("wet", constants["TABLES"])
    assert PriceList.read().machine(options[options.index("--price") + 1])
