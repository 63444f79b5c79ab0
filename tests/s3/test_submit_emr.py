"""Jobs submitted to EMR on EC2 and EMR Serverless: one run for one submission, its log and its exit code."""

from __future__ import annotations

import gzip
import json
import tarfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.job import run_job
from presswatch_spark.core.errors import StorageError
from presswatch_spark.core.processes import user_temporary
from presswatch_spark.deploy import emr as waiting
from presswatch_spark.deploy.archive import NEEDED, pack
from presswatch_spark.deploy.emr import JobRuns, Service, ServiceError, Steps, service_of
from presswatch_spark.deploy.ledger import Ledger
from presswatch_spark.deploy.profiles import load_profile
from presswatch_spark.deploy.submission import submission
from presswatch_spark.storage import locks as leases
from presswatch_spark.storage.objects import StorageOptions
from tests.conftest import ROOT
from tests.s3.conftest import client_of
from tests.s3.emr import REGION, Front, Hosts, front
from tests.world.proofs import each_time

# moto knows no emr-spark-8.0.0.
RELEASE = "emr-7.9.0"
JOB = ("--corpus", "s3://shards/corpus", "--out", "s3://shards/tables", "s3://shards/a.wet.gz")


@dataclass
class Emr:
    """A cluster or application behind a front, and what is needed to submit to it."""

    service: str
    profile: Path
    archive: Path
    front: Front
    hosts: Hosts

    def submit(self, *options: str, ours: tuple[str, ...] = (), job: tuple[str, ...] = JOB) -> int:
        """Submit a scan; its exit code."""
        given = ("--on", str(self.profile), "--archive", str(self.archive), *ours)
        return cli.run(["submit", *given, "scan", *job, *options])

    def starts(self) -> list[Any]:
        """Parameters of each request to start a job."""
        return self.front.asked("AddJobFlowSteps" if self.service == "emr-ec2" else "StartJobRun")

    def ask(self) -> Service:
        """The service, as the command would ask it."""
        profile = load_profile(str(self.profile), {})
        asked = submission("scan", JOB, profile, self.archive, ROOT, {})
        return Steps(asked) if self.service == "emr-ec2" else JobRuns(asked)


@pytest.fixture(scope="module")
def before(endpoint: str) -> Iterator[Front]:
    with front(endpoint) as running:
        yield running


SERVICES = ["emr-ec2", "emr-serverless"]
# What happens before either service is asked for anything, and what ledger and log do whoever is asked.
either = pytest.mark.parametrize("emr", each_time(["emr-serverless"], SERVICES), indirect=True)


@pytest.fixture(params=SERVICES)
def emr(
    request: pytest.FixtureRequest,
    before: Front,
    endpoint: str,
    bucket: str,
    client: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Emr:
    service = request.param
    made = _cluster(endpoint) if service == "emr-ec2" else _application(endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", before.url)
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "SUBMITTED")
    hosts = Hosts(service, made, client)
    before.forget(hosts)
    return Emr(service, _profile(tmp_path, service, made), _archive(tmp_path), before, hosts)


def _cluster(endpoint: str) -> str:
    emr = client_of("emr", endpoint)
    return str(
        emr.run_job_flow(
            Name="presswatch",
            ReleaseLabel=RELEASE,
            LogUri="s3n://shards/logs/",
            Instances={
                "InstanceCount": 1,
                "MasterInstanceType": "m6i.xlarge",
                "KeepJobFlowAliveWhenNoSteps": True,
            },
            JobFlowRole="EMR_EC2_DefaultRole",
            ServiceRole="EMR_DefaultRole",
        )["JobFlowId"]
    )


def _application(endpoint: str) -> str:
    serverless = client_of("emr-serverless", endpoint)
    made = serverless.create_application(name="presswatch", releaseLabel=RELEASE, type="SPARK")
    return str(made["applicationId"])


def _profile(folder: Path, service: str, made: str) -> Path:
    """The shipped profile, as a user fills it in."""
    text = (ROOT / "conf" / "profiles" / f"{service}.yaml").read_text(encoding="utf-8")
    for before, after in (
        ("release: emr-spark-8.0.0", f"release: {RELEASE}"),
        ("region: null", f"region: {REGION}"),
        ("store: null", "store: s3://shards/presswatch/"),
        ("application_id: null", f"application_id: {made}"),
        ("cluster_id: null", f"cluster_id: {made}"),
        ("role_arn: null", "role_arn: arn:aws:iam::123456789012:role/presswatch"),
        ("first_seconds: 5.0", "first_seconds: 0.01"),
        ("longest_seconds: 60.0", "longest_seconds: 0.02"),
        ("log_seconds: 420.0", "log_seconds: 0.1"),
        ("log_seconds: 180.0", "log_seconds: 0.1"),
    ):
        text = text.replace(before, after)
    if service == "emr-serverless":
        text = text.replace("logs: null", "logs: s3://shards/logs/")
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    return folder / "mine.yaml"


def _archive(folder: Path) -> Path:
    for name in NEEDED:
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / name).touch()
    pack(folder / "tree", folder / "mine.tar.gz")
    return folder / "mine.tar.gz"


def test_a_job_is_submitted_waited_for_and_shown(emr: Emr, capsys: pytest.CaptureFixture[str]) -> None:
    assert emr.submit() == 0
    told = capsys.readouterr()
    assert told.out == "run 7: 3 matches\n"
    (job,) = emr.hosts.jobs()
    assert f"scan {job.id}: PENDING" in told.err
    assert f"scan {job.id}: RUNNING" in told.err
    assert f"scan {job.id}: {job.state}, exit code 0" in told.err
    assert "  log: s3://" in told.err
    assert "ERROR the last line" not in told.err


@pytest.mark.parametrize("code", each_time([3], [1, 2, 3]))
def test_the_exit_code_of_the_job_survives(emr: Emr, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    emr.hosts.code = code
    assert emr.submit() == code
    told = capsys.readouterr()
    assert told.out == "run 7: 3 matches\n"
    assert "ERROR the last line" in told.err
    assert f"FAILED, exit code {code} (User application exited)" in told.err


def test_a_job_that_left_no_exit_code_has_failed_for_the_reason_that_emr_gives(
    emr: Emr, capsys: pytest.CaptureFixture[str]
) -> None:
    emr.hosts.code = None
    assert emr.submit() == 1
    assert "exit code 1 (User application exited)" in capsys.readouterr().err


def test_the_same_submit_twice_starts_one_run(emr: Emr, capsys: pytest.CaptureFixture[str]) -> None:
    assert emr.submit(ours=("--no-wait",)) == 0
    assert emr.submit() == 0
    assert emr.submit() == 0
    assert len(emr.hosts.jobs()) == len(emr.starts()) == 1
    assert capsys.readouterr().out == "run 7: 3 matches\n" * 2
    assert emr.submit("--min-run-words", "12", ours=("--no-wait",)) == 0
    assert len(emr.hosts.jobs()) == 2


@either
def test_submitters_at_the_same_time_start_one_run(emr: Emr) -> None:
    emr.hosts.ends = False
    ledgers = [Ledger(emr.ask(), StorageOptions(), look_seconds=0.01) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        running = list(pool.map(lambda ledger: ledger.start(lambda _: None), ledgers))
    (job,) = emr.hosts.jobs()
    assert {found.run for found in running} == {job.id}
    assert sum(found.ours for found in running) == 1


@either
def test_a_run_that_ended_with_shards_missing_is_not_repeated_unless_asked(emr: Emr) -> None:
    emr.hosts.code = 3
    assert emr.submit() == 3
    assert emr.submit() == 3
    assert len(emr.hosts.jobs()) == 1
    emr.hosts.looks, emr.hosts.code = 0, 0
    assert emr.submit(ours=("--again",)) == 0
    assert len(emr.hosts.jobs()) == 2


@either
def test_after_a_failure_the_same_submit_starts_one_more(emr: Emr) -> None:
    emr.hosts.code = 1
    assert emr.submit() == 1
    emr.hosts.looks, emr.hosts.code = 0, 0
    assert emr.submit() == 0
    assert emr.submit() == 0
    first, second = emr.starts()
    assert first != second
    assert len(emr.hosts.jobs()) == 2


def test_a_dry_run_prints_what_would_be_sent_and_sends_nothing(
    emr: Emr, capsys: pytest.CaptureFixture[str]
) -> None:
    assert emr.submit(ours=("--dry-run",)) == 0
    assert emr.front.calls == []
    would = json.loads(capsys.readouterr().out)
    assert emr.submit() == 0
    (sent,) = emr.starts()
    assert would["request"]["parameters"] == sent
    written = emr.front.written("/presswatch/")
    for upload in would["uploads"]:
        assert f"PUT /{upload['uri'].removeprefix('s3://')}" in written


def test_a_job_without_options_can_be_submitted(emr: Emr, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--on", str(emr.profile), "--archive", str(emr.archive), "--dry-run")
    assert cli.run(["submit", *given, "watch"]) == 0
    assert len(json.loads(capsys.readouterr().out)["uploads"]) == 2


@either
@pytest.mark.parametrize(
    ("words", "entry"),
    [
        (("rights", "s3://shards/tables", "--out", "s3://shards/reserved"), "rights.py"),
        (
            ("compare", "s3://shards/tables", "--before=a", "--after=b", "--out", "s3://shards/compared"),
            "compare.py",
        ),
        (("verify-rows", "--corpus", "s3://shards/corpus", "s3://shards/tables"), "verify_rows.py"),
        (("corpus_build", "--members=m.yaml", "--articles", "s3://a", "--out", "s3://c"), "corpus_build.py"),
    ],
)
def test_other_commands_are_submitted_by_their_entries(
    emr: Emr, words: tuple[str, ...], entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").touch()
    given = ("--on", str(emr.profile), "--archive", str(emr.archive), "--no-wait")
    assert cli.run(["submit", *given, *words]) == 0
    (sent,) = emr.starts()
    assert f"/{entry}" in json.dumps(sent)
    assert "s3://" in json.dumps(sent).partition(entry)[2]


@either
def test_a_typo_in_the_options_of_the_job_is_found_before_anything_is_asked(
    emr: Emr, capsys: pytest.CaptureFixture[str]
) -> None:
    assert emr.submit("--min-run-wrods", "12") == 2
    assert "--min-run-words" in capsys.readouterr().err
    assert emr.submit("--min-run-words", "many") == 2
    assert emr.front.calls == []


@either
def test_credentials_are_those_of_the_profile_that_is_named(
    emr: Emr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = MINE\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert emr.submit(ours=("--profile", "nobody", "--check")) == 1
    assert "nobody" in capsys.readouterr().err
    assert emr.front.calls == []
    assert emr.submit(ours=("--profile", "mine", "--no-wait")) == 0
    assert emr.front.keys == {"MINE"}
    assert "MINE" not in json.dumps(emr.starts())
    job = emr.hosts.jobs()[0].id
    profile = load_profile(str(emr.profile), {})
    asked = submission("scan", JOB, profile, emr.archive, ROOT, {})
    assert "--profile mine --region" in service_of(asked, "mine").cancel_commands(job)[0]


@either
def test_without_an_archive_a_dry_run_makes_none(
    emr: Emr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("presswatch_spark.deploy.submission.ROOT", tmp_path / "checkout")
    assert cli.run(["submit", "--on", str(emr.profile), "--dry-run", "scan", *JOB]) == 1
    assert "make it (make archive), or name one: --archive FILE" in capsys.readouterr().err
    assert not (tmp_path / "checkout").exists()


@either
def test_archives_and_entries_are_uploaded_once(emr: Emr) -> None:
    assert emr.submit() == 0
    emr.hosts.looks = 0
    assert emr.submit("--min-run-words", "12") == 0
    assert len(emr.front.written("/presswatch/archives/")) == 1
    assert len(emr.front.written("/presswatch/jobs/")) == 1


def test_what_is_asked_is_sized_for_the_sieve_and_runs_from_the_archive(emr: Emr) -> None:
    assert emr.submit() == 0
    (sent,) = emr.starts()
    if emr.service == "emr-ec2":
        (step,) = sent["Steps"]
        arguments = step["HadoopJarStep"]["Args"]
        assert step["HadoopJarStep"]["Jar"] == "command-runner.jar"
        assert arguments[0] == "spark-submit"
        assert tuple(arguments[-len(JOB) :]) == JOB
        settings = dict(text.split("=", 1) for text in arguments if text.startswith("spark."))
        assert settings["spark.yarn.dist.archives"].endswith(".tar.gz#environment")
        assert settings["spark.yarn.maxAppAttempts"] == "1"
        driver = "spark.yarn.appMasterEnv."
    else:
        driver_says = sent["jobDriver"]["sparkSubmit"]
        assert tuple(driver_says["entryPointArguments"]) == JOB
        settings = sent["configurationOverrides"]["applicationConfiguration"][0]["properties"]
        assert settings["spark.archives"].endswith(".tar.gz#environment")
        driver = "spark.emr-serverless.driverEnv."
    assert settings["spark.executor.cores"] == "16"
    assert settings["spark.executor.memoryOverhead"] == ("56g" if emr.service == "emr-ec2" else "48g")
    assert settings["spark.speculation"] == "false"
    assert settings["spark.decommission.enabled"] == "true"
    assert settings["spark.executorEnv.PYSPARK_PYTHON"] == "./environment/bin/python"
    assert settings[f"{driver}PYSPARK_DRIVER_PYTHON"] == "./environment/bin/python"
    assert settings["spark.executorEnv.NUMBA_CACHE_DIR"]
    assert "testing" not in json.dumps(sent)  # the credentials of these tests


def test_settings_in_the_environment_go_with_the_job_and_other_variables_stay(
    emr: Emr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSWATCH_GRADE__MIN_RUN_WORDS", "12")
    monkeypatch.setenv("PRESSWATCH_DEPLOY__MOST_EXECUTORS", "3")
    monkeypatch.setenv("PRESSWATCH_CACHE_DIR", "/here/only")
    monkeypatch.setenv("PRESSWATCH_STORAGE__PROFILE", "of-mine")
    assert emr.submit(ours=("--no-wait",)) == 0
    (job,) = emr.hosts.jobs()
    assert emr.hosts.variable(job, "PRESSWATCH_GRADE__MIN_RUN_WORDS") == "12"
    sent = json.dumps(emr.starts())
    assert "/here/only" not in sent
    assert "of-mine" not in sent
    assert "PRESSWATCH_DEPLOY" not in sent
    assert "48" in sent  # 3 executors × 16 cores


@either
def test_throttling_is_waited_out(emr: Emr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presswatch_spark.deploy.emr.PAUSE_SECONDS", 0.01)
    start, look = (
        ("AddJobFlowSteps", "DescribeStep") if emr.service == "emr-ec2" else ("StartJobRun", "GetJobRun")
    )
    emr.front.refusals = {start: deque([400, 400]), look: deque([400])}
    assert emr.submit() == 0
    assert len(emr.starts()) == 3
    assert len(emr.hosts.jobs()) == 1


@either
def test_a_start_whose_answer_is_lost_is_one_start(emr: Emr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presswatch_spark.deploy.emr.PAUSE_SECONDS", 0.01)
    start = "AddJobFlowSteps" if emr.service == "emr-ec2" else "StartJobRun"
    emr.front.refusals = {start: deque([0])}
    assert emr.submit() == 0
    assert len(emr.hosts.jobs()) == 1


def test_a_job_whose_submitter_died_before_it_started_is_started_by_the_next(emr: Emr) -> None:
    ledger = Ledger(emr.ask(), StorageOptions(), claim_seconds=1.0, look_seconds=0.01)
    assert ledger._claim(1)
    told: list[str] = []
    running = ledger.start(told.append)
    (job,) = emr.hosts.jobs()
    assert running.run == job.id
    # A cluster cannot tell whether the first is still about to start; a token can.
    assert running.attempt == (2 if emr.service == "emr-ec2" else 1)
    told.clear()
    assert Ledger(emr.ask(), StorageOptions()).start(told.append).run == job.id
    assert not [line for line in told if "not started yet" in line]  # nobody waits for it a second time


@either
def test_a_submitter_who_was_slow_does_not_start_any_more(emr: Emr) -> None:
    if emr.service == "emr-serverless":
        return  # its token makes a late start harmless
    ledger = Ledger(emr.ask(), StorageOptions(), claim_seconds=-1.0)
    with pytest.raises(Exception, match="has lapsed"):
        ledger.start(lambda _: None)
    assert emr.hosts.jobs() == []


@either
def test_a_submitter_who_is_throttled_for_too_long_does_not_start_any_more(
    emr: Emr, monkeypatch: pytest.MonkeyPatch
) -> None:
    if emr.service == "emr-serverless":
        return
    monkeypatch.setattr("presswatch_spark.deploy.emr.PAUSE_SECONDS", 0.3)
    emr.front.refusals = {"AddJobFlowSteps": deque([400, 400])}
    ledger = Ledger(emr.ask(), StorageOptions(), claim_seconds=0.25)
    with pytest.raises(Exception, match="has lapsed"):
        ledger.start(lambda _: None)
    assert emr.hosts.jobs() == []


@either
def test_a_claim_is_as_old_as_the_request_for_it(emr: Emr, monkeypatch: pytest.MonkeyPatch) -> None:
    if emr.service == "emr-serverless":
        return
    ledger = Ledger(emr.ask(), StorageOptions(), claim_seconds=0.25)
    writes = leases.write_object

    def slow(*given: Any, **more: Any) -> str:
        etag = writes(*given, **more)
        waiting.time.sleep(0.3)
        return etag

    monkeypatch.setattr(leases, "write_object", slow)
    with pytest.raises(Exception, match="has lapsed"):
        ledger.start(lambda _: None)
    assert emr.hosts.jobs() == []


def test_ctrl_c_leaves_the_job_running_and_says_how_to_end_it(
    emr: Emr, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    emr.hosts.ends = False
    # Its own name for the module, and not the module: other threads sleep, too.
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=time.monotonic, sleep=interrupted))
    assert emr.submit() == 1
    told = capsys.readouterr().err
    (job,) = emr.hosts.jobs()
    assert f"the job {job.id} goes on" in told
    assert ("cancel-steps" if emr.service == "emr-ec2" else "cancel-job-run") in told
    if emr.service == "emr-ec2":  # a step that is cancelled leaves its application running
        name = job.args[job.args.index("--name") + 1]
        assert f"awk '/{name.rpartition(' ')[0]}/" in told
        assert "yarn application -kill" in told
    assert job.state == "PENDING"


@either
def test_a_log_that_cannot_be_read_changes_nothing_of_how_the_job_ended(
    emr: Emr, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(*_: object) -> None:
        raise StorageError("access denied", where="s3://shards/logs")

    monkeypatch.setattr("presswatch_spark.deploy.emr.open_stream", denied)
    for code in (0, 3):
        emr.hosts.code, emr.hosts.looks = code, 0
        assert emr.submit("--min-run-words", str(12 + code)) == code
        assert "the log cannot be read: " in (told := capsys.readouterr().err)
        assert f"exit code {code}" in told


@either
def test_a_log_that_is_damaged_is_said_to_be(
    emr: Emr, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged(*_: object) -> BytesIO:
        content = bytearray(gzip.compress(b"a line\n" * 1000))
        content[12] ^= 0xFF
        return BytesIO(content)

    monkeypatch.setattr("presswatch_spark.deploy.emr.open_stream", damaged)
    emr.hosts.code = 3
    assert emr.submit() == 3
    assert "is not whole)" in capsys.readouterr().err


@either
def test_ctrl_c_while_the_log_is_waited_for_leaves_the_exit_code(
    emr: Emr, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    emr.hosts.code = 3
    monkeypatch.setattr("presswatch_spark.cli.submitting.driver_log", interrupted)
    assert emr.submit() == 3
    assert "goes on" not in capsys.readouterr().err


@either
def test_who_can_no_longer_look_is_told_that_the_job_goes_on(
    emr: Emr, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def expired(*_: object) -> None:
        raise ServiceError("EMR refused it: ExpiredTokenException")

    monkeypatch.setattr("presswatch_spark.cli.submitting.wait", expired)
    assert emr.submit() == 1
    (job,) = emr.hosts.jobs()
    assert f"the job {job.id} goes on" in capsys.readouterr().err


def test_hosts_of_another_release_are_refused_before_anything_is_uploaded(
    emr: Emr, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRESSWATCH_DEPLOY__RELEASE", "emr-spark-8.0.0")
    assert emr.submit() == 1
    assert f"it has the release {RELEASE}, and the profile says emr-spark-8.0.0" in capsys.readouterr().err
    assert emr.front.written("/presswatch/") == []


@either
def test_an_archive_with_a_link_is_refused_before_it_is_uploaded(
    emr: Emr, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as tar:
        for name in NEEDED:
            tar.addfile(tarfile.TarInfo(name))
        link = tarfile.TarInfo("bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, "/usr/bin/python3"
        tar.addfile(link)
    emr.archive = tmp_path / "bad.tar.gz"
    assert emr.submit() == 1
    assert "'bin/python3' is outside, a link or a device" in capsys.readouterr().err
    assert emr.front.calls == []


@either
@pytest.mark.parametrize(
    ("options", "variable", "named"),
    [
        (("https://user:hunter2@mirror.example/a.gz",), {}, "argument 6"),
        (("https://hunter2@mirror.example/a.gz",), {}, "argument 6"),
        (("https://b.s3.amazonaws.com/a?X-Amz-Signature=00ff",), {}, "argument 6"),
        ((), {"PRESSWATCH_DEPLOY__ENVIRONMENT": "AWS_SECRET_ACCESS_KEY=x"}, "AWS_SECRET_ACCESS_KEY"),
        (
            (),
            {"PRESSWATCH_DEPLOY__SPARK": "spark.hadoop.fs.s3a.secret.key=x"},
            "spark.hadoop.fs.s3a.secret.key",
        ),
        (("--profile", "my-aws"), {}, "--profile names AWS credentials"),
        (("--hf-token-file", "token"), {}, "--hf-token-file names a secret of this machine"),
        ((), {"PRESSWATCH_DEPLOY__ENVIRONMENT": "HF_TOKEN=hunter2"}, "HF_TOKEN"),
        (("--out", "tables"), {}, "--out tables lies on this machine only"),
        (("--config", "absent.yaml"), {}, "there is no such file"),
    ],
)
def test_secrets_and_what_only_this_machine_has_are_refused(
    emr: Emr,
    options: tuple[str, ...],
    variable: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    assert emr.submit(*options) == 1
    told = capsys.readouterr().err
    assert named in told
    assert "hunter2" not in told
    assert emr.front.calls == []


@either
def test_a_settings_file_of_this_machine_goes_along_and_the_job_reads_it(
    emr: Emr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scan.yaml").write_text("grade: {min_run_words: 3}\n")
    for spelt in (("--config", str(tmp_path / "scan.yaml")), (f"--config={tmp_path / 'scan.yaml'}",)):
        assert emr.submit(*spelt, ours=("--no-wait",)) == 0
        job = emr.hosts.jobs()[-1]
        step = emr.service == "emr-ec2"
        sent = job.args if step else job.job_driver["sparkSubmit"]["entryPointArguments"]
        there = [text for text in sent if "/files/" in text]
        assert len(there) == 1
        monkeypatch.setenv("PRESSWATCH_RESULT_URI", emr.hosts.variable(job, "PRESSWATCH_RESULT_URI"))
        # On the host, the job says what is wrong with that file, and leaves its exit code.
        assert run_job(["scan", *sent[-len(JOB) - len(spelt) :]]) == 1
        # Where a later process removes it, if this one is killed.
        assert str(user_temporary() / "scratch") in capsys.readouterr().err
        monkeypatch.delenv("PRESSWATCH_RESULT_URI")
    assert len(emr.front.written("/presswatch/files/")) == 1
    results = client.list_objects_v2(Bucket="shards", Prefix="presswatch/submissions/")["Contents"]
    assert sum(found["Key"].endswith(".result.json") for found in results) == 2
