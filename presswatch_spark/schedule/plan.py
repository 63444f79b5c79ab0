"""What a schedule is made of, as the exact requests. Nothing is sent from here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from presswatch_spark.errors import ConfigError
from presswatch_spark.schedule.machine import SCHEDULED

GROUP = "presswatch"
"""The group of EventBridge Scheduler that holds our schedules, and the first word of our machines' names."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
EXPRESSION = re.compile(r"rate\([1-9]\d* (minutes?|hours?|days?)\)|cron\([^()]+\)")
ROLE = re.compile(r"arn:(aws[\w-]*):iam::(\d{12}):role/\S+")
WINDOW_MINUTES = 30
# A look that could not be started within an hour is left to the next day's.
RETRY = {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10}


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule, and the state machine that it starts.

    `expression` is `rate(…)` or `cron(…)`, in `timezone`; `machine_role` is what the machine may do,
    `schedule_role` what the scheduler may (to start the machine).
    """

    name: str
    region: str
    expression: str
    timezone: str
    machine_role: str
    schedule_role: str
    definition: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse what AWS would refuse later, or in other words."""
        check_name(self.name)
        for option, role in (("--machine-role", self.machine_role), ("--schedule-role", self.schedule_role)):
            if not ROLE.fullmatch(role):
                remedy = "write arn:aws:iam::ACCOUNT:role/NAME"
                raise ConfigError(f"{option} is no role", where=role, remedy=remedy)
        if not EXPRESSION.fullmatch(self.expression):
            raise ConfigError("is no schedule", where=self.expression, remedy="write rate(1 day) or cron(…)")

    @property
    def machine_name(self) -> str:
        """Name of the state machine."""
        return machine_name(self.name)

    @property
    def machine_arn(self) -> str:
        """ARN of the state machine: in the account of its role."""
        return machine_arn(self.name, self.region, *account_of(self.machine_role))

    @property
    def machine_request(self) -> dict[str, Any]:
        """What `create_state_machine` is asked."""
        return {
            "name": self.machine_name,
            "type": "STANDARD",
            "roleArn": self.machine_role,
            "definition": json.dumps(self.definition, sort_keys=True),
            "tags": [{"key": "presswatch-schedule", "value": self.name}],
        }

    @property
    def schedule_request(self) -> dict[str, Any]:
        """What `create_schedule` and `update_schedule` are asked.

        The scheduler fires at least once. What it says of the moment goes into the machine's input, where it
        becomes the job's token.
        """
        return {
            "Name": self.name,
            "GroupName": GROUP,
            "Description": "presswatch watch: looks for new releases",
            "ScheduleExpression": self.expression,
            "ScheduleExpressionTimezone": self.timezone,
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": WINDOW_MINUTES},
            "State": "ENABLED",
            "Target": {
                "Arn": self.machine_arn,
                "RoleArn": self.schedule_role,
                "Input": json.dumps({SCHEDULED: "<aws.scheduler.scheduled-time>"}),
                "RetryPolicy": RETRY,
            },
        }


def check_name(name: str) -> None:
    """Raise `ConfigError` unless it can name a schedule."""
    if not NAME.fullmatch(name):
        raise ConfigError("is no name for a schedule", where=name, remedy="use letters, digits, - and _")


def machine_name(name: str) -> str:
    """Name of the state machine of the schedule `name`."""
    return f"{GROUP}-{name}"


def machine_arn(name: str, region: str, partition: str, account: str) -> str:
    """ARN of the state machine of the schedule `name`."""
    return f"arn:{partition}:states:{region}:{account}:stateMachine:{machine_name(name)}"


def account_of(role: str) -> tuple[str, str]:
    """Partition and account of a role's ARN."""
    found = ROLE.fullmatch(role)
    if found is None:
        raise ConfigError("is no role", where=role)
    return found[1], found[2]
