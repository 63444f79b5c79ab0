"""Jobs submitted to EMR on EC2 and EMR Serverless: one run for one submission, its log and its exit code."""

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
from presswatch_spark.deploy.archive import NEEDED
from presswatch_spark.deploy.emr import JobRuns, Service, ServiceError, Steps, service_of
from presswatch_spark.deploy.ledger import Ledger
from presswatch_spark.deploy.profiles import load_profile
from presswatch_spark.deploy.submission import submission
from presswatch_spark.storage import locks_and_leases as leases
from tests.conftest import ROOT
from tests.s3.archives import write_archive
from tests.s3.conftest import client_of
from tests.s3.emr import REGION, Front, Hosts, front
from tests.world.processes import raising
from tests.world.proofs import each_time

# moto knows no emr-spark-8.0.0.
RELEASE = "emr-7.9.0"
JOB = ("--corpus", "s3://shards/corpus", "--out", "s3://shards/tables", "s3://shards/a.wet.gz")
RESULT = "run 7: 3 matches\n"


@dataclass
class Emr:
    """A cluster or application behind a front, and what is needed to submit to it."""

    service: str
    profile: Path
    archive: Path
    front: Front
    hosts: Hosts
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def is_cluster(self) -> bool:
        return self.service == "emr-ec2"

    @property
    def start(self) -> str:
        return "AddJobFlowSteps" if self.is_cluster else "StartJobRun"

    def submit(self, *options: str, ours: tuple[str, ...] = (), job: tuple[str, ...] = ("scan", *JOB)) -> int:
        given = ("--on", str(self.profile), "--archive", str(self.archive), *ours)
        return cli.run(["submit", *given, *job, *options])

    def told(self) -> str:
        """What came to standard error since the last look."""
        return self.capsys.readouterr().err

    def starts(self) -> list[Any]:
        return self.front.asked(self.start)

    def ends_with(self, code: int | None) -> None:
        self.hosts.looks, self.hosts.code = 0, code

    def ask(self) -> Service:
        """The service, as the command would ask it."""
        profile = load_profile(str(self.profile), {})
        asked = submission("scan", JOB, profile, self.archive, {})
        return Steps(asked) if self.is_cluster else JobRuns(asked)


@pytest.fixture(scope="module")
def before(endpoint: str) -> Iterator[Front]:
    with front(endpoint) as running:
        yield running


SERVICES = ["emr-ec2", "emr-serverless"]
# What happens before either service is asked for anything, and what ledger and log do whoever is asked.
either = pytest.mark.parametrize("emr", each_time(["emr-serverless"], SERVICES), indirect=True)
# A late start is harmless with a token, which a cluster does not know.
on_a_cluster = pytest.mark.parametrize("emr", ["emr-ec2"], indirect=True)


@pytest.fixture(params=SERVICES)
def emr(
    request: pytest.FixtureRequest,
    before: Front,
    endpoint: str,
    bucket: str,
    client: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Emr:
    service = request.param
    made = _cluster(endpoint) if service == "emr-ec2" else _application(endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", before.url)
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "SUBMITTED")
    monkeypatch.setattr("presswatch_spark.deploy.emr.PAUSE_SECONDS", 0.01)
    hosts = Hosts(service, made, client)
    before.forget(hosts)
    profile, archive = _profile(tmp_path, service, made), write_archive(tmp_path)
    return Emr(service, profile, archive, before, hosts, capsys, monkeypatch)


def _cluster(endpoint: str) -> str:
    instances = {"InstanceCount": 1, "MasterInstanceType": "m6i.xlarge", "KeepJobFlowAliveWhenNoSteps": True}
    roles = {"JobFlowRole": "EMR_EC2_DefaultRole", "ServiceRole": "EMR_DefaultRole"}
    made = client_of("emr", endpoint).run_job_flow(
        Name="presswatch", ReleaseLabel=RELEASE, LogUri="s3n://shards/logs/", Instances=instances, **roles
    )
    return str(made["JobFlowId"])


def _application(endpoint: str) -> str:
    serverless = client_of("emr-serverless", endpoint)
    made = serverless.create_application(name="presswatch", releaseLabel=RELEASE, type="SPARK")
    return str(made["applicationId"])


def _profile(folder: Path, service: str, made: str) -> Path:
    """The shipped profile, as a user fills it in."""
    text = (ROOT / "conf" / "profiles" / f"{service}.yaml").read_text(encoding="utf-8")
    for before, after in {
        "release: emr-spark-8.0.0": f"release: {RELEASE}",
        "region: null": f"region: {REGION}",
        "store: null": "store: s3://shards/presswatch/",
        "application_id: null": f"application_id: {made}",
        "cluster_id: null": f"cluster_id: {made}",
        "role_arn: null": "role_arn: arn:aws:iam::123456789012:role/presswatch",
        "first_seconds: 5.0": "first_seconds: 0.01",
        "longest_seconds: 60.0": "longest_seconds: 0.02",
        "log_seconds: 420.0": "log_seconds: 0.1",
        "log_seconds: 180.0": "log_seconds: 0.1",
        "logs: null": "logs: null" if service == "emr-ec2" else "logs: s3://shards/logs/",
    }.items():
        text = text.replace(before, after)
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    return folder / "mine.yaml"


class TestOneJob:
    @pytest.mark.parametrize("code", each_time([0, 3, None], [0, 1, 2, 3, None]))
    def test_its_results_are_shown_and_its_exit_code_survives(self, emr: Emr, code: int | None) -> None:
        emr.hosts.code = code
        # A job that left no code has failed, for the reason that EMR gives.
        assert emr.submit() == (1 if code is None else code)
        told = emr.capsys.readouterr()
        assert told.out == RESULT
        (job,) = emr.hosts.jobs()
        ended = "" if code == 0 else " (User application exited)"
        for state in ("PENDING", "RUNNING", f"{job.state}, exit code {1 if code is None else code}{ended}"):
            assert f"scan {job.id}: {state}" in told.err
        assert "  log: s3://" in told.err
        assert ("ERROR the last line" in told.err) == (code != 0)

    def test_it_is_sized_for_the_sieve_and_runs_from_the_archive_as_a_dry_run_prints(self, emr: Emr) -> None:
        # One without options can be submitted, too.
        assert emr.submit(ours=("--dry-run",), job=("watch",)) == 0
        assert len(json.loads(emr.capsys.readouterr().out)["uploads"]) == 2
        assert emr.submit(ours=("--dry-run",)) == 0
        assert emr.front.calls == []
        would = json.loads(emr.capsys.readouterr().out)
        assert emr.submit() == 0
        (sent,) = emr.starts()
        assert would["request"]["parameters"] == sent
        written = emr.front.written("/presswatch/")
        assert {f"PUT /{upload['uri'].removeprefix('s3://')}" for upload in would["uploads"]} <= set(written)
        if emr.is_cluster:
            (step,) = sent["Steps"]
            arguments = step["HadoopJarStep"]["Args"]
            assert (step["HadoopJarStep"]["Jar"], arguments[0]) == ("command-runner.jar", "spark-submit")
            given = arguments[-len(JOB) :]
            settings = dict(text.split("=", 1) for text in arguments if text.startswith("spark."))
            assert settings["spark.yarn.dist.archives"].endswith(".tar.gz#environment")
            assert settings["spark.yarn.maxAppAttempts"] == "1"
            driver, overhead = "spark.yarn.appMasterEnv.", "56g"
        else:
            given = sent["jobDriver"]["sparkSubmit"]["entryPointArguments"]
            settings = sent["configurationOverrides"]["applicationConfiguration"][0]["properties"]
            assert settings["spark.archives"].endswith(".tar.gz#environment")
            driver, overhead = "spark.emr-serverless.driverEnv.", "48g"
        assert tuple(given) == JOB
        expected = {
            "spark.executor.cores": "16",
            "spark.executor.memoryOverhead": overhead,
            "spark.speculation": "false",
            "spark.decommission.enabled": "true",
            "spark.executorEnv.PYSPARK_PYTHON": "./environment/bin/python",
            f"{driver}PYSPARK_DRIVER_PYTHON": "./environment/bin/python",
        }
        assert {name: settings[name] for name in expected} == expected
        assert settings["spark.executorEnv.NUMBA_CACHE_DIR"]
        assert "testing" not in json.dumps(sent)  # the credentials of these tests

    def test_settings_in_the_environment_go_with_it_and_other_variables_stay(self, emr: Emr) -> None:
        given = {"GRADE__MIN_RUN_WORDS": "12", "DEPLOY__MOST_EXECUTORS": "3"}
        for name, value in (given | {"CACHE_DIR": "/here/only", "STORAGE__PROFILE": "of-mine"}).items():
            emr.monkeypatch.setenv(f"PRESSWATCH_{name}", value)
        assert emr.submit(ours=("--no-wait",)) == 0
        (job,) = emr.hosts.jobs()
        assert emr.hosts.variable(job, "PRESSWATCH_GRADE__MIN_RUN_WORDS") == "12"
        sent = json.dumps(emr.starts())
        assert not [text for text in ("/here/only", "of-mine", "PRESSWATCH_DEPLOY") if text in sent]
        assert "48" in sent  # 3 executors × 16 cores

    @either
    def test_other_commands_have_their_entries(self, emr: Emr, tmp_path: Path) -> None:
        emr.monkeypatch.chdir(tmp_path)
        (tmp_path / "m.yaml").touch()
        for words, entry in {
            "rights s3://shards/tables --out s3://shards/reserved": "rights.py",
            "compare s3://shards/tables --before=a --after=b --out s3://shards/compared": "compare.py",
            "verify-rows --corpus s3://shards/corpus s3://shards/tables": "verify_rows.py",
            "corpus_build --members=m.yaml --articles s3://a --out s3://c": "corpus_build.py",
        }.items():
            assert emr.submit(ours=("--no-wait",), job=tuple(words.split())) == 0, words
            assert "s3://" in json.dumps(emr.starts()[-1]).partition(f"/{entry}")[2], words

    @either
    def test_credentials_are_those_of_the_profile_that_is_named(self, emr: Emr, tmp_path: Path) -> None:
        (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = MINE\naws_secret_access_key = s\n")
        emr.monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        assert emr.submit(ours=("--profile", "nobody", "--check")) == 1
        assert "nobody" in emr.told()
        assert emr.front.calls == []
        assert emr.submit(ours=("--profile", "mine", "--no-wait")) == 0
        assert emr.front.keys == {"MINE"}
        assert "MINE" not in json.dumps(emr.starts())
        service = service_of(emr.ask().asked, "mine")
        assert "--profile mine --region" in service.cancel_commands(emr.hosts.jobs()[0].id)[0]

    @either
    def test_a_settings_file_of_this_machine_goes_along_and_the_job_reads_it(
        self, emr: Emr, tmp_path: Path, client: Any
    ) -> None:
        (tmp_path / "scan.yaml").write_text("grade: {min_run_words: 3}\n")
        for spelt in (("--config", str(tmp_path / "scan.yaml")), (f"--config={tmp_path / 'scan.yaml'}",)):
            assert emr.submit(*spelt, ours=("--no-wait",)) == 0
            job = emr.hosts.jobs()[-1]
            sent = job.args if emr.is_cluster else job.job_driver["sparkSubmit"]["entryPointArguments"]
            assert len([text for text in sent if "/files/" in text]) == 1
            result = emr.hosts.variable(job, "PRESSWATCH_RESULT_URI")
            with emr.monkeypatch.context() as on_the_host:
                on_the_host.setenv("PRESSWATCH_RESULT_URI", result)
                # There, the job says what is wrong with that file, and leaves its exit code.
                assert run_job(["scan", *sent[-len(JOB) - len(spelt) :]]) == 1
            # Where a later process removes it, if this one is killed.
            assert str(user_temporary() / "scratch") in emr.told()
        assert len(emr.front.written("/presswatch/files/")) == 1
        results = client.list_objects_v2(Bucket="shards", Prefix="presswatch/submissions/")["Contents"]
        assert sum(found["Key"].endswith(".result.json") for found in results) == 2


class TestOneRun:
    """One run for one submission, whoever submits it, and whatever answers get lost."""

    def test_the_same_submit_twice_starts_one_run(self, emr: Emr) -> None:
        assert emr.submit(ours=("--no-wait",)) == 0
        assert emr.submit() == 0
        assert emr.submit() == 0
        assert len(emr.hosts.jobs()) == len(emr.starts()) == 1
        assert emr.capsys.readouterr().out == RESULT * 2
        assert emr.submit("--min-run-words", "12", ours=("--no-wait",)) == 0
        assert len(emr.hosts.jobs()) == 2

    @either
    def test_submitters_at_the_same_time_start_one_run(self, emr: Emr) -> None:
        emr.hosts.ends = False
        ledgers = [Ledger(emr.ask(), look_seconds=0.01) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            running = list(pool.map(lambda ledger: ledger.start(lambda _: None), ledgers))
        (job,) = emr.hosts.jobs()
        assert {found.run for found in running} == {job.id}
        assert sum(found.ours for found in running) == 1

    @either
    def test_the_same_submit_starts_one_more_after_a_failure_and_where_shards_were_missing_if_asked(
        self, emr: Emr
    ) -> None:
        emr.ends_with(1)
        assert emr.submit() == 1
        emr.ends_with(0)
        assert [emr.submit(), emr.submit()] == [0, 0]
        first, second = emr.starts()
        assert first != second
        other = ("--min-run-words", "12")
        emr.ends_with(3)
        assert [emr.submit(*other), emr.submit(*other)] == [3, 3]
        assert len(emr.hosts.jobs()) == 3
        emr.ends_with(0)
        assert emr.submit(*other, ours=("--again",)) == 0
        assert len(emr.hosts.jobs()) == 4

    @either
    def test_throttling_is_waited_out_and_a_start_whose_answer_is_lost_is_one_start(self, emr: Emr) -> None:
        look = "DescribeStep" if emr.is_cluster else "GetJobRun"
        emr.front.refusals = {emr.start: deque([400, 400]), look: deque([400])}
        assert emr.submit() == 0
        assert (len(emr.starts()), len(emr.hosts.jobs())) == (3, 1)
        emr.ends_with(0)
        emr.front.refusals = {emr.start: deque([0])}
        assert emr.submit("--min-run-words", "12") == 0
        assert len(emr.hosts.jobs()) == 2
        # Archives and entries are uploaded once.
        assert [len(emr.front.written(f"/presswatch/{name}/")) for name in ("archives", "jobs")] == [1, 1]

    def test_a_job_whose_submitter_died_before_it_started_is_started_by_the_next(self, emr: Emr) -> None:
        ledger = Ledger(emr.ask(), claim_seconds=1.0, look_seconds=0.01)
        assert ledger._claim(1)
        told: list[str] = []
        running = ledger.start(told.append)
        (job,) = emr.hosts.jobs()
        assert running.run == job.id
        # A cluster cannot tell whether the first is still about to start; a token can.
        assert running.attempt == (2 if emr.is_cluster else 1)
        told.clear()
        assert Ledger(emr.ask()).start(told.append).run == job.id
        assert not [line for line in told if "not started yet" in line]  # nobody waits for it a second time

    @on_a_cluster
    @pytest.mark.parametrize("late", ["before it asks", "by throttling", "by the answer to its claim"])
    def test_a_submitter_who_is_late_does_not_start_any_more(self, emr: Emr, late: str) -> None:
        seconds, writes = 0.25, leases.write_object

        def slow(*given: Any, **more: Any) -> str:
            etag = writes(*given, **more)
            waiting.time.sleep(0.3)
            return etag

        if late == "before it asks":
            seconds = -1.0
        elif late == "by throttling":
            emr.monkeypatch.setattr("presswatch_spark.deploy.emr.PAUSE_SECONDS", 0.3)
            emr.front.refusals = {"AddJobFlowSteps": deque([400, 400])}
        else:
            emr.monkeypatch.setattr(leases, "write_object", slow)
        ledger = Ledger(emr.ask(), claim_seconds=seconds)
        with pytest.raises(Exception, match="may no longer start"):
            ledger.start(lambda _: None)
        assert emr.hosts.jobs() == []


class TestFollowing:
    def test_ctrl_c_leaves_the_job_running_and_says_how_to_end_it(self, emr: Emr) -> None:
        emr.hosts.ends = False
        # Its own name for the module, and not the module: other threads sleep, too.
        own_time = SimpleNamespace(monotonic=time.monotonic, sleep=raising(KeyboardInterrupt))
        emr.monkeypatch.setattr(waiting, "time", own_time)
        assert emr.submit() == 1
        told, (job,) = emr.told(), emr.hosts.jobs()
        assert f"the job {job.id} continues" in told
        assert ("cancel-steps" if emr.is_cluster else "cancel-job-run") in told
        if emr.is_cluster:  # a step that is cancelled leaves its application running
            name = job.args[job.args.index("--name") + 1]
            assert f"awk '/{name.rpartition(' ')[0]}/" in told
            assert "yarn application -kill" in told
        assert job.state == "PENDING"

    @either
    def test_who_can_no_longer_look_is_told_that_the_job_goes_on(self, emr: Emr) -> None:
        expired = raising(ServiceError("EMR refused it: ExpiredTokenException"))
        emr.monkeypatch.setattr("presswatch_spark.deploy.emr.wait", expired)
        assert emr.submit() == 1
        (job,) = emr.hosts.jobs()
        assert f"the job {job.id} continues" in emr.told()

    @either
    def test_a_log_that_is_not_read_or_damaged_changes_nothing_of_how_the_job_ended(self, emr: Emr) -> None:
        denied = raising(StorageError("access denied", where="s3://shards/logs"))
        damaged = bytearray(gzip.compress(b"a line\n" * 1000))
        damaged[12] ^= 0xFF
        stream, log = "deploy.emr.open_stream", "deploy.emr.driver_log"
        for run_words, (name, fails, code, said) in enumerate(
            [
                (stream, denied, 0, "the log cannot be read: "),
                (stream, denied, 3, "the log cannot be read: "),
                (stream, lambda *_: BytesIO(damaged), 3, "is incomplete)"),
                (log, raising(KeyboardInterrupt), 3, ""),
            ],
            start=12,
        ):
            emr.ends_with(code)
            emr.monkeypatch.setattr(f"presswatch_spark.{name}", fails)
            assert emr.submit("--min-run-words", str(run_words)) == code
            told = emr.told()
            assert said in told
            assert f"exit code {code}" in told
            assert "continues" not in told


class TestRefusals:
    """Mistakes are found before anything is uploaded or asked."""

    @either
    def test_a_typo_in_the_options_of_the_job(self, emr: Emr) -> None:
        assert emr.submit("--min-run-wrods", "12") == 2
        assert "--min-run-words" in emr.told()
        assert emr.submit("--min-run-words", "many") == 2
        assert emr.front.calls == []

    @either
    def test_without_an_archive_a_dry_run_makes_none(self, emr: Emr, tmp_path: Path) -> None:
        emr.monkeypatch.setattr("presswatch_spark.deploy.archive.DIST", tmp_path / "dist")
        assert cli.run(["submit", "--on", str(emr.profile), "--dry-run", "scan", *JOB]) == 0
        told = emr.capsys.readouterr()
        assert "there is no archive yet: DIGEST is written for its SHA-256" in told.err
        assert json.loads(told.out)["uploads"][0]["uri"] == "s3://shards/presswatch/archives/DIGEST.tar.gz"
        assert not (tmp_path / "dist").exists()
        assert emr.front.calls == []

    @either
    def test_an_archive_with_a_link(self, emr: Emr, tmp_path: Path) -> None:
        emr.archive = tmp_path / "bad.tar.gz"
        with tarfile.open(emr.archive, "w:gz") as tar:
            for name in NEEDED:
                tar.addfile(tarfile.TarInfo(name))
            link = tarfile.TarInfo("bin/python3")
            link.type, link.linkname = tarfile.SYMTYPE, "/usr/bin/python3"
            tar.addfile(link)
        assert emr.submit() == 1
        assert "'bin/python3' is a link, a device or outside" in emr.told()
        assert emr.front.calls == []

    def test_hosts_of_another_release(self, emr: Emr) -> None:
        emr.monkeypatch.setenv("PRESSWATCH_DEPLOY__RELEASE", "emr-spark-8.0.0")
        assert emr.submit() == 1
        assert f"the hosts have release {RELEASE}, but the profile has emr-spark-8.0.0" in emr.told()
        assert emr.front.written("/presswatch/") == []

    @either
    def test_secrets_and_what_is_here_only(self, emr: Emr) -> None:
        for options, variable, named in (
            ("https://user:hunter2@mirror.example/a.gz", "", "argument 6"),
            ("https://hunter2@mirror.example/a.gz", "", "argument 6"),
            ("https://b.s3.amazonaws.com/a?X-Amz-Signature=00ff", "", "argument 6"),
            ("", "ENVIRONMENT AWS_SECRET_ACCESS_KEY=x", "AWS_SECRET_ACCESS_KEY"),
            ("", "SPARK spark.hadoop.fs.s3a.secret.key=x", "spark.hadoop.fs.s3a.secret.key"),
            ("--profile my-aws", "", "--profile selects AWS credentials"),
            ("--hf-token-file token", "", "--hf-token-file points to a secret of this machine"),
            ("", "ENVIRONMENT HF_TOKEN=hunter2", "HF_TOKEN"),
            ("--out tables", "", "--out tables is on this machine only"),
            ("--config absent.yaml", "", "there is no such file"),
        ):
            with emr.monkeypatch.context() as patch:
                if variable:
                    name, value = variable.split()
                    patch.setenv(f"PRESSWATCH_DEPLOY__{name}", value)
                assert emr.submit(*options.split()) == 1, (options, variable)
            told = emr.told()
            assert (named in told, "hunter2" in told) == (True, False), (options, variable)
            assert emr.front.calls == []
