"""The state machine: one job on EMR that runs `presswatch watch`, and a message if it fails.

    Watch ──────────────► end
      └─ any error ─► Tell (SNS, if a topic is named) ─► Failed

Pure functions: from the request that would start the job by hand to a definition in the Amazon States
Language. Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from presswatch_spark.deploy.requests import Request
from presswatch_spark.errors import ConfigError

Watch = Callable[[Mapping[str, Any], str], dict[str, Any]]
"""Makes the state that runs the watch, of a request's parameters and the partition."""

SCHEDULED = "scheduled_time"
"""Of the input: for when the execution was scheduled. A schedule that fires twice says the same twice."""

# The keys below these are names of others, and stay as they are written.
FOREIGN = frozenset({"properties", "tags"})
STARTING_SECONDS = 3600
# Refusals that pass: a request that was refused has started nothing.
THROTTLED = {
    "IntervalSeconds": 30,
    "MaxAttempts": 8,
    "BackoffRate": 2.0,
    "MaxDelaySeconds": 900,
    "JitterStrategy": "FULL",
}


def machine(name: str, request: Request, topic: str | None, partition: str = "aws") -> dict[str, Any]:
    """The definition of the machine that makes `request` when it is started.

    Args:
        request: of `start_job_run` or `add_job_flow_steps`, as `presswatch_spark.deploy` makes it.
        topic: ARN of the SNS topic that hears of failures.
    """
    of_service: Mapping[str, Watch] = {"start_job_run": partial(_job_run, name), "add_job_flow_steps": _step}
    if request.operation not in of_service:
        raise ConfigError(f"a state machine cannot run {request.service} {request.operation}")
    watch = of_service[request.operation](request.parameters, partition)
    failed = {
        "Type": "Fail",
        "Error": "WatchFailed",
        "Cause": f"The watch {name} failed.",
    }
    states: dict[str, Any] = {"Watch": watch | {"End": True}}
    if topic:
        states["Watch"]["Catch"] = [
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Tell"}
        ]
        states |= {"Tell": _told(name, topic, partition), "Failed": failed}
    return {"Comment": f"presswatch watch, as scheduled by {name}", "StartAt": "Watch", "States": states}


def _job_run(name: str, asked: Mapping[str, Any], partition: str) -> dict[str, Any]:
    """EMR Serverless knows a client token again, so the same moment of the schedule is one job run.

    Another schedule of that moment is another.
    """
    parameters = _capitals({field: value for field, value in asked.items() if field != "clientToken"})
    token = {"ClientToken.$": f"States.Hash(States.Format('{name} {{}}', $.{SCHEDULED}), 'SHA-256')"}
    minutes = int(asked["executionTimeoutMinutes"])
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::emr-serverless:startJobRun.sync",
        "Parameters": parameters | token,
        "TimeoutSeconds": minutes * 60 + STARTING_SECONDS,
        # Of a run that failed, the token gives that run again, which fails at once: it is not run twice.
        "Retry": [
            {"ErrorEquals": ["EMRServerless.ThrottlingException"], **THROTTLED},
            {
                "ErrorEquals": ["States.TaskFailed"],
                "IntervalSeconds": 60,
                "MaxAttempts": 3,
                "BackoffRate": 3.0,
            },
        ],
    }


def _step(asked: Mapping[str, Any], partition: str) -> dict[str, Any]:
    """Steps know no token. A second watch is harmless, but may find the first one's claim and end content."""
    (step,) = asked["Steps"]
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::elasticmapreduce:addStep.sync",
        "Parameters": {"ClusterId": asked["JobFlowId"], "Step": step},
        "TimeoutSeconds": STEP_MINUTES * 60 + STARTING_SECONDS,
        "Retry": [{"ErrorEquals": ["ElasticMapReduce.ThrottlingException"], **THROTTLED}],
    }


STEP_MINUTES = 4320
"""A step may take as long as a job run by the profile: three days."""


def _told(name: str, topic: str, partition: str) -> dict[str, Any]:
    said = "The watch {} failed: {}. Execution: {}"
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::sns:publish",
        "Parameters": {
            "TopicArn": topic,
            "Subject": f"presswatch: the watch {name} failed",
            "Message.$": f"States.Format('{said}', '{name}', $.failure.Error, $$.Execution.Id)",
        },
        "Retry": [{"ErrorEquals": ["States.TaskFailed"], **THROTTLED}],
        "Next": "Failed",
    }


def _capitals(value: Any) -> Any:
    """Step Functions writes the names of EMR Serverless's fields with capitals."""
    if isinstance(value, Mapping):
        return {
            name[:1].upper() + name[1:]: dict(below) if name in FOREIGN else _capitals(below)
            for name, below in value.items()
        }
    return [_capitals(each) for each in value] if isinstance(value, list) else value
