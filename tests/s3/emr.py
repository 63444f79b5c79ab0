"""EMR for tests: moto's servers of S3, EMR and EMR Serverless, and the hosts, which moto does not have.

`Front` stands before moto. It keeps what was asked and fails on demand. As AWS does and moto does not, it
knows client tokens, and answers conditional writes one after the other. Whenever somebody looks at a job, the
`host` does the next thing that a host would do.
"""

import gzip
import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends

from tests.world.servers import AnyMethod, forwarded, listening

ACCOUNT, REGION = "123456789012", "us-east-1"
LOOKS = ("DescribeStep", "GetJobRun")


@dataclass(frozen=True)
class Call:
    """One request: the name of its operation (of S3, the method and the path), and its parameters."""

    operation: str
    parameters: Any


@dataclass
class Front:
    """What was asked, and what goes wrong: `refusals` by operation (a status, or 0 for a lost answer).

    `keys` are the access keys with which it was asked.
    """

    upstream: str
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    refusals: dict[str, deque[int]] = field(default_factory=dict)
    host: Callable[[], None] = lambda: None
    tokens: dict[str, bytes] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def forget(self, host: Callable[[], None]) -> None:
        """Begin anew, with other hosts."""
        self.host = host
        self.calls.clear()
        self.keys.clear()
        self.refusals.clear()
        self.tokens.clear()

    def asked(self, operation: str) -> list[Any]:
        """Parameters of each call of an operation, in order."""
        return [call.parameters for call in self.calls if call.operation == operation]

    def written(self, part: str) -> list[str]:
        operations = (call.operation for call in self.calls)
        return [name for name in operations if name.startswith(("PUT ", "POST ")) and part in name]


@contextmanager
def front(upstream: str) -> Iterator[Front]:
    state = Front(upstream)

    class Handler(_Handler):
        front = state

    with listening(Handler) as state.url:
        yield state


class _Handler(AnyMethod):
    front: Front

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        call = self._call(self.rfile.read(length))
        self.front.calls.append(call)
        self.front.keys.update(re.findall(r"Credential=(\w+)/", self.headers.get("Authorization", "")))
        refusals = self.front.refusals.get(call.operation)
        refused = refusals.popleft() if refusals else None
        if refused:
            body = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()
            return self._send(refused, {"X-Amzn-ErrorType": "ThrottlingException"}, body)
        if call.operation in LOOKS:
            self.front.host()
        token = call.parameters.get("clientToken") if call.operation == "StartJobRun" else None
        if token:
            with self.front.lock:
                if token not in self.front.tokens:
                    self.front.tokens[token] = self._forward()[2]
                return self._send(200, {"Content-Type": "application/json"}, self.front.tokens[token])
        if self.headers.get("If-None-Match"):
            with self.front.lock:
                return self._send(*self._forward())
        reply = self._forward()
        if refused == 0:
            self.close_connection = True
            return None
        return self._send(*reply)

    def _call(self, body: bytes) -> Call:
        self.body = body
        path = urlsplit(self.path).path
        if target := self.headers.get("X-Amz-Target"):
            return Call(target.rpartition(".")[2], json.loads(body or b"{}"))
        if path.startswith("/applications/"):
            parts = path.strip("/").split("/")
            named = {2: "GetApplication", 3: "StartJobRun", 4: "GetJobRun"}[len(parts)]
            return Call(named, {"applicationId": parts[1], **(json.loads(body) if body else {})})
        return Call(f"{self.command} {path}", {})

    def _forward(self) -> tuple[int, dict[str, str], bytes]:
        reply = forwarded(self.front.upstream, self, self.body)
        if self.command != "HEAD":
            reply.headers.pop("Content-Length", None)
        return reply.status, reply.headers, reply.body

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@dataclass
class Hosts:
    """The hosts of one cluster or application: they run jobs, and leave results and logs in S3.

    A job is seen as waiting, then as running; then it leaves `code` (None: nothing), its log, and ends.
    """

    service: str
    id: str
    s3: Any
    code: int | None = 0
    says: str = "run 7: 3 matches"
    ends: bool = True
    looks: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    def jobs(self) -> list[Any]:
        if self.service == "emr-ec2":
            return emr_backends[ACCOUNT][REGION].clusters[self.id].steps
        return emrserverless_backends[ACCOUNT][REGION].job_runs.get(self.id, [])

    def __call__(self) -> None:
        self.looks += 1
        job = self.jobs()[-1]
        if self.looks == 1:
            job.state = "PENDING"
        elif self.looks == 2 or not self.ends:
            job.state = "RUNNING"
        elif job.state == "RUNNING":
            self._end(job)

    def _end(self, job: Any) -> None:
        if self.code is not None:
            bucket, _, key = self.variable(job, "PRESSWATCH_RESULT_URI").removeprefix("s3://").partition("/")
            self.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({"exit_code": self.code}))
        self._log(job)
        well = self.code == 0
        if self.service == "emr-ec2":
            job.state = "COMPLETED" if well else "FAILED"
            job.last_state_change_reason = None if well else "User application exited"
        else:
            job.state = "SUCCESS" if well else "FAILED"
            job.state_details = "" if well else "User application exited"

    def variable(self, job: Any, name: str) -> str:
        """A variable of the driver, as the request set it."""
        if self.service == "emr-ec2":
            start = f"spark.yarn.appMasterEnv.{name}="
            return next(text.removeprefix(start) for text in job.args if text.startswith(start))
        defaults = job.configuration_overrides["applicationConfiguration"][0]
        return str(defaults["properties"][f"spark.emr-serverless.driverEnv.{name}"])

    def _log(self, job: Any) -> None:
        lines = {"stdout": self.says, "stderr": "WARN one\nERROR the last line"}
        if self.service == "emr-ec2":
            named = "INFO Submitted application application_1764_0042"
            self._put(f"logs/{self.id}/steps/{job.id}/stderr.gz", named)
            folder = f"logs/{self.id}/containers/application_1764_0042/container_1764_0042_01_000001"
        else:
            folder = f"logs/applications/{self.id}/jobs/{job.id}/SPARK_DRIVER"
        for name, text in lines.items():
            self._put(f"{folder}/{name}.gz", text)

    def _put(self, key: str, text: str) -> None:
        self.s3.put_object(Bucket="shards", Key=key, Body=gzip.compress(f"{text}\n".encode()))
