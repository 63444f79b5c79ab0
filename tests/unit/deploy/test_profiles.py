"""Profiles: typed, bounded, layered; every mistake at once, with its line."""

import os
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest
import yaml

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.core.settings.load import NAMES
from presswatch_spark.deploy.emr import JobRuns
from presswatch_spark.deploy.profiles import OURS, PROFILE_SETTINGS, Profile, load_profile
from presswatch_spark.deploy.submission import Submission, Upload, spark_settings, submission
from tests.conftest import ROOT
from tests.world.proofs import cases

FOLDER = ROOT / "conf" / "profiles"
GIVEN = {
    "PRESSWATCH_DEPLOY__REGION": "eu-west-3",
    "PRESSWATCH_DEPLOY__STORE": "s3://bucket/presswatch",
    "PRESSWATCH_DEPLOY__LOGS": "s3://bucket/logs",
    "PRESSWATCH_DEPLOY__EC2__CLUSTER_ID": "j-1",
    "PRESSWATCH_DEPLOY__SERVERLESS__APPLICATION_ID": "00f1",
    "PRESSWATCH_DEPLOY__SERVERLESS__ROLE_ARN": "arn:aws:iam::123456789012:role/presswatch",
}


def refusal(name: str, env: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as raised:
        load_profile(name, env)
    return str(raised.value)


@pytest.mark.parametrize("arguments", [["--corpus", "s3://b/c", "--out"], ["--corpus", "--out", "s3://b/o"]])
def test_a_job_whose_option_for_a_folder_has_no_value_is_refused_unsent(
    arguments: list[str],
) -> None:
    with pytest.raises(ConfigError, match=r"--(out|corpus) has no value"):
        submission("scan", arguments, load_profile("emr-ec2", GIVEN), ROOT / "pyproject.toml", {})


@pytest.mark.parametrize("name", ["local", "emr-ec2", "emr-serverless"])
def test_the_shipped_profiles_are_usable_with_what_only_the_user_knows(name: str) -> None:
    profile = load_profile(name, GIVEN)
    assert profile.service == name
    assert profile.release == Profile().release == "emr-spark-8.0.0"
    assert profile.spark["spark.speculation"] == "false"


def asked(profile: Profile) -> Submission:
    nothing = Upload(Path(), "")
    return Submission("scan", (), profile, nothing, nothing, (), {})


def test_the_starter_is_the_serverless_profile_within_the_quota_of_a_new_account() -> None:
    starter, usual = (load_profile(name, GIVEN) for name in ("emr-serverless-starter", "emr-serverless"))
    cores = starter.most_executors * starter.executor.cores
    assert starter.driver.cores + cores == 16
    assert int(starter.environment["PRESSWATCH_RUN__WAVE_SHARDS"]) == 8 * cores
    sizes = {"most_executors": usual.most_executors, "executor": usual.executor}
    assert replace(starter, **sizes, environment=usual.environment) == usual  # type: ignore[arg-type]


@cases(("most", "first"), [(1, 1), (2, 2), (3, 3), (10, 3)])
@cases("name", ["emr-serverless", "emr-ec2", "emr-serverless-starter"])
def test_no_job_begins_with_more_executors_than_it_may_have(name: str, most: int, first: int) -> None:
    profile = load_profile(name, GIVEN | {"PRESSWATCH_DEPLOY__MOST_EXECUTORS": str(most)})
    settings = spark_settings(asked(profile), 1, "")
    assert {key: value for key, value in settings.items() if "xecutors" in key or "instances" in key} == {
        "spark.dynamicAllocation.initialExecutors": str(first),
        "spark.dynamicAllocation.maxExecutors": str(most),
        "spark.dynamicAllocation.minExecutors": "0",
        "spark.executor.instances": str(first),
    } | {key: value for key, value in profile.spark.items() if "xecutors" in key}
    # The only executor may try a task again.
    if name == "emr-ec2":
        assert settings["spark.excludeOnFailure.enabled"] == ("false" if most == 1 else "true")


def test_without_dynamic_allocation_all_executors_come_at_once() -> None:
    profile = load_profile("emr-serverless", GIVEN)
    fixed = replace(profile, spark={**profile.spark, "spark.dynamicAllocation.enabled": "false"})
    assert spark_settings(asked(fixed), 1, "")["spark.executor.instances"] == "10"


def test_a_shipped_profile_says_what_must_be_given() -> None:
    told = refusal("emr-serverless", {})
    for name in ("region", "store", "logs", "serverless.application_id", "serverless.role_arn"):
        variable = "PRESSWATCH_DEPLOY__" + name.upper().replace(".", "__")
        assert f"{name} must be given, in the file or as {variable}" in told
    assert "cluster_id" not in told


def test_every_mistake_of_a_profile_is_reported_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "service: emr-ec2\nec2:\n  clusterid: j-1\nexecutor: {cores: 0}\nspark: {a: 1}\nspeculation: off\n"
    )
    told = refusal(str(file), {"PRESSWATCH_DEPLOY__REGIN": "eu-west-3"})
    for said in (
        f"{file}:3: ec2.clusterid is not a setting; did you mean ec2.cluster_id?",
        f"{file}:4: executor.cores must be 1 or more, not 0",
        f"{file}:5: spark must be a mapping of text to text",
        f"{file}:6: speculation is not a setting",
        "PRESSWATCH_DEPLOY__REGIN is not a setting; did you mean PRESSWATCH_DEPLOY__REGION?",
    ):
        assert said in told


@cases(
    ("text", "named"),
    [
        ("service: mars", "service must be local or emr-ec2 or emr-serverless, not 'mars'"),
        ("store: /mnt/store", "store must be s3://BUCKET/PREFIX"),
        ("archive: {python: '2.7'}", "archive.python must be like 3.11"),
        ("archive: {machine: arm}", "archive.machine must be x86_64 or aarch64"),
        ("serverless: {disk_gb: 5}", "serverless.disk_gb must be between 20 and 2000"),
        # The number of executors is said in one place.
        *((f"spark: {{{name}: '3'}}", f"{name} follows from most_executors") for name in OURS),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    assert named in refusal(str(tmp_path / "mine.yaml"), {})


def test_variables_of_profiles_are_no_settings_of_jobs() -> None:
    assert load_scan_config(None, GIVEN) == load_scan_config()


def test_every_default_of_a_profile_lies_within_its_bounds_and_has_a_type_that_the_layers_can_express() -> (
    None
):
    for setting in PROFILE_SETTINGS.known.values():
        assert not setting.problem_of(setting.default), setting.name
        assert setting.kind in NAMES


@pytest.mark.parametrize("name", ["emr-ec2", "emr-serverless"])
def test_the_profiles_of_emr_state_every_setting_that_counts_there(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    stated = yaml.safe_load(text)
    foreign = {"local", "ec2", "serverless"} - {name.removeprefix("emr-")}
    for path in PROFILE_SETTINGS.known:
        if path.partition(".")[0] not in foreign:
            assert reduce(lambda section, part: section[part], path.split("."), stated) is not ..., path
    settings = stated["spark"]
    assert settings["spark.decommission.enabled"] == "true"
    assert settings["spark.excludeOnFailure.enabled"] == "true"
    assert settings["spark.excludeOnFailure.task.maxTaskAttemptsPerExecutor"] == "1"


def test_a_wave_gives_every_core_some_shards() -> None:
    for name in ("emr-ec2", "emr-serverless"):
        profile = load_profile(name, GIVEN)
        cores = profile.most_executors * profile.executor.cores
        assert int(profile.environment["PRESSWATCH_RUN__WAVE_SHARDS"]) == 8 * cores


def test_a_cluster_is_used_whole_keeps_its_data_on_data_volumes_and_survives_lost_executors() -> None:
    profile = load_profile("emr-ec2", GIVEN)
    executor = profile.executor.jvm_gb + profile.executor.python_gb
    driver = profile.driver.jvm_gb + profile.driver.python_gb
    # YARN has 120 of 128 GB of a host, and EMR's counts no cores: an executor, and the driver beside it.
    assert executor + driver <= 120 < 2 * executor
    # What is kept on a host goes with its application.
    application = Path("/mnt/yarn/usercache/hadoop/appcache/application_1_0001")
    for name in ("PRESSWATCH_CACHE_DIR", "TMPDIR"):
        named = profile.environment[name]
        place = os.path.normpath(application / "container_1_0001_01_000001" / named)
        assert Path(place).is_relative_to(application)
    # Spark's own default is to forget no lost executor.
    assert profile.spark["spark.executor.failuresValidityInterval"] == "1h"


@pytest.mark.parametrize(("size", "kind"), [(200, None), (201, "shuffle_optimized")])
def test_disks_that_only_one_kind_has_are_of_that_kind(size: int, kind: str | None) -> None:
    given = GIVEN | {"PRESSWATCH_DEPLOY__SERVERLESS__DISK_GB": str(size)}
    service = JobRuns(asked(load_profile("emr-serverless", given)))
    overrides = service.parameters(1)["configurationOverrides"]
    settings = overrides["applicationConfiguration"][0]["properties"]
    for worker in ("driver", "executor"):
        assert settings[f"spark.emr-serverless.{worker}.disk"] == f"{size}g"
        assert settings.get(f"spark.emr-serverless.{worker}.disk.type") == kind
