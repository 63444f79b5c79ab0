"""The state machine and the schedule as values: sound, and what is wrong is named."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.static_analyser.static_analyser import StaticAnalyser

from presswatch_spark.deploy.requests import Request
from presswatch_spark.errors import ConfigError
from presswatch_spark.schedule.machine import STARTING_SECONDS, machine
from presswatch_spark.schedule.plan import Plan
from presswatch_spark.schedule.validity import problems_of

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
TOPIC = f"arn:aws:sns:eu-west-3:{ACCOUNT}:presswatch"
JOB_RUN = Request(
    "emr-serverless",
    "start_job_run",
    {
        "applicationId": "00f1",
        "clientToken": "of one submission",
        "name": "presswatch watch",
        "executionRoleArn": f"{ROLE}/job",
        "executionTimeoutMinutes": 60,
        "jobDriver": {
            "sparkSubmit": {"entryPoint": "s3://b/watch.py", "entryPointArguments": ["--only-newest", "--"]}
        },
        "configurationOverrides": {
            "applicationConfiguration": [
                {"classification": "spark-defaults", "properties": {"spark.archives": "s3://b/a#environment"}}
            ],
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://b/logs"}},
        },
        "tags": {"presswatch-submission": "abc"},
    },
)
STEP = Request(
    "emr",
    "add_job_flow_steps",
    {
        "JobFlowId": "j-1",
        "Steps": [
            {
                "Name": "presswatch watch",
                "ActionOnFailure": "CONTINUE",
                "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit", "s3://b/watch.py"]},
            }
        ],
    },
)


def plan(**more: Any) -> Plan:
    given = {
        "name": "monthly",
        "region": "eu-west-3",
        "expression": "rate(1 day)",
        "timezone": "UTC",
        "machine_role": f"{ROLE}/machine",
        "schedule_role": f"{ROLE}/schedule",
        "definition": machine("monthly", JOB_RUN, TOPIC),
    }
    return Plan(**{**given, **more})


@pytest.mark.parametrize("request_", [JOB_RUN, STEP], ids=["serverless", "ec2"])
@pytest.mark.parametrize("topic", [TOPIC, None])
def test_every_machine_is_sound_by_our_rules_and_by_a_parser_of_the_language(
    request_: Request, topic: str | None
) -> None:
    made = machine("monthly", request_, topic)
    assert problems_of(made) == []
    StaticAnalyser().analyse(json.dumps(made))


def test_the_job_run_is_the_one_that_would_be_submitted_by_hand_but_for_its_token() -> None:
    watch = machine("monthly", JOB_RUN, None)["States"]["Watch"]
    assert watch["Resource"] == "arn:aws:states:::emr-serverless:startJobRun.sync"
    asked = watch["Parameters"]
    assert asked["JobDriver"]["SparkSubmit"] == {
        "EntryPoint": "s3://b/watch.py",
        "EntryPointArguments": ["--only-newest", "--"],
    }
    (settings,) = asked["ConfigurationOverrides"]["ApplicationConfiguration"]
    assert settings == {
        "Classification": "spark-defaults",
        "Properties": {"spark.archives": "s3://b/a#environment"},
    }
    assert asked["Tags"] == {"presswatch-submission": "abc"}
    assert "ClientToken" not in asked
    assert watch["TimeoutSeconds"] == 60 * 60 + STARTING_SECONDS


def test_a_schedule_that_fires_twice_for_one_moment_gives_one_token() -> None:
    made = plan()
    token = made.definition["States"]["Watch"]["Parameters"]["ClientToken.$"]
    assert token == "States.Hash(States.Format('monthly {}', $.scheduled_time), 'SHA-256')"
    target = made.schedule_request["Target"]
    assert json.loads(target["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}
    assert target["Arn"] == f"arn:aws:states:eu-west-3:{ACCOUNT}:stateMachine:presswatch-monthly"


def test_two_schedules_of_one_moment_are_two_jobs() -> None:
    tokens = {
        machine(name, JOB_RUN, None)["States"]["Watch"]["Parameters"]["ClientToken.$"]
        for name in ("crawls", "news")
    }
    assert len(tokens) == 2


def test_only_refusals_that_started_nothing_are_tried_again_where_there_is_no_token() -> None:
    rules = machine("monthly", STEP, TOPIC)["States"]["Watch"]["Retry"]
    assert [rule["ErrorEquals"] for rule in rules] == [["ElasticMapReduce.ThrottlingException"]]


def test_a_failure_is_told_and_still_a_failure() -> None:
    states = machine("monthly", JOB_RUN, TOPIC)["States"]
    assert states["Watch"]["Catch"][0]["Next"] == "Tell"
    assert states["Tell"]["Parameters"]["TopicArn"] == TOPIC
    assert states["Tell"]["Next"] == "Failed"
    assert states["Failed"]["Type"] == "Fail"
    assert set(machine("monthly", JOB_RUN, None)["States"]) == {"Watch"}


def test_other_partitions_have_their_own_arns() -> None:
    made = machine("monthly", JOB_RUN, None, "aws-cn")
    assert made["States"]["Watch"]["Resource"].startswith("arn:aws-cn:states:::")
    assert problems_of(made) == []
    china = plan(machine_role="arn:aws-cn:iam::123456789012:role/machine")
    assert china.machine_arn.startswith("arn:aws-cn:states:")


def test_a_request_that_no_machine_can_make_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot run"):
        machine("monthly", Request("glue", "start_job_run_now", {}), None)


def broken(change: Any) -> dict[str, Any]:
    made = copy.deepcopy(machine("monthly", JOB_RUN, TOPIC))
    change(made, made["States"])
    return made


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda m, s: m.update(States={}), "there are no States"),
        (lambda m, s: m.update(StartAt="Begin"), "StartAt is 'Begin'"),
        (lambda m, s: s["Tell"].update(Next="Nowhere"), "Tell: leads to 'Nowhere'"),
        (lambda m, s: s["Watch"]["Catch"][0].update(Next="Nowhere"), "Watch: leads to 'Nowhere'"),
        (lambda m, s: s["Watch"].pop("Catch"), "Tell: cannot be reached"),
        (lambda m, s: s["Watch"].pop("End"), "Watch: leads on by []"),
        (lambda m, s: s["Watch"].update(Next="Tell"), "Watch: leads on by ['Next', 'End']"),
        (lambda m, s: s["Failed"].update(End=True), "Failed: has ['End']"),
        (lambda m, s: s["Watch"].pop("Resource"), "Watch: Resource is missing"),
        (lambda m, s: s["Watch"].update(Resource="emr"), "Watch: Resource is 'emr'"),
        (lambda m, s: s["Watch"].update(Type="Tusk"), "Watch: Type is Tusk"),
        (lambda m, s: s["Watch"]["Parameters"].update({"Name.$": "a name"}), "Name.$ is 'a name'"),
        (lambda m, s: s["Watch"]["Retry"][0].update(ErrorEquals=[]), "ErrorEquals is []"),
        (lambda m, s: s["Watch"]["Retry"][0].update(ErrorEquals=["States.ALL", "X"]), "ErrorEquals is"),
        (lambda m, s: s["Watch"]["Retry"][0].update(ErrorEquals=["States.ALL"]), "before the last rule"),
        (lambda m, s: s["Watch"]["Retry"][0].update(BackoffRate=0.5), "BackoffRate is 0.5"),
        (lambda m, s: s["Watch"]["Retry"][0].update(MaxDelaySeconds=30), "is not above IntervalSeconds"),
    ],
)
def test_what_is_wrong_with_a_machine_is_named(change: Any, what: str) -> None:
    assert any(what in problem for problem in problems_of(broken(change)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a b"},
        {"name": ""},
        {"expression": "daily"},
        {"expression": "rate(0 days)"},
        {"machine_role": "machine"},
        {"schedule_role": "arn:aws:iam::12:role/x"},
    ],
)
def test_what_aws_would_refuse_is_refused_here(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        plan(**wrong)
