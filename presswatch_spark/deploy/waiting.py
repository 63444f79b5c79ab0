"""Waiting for a job: boto3's own waiter gives up after half an hour, and EMR Serverless has none."""

from __future__ import annotations

import time
from collections.abc import Callable

from presswatch_spark.deploy.profiles import WaitRules
from presswatch_spark.deploy.services import Service, State

GROWTH = 1.5


def wait(service: Service, run: str, rules: WaitRules, tell: Callable[[str], None]) -> State:
    """Look at a job until it has ended; its last state.

    Args:
        tell: is given a line about where the job stands, at each look.
    """
    began, pause = time.monotonic(), rules.first_seconds
    while True:
        state = service.state(run)
        tell(f"{service.asked.job} {run}: {state.word}, {_elapsed(time.monotonic() - began)}")
        if state.ended:
            return state
        time.sleep(pause)
        pause = min(rules.longest_seconds, pause * GROWTH)


def _elapsed(seconds: float) -> str:
    minutes, hours = int(seconds) // 60 % 60, int(seconds) // 3600
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {int(seconds) % 60:02} s"
