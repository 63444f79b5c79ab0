"""The hosts of EMR Serverless, which moto does not have: they run each job that was started, in a process."""

import gzip
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from threading import Event, Thread
from typing import Any

from moto.emrserverless.models import emrserverless_backends

COMMANDS = {"scan": ("scan",), "watch": ("watch",), "corpus_build": ("corpus", "build")}
PAUSE_SECONDS = 0.2


class Hosts(Thread):
    """Runs job runs in their order until `stop`; `run` runs `presswatch` with arguments as the job's role.

    `codes` are the exit codes so far, `said` what the jobs wrote.
    """

    def __init__(
        self,
        account: str,
        region: str,
        s3: Any,
        run: Callable[[Sequence[str]], subprocess.CompletedProcess[str]],
    ) -> None:
        super().__init__(daemon=True)
        self.backend, self.s3, self.run_command = emrserverless_backends[account][region], s3, run
        self.over, self.done = Event(), set[str]()
        self.codes: list[int] = []
        self.said: list[str] = []

    def run(self) -> None:
        while not self.over.wait(PAUSE_SECONDS):
            for runs in list(self.backend.job_runs.values()):
                for job in [run for run in runs if run.id not in self.done]:
                    self.done.add(job.id)
                    self._run(job)

    def stop(self) -> None:
        self.over.set()
        self.join()

    def _run(self, job: Any) -> None:
        job.state = "RUNNING"
        submit = job.job_driver["sparkSubmit"]
        name = PurePosixPath(submit["entryPoint"]).stem
        done = self.run_command((*COMMANDS[name], *submit["entryPointArguments"]))
        self.codes.append(done.returncode)
        self.said.append(done.stdout + done.stderr)
        (defaults,) = job.configuration_overrides["applicationConfiguration"]
        result = defaults["properties"]["spark.emr-serverless.driverEnv.PRESSWATCH_RESULT_URI"]
        self._put(result, json.dumps({"exit_code": done.returncode}).encode())
        logs = job.configuration_overrides["monitoringConfiguration"]["s3MonitoringConfiguration"]["logUri"]
        folder = f"{logs}/applications/{job.application_id}/jobs/{job.id}/SPARK_DRIVER"
        self._put(f"{folder}/stdout.gz", gzip.compress(done.stdout.encode()))
        self._put(f"{folder}/stderr.gz", gzip.compress(done.stderr.encode()))
        job.state = "SUCCESS" if done.returncode == 0 else "FAILED"

    def _put(self, uri: str, data: bytes) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.s3.put_object(Bucket=bucket, Key=key, Body=data)
